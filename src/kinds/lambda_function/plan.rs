//! What to do next. Pure: no client, no clock.
//!
//! A change of the function gives it a new revision, and both update calls carry the revision that they were
//! decided on. So a plan holds one such change at most, and the next is planned on what is then observed.

mod changes;
mod states;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::{
    cloud::ownership::{TagChange, tag_change},
    engine::kind::{AWAITING_CONSISTENCY, Plan, Subject},
};

use super::{
    aspects,
    desired::{Desired, Role},
    observe::{Found, Observed, function_name},
    role::{ObservedRole, OwnedRole, RoleOwner},
    spec::LambdaFunction,
    step::Step,
};

pub use self::changes::update;

const CONSISTENCY: Duration = Duration::from_secs(2);
const LATER: Duration = Duration::from_secs(15);

/// Decides what to do.
pub fn plan(subject: &Subject<LambdaFunction>, desired: &Desired, observed: Option<&Observed>) -> Plan<Step> {
    let role = observed.and_then(|observed| observed.role.as_ref());
    let role_arn = match &desired.role {
        Role::Arn(arn) => arn,
        Role::Owned(wanted) => match owned_role_arn(wanted, role) {
            Ok(arn) => arn,
            Err(plan) => return plan,
        },
    };
    match observed.and_then(|observed| observed.found.as_ref()) {
        None => create(subject, desired, role_arn),
        Some(found) => {
            let aspects = observed.and_then(|observed| observed.aspects.as_ref());
            converge(subject, desired, role_arn, found, role, aspects)
        }
    }
}

/// Decides what to do while the object is being deleted. Lambda can need the role for as long as the function is there,
/// so the function's own role goes with the object, after it.
pub fn plan_delete(subject: &Subject<LambdaFunction>, observed: Option<&Observed>) -> Plan<Step> {
    if let Some(plan) = aspects_before_deletion(subject, observed) {
        return plan;
    }
    match observed.and_then(|observed| observed.found.as_ref()) {
        Some(found) if found.function.state == "Deleting" => states::deleting(&found.function),
        Some(found) => Plan::Act(vec![Step::Delete { function: found.function.name.clone() }]),
        None => {
            let created = subject.status.function_name.is_some() && subject.status.state.as_deref() != Some("Deleting");
            if created && !subject.settled {
                return awaiting("the function was changed a moment ago, and AWS does not show it");
            }
            Plan::Converged
        }
    }
}

/// Event source mappings go before the function, and those that it left behind go as well.
fn aspects_before_deletion(subject: &Subject<LambdaFunction>, observed: Option<&Observed>) -> Option<Plan<Step>> {
    let nothing = aspects::Observed { settled: subject.settled, ..aspects::Observed::default() };
    let observed = observed.and_then(|observed| observed.aspects.as_ref()).unwrap_or(&nothing);
    let desired = aspects::Desired::default();
    let function = function_name(subject);
    let view = aspects::View { function: &function, desired: &desired, status: &subject.status.aspects, observed };
    aspects::plan::plan_delete(&view).map(of_aspects)
}

/// A plan for aspects as one of the kind.
fn of_aspects(plan: Plan<aspects::Step>) -> Plan<Step> {
    match plan {
        Plan::Converged => Plan::Converged,
        Plan::Act(steps) => Plan::Act(steps.into_iter().map(Step::Aspect).collect()),
        Plan::Wait { reason, message, after } => Plan::Wait { reason, message, after },
        Plan::Refuse { reason, message } => Plan::Refuse { reason, message },
    }
}

/// ARN of the owned role, or what has to happen before it has one.
fn owned_role_arn<'a>(wanted: &OwnedRole, observed: Option<&'a ObservedRole>) -> Result<&'a str, Plan<Step>> {
    let name = format!("InstanceRole {}/{}", wanted.reference.namespace, wanted.reference.name);
    let wait = |what: &str| Plan::Wait {
        reason: "InstanceRoleNotReady",
        message: format!("spec.executionRole.create: {name} {what}"),
        after: LATER,
    };
    let Some(observed) = observed else { return Err(Plan::Act(vec![Step::ApplyRole(wanted.clone())])) };
    match observed.owner {
        RoleOwner::Another => Err(Plan::Refuse {
            reason: "InstanceRoleNotOwned",
            message: format!(
                "spec.executionRole.create: {name} exists and was not made for this function; delete it, or name it in spec.executionRole.instanceRoleRef"
            ),
        }),
        _ if observed.terminating => Err(wait("is being deleted; while a function runs with it, it stays")),
        RoleOwner::Predecessor => Err(wait("belongs to an earlier object of this name and is about to be deleted")),
        RoleOwner::Us if !wanted.is_applied(observed) => Err(Plan::Act(vec![Step::ApplyRole(wanted.clone())])),
        RoleOwner::Us => observed.arn.as_deref().ok_or_else(|| wait("has no ARN yet")),
    }
}

