//! IAM policies: the type of policies in a spec, and comparison by meaning, since AWS does not keep the text
//! that it was sent: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>.

use std::collections::{BTreeMap, BTreeSet};

use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A policy in AWS's own grammar; a policy in JSON pastes as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    /// Version of the policy language. Absent: 2008-10-17, AWS's default, which knows no policy variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<PolicyVersion>,
    /// Identifier of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub id: Option<String>,
    /// The statements.
    #[schemars(length(min = 1, max = 200))]
    pub statement: Vec<Statement>,
}

/// Version of the policy language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum PolicyVersion {
    /// The current one.
    #[serde(rename = "2012-10-17")]
    V2012,
    /// The one before.
    #[serde(rename = "2008-10-17")]
    V2008,
}

/// Whether a statement allows or denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Effect {
    /// The statement allows.
    Allow,
    /// The statement denies.
    #[default]
    Deny,
}

/// One statement of a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Identifier of the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub sid: Option<String>,
    /// Allow or Deny.
    pub effect: Effect,
    /// Who: `*`, or a map such as `{AWS: [...]}` or `{Service: ...}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub principal: Option<Value>,
    /// All but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub not_principal: Option<Value>,
    /// What may be done: one action or a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub action: Option<Value>,
    /// All actions but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub not_action: Option<Value>,
    /// On what: one ARN or a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub resource: Option<Value>,
    /// All resources but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub not_resource: Option<Value>,
    /// When: operator, condition key, value or values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub condition: Option<Value>,
}

