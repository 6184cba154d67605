//! `InstanceRole`: one IAM role whole, with its policies, its instance profile and the instances that carry it.

mod status;

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    cloud::{
        managed_policies::{POLICY_ARN_PATTERN, POLICY_PATTERN},
        policy::PolicyDocument,
        selectors::InstanceTerm,
    },
    engine::contract::CommonSpec,
};

pub use self::status::{InstanceAssociation, InstanceRoleStatus, ManagedField, ResolvedPolicy};

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
    printcolumn(name = "Profile", type_ = "string", json_path = ".status.instanceProfileName", priority = 1),
    printcolumn(name = "Instances", type_ = "string", json_path = ".status.instancesAssociated", priority = 1),
    printcolumn(name = "Managed", type_ = "integer", json_path = ".status.managedPolicyCount", priority = 1),
    printcolumn(name = "Inline", type_ = "integer", json_path = ".status.inlinePolicyCount", priority = 1),
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
        "(has(self.instanceProfile) && has(self.instanceProfile.path) ? self.instanceProfile.path : '') == \
         (has(oldSelf.instanceProfile) && has(oldSelf.instanceProfile.path) ? oldSelf.instanceProfile.path : '') || \
         (has(self.instanceProfile) && has(self.instanceProfile.name) ? self.instanceProfile.name : '') != \
         (has(oldSelf.instanceProfile) && has(oldSelf.instanceProfile.name) ? oldSelf.instanceProfile.name : '')"
    ).message("instanceProfile.path is immutable: change instanceProfile.name with it, which makes a new instance profile"),
    validation = Rule::new(
        "!has(self.instances) || self.instances.size() == 0 || has(self.instanceProfile) || !has(self.trust) || \
         !has(self.trust.services) || self.trust.services.exists(service, service.startsWith('ec2.amazonaws.com'))"
    ).message("instances: the role has no instance profile; trust ec2.amazonaws.com or give instanceProfile"),
    validation = Rule::new("has(self.instances) || !has(self.onConflict)").message("onConflict: needs instances"),
)]
#[serde(rename_all = "camelCase")]
pub struct InstanceRoleSpec {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// Name of the IAM role. Absent: `<namespace>-<name>`, past 64 characters cut and with a hash. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_+=,.@-]+$"))]
    pub role_name: Option<String>,

    /// IAM path of the role. Absent: `/`, or the prefix that the operator's administrator asks for. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^/([!-~]+/)?$"))]
    pub path: Option<String>,

    /// Description of the role. Absent: left as it is; one that was set and then taken out is emptied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000), regex(pattern = r"^[\t\n\r -~\xA1-\xFF]*$"))]
    pub description: Option<String>,

    /// The longest session that somebody who assumes the role may ask for, in seconds: one hour (3600) to twelve
    /// (43200). It does not bound the credentials of EC2 instances and Lambda functions. Absent: left as it is;
    /// one that was set and then taken out goes back to one hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3600, max = 43200))]
    pub max_session_duration_seconds: Option<i32>,

    /// Who may assume the role. Absent: the service ec2.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,

    /// Managed policies, each by its ARN, or by its name with or without its path, which is looked up among AWS's
    /// policies and the account's own. A list given is the whole list: others are detached, unless foreignPolicies
    /// says Keep. Absent: attachments are left as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 25),
        inner(
            length(min = 1, max = 1024),
            regex(pattern = POLICY_PATTERN)
        )
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub managed_policies: Option<Vec<String>>,

    /// Inline policies, name to document; 10,240 characters in all, white space not counted. A map given is the
    /// whole of them: others are deleted, unless foreignPolicies says Keep. Absent: inline policies are left as
    /// they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 10))]
    #[x_kube(
        validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)")
            .message("inlinePolicies: a name has 1 to 128 characters")
    )]
    pub inline_policies: Option<BTreeMap<String, PolicyDocument>>,

    /// What to do about policies on the role that managedPolicies and inlinePolicies do not have: Remove or Keep.
    /// Absent: Remove where the list is given; where it is not, they stay, and deletion waits until they are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_policies: Option<ForeignPolicies>,

    /// ARN of the managed policy that bounds what the role can be permitted. Absent: left as it is, or the one that
    /// the operator's administrator forces; one that was set and then taken out is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 1024),
        regex(pattern = POLICY_ARN_PATTERN)
    )]
    pub permissions_boundary: Option<String>,

    /// The instance profile that holds the role. Absent: one of the role's name, if ec2.amazonaws.com is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_profile: Option<InstanceProfileSpec>,

    /// EC2 instances to associate the instance profile with: those that match any of the terms, looked up again at
    /// each sweep; at most 1,000. An empty list undoes the associations that were made. Absent: associations are not
    /// touched, but those that were made are undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30))]
    pub instances: Option<Vec<InstanceTerm>>,

    /// What to do about an instance that has another instance profile: Refuse (when absent), or Replace it, if
    /// the operator's administrator allows that. The profile of another InstanceRole is never replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,
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

    /// The trust policy itself, in AWS's grammar: other accounts, roles, identity providers, conditions. At most
    /// 4,096 characters, white space not counted; AWS's default quota is 2,048.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDocument>,
}

/// The instance profile that holds the role. It carries the same tags as the role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceProfileSpec {
    /// Name of the instance profile. Absent: the role's name. A change makes a new instance profile, moves the
    /// instances over, each by a new association in place of the old one, and deletes the old profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9_+=,.@-]+$"))]
    pub name: Option<String>,

    /// IAM path of the instance profile. Absent: the role's path. It changes only together with the name.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ForeignPolicies {
    /// Remove them where the spec gives the list, and all of them at deletion.
    Remove,
    /// Keep them; deletion waits until they are gone.
    Keep,
}

#[cfg(test)]
mod tests;
