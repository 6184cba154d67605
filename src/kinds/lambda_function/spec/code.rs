//! Where the code of a function comes from.

use std::{collections::BTreeMap, fmt};

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::LocalReference;

/// Where the code comes from. `Debug` leaves the code out.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(
        "[has(self.inline), has(self.configMapRef), has(self.secretRef), has(self.s3), has(self.image)].exists_one(given, given)"
    ).message("code: give exactly one of inline, configMapRef, secretRef, s3 and image"),
    validation = Rule::new("!has(self.sourceKmsKeyArn) || !has(self.image)")
        .message("code.sourceKmsKeyArn: goes with a zip file, not with code.image")
)]
#[serde(rename_all = "camelCase")]
pub struct Code {
    /// File name to text, 200 KiB in all. Directories are made from the slashes in the names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "inline_schema")]
    pub inline: Option<BTreeMap<String, String>>,
    /// A ConfigMap in the same namespace: each key is a file, or its only key is a zip file in binaryData, with a
    /// name that ends in .zip. A change of the ConfigMap is deployed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<LocalReference>,
    /// A Secret in the same namespace: each key is a file, or its only key is a zip file with a name that ends in
    /// .zip. A change of the Secret is deployed at once. The operator's administrator allows Secrets for each
    /// namespace (chart value secretNamespaces).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
    /// A zip file in S3. The operator's credentials need s3:GetObject on it: Lambda reads it with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Object>,
    /// URI of a container image in Amazon ECR. With a digest (…@sha256:…) it is certain what runs: a tag that is
    /// moved to another image is not followed. A function with an image stays one with an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[^\s]+$"))]
    pub image: Option<String>,
    /// ARN of the KMS key that Lambda encrypts the zip file with. Absent: left as it is, a key of AWS at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = super::KMS_KEY_PATTERN))]
    pub source_kms_key_arn: Option<String>,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("inline", &self.inline.as_ref().map(|files| files.keys().collect::<Vec<_>>()))
            .field("config_map_ref", &self.config_map_ref)
            .field("secret_ref", &self.secret_ref)
            .field("s3", &self.s3)
            .field("image", &self.image)
            .field("source_kms_key_arn", &self.source_kms_key_arn)
            .finish()
    }
}

/// A zip file in S3.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Object {
    /// Name of the bucket, which is in the function's region.
    #[schemars(length(min = 3, max = 63), regex(pattern = r"^[0-9A-Za-z._-]+$"))]
    pub bucket: String,
    /// Key of the object.
    #[schemars(length(min = 1, max = 1024))]
    pub key: String,
    /// Version of the object. Absent: the latest, looked up whenever the function is looked at and at least once
    /// an hour; a new one is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub version_id: Option<String>,
}

fn inline_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "nullable": true,
        "minProperties": 1,
        "maxProperties": 100,
        "additionalProperties": { "type": "string", "maxLength": 204_800 },
        "x-kubernetes-validations": [
            {
                "rule": "self.all(k, size(k) >= 1 && size(k) <= 255)",
                "message": "code.inline: a file name has 1 to 255 characters",
            },
            {
                "rule": "self.all(k, !k.startsWith('/') && !k.split('/').exists(part, part in ['', '.', '..']))",
                "message": "code.inline: file names are relative paths without empty parts, '.' and '..'",
            },
        ],
    })
}
