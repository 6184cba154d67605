//! What a function's state allows.

use std::time::Duration;

use crate::{
    cloud::lambda::{Function, VpcConfig},
    engine::{
        conditions,
        kind::{Plan, Subject},
    },
};

use super::{
    super::{spec::LambdaFunction, step::Step},
    CONSISTENCY, LATER,
};

/// Reason of the Ready condition after a creation that AWS gave up.
const CREATE_FAILED: &str = "CreateFailed";
/// Reason of the Ready condition after a change that AWS could not apply.
const UPDATE_FAILED: &str = "UpdateFailed";

const SOON: Duration = Duration::from_secs(1);

/// Lambda takes one change at a time.
pub fn in_transition(function: &Function) -> Option<Plan<Step>> {
    let wait = |reason, what: &str| Plan::Wait {
        reason,
        message: with_reason(
            &format!("function {} {what}", function.name),
            &[&function.state_reason_code, &function.state_reason],
        ),
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
pub fn unusable(function: &Function) -> Option<Plan<Step>> {
    match (function.state.as_str(), function.last_update_status.as_deref()) {
        ("Failed", _) => Some(Plan::Refuse {
            reason: "FunctionFailed",
            message: with_reason(
                &format!("function {} cannot be used", function.name),
                &[&function.state_reason_code, &function.state_reason],
            ),
        }),
        (_, Some("Failed")) => Some(last_update_failed(function)),
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

/// A change that failed is made again for a new spec, and otherwise not in the pass that first saw the failure but in
/// one that found it reported, so that what cannot succeed is not tried in a loop.
pub fn update_failed(subject: &Subject<LambdaFunction>, function: &Function) -> Option<Plan<Step>> {
    let generation = subject.object.as_ref().and_then(|object| object.metadata.generation);
    let is_new = generation != subject.status.common.observed_generation;
    let failed = function.last_update_status.as_deref() == Some("Failed");
    (failed && !is_new && !is_reported(subject, UPDATE_FAILED)).then(|| last_update_failed(function))
}

fn last_update_failed(function: &Function) -> Plan<Step> {
    Plan::Refuse {
        reason: UPDATE_FAILED,
        message: with_reason(
            &format!("AWS could not apply the last change of function {}", function.name),
            &[&function.last_update_reason_code, &function.last_update_reason],
        ),
    }
}

fn is_reported(subject: &Subject<LambdaFunction>, reason: &str) -> bool {
    conditions::ready(&subject.status.common.conditions).is_some_and(|ready| ready.reason == reason)
}

/// A function whose creation failed can only be made anew. That is done for a new spec, and otherwise not in the
/// pass that first saw the failure but in one that found it reported, so that what cannot succeed is not tried in
/// a loop.
pub fn creation_failed(subject: &Subject<LambdaFunction>, function: &Function, differs: bool) -> Plan<Step> {
    if differs || is_reported(subject, CREATE_FAILED) {
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

/// What is waited for while AWS deletes a function.
pub fn deleting(function: &Function) -> Plan<Step> {
    let in_vpc = function.settings.vpc.as_ref().is_some_and(|vpc| vpc != &VpcConfig::default());
    let network = if in_vpc {
        "; with the execution role it also removes the network interfaces in the VPC, which may take 20 minutes and \
         keeps subnets and security groups from being deleted"
    } else {
        Default::default()
    };
    Plan::Wait {
        reason: "Deleting",
        message: format!("function {} is being deleted by AWS{network}", function.name),
        after: CONSISTENCY,
    }
}

fn with_reason(message: &str, reasons: &[&Option<String>]) -> String {
    let given = reasons.iter().filter_map(|reason| reason.as_deref());
    std::iter::once(message).chain(given).collect::<Vec<_>>().join(": ")
}
