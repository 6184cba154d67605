//! The port [`Iam`] over aws-sdk-iam.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_iam::{
    Client,
    config::Builder,
    types::{self, EntityType, PolicyScopeType, SummaryKeyType},
};
use percent_encoding::percent_decode_str;

use crate::{
    cloud::{
        fault::Fault,
        iam::{Iam, InstanceProfile, ManagedPolicy, NewRole, Role, RoleDetail},
        operation::Operation,
        ownership::Tags,
    },
    engine::fence::Fence,
};

use super::call::{self, Caller, ThrottlesAreForTheBudget, each, unless_empty, unless_gone, unusable};

/// The most items that a page of IAM's lists may have:
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html>.
const PAGE: i32 = 1000;
/// Roles come with all their policies, so a full page of them would take much memory.
const ROLE_DETAIL_PAGE: i32 = 100;

const GONE: &[&str] = &["NoSuchEntity"];

/// IAM of one account, the same in each of its regions.
pub struct SdkIam {
    reads: Client,
    writes: Client,
    caller: Caller,
}

impl SdkIam {
    /// With the configuration's credentials and the partition of its region; writes only while the fence is open.
    pub fn new(config: &SdkConfig, caller: Caller, fence: &Fence) -> Self {
        let fenced = |config: &SdkConfig| Client::from_conf(Builder::from(config).interceptor(fence.clone()).build());
        Self {
            reads: Client::from_conf(
                Builder::from(&call::reads(config)).retry_classifier(ThrottlesAreForTheBudget).build(),
            ),
            writes: fenced(&call::writes(config)),
            caller,
        }
    }

    async fn inline_policy(&self, role: &str, policy: &str) -> Result<String, Fault> {
        let call = self.reads.get_role_policy().role_name(role).policy_name(policy);
        let answer = self.caller.run(Operation::GetRolePolicy, call.send()).await?;
        Ok(decoded(&answer.policy_document))
    }
}

#[async_trait]
impl Iam for SdkIam {
    async fn role(&self, name: &str) -> Result<Option<Role>, Fault> {
        let call = self.reads.get_role().role_name(name);
        let answer = unless_gone(self.caller.run(Operation::GetRole, call.send()).await, GONE)?;
        Ok(answer.and_then(|answer| answer.role).map(role))
    }

    async fn create_role(&self, new: &NewRole) -> Result<Role, Fault> {
        const OPERATION: Operation = Operation::CreateRole;
        let call = self
            .writes
            .create_role()
            .role_name(&new.name)
            .path(&new.path)
            .set_description(new.description.clone())
            .set_max_session_duration(new.max_session_seconds)
            .assume_role_policy_document(&new.trust_policy)
            .set_permissions_boundary(new.permissions_boundary.clone())
            .set_tags(wire_tags(&new.tags));
        let answer = self.caller.run(OPERATION, call.send()).await?;
        answer.role.map(role).ok_or_else(|| unusable(OPERATION, "no role in it"))
    }

    async fn delete_role(&self, name: &str) -> Result<(), Fault> {
        let call = self.writes.delete_role().role_name(name);
        unless_gone(self.caller.run(Operation::DeleteRole, call.send()).await, GONE).map(drop)
    }

    async fn update_trust(&self, role: &str, document: &str) -> Result<(), Fault> {
        let call = self.writes.update_assume_role_policy().role_name(role).policy_document(document);
        self.caller.run(Operation::UpdateAssumeRolePolicy, call.send()).await.map(drop)
    }

    async fn update_role(&self, role: &str, description: &str, max_session_seconds: i32) -> Result<(), Fault> {
        let call = self
            .writes
            .update_role()
            .role_name(role)
            .description(description)
            .max_session_duration(max_session_seconds);
        self.caller.run(Operation::UpdateRole, call.send()).await.map(drop)
    }

    async fn put_boundary(&self, role: &str, policy_arn: &str) -> Result<(), Fault> {
        let call = self.writes.put_role_permissions_boundary().role_name(role).permissions_boundary(policy_arn);
        self.caller.run(Operation::PutRolePermissionsBoundary, call.send()).await.map(drop)
    }

    async fn delete_boundary(&self, role: &str) -> Result<(), Fault> {
        let call = self.writes.delete_role_permissions_boundary().role_name(role);
        unless_gone(self.caller.run(Operation::DeleteRolePermissionsBoundary, call.send()).await, GONE).map(drop)
    }

    async fn tag_role(&self, role: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.writes.tag_role().role_name(role).set_tags(wire_tags(tags));
        self.caller.run(Operation::TagRole, call.send()).await.map(drop)
    }

    async fn untag_role(&self, role: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let call = self.writes.untag_role().role_name(role).set_tag_keys(unless_empty(keys.iter().cloned()));
        unless_gone(self.caller.run(Operation::UntagRole, call.send()).await, GONE).map(drop)
    }

