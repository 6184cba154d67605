//! The part of spec and status that every kind has: what users, kstatus, Flux and Argo CD rely on.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Every object that the operator works on carries this finalizer until AWS holds nothing of it.
pub const FINALIZER: &str = "privatelink.dev/finalizer";
/// `"true"` stops all work on an object, deletion included.
pub const PAUSED_ANNOTATION: &str = "privatelink.dev/paused";
/// Any new value asks for a pass now; it is echoed in `status.lastHandledRequest`.
pub const REQUESTED_AT_ANNOTATION: &str = "privatelink.dev/requested-at";

/// What happens to the AWS object when the Kubernetes object is deleted. Absent: Delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum DeletionPolicy {
    /// Delete the AWS object.
    #[default]
    Delete,
    /// Leave the AWS object and its tags; the same manifest takes it back.
    Retain,
}

/// Whether the operator may write to AWS for this object. Absent: Manage. Plan writes nothing to AWS and publishes
/// the steps that Manage would take in `status.plan`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ManagementPolicy {
    /// Create, update, repair and delete.
    #[default]
    Manage,
    /// Write nothing to AWS; publish in `status.plan` what would be done.
    Plan,
}

/// What to do with an AWS object of the wanted name that carries no ownership tags. Absent: Refuse. Adopt takes it
/// over, if the operator's administrator allows adoption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AdoptionPolicy {
    /// Leave it alone and say so.
    #[default]
    Refuse,
    /// Take it over, if the operator's administrator allows adoption.
    Adopt,
}

/// Spec fields that all kinds share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonSpec {
    /// AWS region. Absent: the region that the operator runs with. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]+$"))]
    pub region: Option<String>,

    /// What happens to the AWS object on deletion: Delete (when absent) or Retain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// Manage (when absent), or Plan: write nothing to AWS and publish the steps in `status.plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,

    /// Refuse (when absent) or Adopt an AWS object of the wanted name that carries no ownership tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// Tags of the AWS object. Keys that are not named here are left as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "tags_schema")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// At most 45 tags: AWS allows 50 and the ownership tags need four.
fn tags_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "nullable": true,
        "maxProperties": 45,
        "additionalProperties": { "type": "string", "maxLength": 256 },
        "x-kubernetes-validations": [
            {
                "rule": "self.all(k, size(k) >= 1 && size(k) <= 128)",
                "message": "tags: a key has 1 to 128 characters",
            },
            {
                "rule": "self.all(k, !k.startsWith('privatelink.dev/') && !k.lowerAscii().startsWith('aws:'))",
                "message": "tags: the prefixes privatelink.dev/ and aws: are reserved",
            },
        ],
    })
}

/// Status fields that all kinds share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready, always; Reconciling while working; Stalled when only a change of the spec or of AWS can help.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), schema_with = "conditions_schema")]
    pub conditions: Vec<Condition>,

    /// ARN of the AWS object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub arn: Option<String>,

    /// AWS account that the object lives in; the operator refuses to follow it into another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub account_id: Option<String>,

    /// AWS region that the object lives in; the operator refuses to follow it into another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub region: Option<String>,

    /// The uid under which the AWS object was last seen as ours.
    #[serde(default, rename = "ownerUID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub owner_uid: Option<String>,

    /// The last value of the annotation privatelink.dev/requested-at that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_request: Option<String>,

    /// With managementPolicy Plan: the steps that would be taken, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 1024)))]
    pub plan: Vec<String>,

    /// Tag keys of spec.tags that were set on the AWS object, so that a key taken out of the spec is removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(max = 128)))]
    pub managed_tags: Vec<String>,
}

/// Kubernetes' own shape of a condition list, merged by `type` on server-side apply.
fn conditions_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 8,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One condition, as the Kubernetes API conventions have it.",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": { "type": "string", "maxLength": 64, "description": "Ready, Reconciling or Stalled." },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "True, False or Unknown." },
                "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0, "description": "The generation that the condition was set for." },
                "lastTransitionTime": { "type": "string", "format": "date-time", "description": "When the status last changed." },
                "reason": { "type": "string", "maxLength": 128, "description": "One word in CamelCase, for programs." },
                "message": { "type": "string", "maxLength": 4096, "description": "What happened and what helps, for people." },
            },
        },
    })
}
