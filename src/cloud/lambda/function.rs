//! Functions with their configuration, code and tags.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::cloud::{fault::Fault, ownership::Tags, sensitive::Sensitive};

/// Environment variables. The values never reach a log, an Event, a status, a metric or a plan.
pub type Environment = Sensitive<BTreeMap<String, String>>;

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
    /// Runtime identifier.
    pub runtime: Option<String>,
    /// Entry point.
    pub handler: Option<String>,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Memory in MB.
    pub memory_size: i32,
    /// Time-out in seconds.
    pub timeout_seconds: i32,
    /// Environment variables.
    pub environment: Environment,
    /// ARN of the execution role.
    pub role: String,
    /// Base64 of the SHA-256 of the deployment package.
    pub code_sha256: String,
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
    /// Runtime identifier.
    pub runtime: String,
    /// Entry point.
    pub handler: String,
    /// `x86_64` or `arm64`; absent for AWS's default.
    pub architecture: Option<String>,
    /// Memory in MB; absent for AWS's default (128).
    pub memory_size: Option<i32>,
    /// Time-out in seconds; absent for AWS's default (3).
    pub timeout_seconds: Option<i32>,
    /// Environment variables; absent for none.
    pub environment: Option<Environment>,
    /// ARN of the execution role.
    pub role: String,
    /// Zip file.
    pub zip: Sensitive<Vec<u8>>,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// What UpdateFunctionConfiguration is called with: only what changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigurationChange {
    /// Name.
    pub name: String,
    /// The revision that the change was decided on; another one is a conflict.
    pub revision_id: String,
    /// New runtime.
    pub runtime: Option<String>,
    /// New entry point.
    pub handler: Option<String>,
    /// New memory in MB.
    pub memory_size: Option<i32>,
    /// New time-out in seconds.
    pub timeout_seconds: Option<i32>,
    /// New environment, whole; an empty one removes all variables.
    pub environment: Option<Environment>,
    /// New execution role ARN.
    pub role: Option<String>,
}

/// What UpdateFunctionCode is called with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CodeChange {
    /// Name.
    pub name: String,
    /// The revision that the change was decided on; another one is a conflict.
    pub revision_id: String,
    /// Zip file.
    pub zip: Sensitive<Vec<u8>>,
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
    /// UpdateFunctionCode.
    async fn update_code(&self, change: &CodeChange) -> Result<(), Fault>;
    /// DeleteFunction; a function that is gone already is success.
    async fn delete_function(&self, name: &str) -> Result<(), Fault>;
    /// TagResource; existing keys get the new value.
    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), Fault>;
    /// UntagResource.
    async fn untag(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), Fault>;
}
