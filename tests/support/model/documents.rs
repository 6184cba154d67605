//! Policy documents, as far as AWS checks and rewrites them.

use serde_json::Value;

use super::{Answer, refuse};

/// Characters of a role's trust policy, without white space: the default quota,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub const TRUST_QUOTA: usize = 2048;

/// What a policy is attached to decides which elements its statements must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Permissions of a role: no principal.
    Identity,
    /// Trust of a role: a principal, no resource.
    Trust,
    /// Policy of a VPC endpoint: principal and resource.
    Endpoint,
}

/// Checks a document and returns it as AWS keeps it: keys in an order of its own, lists of one unwrapped.
/// Comparing texts is therefore a mistake that the model shows.
pub fn accept(document: &str, usage: Use) -> Answer<String> {
    let code = match usage {
        Use::Endpoint => "InvalidPolicyDocument",
        Use::Identity | Use::Trust => "MalformedPolicyDocument",
    };
    let Ok(value) = serde_json::from_str::<Value>(document) else {
        return refuse(code, "This policy contains invalid Json");
    };
    let statements = match value.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return refuse(code, "Syntax errors in policy."),
    };
    if statements.is_empty() {
        return refuse(code, "Policy document must contain at least one statement.");
    }
    for statement in &statements {
        let has = |name: &str| statement.get(name).is_some() || statement.get(format!("Not{name}")).is_some();
        let effect = statement.get("Effect").and_then(Value::as_str);
        if !matches!(effect, Some("Allow" | "Deny")) || !has("Action") {
            return refuse(code, "Syntax errors in policy.");
        }
        if usage != Use::Trust && !has("Resource") {
            return refuse(code, "Policy statement must contain resources.");
        }
        if usage == Use::Trust && has("Resource") {
            return refuse(code, "Has prohibited field Resource");
        }
        if (usage == Use::Identity) == has("Principal") {
            return refuse(code, "Policy document has a wrong or missing Principal.");
        }
    }
    let kept = unwrapped(value).to_string();
    if usage == Use::Trust && kept.chars().filter(|c| !c.is_whitespace()).count() > TRUST_QUOTA {
        return refuse("LimitExceeded", format!("Cannot exceed quota for ACLSizePerRole: {TRUST_QUOTA}"));
    }
    Ok(kept)
}

/// ARNs of roles that a trust policy names as principals.
pub fn roles_named(document: &str) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) if text.contains(":role/") => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(fields) => {
                fields.iter().filter(|(key, _)| *key != "Condition").for_each(|(_, value)| collect(value, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(document).unwrap_or_default(), &mut found);
    found
}

fn unwrapped(value: Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 && items.iter().all(Value::is_string) => {
            items.into_iter().next().unwrap_or_default()
        }
        Value::Array(items) => Value::Array(items.into_iter().map(unwrapped).collect()),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(k, v)| (k, unwrapped(v))).collect()),
        other => other,
    }
}

/// Whether a trust policy lets a service assume the role.
pub fn trusts(document: &str, service: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(document) else { return false };
    let statements = match value.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    };
    statements.iter().any(|statement| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && match statement.pointer("/Principal/Service") {
                Some(Value::String(one)) => one == service,
                Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(service)),
                _ => false,
            }
    })
}
