//! Functions with their configuration, code and tags.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::cloud::{fault::Fault, ownership::Tags, sensitive::Sensitive};

/// Environment variables. The values never reach a log, an Event, a status, a metric or a plan.
pub type Environment = Sensitive<BTreeMap<String, String>>;

macro_rules! settings {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)+) => {
        /// What UpdateFunctionConfiguration can change. In a function all are given; in a call only those that it
        /// sets.
        #[derive(Clone, Debug, Default, PartialEq, Hash)]
        pub struct Settings {
            $($(#[$doc])* pub $field: Option<$type>,)+
        }

        impl Settings {
            /// These, and where they give none, the others.
            #[must_use]
            pub fn or(self, others: Self) -> Self {
                Self { $($field: self.$field.or(others.$field),)+ }
            }

            /// Those of these that differ from the others.
            #[must_use]
            pub fn differing_from(self, others: &Self) -> Self {
                Self { $($field: self.$field.filter(|value| others.$field.as_ref() != Some(value)),)+ }
            }
        }
    };
}

settings! {
    /// What the function is for.
    description: String,
    /// Runtime identifier; empty for an image.
    runtime: String,
    /// Entry point; empty for an image.
    handler: String,
    /// Memory in MB.
    memory_size: i32,
    /// Time-out in seconds.
    timeout_seconds: i32,
    /// Size of /tmp in MB.
    ephemeral_storage_size: i32,
    /// ARNs of layer versions, in order.
    layers: Vec<String>,
    /// Environment variables. `None` in a function whose variables AWS could not decrypt for us.
    environment: Environment,
    /// The VPC.
    vpc: VpcConfig,
    /// `Active` or `PassThrough`.
    tracing: String,
    /// Logging.
    logging: LoggingConfig,
    /// Key for the environment variables; empty for AWS's own.
    kms_key_arn: String,
    /// Queue or topic for failed events; empty for none.
    dead_letter_target_arn: String,
    /// File systems.
    file_systems: Vec<FileSystemConfig>,
    /// What of the image is overridden. `None` in a function for which AWS could not tell it.
    image_config: ImageConfig,
    /// `PublishedVersions` or `None`.
    snap_start: String,
    /// ARN of the execution role.
    role: String,
}

impl Settings {
    /// Whether none is given.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// The subnets and groups of a function; none of either for a function outside any VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VpcConfig {
    /// Subnet ids.
    pub subnets: BTreeSet<String>,
    /// Security group ids.
    pub security_groups: BTreeSet<String>,
    /// Whether IPv6 may be used in dual-stack subnets.
    pub ipv6_allowed_for_dual_stack: bool,
}

/// How a function logs. Levels are there with format JSON alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LoggingConfig {
    /// `Text` or `JSON`.
    pub format: String,
    /// The least level of the function's own lines.
    pub application_level: Option<String>,
    /// The least level of Lambda's lines.
    pub system_level: Option<String>,
    /// The log group.
    pub group: String,
}

impl LoggingConfig {
    /// AWS's default for a function of this name.
    pub fn of(function: &str) -> Self {
        Self {
            format: "Text".to_owned(),
            application_level: None,
            system_level: None,
            group: format!("/aws/lambda/{function}"),
        }
    }
}

/// A file system of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileSystemConfig {
    /// ARN of the access point.
    pub arn: String,
    /// Where it is mounted.
    pub local_mount_path: String,
}

/// What of an image is overridden; empty for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ImageConfig {
    /// The program.
    pub entry_point: Vec<String>,
    /// Its arguments.
    pub command: Vec<String>,
    /// The working directory.
    pub working_directory: String,
}

/// How the code of a function is packed, which never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PackageType {
    /// A zip file.
    #[default]
    Zip,
    /// A container image.
    Image,
}

/// Code as a call sends it.
#[derive(Clone, Debug, PartialEq)]
pub enum CodeSource {
    /// A zip file.
    Zip(Sensitive<Vec<u8>>),
    /// A zip file in S3.
    S3 {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
        /// Its version; absent in a bucket without versions.
        version: Option<String>,
    },
    /// URI of a container image.
    Image(String),
}

impl CodeSource {
    /// How it is packed.
    pub fn package_type(&self) -> PackageType {
        match self {
            Self::Zip(_) | Self::S3 { .. } => PackageType::Zip,
            Self::Image(_) => PackageType::Image,
        }
    }
}

