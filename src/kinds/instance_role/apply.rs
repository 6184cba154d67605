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
    step::Step,
};

pub async fn apply(
    cloud: &Aws,
    _subject: &Subject<InstanceRole>,
    step: &Step,
    status: &mut InstanceRoleStatus,
) -> Result<(), Failure> {
    let (iam, ec2) = (&cloud.iam, &cloud.ec2);
    let done = match step {
        Step::CreateRole(new) => iam.create_role(new).await.map(|role| report::role(&role, status)),
        Step::TagRole { role, tags } => iam.tag_role(role, tags).await,
        Step::UntagRole { role, keys } => iam.untag_role(role, keys).await,
        Step::PutBoundary { role, policy } => iam.put_boundary(role, policy).await,
        Step::DeleteBoundary { role } => iam.delete_boundary(role).await,
        Step::UpdateTrust { role, document } => iam.update_trust(role, document).await,
        Step::AttachPolicy { role, policy } => iam.attach_policy(role, policy).await,
        Step::DetachPolicy { role, policy } => iam.detach_policy(role, policy).await,
        Step::PutInlinePolicy { role, policy, document } => iam.put_inline_policy(role, policy, document).await,
        Step::DeleteInlinePolicy { role, policy } => iam.delete_inline_policy(role, policy).await,
        Step::CreateProfile { profile, path, tags } => {
            iam.create_instance_profile(profile, path, tags).await.map(|profile| report::profile(&profile, status))
        }
        Step::TagProfile { profile, tags } => iam.tag_instance_profile(profile, tags).await,
        Step::AddRole { profile, role } => iam.add_role_to_profile(profile, role).await,
        Step::RemoveRole { profile, role } => iam.remove_role_from_profile(profile, role).await,
        Step::DeleteProfile { profile } => {
            iam.delete_instance_profile(profile).await.map(|()| report::profile_gone(status))
        }
        Step::Associate { instance, profile_arn } => ec2.associate_profile(instance, profile_arn).await.map(|_| ()),
        Step::Replace { association, profile_arn, .. } => {
            ec2.replace_profile(association, profile_arn).await.map(|_| ())
        }
        Step::Disassociate { instance, association } => {
            ec2.disassociate_profile(association).await.map(|()| report::disassociated(instance, status))
        }
        Step::DeleteRole { role } => iam.delete_role(role).await.map(|()| report::role_gone(status)),
    };
    done.map_err(|fault| explain(step, fault))
}

fn explain(step: &Step, fault: Fault) -> Failure {
    match step {
        Step::CreateRole(new) => match &new.permissions_boundary {
            Some(boundary) if names_unknown(&fault, boundary) => unknown_boundary(fault),
            _ if fault.is(&["MalformedPolicyDocument"]) => Failure::from(fault).at("spec.trust"),
            _ => fault.into(),
        },
        Step::UpdateTrust { .. } => Failure::from(fault).at("spec.trust"),
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
        let create = Step::CreateRole(NewRole { permissions_boundary: Some(policy()), ..NewRole::default() });
        let attach = Step::AttachPolicy { role: role(), policy: policy() };
        let put = Step::PutInlinePolicy { role: role(), policy: "p".into(), document: "{}".into() };
        let add = Step::AddRole { profile: role(), role: role() };
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
}
