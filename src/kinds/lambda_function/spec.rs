//! `LambdaFunction`: spec, status and the rules that the API server checks.

mod code;
mod environment;
mod role;
mod settings;
#[cfg(test)]
mod tests;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::engine::contract::{CommonSpec, CommonStatus};

pub use self::{
    code::{Code, S3Object},
    environment::{EnvFromSource, EnvSource, EnvVar, EnvVarSource, KeySelector},
    role::{CreateRole, ExecutionRole},
    settings::{
        ApplicationLogLevel, Architecture, FileSystem, ImageConfig, LogFormat, Logging, SnapStart, SystemLogLevel,
        Tracing, Vpc,
    },
};

use super::aspects::spec::{AspectsSpec, AspectsStatus};

/// What the names of ConfigMaps, Secrets and our own kinds look like.
const OBJECT_NAME_PATTERN: &str = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";
/// What the ARN of a KMS key looks like.
const KMS_KEY_PATTERN: &str = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$";

/// One Lambda function whole: its code, configuration and execution role.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "privatelink.dev",
    version = "v1alpha1",
    kind = "LambdaFunction",
    plural = "lambdafunctions",
    namespaced,
    status = "LambdaFunctionStatus",
    derive = "PartialEq",
    shortname = "lfn",
    category = "aws",
    category = "privatelink",
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name: at most 63 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Function", type_ = "string", json_path = ".status.functionName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[x_kube(
    validation = Rule::new(
        "has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)"
    ).message("region is immutable: delete the object and make a new one"),
    validation = Rule::new(
        "has(self.functionName) == has(oldSelf.functionName) && (!has(self.functionName) || self.functionName == oldSelf.functionName)"
    ).message("functionName is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.code.image) == has(oldSelf.code.image)")
        .message("code.image: whether a function is an image or a zip file is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.code.image) || (has(self.runtime) && has(self.handler))")
        .message("runtime and handler are required, unless code.image is given"),
    validation = Rule::new("!has(self.code.image) || !(has(self.runtime) || has(self.handler) || has(self.layers))")
        .message("runtime, handler and layers go with a zip file, not with code.image"),
    validation = Rule::new("has(self.code.image) || !has(self.imageConfig)")
        .message("imageConfig goes with code.image"),
)]
#[serde(rename_all = "camelCase")]
pub struct LambdaFunctionSpec {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// Name of the function. Absent: `<namespace>-<name>`, cut with a hash where it is longer than 64 characters
    /// or holds a dot. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-zA-Z0-9_-]+$"))]
    pub function_name: Option<String>,

    /// What the function is for. Absent: left as it is, empty at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub description: Option<String>,

    /// Runtime identifier, such as nodejs22.x or python3.13. AWS says which there are. Required, unless code.image is
    /// given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z][a-z0-9.]+$"))]
    pub runtime: Option<String>,

    /// Entry point, such as index.handler. Required, unless code.image is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^\s]+$"))]
    pub handler: Option<String>,

    /// Instruction set. Absent: left as it is, x86_64 at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,

    /// Memory in MB. Absent: left as it is, 128 at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 128, max = 32768))]
    pub memory_size: Option<i32>,

    /// Time-out of an invocation in seconds. Absent: left as it is, 3 at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5400))]
    pub timeout_seconds: Option<i32>,

    /// Size of the folder /tmp in MB. Absent: left as it is, 512 at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 512, max = 10240))]
    pub ephemeral_storage_size: Option<i32>,

    /// ARNs of layer versions; of two that hold the same file, the later one counts. Absent: left as they are; `[]`:
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 5),
        inner(
            length(max = 140),
            regex(pattern = r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[a-zA-Z0-9_-]+:[0-9]+$")
        )
    )]
    pub layers: Option<Vec<String>>,

    /// Environment variables, 4 KB in all with those of envFrom, which they take precedence over. Absent, and envFrom
    /// too: left as they are; `[]`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub env: Option<Vec<EnvVar>>,

    /// ConfigMaps and Secrets whose keys become environment variables; of two that hold the same key, the later one
    /// counts. A change of any is applied at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub env_from: Option<Vec<EnvFromSource>>,

    /// The VPC that the function reaches. Absent: left as it is, none at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Vpc>,

    /// Whether AWS X-Ray samples invocations. Absent: left as it is, PassThrough at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,

    /// Where and how the function logs. Absent: left as it is, Text to /aws/lambda/<function name> at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,

    /// ARN of the KMS key that environment variables and snapshots are encrypted with. The operator needs
    /// kms:Decrypt on it to compare the variables. Absent: left as it is, a key of AWS at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = KMS_KEY_PATTERN))]
    pub kms_key_arn: Option<String>,

    /// ARN of the SQS queue or SNS topic that takes events which asynchronous invocations failed on. Absent: left as
    /// it is, none at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:(sqs|sns):[a-z0-9-]+:[0-9]{12}:.+$"))]
    pub dead_letter_target_arn: Option<String>,

    /// File systems that the function sees. Absent: left as they are; `[]`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1))]
    pub file_systems: Option<Vec<FileSystem>>,

    /// What of the image is to be used otherwise than the image says. Absent: left as it is, the image's own at
    /// creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_config: Option<ImageConfig>,

    /// Which versions start from a snapshot. Absent: left as it is, None at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snap_start: Option<SnapStart>,

    /// The code: exactly one of inline, configMapRef, secretRef, s3 and image.
    pub code: Code,

    /// The role that the function runs with: exactly one of arn, instanceRoleRef and create.
    pub execution_role: ExecutionRole,

    /// What the function has beside its code and configuration.
    #[serde(flatten)]
    pub aspects: AspectsSpec,
}

