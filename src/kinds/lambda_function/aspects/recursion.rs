//! Detection of recursive loops: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::cloud::{fault::Fault, lambda::Lambda};

use super::{
    View, note,
    spec::{AspectsSpec, AspectsStatus, Setting},
    step::AspectStep,
    wanted,
};

/// What AWS does about a function that invokes itself in a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum RecursiveLoop {
    /// Nothing.
    Allow,
    /// It stops the function's invocation.
    Terminate,
}

impl RecursiveLoop {
    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Terminate => "Terminate",
        }
    }
}

/// One write: set what is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name of the function.
    pub function: String,
    /// What is done.
    pub value: RecursiveLoop,
}

/// Whether it is given, or was applied.
pub fn is_managed(spec: &AspectsSpec, status: &AspectsStatus) -> bool {
    spec.recursive_loop.is_some() || status.applied_settings.contains(&Setting::RecursiveLoop)
}

/// What to do about it.
pub fn plan(view: &View<'_>) -> Option<Step> {
    let given = view.desired.spec.recursive_loop;
    let value = wanted(given, view.is_applied(Setting::RecursiveLoop), RecursiveLoop::Terminate)?;
    let differs = view.observed.recursive_loop.as_deref() != Some(value.as_str());
    differs.then(|| Step { function: view.function.to_owned(), value })
}

/// What counts as applied.
pub fn report(view: &View<'_>, status: &mut AspectsStatus) {
    if plan(view).is_none() {
        note(status, Setting::RecursiveLoop, view.desired.spec.recursive_loop.is_some());
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        "RecursiveLoopSet"
    }

    fn field(&self) -> &'static str {
        "spec.recursiveLoop"
    }

    fn record(&self, status: &mut AspectsStatus) {
        note(status, Setting::RecursiveLoop, true);
    }

    async fn apply(&self, lambda: &dyn Lambda, _: &mut AspectsStatus) -> Result<(), Fault> {
        lambda.put_recursive_loop(&self.function, self.value.as_str()).await
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set recursiveLoop of function {} to {}", self.function, self.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Observed, testing::Pass};

    #[test]
    fn it_is_set_and_taken_back() {
        for (spec, applied, observed, expected) in [
            (json!({}), json!([]), None, None),
            (json!({ "recursiveLoop": "Allow" }), json!([]), Some("Allow"), None),
            (json!({ "recursiveLoop": "Allow" }), json!([]), Some("Terminate"), Some("Allow")),
            (json!({}), json!(["recursiveLoop"]), Some("Allow"), Some("Terminate")),
            (json!({}), json!(["recursiveLoop"]), Some("Terminate"), None),
        ] {
            let observed = Observed { recursive_loop: observed.map(str::to_owned), ..Observed::default() };
            let pass = Pass::new(spec.clone(), json!({ "appliedSettings": applied }), observed);
            let expected = expected.map(|value| format!("set recursiveLoop of function f to {value}"));
            assert_eq!(pass.told(), expected.into_iter().collect::<Vec<_>>(), "{spec} {applied}");
        }
    }
}
