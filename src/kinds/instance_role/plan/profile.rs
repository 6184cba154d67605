//! The instance profile that holds the role.

use crate::{
    cloud::ownership::tag_change,
    kinds::instance_role::{
        desired::{Desired, Profile},
        observe::{Observed, ObservedProfile},
        spec::InstanceRoleStatus,
        step::Step,
    },
};

use super::{Hold, instances::few, path_fault, role::in_turn};

pub fn plan(
    status: &InstanceRoleStatus,
    desired: &Desired,
    wanted: &Profile,
    observed: &Observed,
    steps: &mut Vec<Step>,
    holds: &mut Vec<Hold>,
) {
    match &observed.profile {
        None => create(desired, wanted, steps),
        Some(found) => update(status, desired, wanted, found, observed, steps, holds),
    }
}

fn create(desired: &Desired, wanted: &Profile, steps: &mut Vec<Step>) {
    steps.push(Step::CreateProfile {
        profile: wanted.name.clone(),
        path: wanted.path.create.clone(),
        tags: desired.tags.clone(),
    });
    steps.push(Step::AddRole { profile: wanted.name.clone(), role: desired.role.clone() });
}

fn update(
    status: &InstanceRoleStatus,
    desired: &Desired,
    wanted: &Profile,
    found: &ObservedProfile,
    observed: &Observed,
    steps: &mut Vec<Step>,
    holds: &mut Vec<Hold>,
) {
    let profile = || wanted.name.clone();
    let change = tag_change(&desired.tags, &status.common.managed_tags, &found.profile.tags);
    let set = (!change.set.is_empty()).then(|| Step::TagProfile { profile: profile(), tags: change.set });
    let remove = (!change.remove.is_empty()).then(|| Step::UntagProfile { profile: profile(), keys: change.remove });
    in_turn(set, remove, found.profile.tags.keys().chain(desired.tags.keys()), steps);
    let path = &found.profile.path;
    holds.extend(path_fault("instance profile", "spec.instanceProfile.path", &wanted.path, path));
    match found.profile.roles.iter().find(|role| **role != desired.role) {
        Some(other) => swap(desired, wanted, other, found, observed, steps, holds),
        None if found.profile.roles.is_empty() => {
            steps.push(Step::AddRole { profile: profile(), role: desired.role.clone() });
        }
        None => {}
    }
}

/// Somebody put another role into the profile. To take it out would leave instances that carry the profile without
/// any credentials for a moment; so that is done only where there are none, and the profile was ours before.
fn swap(
    desired: &Desired,
    wanted: &Profile,
    other: &str,
    found: &ObservedProfile,
    observed: &Observed,
    steps: &mut Vec<Step>,
    holds: &mut Vec<Hold>,
) {
    let all = observed.associations.iter().flatten();
    let users: Vec<String> = all
        .filter(|association| association.profile_arn == found.profile.arn)
        .map(|association| association.instance_id.clone())
        .collect();
    let profile = wanted.name.clone();
    if observed.associations.is_some() && users.is_empty() && !found.claim {
        steps.push(Step::RemoveRole { profile: profile.clone(), role: other.to_owned() });
        steps.push(Step::AddRole { profile, role: desired.role.clone() });
        return;
    }
    let carried = if users.is_empty() { String::new() } else { format!(", and instances carry it ({})", few(&users)) };
    holds.push(Hold::Refuse {
        reason: "ProfileHasAnotherRole",
        message: format!(
            "spec.instanceProfile: instance profile {profile} holds the role {other}{carried}; take it out, or choose another name"
        ),
    });
}
