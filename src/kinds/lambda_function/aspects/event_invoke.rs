//! How asynchronous invocations are handled:
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html>.

use std::fmt;

use async_trait::async_trait;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::cloud::{
    fault::Fault,
    lambda::{Lambda, controls::EventInvokeConfig},
};

use super::{
    View, note,
    spec::{AspectsSpec, AspectsStatus, Setting},
    step::AspectStep,
};

/// AWS's defaults: <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>.
const DEFAULT_AGE: i32 = 21_600;
const DEFAULT_RETRIES: i32 = 2;

const SETTINGS: [Setting; 4] = [
    Setting::EventInvokeMaximumEventAge,
    Setting::EventInvokeMaximumRetryAttempts,
    Setting::EventInvokeOnFailure,
    Setting::EventInvokeOnSuccess,
];

/// How asynchronous invocations are handled. What is absent is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventInvoke {
    /// How old an event may become before it is dropped, in seconds. AWS's default is 21,600 (6 hours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 21_600))]
    pub maximum_event_age_seconds: Option<i32>,

    /// How often an event is tried again when the function fails. AWS's default is 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2))]
    pub maximum_retry_attempts: Option<i32>,

    /// ARN of the queue, topic, bus, bucket or function that gets a record of each event that failed. The execution
    /// role has to be allowed to send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 350), regex(pattern = r"^arn:aws[a-z-]*:[^\s]+$"))]
    pub on_failure: Option<String>,

    /// ARN of the queue, topic, bus or function that gets a record of each event that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 350), regex(pattern = r"^arn:aws[a-z-]*:[^\s]+$"))]
    pub on_success: Option<String>,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Replace the configuration.
    Put {
        /// Name of the function.
        function: String,
        /// All of it.
        config: EventInvokeConfig,
        /// The settings that the spec gives.
        given: Vec<Setting>,
    },
    /// Delete it: all settings have their defaults.
    Delete {
        /// Name of the function.
        function: String,
    },
}

/// Whether it is given, or a setting of it was applied.
pub fn is_managed(spec: &AspectsSpec, status: &AspectsStatus) -> bool {
    spec.event_invoke.is_some() || SETTINGS.iter().any(|setting| status.applied_settings.contains(setting))
}

/// What to do about it: a setting that is not given is kept as it is, unless it was applied before.
pub fn plan(view: &View<'_>) -> Option<Step> {
    if !is_managed(&view.desired.spec, view.status) {
        return None;
    }
    let function = view.function.to_owned();
    let observed = normal(view.observed.event_invoke.clone().unwrap_or_default());
    let given = view.desired.spec.event_invoke.clone().unwrap_or_default();
    let kept = |setting| !view.is_applied(setting);
    let wanted = normal(EventInvokeConfig {
        maximum_event_age_seconds: given
            .maximum_event_age_seconds
            .or_else(|| observed.maximum_event_age_seconds.filter(|_| kept(Setting::EventInvokeMaximumEventAge))),
        maximum_retry_attempts: given
            .maximum_retry_attempts
            .or_else(|| observed.maximum_retry_attempts.filter(|_| kept(Setting::EventInvokeMaximumRetryAttempts))),
        on_failure: given
            .on_failure
            .or_else(|| observed.on_failure.clone().filter(|_| kept(Setting::EventInvokeOnFailure))),
        on_success: given
            .on_success
            .or_else(|| observed.on_success.clone().filter(|_| kept(Setting::EventInvokeOnSuccess))),
    });
    let is_left_over = view.desired.spec.event_invoke.is_none() && view.observed.event_invoke.is_some();
    if wanted == EventInvokeConfig::default() && is_left_over {
        return Some(Step::Delete { function });
    }
    (wanted != observed).then(|| Step::Put { function, config: wanted, given: settings(&view.desired.spec) })
}

/// With AWS's defaults left out.
fn normal(config: EventInvokeConfig) -> EventInvokeConfig {
    EventInvokeConfig {
        maximum_event_age_seconds: config.maximum_event_age_seconds.filter(|age| *age != DEFAULT_AGE),
        maximum_retry_attempts: config.maximum_retry_attempts.filter(|retries| *retries != DEFAULT_RETRIES),
        on_failure: config.on_failure.filter(|arn| !arn.is_empty()),
        on_success: config.on_success.filter(|arn| !arn.is_empty()),
    }
}

fn settings(spec: &AspectsSpec) -> Vec<Setting> {
    let Some(given) = &spec.event_invoke else { return Vec::new() };
    let is_given = [
        given.maximum_event_age_seconds.is_some(),
        given.maximum_retry_attempts.is_some(),
        given.on_failure.is_some(),
        given.on_success.is_some(),
    ];
    SETTINGS.into_iter().zip(is_given).filter_map(|(setting, given)| given.then_some(setting)).collect()
}

