//! What to do, decided from data alone: first the role, then its instance profile, then the instances, for which
//! the profile must be there, and last what the spec does not have any more.

mod delete;
mod instances;
mod profile;
mod role;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use delete::plan_delete;
pub use instances::by_instance;

use crate::engine::kind::{AWAITING_CONSISTENCY, Plan, Subject};

use super::{
    desired::{Desired, Path},
    observe::Observed,
    spec::{InstanceRole, InstanceRoleStatus},
    step::Step,
};

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
    let nothing = Observed::default();
    let observed = observed.unwrap_or(&nothing);
    let (mut steps, mut holds) = in_iam(&subject.status, desired, observed);
    // A path that cannot be had is known before anything is touched, so that nothing is claimed in vain.
    if holds.iter().any(|hold| matches!(hold, Hold::Refuse { reason: "PathDiffers" | "NotAllowed", .. })) {
        return decide(Vec::new(), holds);
    }
    if !subject.settled && steps.iter().any(Step::puts_back_what_was_read) {
        steps.retain(|step| !step.puts_back_what_was_read());
        holds.push(Hold::Wait {
            reason: AWAITING_CONSISTENCY,
            message: "the role's description and session duration are set together, and what AWS shows of them may be \
                      what they were before"
                .to_owned(),
            after: delete::SOON,
        });
    }
    if let Some(profile) = observed.profile.as_ref().filter(|_| steps.is_empty() && desired.profile.is_some())
        && profile.profile.roles.contains(&desired.role)
    {
        instances::plan(subject, desired, &profile.profile, observed, &mut steps, &mut holds);
    }
    if steps.is_empty() {
        let unwanted = observed.profile.as_ref().filter(|_| desired.profile.is_none()).map(|found| &found.profile);
        let selected = desired.instances.as_ref().map(|instances| &instances.selected);
        for profile in unwanted.into_iter().chain(&observed.retired) {
            let moves = observed.associations.iter().flatten().any(|association| {
                association.profile_arn == profile.arn
                    && selected.is_some_and(|selected| selected.contains_key(&association.instance_id))
            });
            if !moves {
                holds.extend(delete::profile(subject, observed, profile, &mut steps));
            }
        }
    }
    decide(steps, holds)
}

/// Whether IAM holds what it should, so that only instances are left to see to.
pub fn in_place(status: &InstanceRoleStatus, desired: &Desired, observed: &Observed) -> bool {
    let (steps, holds) = in_iam(status, desired, observed);
    steps.is_empty() && holds.is_empty() && observed.retired.is_empty() && observed.role.is_some()
}

fn in_iam(status: &InstanceRoleStatus, desired: &Desired, observed: &Observed) -> (Vec<Step>, Vec<Hold>) {
    let (mut steps, mut holds) = (Vec::new(), Vec::new());
    match &observed.role {
        None => role::create(desired, &mut steps),
        Some(found) => {
            holds.extend(path_fault("role", "spec.path", &desired.path, &found.role.path));
            role::update(status, desired, found, &mut steps);
        }
    }
    if let Some(wanted) = &desired.profile {
        profile::plan(status, desired, wanted, observed, &mut steps, &mut holds);
    }
    (steps, holds)
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
