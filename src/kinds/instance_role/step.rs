//! The writes that an `InstanceRole` can need.

use std::{collections::BTreeSet, fmt};

use crate::{
    cloud::{
        iam::NewRole,
        ownership::{Tags, adopts},
    },
    engine::{
        failure::{Class, Failure},
        kind,
    },
};

use super::{
    report,
    spec::{InstanceRoleStatus, ManagedField},
};

/// The longest session that AWS allows unless told otherwise, in seconds:
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html>.
pub const DEFAULT_SESSION_SECONDS: i32 = 3600;

/// EC2 does not know the instance profile yet, or not the role in it.
pub const PROFILE_NOT_READY: &str = "InstanceProfileNotReady";

const TAGS_UPDATED: &str = "TagsUpdated";

/// One call to AWS.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are the parameters of the call that the variant names")]
pub enum Step {
    /// CreateRole.
    CreateRole(NewRole),
    /// TagRole.
    TagRole { role: String, tags: Tags },
    /// UntagRole.
    UntagRole { role: String, keys: BTreeSet<String> },
    /// UpdateRole; `managed` are the settings of the two that the spec gives.
    UpdateRole { role: String, description: String, max_session_seconds: i32, managed: Vec<ManagedField> },
    /// PutRolePermissionsBoundary.
    PutBoundary { role: String, policy: String },
    /// DeleteRolePermissionsBoundary.
    DeleteBoundary { role: String },
    /// UpdateAssumeRolePolicy.
    UpdateTrust { role: String, document: String },
    /// AttachRolePolicy.
    AttachPolicy { role: String, policy: String },
    /// DetachRolePolicy.
    DetachPolicy { role: String, policy: String },
    /// PutRolePolicy.
    PutInlinePolicy { role: String, policy: String, document: String },
    /// DeleteRolePolicy.
    DeleteInlinePolicy { role: String, policy: String },
    /// CreateInstanceProfile.
    CreateProfile { profile: String, path: String, tags: Tags },
    /// TagInstanceProfile.
    TagProfile { profile: String, tags: Tags },
    /// UntagInstanceProfile.
    UntagProfile { profile: String, keys: BTreeSet<String> },
    /// AddRoleToInstanceProfile.
    AddRole { profile: String, role: String },
    /// RemoveRoleFromInstanceProfile.
    RemoveRole { profile: String, role: String },
    /// DeleteInstanceProfile.
    DeleteProfile { profile: String },
    /// AssociateIamInstanceProfile.
    Associate { instance: String, profile_arn: String },
    /// ReplaceIamInstanceProfileAssociation.
    Replace { instance: String, association: String, displaced: String, profile_arn: String },
    /// DisassociateIamInstanceProfile.
    Disassociate { instance: String, association: String },
    /// DeleteRole.
    DeleteRole { role: String },
}

