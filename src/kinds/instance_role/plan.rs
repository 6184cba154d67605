//! What to do, decided from data alone. The order of an update keeps a role from ever being permitted more
//! than before and after: boundary, narrower trust, what is added, what is removed, wider trust; then the
//! instance profile, and last the instances, for which the profile must be there.

mod delete;
mod instances;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

pub use delete::plan_delete;

use crate::{
    cloud::{
        iam::NewRole,
        ownership::{PREFIX, Tags, tag_change},
        policy::equivalent,
    },
    engine::kind::{Plan, Subject},
};

use super::{
    desired::{Desired, Path, Profile},
    observe::{Observed, ObservedProfile, ObservedRole},
    spec::{InstanceRole, InstanceRoleStatus, ManagedField},
    step::Step,
    trust,
};

/// How many managed policies a role can have at AWS's default quota; above it room is made first.
const ATTACHED_QUOTA: usize = 10;

/// Why something is not done now. It holds up only what it speaks of.
#[derive(Clone, Debug, PartialEq)]
enum Hold {
    /// It passes by itself.
    Wait { reason: &'static str, message: String, after: Duration },
    /// Somebody has to act.
    Refuse { reason: &'static str, message: String },
}

/// Steps first; of what is held up, first that which passes by itself.
fn decide(steps: Vec<Step>, mut holds: Vec<Hold>) -> Plan<Step> {
    if !steps.is_empty() {
        return Plan::Act(steps);
    }
    holds.sort_by_key(|hold| matches!(hold, Hold::Refuse { .. }));
    match holds.into_iter().next() {
        Some(Hold::Wait { reason, message, after }) => Plan::Wait { reason, message, after },
        Some(Hold::Refuse { reason, message }) => Plan::Refuse { reason, message },
        None => Plan::Converged,
    }
}

pub fn plan(subject: &Subject<InstanceRole>, desired: &Desired, observed: Option<&Observed>) -> Plan<Step> {
    let status = &subject.status;
    let mut steps = Vec::new();
    let mut holds = Vec::new();
    match observed.and_then(|observed| observed.role.as_ref()) {
        None => create_role(desired, &mut steps),
        Some(role) => {
            holds.extend(path_fault("role", "spec.path", &desired.path, &role.role.path));
            update_role(status, desired, role, &mut steps);
        }
    }
    let profile = observed.and_then(|observed| observed.profile.as_ref());
    let associations = observed.and_then(|observed| observed.associations.as_deref()).unwrap_or_default();
    match (&desired.profile, profile) {
        (Some(wanted), None) => create_profile(desired, wanted, &mut steps),
        (Some(wanted), Some(profile)) => {
            update_profile(desired, wanted, profile, &mut steps, &mut holds);
            if steps.is_empty() && profile.profile.roles.contains(&desired.role) {
                instances::plan(status, desired, &profile.profile.arn, associations, &mut steps, &mut holds);
            }
        }
        (None, _) => {}
    }
    if let (None, Some(observed), true) = (&desired.profile, observed, steps.is_empty())
        && let Some(unwanted) = &observed.profile
    {
        holds.extend(delete::profile(subject, observed, &unwanted.profile, &mut steps));
    }
    decide(steps, holds)
}

fn create_role(desired: &Desired, steps: &mut Vec<Step>) {
    let role = &desired.role;
    steps.push(Step::CreateRole(NewRole {
        name: role.clone(),
        path: desired.path.create.clone(),
        description: None,
        max_session_seconds: None,
        trust_policy: desired.trust.clone(),
        permissions_boundary: desired.boundary.clone(),
        tags: desired.tags.clone(),
    }));
    steps.extend(desired.managed_policies.iter().flatten().map(|policy| attach(role, policy)));
    steps.extend(desired.inline_policies.iter().flatten().map(|(policy, document)| put(role, policy, document)));
}

fn update_role(status: &InstanceRoleStatus, desired: &Desired, observed: &ObservedRole, steps: &mut Vec<Step>) {
    tags(&status.common.managed_tags, desired, observed, steps);
    boundary(status, desired, observed, steps);
    let current = &observed.role.trust_policy;
    let trust = (!equivalent(&desired.trust, current))
        .then(|| Step::UpdateTrust { role: desired.role.clone(), document: desired.trust.clone() });
    let (wider, other) = if trust::only_widens(current, &desired.trust) { (trust, None) } else { (None, trust) };
    steps.extend(other);
    policies(status, desired, observed, steps);
    steps.extend(wider);
}

/// The ownership tags of something to claim go before everything else. Keys are removed before others are set,
/// because a key may come back in another case.
fn tags(managed_before: &[String], desired: &Desired, observed: &ObservedRole, steps: &mut Vec<Step>) {
    let role = &desired.role;
    let change = tag_change(&desired.tags, managed_before, &observed.role.tags);
    let (ownership, others): (Tags, Tags) =
        change.set.into_iter().partition(|(key, _)| observed.claim && key.starts_with(PREFIX));
    if !ownership.is_empty() {
        steps.push(Step::TagRole { role: role.clone(), tags: ownership });
    }
    if !change.remove.is_empty() {
        steps.push(Step::UntagRole { role: role.clone(), keys: change.remove });
    }
    if !others.is_empty() {
        steps.push(Step::TagRole { role: role.clone(), tags: others });
    }
}

fn boundary(status: &InstanceRoleStatus, desired: &Desired, observed: &ObservedRole, steps: &mut Vec<Step>) {
    let role = desired.role.clone();
    match (&desired.boundary, &observed.role.permissions_boundary) {
        (Some(wanted), current) if current.as_ref() != Some(wanted) => {
            steps.push(Step::PutBoundary { role, policy: wanted.clone() });
        }
        (None, Some(_)) if status.managed_fields.contains(&ManagedField::PermissionsBoundary) => {
            steps.push(Step::DeleteBoundary { role })
        }
        _ => {}
    }
}

/// What is added goes before what is removed, so that the role never lacks what it has before and after;
/// the other way about only where the quota leaves no room.
fn policies(status: &InstanceRoleStatus, desired: &Desired, observed: &ObservedRole, steps: &mut Vec<Step>) {
    let role = &desired.role;
    let wanted: BTreeSet<&str> = desired.managed_policies.iter().flatten().map(String::as_str).collect();
    let attached = observed.attached.iter().map(String::as_str).collect::<BTreeSet<_>>();
    let remove_all = desired.managed_policies.is_some() && !desired.keep_foreign_policies;
    let superfluous = superfluous(&wanted, &attached, &status.managed_policies, remove_all);
    let mut add: Vec<_> = wanted.difference(&attached).map(|policy| attach(role, policy)).collect();
    let mut remove: Vec<_> = superfluous
        .into_iter()
        .map(|policy| Step::DetachPolicy { role: role.clone(), policy: policy.to_owned() })
        .collect();
    if attached.len() + add.len() > ATTACHED_QUOTA {
        steps.append(&mut remove);
    }

    let documents = desired.inline_policies.iter().flatten();
    add.extend(
        documents
            .clone()
            .filter(|(name, document)| !observed.inline.get(*name).is_some_and(|current| equivalent(current, document)))
            .map(|(name, document)| put(role, name, document)),
    );
    let wanted: BTreeSet<&str> = documents.map(|(name, _)| name.as_str()).collect();
    let present: BTreeSet<&str> = observed.inline.keys().map(String::as_str).collect();
    let remove_all = desired.inline_policies.is_some() && !desired.keep_foreign_policies;
    remove.extend(
        self::superfluous(&wanted, &present, &status.inline_policies, remove_all)
            .into_iter()
            .map(|policy| Step::DeleteInlinePolicy { role: role.clone(), policy: policy.to_owned() }),
    );
    steps.append(&mut add);
    steps.append(&mut remove);
}

/// What is there and not wanted: all of it where the spec's list is the whole list, else only what we put there.
fn superfluous<'a>(wanted: &BTreeSet<&str>, present: &BTreeSet<&'a str>, ours: &[String], all: bool) -> Vec<&'a str> {
    let unwanted = present.iter().filter(|name| !wanted.contains(*name));
    unwanted.filter(|name| all || ours.iter().any(|ours| ours == *name)).copied().collect()
}

