//! Facts for the status.

use crate::cloud::{
    Aws,
    ownership::{PREFIX, UID},
};

use super::{
    desired::{Desired, Role},
    observe::{Found, Observed},
    plan,
    role::RoleOwner,
    spec::LambdaFunctionStatus,
};

/// Bound of `status.stateReason`.
const REASON_LIMIT: usize = 1024;

/// Fills the status. Without a desired state the facts stay as they are: the object is being deleted, or
/// nothing was looked at.
pub fn report(aws: &Aws, desired: Option<&Desired>, observed: Option<&Observed>, status: &mut LambdaFunctionStatus) {
    let Some(desired) = desired else { return };
    let role = observed.and_then(|observed| observed.role.as_ref());
    status.owned_role =
        role.filter(|role| role.owner == RoleOwner::Us && !role.terminating).map(|role| role.reference.name.clone());
    let Some(found) = observed.and_then(|observed| observed.found.as_ref()) else {
        return forget(status);
    };
    facts(aws, found, status);
    let role_arn = match &desired.role {
        Role::Arn(arn) => Some(arn.as_str()),
        Role::Owned(_) => role.and_then(|role| role.arn.as_deref()),
    };
    settle(desired, role_arn, found, status);
}

/// There is no function. That we deleted it ourselves is kept, since it makes the absence certain.
fn forget(status: &mut LambdaFunctionStatus) {
    status.state = status.state.take().filter(|state| state == "Deleting");
    status.state_reason = None;
    status.last_update_status = None;
    status.code_sha256 = None;
    status.revision_id = None;
    status.execution_role_arn = None;
}

fn facts(aws: &Aws, found: &Found, status: &mut LambdaFunctionStatus) {
    let function = &found.function;
    status.function_name = Some(function.name.clone());
    status.state = Some(function.state.clone());
    status.state_reason = function.state_reason.as_ref().map(|reason| reason.chars().take(REASON_LIMIT).collect());
    status.last_update_status.clone_from(&function.last_update_status);
    status.code_sha256 = Some(function.code_sha256.clone());
    status.execution_role_arn = Some(function.role.clone());
    if !found.ours {
        return;
    }
    status.common.arn = Some(function.arn.clone());
    status.common.account_id = Some(aws.account.clone());
    status.common.region = Some(aws.region.clone());
    if !matches!(function.state.as_str(), "Pending" | "Failed") {
        status.common.owner_uid = found.tags.get(UID).cloned();
    }
    if matches!(function.state.as_str(), "Active" | "Inactive") && is_at_rest(function.last_update_status.as_deref()) {
        status.revision_id = Some(function.revision_id.clone());
    }
}

fn is_at_rest(last_update: Option<&str>) -> bool {
    !matches!(last_update, Some("InProgress" | "Failed"))
}

/// Once AWS holds what the spec says, what was set before and is not in the spec any more is forgotten.
fn settle(desired: &Desired, role_arn: Option<&str>, found: &Found, status: &mut LambdaFunctionStatus) {
    if plan::tags(&status.common.managed_tags, desired, found).is_empty() {
        status.common.managed_tags = desired.tags.keys().filter(|key| !key.starts_with(PREFIX)).cloned().collect();
    }
    let role_arn = role_arn.unwrap_or(&found.function.role);
    if plan::update(desired, &status.managed_fields, role_arn, &found.function).is_none() {
        status.managed_fields = desired.managed_fields();
    }
}
