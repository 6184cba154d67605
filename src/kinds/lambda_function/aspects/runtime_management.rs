//! Updates of the runtime: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html>.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// When AWS moves the function to a new patch version of its runtime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("(self.updateRuntimeOn == 'Manual') == has(self.runtimeVersionArn)")
        .message("runtimeManagement: runtimeVersionArn goes with updateRuntimeOn Manual")
)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeManagement {
    /// Auto: as AWS rolls it out. FunctionUpdate: when the function is updated. Manual: never; it runs with
    /// `runtimeVersionArn`.
    pub update_runtime_on: UpdateRuntimeOn,

    /// ARN of the runtime version, as the function's log and GetFunction show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 26, max = 2048), regex(pattern = r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+::runtime:.+$"))]
    pub runtime_version_arn: Option<String>,
}

/// When AWS moves the function to a new patch version of its runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum UpdateRuntimeOn {
    /// As AWS rolls it out.
    #[default]
    Auto,
    /// Never.
    Manual,
    /// When the function is updated.
    FunctionUpdate,
}

impl UpdateRuntimeOn {
    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::Manual => "Manual",
            Self::FunctionUpdate => "FunctionUpdate",
        }
    }
}
