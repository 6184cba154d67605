//! The association of the instance profile with the selected instances.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::{
    cloud::{ec2::ProfileAssociation, iam::InstanceProfile},
    engine::kind::Subject,
    kinds::instance_role::{
        desired::{Desired, Instances},
        observe::Observed,
        resolve::{ProfileOwner, Unmatched},
        spec::InstanceRole,
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
    subject: &Subject<InstanceRole>,
    desired: &Desired,
    profile: &InstanceProfile,
    observed: &Observed,
    steps: &mut Vec<Step>,
    holds: &mut Vec<Hold>,
) {
    let unselected = Instances::default();
    let instances = desired.instances.as_ref().unwrap_or(&unselected);
    let retired: Vec<&str> = observed.retired.iter().map(|profile| profile.arn.as_str()).collect();
    let current = by_instance(observed.associations.as_deref().unwrap_or_default(), &[profile.arn.as_str()]);
    let (mut waits, mut conflicts) = (Vec::new(), Vec::new());
    let wish = Wish { profile, retired: &retired, displaceable: instances.replace.as_ref() };
    for (id, state) in &instances.selected {
        match wish.need(id, state, current.get(id.as_str()).copied()) {
            Need::Nothing => {}
            Need::Step(step) => steps.push(step),
            Need::Wait(message) => waits.push(message),
            Need::Conflict(message) => conflicts.push(message),
        }
    }
    let made = &subject.status.associations_made;
    let deselected: Vec<_> = made
        .iter()
        .filter(|id| !instances.selected.contains_key(*id))
        .filter_map(|id| current.get(id.as_str()).copied())
        .filter(|association| association.profile_arn == profile.arn && association.state != "disassociating")
        .collect();
    let unmatched = instances.unmatched.all();
    if unmatched.is_empty() {
        steps.extend(deselected.into_iter().map(disassociate));
    } else {
        let emptied = instances.selected.is_empty() && !made.is_empty();
        holds.extend(nothing_matched(subject, &instances.unmatched, emptied || !deselected.is_empty()));
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
/// is one, nothing is undone. With nothing to undo, instances that carry some tags may yet be launched, but one that
/// is named by its id is missed.
fn nothing_matched(subject: &Subject<InstanceRole>, unmatched: &Unmatched, holds_back: bool) -> Option<Hold> {
    let nobody = |terms: &[String]| format!("spec.instances: no instance matches {}", few(terms));
    if holds_back {
        let message = format!(
            "{}; what is associated already stays so until every term matches or is removed",
            nobody(&unmatched.all())
        );
        return Some(Hold::Refuse { reason: "NoInstanceMatched", message });
    }
    if unmatched.ids.is_empty() {
        return None;
    }
    let message = nobody(&unmatched.ids);
    Some(if subject.settled {
        Hold::Refuse {
            reason: "NoInstanceMatched",
            message: format!("{message}; remove the term, or start the instance"),
        }
    } else {
        Hold::Wait { reason: "NoInstanceMatched", message, after: COMES }
    })
}

/// The profile that instances should carry, and what it may take the place of.
struct Wish<'a> {
    profile: &'a InstanceProfile,
    retired: &'a [&'a str],
    displaceable: Option<&'a BTreeMap<String, ProfileOwner>>,
}

impl Wish<'_> {
    fn need(&self, id: &str, state: &str, current: Option<&ProfileAssociation>) -> Need {
        if !["running", "stopped"].contains(&state) && current.is_none_or(|current| !self.carries(current)) {
            return Need::Wait(format!("instance {id} is {state}"));
        }
        let Some(current) = current else {
            return Need::Step(Step::Associate { instance: id.to_owned(), profile_arn: self.profile.arn.clone() });
        };
        let other = current.profile_arn.as_str();
        match current.state.as_str() {
            "associated" if self.carries(current) => Need::Nothing,
            "associated" if other == self.profile.arn || self.retired.contains(&other) => {
                self.displace(id, state, current)
            }
            "associated" => self.displace_other(id, state, current),
            transitional => Need::Wait(format!("instance {id} is {transitional} {other}")),
        }
    }

    /// By the unique id too, where EC2 shows it: a profile that was deleted and made again has another, and what is
    /// associated with the old one gets no credentials.
    fn carries(&self, current: &ProfileAssociation) -> bool {
        let (wanted, has) = (&self.profile.id, &current.profile_id);
        current.profile_arn == self.profile.arn && (wanted == has || wanted.is_empty() || has.is_empty())
    }

    /// EC2 replaces an association on a running instance only; a stopped one is none the worse for a gap:
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html>.
    fn displace(&self, id: &str, state: &str, current: &ProfileAssociation) -> Need {
        Need::Step(match state {
            "running" => Step::Replace {
                instance: id.to_owned(),
                association: current.id.clone(),
                displaced: current.profile_arn.clone(),
                profile_arn: self.profile.arn.clone(),
            },
            _ => disassociate(current),
        })
    }

    fn displace_other(&self, id: &str, state: &str, current: &ProfileAssociation) -> Need {
        let displaced = &current.profile_arn;
        let Some(owners) = self.displaceable else {
            return Need::Conflict(format!("instance {id} has the instance profile {displaced} (see spec.onConflict)"));
        };
        match owners.get(displaced) {
            Some(ProfileOwner::Untagged) => self.displace(id, state, current),
            Some(ProfileOwner::Object(owner)) => {
                Need::Conflict(format!("instance {id} has the instance profile {displaced}, which belongs to {owner}"))
            }
            None => Need::Wait(format!("instance {id} has just got the instance profile {displaced}")),
        }
    }
}

/// The association that tells most of each instance: while one is replaced, two may be seen.
pub fn by_instance<'a>(
    associations: &'a [ProfileAssociation],
    ours: &[&str],
) -> HashMap<&'a str, &'a ProfileAssociation> {
    let rank = |association: &ProfileAssociation| {
        (association.state == "disassociating", !ours.contains(&association.profile_arn.as_str()))
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
