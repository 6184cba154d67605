//! What to do next. Pure: no client, no clock.
//!
//! A change of the function gives it a new revision, and both update calls carry the revision that they were
//! decided on. So a plan holds one such change at most, and the next is planned on what is then observed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    cloud::{
        lambda::{CodeChange, ConfigurationChange, Environment, Function},
        ownership::{TagChange, tag_change},
    },
    engine::{
        conditions,
        kind::{Plan, Subject},
    },
};

use super::{
    desired::{Desired, Role},
    observe::{Found, Observed},
    role::{ObservedRole, OwnedRole, RoleOwner},
    spec::{Architecture, LambdaFunction, ManagedField},
    step::Step,
};

/// AWS's defaults, to which a setting goes back when the spec drops it:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>.
const DEFAULT_MEMORY: i32 = 128;
const DEFAULT_TIMEOUT: i32 = 3;
const DEFAULT_ARCHITECTURE: Architecture = Architecture::X86;

/// Reason of the Ready condition after a creation that AWS gave up.
const CREATE_FAILED: &str = "CreateFailed";

const SOON: Duration = Duration::from_secs(1);
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
        Some(found) => converge(subject, desired, role_arn, found, role),
    }
}

/// Decides what to do while the object is being deleted.
pub fn plan_delete(subject: &Subject<LambdaFunction>, observed: Option<&Observed>) -> Plan<Step> {
    match observed.and_then(|observed| observed.found.as_ref()) {
        Some(found) if found.function.state == "Deleting" => deleting(&found.function),
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
        _ if observed.terminating => Err(wait("is being deleted")),
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
    Plan::Act(vec![Step::Create(Box::new(desired.new_function(role)))])
}

fn converge(
    subject: &Subject<LambdaFunction>,
    desired: &Desired,
    role_arn: &str,
    found: &Found,
    role: Option<&ObservedRole>,
) -> Plan<Step> {
    let function = &found.function;
    if let Some(wait) = in_transition(function) {
        return wait;
    }
    let tags = tag_steps(subject, desired, found);
    if !tags.is_empty() {
        return Plan::Act(tags);
    }
    let update = update(desired, &subject.status.managed_fields, role_arn, function);
    let converged_before = subject.status.common.owner_uid.as_deref() == Some(subject.uid.as_str());
    if function.state == "Failed" && !converged_before {
        return creation_failed(subject, function, update.is_some());
    }
    if let Some(step) = update {
        return Plan::Act(vec![step]);
    }
    if let Some(trouble) = unusable(function) {
        return trouble;
    }
    match role {
        Some(role) if is_left_over(desired, role) => {
            Plan::Act(vec![Step::DeleteRole { role: role.reference.clone(), uid: role.uid.clone() }])
        }
        _ => Plan::Converged,
    }
}

/// Lambda takes one change at a time.
fn in_transition(function: &Function) -> Option<Plan<Step>> {
    let wait = |reason, what: &str| Plan::Wait {
        reason,
        message: with_reason(&format!("function {} {what}", function.name), &[&function.state_reason]),
        after: SOON,
    };
    match (function.state.as_str(), function.last_update_status.as_deref()) {
        ("Deleting", _) => Some(deleting(function)),
        ("Pending", _) => Some(wait("Pending", "is being made ready by AWS")),
        (_, Some("InProgress")) => Some(wait("UpdateInProgress", "is being updated by AWS")),
        _ => None,
    }
}

/// What keeps a function that is as it should be from being used.
fn unusable(function: &Function) -> Option<Plan<Step>> {
    match (function.state.as_str(), function.last_update_status.as_deref()) {
        ("Failed", _) => Some(Plan::Refuse {
            reason: "FunctionFailed",
            message: with_reason(
                &format!("function {} cannot be used", function.name),
                &[&function.state_reason_code, &function.state_reason],
            ),
        }),
        (_, Some("Failed")) => Some(Plan::Refuse {
            reason: "UpdateFailed",
            message: with_reason(
                &format!("AWS could not apply the last change of function {}", function.name),
                &[&function.last_update_reason],
            ),
        }),
        ("Deactivating" | "Deactivated", _) => Some(Plan::Wait {
            reason: "NotActive",
            message: with_reason(
                &format!("function {} is {}", function.name, function.state),
                &[&function.state_reason_code, &function.state_reason],
            ),
            after: LATER,
        }),
        _ => None,
    }
}

/// A function whose creation failed can only be made anew. That is done for a new spec, and otherwise not in the
/// pass that first saw the failure but in one that found it reported, so that what cannot succeed is not tried in
/// a loop.
fn creation_failed(subject: &Subject<LambdaFunction>, function: &Function, differs: bool) -> Plan<Step> {
    let reported = conditions::ready(&subject.status.common.conditions).is_some_and(|c| c.reason == CREATE_FAILED);
    if differs || reported {
        return Plan::Act(vec![Step::Delete { function: function.name.clone() }]);
    }
    Plan::Refuse {
        reason: CREATE_FAILED,
        message: with_reason(
            &format!(
                "AWS could not create function {} (correct the spec, or set the annotation privatelink.dev/requested-at to try again)",
                function.name
            ),
            &[&function.state_reason_code, &function.state_reason],
        ),
    }
}

fn deleting(function: &Function) -> Plan<Step> {
    Plan::Wait {
        reason: "Deleting",
        message: format!("function {} is being deleted by AWS", function.name),
        after: CONSISTENCY,
    }
}

fn awaiting(message: &str) -> Plan<Step> {
    Plan::Wait { reason: "AwaitingConsistency", message: message.to_owned(), after: CONSISTENCY }
}

fn with_reason(message: &str, reasons: &[&Option<String>]) -> String {
    let given = reasons.iter().filter_map(|reason| reason.as_deref());
    std::iter::once(message).chain(given).collect::<Vec<_>>().join(": ")
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

/// The next change of a function that differs: its configuration, then its code.
pub fn update(desired: &Desired, managed: &[ManagedField], role: &str, function: &Function) -> Option<Step> {
    configure(desired, managed, role, function).or_else(|| deploy(desired, managed, function))
}

/// What the spec gives, or the default if it gave something before, if that is not what AWS has.
fn changed<T: PartialEq>(given: Option<T>, managed: bool, default: T, observed: &T) -> Option<T> {
    given.or(managed.then_some(default)).filter(|wanted| wanted != observed)
}

fn configure(desired: &Desired, managed: &[ManagedField], role: &str, function: &Function) -> Option<Step> {
    let is_managed = |field| managed.contains(&field);
    let differs = |wanted: &str, observed: Option<&str>| (observed != Some(wanted)).then(|| wanted.to_owned());
    let environment = changed(
        desired.environment.clone(),
        is_managed(ManagedField::Env),
        Environment::default(),
        &function.environment,
    );
    let variables = environment.as_ref().map(|wanted| changed_keys(wanted, &function.environment)).unwrap_or_default();
    let unchanged = ConfigurationChange {
        name: function.name.clone(),
        revision_id: function.revision_id.clone(),
        ..ConfigurationChange::default()
    };
    let change = ConfigurationChange {
        runtime: differs(&desired.runtime, function.runtime.as_deref()),
        handler: differs(&desired.handler, function.handler.as_deref()),
        memory_size: changed(
            desired.memory_size,
            is_managed(ManagedField::MemorySize),
            DEFAULT_MEMORY,
            &function.memory_size,
        ),
        timeout_seconds: changed(
            desired.timeout_seconds,
            is_managed(ManagedField::TimeoutSeconds),
            DEFAULT_TIMEOUT,
            &function.timeout_seconds,
        ),
        environment,
        role: differs(role, Some(&function.role)),
        ..unchanged.clone()
    };
    (change != unchanged).then_some(Step::Configure { change, variables })
}

fn deploy(desired: &Desired, managed: &[ManagedField], function: &Function) -> Option<Step> {
    let architecture = changed(
        desired.architecture.map(Architecture::as_str),
        managed.contains(&ManagedField::Architecture),
        DEFAULT_ARCHITECTURE.as_str(),
        &function.architecture.as_str(),
    );
    (architecture.is_some() || desired.code.sha256 != function.code_sha256).then(|| {
        Step::Deploy(CodeChange {
            name: function.name.clone(),
            revision_id: function.revision_id.clone(),
            zip: desired.code.zip.clone(),
            architecture: architecture.map(str::to_owned),
            current_architecture: function.architecture.clone(),
        })
    })
}

fn changed_keys(wanted: &BTreeMap<String, String>, observed: &BTreeMap<String, String>) -> BTreeSet<String> {
    wanted.keys().chain(observed.keys()).filter(|key| wanted.get(*key) != observed.get(*key)).cloned().collect()
}

#[cfg(test)]
mod tests;
