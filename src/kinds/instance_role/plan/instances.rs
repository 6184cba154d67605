//! The association of the instance profile with the selected instances.

use std::{collections::HashMap, time::Duration};

use crate::{
    cloud::ec2::ProfileAssociation,
    kinds::instance_role::{
        desired::{Desired, Instances},
        resolve::ProfileOwner,
        spec::InstanceRoleStatus,
        step::Step,
    },
};

use super::Hold;

/// EC2 settles an association within seconds.
const SETTLES: Duration = Duration::from_secs(1);
/// An instance boots, or somebody launches one, in more than that.
const COMES: Duration = Duration::from_secs(15);

/// What one instance needs.
enum Need {
    Nothing,
    Step(Step),
    Wait(String),
    Conflict(String),
}

/// Associates what is selected and undoes what we associated and is no longer selected. One instance's fault
/// does not hold up the others.
pub fn plan(
    status: &InstanceRoleStatus,
    desired: &Desired,
    profile_arn: &str,
    associations: &[ProfileAssociation],
    steps: &mut Vec<Step>,
    holds: &mut Vec<Hold>,
) {
    let unselected = Instances::default();
    let instances = desired.instances.as_ref().unwrap_or(&unselected);
    let current = by_instance(associations, profile_arn);
    let (mut waits, mut conflicts) = (Vec::new(), Vec::new());
    for (id, state) in &instances.selected {
        match need(instances, id, state, profile_arn, current.get(id.as_str()).copied()) {
            Need::Nothing => {}
            Need::Step(step) => steps.push(step),
            Need::Wait(message) => waits.push(message),
            Need::Conflict(message) => conflicts.push(message),
        }
    }
    let deselected: Vec<_> = status
        .associations_made
        .iter()
        .filter(|id| !instances.selected.contains_key(*id))
        .filter_map(|id| current.get(id.as_str()).copied())
        .filter(|association| association.profile_arn == profile_arn && association.state != "disassociating")
        .collect();
    if instances.unmatched.is_empty() {
        steps.extend(deselected.into_iter().map(disassociate));
    } else {
        let emptied = instances.selected.is_empty() && !status.associations_made.is_empty();
        holds.push(nothing_matched(&instances.unmatched, emptied || !deselected.is_empty()));
    }
    if !waits.is_empty() {
        holds.insert(0, Hold::Wait { reason: "WaitingForInstances", message: few(&waits), after: SETTLES });
    }
    if !conflicts.is_empty() {
        let message = format!("spec.instances: {}", few(&conflicts));
        holds.insert(0, Hold::Refuse { reason: "InstanceHasAnotherProfile", message });
    }
}

pub fn disassociate(association: &ProfileAssociation) -> Step {
    Step::Disassociate { instance: association.instance_id.clone(), association: association.id.clone() }
}

/// A term without a match could be a mistake, and undoing an association cuts an instance off: so while there
/// is one, nothing is undone.
fn nothing_matched(terms: &[String], holds_back: bool) -> Hold {
    let message = format!("spec.instances: no instance matches {}", few(terms));
    if holds_back {
        let message = format!("{message}; what is associated already stays so until every term matches or is removed");
        Hold::Refuse { reason: "NoInstanceMatched", message }
    } else {
        Hold::Wait { reason: "NoInstanceMatched", message, after: COMES }
    }
}

fn need(instances: &Instances, id: &str, state: &str, profile_arn: &str, current: Option<&ProfileAssociation>) -> Need {
    let Some(current) = current else {
        return match state {
            "pending" => Need::Wait(format!("instance {id} is pending")),
            _ => Need::Step(Step::Associate { instance: id.to_owned(), profile_arn: profile_arn.to_owned() }),
        };
    };
    let other = current.profile_arn.as_str();
    match current.state.as_str() {
        "associated" if other == profile_arn => Need::Nothing,
        "associated" => displace(instances, id, profile_arn, current),
        transitional => Need::Wait(format!("instance {id} is {transitional} {other}")),
    }
}

fn displace(instances: &Instances, id: &str, profile_arn: &str, current: &ProfileAssociation) -> Need {
    let displaced = current.profile_arn.clone();
    let Some(owners) = &instances.replace else {
        return Need::Conflict(format!("instance {id} has the instance profile {displaced} (see spec.onConflict)"));
    };
    match owners.get(&displaced) {
        Some(ProfileOwner::Untagged) => Need::Step(Step::Replace {
            instance: id.to_owned(),
            association: current.id.clone(),
            displaced,
            profile_arn: profile_arn.to_owned(),
        }),
        Some(ProfileOwner::Object(owner)) => {
            Need::Conflict(format!("instance {id} has the instance profile {displaced}, which belongs to {owner}"))
        }
        None => Need::Wait(format!("instance {id} has just got the instance profile {displaced}")),
    }
}

/// The association that tells most of each instance: while one is replaced, two may be seen.
fn by_instance<'a>(
    associations: &'a [ProfileAssociation],
    profile_arn: &str,
) -> HashMap<&'a str, &'a ProfileAssociation> {
    let rank = |association: &ProfileAssociation| {
        (association.state == "disassociating", association.profile_arn != profile_arn)
    };
    let mut current: HashMap<&str, &ProfileAssociation> = HashMap::new();
    for association in associations {
        let known = current.entry(association.instance_id.as_str()).or_insert(association);
        if rank(association) < rank(known) {
            *known = association;
        }
    }
    current
}

/// The first five in words: a message names enough to go on with.
pub fn few(all: &[String]) -> String {
    all.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("; ")
}
