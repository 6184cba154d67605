//! The function's URL: <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// An HTTPS address of the function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionUrl {
    /// NONE: everybody may call it; the two statements that AWS asks for are added to the function's resource
    /// policy. AWS_IAM: principals that are allowed to, by their own policies or by `permissions`.
    pub auth_type: AuthType,

    /// What browsers may do from pages of other origins. Absent: left as it is, none at creation; `{}`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,

    /// BUFFERED: the answer is sent when it is complete. RESPONSE_STREAM: as it is written. Absent: left as it is,
    /// BUFFERED at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoke_mode: Option<InvokeMode>,
}

/// How callers of a URL are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AuthType {
    /// They are not.
    #[serde(rename = "NONE")]
    None,
    /// By the signature of their request.
    #[serde(rename = "AWS_IAM")]
    AwsIam,
}

impl AuthType {
    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::AwsIam => "AWS_IAM",
        }
    }
}

/// How the answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum InvokeMode {
    /// When it is complete.
    #[serde(rename = "BUFFERED")]
    Buffered,
    /// As it is written.
    #[serde(rename = "RESPONSE_STREAM")]
    ResponseStream,
}

impl InvokeMode {
    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buffered => "BUFFERED",
            Self::ResponseStream => "RESPONSE_STREAM",
        }
    }
}

/// Cross-origin resource sharing. What is absent is not allowed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// Whether cookies and other credentials may be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    /// Headers that a request may have, such as content-type, or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024)))]
    pub allow_headers: Option<Vec<String>>,
    /// Methods that a request may have, or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6), inner(length(min = 1, max = 6), regex(pattern = r"^([A-Z]+|\*)$")))]
    pub allow_methods: Option<Vec<String>>,
    /// Origins that a request may come from, such as https://www.example.com, or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub allow_origins: Option<Vec<String>>,
    /// Headers of the answer that the page may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024)))]
    pub expose_headers: Option<Vec<String>>,
    /// For how many seconds a browser may keep the answer to a preflight request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub max_age_seconds: Option<i32>,
}
