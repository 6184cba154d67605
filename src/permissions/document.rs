//! A policy in AWS's grammar:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use std::collections::BTreeMap;

use serde::Serialize;

/// A policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

impl Document {
    /// With these statements.
    pub fn new(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    /// Its statements.
    pub fn statements(&self) -> &[Statement] {
        &self.statement
    }
}

/// A statement: what is allowed or denied, on what, under which conditions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its name, of letters and digits.
    pub sid: String,
    /// What it does.
    pub effect: Effect,
    /// The actions.
    pub action: Vec<String>,
    /// Patterns of ARNs.
    pub resource: Vec<String>,
    /// Values by key by operator; all have to hold.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<&'static str, BTreeMap<String, Vec<String>>>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Effect {
    /// Allows.
    Allow,
    /// Denies, whatever else allows.
    Deny,
}

/// One condition: the key has, by the operator, one of the values.
pub struct Condition {
    /// Such as `StringEquals`.
    pub operator: &'static str,
    /// The condition key.
    pub key: String,
    /// What it is compared with.
    pub values: &'static [&'static str],
}

impl Condition {
    /// A condition.
    pub fn new(operator: &'static str, key: impl Into<String>, values: &'static [&'static str]) -> Self {
        Self { operator, key: key.into(), values }
    }
}

impl Statement {
    /// A statement that allows.
    pub fn allow<A: Into<String>>(
        sid: &str,
        action: impl IntoIterator<Item = A>,
        resource: &[&str],
        conditions: Vec<Condition>,
    ) -> Self {
        Self::new(sid, Effect::Allow, action, resource, conditions)
    }

    /// A statement that denies.
    pub fn deny<A: Into<String>>(
        sid: &str,
        action: impl IntoIterator<Item = A>,
        resource: &[&str],
        conditions: Vec<Condition>,
    ) -> Self {
        Self::new(sid, Effect::Deny, action, resource, conditions)
    }

    fn new<A: Into<String>>(
        sid: &str,
        effect: Effect,
        action: impl IntoIterator<Item = A>,
        resource: &[&str],
        conditions: Vec<Condition>,
    ) -> Self {
        let mut condition = BTreeMap::<_, BTreeMap<_, _>>::new();
        for Condition { operator, key, values } in conditions {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            condition.entry(operator).or_default().insert(key, values);
        }
        Self {
            sid: sid.to_owned(),
            effect,
            action: action.into_iter().map(Into::into).collect(),
            resource: resource.iter().map(|&resource| resource.to_owned()).collect(),
            condition,
        }
    }
}
