//! Facts for the status.

use crate::{
    cloud::{
        Aws,
        ec2::ProfileAssociation,
        iam::{InstanceProfile, Role},
        ownership,
    },
    engine::kind::KindStatus,
};

use super::{
    desired::Desired,
    observe::Observed,
    plan::{by_instance, in_place},
    spec::{InstanceAssociation, InstanceRoleStatus, ManagedField},
    step::DEFAULT_SESSION_SECONDS,
};

/// How many instances the status lists.
const LISTED: usize = 200;

pub fn report(cloud: &Aws, desired: Option<&Desired>, observed: Option<&Observed>, status: &mut InstanceRoleStatus) {
    status.common.account_id = Some(cloud.account.clone());
    status.common.region = Some(cloud.region.clone());
    let Some(observed) = observed else { return };
    if let Some(observed) = &observed.role {
        role(&observed.role, status);
        if !observed.claim {
            status.common.owner_uid = observed.role.tags.get(ownership::UID).cloned();
        }
        status.managed_policy_count = i32::try_from(observed.attached.len()).ok();
        status.inline_policy_count = i32::try_from(observed.inline.len()).ok();
    }
    ours(desired, observed, status);
    match &observed.profile {
        Some(observed) => profile(&observed.profile, status),
        None if desired.is_some_and(|desired| desired.profile.is_none()) && observed.retired.is_empty() => {
            profile_gone(status);
        }
        None => {}
    }
    status.retired_instance_profiles.retain(|name| observed.retired.iter().any(|profile| profile.name == *name));
    status.resolved_policies = desired.map(|desired| desired.resolved_policies.clone()).unwrap_or_default();
    if let Some(desired) = desired {
        instances(desired, observed, status);
        if let Some(role) = observed.role.as_ref().filter(|_| in_place(status, desired, observed)) {
            cloud.recent_roles.keep(&role.role.name, observed.reading());
        }
    }
}

/// The role's identity.
pub fn role(role: &Role, status: &mut InstanceRoleStatus) {
    status.common.arn = Some(role.arn.clone());
    status.role_name = Some(role.name.clone());
    status.role_id = Some(role.id.clone());
    status.path = Some(role.path.clone());
}

/// The role was deleted, by us.
pub fn role_gone(status: &mut InstanceRoleStatus) {
    status.common.arn = None;
    status.role_name = None;
    status.role_id = None;
    status.path = None;
}

/// The profile's identity.
pub fn profile(profile: &InstanceProfile, status: &mut InstanceRoleStatus) {
    profile_named(&profile.name, status);
    status.instance_profile_arn = Some(profile.arn.clone());
    status.instance_profile_id = Some(profile.id.clone());
}

/// The role is, or is about to be, in the profile of this name; one that it was in under another is to go.
pub fn profile_named(name: &str, status: &mut InstanceRoleStatus) {
    let retired = &mut status.retired_instance_profiles;
    match status.instance_profile_name.replace(name.to_owned()) {
        Some(before) if before != name && !retired.contains(&before) => retired.push(before),
        _ => {}
    }
    retired.retain(|retired| retired != name);
}

/// A profile was deleted, by us.
pub fn profile_deleted(name: &str, status: &mut InstanceRoleStatus) {
    status.retired_instance_profiles.retain(|retired| retired != name);
    if status.instance_profile_name.as_deref() == Some(name) {
        profile_gone(status);
    }
}

/// There is no profile.
pub fn profile_gone(status: &mut InstanceRoleStatus) {
    status.instance_profile_name = None;
    status.instance_profile_arn = None;
    status.instance_profile_id = None;
}

/// An association was undone, by us: it is no longer to be looked for.
pub fn disassociated(instance: &str, status: &mut InstanceRoleStatus) {
    status.associations_made.retain(|made| made != instance);
}

/// Adds tag keys that we are about to set, but for the ownership tags, which are ours by their prefix.
pub fn add_managed_tags<'a>(status: &mut InstanceRoleStatus, keys: impl Iterator<Item = &'a String>) {
    let managed = &mut status.common_mut().managed_tags;
    managed.extend(keys.filter(|key| !key.starts_with(ownership::PREFIX)).cloned());
    managed.sort();
    managed.dedup();
}

