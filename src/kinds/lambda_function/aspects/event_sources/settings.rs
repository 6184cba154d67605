//! The settings of an event source mapping, field by field.

use crate::cloud::lambda::event_sources::MappingSettings;

use super::{EventSource, EventSourceSetting};

/// What the spec gives.
pub fn given(source: &EventSource) -> MappingSettings {
    MappingSettings {
        enabled: source.enabled,
        batch_size: source.batch_size,
        maximum_batching_window_seconds: source.maximum_batching_window_seconds,
        filters: source.filters.clone(),
        report_batch_item_failures: source.report_batch_item_failures,
        maximum_concurrency: source.maximum_concurrency,
        parallelization_factor: source.parallelization_factor,
        maximum_record_age_seconds: source.maximum_record_age_seconds,
        maximum_retry_attempts: source.maximum_retry_attempts,
        bisect_batch_on_function_error: source.bisect_batch_on_function_error,
        tumbling_window_seconds: source.tumbling_window_seconds,
        on_failure: source.on_failure.clone(),
    }
}

/// AWS's defaults for a type of source:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>.
pub fn defaults(source_arn: &str) -> MappingSettings {
    let is_queue = source_arn.contains(":sqs:");
    MappingSettings {
        enabled: Some(true),
        batch_size: Some(if is_queue { 10 } else { 100 }),
        maximum_batching_window_seconds: Some(0),
        filters: Some(Vec::new()),
        report_batch_item_failures: Some(false),
        maximum_concurrency: Some(0),
        parallelization_factor: Some(1),
        maximum_record_age_seconds: Some(-1),
        maximum_retry_attempts: Some(-1),
        bisect_batch_on_function_error: Some(false),
        tumbling_window_seconds: Some(0),
        on_failure: Some(String::new()),
    }
}

macro_rules! each_setting {
    ($($field:ident $setting:ident),+) => {
        /// The settings that are present.
        pub fn names(settings: &MappingSettings) -> Vec<EventSourceSetting> {
            let names = [$(settings.$field.is_some().then_some(EventSourceSetting::$setting)),+];
            let mut names: Vec<_> = names.into_iter().flatten().collect();
            names.sort();
            names
        }

        /// What has to change: what is given, or the default of what was applied before, where AWS has something
        /// else. What AWS does not show has its default.
        pub fn difference(
            given: &MappingSettings,
            applied: &[EventSourceSetting],
            defaults: &MappingSettings,
            observed: &MappingSettings,
        ) -> MappingSettings {
            MappingSettings {
                $($field: given
                    .$field
                    .as_ref()
                    .or(defaults.$field.as_ref().filter(|_| applied.contains(&EventSourceSetting::$setting)))
                    .filter(|wanted| Some(*wanted) != observed.$field.as_ref().or(defaults.$field.as_ref()))
                    .cloned()),+
            }
        }
    };
}

each_setting! {
    enabled Enabled,
    batch_size BatchSize,
    maximum_batching_window_seconds MaximumBatchingWindow,
    filters Filters,
    report_batch_item_failures ReportBatchItemFailures,
    maximum_concurrency MaximumConcurrency,
    parallelization_factor ParallelizationFactor,
    maximum_record_age_seconds MaximumRecordAge,
    maximum_retry_attempts MaximumRetryAttempts,
    bisect_batch_on_function_error BisectBatchOnFunctionError,
    tumbling_window_seconds TumblingWindow,
    on_failure OnFailure
}

/// The fields of the spec that are present, with their values where these are short.
pub fn describe(settings: &MappingSettings) -> String {
    let number = |name: &str, value: Option<i32>| value.map(|value| format!("{name} {value}"));
    let flag = |name: &str, value: Option<bool>| value.map(|value| format!("{name} {value}"));
    let words = [
        flag("enabled", settings.enabled),
        number("batchSize", settings.batch_size),
        number("maximumBatchingWindowSeconds", settings.maximum_batching_window_seconds),
        settings.filters.as_ref().map(|_| "filters".to_owned()),
        flag("reportBatchItemFailures", settings.report_batch_item_failures),
        number("maximumConcurrency", settings.maximum_concurrency),
        number("parallelizationFactor", settings.parallelization_factor),
        number("maximumRecordAgeSeconds", settings.maximum_record_age_seconds),
        number("maximumRetryAttempts", settings.maximum_retry_attempts),
        flag("bisectBatchOnFunctionError", settings.bisect_batch_on_function_error),
        number("tumblingWindowSeconds", settings.tumbling_window_seconds),
        settings.on_failure.as_ref().map(|arn| format!("onFailure {arn}").trim_end().to_owned()),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
