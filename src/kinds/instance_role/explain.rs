//! What AWS's refusals mean: the field at fault, the quota that is used up, what still holds a role that is to go.

use std::time::Duration;

use crate::{
    cloud::{Aws, fault::Fault},
    engine::{
        conditions,
        failure::{Class, Failure},
        kind::Subject,
    },
};

use super::{
    spec::InstanceRole,
    step::{PROFILE_NOT_READY, Step},
};

/// For how long IAM may take to make a new principal known; one that is unknown for longer does not exist.
const PRINCIPAL_KNOWN: Duration = Duration::from_mins(5);
const INVALID_PRINCIPAL: &str = "InvalidPrincipal";

/// The failure for a refused step. Reads what the refusal leaves open: usage and limit of a quota, and what still
/// holds something that could not be deleted.
pub async fn explain(cloud: &Aws, subject: &Subject<InstanceRole>, step: &Step, fault: Fault) -> Failure {
    let addition = match step {
        Step::AddRole { .. } => None,
        _ if fault.is(&["LimitExceeded"]) => quota(cloud, step).await,
        Step::DeleteRole { role } if fault.is(&["DeleteConflict"]) => holders(cloud, role).await,
        _ => None,
    };
    let failure = meaning(subject, step, fault);
    match addition {
        Some(addition) => Failure { message: format!("{}; {addition}", failure.message), ..failure },
        None => failure,
    }
}

/// Usage and limit of the quota that a step ran into. Those of a role itself are counted, those of the account stand
/// in the summary: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>.
async fn quota(cloud: &Aws, step: &Step) -> Option<String> {
    let size = |document: &str| i64::try_from(document.chars().filter(|c| !c.is_whitespace()).count()).ok();
    let (quota, used) = match step {
        Step::CreateRole(_) => ("RolesQuota", None),
        Step::CreateProfile { .. } => ("InstanceProfilesQuota", None),
        Step::AttachPolicy { role, .. } => {
            let attached = cloud.iam.attached_policies(role).await.ok()?;
            ("AttachedPoliciesPerRoleQuota", i64::try_from(attached.len()).ok())
        }
        Step::PutInlinePolicy { role, policy, document } => {
            let inline = cloud.iam.inline_policies(role).await.ok()?;
            let others = inline.iter().filter(|(name, _)| *name != policy).filter_map(|(_, document)| size(document));
            ("RolePolicySizeQuota", Some(others.sum::<i64>() + size(document)?))
        }
        Step::UpdateTrust { document, .. } => ("AssumeRolePolicySizeQuota", size(document)),
        _ => return None,
    };
    let summary = cloud.iam.account_summary().await.ok()?;
    let used = used.or_else(|| summary.get(quota.trim_end_matches("Quota")).copied())?;
    Some(format!("{used} of {} are in use ({quota})", summary.get(quota)?))
}

/// What still holds a role, by name.
async fn holders(cloud: &Aws, role: &str) -> Option<String> {
    let (attached, inline, profiles) = futures::try_join!(
        cloud.iam.attached_policies(role),
        cloud.iam.inline_policies(role),
        cloud.iam.instance_profiles_for_role(role),
    )
    .ok()?;
    let profiles = profiles.into_iter().map(|profile| format!("instance profile {}", profile.name));
    let inline = inline.into_keys().map(|name| format!("inline policy {name}"));
    let all: Vec<String> = profiles.chain(attached).chain(inline).take(5).collect();
    (!all.is_empty()).then(|| format!("the role is still held by {}", all.join(", ")))
}

fn meaning(subject: &Subject<InstanceRole>, step: &Step, fault: Fault) -> Failure {
    match step {
        Step::CreateRole(new) => match &new.permissions_boundary {
            Some(boundary) if names_unknown(&fault, boundary) => unknown_boundary(fault),
            _ if fault.is(&["MalformedPolicyDocument"]) => trust(subject, fault),
            _ => fault.into(),
        },
        Step::UpdateTrust { .. } => trust(subject, fault),
        Step::UpdateRole { .. } => Failure::from(fault).at("spec.description, spec.maxSessionDurationSeconds"),
        Step::PutBoundary { policy, .. } if names_unknown(&fault, policy) => unknown_boundary(fault),
        Step::AttachPolicy { policy, .. } if names_unknown(&fault, policy) => {
            terminal("UnknownManagedPolicy", fault).at("spec.managedPolicies")
        }
        Step::AttachPolicy { .. } => Failure::from(fault).at("spec.managedPolicies"),
        Step::PutInlinePolicy { policy, .. } => Failure::from(fault).at(&format!("spec.inlinePolicies[{policy}]")),
        // The quota is one role a profile and cannot be raised, so this says that a role is in it already.
        Step::AddRole { .. } if fault.is(&["LimitExceeded"]) => {
            Failure { class: Class::Conflict, reason: "Conflict".to_owned(), ..fault.into() }
        }
        Step::Associate { instance, .. } | Step::Replace { instance, .. } => {
            let not_ready = fault.class == Class::Dependency && fault.message.contains("IAM Instance Profile");
            let failure = Failure::from(fault).at(&format!("spec.instances: {instance}"));
            if not_ready { Failure { reason: PROFILE_NOT_READY.to_owned(), ..failure } } else { failure }
        }
        Step::Disassociate { instance, .. } => Failure::from(fault).at(&format!("spec.instances: {instance}")),
        _ => fault.into(),
    }
}

