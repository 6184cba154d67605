//! Whom a role trusts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    cloud::{
        guardrails::allows,
        policy::{Effect, PolicyDocument, PolicyVersion, Statement, equivalent, normalise},
    },
    engine::failure::Failure,
};

use super::spec::{InstanceRoleSpec, Trust};

const EC2: &str = "ec2.amazonaws.com";
/// EC2 in the China regions may be trusted by this name too.
const EC2_CHINA: &str = "ec2.amazonaws.com.cn";

/// Whether the role gets an instance profile: when the spec asks for one, or when EC2 is trusted.
pub fn wants_profile(spec: &InstanceRoleSpec) -> bool {
    let services = services(spec.trust.as_ref());
    spec.instance_profile.is_some() || services.contains(EC2) || services.contains(EC2_CHINA)
}

/// The trust policy as AWS takes it.
pub fn document(trust: Option<&Trust>) -> String {
    match trust.and_then(|trust| trust.policy.as_ref()) {
        Some(policy) => policy.to_json(),
        None => json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": services(trust) },
                "Action": "sts:AssumeRole",
            }],
        })
        .to_string(),
    }
}

/// Refuses a trust that goes beyond the administrator's list of service principals. With a list, nobody else
/// than services can be trusted.
pub fn check(trust: Option<&Trust>, allowed: &[String]) -> Result<(), Failure> {
    if allowed.is_empty() {
        return Ok(());
    }
    if let Some(policy) = trust.and_then(|trust| trust.policy.as_ref())
        && allow_statements(policy).any(|statement| !only_services(statement))
    {
        return Err(not_allowed(
            "the operator's administrator allows only service principals (--allowed-trust-services)",
        ));
    }
    match services(trust).iter().find(|service| !allows(allowed, service)) {
        Some(service) => Err(not_allowed(&format!("{service} is not in the operator's --allowed-trust-services"))),
        None => Ok(()),
    }
}

/// How one trust policy becomes another without ever letting in who is in neither, or shutting out who is in both.
#[derive(Clone, Debug, PartialEq)]
pub enum Transition {
    /// They mean the same.
    Same,
    /// The new one lets in fewer.
    Narrower,
    /// The new one lets in more.
    Wider,
    /// Nobody is in both.
    Disjoint,
    /// Some leave and some come: this one lets in those who are in both.
    Through(String),
}

/// What a change of the trust policy does to those whom it names. A policy that is not understood shares nobody.
pub fn transition(current: &str, wanted: &str) -> Transition {
    if equivalent(current, wanted) {
        return Transition::Same;
    }
    let (Some(from), Some(to)) = (grants(current), grants(wanted)) else { return Transition::Disjoint };
    let within = |inner: &Grants, outer: &Grants| {
        inner.allowed.keys().all(|grant| outer.allowed.contains_key(grant))
            && outer.denied.keys().all(|denial| inner.denied.contains_key(denial))
    };
    if within(&to, &from) {
        return Transition::Narrower;
    }
    if within(&from, &to) {
        return Transition::Wider;
    }
    let common = to.allowed.into_iter().filter(|(grant, _)| from.allowed.contains_key(grant));
    let common: BTreeMap<String, Statement> = common.collect();
    if common.is_empty() {
        return Transition::Disjoint;
    }
    let denied = from.denied.into_iter().chain(to.denied).collect::<BTreeMap<_, _>>();
    let statement = common.into_values().chain(denied.into_values()).map(without_sid).collect();
    Transition::Through(PolicyDocument { version: to.version, id: None, statement }.to_json())
}

/// Two statements of one policy may not have the same Sid, and one that is taken apart would.
fn without_sid(statement: Statement) -> Statement {
    Statement { sid: None, ..statement }
}

/// A trust policy taken apart: one statement for each principal of each statement, by what it means.
struct Grants {
    version: Option<PolicyVersion>,
    allowed: BTreeMap<String, Statement>,
    denied: BTreeMap<String, Statement>,
}

fn grants(document: &str) -> Option<Grants> {
    let mut document: Value = serde_json::from_str(document).ok()?;
    if let Some(statement @ Value::Object(_)) = document.get_mut("Statement") {
        *statement = json!([statement.take()]);
    }
    let document: PolicyDocument = serde_json::from_value(document).ok()?;
    let mut grants = Grants { version: document.version, allowed: BTreeMap::new(), denied: BTreeMap::new() };
    for statement in &document.statement {
        let side = if statement.effect == Effect::Allow { &mut grants.allowed } else { &mut grants.denied };
        for principal in principals(statement) {
            let one = Statement { principal, ..statement.clone() };
            let alone = PolicyDocument { statement: vec![without_sid(one.clone())], id: None, ..document.clone() };
            side.insert(normalise(&alone.to_json()), one);
        }
    }
    Some(grants)
}

fn principals(statement: &Statement) -> Vec<Option<Value>> {
    let Some(Value::Object(kinds)) = &statement.principal else { return vec![statement.principal.clone()] };
    let each = kinds.iter().flat_map(|(kind, names)| match names {
        Value::Array(names) => names.iter().map(|name| json!({ kind: name })).collect(),
        name => vec![json!({ kind: name })],
    });
    each.map(Some).collect()
}

fn not_allowed(message: &str) -> Failure {
    Failure::terminal("NotAllowed", message).at("spec.trust")
}

/// The service principals that may assume the role.
fn services(trust: Option<&Trust>) -> BTreeSet<String> {
    match trust {
        Some(Trust { policy: Some(policy), .. }) => allow_statements(policy).flat_map(service_principals).collect(),
        Some(Trust { services: Some(services), .. }) => services.iter().cloned().collect(),
        _ => BTreeSet::from([EC2.to_owned()]),
    }
}

