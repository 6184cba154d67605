//! One step is one call. What AWS refuses is told with the field at fault.

use crate::{
    cloud::{Aws, fault::Fault},
    engine::{
        failure::{Class, Failure},
        kind::Subject,
    },
};

use super::{
    explain, report,
    spec::{InstanceRole, InstanceRoleStatus},
    step::Step,
};

pub async fn apply(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    step: &Step,
    status: &mut InstanceRoleStatus,
) -> Result<(), Failure> {
    if let Some(role) = status.role_name.as_deref().filter(|_| step.instance().is_none()) {
        cloud.recent_roles.forget(role);
    }
    let is_last = subject.deleting && subject.settled;
    match call(cloud, is_last, step, status).await {
        Ok(()) => Ok(()),
        Err(fault) => {
            refused(step, &fault, status);
            Err(explain::explain(cloud, subject, step, fault).await)
        }
    }
}

/// What AWS has refused to make is not to be waited for when it is deleted.
fn refused(step: &Step, fault: &Fault, status: &mut InstanceRoleStatus) {
    match step {
        _ if fault.class != Class::Terminal => {}
        Step::CreateRole(_) => report::role_gone(status),
        Step::CreateProfile { profile, .. } => report::profile_deleted(profile, status),
        _ => {}
    }
}

/// `is_last`: an association that is undone now is the last that the instance has by our doing.
async fn call(cloud: &Aws, is_last: bool, step: &Step, status: &mut InstanceRoleStatus) -> Result<(), Fault> {
    let (iam, ec2) = (&cloud.iam, &cloud.ec2);
    match step {
        Step::CreateRole(new) => iam.create_role(new).await.map(|role| report::role(&role, status)),
        Step::TagRole { role, tags } => iam.tag_role(role, tags).await,
        Step::UntagRole { role, keys } => iam.untag_role(role, keys).await,
        Step::PutBoundary { role, policy } => iam.put_boundary(role, policy).await,
        Step::DeleteBoundary { role } => iam.delete_boundary(role).await,
        Step::UpdateRole { role, description, max_session_seconds, .. } => {
            iam.update_role(role, description, *max_session_seconds).await
        }
        Step::UpdateTrust { role, document } => iam.update_trust(role, document).await,
        Step::AttachPolicy { role, policy } => iam.attach_policy(role, policy).await,
        Step::DetachPolicy { role, policy } => iam.detach_policy(role, policy).await,
        Step::PutInlinePolicy { role, policy, document } => iam.put_inline_policy(role, policy, document).await,
        Step::DeleteInlinePolicy { role, policy } => iam.delete_inline_policy(role, policy).await,
        Step::CreateProfile { profile, path, tags } => {
            iam.create_instance_profile(profile, path, tags).await.map(|profile| report::profile(&profile, status))
        }
        Step::TagProfile { profile, tags } => iam.tag_instance_profile(profile, tags).await,
        Step::UntagProfile { profile, keys } => iam.untag_instance_profile(profile, keys).await,
        Step::AddRole { profile, role } => iam.add_role_to_profile(profile, role).await,
        Step::RemoveRole { profile, role } => iam.remove_role_from_profile(profile, role).await,
        Step::DeleteProfile { profile } => {
            iam.delete_instance_profile(profile).await.map(|()| report::profile_deleted(profile, status))
        }
        Step::Associate { instance, profile_arn } => ec2.associate_profile(instance, profile_arn).await.map(|_| ()),
        Step::Replace { association, profile_arn, .. } => {
            ec2.replace_profile(association, profile_arn).await.map(|_| ())
        }
        Step::Disassociate { instance, association } => {
            let ended = ec2.disassociate_profile(association).await?;
            // Otherwise it stays recorded: an earlier call to associate may still be on its way, which comes to nothing
            // with the profile gone; and what was read of the instance may be from before it got another association.
            if is_last && ended {
                report::disassociated(instance, status);
            }
            Ok(())
        }
        Step::DeleteRole { role } => iam.delete_role(role).await.map(|()| report::role_gone(status)),
    }
}
