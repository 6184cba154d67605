//! Code signing: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html>.

use std::fmt;

use async_trait::async_trait;

use crate::cloud::{
    fault::Fault,
    lambda::{Lambda, NewFunction},
};

use super::{
    View, note,
    spec::{AspectsSpec, AspectsStatus, Setting},
    step::AspectStep,
};

/// One write: set the configuration; nothing for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name of the function.
    pub function: String,
    /// ARN of the configuration.
    pub arn: Option<String>,
}

/// Whether it is given, or was applied.
pub fn is_managed(spec: &AspectsSpec, status: &AspectsStatus) -> bool {
    spec.code_signing_config_arn.is_some() || status.applied_settings.contains(&Setting::CodeSigningConfig)
}

/// The call that makes the function sets it, so that the first code is checked as well.
pub fn record_creation(new: &NewFunction, status: &mut AspectsStatus) {
    if new.code_signing_config_arn.is_some() {
        note(status, Setting::CodeSigningConfig, true);
    }
}

/// What to do about it.
pub fn plan(view: &View<'_>) -> Option<Step> {
    let arn = &view.desired.spec.code_signing_config_arn;
    let differs = is_managed(&view.desired.spec, view.status) && *arn != view.observed.code_signing_config;
    differs.then(|| Step { function: view.function.to_owned(), arn: arn.clone() })
}

/// What counts as applied.
pub fn report(view: &View<'_>, status: &mut AspectsStatus) {
    if plan(view).is_none() {
        note(status, Setting::CodeSigningConfig, view.desired.spec.code_signing_config_arn.is_some());
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        if self.arn.is_some() { "CodeSigningConfigSet" } else { "CodeSigningConfigRemoved" }
    }

    fn field(&self) -> &'static str {
        "spec.codeSigningConfigArn"
    }

    fn record(&self, status: &mut AspectsStatus) {
        note(status, Setting::CodeSigningConfig, true);
    }

    async fn apply(&self, lambda: &dyn Lambda, _: &mut AspectsStatus) -> Result<(), Fault> {
        match &self.arn {
            Some(arn) => lambda.put_code_signing_config(&self.function, arn).await,
            None => lambda.delete_code_signing_config(&self.function).await,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.arn {
            Some(arn) => write!(f, "set the code signing configuration of function {} to {arn}", self.function),
            None => write!(f, "remove the code signing configuration of function {}", self.function),
        }
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
        let given = json!({ "codeSigningConfigArn": "arn:one" });
        for (spec, applied, observed, expected) in [
            (json!({}), json!([]), Some("arn:one"), None),
            (given.clone(), json!([]), Some("arn:one"), None),
            (given, json!([]), Some("arn:two"), Some("set the code signing configuration of function f to arn:one")),
            (
                json!({}),
                json!(["codeSigningConfig"]),
                Some("arn:one"),
                Some("remove the code signing configuration of function f"),
            ),
            (json!({}), json!(["codeSigningConfig"]), None, None),
        ] {
            let observed = Observed { code_signing_config: observed.map(str::to_owned), ..Observed::default() };
            let pass = Pass::new(spec.clone(), json!({ "appliedSettings": applied }), observed);
            assert_eq!(plan(&pass.view()).map(|step| step.to_string()).as_deref(), expected, "{spec} {applied}");
        }
    }
}
