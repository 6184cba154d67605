//! The port [`EventSources`].

use async_trait::async_trait;
use aws_sdk_lambda::{
    primitives::DateTime,
    types::{
        DestinationConfig, EventSourceMappingConfiguration, EventSourcePosition, Filter, FilterCriteria,
        FunctionResponseType, OnFailure as FailureDestination, ScalingConfig,
    },
};

use crate::cloud::{
    fault::Fault,
    lambda::event_sources::{EventSources, Mapping, MappingChange, MappingSettings, NewMapping},
    operation::Operation,
    ownership::Tags,
};

use super::{
    super::call::{each, unless_gone, unusable},
    GONE, SdkLambda,
};

/// More are not answered: <https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>.
const PAGE: i32 = 100;

/// The two calls take the same settings.
macro_rules! with_settings {
    ($call:expr, $settings:expr) => {{
        let settings: &MappingSettings = $settings;
        $call
            .set_enabled(settings.enabled)
            .set_batch_size(settings.batch_size)
            .set_maximum_batching_window_in_seconds(settings.maximum_batching_window_seconds)
            .set_filter_criteria(settings.filters.as_deref().map(wire_filters))
            .set_function_response_types(settings.report_batch_item_failures.map(wire_response_types))
            .set_scaling_config(settings.maximum_concurrency.map(wire_scaling))
            .set_parallelization_factor(settings.parallelization_factor)
            .set_maximum_record_age_in_seconds(settings.maximum_record_age_seconds)
            .set_maximum_retry_attempts(settings.maximum_retry_attempts)
            .set_bisect_batch_on_function_error(settings.bisect_batch_on_function_error)
            .set_tumbling_window_in_seconds(settings.tumbling_window_seconds)
            .set_destination_config(settings.on_failure.as_deref().map(wire_destination))
    }};
}

#[async_trait]
impl EventSources for SdkLambda {
    async fn mappings(&self, function: Option<&str>) -> Result<Vec<Mapping>, Fault> {
        let call =
            self.reads.list_event_source_mappings().set_function_name(function.map(str::to_owned)).max_items(PAGE);
        self.caller
            .pages(
                Operation::ListEventSourceMappings,
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(page.event_source_mappings, mapping), page.next_marker),
            )
            .await
    }

    async fn mapping_tags(&self, arn: &str) -> Result<Tags, Fault> {
        let call = self.reads.list_tags().resource(arn);
        let answer = unless_gone(self.caller.run(Operation::ListTags, call.send()).await, GONE)?;
        Ok(answer.and_then(|answer| answer.tags).into_iter().flatten().collect())
    }

    async fn create_mapping(&self, new: &NewMapping) -> Result<String, Fault> {
        const OPERATION: Operation = Operation::CreateEventSourceMapping;
        let time = new.starting_position_timestamp.map(|time| DateTime::from_secs(time.as_second()));
        let call = self
            .writes
            .create_event_source_mapping()
            .function_name(&new.function)
            .event_source_arn(&new.source_arn)
            .set_starting_position(new.starting_position.as_deref().map(EventSourcePosition::from))
            .set_starting_position_timestamp(time)
            .set_tags(Some(new.tags.clone().into_iter().collect()));
        let call = with_settings!(call, &new.settings);
        let answer = self.caller.run(OPERATION, call.send()).await?;
        answer.uuid.ok_or_else(|| unusable(OPERATION, "no UUID in it"))
    }

    async fn update_mapping(&self, change: &MappingChange) -> Result<(), Fault> {
        let call = self.writes.update_event_source_mapping().uuid(&change.uuid);
        let call = with_settings!(call, &change.settings);
        self.caller.run(Operation::UpdateEventSourceMapping, call.send()).await.map(drop)
    }

    async fn delete_mapping(&self, uuid: &str) -> Result<(), Fault> {
        let call = self.writes.delete_event_source_mapping().uuid(uuid);
        unless_gone(self.caller.run(Operation::DeleteEventSourceMapping, call.send()).await, GONE).map(drop)
    }
}

fn wire_filters(patterns: &[String]) -> FilterCriteria {
    let filters = patterns.iter().map(|pattern| Filter::builder().pattern(pattern).build()).collect();
    FilterCriteria::builder().set_filters(Some(filters)).build()
}

fn wire_response_types(report: bool) -> Vec<FunctionResponseType> {
    if report { vec![FunctionResponseType::ReportBatchItemFailures] } else { Vec::new() }
}

fn wire_scaling(maximum: i32) -> ScalingConfig {
    ScalingConfig::builder().set_maximum_concurrency((maximum != 0).then_some(maximum)).build()
}

fn wire_destination(arn: &str) -> DestinationConfig {
    let destination = (!arn.is_empty()).then(|| arn.to_owned());
    DestinationConfig::builder().on_failure(FailureDestination::builder().set_destination(destination).build()).build()
}