impl Default for CodeSource {
    fn default() -> Self {
        Self::Zip(Sensitive::default())
    }
}

/// A function as GetFunction shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Function {
    /// Name.
    pub name: String,
    /// ARN without qualifier.
    pub arn: String,
    /// `Pending`, `Active`, `Inactive`, `Failed`, `Deactivating`, `Deactivated`, `ActiveNonInvocable`, `Deleting`.
    pub state: String,
    /// Why the state is what it is.
    pub state_reason: Option<String>,
    /// The same as a code.
    pub state_reason_code: Option<String>,
    /// `Successful`, `Failed` or `InProgress`; absent while a SnapStart version is prepared.
    pub last_update_status: Option<String>,
    /// Why the last update failed.
    pub last_update_reason: Option<String>,
    /// The same as a code.
    pub last_update_reason_code: Option<String>,
    /// Its settings.
    pub settings: Settings,
    /// Why AWS could not tell the environment or the image's configuration.
    pub hidden: Option<String>,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// How the code is packed.
    pub package_type: PackageType,
    /// Base64 of the SHA-256 of the deployment package.
    pub code_sha256: String,
    /// The image as it was given; `None` where the call does not show it (ListFunctions).
    pub image_uri: Option<String>,
    /// The image by its digest.
    pub resolved_image_uri: Option<String>,
    /// Key for the zip file; empty for AWS's own.
    pub source_kms_key_arn: String,
    /// Id of the VPC.
    pub vpc_id: Option<String>,
    /// Changes with each change of the function; used for compare-and-set.
    pub revision_id: String,
    /// All tags; `None` where the call does not show them (ListFunctions).
    pub tags: Option<Tags>,
    /// Concurrent executions that are kept for the function; only GetFunction shows them.
    pub reserved_concurrency: Option<i32>,
}

/// What CreateFunction is called with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewFunction {
    /// Name.
    pub name: String,
    /// What is not AWS's default.
    pub settings: Settings,
    /// `x86_64` or `arm64`; absent for AWS's default.
    pub architecture: Option<String>,
    /// The code.
    pub code: CodeSource,
    /// Key for the zip file; absent for AWS's own.
    pub source_kms_key_arn: Option<String>,
    /// Tags, set in the same call.
    pub tags: Tags,
    /// The code signing configuration that the code has to satisfy.
    pub code_signing_config_arn: Option<String>,
}

/// What UpdateFunctionConfiguration is called with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigurationChange {
    /// Name.
    pub name: String,
    /// The revision that the change was decided on; another one is a conflict.
    pub revision_id: String,
    /// What changes. Empty lists and texts remove what there was.
    pub settings: Settings,
}

/// What UpdateFunctionCode is called with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CodeChange {
    /// Name.
    pub name: String,
    /// The revision that the change was decided on; another one is a conflict.
    pub revision_id: String,
    /// The code.
    pub code: CodeSource,
    /// The new key for the zip file, empty for AWS's own; absent to keep the current one.
    pub source_kms_key_arn: Option<String>,
    /// New architecture; absent to keep the current one.
    pub architecture: Option<String>,
    /// The architecture that the function has. It is sent where no new one is given, because AWS's page on
    /// UpdateFunctionCode names x86_64 as the default of a call without one.
    pub current_architecture: String,
}

/// The calls on functions themselves.
#[async_trait]
pub trait Functions: Send + Sync {
    /// GetFunction; `None` for ResourceNotFoundException.
    async fn function(&self, name: &str) -> Result<Option<Function>, Fault>;
    /// ListFunctions, all pages: name, revision and code digest are what it is used for.
    async fn functions(&self) -> Result<Vec<Function>, Fault>;
    /// CreateFunction.
    async fn create_function(&self, new: &NewFunction) -> Result<Function, Fault>;
    /// UpdateFunctionConfiguration.
    async fn update_configuration(&self, change: &ConfigurationChange) -> Result<(), Fault>;
    /// UpdateFunctionCode; the answer is the code's digest.
    async fn update_code(&self, change: &CodeChange) -> Result<String, Fault>;
    /// DeleteFunction; a function that is gone already is success.
    async fn delete_function(&self, name: &str) -> Result<(), Fault>;
    /// TagResource; existing keys get the new value.
    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), Fault>;
    /// UntagResource.
    async fn untag(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), Fault>;
}
