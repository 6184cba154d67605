//! The URL of a function.

use async_trait::async_trait;

use crate::cloud::fault::Fault;

/// Cross-origin resource sharing; empty for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Whether credentials may be sent.
    pub allow_credentials: bool,
    /// Headers of requests.
    pub allow_headers: Vec<String>,
    /// Methods of requests.
    pub allow_methods: Vec<String>,
    /// Origins of requests.
    pub allow_origins: Vec<String>,
    /// Headers of answers.
    pub expose_headers: Vec<String>,
    /// For how many seconds the answer to a preflight request may be kept; 0 when not given.
    pub max_age_seconds: i32,
}

/// A URL as GetFunctionUrlConfig shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionUrl {
    /// The address.
    pub url: String,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// Cross-origin resource sharing.
    pub cors: Cors,
    /// `BUFFERED` or `RESPONSE_STREAM`.
    pub invoke_mode: String,
}

/// What CreateFunctionUrlConfig and UpdateFunctionUrlConfig are called with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlChange {
    /// Name of the function.
    pub function: String,
    /// `NONE` or `AWS_IAM`; absent to leave it. A new URL needs one.
    pub auth_type: Option<String>,
    /// Absent to leave it; empty for none.
    pub cors: Option<Cors>,
    /// Absent to leave it.
    pub invoke_mode: Option<String>,
}

/// The calls on URLs, all without a qualifier.
#[async_trait]
pub trait Urls: Send + Sync {
    /// GetFunctionUrlConfig; `None` for ResourceNotFoundException.
    async fn url(&self, function: &str) -> Result<Option<FunctionUrl>, Fault>;
    /// CreateFunctionUrlConfig.
    async fn create_url(&self, new: &UrlChange) -> Result<(), Fault>;
    /// UpdateFunctionUrlConfig.
    async fn update_url(&self, change: &UrlChange) -> Result<(), Fault>;
    /// DeleteFunctionUrlConfig; one that is gone already is success.
    async fn delete_url(&self, function: &str) -> Result<(), Fault>;
}
