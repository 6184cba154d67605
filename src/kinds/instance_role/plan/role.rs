//! The role itself. The order of an update keeps it from ever being permitted what neither the old nor the new spec
//! gives it, and from lacking what both do: a boundary that is set, a narrower trust, what is added, what is removed,
//! a wider trust, a boundary that goes.

use std::collections::BTreeSet;

use crate::{
    cloud::{
        iam::NewRole,
        ownership::{PREFIX, Tags, tag_change},
        policy::equivalent,
    },
    kinds::instance_role::{
        desired::Desired,
        observe::ObservedRole,
        spec::{InstanceRoleStatus, ManagedField},
        step::{DEFAULT_SESSION_SECONDS, Step},
        trust::{Transition, transition},
    },
};

/// How many managed policies a role can have at AWS's default quota; above it room is made first:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const ATTACHED_QUOTA: usize = 10;
/// How many tags a role can have; above it room is made first (same page).
const TAG_QUOTA: usize = 50;

pub fn create(desired: &Desired, steps: &mut Vec<Step>) {
    let role = &desired.role;
    steps.push(Step::CreateRole(NewRole {
        name: role.clone(),
        path: desired.path.create.clone(),
        description: desired.description.clone().filter(|text| !text.is_empty()),
        max_session_seconds: desired.max_session_seconds,
        trust_policy: desired.trust.clone(),
        permissions_boundary: desired.boundary.clone(),
        tags: desired.tags.clone(),
    }));
    steps.extend(desired.managed_policies.iter().flatten().map(|policy| attach(role, policy)));
    steps.extend(desired.inline_policies.iter().flatten().map(|(policy, document)| put(role, policy, document)));
}

pub fn update(status: &InstanceRoleStatus, desired: &Desired, observed: &ObservedRole, steps: &mut Vec<Step>) {
    tags(&status.common.managed_tags, desired, observed, steps);
    settings(status, desired, observed, steps);
    let role = || desired.role.clone();
    let boundary = observed.role.permissions_boundary.as_ref();
    if let Some(wanted) = desired.boundary.as_ref().filter(|wanted| boundary != Some(wanted)) {
        steps.push(Step::PutBoundary { role: role(), policy: wanted.clone() });
    }
    trust_and_policies(desired, &observed.role.trust_policy, changes(status, desired, observed), steps);
    let ours = status.managed_fields.contains(&ManagedField::PermissionsBoundary);
    if desired.boundary.is_none() && boundary.is_some() && ours {
        steps.push(Step::DeleteBoundary { role: role() });
    }
}

/// The ownership tags of something to claim go before everything else. Keys of a role differ by more than case, so
/// one that comes back in another case replaces the old one and must not be removed.
fn tags(managed_before: &[String], desired: &Desired, observed: &ObservedRole, steps: &mut Vec<Step>) {
    let role = &desired.role;
    let mut change = tag_change(&desired.tags, managed_before, &observed.role.tags);
    change.remove.retain(|key| !desired.tags.keys().any(|wanted| wanted.eq_ignore_ascii_case(key)));
    let (ownership, others): (Tags, Tags) =
        change.set.into_iter().partition(|(key, _)| observed.claim && key.starts_with(PREFIX));
    if !ownership.is_empty() {
        steps.push(Step::TagRole { role: role.clone(), tags: ownership });
    }
    let set = (!others.is_empty()).then(|| Step::TagRole { role: role.clone(), tags: others });
    let remove = (!change.remove.is_empty()).then(|| Step::UntagRole { role: role.clone(), keys: change.remove });
    in_turn(set, remove, observed.role.tags.keys().chain(desired.tags.keys()), steps);
}

/// Tags are set before others are removed, so that none that stays is missing for a moment; the other way about
/// where there is no room for all of them.
pub fn in_turn<'a>(
    set: Option<Step>,
    remove: Option<Step>,
    keys: impl Iterator<Item = &'a String>,
    steps: &mut Vec<Step>,
) {
    let room = keys.collect::<BTreeSet<_>>().len() <= TAG_QUOTA;
    steps.extend(if room { [set, remove] } else { [remove, set] }.into_iter().flatten());
}

/// `UpdateRole` sets both at once, so the one that is not managed goes along as it is.
fn settings(status: &InstanceRoleStatus, desired: &Desired, observed: &ObservedRole, steps: &mut Vec<Step>) {
    let ours = |field| status.managed_fields.contains(&field);
    let has = observed.role.description.clone().unwrap_or_default();
    let description = match &desired.description {
        Some(wanted) => wanted.clone(),
        None if ours(ManagedField::Description) => String::new(),
        None => has.clone(),
    };
    let has_seconds = observed.role.max_session_seconds.unwrap_or(DEFAULT_SESSION_SECONDS);
    let max_session_seconds = match desired.max_session_seconds {
        Some(wanted) => wanted,
        None if ours(ManagedField::MaxSessionDurationSeconds) => DEFAULT_SESSION_SECONDS,
        None => has_seconds,
    };
    if (&description, max_session_seconds) != (&has, has_seconds) {
        let given = [
            (desired.description.is_some(), ManagedField::Description),
            (desired.max_session_seconds.is_some(), ManagedField::MaxSessionDurationSeconds),
        ];
        let managed = given.into_iter().filter(|(given, _)| *given).map(|(_, field)| field).collect();
        steps.push(Step::UpdateRole { role: desired.role.clone(), description, max_session_seconds, managed });
    }
}

