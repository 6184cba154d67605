//! `InstanceRole`: one IAM role whole, with its policies, its instance profile and the instances that carry it.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    cloud::{
        managed_policies::{POLICY_ARN_PATTERN, POLICY_PATTERN},
        policy::PolicyDocument,
        selectors::InstanceTerm,
    },
    engine::{
        contract::{CommonSpec, CommonStatus},
        kind::KindStatus,
    },
};

/// One IAM role: whom it trusts, what it may do, its instance profile, and the EC2 instances that carry it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "privatelink.dev",
    version = "v1alpha1",
    kind = "InstanceRole",
    plural = "instanceroles",
    namespaced,
    status = "InstanceRoleStatus",
    derive = "PartialEq",
    shortname = "irole",
    category = "aws",
    category = "privatelink",
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name: at most 63 characters"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(name = "Role", type_ = "string", json_path = ".status.roleName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Instances", type_ = "string", json_path = ".status.instancesAssociated", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[x_kube(
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("region is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.roleName) == has(oldSelf.roleName) && (!has(self.roleName) || self.roleName == oldSelf.roleName)")
        .message("roleName is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.path) == has(oldSelf.path) && (!has(self.path) || self.path == oldSelf.path)")
        .message("path is immutable: delete the object and make a new one"),
    validation = Rule::new(
        "(has(self.instanceProfile) && has(self.instanceProfile.name) ? self.instanceProfile.name : '') == \
         (has(oldSelf.instanceProfile) && has(oldSelf.instanceProfile.name) ? oldSelf.instanceProfile.name : '')"
    ).message("instanceProfile.name is immutable: delete the object and make a new one"),
    validation = Rule::new(
        "(has(self.instanceProfile) && has(self.instanceProfile.path) ? self.instanceProfile.path : '') == \
         (has(oldSelf.instanceProfile) && has(oldSelf.instanceProfile.path) ? oldSelf.instanceProfile.path : '')"
    ).message("instanceProfile.path is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.instances) || !has(self.onConflict)").message("onConflict: needs instances"),
)]
#[serde(rename_all = "camelCase")]
pub struct InstanceRoleSpec {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// Name of the IAM role. Absent: `<namespace>-<name>`, cut and with a hash past 64 characters. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_+=,.@-]+$"))]
    pub role_name: Option<String>,

    /// IAM path of the role. Absent: `/`, or the prefix that the operator's administrator asks for. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^/([!-~]+/)?$"))]
    pub path: Option<String>,

    /// Who may assume the role. Absent: the service ec2.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,

    /// Managed policies, by ARN or by name. A list given is the whole list: others are detached, unless
    /// foreignPolicies says Keep. Absent: attachments are left as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 20),
        inner(
            length(min = 1, max = 1024),
            regex(pattern = POLICY_PATTERN)
        )
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub managed_policies: Option<Vec<String>>,

    /// Inline policies, name to document. A map given is the whole of them: others are deleted, unless
    /// foreignPolicies says Keep. Absent: inline policies are left as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 10))]
    #[x_kube(
        validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)")
            .message("inlinePolicies: a name has 1 to 128 characters")
    )]
    pub inline_policies: Option<BTreeMap<String, PolicyDocument>>,

    /// ARN of the managed policy that bounds what the role can be permitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 1024),
        regex(pattern = POLICY_ARN_PATTERN)
    )]
    pub permissions_boundary: Option<String>,

    /// The instance profile that holds the role. Absent: one of the role's name, if ec2.amazonaws.com is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_profile: Option<InstanceProfileSpec>,

    /// EC2 instances to associate the instance profile with: those that match any of the terms. An empty list
    /// undoes the associations that were made. Absent: associations are not touched, but those that were made are undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30))]
    pub instances: Option<Vec<InstanceTerm>>,

    /// What to do about an instance that has another instance profile: Refuse (when absent), or Replace it, if
    /// the operator's administrator allows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,

    /// What to do about policies on the role that the spec's lists do not have: Remove (when absent) or Keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_policies: Option<ForeignPolicies>,
}

/// Who may assume the role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.services) != has(self.policy)").message("trust: exactly one of services and policy")
)]
pub struct Trust {
    /// Service principals, such as `ec2.amazonaws.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 20),
        inner(length(min = 1, max = 128), regex(pattern = r"^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub services: Option<Vec<String>>,

    /// The trust policy, in AWS's grammar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDocument>,
}

/// The instance profile that holds the role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceProfileSpec {
    /// Name of the instance profile. Absent: the role's name. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_+=,.@-]+$"))]
    pub name: Option<String>,

    /// IAM path of the instance profile. Absent: the role's path. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^/([!-~]+/)?$"))]
    pub path: Option<String>,
}

/// What to do about an instance that has another instance profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum OnConflict {
    /// Leave it and say so.
    #[default]
    Refuse,
    /// Put ours in its place.
    Replace,
}

/// What to do about policies that somebody else put on the role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ForeignPolicies {
    /// Remove them: a list that is given is the whole list.
    #[default]
    Remove,
    /// Keep them; deletion waits until they are gone.
    Keep,
}

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

    /// ARNs of the managed policies that the operator attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 1024)))]
    pub managed_policies: Vec<String>,

    /// Names of the inline policies that the operator put.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 128)))]
    pub inline_policies: Vec<String>,

    /// Whether the operator set the permissions boundary.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub boundary_applied: bool,

    /// The selected instances, the first 200 of them.
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

    /// State of that association, or `none`.
    #[schemars(length(max = 32))]
    pub state: String,
}

impl KindStatus for InstanceRoleStatus {
    fn common(&self) -> &CommonStatus {
        &self.common
    }

    fn common_mut(&mut self) -> &mut CommonStatus {
        &mut self.common
    }
}
