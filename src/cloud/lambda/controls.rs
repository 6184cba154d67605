//! Settings of a function that have calls of their own.

use async_trait::async_trait;

use crate::cloud::fault::Fault;

/// How asynchronous invocations are handled. What is absent has AWS's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventInvokeConfig {
    /// How old an event may become, in seconds.
    pub maximum_event_age_seconds: Option<i32>,
    /// How often an event is tried again.
    pub maximum_retry_attempts: Option<i32>,
    /// ARN of what is told of failures.
    pub on_failure: Option<String>,
    /// ARN of what is told of successes.
    pub on_success: Option<String>,
}

/// When the runtime is updated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeManagementConfig {
    /// `Auto`, `Manual` or `FunctionUpdate`.
    pub update_runtime_on: String,
    /// The runtime version, for `Manual`.
    pub runtime_version_arn: Option<String>,
}

/// The calls on these settings.
#[async_trait]
pub trait Controls: Send + Sync {
    /// PutFunctionConcurrency; GetFunction shows it.
    async fn put_concurrency(&self, function: &str, reserved: i32) -> Result<(), Fault>;
    /// DeleteFunctionConcurrency.
    async fn delete_concurrency(&self, function: &str) -> Result<(), Fault>;
    /// GetFunctionCodeSigningConfig; `None` for none.
    async fn code_signing_config(&self, function: &str) -> Result<Option<String>, Fault>;
    /// PutFunctionCodeSigningConfig.
    async fn put_code_signing_config(&self, function: &str, arn: &str) -> Result<(), Fault>;
    /// DeleteFunctionCodeSigningConfig.
    async fn delete_code_signing_config(&self, function: &str) -> Result<(), Fault>;
    /// GetFunctionRecursionConfig: `Allow` or `Terminate`.
    async fn recursive_loop(&self, function: &str) -> Result<String, Fault>;
    /// PutFunctionRecursionConfig.
    async fn put_recursive_loop(&self, function: &str, value: &str) -> Result<(), Fault>;
    /// GetRuntimeManagementConfig.
    async fn runtime_management(&self, function: &str) -> Result<RuntimeManagementConfig, Fault>;
    /// PutRuntimeManagementConfig.
    async fn put_runtime_management(&self, function: &str, config: &RuntimeManagementConfig) -> Result<(), Fault>;
    /// GetFunctionEventInvokeConfig; `None` for none.
    async fn event_invoke_config(&self, function: &str) -> Result<Option<EventInvokeConfig>, Fault>;
    /// PutFunctionEventInvokeConfig, which replaces all of it.
    async fn put_event_invoke_config(&self, function: &str, config: &EventInvokeConfig) -> Result<(), Fault>;
    /// DeleteFunctionEventInvokeConfig; one that is gone already is success.
    async fn delete_event_invoke_config(&self, function: &str) -> Result<(), Fault>;
}