fn create(subject: &Subject<LambdaFunction>, desired: &Desired, role: &str) -> Plan<Step> {
    let existed = subject.status.common.arn.is_some() && subject.status.state.as_deref() != Some("Deleting");
    if existed && !subject.settled {
        return awaiting("the function was changed a moment ago, and AWS does not show it");
    }
    let source = desired.code.object_source().map(str::to_owned);
    Plan::Act(vec![Step::Create { new: Box::new(desired.new_function(role)), source }])
}

fn converge(
    subject: &Subject<LambdaFunction>,
    desired: &Desired,
    role_arn: &str,
    found: &Found,
    role: Option<&ObservedRole>,
    aspects: Option<&aspects::Observed>,
) -> Plan<Step> {
    let function = &found.function;
    if let Some(wait) = states::in_transition(function) {
        return wait;
    }
    if let Some(refusal) = changes::beyond(desired, function) {
        return refusal;
    }
    let tags = tag_steps(subject, desired, found);
    if !tags.is_empty() {
        return Plan::Act(tags);
    }
    let status = &subject.status.aspects;
    let aspects =
        aspects.map(|observed| aspects::View { function: &function.name, desired: &desired.aspects, status, observed });
    let first = aspects.as_ref().map(aspects::plan::plan_before_code).unwrap_or_default();
    if !first.is_empty() {
        return of_aspects(Plan::Act(first));
    }
    let update = update(desired, &subject.status, role_arn, found);
    let converged_before = subject.status.common.owner_uid.as_deref() == Some(subject.uid.as_str());
    if function.state == "Failed" && !converged_before {
        return states::creation_failed(subject, function, update.is_some());
    }
    if let Some(step) = update {
        return states::update_failed(subject, function).unwrap_or_else(|| Plan::Act(vec![step]));
    }
    if let Some(trouble) = states::unusable(function) {
        return trouble;
    }
    let aspects = aspects.map(|view| aspects::plan::plan(&view, &function.code_sha256, &function.revision_id));
    if let Some(plan) = aspects.filter(|plan| *plan != Plan::Converged) {
        return of_aspects(plan);
    }
    match role {
        Some(role) if is_left_over(desired, role) => {
            Plan::Act(vec![Step::DeleteRole { role: role.reference.clone(), uid: role.uid.clone() }])
        }
        _ => Plan::Converged,
    }
}

fn awaiting(message: &str) -> Plan<Step> {
    Plan::Wait { reason: AWAITING_CONSISTENCY, message: message.to_owned(), after: CONSISTENCY }
}

/// A role that was made for the function when its spec asked for one. It goes when the function runs with another.
fn is_left_over(desired: &Desired, role: &ObservedRole) -> bool {
    matches!(desired.role, Role::Arn(_)) && role.owner == RoleOwner::Us && !role.terminating
}

/// What has to change in the function's tags.
pub fn tags(managed: &[String], desired: &Desired, found: &Found) -> TagChange {
    tag_change(&desired.tags, managed, &found.tags)
}

/// A function that is to be claimed gets its ownership tags before anything else is changed. Otherwise removals
/// come first, because AWS allows 50 tags.
fn tag_steps(subject: &Subject<LambdaFunction>, desired: &Desired, found: &Found) -> Vec<Step> {
    let TagChange { set, remove } = tags(&subject.status.common.managed_tags, desired, found);
    let (function, arn) = (&found.function.name, &found.function.arn);
    let tag = (!set.is_empty()).then(|| Step::Tag { function: function.clone(), arn: arn.clone(), tags: set });
    let untag =
        (!remove.is_empty()).then(|| Step::Untag { function: function.clone(), arn: arn.clone(), keys: remove });
    let steps = if found.ours { [untag, tag] } else { [tag, untag] };
    steps.into_iter().flatten().collect()
}