    async fn attached_policies(&self, role: &str) -> Result<BTreeSet<String>, Fault> {
        let call = self.reads.list_attached_role_policies().role_name(role).max_items(PAGE);
        let arns = self.caller.pages(
            Operation::ListAttachedRolePolicies,
            |marker| call.clone().set_marker(marker).send(),
            |page| (arns(page.attached_policies), next(page.is_truncated, page.marker)),
        );
        Ok(arns.await?.into_iter().collect())
    }

    async fn attach_policy(&self, role: &str, policy_arn: &str) -> Result<(), Fault> {
        let call = self.writes.attach_role_policy().role_name(role).policy_arn(policy_arn);
        self.caller.run(Operation::AttachRolePolicy, call.send()).await.map(drop)
    }

    async fn detach_policy(&self, role: &str, policy_arn: &str) -> Result<(), Fault> {
        let call = self.writes.detach_role_policy().role_name(role).policy_arn(policy_arn);
        unless_gone(self.caller.run(Operation::DetachRolePolicy, call.send()).await, GONE).map(drop)
    }

    async fn inline_policies(&self, role: &str) -> Result<BTreeMap<String, String>, Fault> {
        let call = self.reads.list_role_policies().role_name(role).max_items(PAGE);
        let names = self.caller.pages(
            Operation::ListRolePolicies,
            |marker| call.clone().set_marker(marker).send(),
            |page| (page.policy_names, next(page.is_truncated, page.marker)),
        );
        let mut policies = BTreeMap::new();
        for name in names.await? {
            let document = self.inline_policy(role, &name).await?;
            policies.insert(name, document);
        }
        Ok(policies)
    }

    async fn put_inline_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), Fault> {
        let call = self.writes.put_role_policy().role_name(role).policy_name(policy).policy_document(document);
        self.caller.run(Operation::PutRolePolicy, call.send()).await.map(drop)
    }

    async fn delete_inline_policy(&self, role: &str, policy: &str) -> Result<(), Fault> {
        let call = self.writes.delete_role_policy().role_name(role).policy_name(policy);
        unless_gone(self.caller.run(Operation::DeleteRolePolicy, call.send()).await, GONE).map(drop)
    }

    async fn managed_policies(&self) -> Result<Vec<ManagedPolicy>, Fault> {
        let call = self.reads.list_policies().scope(PolicyScopeType::All).max_items(PAGE);
        self.caller
            .pages(
                Operation::ListPolicies,
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(page.policies, managed_policy), next(page.is_truncated, page.marker)),
            )
            .await
    }

    async fn instance_profile(&self, name: &str) -> Result<Option<InstanceProfile>, Fault> {
        let call = self.reads.get_instance_profile().instance_profile_name(name);
        let answer = unless_gone(self.caller.run(Operation::GetInstanceProfile, call.send()).await, GONE)?;
        Ok(answer.and_then(|answer| answer.instance_profile).map(instance_profile))
    }

    async fn create_instance_profile(&self, name: &str, path: &str, tags: &Tags) -> Result<InstanceProfile, Fault> {
        const OPERATION: Operation = Operation::CreateInstanceProfile;
        let call =
            self.writes.create_instance_profile().instance_profile_name(name).path(path).set_tags(wire_tags(tags));
        let answer = self.caller.run(OPERATION, call.send()).await?;
        answer.instance_profile.map(instance_profile).ok_or_else(|| unusable(OPERATION, "no instance profile in it"))
    }

    async fn delete_instance_profile(&self, name: &str) -> Result<(), Fault> {
        let call = self.writes.delete_instance_profile().instance_profile_name(name);
        unless_gone(self.caller.run(Operation::DeleteInstanceProfile, call.send()).await, GONE).map(drop)
    }

    async fn tag_instance_profile(&self, name: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.writes.tag_instance_profile().instance_profile_name(name).set_tags(wire_tags(tags));
        self.caller.run(Operation::TagInstanceProfile, call.send()).await.map(drop)
    }

    async fn untag_instance_profile(&self, name: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let keys = unless_empty(keys.iter().cloned());
        let call = self.writes.untag_instance_profile().instance_profile_name(name).set_tag_keys(keys);
        unless_gone(self.caller.run(Operation::UntagInstanceProfile, call.send()).await, GONE).map(drop)
    }

    async fn add_role_to_profile(&self, profile: &str, role: &str) -> Result<(), Fault> {
        let call = self.writes.add_role_to_instance_profile().instance_profile_name(profile).role_name(role);
        self.caller.run(Operation::AddRoleToInstanceProfile, call.send()).await.map(drop)
    }

    async fn remove_role_from_profile(&self, profile: &str, role: &str) -> Result<(), Fault> {
        let call = self.writes.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role);
        unless_gone(self.caller.run(Operation::RemoveRoleFromInstanceProfile, call.send()).await, GONE).map(drop)
    }

    async fn instance_profiles_for_role(&self, role: &str) -> Result<Vec<InstanceProfile>, Fault> {
        let call = self.reads.list_instance_profiles_for_role().role_name(role).max_items(PAGE);
        let profiles = self.caller.pages(
            Operation::ListInstanceProfilesForRole,
            |marker| call.clone().set_marker(marker).send(),
            |page| (each(Some(page.instance_profiles), instance_profile), next(page.is_truncated, page.marker)),
        );
        Ok(unless_gone(profiles.await, GONE)?.unwrap_or_default())
    }

    async fn role_details(&self) -> Result<Vec<RoleDetail>, Fault> {
        let call = self.reads.get_account_authorization_details().filter(EntityType::Role).max_items(ROLE_DETAIL_PAGE);
        self.caller
            .pages(
                Operation::GetAccountAuthorizationDetails,
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(page.role_detail_list, role_detail), next(page.is_truncated, page.marker)),
            )
            .await
    }

    async fn roles(&self) -> Result<Vec<Role>, Fault> {
        let call = self.reads.list_roles().max_items(PAGE);
        self.caller
            .pages(
                Operation::ListRoles,
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(Some(page.roles), role), next(page.is_truncated, page.marker)),
            )
            .await
    }

    async fn account_summary(&self) -> Result<BTreeMap<String, i64>, Fault> {
        let answer = self.caller.run(Operation::GetAccountSummary, self.reads.get_account_summary().send()).await?;
        let entries = answer.summary_map.into_iter().flatten();
        Ok(entries.map(|(key, value): (SummaryKeyType, i32)| (key.as_str().to_owned(), value.into())).collect())
    }
}