fn mapping(from: EventSourceMappingConfiguration) -> Mapping {
    let state = from.state.unwrap_or_default();
    let on_failure = from.destination_config.and_then(|config| config.on_failure).and_then(|to| to.destination);
    let filters = from.filter_criteria.and_then(|criteria| criteria.filters);
    let reported = from.function_response_types.unwrap_or_default();
    let settings = MappingSettings {
        enabled: Some(!matches!(state.as_str(), "Disabled" | "Disabling")),
        batch_size: from.batch_size,
        maximum_batching_window_seconds: from.maximum_batching_window_in_seconds,
        filters: Some(filters.into_iter().flatten().filter_map(|filter| filter.pattern).collect()),
        report_batch_item_failures: Some(reported.contains(&FunctionResponseType::ReportBatchItemFailures)),
        maximum_concurrency: Some(from.scaling_config.and_then(|scaling| scaling.maximum_concurrency).unwrap_or(0)),
        parallelization_factor: from.parallelization_factor,
        maximum_record_age_seconds: from.maximum_record_age_in_seconds,
        maximum_retry_attempts: from.maximum_retry_attempts,
        bisect_batch_on_function_error: from.bisect_batch_on_function_error,
        tumbling_window_seconds: from.tumbling_window_in_seconds,
        on_failure: Some(on_failure.unwrap_or_default()),
    };
    Mapping {
        uuid: from.uuid.unwrap_or_default(),
        arn: from.event_source_mapping_arn.unwrap_or_default(),
        source_arn: from.event_source_arn.unwrap_or_default(),
        function_arn: from.function_arn.unwrap_or_default(),
        state,
        settings,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cloud::sdk::{lambda::tests::lambda, replay::ok};

    fn settings() -> MappingSettings {
        MappingSettings {
            enabled: Some(false),
            batch_size: Some(5),
            filters: Some(vec!["{}".to_owned()]),
            report_batch_item_failures: Some(true),
            maximum_concurrency: Some(7),
            on_failure: Some("arn:q".to_owned()),
            ..MappingSettings::default()
        }
    }

    #[tokio::test]
    async fn mappings_with_their_tags() {
        let answer = json!({ "EventSourceMappings": [{
            "UUID": "u", "EventSourceMappingArn": "arn:m", "EventSourceArn": "arn:s", "FunctionArn": "arn:f",
            "State": "Disabled", "BatchSize": 5, "FilterCriteria": { "Filters": [{ "Pattern": "{}" }] },
            "FunctionResponseTypes": ["ReportBatchItemFailures"], "ScalingConfig": { "MaximumConcurrency": 7 },
            "DestinationConfig": { "OnFailure": { "Destination": "arn:q" } },
        }] });
        let (lambda, replay) = lambda([ok(&answer.to_string()), ok(r#"{"Tags":{"k":"v"}}"#)]);
        let mapping = Mapping {
            uuid: "u".to_owned(),
            arn: "arn:m".to_owned(),
            source_arn: "arn:s".to_owned(),
            function_arn: "arn:f".to_owned(),
            state: "Disabled".to_owned(),
            settings: settings(),
        };
        assert_eq!(lambda.mappings(Some("f")).await, Ok(vec![mapping]));
        assert_eq!(lambda.mapping_tags("arn:m").await, Ok(Tags::from([("k".to_owned(), "v".to_owned())])));
        assert!(replay.uris()[0].contains("FunctionName=f"), "{:?}", replay.uris());
    }

    #[tokio::test]
    async fn a_mapping_is_made_changed_and_cleared() {
        let (lambda, replay) = lambda([ok(r#"{"UUID":"u"}"#), ok("{}"), ok("{}")]);
        let new = NewMapping {
            function: "f".to_owned(),
            source_arn: "arn:s".to_owned(),
            starting_position: Some("AT_TIMESTAMP".to_owned()),
            starting_position_timestamp: Some("2026-01-31T00:00:00Z".parse().unwrap()),
            settings: settings(),
            tags: Tags::from([("k".to_owned(), "v".to_owned())]),
        };
        assert_eq!(lambda.create_mapping(&new).await, Ok("u".to_owned()));
        let cleared = MappingSettings {
            filters: Some(Vec::new()),
            report_batch_item_failures: Some(false),
            maximum_concurrency: Some(0),
            on_failure: Some(String::new()),
            ..MappingSettings::default()
        };
        let change = MappingChange { uuid: "u".to_owned(), source_arn: "arn:s".to_owned(), settings: cleared };
        lambda.update_mapping(&change).await.unwrap();
        lambda.delete_mapping("u").await.unwrap();
        let bodies: Vec<Value> =
            replay.bodies().iter().map(|body| serde_json::from_str(body).unwrap_or_default()).collect();
        let made = json!({
            "FunctionName": "f", "EventSourceArn": "arn:s", "StartingPosition": "AT_TIMESTAMP",
            "StartingPositionTimestamp": 1_769_817_600, "Enabled": false, "BatchSize": 5,
            "FilterCriteria": { "Filters": [{ "Pattern": "{}" }] }, "ScalingConfig": { "MaximumConcurrency": 7 },
            "FunctionResponseTypes": ["ReportBatchItemFailures"], "Tags": { "k": "v" },
            "DestinationConfig": { "OnFailure": { "Destination": "arn:q" } },
        });
        assert_eq!(bodies[0], made);
        let empty = json!({
            "FilterCriteria": { "Filters": [] }, "FunctionResponseTypes": [], "ScalingConfig": {},
            "DestinationConfig": { "OnFailure": {} },
        });
        assert_eq!(bodies[1], empty);
    }
}
