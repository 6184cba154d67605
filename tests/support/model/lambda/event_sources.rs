//! Event source mappings: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>. They outlive
//! the function that they are for.

use async_trait::async_trait;
use privatelink_operator::cloud::{
    fault::Fault,
    lambda::event_sources::{EventSources, Mapping, MappingChange, MappingSettings, NewMapping},
    ownership::Tags,
};
use tokio::time::Instant;

use super::{
    super::{ACCOUNT, Answer, Model, REGION, State, refuse},
    aspects::arn,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Creating,
    Updating,
    Deleting,
}

/// A mapping with what goes on in it.
#[derive(Clone, Debug)]
pub struct MappingRecord {
    /// The mapping; its state comes from the phase.
    pub mapping: Mapping,
    /// Its tags.
    pub tags: Tags,
    phase: Phase,
    until: Instant,
}

impl MappingRecord {
    /// Whether it is on its way out or gone.
    pub fn is_going(&self) -> bool {
        self.phase == Phase::Deleting
    }

    /// One that somebody else made long ago, with AWS's defaults.
    pub fn foreign(function: &str, source_arn: &str, uuid: &str) -> Self {
        let mapping = Mapping {
            uuid: uuid.to_owned(),
            arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{uuid}"),
            source_arn: source_arn.to_owned(),
            function_arn: arn(function, None),
            state: String::new(),
            settings: defaults(source_arn),
        };
        Self { mapping, tags: Tags::new(), phase: Phase::Creating, until: Instant::now() }
    }

    fn is_gone(&self, now: Instant) -> bool {
        self.phase == Phase::Deleting && now >= self.until
    }

    fn view(&self, now: Instant) -> Mapping {
        let state = match self.phase {
            Phase::Deleting => "Deleting",
            Phase::Creating if now < self.until => "Creating",
            Phase::Updating if now < self.until => "Updating",
            Phase::Creating | Phase::Updating if self.mapping.settings.enabled == Some(false) => "Disabled",
            Phase::Creating | Phase::Updating => "Enabled",
        };
        Mapping { state: state.to_owned(), ..self.mapping.clone() }
    }
}

/// AWS's defaults for a type of source; what it does not show for the type is absent.
fn defaults(source_arn: &str) -> MappingSettings {
    let is_queue = source_arn.contains(":sqs:");
    let stream = |value: i32| (!is_queue).then_some(value);
    MappingSettings {
        enabled: Some(true),
        batch_size: Some(if is_queue { 10 } else { 100 }),
        maximum_batching_window_seconds: Some(0),
        filters: Some(Vec::new()),
        report_batch_item_failures: Some(false),
        maximum_concurrency: Some(0),
        parallelization_factor: stream(1),
        maximum_record_age_seconds: stream(-1),
        maximum_retry_attempts: stream(-1),
        bisect_batch_on_function_error: (!is_queue).then_some(false),
        tumbling_window_seconds: stream(0),
        on_failure: Some(String::new()),
    }
}

fn merged(change: &MappingSettings, before: &MappingSettings) -> MappingSettings {
    let (change, before) = (change.clone(), before.clone());
    MappingSettings {
        enabled: change.enabled.or(before.enabled),
        batch_size: change.batch_size.or(before.batch_size),
        maximum_batching_window_seconds: change
            .maximum_batching_window_seconds
            .or(before.maximum_batching_window_seconds),
        filters: change.filters.or(before.filters),
        report_batch_item_failures: change.report_batch_item_failures.or(before.report_batch_item_failures),
        maximum_concurrency: change.maximum_concurrency.or(before.maximum_concurrency),
        parallelization_factor: change.parallelization_factor.or(before.parallelization_factor),
        maximum_record_age_seconds: change.maximum_record_age_seconds.or(before.maximum_record_age_seconds),
        maximum_retry_attempts: change.maximum_retry_attempts.or(before.maximum_retry_attempts),
        bisect_batch_on_function_error: change.bisect_batch_on_function_error.or(before.bisect_batch_on_function_error),
        tumbling_window_seconds: change.tumbling_window_seconds.or(before.tumbling_window_seconds),
        on_failure: change.on_failure.or(before.on_failure),
    }
}

fn check(settings: &MappingSettings, source_arn: &str) -> Answer<()> {
    let window = settings.maximum_batching_window_seconds.unwrap_or_default();
    if source_arn.contains(":sqs:") && settings.batch_size.is_some_and(|size| size > 10) && window == 0 {
        return refuse(
            "InvalidParameterValueException",
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        );
    }
    Ok(())
}

/// Whether an ARN is that of a mapping.
pub fn is_mapping(arn: &str) -> bool {
    arn.contains(":event-source-mapping:")
}

