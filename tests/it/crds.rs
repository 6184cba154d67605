//! The quality of the CustomResourceDefinitions that the code generates, in figures, and each of their CEL rules on a
//! real apiserver.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use kube::{
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use privatelink_operator::kinds;
use serde_json::{Value, json};

use crate::support::live::Live;

/// What a string is held to when it has this format, and what an integer is: all others are ignored by the
/// apiserver, so they would promise what is not checked. From `supportedVersionedFormats` in the Kubernetes source,
/// staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/validation/formats.go, as far as they are in use.
const FORMATS: &[(&str, &[&str])] =
    &[("string", &["date-time", "ipv4", "ipv6"]), ("integer", &["int32", "int64"]), ("number", &["float", "double"])];

/// A node of a schema and where it stands: `spec.subnets[].tags`, with `{}` for the values of a map.
struct Node<'a> {
    path: String,
    schema: &'a Value,
}

impl Node<'_> {
    fn is(&self, type_: &str) -> bool {
        self.schema["type"] == type_
    }

    fn is_map(&self) -> bool {
        self.schema["additionalProperties"].is_object()
    }

    /// Not an item of a list or a value of a map: those are described by the field that holds them.
    fn is_field(&self) -> bool {
        !self.path.is_empty() && !self.path.ends_with(']') && !self.path.ends_with('}')
    }

    /// A date is as long as its format says.
    fn is_bounded(&self) -> bool {
        let bounds: &[&str] = match self.schema["type"].as_str() {
            Some("string") => &["maxLength", "enum"],
            Some("array") => &["maxItems"],
            _ => &["maxProperties"],
        };
        bounds.iter().any(|bound| !self.schema[*bound].is_null()) || self.schema["format"] == "date-time"
    }

    /// Part of AWS's policy grammar, which is a string or a list; its size is checked as a whole by the operator.
    fn is_free(&self) -> bool {
        self.schema["x-kubernetes-preserve-unknown-fields"] == true
    }

    fn rules(&self) -> impl Iterator<Item = Rule> {
        let rules = self.schema["x-kubernetes-validations"].as_array().into_iter().flatten();
        rules.map(|rule| (self.path.clone(), rule["message"].as_str().unwrap_or_default().to_owned()))
    }
}

/// Where a CEL rule stands, and its message.
type Rule = (String, String);

fn nodes(crd: &Value) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    collect(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], String::new(), &mut found);
    found
}

fn collect<'a>(schema: &'a Value, path: String, found: &mut Vec<Node<'a>>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(property, path, found);
    }
    for (part, sign) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[part].is_object() {
            collect(&schema[part], format!("{path}{sign}"), found);
        }
    }
    found.push(Node { path, schema });
}

fn crds() -> Vec<Value> {
    kinds::crds().iter().map(|crd| json!(crd)).collect()
}

