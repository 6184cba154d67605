//! The status of `InstanceRole`.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{
    contract::CommonStatus,
    kind::{KindStatus, keep},
};

/// What AWS holds of the role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceRoleStatus {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonStatus,

    /// Name of the IAM role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub role_name: Option<String>,

    /// Unique id of the role, `AROA…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub role_id: Option<String>,

    /// IAM path of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub path: Option<String>,

    /// Name of the instance profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub instance_profile_name: Option<String>,

    /// ARN of the instance profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub instance_profile_arn: Option<String>,

    /// Unique id of the instance profile, `AIPA…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub instance_profile_id: Option<String>,

    /// Names of instance profiles that the role was in under an earlier instanceProfile.name and that are still to
    /// be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 128)))]
    pub retired_instance_profiles: Vec<String>,

    /// What the entries of spec.managedPolicies came to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25))]
    pub resolved_policies: Vec<ResolvedPolicy>,

    /// ARNs of the managed policies that the operator attached, which it detaches when they leave the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(max = 1024)))]
    pub managed_policies: Vec<String>,

    /// Names of the inline policies that the operator put, which it deletes when they leave the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(max = 128)))]
    pub inline_policies: Vec<String>,

    /// How many managed policies are attached to the role, whoever attached them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub managed_policy_count: Option<i32>,

    /// How many inline policies the role has, whoever put them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub inline_policy_count: Option<i32>,

    /// Optional settings that the operator set on the role, so that one taken out of the spec goes back to AWS's
    /// default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub managed_fields: Vec<ManagedField>,

    /// The selected instances, at most 200 of them: first those that do not carry the instance profile yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub instances: Vec<InstanceAssociation>,

    /// How many instances are selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub instance_count: Option<i32>,

    /// How many of the selected instances carry the instance profile: `2/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub instances_associated: Option<String>,

    /// Ids of the instances that the operator associated, which are the only ones that it ever disassociates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2000), inner(length(max = 64)))]
    pub associations_made: Vec<String>,
}

/// What an entry of spec.managedPolicies came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedPolicy {
    /// The entry.
    #[schemars(length(max = 1024))]
    pub policy: String,

    /// ARN of the managed policy.
    #[schemars(length(max = 1024))]
    pub arn: String,
}

/// An optional setting of the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ManagedField {
    /// spec.description.
    Description,
    /// spec.maxSessionDurationSeconds.
    MaxSessionDurationSeconds,
    /// spec.permissionsBoundary, or the boundary that the administrator forces.
    PermissionsBoundary,
}

/// A selected instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceAssociation {
    /// `i-…`.
    #[schemars(length(max = 64))]
    pub id: String,

    /// Id of the association with the role's instance profile, `iip-assoc-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub association_id: Option<String>,

    /// State of that association: `associating`, `associated`, `disassociating` or `none`.
    #[schemars(length(max = 32))]
    pub state: String,

    /// ARN of another instance profile that the instance carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub other_profile_arn: Option<String>,
}

impl KindStatus for InstanceRoleStatus {
    fn common(&self) -> &CommonStatus {
        &self.common
    }

    fn common_mut(&mut self) -> &mut CommonStatus {
        &mut self.common
    }

    fn keep_records(&mut self, before: &Self) {
        keep(&mut self.common.managed_tags, &before.common.managed_tags);
        keep(&mut self.managed_policies, &before.managed_policies);
        keep(&mut self.inline_policies, &before.inline_policies);
        keep(&mut self.managed_fields, &before.managed_fields);
        keep(&mut self.associations_made, &before.associations_made);
        let retired = &mut self.retired_instance_profiles;
        keep(retired, &before.retired_instance_profiles);
        keep(retired, before.instance_profile_name.as_slice());
        retired.retain(|name| self.instance_profile_name.as_ref() != Some(name));
    }
}