/// A marker counts only beside `IsTruncated`.
fn next(is_truncated: bool, marker: Option<String>) -> Option<String> {
    marker.filter(|_| is_truncated)
}

/// Policy documents come encoded after RFC 3986, where a plus sign is a plus sign:
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html>.
fn decoded(document: &str) -> String {
    percent_decode_str(document).decode_utf8_lossy().into_owned()
}

/// The builder can only complain of a missing key or value, and both are there.
fn wire_tags(tags: &Tags) -> Option<Vec<types::Tag>> {
    unless_empty(tags.iter().flat_map(|(key, value)| types::Tag::builder().key(key).value(value).build()))
}

fn tags(from: Option<Vec<types::Tag>>) -> Tags {
    from.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect()
}

fn arns(from: Option<Vec<types::AttachedPolicy>>) -> Vec<String> {
    from.into_iter().flatten().filter_map(|policy| policy.policy_arn).collect()
}

fn role(from: types::Role) -> Role {
    Role {
        name: from.role_name,
        arn: from.arn,
        id: from.role_id,
        path: from.path,
        description: from.description,
        max_session_seconds: from.max_session_duration,
        trust_policy: from.assume_role_policy_document.as_deref().map(decoded).unwrap_or_default(),
        permissions_boundary: from.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        tags: tags(from.tags),
    }
}

fn role_detail(from: types::RoleDetail) -> RoleDetail {
    RoleDetail {
        role: Role {
            name: from.role_name.unwrap_or_default(),
            arn: from.arn.unwrap_or_default(),
            id: from.role_id.unwrap_or_default(),
            path: from.path.unwrap_or_default(),
            description: None,
            max_session_seconds: None,
            trust_policy: from.assume_role_policy_document.as_deref().map(decoded).unwrap_or_default(),
            permissions_boundary: from.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
            tags: tags(from.tags),
        },
        inline_policies: from.role_policy_list.into_iter().flatten().filter_map(inline_policy).collect(),
        attached_policies: arns(from.attached_managed_policies).into_iter().collect(),
        instance_profiles: each(from.instance_profile_list, instance_profile),
    }
}

fn inline_policy(from: types::PolicyDetail) -> Option<(String, String)> {
    Some((from.policy_name?, decoded(&from.policy_document?)))
}

fn managed_policy(from: types::Policy) -> ManagedPolicy {
    ManagedPolicy { name: from.policy_name.unwrap_or_default(), arn: from.arn.unwrap_or_default() }
}

fn instance_profile(from: types::InstanceProfile) -> InstanceProfile {
    InstanceProfile {
        name: from.instance_profile_name,
        arn: from.arn,
        id: from.instance_profile_id,
        path: from.path,
        roles: each(Some(from.roles), |role| role.role_name),
        tags: tags(from.tags),
    }
}

#[cfg(test)]
mod tests;