/// An object in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME_PATTERN))]
    pub name: String,
}

/// An optional setting that goes back to AWS's default when it is taken out of the spec after we set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ManagedField {
    /// `spec.architecture`, by default x86_64.
    Architecture,
    /// `spec.deadLetterTargetArn`, by default none.
    DeadLetterTargetArn,
    /// `spec.description`, by default empty.
    Description,
    /// `spec.env` and `spec.envFrom`, by default empty.
    Env,
    /// `spec.ephemeralStorageSize`, by default 512.
    EphemeralStorageSize,
    /// `spec.fileSystems`, by default none.
    FileSystems,
    /// `spec.imageConfig`, by default the image's own.
    ImageConfig,
    /// `spec.kmsKeyArn`, by default a key of AWS.
    KmsKeyArn,
    /// `spec.layers`, by default none.
    Layers,
    /// `spec.logging`, by default Text to the function's own log group.
    Logging,
    /// `spec.memorySize`, by default 128.
    MemorySize,
    /// `spec.snapStart`, by default None.
    SnapStart,
    /// `spec.code.sourceKmsKeyArn`, by default a key of AWS.
    SourceKmsKeyArn,
    /// `spec.timeoutSeconds`, by default 3.
    TimeoutSeconds,
    /// `spec.tracing`, by default PassThrough.
    Tracing,
    /// `spec.vpc`, by default none.
    Vpc,
}

/// What AWS holds of the function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LambdaFunctionStatus {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonStatus,

    /// Name of the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub function_name: Option<String>,

    /// AWS's state of the function: Pending, Active, Inactive, Failed, Deactivating, Deactivated, ActiveNonInvocable
    /// or Deleting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,

    /// Why the state is what it is, where AWS says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub state_reason: Option<String>,

    /// The same in one word of AWS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub state_reason_code: Option<String>,

    /// How the last update went: Successful, Failed or InProgress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub last_update_status: Option<String>,

    /// AWS's digest of the code: base64 of the SHA-256 of the zip file, or hex of the image's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub code_sha256: Option<String>,

    /// The image that a function of code.image runs, by its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub resolved_image_uri: Option<String>,

    /// The zip file in S3 that was deployed last, when code.s3 gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_object: Option<DeployedObject>,

    /// AWS's revision of the function when it was last at rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub revision_id: Option<String>,

    /// ARN of the role that the function runs with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub execution_role_arn: Option<String>,

    /// ARNs of the layer versions that the function uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 256)))]
    pub layers: Vec<String>,

    /// The VPC that the function reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcStatus>,

    /// The InstanceRole that was made for executionRole.create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub owned_role: Option<String>,

    /// Optional settings that were set on the function, so that one taken out of the spec goes back to its default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub managed_fields: Vec<ManagedField>,

    /// What is known of the function's aspects.
    #[serde(flatten)]
    pub aspects: AspectsStatus,
}

/// The VPC that a function reaches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VpcStatus {
    /// Id of the VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,
    /// Ids of the subnets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    pub subnets: Vec<String>,
    /// Ids of the security groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    pub security_groups: Vec<String>,
}

/// A zip file in S3 that was deployed. AWS does not say which object the code of a function came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeployedObject {
    /// Digest of bucket, key and version (or ETag), as the function's tag privatelink.dev/code has it too.
    #[schemars(length(max = 64))]
    pub source: String,
    /// The function's codeSha256 right after.
    #[schemars(length(max = 64))]
    pub code_sha256: String,
}
