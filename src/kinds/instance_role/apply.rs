//! One step is one call. What AWS refuses is told with the field at fault.

use crate::{
    cloud::{Aws, fault::Fault},
    engine::{
        failure::{Class, Failure},
        kind::Subject,
    },
};

use super::{
    report,
    spec::{InstanceRole, InstanceRoleStatus},
    step::RoleStep,
};

/// What must be known after a crash in the middle of a step: names to look for, and what is ours to remove.
pub fn record(step: &RoleStep, status: &mut InstanceRoleStatus) {
    match step {
        RoleStep::CreateRole(new) => {
            status.role_name = Some(new.name.clone());
            status.boundary_applied |= new.permissions_boundary.is_some();
            report::add_managed_tags(status, new.tags.keys());
        }
        RoleStep::TagRole { tags, .. } => report::add_managed_tags(status, tags.keys()),
        RoleStep::PutBoundary { .. } => status.boundary_applied = true,
        RoleStep::AttachPolicy { policy, .. } => insert(&mut status.managed_policies, policy),
        RoleStep::PutInlinePolicy { policy, .. } => insert(&mut status.inline_policies, policy),
        RoleStep::CreateProfile { profile, .. } | RoleStep::TagProfile { profile, .. } => {
            status.instance_profile_name = Some(profile.clone());
        }
        RoleStep::Associate { instance, .. } | RoleStep::Replace { instance, .. } => {
            insert(&mut status.associations_made, instance);
        }
        _ => {}
    }
}

fn insert(sorted: &mut Vec<String>, value: &str) {
    if let Err(at) = sorted.binary_search_by(|known| known.as_str().cmp(value)) {
        sorted.insert(at, value.to_owned());
    }
}

pub async fn apply(
    cloud: &Aws,
    _subject: &Subject<InstanceRole>,
    step: &RoleStep,
    status: &mut InstanceRoleStatus,
) -> Result<(), Failure> {
    let (iam, ec2) = (&cloud.iam, &cloud.ec2);
    let done = match step {
        RoleStep::CreateRole(new) => iam.create_role(new).await.map(|role| report::role(&role, status)),
        RoleStep::TagRole { role, tags } => iam.tag_role(role, tags).await,
        RoleStep::UntagRole { role, keys } => iam.untag_role(role, keys).await,
        RoleStep::PutBoundary { role, policy } => iam.put_boundary(role, policy).await,
        RoleStep::DeleteBoundary { role } => iam.delete_boundary(role).await.map(|()| status.boundary_applied = false),
        RoleStep::UpdateTrust { role, document } => iam.update_trust(role, document).await,
        RoleStep::AttachPolicy { role, policy } => iam.attach_policy(role, policy).await,
        RoleStep::DetachPolicy { role, policy } => iam.detach_policy(role, policy).await,
        RoleStep::PutInlinePolicy { role, policy, document } => iam.put_inline_policy(role, policy, document).await,
        RoleStep::DeleteInlinePolicy { role, policy } => iam.delete_inline_policy(role, policy).await,
        RoleStep::CreateProfile { profile, path, tags } => {
            iam.create_instance_profile(profile, path, tags).await.map(|profile| report::profile(&profile, status))
        }
        RoleStep::TagProfile { profile, tags } => iam.tag_instance_profile(profile, tags).await,
        RoleStep::AddRole { profile, role } => iam.add_role_to_profile(profile, role).await,
        RoleStep::RemoveRole { profile, role } => iam.remove_role_from_profile(profile, role).await,
        RoleStep::DeleteProfile { profile } => {
            iam.delete_instance_profile(profile).await.map(|()| report::profile_gone(status))
        }
        RoleStep::Associate { instance, profile_arn } => ec2.associate_profile(instance, profile_arn).await.map(|_| ()),
        RoleStep::Replace { association, profile_arn, .. } => {
            ec2.replace_profile(association, profile_arn).await.map(|_| ())
        }
        RoleStep::Disassociate { instance, association } => {
            ec2.disassociate_profile(association).await.map(|()| report::disassociated(instance, status))
        }
        RoleStep::DeleteRole { role } => iam.delete_role(role).await.map(|()| report::role_gone(status)),
    };
    done.map_err(|fault| explain(step, fault))
}

fn explain(step: &RoleStep, fault: Fault) -> Failure {
    match step {
        RoleStep::CreateRole(new) => match &new.permissions_boundary {
            Some(boundary) if names_unknown(&fault, boundary) => unknown_boundary(fault),
            _ if fault.is(&["MalformedPolicyDocument"]) => Failure::from(fault).at("spec.trust"),
            _ => fault.into(),
        },
        RoleStep::UpdateTrust { .. } => Failure::from(fault).at("spec.trust"),
        RoleStep::PutBoundary { policy, .. } if names_unknown(&fault, policy) => unknown_boundary(fault),
        RoleStep::AttachPolicy { policy, .. } if names_unknown(&fault, policy) => {
            terminal("UnknownManagedPolicy", fault).at("spec.managedPolicies")
        }
        RoleStep::AttachPolicy { .. } => Failure::from(fault).at("spec.managedPolicies"),
        RoleStep::PutInlinePolicy { policy, .. } => Failure::from(fault).at(&format!("spec.inlinePolicies[{policy}]")),
        // The quota is one role a profile and cannot be raised, so this says that a role is in it already.
        RoleStep::AddRole { .. } if fault.is(&["LimitExceeded"]) => {
            Failure { class: Class::Conflict, reason: "Conflict".to_owned(), ..fault.into() }
        }
        RoleStep::Associate { instance, .. } | RoleStep::Replace { instance, .. } => {
            Failure::from(fault).at(&format!("spec.instances: {instance}"))
        }
        _ => fault.into(),
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
    use crate::cloud::{fault::Service, iam::NewRole};

    const ARN: &str = "arn:aws:iam::aws:policy/Nope";

    #[test]
    fn faults_name_the_field() {
        let (role, policy) = (|| "r".to_owned(), || ARN.to_owned());
        let create = RoleStep::CreateRole(NewRole { permissions_boundary: Some(policy()), ..NewRole::default() });
        let attach = RoleStep::AttachPolicy { role: role(), policy: policy() };
        let put = RoleStep::PutInlinePolicy { role: role(), policy: "p".into(), document: "{}".into() };
        let add = RoleStep::AddRole { profile: role(), role: role() };
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
            (&create, "MalformedPolicyDocument", "Syntax", Class::Terminal, "RejectedByAWS", "spec.trust: "),
            (&create, "EntityAlreadyExists", "There is", Class::Conflict, "Conflict", "CreateRole: "),
            (&put, "MalformedPolicyDocument", "Syntax", Class::Terminal, "RejectedByAWS", "spec.inlinePolicies[p]: "),
            (&add, "LimitExceeded", "InstanceSessionsPerInstanceProfile", Class::Conflict, "Conflict", ""),
        ] {
            let failure = explain(step, Fault::answered(Service::Iam, "CreateRole", code, message));
            assert_eq!((failure.class, failure.reason.as_str()), (class, reason), "{step} {message}");
            assert!(failure.message.starts_with(begins), "{}", failure.message);
        }
    }

    #[test]
    fn records_stay_sorted_and_single() {
        let mut status = InstanceRoleStatus::default();
        for instance in ["i-2", "i-1", "i-2"] {
            let step = RoleStep::Associate { instance: instance.into(), profile_arn: "a".into() };
            record(&step, &mut status);
        }
        assert_eq!(status.associations_made, ["i-1", "i-2"]);
    }
}