/// A string, a list or a map, as AWS takes it. Structural schemas cannot say "string or list".
fn free_form(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

impl PolicyDocument {
    /// The policy as compact JSON text, which is what AWS takes and what its size limits count.
    pub fn to_json(&self) -> String {
        json!(self).to_string()
    }
}

/// Whether two policies (JSON text) mean the same to AWS. What cannot be read as a policy equals only itself.
pub fn equivalent(a: &str, b: &str) -> bool {
    a == b || normalise(a) == normalise(b)
}

/// One text for all policies of one meaning. Not meant for AWS: only for comparisons and digests.
///
/// Irrelevant are: the order of statements and of all lists, repeated elements, a string instead of a list of
/// one, the case of action names and condition keys, an account's id instead of its root ARN, `*` instead of
/// `{AWS: *}`, a condition's bare boolean or number instead of a string, an empty `Sid`, `Id` or `Condition`,
/// and the default `Version` left out.
pub fn normalise(policy: &str) -> String {
    match serde_json::from_str(policy) {
        Ok(Value::Object(document)) => json!(normal_document(document)).to_string(),
        _ => policy.trim().to_owned(),
    }
}

/// Whether this is the policy that AWS gives an endpoint without one: everybody may do everything. Its text
/// differs between Gateway and Interface endpoints.
pub fn is_full_access(policy: &str) -> bool {
    let Ok(Value::Object(mut document)) = serde_json::from_str(policy) else { return false };
    let statements: Vec<_> = elements(document.remove("Statement").unwrap_or_default()).map(normal_statement).collect();
    statements
        == [json!({ "Effect": "Allow", "Principal": { "AWS": ["*"] }, "Action": ["*"], "Resource": ["*"] }).to_string()]
}

type Normal = BTreeMap<String, Value>;

fn normal_document(document: Map<String, Value>) -> Normal {
    let mut normal: Normal = document
        .into_iter()
        .filter(|(key, value)| !(key == "Id" && is_empty(value)))
        .map(|(key, value)| match key.as_str() {
            "Statement" => (key, json!(elements(value).map(normal_statement).collect::<BTreeSet<_>>())),
            _ => (key, value),
        })
        .collect();
    normal.entry("Version".to_owned()).or_insert_with(|| json!("2008-10-17"));
    normal
}

/// A statement as text, so that statements can be sorted.
fn normal_statement(statement: Value) -> String {
    let Value::Object(statement) = statement else { return statement.to_string() };
    let normal: Normal = statement
        .into_iter()
        .filter(|(key, value)| !(["Sid", "Condition"].contains(&key.as_str()) && is_empty(value)))
        .map(|(key, value)| {
            let value = match key.as_str() {
                "Action" | "NotAction" => json!(texts(value, |action| action.to_ascii_lowercase())),
                "Resource" | "NotResource" => json!(texts(value, |resource| resource)),
                "Principal" | "NotPrincipal" => json!(normal_principal(value)),
                "Condition" => json!(normal_condition(value)),
                _ => value,
            };
            (key, value)
        })
        .collect();
    json!(normal).to_string()
}

fn normal_principal(principal: Value) -> BTreeMap<String, BTreeSet<String>> {
    match principal {
        Value::Object(kinds) => kinds.into_iter().map(|(kind, names)| (kind, texts(names, normal_account))).collect(),
        everybody => BTreeMap::from([("AWS".to_owned(), texts(everybody, normal_account))]),
    }
}

/// `arn:aws:iam::123456789012:root` and `123456789012` name the same principal.
fn normal_account(principal: String) -> String {
    let parts: Vec<_> = principal.split(':').collect();
    match parts[..] {
        ["arn", _, "iam", "", account, "root"] => account.to_owned(),
        _ => principal,
    }
}

/// Operator to condition keys with their values. A list of pairs instead of a map, because two keys may
/// differ in case only.
fn normal_condition(condition: Value) -> BTreeMap<String, BTreeSet<(String, BTreeSet<String>)>> {
    entries(condition)
        .map(|(operator, keys)| {
            let keys = entries(keys).map(|(key, values)| (key.to_ascii_lowercase(), texts(values, |text| text)));
            (operator, keys.collect())
        })
        .collect()
}

fn entries(value: Value) -> impl Iterator<Item = (String, Value)> {
    match value {
        Value::Object(map) => map,
        other => Map::from_iter([(String::new(), other)]),
    }
    .into_iter()
}

fn elements(value: Value) -> impl Iterator<Item = Value> {
    match value {
        Value::Array(list) => list,
        one => vec![one],
    }
    .into_iter()
}

/// A scalar or a list of them as a set of texts.
fn texts(value: Value, normal: fn(String) -> String) -> BTreeSet<String> {
    elements(value)
        .map(|element| match element {
            Value::String(text) => normal(text),
            other => other.to_string(),
        })
        .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::{btree_map, btree_set},
        prelude::*,
        sample::select,
    };
    use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

    use super::*;

    const FULL: &str = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;

    #[test]
    fn same_meaning() {
        let list = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["123456789012"]},"Action":["s3:GetObject"],"Resource":["*"],"Condition":{"Bool":{"aws:SecureTransport":["true"]}}}]}"#;
        for other in [
            r#"{"Statement":{"Sid":"","Condition":{"Bool":{"aws:securetransport":true}},"Resource":"*","Action":"s3:getobject","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"}},"Version":"2012-10-17"}"#,
            r#"{"Version":"2012-10-17","Id":"","Statement":[{"Effect":"Allow","Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:root"]},"Action":["s3:GetObject","S3:GetObject"],"Resource":["*"],"Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}"#,
        ] {
            assert!(equivalent(list, other), "{other}");
        }
        assert!(equivalent(FULL, &FULL.replace(r#"{"S"#, r#"{"Version":"2008-10-17","S"#)));
        assert!(equivalent(FULL, &FULL.replace(r#""Principal":"*""#, r#""Principal":{"AWS":"*"}"#)));
        assert!(equivalent("no policy", "no policy"));
    }

    #[test]
    fn other_meaning() {
        for other in [
            FULL.replace("Allow", "Deny"),
            FULL.replace(r#"{"S"#, r#"{"Version":"2012-10-17","S"#),
            FULL.replace(r#""Action":"*""#, r#""NotAction":"*""#),
            FULL.replace(r#""Action":"*""#, r#""Action":"s3:*""#),
            FULL.replace(r#""Resource":"*""#, r#""Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}"#),
            FULL.replace(r#""Principal":"*""#, r#""Principal":{"Service":"*"}"#),
            "no policy".to_owned(),
            String::new(),
        ] {
            assert!(!equivalent(FULL, &other), "{other}");
            assert!(!equivalent(&other, FULL), "{other}");
        }
        let resource = |case: &str| FULL.replace(r#""Resource":"*""#, &format!(r#""Resource":"arn:aws:s3:::{case}""#));
        assert!(!equivalent(&resource("a"), &resource("A")), "resources keep their case");
        let condition = |value: &str| {
            FULL.replace(
                r#""Resource":"*""#,
                &format!(r#""Resource":"*","Condition":{{"StringEquals":{{"aws:a":"{value}"}}}}"#),
            )
        };
        assert!(!equivalent(&condition("x"), &condition("X")), "the values of conditions keep their case");
        let principal = |aws: &str| FULL.replace(r#""Principal":"*""#, &format!(r#""Principal":{{"AWS":"{aws}"}}"#));
        let role = principal("arn:aws:iam::123456789012:role/x");
        assert!(!equivalent(&role, &principal("AROAEXAMPLE")), "the id of a deleted principal is not its ARN");
        assert!(!equivalent(&role, &principal("123456789012")), "a role is not its account");
        assert!(!equivalent(&principal("arn:aws:iam::123456789012:root"), &principal("210987654321")));
    }

    #[test]
    fn full_access_of_both_spellings() {
        assert!(is_full_access(FULL));
        assert!(is_full_access(
            r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#
        ));
        for other in
            ["", "[]", "{}", &FULL.replace("Allow", "Deny"), &FULL.replace(r#""Action":"*""#, r#""Action":"s3:*""#)]
        {
            assert!(!is_full_access(other), "{other}");
        }
    }

    #[test]
    fn json_keeps_the_spelling_of_aws() {
        let text = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":["*"]}],"Version":"2012-10-17"}"#;
        let document: PolicyDocument = serde_json::from_str(text).unwrap();
        assert_eq!(document.version, Some(PolicyVersion::V2012));
        assert_eq!(
            serde_json::from_str::<Value>(&document.to_json()).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    /// What a statement means, with no more than one way to say each thing.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Meaning {
        sid: Option<&'static str>,
        allow: bool,
        accounts: BTreeSet<&'static str>,
        not_action: bool,
        actions: BTreeSet<&'static str>,
        resources: BTreeSet<&'static str>,
        conditions: BTreeMap<(&'static str, &'static str), BTreeSet<&'static str>>,
    }

    fn meaning() -> impl Strategy<Value = Meaning> {
        (
            proptest::option::of(select(vec!["a", "b"])),
            any::<bool>(),
            btree_set(select(vec!["111111111111", "222222222222", "*"]), 1..3),
            any::<bool>(),
            btree_set(select(vec!["s3:getobject", "s3:putobject", "lambda:*"]), 1..3),
            btree_set(select(vec!["*", "arn:aws:s3:::a", "arn:aws:s3:::A"]), 1..3),
            btree_map(
                (select(vec!["StringEquals", "Bool"]), select(vec!["aws:a", "aws:b"])),
                btree_set(select(vec!["true", "1", "x"]), 1..3),
                0..3,
            ),
        )
            .prop_map(|(sid, allow, accounts, not_action, actions, resources, conditions)| Meaning {
                sid,
                allow,
                accounts,
                not_action,
                actions,
                resources,
                conditions,
            })
    }

    fn policy() -> impl Strategy<Value = BTreeSet<Meaning>> {
        btree_set(meaning(), 1..4)
    }

    /// One of the many ways to write a policy of this meaning.
    struct Writer(StdRng);

    impl Writer {
        fn policy(&mut self, statements: &BTreeSet<Meaning>) -> String {
            let statements: Vec<_> = statements.iter().map(|s| self.statement(s)).collect();
            let mut document = json!({ "Statement": self.list(statements) });
            if self.0.random() {
                document["Version"] = json!("2008-10-17");
            }
            document.to_string()
        }

        fn statement(&mut self, meaning: &Meaning) -> Value {
            let mut statement = json!({ "Effect": if meaning.allow { "Allow" } else { "Deny" } });
            let accounts = meaning.accounts.iter().map(|account| match *account {
                id if id != "*" && self.0.random() => json!(format!("arn:aws:iam::{id}:root")),
                id => json!(id),
            });
            let accounts = accounts.collect();
            statement["Principal"] = match self.list(accounts) {
                everybody if everybody == "*" && self.0.random() => everybody,
                accounts => json!({ "AWS": accounts }),
            };
            let actions = meaning.actions.iter().map(|action| self.case(action)).collect();
            statement[if meaning.not_action { "NotAction" } else { "Action" }] = self.list(actions);
            statement["Resource"] = self.list(meaning.resources.iter().map(|r| json!(r)).collect());
            if let Some(sid) = meaning.sid {
                statement["Sid"] = json!(sid);
            } else if self.0.random() {
                statement["Sid"] = json!("");
            }
            for ((operator, key), values) in &meaning.conditions {
                let values = values.iter().map(|value| match *value {
                    "true" if self.0.random() => json!(true),
                    "1" if self.0.random() => json!(1),
                    text => json!(text),
                });
                let values = values.collect();
                let key = self.case(key).as_str().unwrap().to_owned();
                statement["Condition"][operator][key] = self.list(values);
            }
            statement
        }

        fn case(&mut self, text: &str) -> Value {
            json!(if self.0.random() { text.to_uppercase() } else { text.to_owned() })
        }

        fn list(&mut self, mut elements: Vec<Value>) -> Value {
            match &elements[..] {
                [one] if self.0.random() => return one.clone(),
                [first, ..] if self.0.random() => elements.push(first.clone()),
                _ => {}
            }
            elements.shuffle(&mut self.0);
            json!(elements)
        }
    }

    fn write(policy: &BTreeSet<Meaning>, seed: u64) -> String {
        Writer(StdRng::seed_from_u64(seed)).policy(policy)
    }

    proptest! {
        #[test]
        fn every_spelling_of_one_meaning_is_equal(policy in policy(), a: u64, b: u64) {
            let (a, b) = (write(&policy, a), write(&policy, b));
            prop_assert!(equivalent(&a, &b), "{a}\n{b}\n{}\n{}", normalise(&a), normalise(&b));
        }

        #[test]
        fn a_change_of_meaning_is_seen(policy in policy(), change in 0..8, seed: u64, other in policy()) {
            let mut statements: Vec<_> = policy.iter().cloned().collect();
            let first = &mut statements[0];
            match change {
                0 => first.allow = !first.allow,
                1 => first.not_action = !first.not_action,
                2 => { first.actions.insert("ec2:*"); }
                3 => { first.resources.insert("arn:aws:s3:::new"); }
                4 => { first.accounts.insert("333333333333"); }
                5 => { first.conditions.insert(("Null", "aws:c"), BTreeSet::from(["false"])); }
                6 => first.sid = Some("other"),
                _ => statements = other.into_iter().collect(),
            }
            let changed: BTreeSet<_> = statements.into_iter().collect();
            let (a, b) = (write(&policy, seed), write(&changed, seed.wrapping_add(1)));
            prop_assert_eq!(equivalent(&a, &b), policy == changed, "{}\n{}", a, b);
        }
    }
}