impl kind::Step for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::CreateRole(_) => "RoleCreated",
            Self::TagRole { tags, .. } | Self::TagProfile { tags, .. } => adopts(tags).unwrap_or(TAGS_UPDATED),
            Self::UntagRole { .. } | Self::UntagProfile { .. } => TAGS_UPDATED,
            Self::UpdateRole { .. } => "RoleUpdated",
            Self::PutBoundary { .. } | Self::DeleteBoundary { .. } => "BoundaryUpdated",
            Self::UpdateTrust { .. } => "TrustUpdated",
            Self::AttachPolicy { .. } => "PolicyAttached",
            Self::DetachPolicy { .. } => "PolicyDetached",
            Self::PutInlinePolicy { .. } => "InlinePolicyPut",
            Self::DeleteInlinePolicy { .. } => "InlinePolicyDeleted",
            Self::CreateProfile { .. } => "InstanceProfileCreated",
            Self::AddRole { .. } | Self::RemoveRole { .. } => "InstanceProfileUpdated",
            Self::DeleteProfile { .. } => "InstanceProfileDeleted",
            Self::Associate { .. } | Self::Replace { .. } => "InstanceAssociated",
            Self::Disassociate { .. } => "InstanceDisassociated",
            Self::DeleteRole { .. } => "RoleDeleted",
        }
    }

    /// An instance's own fault, such as its state; not one of the profile, which all instances would meet.
    fn fails_alone(&self, failure: &Failure) -> bool {
        let of_all =
            matches!(failure.class, Class::Throttled | Class::Transient) || failure.reason == PROFILE_NOT_READY;
        self.instance().is_some() && !of_all
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateRole(new) => {
                write!(f, "create role {} at path {}", new.name, new.path)?;
                new.permissions_boundary.iter().try_for_each(|arn| write!(f, " with permissions boundary {arn}"))
            }
            Self::TagRole { role, tags } => write!(f, "tag role {role} with {}", words(tags.keys())),
            Self::UntagRole { role, keys } => write!(f, "remove tags {} from role {role}", words(keys)),
            Self::UpdateRole { role, max_session_seconds, .. } => {
                write!(f, "update role {role}: its description, sessions of {max_session_seconds} s at most")
            }
            Self::PutBoundary { role, policy } => write!(f, "set permissions boundary {policy} on role {role}"),
            Self::DeleteBoundary { role } => write!(f, "remove the permissions boundary from role {role}"),
            Self::UpdateTrust { role, .. } => write!(f, "update the trust policy of role {role}"),
            Self::AttachPolicy { role, policy } => write!(f, "attach {policy} to role {role}"),
            Self::DetachPolicy { role, policy } => write!(f, "detach {policy} from role {role}"),
            Self::PutInlinePolicy { role, policy, .. } => write!(f, "put inline policy {policy} on role {role}"),
            Self::DeleteInlinePolicy { role, policy } => {
                write!(f, "delete inline policy {policy} from role {role}")
            }
            Self::CreateProfile { profile, path, .. } => {
                write!(f, "create instance profile {profile} at path {path}")
            }
            Self::TagProfile { profile, tags } => {
                write!(f, "tag instance profile {profile} with {}", words(tags.keys()))
            }
            Self::UntagProfile { profile, keys } => {
                write!(f, "remove tags {} from instance profile {profile}", words(keys))
            }
            Self::AddRole { profile, role } => write!(f, "add role {role} to instance profile {profile}"),
            Self::RemoveRole { profile, role } => write!(f, "remove role {role} from instance profile {profile}"),
            Self::DeleteProfile { profile } => write!(f, "delete instance profile {profile}"),
            Self::Associate { instance, profile_arn } => {
                write!(f, "associate instance {instance} with {profile_arn}")
            }
            Self::Replace { instance, displaced, profile_arn, .. } => {
                write!(f, "replace {displaced} on instance {instance} with {profile_arn}")
            }
            Self::Disassociate { instance, association } => {
                write!(f, "disassociate the instance profile from instance {instance} ({association})")
            }
            Self::DeleteRole { role } => write!(f, "delete role {role}"),
        }
    }
}

impl Step {
    /// Whether it writes a value that the spec does not give, as it was read: what somebody else has set. Removed ones and
    /// AWS's default are not of that kind.
    pub fn puts_back_what_was_read(&self) -> bool {
        let Self::UpdateRole { description, max_session_seconds, managed, .. } = self else { return false };
        let is_foreign = |field| !managed.contains(&field);
        (!description.is_empty() && is_foreign(ManagedField::Description))
            || (*max_session_seconds != DEFAULT_SESSION_SECONDS && is_foreign(ManagedField::MaxSessionDurationSeconds))
    }

    /// The instance that the step is about.
    pub fn instance(&self) -> Option<&str> {
        match self {
            Self::Associate { instance, .. } | Self::Replace { instance, .. } | Self::Disassociate { instance, .. } => {
                Some(instance)
            }
            _ => None,
        }
    }
}

fn words<'a>(keys: impl IntoIterator<Item = &'a String>) -> String {
    keys.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What must be known after a crash in the middle of a step: names to look for, and what is ours to remove.
pub fn record(step: &Step, status: &mut InstanceRoleStatus) {
    match step {
        Step::CreateRole(new) => {
            status.role_name = Some(new.name.clone());
            let given = [
                (new.description.is_some(), ManagedField::Description),
                (new.max_session_seconds.is_some(), ManagedField::MaxSessionDurationSeconds),
                (new.permissions_boundary.is_some(), ManagedField::PermissionsBoundary),
            ];
            given.into_iter().filter(|(given, _)| *given).for_each(|(_, field)| report::managed(status, field));
            report::add_managed_tags(status, new.tags.keys());
        }
        Step::TagRole { tags, .. } => report::add_managed_tags(status, tags.keys()),
        Step::UpdateRole { managed, .. } => managed.iter().for_each(|field| report::managed(status, *field)),
        Step::PutBoundary { .. } => report::managed(status, ManagedField::PermissionsBoundary),
        Step::AttachPolicy { policy, .. } => insert(&mut status.managed_policies, policy),
        Step::PutInlinePolicy { policy, .. } => insert(&mut status.inline_policies, policy),
        Step::CreateProfile { profile, tags, .. } | Step::TagProfile { profile, tags } => {
            report::profile_named(profile, status);
            report::add_managed_tags(status, tags.keys());
        }
        Step::Associate { instance, .. } | Step::Replace { instance, .. } => {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stay_sorted_and_single() {
        let mut status = InstanceRoleStatus::default();
        for instance in ["i-2", "i-1", "i-2"] {
            let step = Step::Associate { instance: instance.into(), profile_arn: "a".into() };
            record(&step, &mut status);
        }
        assert_eq!(status.associations_made, ["i-1", "i-2"]);
    }
}
