//! The execution role.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::cloud::{
    managed_policies::{POLICY_ARN_PATTERN, POLICY_PATTERN},
    policy::PolicyDocument,
};

use super::LocalReference;

/// The role that a function runs with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("[has(self.arn), has(self.instanceRoleRef), has(self.create)].exists_one(given, given)")
        .message("executionRole: give exactly one of arn, instanceRoleRef and create")
)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionRole {
    /// ARN of a role that exists already and trusts lambda.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[a-zA-Z0-9+=,.@_/-]+$"))]
    pub arn: Option<String>,
    /// An InstanceRole in the same namespace that trusts lambda.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_role_ref: Option<LocalReference>,
    /// An InstanceRole made for this function and owned by it, trusting lambda.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<CreateRole>,
}

/// What a role made for the function may do. The fields are those of an InstanceRole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateRole {
    /// Managed policies, by ARN or by name such as AWSLambdaBasicExecutionRole.
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
    /// Inline policies, name to document.
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
}
