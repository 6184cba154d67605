//! `InstanceRole`: one IAM role whole, with its policies, its instance profile and the instances that carry it.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    cloud::selectors::InstanceTerm,
    engine::contract::{CommonSpec, CommonStatus},
};

/// One IAM role.
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
    category = "privatelink"
)]
#[serde(rename_all = "camelCase")]
pub struct InstanceRoleSpec {
    #[serde(flatten)]
    pub common: CommonSpec,
    /// Instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30))]
    pub instances: Option<Vec<InstanceTerm>>,
}

/// What AWS holds of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceRoleStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
}