/// Paths of the nodes that are to be so and are not.
fn lacking<'a>(
    nodes: &[Node<'a>],
    of: impl Fn(&Node<'a>) -> bool,
    so: impl Fn(&Node<'a>) -> bool,
) -> (usize, Vec<String>) {
    let concerned: Vec<_> = nodes.iter().filter(|node| of(node)).collect();
    (concerned.len(), concerned.iter().filter(|node| !so(node)).map(|node| node.path.clone()).collect())
}

#[test]
fn every_field_is_described_and_bounded() {
    let mut figures = String::new();
    for crd in crds() {
        let nodes = nodes(&crd);
        write!(figures, "{}: {} CEL rules", crd["spec"]["names"]["kind"], nodes.iter().flat_map(Node::rules).count())
            .unwrap();
        let mut measure = |what: &str, (count, lacking): (usize, Vec<String>)| {
            write!(figures, ", {}/{count} {what}", count - lacking.len()).unwrap();
            assert!(count > 0 && lacking.is_empty(), "{}: not {what}: {lacking:?}", crd["metadata"]["name"]);
        };
        let described = |node: &Node<'_>| node.schema["description"].is_string();
        measure("fields described", lacking(&nodes, |node| node.is_field() && node.path != "metadata", described));
        measure("strings bounded", lacking(&nodes, |node| node.is("string"), Node::is_bounded));
        measure("arrays bounded", lacking(&nodes, |node| node.is("array"), Node::is_bounded));
        measure("maps bounded", lacking(&nodes, Node::is_map, Node::is_bounded));
        let (free, not_of_policies) = lacking(&nodes, Node::is_free, |node| node.path.contains(".Statement[]."));
        writeln!(figures, "; {free} free parts of policies").unwrap();
        assert!(not_of_policies.is_empty(), "only parts of policies are free: {not_of_policies:?}");
    }
    eprintln!("{figures}");
}

#[test]
fn nothing_is_filled_in_and_no_format_is_ignored() {
    for crd in crds() {
        let nodes = nodes(&crd);
        let defaults: Vec<_> =
            nodes.iter().filter(|node| !node.schema["default"].is_null()).map(|node| node.path.as_str()).collect();
        assert_eq!(defaults, ["status"], "kstatus needs that one, of observedGeneration");
        for node in &nodes {
            if let (Some(type_), Some(format)) = (node.schema["type"].as_str(), node.schema["format"].as_str()) {
                let known = FORMATS.iter().any(|(of, formats)| *of == type_ && formats.contains(&format));
                assert!(known, "{}: the apiserver ignores the format {format} of a {type_}", node.path);
            }
        }
    }
}

#[test]
fn names_columns_and_conditions_are_what_tools_expect() {
    for (crd, short) in crds().iter().zip(["vpce", "lfn", "irole"]) {
        let (names, version) = (&crd["spec"]["names"], &crd["spec"]["versions"][0]);
        assert_eq!(names["shortNames"], json!([short]));
        assert_eq!(names["categories"], json!(["aws", "privatelink"]));
        assert_eq!(version["subresources"], json!({ "status": {} }));
        let columns: Vec<_> = version["additionalPrinterColumns"].as_array().unwrap().iter().collect();
        let shown: Vec<_> =
            columns.iter().filter(|column| column["priority"].as_i64().unwrap_or_default() == 0).collect();
        let shown: Vec<_> = shown.iter().map(|column| column["name"].as_str().unwrap()).collect();
        assert_eq!((shown.len(), shown[0], shown[1], shown[3]), (4, "Ready", "Reason", "Age"), "{shown:?}");
        assert!(columns.len() > shown.len(), "-o wide shows more");
        let status = &version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
        let conditions = &status["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map");
        assert_eq!(conditions["x-kubernetes-list-map-keys"], json!(["type"]));
        for observed in [&status["observedGeneration"], &conditions["items"]["properties"]["observedGeneration"]] {
            assert_eq!(observed["format"], "int64");
        }
    }
}

#[test]
fn every_message_of_a_rule_names_a_field() {
    for crd in crds() {
        for node in nodes(&crd) {
            let item = &node.schema["items"];
            let below = [node.schema, item].into_iter().filter_map(|schema| schema["properties"].as_object()).flatten();
            let name = node.path.rsplit('.').next().unwrap().trim_end_matches("[]");
            let fields: BTreeSet<&str> = below.map(|(field, _)| field.as_str()).chain([name]).collect();
            for (path, message) in node.rules() {
                let named = message.split(|c: char| !c.is_alphanumeric()).any(|word| fields.contains(word));
                assert!(named, "{path}: {message}: names none of {fields:?}");
            }
        }
    }
}

/// One file of crds/.
#[derive(serde::Deserialize)]
struct Suite {
    base: Value,
    rules: Vec<Case>,
}

/// A rule, with what it accepts and rejects.
#[derive(serde::Deserialize)]
struct Case {
    field: String,
    message: String,
    before: Option<Value>,
    accepts: Value,
    rejects: Value,
}

impl Suite {
    fn read(plural: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/crds/{plural}.yaml"));
        serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap())
            .unwrap_or_else(|error| panic!("{plural}: {error}"))
    }

    /// The base with a case merged into it.
    fn object(&self, case: &Value) -> Value {
        let mut object = self.base.clone();
        json_patch::merge(&mut object, case);
        object
    }
}

#[tokio::test]
async fn every_rule_accepts_and_rejects_on_the_apiserver() {
    let live = Live::begin("rules").await;
    for crd in crds() {
        let names = &crd["spec"]["names"];
        let (kind, plural) = (names["kind"].as_str().unwrap(), names["plural"].as_str().unwrap());
        let suite = Suite::read(plural);
        let mut rules: BTreeMap<Rule, usize> = BTreeMap::new();
        for rule in nodes(&crd).iter().flat_map(Node::rules) {
            *rules.entry(rule).or_default() += 1;
        }
        for case in &suite.rules {
            let rule = (case.field.clone(), case.message.clone());
            assert_eq!(rules.remove(&rule), Some(1), "{plural}.yaml has {rule:?}, and the CRD does not, or twice");
            let accepted = answer(&live, kind, &suite, case, &case.accepts).await;
            assert!(accepted.is_ok(), "{rule:?} accepts {}: {accepted:?}", case.accepts);
            let rejections = answer(&live, kind, &suite, case, &case.rejects).await.expect_err(&case.message);
            assert_eq!(rejections, [rule], "it alone rejects {}", case.rejects);
        }
        assert!(rules.is_empty(), "{plural}.yaml has no case for {rules:?}");
    }
    live.end().await;
}

/// Whether the apiserver takes a case of a rule; if not, which rules it names.
async fn answer(live: &Live, kind: &str, suite: &Suite, case: &Case, change: &Value) -> Result<(), Vec<Rule>> {
    let api = live.api(kind);
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let decode = |object: Value| serde_json::from_value::<DynamicObject>(object).unwrap();
    let mut object = decode(suite.object(change));
    let name = object.metadata.name.clone().unwrap();
    let answer = match &case.before {
        None => api.create(&dry_run, &object).await,
        Some(before) => {
            let before = suite.object(before);
            let mut made = api.create(&PostParams::default(), &decode(before.clone())).await.unwrap();
            if !before["status"].is_null() {
                let status = Patch::Merge(json!({ "status": before["status"] }));
                made = api.patch_status(&name, &PatchParams::default(), &status).await.unwrap();
            }
            object.metadata.resource_version = made.metadata.resource_version;
            let answer = api.replace(&name, &dry_run, &object).await;
            api.delete(&name, &DeleteParams::default()).await.unwrap();
            answer
        }
    };
    match answer {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 422 => Err(status
            .details
            .unwrap()
            .causes
            .into_iter()
            .map(|cause| rule_named(&cause.field, &cause.message))
            .collect()),
        Err(error) => panic!("{kind} {change}: {error}"),
    }
}

/// The rule that the apiserver names by a field such as `spec.subnets[0]` and `Invalid value: its message`, where the
/// value stands before the message if it is a string.
fn rule_named(field: &str, message: &str) -> Rule {
    let mut path = String::new();
    for part in field.replace("<nil>", "").split(']') {
        match part.split_once('[') {
            Some((before, _)) => path.extend([before, "[]"]),
            None => path.push_str(part),
        }
    }
    let message = message.trim_start_matches("Invalid value: ");
    (path, message.split_once("\": ").map_or(message, |(_, message)| message).to_owned())
}
