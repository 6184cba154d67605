//! Whom a role trusts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    cloud::{
        guardrails::allows,
        policy::{Effect, PolicyDocument, Statement, normalise},
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

/// Whether the wanted trust policy lets in more principals and shuts nobody out. Such a change can wait until
/// the role's policies are what the new principals may have.
pub fn only_widens(current: &str, wanted: &str) -> bool {
    match (grants(current), grants(wanted)) {
        (Some(current), Some(wanted)) => current.denied == wanted.denied && current.allowed.is_subset(&wanted.allowed),
        _ => false,
    }
}

/// A trust policy taken apart: one normalised policy for each principal of each statement.
struct Grants {
    allowed: BTreeSet<String>,
    denied: BTreeSet<String>,
}

fn grants(document: &str) -> Option<Grants> {
    let document: PolicyDocument = serde_json::from_str(document).ok()?;
    let mut grants = Grants { allowed: BTreeSet::new(), denied: BTreeSet::new() };
    for statement in &document.statement {
        let side = if statement.effect == Effect::Allow { &mut grants.allowed } else { &mut grants.denied };
        side.extend(principals(statement).into_iter().map(|principal| {
            let statement = vec![Statement { principal, ..statement.clone() }];
            normalise(&PolicyDocument { statement, ..document.clone() }.to_json())
        }));
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
    use crate::{cloud::policy::equivalent, kinds::instance_role::spec::InstanceProfileSpec};

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
    fn wider_is_told_from_other() {
        let by = |services: &[&str]| document(Some(&by_services(services)));
        let (ec2, both) = (by(&["ec2.amazonaws.com"]), by(&["lambda.amazonaws.com", "ec2.amazonaws.com"]));
        let statement = |service: &str| json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" });
        let split = json!({
            "Version": "2012-10-17",
            "Statement": [statement("lambda.amazonaws.com"), statement("ec2.amazonaws.com")],
        });
        let mut denying = split.clone();
        denying["Statement"][0]["Effect"] = json!("Deny");
        for (current, wanted, wider) in [
            (&ec2, &both, true),
            (&both, &ec2, false),
            (&ec2, &split.to_string(), true),
            (&ec2, &denying.to_string(), false),
            (&ec2, &both.replace("sts:AssumeRole", "sts:*"), false),
            (&by(&["ecs.amazonaws.com"]), &both, false),
            (&"not JSON".to_owned(), &both, false),
        ] {
            assert_eq!(only_widens(current, wanted), wider, "{current} {wanted}");
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
