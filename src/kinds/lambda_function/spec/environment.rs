//! Environment variables in Kubernetes' own shape.

use std::fmt;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// One environment variable. `Debug` leaves the value out.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("!has(self.value) || !has(self.valueFrom)")
        .message("env: give value or valueFrom, not both")
)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Name of the variable.
    #[schemars(length(min = 2, max = 256), regex(pattern = r"^[a-zA-Z]([a-zA-Z0-9_])+$"))]
    pub name: String,
    /// Its value, taken as it stands: references such as $(NAME) are not expanded. Absent: empty, unless valueFrom
    /// is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub value: Option<String>,
    /// Where its value comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvVarSource>,
}

impl fmt::Debug for EnvVar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvVar").field("name", &self.name).field("value_from", &self.value_from).finish_non_exhaustive()
    }
}

/// Where the value of an environment variable comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.configMapKeyRef) != has(self.secretKeyRef)")
        .message("valueFrom: give exactly one of configMapKeyRef and secretKeyRef")
)]
#[serde(rename_all = "camelCase")]
pub struct EnvVarSource {
    /// A key of a ConfigMap in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeySelector>,
    /// A key of a Secret in the same namespace. The operator's administrator allows Secrets for each namespace
    /// (chart value secretNamespaces).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeySelector>,
}

/// A key of a ConfigMap or Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeySelector {
    /// Name of the ConfigMap or Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = super::OBJECT_NAME_PATTERN))]
    pub name: String,
    /// The key.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
    /// Whether the variable is left out when the object or its key does not exist. Absent: it is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// All keys of a ConfigMap or Secret as environment variables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.configMapRef) != has(self.secretRef)")
        .message("envFrom: give exactly one of configMapRef and secretRef")
)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromSource {
    /// What is put in front of each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^[a-zA-Z][a-zA-Z0-9_]*$"))]
    pub prefix: Option<String>,
    /// A ConfigMap in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<EnvSource>,
    /// A Secret in the same namespace. The operator's administrator allows Secrets for each namespace (chart value
    /// secretNamespaces).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<EnvSource>,
}

/// A ConfigMap or Secret whose keys become environment variables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvSource {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = super::OBJECT_NAME_PATTERN))]
    pub name: String,
    /// Whether it may be missing. Absent: it is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}
