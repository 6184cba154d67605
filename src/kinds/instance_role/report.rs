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
    observe::{Observed, ObservedRole},
    spec::{InstanceAssociation, InstanceRoleStatus, ManagedField},
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
        ours(desired, observed, status);
    }
    match &observed.profile {
        Some(observed) => profile(&observed.profile, status),
        None if desired.is_some_and(|desired| desired.profile.is_none()) => profile_gone(status),
        None => {}
    }
    if let Some(desired) = desired {
        instances(desired, observed, status);
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
    status.instance_profile_name = Some(profile.name.clone());
    status.instance_profile_arn = Some(profile.arn.clone());
}

/// The profile was deleted, by us.
pub fn profile_gone(status: &mut InstanceRoleStatus) {
    status.instance_profile_name = None;
    status.instance_profile_arn = None;
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
fn ours(desired: Option<&Desired>, observed: &ObservedRole, status: &mut InstanceRoleStatus) {
    let wanted = desired.map(|desired| desired.tags.keys().filter(|key| !key.starts_with(ownership::PREFIX)));
    let tags = &observed.role.tags;
    keep(&mut status.common.managed_tags, wanted.into_iter().flatten(), |key| tags.contains_key(key));

    let wanted = desired.and_then(|desired| desired.managed_policies.as_ref());
    keep(&mut status.managed_policies, wanted.into_iter().flatten(), |arn| observed.attached.contains(arn));

    let wanted = desired.and_then(|desired| desired.inline_policies.as_ref()).into_iter().flatten();
    keep(&mut status.inline_policies, wanted.map(|(name, _)| name), |name| observed.inline.contains_key(name));

    let set = desired.is_some_and(|desired| desired.boundary.is_some());
    let holds = observed.role.permissions_boundary.is_some();
    manage(status, ManagedField::PermissionsBoundary, set, holds);
}

/// A field is about to be set by us.
pub fn managed(status: &mut InstanceRoleStatus, field: ManagedField) {
    if !status.managed_fields.contains(&field) {
        status.managed_fields.push(field);
        status.managed_fields.sort();
    }
}

/// A field is ours while AWS holds what the spec sets, or what we set earlier.
fn manage(status: &mut InstanceRoleStatus, field: ManagedField, set: bool, holds: bool) {
    let recorded = status.managed_fields.contains(&field);
    status.managed_fields.retain(|known| *known != field);
    if holds && (set || recorded) {
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
    let arn = observed.profile.as_ref().map(|observed| observed.profile.arn.as_str());
    let ours = |id: &str| {
        let mut all = observed.associations.iter().flatten();
        all.find(|association| association.instance_id == id && Some(association.profile_arn.as_str()) == arn)
    };
    let selected = desired.instances.as_ref().map(|instances| &instances.selected);
    if observed.associations.is_some() {
        let selected = selected.into_iter().flat_map(|selected| selected.keys());
        keep(&mut status.associations_made, selected, |id| {
            ours(id).is_some_and(|association| association.state != "disassociating")
        });
    }
    status.instances.clear();
    status.instance_count = None;
    status.instances_associated = None;
    if let Some(selected) = selected {
        let associated = selected.keys().filter(|id| ours(id).is_some_and(is_associated)).count();
        status.instance_count = i32::try_from(selected.len()).ok();
        status.instances_associated = Some(format!("{associated}/{}", selected.len()));
        status.instances = selected.keys().take(LISTED).map(|id| listed(id, ours(id))).collect();
    }
}

fn is_associated(association: &ProfileAssociation) -> bool {
    association.state == "associated"
}

fn listed(id: &str, association: Option<&ProfileAssociation>) -> InstanceAssociation {
    InstanceAssociation {
        id: id.to_owned(),
        association_id: association.map(|association| association.id.clone()),
        state: association.map_or_else(|| "none".to_owned(), |association| association.state.clone()),
        other_profile_arn: None,
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