fn attach(role: &str, policy: &str) -> Step {
    Step::AttachPolicy { role: role.to_owned(), policy: policy.to_owned() }
}

fn put(role: &str, policy: &str, document: &str) -> Step {
    Step::PutInlinePolicy { role: role.to_owned(), policy: policy.to_owned(), document: document.to_owned() }
}

fn create_profile(desired: &Desired, wanted: &Profile, steps: &mut Vec<Step>) {
    steps.push(Step::CreateProfile {
        profile: wanted.name.clone(),
        path: wanted.path.create.clone(),
        tags: ownership(desired),
    });
    steps.push(Step::AddRole { profile: wanted.name.clone(), role: desired.role.clone() });
}

/// The instance profile carries the ownership tags only; the spec's tags are the role's.
fn ownership(desired: &Desired) -> Tags {
    desired.tags.iter().filter(|(key, _)| key.starts_with(PREFIX)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn update_profile(
    desired: &Desired,
    wanted: &Profile,
    observed: &ObservedProfile,
    steps: &mut Vec<Step>,
    holds: &mut Vec<Hold>,
) {
    let profile = wanted.name.clone();
    let tags = tag_change(&ownership(desired), &[], &observed.profile.tags).set;
    if !tags.is_empty() {
        steps.push(Step::TagProfile { profile: profile.clone(), tags });
    }
    let path = &observed.profile.path;
    holds.extend(path_fault("instance profile", "spec.instanceProfile.path", &wanted.path, path));
    match observed.profile.roles.iter().find(|role| **role != desired.role) {
        Some(other) => holds.push(Hold::Refuse {
            reason: "ProfileHasAnotherRole",
            message: format!(
                "spec.instanceProfile: instance profile {profile} holds the role {other}; take it out, or choose another name"
            ),
        }),
        None if observed.profile.roles.is_empty() => {
            steps.push(Step::AddRole { profile, role: desired.role.clone() });
        }
        None => {}
    }
}

/// A path cannot be changed; one that the spec does not name may be any that the administrator allows.
fn path_fault(what: &str, field: &str, wanted: &Path, observed: &str) -> Option<Hold> {
    if wanted.given && wanted.create != observed {
        let message = format!(
            "{field}: the {what} exists at path {observed}, and AWS cannot move it to {}; delete it first",
            wanted.create
        );
        return Some(Hold::Refuse { reason: "PathDiffers", message });
    }
    (!observed.starts_with(&wanted.prefix)).then(|| Hold::Refuse {
        reason: "NotAllowed",
        message: format!(
            "{field}: the {what} exists at path {observed}, outside {}, as the operator's --role-path-prefix asks",
            wanted.prefix
        ),
    })
}