/// A principal that IAM does not know may just have been made, so it is waited for, but not for ever: IAM keeps
/// showing a deleted one's unique id, and to write its ARN again and again would help nobody.
fn trust(subject: &Subject<InstanceRole>, fault: Fault) -> Failure {
    let spec = subject.object.as_ref().map(|object| &object.spec);
    let policy = spec.and_then(|spec| spec.trust.as_ref()).is_some_and(|trust| trust.policy.is_some());
    let field = if policy { "spec.trust.policy" } else { "spec.trust.services" };
    let unknown = fault.class == Class::Dependency && fault.is(&["MalformedPolicyDocument"]);
    let known_for_long =
        subject.failing_with.as_ref().is_some_and(|(code, since)| *code == fault.code && *since >= PRINCIPAL_KNOWN);
    let told =
        conditions::ready(&subject.status.common.conditions).is_some_and(|ready| ready.reason == INVALID_PRINCIPAL);
    if unknown && (known_for_long || told) {
        terminal(INVALID_PRINCIPAL, fault).at(field)
    } else {
        Failure::from(fault).at(field)
    }
}

/// NoSuchEntity can speak of a role that is not visible yet or of a policy that does not exist; only the text
/// tells, by naming the policy.
fn names_unknown(fault: &Fault, policy_arn: &str) -> bool {
    fault.is(&["NoSuchEntity"]) && fault.message.contains(policy_arn)
}

fn unknown_boundary(fault: Fault) -> Failure {
    terminal("UnknownPermissionsBoundary", fault).at("spec.permissionsBoundary")
}

fn terminal(reason: &str, fault: Fault) -> Failure {
    Failure { class: Class::Terminal, reason: reason.to_owned(), ..fault.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cloud::{fault::Service, iam::NewRole},
        kinds::instance_role::spec::InstanceRoleStatus,
    };

    const ARN: &str = "arn:aws:iam::aws:policy/Nope";

    #[test]
    fn faults_name_the_field() {
        let (role, policy) = (|| "r".to_owned(), || ARN.to_owned());
        let create = Step::CreateRole(NewRole { permissions_boundary: Some(policy()), ..NewRole::default() });
        let attach = Step::AttachPolicy { role: role(), policy: policy() };
        let put = Step::PutInlinePolicy { role: role(), policy: "p".into(), document: "{}".into() };
        let add = Step::AddRole { profile: role(), role: role() };
        let subject = Subject::<InstanceRole> {
            namespace: "ns".into(),
            name: "r".into(),
            uid: "uid".into(),
            object: None,
            status: InstanceRoleStatus::default(),
            deleting: false,
            settled: true,
            absent_for: Duration::ZERO,
            failing_with: None,
        };
        let nope = format!("Policy {ARN} does not exist or is not attachable.");
        for (step, code, message, class, reason, begins) in [
            (&attach, "NoSuchEntity", nope.as_str(), Class::Terminal, "UnknownManagedPolicy", "spec.managedPolicies: "),
            (
                &attach,
                "NoSuchEntity",
                "The role with name r cannot be found.",
                Class::Dependency,
                "WaitingForAWS",
                "spec.managedPolicies: ",
            ),
            (&attach, "LimitExceeded", "Cannot exceed", Class::Terminal, "RejectedByAWS", "spec.managedPolicies: "),
            (
                &create,
                "NoSuchEntity",
                nope.as_str(),
                Class::Terminal,
                "UnknownPermissionsBoundary",
                "spec.permissionsBoundary: ",
            ),
            (&create, "MalformedPolicyDocument", "Syntax", Class::Terminal, "RejectedByAWS", "spec.trust.services: "),
            (&create, "EntityAlreadyExists", "There is", Class::Conflict, "Conflict", "CreateRole: "),
            (&put, "MalformedPolicyDocument", "Syntax", Class::Terminal, "RejectedByAWS", "spec.inlinePolicies[p]: "),
            (&add, "LimitExceeded", "InstanceSessionsPerInstanceProfile", Class::Conflict, "Conflict", ""),
        ] {
            let failure = meaning(&subject, step, Fault::answered(Service::Iam, "CreateRole", code, message));
            assert_eq!((failure.class, failure.reason.as_str()), (class, reason), "{step} {message}");
            assert!(failure.message.starts_with(begins), "{}", failure.message);
        }
    }
}