impl State {
    fn mapping_target(&mut self, uuid: &str, now: Instant) -> Answer<MappingRecord> {
        match self.lambda.aspects.mappings.target(uuid).filter(|record| !record.is_gone(now)) {
            Some(record) if record.until <= now && !record.is_going() => Ok(record),
            Some(_) => refuse(
                "ResourceInUseException",
                format!("Cannot update the event source mapping because it is in use: {uuid}"),
            ),
            None => refuse("ResourceNotFoundException", "The resource you requested does not exist."),
        }
    }

    /// Changes a mapping's tags.
    pub fn tag_mapping(&mut self, arn: &str, tags: &Tags, now: Instant) -> Answer<()> {
        let uuid = arn.rsplit(':').next().unwrap_or_default();
        let Some(mut record) = self.lambda.aspects.mappings.target(uuid).filter(|record| !record.is_gone(now)) else {
            return refuse("ResourceNotFoundException", "The resource you requested does not exist.");
        };
        record.tags.extend(tags.clone());
        let lag = self.timing.lag;
        self.lambda.aspects.mappings.put(uuid, Some(record), lag);
        Ok(())
    }
}

#[async_trait]
impl EventSources for Model {
    async fn mappings(&self, function: Option<&str>) -> Result<Vec<Mapping>, Fault> {
        self.lambda_read("ListEventSourceMappings", |s, now| {
            if let Some(function) = function {
                s.seen_function(function, now)?;
            }
            let all = s.lambda.aspects.mappings.list().into_iter().filter(|record| !record.is_gone(now));
            let all = all.map(|record| record.view(now));
            Ok(all.filter(|mapping| function.is_none_or(|name| mapping.function_arn == arn(name, None))).collect())
        })
        .await
    }

    async fn mapping_tags(&self, arn: &str) -> Result<Tags, Fault> {
        self.lambda_read("ListTags", |s, _| {
            let uuid = arn.rsplit(':').next().unwrap_or_default();
            Ok(s.lambda.aspects.mappings.read(uuid).map(|record| record.tags).unwrap_or_default())
        })
        .await
    }

    async fn create_mapping(&self, new: &NewMapping) -> Result<String, Fault> {
        let new = new.to_owned();
        self.lambda_write("CreateEventSourceMapping", move |s, now| {
            s.function_target(&new.function, now)?;
            let function_arn = arn(&new.function, None);
            let existing = s.lambda.aspects.mappings.all().find(|(_, record)| {
                !record.is_gone(now)
                    && record.mapping.function_arn == function_arn
                    && record.mapping.source_arn == new.source_arn
            });
            if let Some((uuid, _)) = existing {
                return refuse(
                    "ResourceConflictException",
                    format!(
                        "The event source arn (\" {} \") and function (\" {} \") provided mapping already exists. Please update or delete the existing mapping with UUID {uuid}",
                        new.source_arn, new.function
                    ),
                );
            }
            if new.source_arn.contains(":sqs:") == new.starting_position.is_some() {
                return refuse(
                    "InvalidParameterValueException",
                    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
                );
            }
            let settings = merged(&new.settings, &defaults(&new.source_arn));
            check(&settings, &new.source_arn)?;
            let uuid = format!("00000000-0000-0000-0000-{:012x}", s.number());
            let mapping = Mapping {
                uuid: uuid.clone(),
                arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{uuid}"),
                source_arn: new.source_arn.clone(),
                function_arn,
                state: String::new(),
                settings,
            };
            let until = now + s.timing.function;
            let record = MappingRecord { mapping, tags: new.tags.clone(), phase: Phase::Creating, until };
            let lag = s.timing.lag;
            s.lambda.aspects.mappings.put(&uuid, Some(record), lag);
            Ok(uuid)
        })
        .await
    }

    async fn update_mapping(&self, change: &MappingChange) -> Result<(), Fault> {
        let change = change.to_owned();
        self.lambda_write("UpdateEventSourceMapping", move |s, now| {
            let mut record = s.mapping_target(&change.uuid, now)?;
            record.mapping.settings = merged(&change.settings, &record.mapping.settings);
            check(&record.mapping.settings, &record.mapping.source_arn)?;
            record.phase = Phase::Updating;
            record.until = now + s.timing.function;
            let lag = s.timing.lag;
            s.lambda.aspects.mappings.put(&change.uuid, Some(record), lag);
            Ok(())
        })
        .await
    }

    async fn delete_mapping(&self, uuid: &str) -> Result<(), Fault> {
        let uuid = uuid.to_owned();
        self.lambda_write("DeleteEventSourceMapping", move |s, now| {
            let mut record = s.mapping_target(&uuid, now)?;
            record.phase = Phase::Deleting;
            record.until = now + s.timing.function;
            let lag = s.timing.lag;
            s.lambda.aspects.mappings.put(&uuid, Some(record), lag);
            Ok(())
        })
        .await
    }
}
