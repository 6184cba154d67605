//! The field reference of a kind, as Markdown, from its CustomResourceDefinition: what the apiserver enforces and what
//! the documentation says come from the same place.

use std::fmt::Write;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
    JSONSchemaPropsOrArray::Schema as OneSchema,
    JSONSchemaPropsOrBool::{Bool, Schema},
};

use crate::generated::splice;

const BEGIN: &str = "<!-- generated from the CustomResourceDefinition by `make crds`: begin -->";

/// The page with its generated part made anew; `None` if it has no place for one.
pub fn update(page: &str, crd: &CustomResourceDefinition) -> Option<String> {
    splice(page, BEGIN, &markdown(crd))
}

/// Two tables, spec and status, and the rules that span fields.
fn markdown(crd: &CustomResourceDefinition) -> String {
    let version = crd.spec.versions.first();
    let schema = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    let part = |name: &str| schema.and_then(|schema| schema.properties.as_ref()?.get(name));
    let mut page = String::new();
    for (title, schema) in [("spec", part("spec")), ("status", part("status"))] {
        let Some(schema) = schema else { continue };
        let mut fields = Fields::default();
        fields.inside("", schema);
        let table = fields.rows.concat();
        // Writing to a string cannot fail.
        write!(page, "### {title}\n\n| field | type | meaning |\n|---|---|---|\n{table}").ok();
        if !fields.rules.is_empty() {
            write!(page, "\nRules that the apiserver enforces:\n\n- {}\n", fields.rules.join("\n- ")).ok();
        }
        if title == "spec" {
            page.push('\n');
        }
    }
    page
}

#[derive(Default)]
struct Fields {
    rows: Vec<String>,
    rules: Vec<String>,
}

impl Fields {
    /// What an object, the items of a list or the values of a map consist of.
    fn inside(&mut self, path: &str, schema: &JSONSchemaProps) {
        for rule in schema.x_kubernetes_validations.iter().flatten() {
            let rule = rule.message.clone().unwrap_or_else(|| rule.rule.clone());
            if !self.rules.contains(&rule) {
                self.rules.push(rule);
            }
        }
        let required = schema.required.clone().unwrap_or_default();
        for (name, field) in schema.properties.iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.field(&path, field, required.contains(name));
        }
        match (&schema.items, &schema.additional_properties) {
            (Some(OneSchema(items)), _) => self.inside(&format!("{path}[]"), items),
            (_, Some(Schema(values))) => self.inside(&format!("{path}.*"), values),
            _ => {}
        }
    }

    fn field(&mut self, path: &str, schema: &JSONSchemaProps, required: bool) {
        let required = if required { ", required" } else { "" };
        let meaning =
            schema.description.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let meaning = meaning.replace('|', "\\|");
        self.rows.push(format!("| `{path}` | {}{required} | {meaning} |\n", kind_of(schema)));
        if !is_policy(schema) {
            self.inside(path, schema);
        }
    }
}

/// A type and its bounds in words.
fn kind_of(schema: &JSONSchemaProps) -> String {
    if is_policy(schema) {
        return "policy document in AWS's grammar".to_owned();
    }
    if let Some(values) = &schema.enum_ {
        let values = values.iter().filter(|value| !value.0.is_null()).map(|value| match value.0.as_str() {
            Some(text) => format!("`{text}`"),
            None => format!("`{}`", value.0),
        });
        return values.collect::<Vec<_>>().join(" or ");
    }
    match (schema.type_.as_deref(), &schema.items, &schema.additional_properties) {
        (Some("array"), Some(OneSchema(items)), _) => {
            format!("list{} of {}", bounds(schema.min_items, schema.max_items, ""), kind_of(items))
        }
        (Some("object"), _, Some(Schema(values))) => {
            format!("map{} to {}", bounds(schema.min_properties, schema.max_properties, " keys"), kind_of(values))
        }
        (Some("object"), _, Some(Bool(true))) => "map".to_owned(),
        (Some("string"), ..) => format!("string{}", bounds(schema.min_length, schema.max_length, " characters")),
        (Some("integer"), ..) => {
            format!("integer{}", bounds(schema.minimum.map(whole), schema.maximum.map(whole), ""))
        }
        (other, ..) => other.unwrap_or("any value").to_owned(),
    }
}

fn bounds(least: Option<i64>, most: Option<i64>, unit: &str) -> String {
    match (least, most) {
        (Some(least), Some(most)) if least == most => format!(" ({most}{unit})"),
        (Some(least), Some(most)) => format!(" ({least}–{most}{unit})"),
        (None, Some(most)) => format!(" (≤ {most}{unit})"),
        (Some(least), None) => format!(" (≥ {least}{unit})"),
        (None, None) => String::new(),
    }
}

/// Bounds of integers are integers, though the schema writes them as floating point numbers.
#[allow(clippy::cast_possible_truncation, reason = "rounded, and CRDs hold no larger bound")]
fn whole(bound: f64) -> i64 {
    bound.round() as i64
}

/// A policy's grammar is AWS's and not repeated.
fn is_policy(schema: &JSONSchemaProps) -> bool {
    schema.properties.as_ref().is_some_and(|properties| properties.contains_key("Statement"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn crd() -> CustomResourceDefinition {
        let spec = json!({
            "type": "object",
            "required": ["mode"],
            "x-kubernetes-validations": [{ "rule": "true", "message": "mode is immutable" }],
            "properties": {
                "mode": { "type": "string", "enum": ["A", "B", null], "description": "How\n it works: A | B." },
                "names": { "type": "array", "maxItems": 3, "items": { "type": "string", "minLength": 1, "maxLength": 9 } },
                "terms": { "type": "array", "items": { "type": "object", "properties": { "id": { "type": "integer", "minimum": 1.0 } } } },
                "tags": { "type": "object", "maxProperties": 45, "additionalProperties": { "type": "string" } },
                "policy": { "type": "object", "properties": { "Statement": { "type": "array" } } },
            },
        });
        serde_json::from_value(json!({
            "metadata": {},
            "spec": {
                "group": "g",
                "names": { "kind": "K", "plural": "ks" },
                "scope": "Namespaced",
                "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": {
                    "type": "object", "properties": { "spec": spec } } } }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_row_for_each_field_with_its_bounds() {
        assert_eq!(
            markdown(&crd()),
            "### spec\n\n| field | type | meaning |\n|---|---|---|\n\
             | `mode` | `A` or `B`, required | How it works: A \\| B. |\n\
             | `names` | list (≤ 3) of string (1–9 characters) |  |\n\
             | `policy` | policy document in AWS's grammar |  |\n\
             | `tags` | map (≤ 45 keys) to string |  |\n\
             | `terms` | list of object |  |\n\
             | `terms[].id` | integer (≥ 1) |  |\n\
             \nRules that the apiserver enforces:\n\n- mode is immutable\n\n"
        );
    }

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let page = format!("# K\n\n{BEGIN}\nold\n<!-- generated: end -->\n\nby hand\n");
        let updated = update(&page, &crd()).unwrap();
        assert!(updated.starts_with("# K\n\n") && updated.ends_with("\n\nby hand\n") && !updated.contains("old"));
        assert_eq!(update(&updated, &crd()).as_ref(), Some(&updated));
        assert_eq!(update("# K\n", &crd()), None);
    }
}
