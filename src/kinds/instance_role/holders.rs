//! What still holds a role that is to be deleted: functions, others' instance profiles, instances.

use std::collections::BTreeSet;

use kube::core::ApiResource;
use serde_json::Value;

use crate::{
    cloud::{Aws, ownership::Verdict},
    engine::{contract::FINALIZER, failure::Failure, kind::Subject},
};

use super::{names::Names, observe::Observed, resolve, spec::InstanceRole};

/// What is known of the role's users while it is being deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Functions of ours that are not gone yet and run with the role.
    pub functions: Vec<String>,
    /// Instance profiles, other than ours, that the role is in.
    pub profiles: Vec<String>,
    /// Instances that the spec selects: their associations are ours, should the status have lost them.
    pub selected: BTreeSet<String>,
}

/// Instance profiles that the role is in beside the one of the wanted name: those of ours become retired ones, names
/// of the others are returned.
pub async fn profiles(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    names: &Names,
    observed: &mut Observed,
) -> Result<Vec<String>, Failure> {
    let mut others = Vec::new();
    if observed.role.is_none() {
        return Ok(others);
    }
    let known: BTreeSet<String> = observed.retired.iter().map(|profile| profile.name.clone()).collect();
    let holding = cloud.iam.instance_profiles_for_role(&names.role).await?;
    for name in holding.into_iter().map(|profile| profile.name) {
        if name == names.profile || known.contains(&name) {
            continue;
        }
        match cloud.iam.instance_profile(&name).await? {
            Some(profile) if cloud.owner(subject).judge(&name, &profile.tags) == Verdict::Ours => {
                observed.retired.push(profile);
            }
            _ => others.push(name),
        }
    }
    Ok(others)
}

/// The rest of what holds it.
pub async fn holders(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    observed: &Observed,
    profiles: Vec<String>,
) -> Result<Holders, Failure> {
    let mut holders = Holders { profiles, ..Holders::default() };
    if let Some(role) = &observed.role {
        let all = cloud.cluster.list(&lambda_functions(), &subject.namespace).await?;
        holders.functions = functions_using(&all, &subject.name, Some(&role.role.arn), &function_owners(subject));
    }
    let terms = subject.object.as_ref().and_then(|object| object.spec.instances.as_deref()).unwrap_or_default();
    if !terms.is_empty() && unrecorded_users(subject, observed) {
        holders.selected = resolve::matching(&*cloud.ec2, terms).await?.into_keys().collect();
    }
    Ok(holders)
}

fn unrecorded_users(subject: &Subject<InstanceRole>, observed: &Observed) -> bool {
    let ours = observed.profile_arns();
    let mut associations = observed.associations.iter().flatten();
    associations.any(|association| {
        ours.contains(&association.profile_arn.as_str())
            && !subject.status.associations_made.contains(&association.instance_id)
    })
}

/// Read as plain JSON: of another kind only its name is known here.
pub fn lambda_functions() -> ApiResource {
    ApiResource {
        group: "privatelink.dev".into(),
        version: "v1alpha1".into(),
        api_version: "privatelink.dev/v1alpha1".into(),
        kind: "LambdaFunction".into(),
        plural: "lambdafunctions".into(),
    }
}

/// uids of the functions that this role was made for (`executionRole.create`).
fn function_owners(subject: &Subject<InstanceRole>) -> BTreeSet<String> {
    let owners = subject.object.iter().flat_map(|object| object.metadata.owner_references.iter().flatten());
    owners.filter(|owner| owner.kind == "LambdaFunction").map(|owner| owner.uid.clone()).collect()
}

/// Names of the functions that run with the role, which they name by reference or by ARN, and are not gone from AWS
/// yet. One that the role was made for,
/// but whose spec has turned to another, no longer holds it.
fn functions_using(all: &[Value], role: &str, arn: Option<&str>, owners: &BTreeSet<String>) -> Vec<String> {
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    all.iter()
        .filter(|function| {
            let finalizers = function.pointer("/metadata/finalizers").and_then(Value::as_array);
            finalizers.is_some_and(|finalizers| finalizers.iter().any(|finalizer| finalizer == FINALIZER))
        })
        .filter(|function| {
            text(function, "/spec/executionRole/instanceRoleRef/name").as_deref() == Some(role)
                || arn.is_some() && text(function, "/spec/executionRole/arn").as_deref() == arn
                || function.pointer("/spec/executionRole/create").is_some()
                    && text(function, "/metadata/uid").is_some_and(|uid| owners.contains(&uid))
        })
        .filter_map(|function| text(function, "/metadata/name"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn functions_hold_a_role_while_they_carry_the_finalizer() {
        let function = |name: &str, finalizer: &str, role: &str| {
            json!({
                "metadata": { "name": name, "uid": format!("uid-{name}"), "finalizers": [finalizer] },
                "spec": { "executionRole": { "instanceRoleRef": { "name": role } } },
            })
        };
        let owner = |name: &str, role: Value| {
            let mut owner = function(name, FINALIZER, "");
            owner["spec"]["executionRole"] = role;
            owner
        };
        let all = [
            function("by-ref", FINALIZER, "role"),
            function("gone", "other/finalizer", "role"),
            function("other", FINALIZER, "another"),
            owner("owner", json!({ "create": {} })),
            owner("turned-away", json!({ "arn": "arn:aws:iam::1:role/x" })),
            json!({ "metadata": { "name": "broken" } }),
        ];
        let owners = BTreeSet::from(["uid-owner".to_owned(), "uid-turned-away".to_owned()]);
        let arn = Some("arn:aws:iam::1:role/x");
        assert_eq!(functions_using(&all, "role", None, &owners), ["by-ref", "owner"]);
        assert_eq!(functions_using(&all, "role", None, &BTreeSet::new()), ["by-ref"]);
        assert_eq!(functions_using(&all, "role", arn, &BTreeSet::new()), ["by-ref", "turned-away"]);
    }
}
