//! Updates of the runtime: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html>.

use std::fmt;

use async_trait::async_trait;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::cloud::{
    fault::Fault,
    lambda::{Lambda, controls::RuntimeManagementConfig},
};

use super::{
    View, note,
    spec::{AspectsSpec, AspectsStatus, Setting},
    step::AspectStep,
    wanted,
};

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

/// One write: set when the runtime is updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name of the function.
    pub function: String,
    /// When.
    pub config: RuntimeManagementConfig,
}

/// Whether it is given, or was applied.
pub fn is_managed(spec: &AspectsSpec, status: &AspectsStatus) -> bool {
    spec.runtime_management.is_some() || status.applied_settings.contains(&Setting::RuntimeManagement)
}

/// What to do about it. A runtime version counts only where it is given: AWS may show the one in use.
pub fn plan(view: &View<'_>) -> Option<Step> {
    let auto = RuntimeManagementConfig {
        update_runtime_on: UpdateRuntimeOn::Auto.as_str().to_owned(),
        runtime_version_arn: None,
    };
    let given = view.desired.spec.runtime_management.as_ref().map(|given| RuntimeManagementConfig {
        update_runtime_on: given.update_runtime_on.as_str().to_owned(),
        runtime_version_arn: given.runtime_version_arn.clone(),
    });
    let config = wanted(given, view.is_applied(Setting::RuntimeManagement), auto)?;
    let is_same = view.observed.runtime_management.as_ref().is_some_and(|observed| {
        observed.update_runtime_on == config.update_runtime_on
            && (config.runtime_version_arn.is_none() || observed.runtime_version_arn == config.runtime_version_arn)
    });
    (!is_same).then(|| Step { function: view.function.to_owned(), config })
}

/// What counts as applied.
pub fn report(view: &View<'_>, status: &mut AspectsStatus) {
    if plan(view).is_none() {
        note(status, Setting::RuntimeManagement, view.desired.spec.runtime_management.is_some());
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        "RuntimeManagementSet"
    }

    fn field(&self) -> &'static str {
        "spec.runtimeManagement"
    }

    fn record(&self, status: &mut AspectsStatus) {
        note(status, Setting::RuntimeManagement, true);
    }

    async fn apply(&self, lambda: &dyn Lambda, _: &mut AspectsStatus) -> Result<(), Fault> {
        lambda.put_runtime_management(&self.function, &self.config).await
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuntimeManagementConfig { update_runtime_on, runtime_version_arn } = &self.config;
        write!(f, "set runtimeManagement of function {} to {update_runtime_on}", self.function)?;
        runtime_version_arn.iter().try_for_each(|arn| write!(f, " with {arn}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{Observed, testing::Pass},
        *,
    };

    #[test]
    fn it_is_set_and_taken_back() {
        let manual = json!({ "runtimeManagement": { "updateRuntimeOn": "Manual", "runtimeVersionArn": "arn:v" } });
        let update = json!({ "runtimeManagement": { "updateRuntimeOn": "FunctionUpdate" } });
        for (spec, applied, observed, expected) in [
            (json!({}), json!([]), None, None),
            (update.clone(), json!([]), Some(("FunctionUpdate", Some("arn:in-use"))), None),
            (update, json!([]), Some(("Auto", None)), Some("FunctionUpdate")),
            (manual.clone(), json!([]), Some(("Manual", Some("arn:v"))), None),
            (manual, json!([]), Some(("Manual", Some("arn:w"))), Some("Manual with arn:v")),
            (json!({}), json!(["runtimeManagement"]), Some(("Manual", Some("arn:v"))), Some("Auto")),
        ] {
            let runtime_management = observed.map(|(on, arn)| RuntimeManagementConfig {
                update_runtime_on: on.to_owned(),
                runtime_version_arn: arn.map(str::to_owned),
            });
            let observed = Observed { runtime_management, ..Observed::default() };
            let pass = Pass::new(spec.clone(), json!({ "appliedSettings": applied }), observed);
            let expected = expected.map(|value| format!("set runtimeManagement of function f to {value}"));
            assert_eq!(pass.told(), expected.into_iter().collect::<Vec<_>>(), "{spec} {applied}");
        }
    }
}