/// What is ours of things that others may put on the role too: what the spec names, and what we put there
/// earlier and is there still.
fn ours(desired: Option<&Desired>, all: &Observed, status: &mut InstanceRoleStatus) {
    let Some(observed) = &all.role else { return };
    let wanted = desired.map(|desired| desired.tags.keys().filter(|key| !key.starts_with(ownership::PREFIX)));
    let profile = all.profile.as_ref();
    keep(&mut status.common.managed_tags, wanted.into_iter().flatten(), |key| {
        observed.role.tags.contains_key(key) || profile.is_some_and(|profile| profile.profile.tags.contains_key(key))
    });

    let wanted = desired.and_then(|desired| desired.managed_policies.as_ref());
    keep(&mut status.managed_policies, wanted.into_iter().flatten(), |arn| observed.attached.contains(arn));

    let wanted = desired.and_then(|desired| desired.inline_policies.as_ref()).into_iter().flatten();
    keep(&mut status.inline_policies, wanted.map(|(name, _)| name), |name| observed.inline.contains_key(name));

    let role = &observed.role;
    let set = |field: fn(&Desired) -> bool| desired.is_some_and(field);
    for (field, set, holds) in [
        (
            ManagedField::Description,
            set(|desired| desired.description.is_some()),
            role.description.as_deref().is_some_and(|text| !text.is_empty()),
        ),
        (
            ManagedField::MaxSessionDurationSeconds,
            set(|desired| desired.max_session_seconds.is_some()),
            role.max_session_seconds.is_some_and(|seconds| seconds != DEFAULT_SESSION_SECONDS),
        ),
        (
            ManagedField::PermissionsBoundary,
            set(|desired| desired.boundary.is_some()),
            role.permissions_boundary.is_some(),
        ),
    ] {
        manage(status, field, set, holds);
    }
}

/// A field is about to be set by us.
pub fn managed(status: &mut InstanceRoleStatus, field: ManagedField) {
    if !status.managed_fields.contains(&field) {
        status.managed_fields.push(field);
        status.managed_fields.sort();
    }
}

/// A field of which this was recorded stays ours while AWS holds it or is about to; one that the spec sets and AWS holds is
/// ours from now on.
fn manage(status: &mut InstanceRoleStatus, field: ManagedField, set: bool, holds: bool) {
    let recorded = status.managed_fields.contains(&field);
    status.managed_fields.retain(|known| *known != field);
    if (recorded && (set || holds)) || (set && holds) {
        status.managed_fields.push(field);
        status.managed_fields.sort();
    }
}

/// A record stays while AWS holds the thing, or is about to; one that is wanted and there is ours from now on.
fn keep<'a>(records: &mut Vec<String>, wanted: impl Iterator<Item = &'a String>, holds: impl Fn(&String) -> bool) {
    let wanted: Vec<&String> = wanted.collect();
    records.retain(|record| holds(record) || wanted.contains(&record));
    records.extend(wanted.into_iter().filter(|name| holds(name)).cloned());
    records.sort();
    records.dedup();
}

fn instances(desired: &Desired, observed: &Observed, status: &mut InstanceRoleStatus) {
    let ours = observed.profile_arns();
    let all = observed.associations.as_deref().unwrap_or_default();
    let carried = by_instance(all, &ours);
    let holds = |id: &str| carried.get(id).filter(|association| ours.contains(&association.profile_arn.as_str()));
    let selected = desired.instances.as_ref().map(|instances| &instances.selected);
    if observed.associations.is_some() {
        let selected = selected.into_iter().flat_map(|selected| selected.keys());
        keep(&mut status.associations_made, selected, |id| {
            holds(id).is_some_and(|association| association.state != "disassociating")
        });
    }
    let arn = observed.profile.as_ref().map(|observed| observed.profile.arn.as_str());
    let mut listed: Vec<_> = selected
        .into_iter()
        .flat_map(|selected| selected.keys())
        .map(|id| listed(id, arn, carried.get(id.as_str()).copied()))
        .collect();
    let is_associated = |instance: &InstanceAssociation| instance.state == "associated";
    status.instance_count = selected.and_then(|selected| i32::try_from(selected.len()).ok());
    status.instances_associated =
        selected.map(|all| format!("{}/{}", listed.iter().filter(|one| is_associated(one)).count(), all.len()));
    listed.sort_by_key(is_associated);
    listed.truncate(LISTED);
    status.instances = listed;
}

fn listed(id: &str, ours: Option<&str>, association: Option<&ProfileAssociation>) -> InstanceAssociation {
    let (mine, other) = match association {
        Some(association) if Some(association.profile_arn.as_str()) == ours => (Some(association), None),
        other => (None, other),
    };
    InstanceAssociation {
        id: id.to_owned(),
        association_id: mine.map(|association| association.id.clone()),
        state: mine.map_or_else(|| "none".to_owned(), |association| association.state.clone()),
        other_profile_arn: other.map(|association| association.profile_arn.clone()),
    }
}

/// One line for a converged role.
pub fn summary(observed: &Observed) -> String {
    let role = observed.role.as_ref().map(|observed| format!("role {}", observed.role.name)).unwrap_or_default();
    match &observed.profile {
        Some(observed) => format!("{role} with instance profile {} is in place", observed.profile.name),
        None => format!("{role} is in place"),
    }
}