/// What has to change in a role's policies.
#[derive(Default)]
struct Changes {
    add: Vec<Step>,
    remove: Vec<Step>,
    /// Inline policies that are there and get another document.
    replace: Vec<Step>,
    /// No room for what is added before something is removed.
    full: bool,
}

fn changes(status: &InstanceRoleStatus, desired: &Desired, observed: &ObservedRole) -> Changes {
    let role = &desired.role;
    let mut changes = Changes::default();
    let wanted: BTreeSet<&str> = desired.managed_policies.iter().flatten().map(String::as_str).collect();
    let attached = observed.attached.iter().map(String::as_str).collect::<BTreeSet<_>>();
    let whole_list = desired.managed_policies.is_some() && !desired.keep_foreign_policies;
    changes.add.extend(wanted.difference(&attached).map(|policy| attach(role, policy)));
    changes.full = attached.len() + changes.add.len() > ATTACHED_QUOTA;
    let gone = superfluous(&wanted, &attached, &status.managed_policies, whole_list);
    changes.remove.extend(gone.into_iter().map(|policy| Step::DetachPolicy { role: role.clone(), policy }));

    for (name, document) in desired.inline_policies.iter().flatten() {
        match observed.inline.get(name) {
            None => changes.add.push(put(role, name, document)),
            Some(current) if !equivalent(current, document) => changes.replace.push(put(role, name, document)),
            Some(_) => {}
        }
    }
    let wanted: BTreeSet<&str> = desired.inline_policies.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let present: BTreeSet<&str> = observed.inline.keys().map(String::as_str).collect();
    let whole_list = desired.inline_policies.is_some() && !desired.keep_foreign_policies;
    let gone = superfluous(&wanted, &present, &status.inline_policies, whole_list);
    changes.remove.extend(gone.into_iter().map(|policy| Step::DeleteInlinePolicy { role: role.clone(), policy }));
    changes
}

/// What is there and not wanted: all of it where the spec's list is the whole list, else only what we put there.
fn superfluous(wanted: &BTreeSet<&str>, present: &BTreeSet<&str>, ours: &[String], all: bool) -> Vec<String> {
    let unwanted = present.iter().filter(|name| !wanted.contains(*name));
    unwanted.filter(|name| all || ours.iter().any(|ours| ours == *name)).map(|name| (*name).to_owned()).collect()
}

/// Puts a change of trust where no principal meets a policy that neither spec lets it have.
fn trust_and_policies(desired: &Desired, current: &str, changes: Changes, steps: &mut Vec<Step>) {
    let trust = |document: &str| Step::UpdateTrust { role: desired.role.clone(), document: document.to_owned() };
    let whole = trust(&desired.trust);
    let Changes { add, remove, replace, full } = changes;
    let only_adds = remove.is_empty() && replace.is_empty();
    let only_removes = add.is_empty() && replace.is_empty();
    let transition = transition(current, &desired.trust);
    if transition == Transition::Disjoint {
        // Nobody keeps anything, so what goes is taken before the others come.
        steps.extend(remove);
        steps.extend(replace.iter().filter_map(deleted));
        steps.push(whole);
        steps.extend(add.into_iter().chain(replace));
        return;
    }
    let (first, last) = match transition {
        Transition::Same | Transition::Disjoint => (None, None),
        Transition::Narrower => (Some(whole), None),
        Transition::Wider => (None, Some(whole)),
        Transition::Through(_) if only_adds => (Some(whole), None),
        Transition::Through(_) if only_removes => (None, Some(whole)),
        Transition::Through(narrowed) => (Some(trust(&narrowed)), Some(whole)),
    };
    steps.extend(first);
    let added = add.into_iter().chain(replace);
    if full {
        steps.extend(remove);
        steps.extend(added);
    } else {
        steps.extend(added);
        steps.extend(remove);
    }
    steps.extend(last);
}

fn deleted(put: &Step) -> Option<Step> {
    match put {
        Step::PutInlinePolicy { role, policy, .. } => {
            Some(Step::DeleteInlinePolicy { role: role.clone(), policy: policy.clone() })
        }
        _ => None,
    }
}

fn attach(role: &str, policy: &str) -> Step {
    Step::AttachPolicy { role: role.to_owned(), policy: policy.to_owned() }
}

fn put(role: &str, policy: &str, document: &str) -> Step {
    Step::PutInlinePolicy { role: role.to_owned(), policy: policy.to_owned(), document: document.to_owned() }
}
