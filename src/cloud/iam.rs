//! The part of IAM that the operator uses, as a port: <https://docs.aws.amazon.com/IAM/latest/APIReference/>.
//! Policy documents are plain JSON on this side of the port; AWS's URL encoding stays on the other.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{fault::Fault, ownership::Tags};

/// A role as GetRole shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Name, unique in the account without regard to case.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// `AROA…`.
    pub id: String,
    /// Path, `/` at least.
    pub path: String,
    /// Description.
    pub description: Option<String>,
    /// MaxSessionDuration in seconds.
    pub max_session_seconds: Option<i32>,
    /// Trust policy, JSON.
    pub trust_policy: String,
    /// ARN of the permissions boundary.
    pub permissions_boundary: Option<String>,
    /// All tags.
    pub tags: Tags,
}

/// What CreateRole is called with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRole {
    /// Name.
    pub name: String,
    /// Path, `/` at least.
    pub path: String,
    /// Description.
    pub description: Option<String>,
    /// MaxSessionDuration in seconds.
    pub max_session_seconds: Option<i32>,
    /// Trust policy, JSON.
    pub trust_policy: String,
    /// ARN of the permissions boundary.
    pub permissions_boundary: Option<String>,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// An instance profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceProfile {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// `AIPA…`.
    pub id: String,
    /// Path, `/` at least.
    pub path: String,
    /// Names of the roles in it: none or one.
    pub roles: Vec<String>,
    /// All tags. Empty where the call does not show them (ListInstanceProfilesForRole).
    pub tags: Tags,
}

/// What IAM tells of one role and its instance profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleReading {
    /// The role.
    pub role: Role,
    /// ARNs of attached managed policies.
    pub attached: BTreeSet<String>,
    /// Inline policies, name to JSON document.
    pub inline: BTreeMap<String, String>,
    /// Its instance profile, if it has one.
    pub profile: Option<InstanceProfile>,
}

/// A managed policy's name and ARN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Name without path.
    pub name: String,
    /// ARN, which has the path.
    pub arn: String,
}

/// A role with all that GetAccountAuthorizationDetails shows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleDetail {
    /// The role; description and session duration are absent here.
    pub role: Role,
    /// Inline policies, name to JSON document.
    pub inline_policies: BTreeMap<String, String>,
    /// ARNs of attached managed policies.
    pub attached_policies: BTreeSet<String>,
    /// Instance profiles that the role is in.
    pub instance_profiles: Vec<InstanceProfile>,
}

/// The IAM calls in use. A list is complete or an error. Deleting or detaching what is gone already is success.
#[async_trait]
pub trait Iam: Send + Sync {
    /// GetRole; `None` for NoSuchEntity.
    async fn role(&self, name: &str) -> Result<Option<Role>, Fault>;
    /// CreateRole.
    async fn create_role(&self, new: &NewRole) -> Result<Role, Fault>;
    /// DeleteRole.
    async fn delete_role(&self, name: &str) -> Result<(), Fault>;
    /// UpdateAssumeRolePolicy.
    async fn update_trust(&self, role: &str, document: &str) -> Result<(), Fault>;
    /// UpdateRole, which sets description and session duration together: one that is not sent goes back to its
    /// default.
    async fn update_role(&self, role: &str, description: &str, max_session_seconds: i32) -> Result<(), Fault>;
    /// PutRolePermissionsBoundary.
    async fn put_boundary(&self, role: &str, policy_arn: &str) -> Result<(), Fault>;
    /// DeleteRolePermissionsBoundary.
    async fn delete_boundary(&self, role: &str) -> Result<(), Fault>;
    /// TagRole; existing keys get the new value.
    async fn tag_role(&self, role: &str, tags: &Tags) -> Result<(), Fault>;
    /// UntagRole.
    async fn untag_role(&self, role: &str, keys: &BTreeSet<String>) -> Result<(), Fault>;
    /// ListAttachedRolePolicies, all pages: ARNs.
    async fn attached_policies(&self, role: &str) -> Result<BTreeSet<String>, Fault>;
    /// AttachRolePolicy.
    async fn attach_policy(&self, role: &str, policy_arn: &str) -> Result<(), Fault>;
    /// DetachRolePolicy.
    async fn detach_policy(&self, role: &str, policy_arn: &str) -> Result<(), Fault>;
    /// ListRolePolicies, all pages, with GetRolePolicy for each: name to JSON document.
    async fn inline_policies(&self, role: &str) -> Result<BTreeMap<String, String>, Fault>;
    /// PutRolePolicy.
    async fn put_inline_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), Fault>;
    /// DeleteRolePolicy.
    async fn delete_inline_policy(&self, role: &str, policy: &str) -> Result<(), Fault>;
    /// ListPolicies, AWS's own and the account's, all pages.
    async fn managed_policies(&self) -> Result<Vec<ManagedPolicy>, Fault>;
    /// GetInstanceProfile; `None` for NoSuchEntity.
    async fn instance_profile(&self, name: &str) -> Result<Option<InstanceProfile>, Fault>;
    /// CreateInstanceProfile.
    async fn create_instance_profile(&self, name: &str, path: &str, tags: &Tags) -> Result<InstanceProfile, Fault>;
    /// DeleteInstanceProfile.
    async fn delete_instance_profile(&self, name: &str) -> Result<(), Fault>;
    /// TagInstanceProfile.
    async fn tag_instance_profile(&self, name: &str, tags: &Tags) -> Result<(), Fault>;
    /// UntagInstanceProfile.
    async fn untag_instance_profile(&self, name: &str, keys: &BTreeSet<String>) -> Result<(), Fault>;
    /// AddRoleToInstanceProfile.
    async fn add_role_to_profile(&self, profile: &str, role: &str) -> Result<(), Fault>;
    /// RemoveRoleFromInstanceProfile.
    async fn remove_role_from_profile(&self, profile: &str, role: &str) -> Result<(), Fault>;
    /// ListInstanceProfilesForRole, all pages; empty when the role does not exist.
    async fn instance_profiles_for_role(&self, role: &str) -> Result<Vec<InstanceProfile>, Fault>;
    /// GetAccountAuthorizationDetails(Filter=Role), all pages.
    async fn role_details(&self) -> Result<Vec<RoleDetail>, Fault>;
    /// ListRoles, all pages: with description and session duration, without permissions boundary and tags.
    async fn roles(&self) -> Result<Vec<Role>, Fault>;
    /// GetAccountSummary: what the account has, such as `Roles`, and how much it may have, such as `RolesQuota`.
    async fn account_summary(&self) -> Result<BTreeMap<String, i64>, Fault>;
}
