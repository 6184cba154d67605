//! Facts for the status.

use std::collections::BTreeSet;

use crate::cloud::{Aws, lambda::Function, ownership::UID};

use super::{
    aspects,
    desired::{Desired, Role},
    observe::{Found, Observed},
    plan,
    role::RoleOwner,
    spec::{DeployedObject, LambdaFunctionStatus, VpcStatus},
};

/// Bound of `status.stateReason`.
const REASON_LIMIT: usize = 1024;
/// Bound of `status.layers`.
const LAYERS_LIMIT: usize = 16;
/// Bound of the lists in `status.vpc`.
const IDS_LIMIT: usize = 64;

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
    if let Some(observed) = observed.and_then(|observed| observed.aspects.as_ref()) {
        let function = &found.function.name;
        let view = aspects::View { function, desired: &desired.aspects, status: &status.aspects, observed };
        status.aspects = aspects::report::report(&view);
    }
}

/// One line about a function at rest.
pub fn summary(function: &Function) -> String {
    let reasons = [&function.state_reason_code, &function.state_reason].into_iter().flatten();
    let line = format!("function {} is {}", function.name, function.state);
    reasons.fold(line, |line, reason| format!("{line}: {reason}"))
}

/// There is no function. That we deleted it ourselves is kept, since it makes the absence certain, and so is what was
/// deployed, since AWS may only not show the function yet.
fn forget(status: &mut LambdaFunctionStatus) {
    status.state = status.state.take().filter(|state| state == "Deleting");
    status.state_reason = None;
    status.state_reason_code = None;
    status.last_update_status = None;
    status.code_sha256 = None;
    status.revision_id = None;
    status.execution_role_arn = None;
    status.resolved_image_uri = None;
    status.layers = Vec::new();
    status.vpc = None;
    aspects::report::forget(&mut status.aspects);
}

fn facts(aws: &Aws, found: &Found, status: &mut LambdaFunctionStatus) {
    let function = &found.function;
    status.function_name = Some(function.name.clone());
    status.state = Some(function.state.clone());
    status.state_reason = function.state_reason.as_ref().map(|reason| reason.chars().take(REASON_LIMIT).collect());
    status.state_reason_code.clone_from(&function.state_reason_code);
    status.last_update_status.clone_from(&function.last_update_status);
    status.code_sha256 = Some(function.code_sha256.clone());
    status.execution_role_arn.clone_from(&function.settings.role);
    status.resolved_image_uri.clone_from(&function.resolved_image_uri);
    status.layers = function.settings.layers.iter().flatten().take(LAYERS_LIMIT).cloned().collect();
    status.vpc = vpc(function);
    if !found.ours {
        return;
    }
    status.common.arn = Some(function.arn.clone());
    status.common.account_id = Some(aws.account.clone());
    status.common.region = Some(aws.region.clone());
    if !matches!(function.state.as_str(), "Pending" | "Failed") {
        status.common.owner_uid = found.tags.get(UID).cloned();
    }
    if matches!(function.state.as_str(), "Active" | "Inactive" | "ActiveNonInvocable")
        && is_at_rest(function.last_update_status.as_deref())
    {
        status.revision_id = Some(function.revision_id.clone());
    }
}

fn vpc(function: &Function) -> Option<VpcStatus> {
    let config = function.settings.vpc.as_ref().filter(|vpc| !vpc.subnets.is_empty())?;
    let ids = |ids: &BTreeSet<String>| ids.iter().take(IDS_LIMIT).cloned().collect();
    Some(VpcStatus {
        id: function.vpc_id.clone(),
        subnets: ids(&config.subnets),
        security_groups: ids(&config.security_groups),
    })
}

fn is_at_rest(last_update: Option<&str>) -> bool {
    !matches!(last_update, Some("InProgress" | "Failed"))
}

/// Once AWS holds what the spec says, what was set before and is not in the spec any more is forgotten.
fn settle(desired: &Desired, role_arn: Option<&str>, found: &Found, status: &mut LambdaFunctionStatus) {
    if plan::tags(&status.common.managed_tags, desired, found).is_empty() {
        status.common.managed_tags = desired.own_tags();
    }
    let role_arn = role_arn.or(found.function.settings.role.as_deref()).unwrap_or_default();
    if plan::update(desired, status, role_arn, found).is_none() {
        status.managed_fields = desired.managed_fields();
        status.deployed_object = desired.code.object_source().map(|source| DeployedObject {
            source: source.to_owned(),
            code_sha256: found.function.code_sha256.clone(),
        });
    }
}