/// What counts as applied.
pub fn report(view: &View<'_>, status: &mut AspectsStatus) {
    if plan(view).is_none() {
        let given = settings(&view.desired.spec);
        for setting in SETTINGS {
            note(status, setting, given.contains(&setting));
        }
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::Put { .. } => "EventInvokeConfigSet",
            Self::Delete { .. } => "EventInvokeConfigDeleted",
        }
    }

    fn field(&self) -> &'static str {
        "spec.eventInvoke"
    }

    fn record(&self, status: &mut AspectsStatus) {
        if let Self::Put { given, .. } = self {
            for setting in given {
                note(status, *setting, true);
            }
        }
    }

    async fn apply(&self, lambda: &dyn Lambda, _: &mut AspectsStatus) -> Result<(), Fault> {
        match self {
            Self::Put { function, config, .. } => lambda.put_event_invoke_config(function, config).await,
            Self::Delete { function } => lambda.delete_event_invoke_config(function).await,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { function, config, .. } => {
                let words = [
                    config.maximum_event_age_seconds.map(|age| format!("maximumEventAgeSeconds {age}")),
                    config.maximum_retry_attempts.map(|retries| format!("maximumRetryAttempts {retries}")),
                    config.on_failure.as_ref().map(|arn| format!("onFailure {arn}")),
                    config.on_success.as_ref().map(|arn| format!("onSuccess {arn}")),
                ];
                let words: Vec<_> = words.into_iter().flatten().collect();
                let words = if words.is_empty() { "AWS's defaults".to_owned() } else { words.join(", ") };
                write!(f, "set how asynchronous invocations of function {function} are handled: {words}")
            }
            Self::Delete { function } => {
                write!(f, "delete how asynchronous invocations of function {function} are handled")
            }
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
    fn each_setting_is_set_kept_and_taken_back() {
        let theirs = EventInvokeConfig {
            maximum_retry_attempts: Some(1),
            on_success: Some("arn:theirs".to_owned()),
            ..EventInvokeConfig::default()
        };
        let default = EventInvokeConfig {
            maximum_event_age_seconds: Some(21_600),
            maximum_retry_attempts: Some(2),
            ..EventInvokeConfig::default()
        };
        let set = "set how asynchronous invocations of function f are handled: ";
        let retries = json!(["eventInvokeMaximumRetryAttempts"]);
        for (spec, applied, observed, expected) in [
            (json!({}), json!([]), Some(&theirs), None),
            (json!({ "eventInvoke": {} }), json!([]), Some(&theirs), None),
            (json!({ "eventInvoke": { "maximumRetryAttempts": 2 } }), json!([]), None, None),
            (json!({ "eventInvoke": { "maximumEventAgeSeconds": 21_600 } }), json!([]), Some(&default), None),
            (
                json!({ "eventInvoke": { "maximumRetryAttempts": 0 } }),
                json!([]),
                Some(&theirs),
                Some(format!("{set}maximumRetryAttempts 0, onSuccess arn:theirs")),
            ),
            (json!({ "eventInvoke": {} }), retries.clone(), Some(&theirs), Some(format!("{set}onSuccess arn:theirs"))),
            (json!({}), retries.clone(), Some(&theirs), Some(format!("{set}onSuccess arn:theirs"))),
            (
                json!({}),
                json!(["eventInvokeMaximumRetryAttempts", "eventInvokeOnSuccess"]),
                Some(&theirs),
                Some("delete how asynchronous invocations of function f are handled".to_owned()),
            ),
            (json!({}), retries, None, None),
        ] {
            let observed = Observed { event_invoke: observed.cloned(), ..Observed::default() };
            let pass = Pass::new(spec.clone(), json!({ "appliedSettings": applied }), observed);
            assert_eq!(pass.told(), expected.into_iter().collect::<Vec<_>>(), "{spec} {applied}");
        }
    }

    #[test]
    fn the_status_tells_what_was_applied() {
        let spec = json!({ "eventInvoke": { "onFailure": "arn:q" } });
        let recorded = json!({ "appliedSettings": ["eventInvokeOnFailure"] });
        assert_eq!(Pass::new(spec.clone(), json!({}), Observed::default()).recorded(), recorded);
        let config = EventInvokeConfig { on_failure: Some("arn:q".to_owned()), ..EventInvokeConfig::default() };
        let observed = Observed { event_invoke: Some(config), ..Observed::default() };
        let before = json!({ "appliedSettings": ["eventInvokeMaximumEventAge"] });
        assert_eq!(Pass::new(spec, before, observed).reported(), recorded);
    }
}
