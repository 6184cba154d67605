//! What AWS holds of a role, read directly.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::OptionFuture;
use kube::core::ApiResource;
use serde_json::Value;

use crate::{
    cloud::{
        Aws,
        ec2::ProfileAssociation,
        iam::{InstanceProfile, Role},
        ownership::{self, Owner, Tags, Verdict},
    },
    engine::{contract::FINALIZER, failure::Failure, kind::Subject},
};

use super::{names::Names, resolve, spec::InstanceRole, trust};

/// What AWS holds. Role and profile are there only if they are ours, or ours to claim; while deleting, only if
/// they are ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The role; it may be gone while its profile is left.
    pub role: Option<ObservedRole>,
    /// The instance profile.
    pub profile: Option<ObservedProfile>,
    /// All associations of instance profiles with instances, ours and others'. Read when instances are, or
    /// were, in play.
    pub associations: Option<Vec<ProfileAssociation>>,
    /// While deleting: what still holds the role or its profile.
    pub held_by: Holders,
}

/// The role with its policies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedRole {
    /// As GetRole shows it.
    pub role: Role,
    /// Whether the ownership tags are still to be set.
    pub claim: bool,
    /// ARNs of attached managed policies.
    pub attached: BTreeSet<String>,
    /// Inline policies, name to JSON.
    pub inline: BTreeMap<String, String>,
}

/// The instance profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedProfile {
    /// As GetInstanceProfile shows it.
    pub profile: InstanceProfile,
    /// Whether the ownership tags are still to be set.
    pub claim: bool,
}

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

/// Reads each aspect once. Fails with the verdict on a role or profile of the wanted name that is not ours.
pub async fn observe(cloud: &Aws, subject: &Subject<InstanceRole>) -> Result<Option<Observed>, Failure> {
    let names = Names::of(subject);
    let (role, profile) =
        futures::try_join!(role(cloud, subject, &names.role), profile(cloud, subject, &names.profile))?;
    if role.is_none() && profile.is_none() {
        return Ok(None);
    }
    let reads_associations = profile.is_some() && (subject.deleting || has_instances(subject));
    let associations = OptionFuture::from(reads_associations.then(|| resolve::associations(&*cloud.ec2)));
    let mut observed = Observed { role, profile, associations: associations.await.transpose()?, ..Observed::default() };
    if subject.deleting {
        observed.held_by = holders(cloud, subject, &names, &observed).await?;
    }
    Ok(Some(observed))
}

fn has_instances(subject: &Subject<InstanceRole>) -> bool {
    let selects = subject.object.as_ref().is_some_and(|object| object.spec.instances.is_some());
    selects || !subject.status.associations_made.is_empty()
}

async fn role(cloud: &Aws, subject: &Subject<InstanceRole>, name: &str) -> Result<Option<ObservedRole>, Failure> {
    let Some(role) = cloud.iam.role(name).await? else { return Ok(None) };
    let Some(claim) = judge(cloud, subject, &cloud.owner(subject), &format!("role {name}"), &role.tags)? else {
        return Ok(None);
    };
    let (attached, inline) = futures::try_join!(cloud.iam.attached_policies(name), cloud.iam.inline_policies(name))?;
    Ok(Some(ObservedRole { role, claim, attached, inline }))
}

async fn profile(cloud: &Aws, subject: &Subject<InstanceRole>, name: &str) -> Result<Option<ObservedProfile>, Failure> {
    let wanted = subject.object.as_ref().is_some_and(|object| trust::wants_profile(&object.spec));
    let recorded = subject.status.instance_profile_name.is_some();
    if !(wanted || recorded || subject.deleting) {
        return Ok(None);
    }
    let Some(profile) = cloud.iam.instance_profile(name).await? else { return Ok(None) };
    let mut owner = cloud.owner(subject);
    if subject.status.instance_profile_arn.is_none() {
        // Only the role was seen as ours so far, so that a profile without tags has not lost any.
        owner.converged_uid = None;
    }
    match judge(cloud, subject, &owner, &format!("instance profile {name}"), &profile.tags) {
        Ok(claim) => Ok(claim.map(|claim| ObservedProfile { profile, claim })),
        Err(_) if !wanted && !subject.deleting => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Whether something of the wanted name is to be claimed (`true`) or ours (`false`); `None`, only while
/// deleting, for what is not ours.
fn judge(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    owner: &Owner<'_>,
    what: &str,
    tags: &Tags,
) -> Result<Option<bool>, Failure> {
    match owner.judge(what, tags) {
        Verdict::Ours => Ok(Some(false)),
        Verdict::Claim if subject.deleting => Ok((tags.get(ownership::UID) == Some(&subject.uid)).then_some(false)),
        Verdict::Claim => cloud.adoptable(subject, what, tags).map(|()| Some(true)),
        Verdict::Refused(failure) if subject.deleting && failure.reason != "OwnershipTagsMissing" => Ok(None),
        Verdict::Refused(failure) => Err(failure),
    }
}

async fn holders(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    names: &Names,
    observed: &Observed,
) -> Result<Holders, Failure> {
    let mut holders = Holders::default();
    if observed.role.is_some() {
        let all = cloud.cluster.list(&lambda_functions(), &subject.namespace).await?;
        holders.functions = functions_using(&all, &subject.name, &function_owners(subject));
        let profiles = cloud.iam.instance_profiles_for_role(&names.role).await?;
        holders.profiles = profiles.into_iter().map(|p| p.name).filter(|name| *name != names.profile).collect();
    }
    let terms = subject.object.as_ref().and_then(|object| object.spec.instances.as_deref()).unwrap_or_default();
    if !terms.is_empty() && observed.unrecorded_users(subject) {
        holders.selected = resolve::matching(&*cloud.ec2, terms).await?.into_keys().collect();
    }
    Ok(holders)
}

impl Observed {
    fn unrecorded_users(&self, subject: &Subject<InstanceRole>) -> bool {
        let Some(ours) = &self.profile else { return false };
        let mut associations = self.associations.iter().flatten();
        associations.any(|association| {
            association.profile_arn == ours.profile.arn
                && !subject.status.associations_made.contains(&association.instance_id)
        })
    }
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

/// Names of the functions that run with the role and are not gone from AWS yet. One that the role was made for,
/// but whose spec has turned to another, no longer holds it.
fn functions_using(all: &[Value], role: &str, owners: &BTreeSet<String>) -> Vec<String> {
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    all.iter()
        .filter(|function| {
            let finalizers = function.pointer("/metadata/finalizers").and_then(Value::as_array);
            finalizers.is_some_and(|finalizers| finalizers.iter().any(|finalizer| finalizer == FINALIZER))
        })
        .filter(|function| {
            text(function, "/spec/executionRole/instanceRoleRef/name").as_deref() == Some(role)
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
        assert_eq!(functions_using(&all, "role", &owners), ["by-ref", "owner"]);
        assert_eq!(functions_using(&all, "role", &BTreeSet::new()), ["by-ref"]);
    }
}