fn allow_statements(policy: &PolicyDocument) -> impl Iterator<Item = &Statement> {
    policy.statement.iter().filter(|statement| statement.effect == Effect::Allow)
}

fn service_principals(statement: &Statement) -> Vec<String> {
    match statement.principal.as_ref().and_then(|principal| principal.get("Service")) {
        Some(Value::String(service)) => vec![service.clone()],
        Some(Value::Array(services)) => services.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn only_services(statement: &Statement) -> bool {
    statement.not_principal.is_none()
        && statement
            .principal
            .as_ref()
            .and_then(Value::as_object)
            .is_some_and(|kinds| !kinds.is_empty() && kinds.keys().all(|kind| kind == "Service"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::instance_role::spec::InstanceProfileSpec;

    fn by_services(services: &[&str]) -> Trust {
        Trust { services: Some(services.iter().map(|s| (*s).to_owned()).collect()), policy: None }
    }

    fn by_policy(statement: &Value) -> Trust {
        Trust { services: None, policy: serde_json::from_value(json!({ "Statement": [statement] })).unwrap() }
    }

    #[test]
    fn absent_trust_is_ec2() {
        assert!(equivalent(&document(None), &document(Some(&by_services(&["ec2.amazonaws.com"])))));
        assert!(!equivalent(&document(None), &document(Some(&by_services(&["lambda.amazonaws.com"])))));
    }

    #[test]
    fn who_gets_a_profile() {
        let lambda = by_services(&["lambda.amazonaws.com"]);
        let ec2_policy = by_policy(&json!({ "Effect": "Allow", "Principal": { "Service": ["ec2.amazonaws.com"] } }));
        let denied = by_policy(&json!({ "Effect": "Deny", "Principal": { "Service": "ec2.amazonaws.com" } }));
        for (trust, asked, wants) in [
            (None, false, true),
            (Some(lambda.clone()), false, false),
            (Some(lambda), true, true),
            (Some(by_services(&["lambda.amazonaws.com", "ec2.amazonaws.com.cn"])), false, true),
            (Some(ec2_policy), false, true),
            (Some(denied), false, false),
        ] {
            let instance_profile = asked.then(InstanceProfileSpec::default);
            let spec = InstanceRoleSpec { trust, instance_profile, ..Default::default() };
            assert_eq!(wants_profile(&spec), wants, "{spec:?}");
        }
    }

    #[test]
    fn transitions() {
        let by = |services: &[&str]| document(Some(&by_services(services)));
        let (ec2, lambda, ecs) = ("ec2.amazonaws.com", "lambda.amazonaws.com", "ecs.amazonaws.com");
        let statement = |service: &str| json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" });
        let policy = |statement: Value| json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        let split = policy(json!([statement(lambda), statement(ec2)]));
        let deny = json!({ "Effect": "Deny", "Principal": { "AWS": "1" }, "Action": "sts:AssumeRole" });
        let denying = policy(json!([statement(ec2), deny]));
        let through = Transition::Through(policy(json!([statement(ec2)])));
        for (current, wanted, expected) in [
            (&by(&[ec2]), &policy(statement(ec2)), Transition::Same),
            (&by(&[ec2]), &by(&[lambda, ec2]), Transition::Wider),
            (&policy(statement(ec2)), &by(&[lambda, ec2]), Transition::Wider),
            (&by(&[lambda, ec2]), &by(&[ec2]), Transition::Narrower),
            (&by(&[ec2]), &split, Transition::Wider),
            (&by(&[ec2]), &denying, Transition::Narrower),
            (&denying, &by(&[ec2]), Transition::Wider),
            (&by(&[ec2]), &by(&[ecs]), Transition::Disjoint),
            (&by(&[ec2]), &split.replace("sts:AssumeRole", "sts:*"), Transition::Disjoint),
            (&by(&[lambda, ec2]), &by(&[ecs, ec2]), through),
            (&"not JSON".to_owned(), &by(&[ec2]), Transition::Disjoint),
        ] {
            assert_eq!(transition(current, wanted), expected, "{current} {wanted}");
        }
    }

    #[test]
    fn guardrail() {
        let allowed = ["ec2.amazonaws.com".to_owned(), "lambda.*".to_owned()];
        let policy = |principal: Value| Some(by_policy(&json!({ "Effect": "Allow", "Principal": principal })));
        for (trust, ok) in [
            (None, true),
            (Some(by_services(&["lambda.amazonaws.com"])), true),
            (Some(by_services(&["ec2.amazonaws.com", "ecs.amazonaws.com"])), false),
            (policy(json!({ "Service": "ec2.amazonaws.com" })), true),
            (policy(json!({ "Service": ["ec2.amazonaws.com", "ecs.amazonaws.com"] })), false),
            (policy(json!({ "Service": "ec2.amazonaws.com", "AWS": "123456789012" })), false),
            (policy(json!({ "Federated": "arn:aws:iam::1:oidc-provider/x" })), false),
            (policy(json!("*")), false),
            (Some(by_policy(&json!({ "Effect": "Allow", "NotPrincipal": { "AWS": "1" } }))), false),
            (Some(by_policy(&json!({ "Effect": "Deny", "Principal": "*" }))), true),
        ] {
            assert_eq!(check(trust.as_ref(), &allowed).is_ok(), ok, "{trust:?}");
            assert!(check(trust.as_ref(), &[]).is_ok(), "no list allows all");
        }
    }
}
