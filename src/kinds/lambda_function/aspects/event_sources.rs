//! Event source mappings: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>.

mod observe;
mod settings;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cloud::{
        fault::Fault,
        lambda::{
            Lambda,
            event_sources::{Mapping, MappingChange, MappingSettings, NewMapping},
        },
        ownership::Tags,
    },
    engine::kind::{AWAITING_CONSISTENCY, Plan, keep},
};

use super::{
    View,
    spec::{AspectsSpec, AspectsStatus},
    step::AspectStep,
};

pub use self::observe::{ObservedMapping, digest, is_of, observe};

/// The state of a mapping on its way out.
const DELETING: &str = "Deleting";

/// A queue or stream that invokes the function. What is absent is left as it is, AWS's default at creation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.arn.contains(':sqs:') != has(self.startingPosition)")
        .message("eventSources: startingPosition is needed for a stream, and a queue has none"),
    validation = Rule::new("has(self.startingPosition) == has(oldSelf.startingPosition) && \
        (!has(self.startingPosition) || self.startingPosition == oldSelf.startingPosition)")
        .message("startingPosition is immutable: remove the event source and add it again later"),
    validation = Rule::new("has(self.startingPositionTimestamp) == has(oldSelf.startingPositionTimestamp) && \
        (!has(self.startingPositionTimestamp) || self.startingPositionTimestamp == oldSelf.startingPositionTimestamp)")
        .message("startingPositionTimestamp is immutable: remove the event source and add it again later"),
    validation = Rule::new("has(self.startingPositionTimestamp) == \
        (has(self.startingPosition) && self.startingPosition == 'AT_TIMESTAMP')")
        .message("eventSources: startingPositionTimestamp goes with startingPosition AT_TIMESTAMP"),
    validation = Rule::new("!has(self.startingPositionTimestamp) || self.arn.contains(':kinesis:')")
        .message("eventSources: only a Kinesis stream has the startingPosition AT_TIMESTAMP"),
    validation = Rule::new("self.arn.contains(':sqs:') || !has(self.maximumConcurrency)")
        .message("eventSources: maximumConcurrency is for queues; use parallelizationFactor for streams"),
    validation = Rule::new("!self.arn.contains(':sqs:') || !(has(self.parallelizationFactor) || \
        has(self.maximumRecordAgeSeconds) || has(self.maximumRetryAttempts) || has(self.bisectBatchOnFunctionError) || \
        has(self.tumblingWindowSeconds) || has(self.onFailure))")
        .message("eventSources: parallelizationFactor, maximumRecordAgeSeconds, maximumRetryAttempts, \
            bisectBatchOnFunctionError, tumblingWindowSeconds and onFailure are for streams, not for queues"),
    validation = Rule::new("!self.arn.contains(':sqs:') || !has(self.batchSize) || self.batchSize <= 10 || \
        (has(self.maximumBatchingWindowSeconds) && self.maximumBatchingWindowSeconds >= 1)")
        .message("eventSources: a batchSize above 10 of a queue needs maximumBatchingWindowSeconds of at least 1")
)]
#[serde(rename_all = "camelCase")]
pub struct EventSource {
    /// ARN of an SQS queue, a Kinesis stream or its consumer, or a DynamoDB stream.
    #[schemars(
        length(max = 1024),
        regex(pattern = r"^arn:aws[a-z-]*:(sqs|kinesis|dynamodb):[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_./:-]+$")
    )]
    pub arn: String,

    /// Whether it invokes the function. Absent: left as it is, true at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,

    /// The most records in one invocation. AWS's default is 10 for a queue and 100 for a stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub batch_size: Option<i32>,

    /// For how many seconds records are gathered before an invocation. AWS's default is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 300))]
    pub maximum_batching_window_seconds: Option<i32>,

    /// Patterns in JSON that decide which records invoke the function: those that match any. `[]`: all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 4096)))]
    pub filters: Option<Vec<String>>,

    /// Whether the function's answer names the records of a batch that failed, so that only those are tried again.
    /// AWS's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_batch_item_failures: Option<bool>,

    /// Queues: the most concurrent invocations, 2 to 1,000. AWS's default is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub maximum_concurrency: Option<i32>,

    /// Streams: where to begin. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_position: Option<StartingPosition>,

    /// Kinesis streams: the time to begin at, for AT_TIMESTAMP, such as 2026-01-31T00:00:00Z. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 64), extend("format" = "date-time"))]
    pub starting_position_timestamp: Option<Timestamp>,

    /// Streams: batches of one shard that are worked on at the same time. AWS's default is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub parallelization_factor: Option<i32>,

    /// Streams: records older than this many seconds are dropped; -1, AWS's default: none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 604_800))]
    pub maximum_record_age_seconds: Option<i32>,

    /// Streams: how often a batch is tried again when the function fails; -1, AWS's default: until its records
    /// expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 10_000))]
    pub maximum_retry_attempts: Option<i32>,

    /// Streams: whether a batch that failed is split in two and tried again. AWS's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bisect_batch_on_function_error: Option<bool>,

    /// Streams: the length of windows that the function keeps a state for, in seconds; 0, AWS's default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 900))]
    pub tumbling_window_seconds: Option<i32>,

    /// Streams: ARN of the queue, topic or bucket that gets a record of each batch that was given up. AWS's default
    /// is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 350), regex(pattern = r"^arn:aws[a-z-]*:[^\s]+$"))]
    pub on_failure: Option<String>,
}

/// Where in a stream to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum StartingPosition {
    /// At its oldest record.
    #[serde(rename = "TRIM_HORIZON")]
    TrimHorizon,
    /// At records that come from now on.
    #[serde(rename = "LATEST")]
    Latest,
    /// At a time.
    #[serde(rename = "AT_TIMESTAMP")]
    AtTimestamp,
}

impl StartingPosition {
    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TrimHorizon => "TRIM_HORIZON",
            Self::Latest => "LATEST",
            Self::AtTimestamp => "AT_TIMESTAMP",
        }
    }
}

/// An event source mapping that was applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSourceStatus {
    /// ARN of the source.
    #[schemars(length(max = 1024))]
    pub arn: String,
    /// Id of the mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub uuid: Option<String>,
    /// AWS's state of the mapping, such as Creating, Enabled and Disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,
    /// Its settings that were applied, so that one taken out of the spec goes back to its default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    pub applied_settings: Vec<EventSourceSetting>,
}

/// A setting of an event source mapping that goes back to AWS's default when it is taken out of the spec after it was
/// applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EventSourceSetting {
    /// `batchSize`, by default 10 for a queue and 100 for a stream.
    BatchSize,
    /// `bisectBatchOnFunctionError`, by default false.
    BisectBatchOnFunctionError,
    /// `enabled`, by default true.
    Enabled,
    /// `filters`, by default none.
    Filters,
    /// `maximumBatchingWindowSeconds`, by default 0.
    MaximumBatchingWindow,
    /// `maximumConcurrency`, by default no limit.
    MaximumConcurrency,
    /// `maximumRecordAgeSeconds`, by default -1.
    MaximumRecordAge,
    /// `maximumRetryAttempts`, by default -1.
    MaximumRetryAttempts,
    /// `onFailure`, by default none.
    OnFailure,
    /// `parallelizationFactor`, by default 1.
    ParallelizationFactor,
    /// `reportBatchItemFailures`, by default false.
    ReportBatchItemFailures,
    /// `tumblingWindowSeconds`, by default 0.
    TumblingWindow,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Create a mapping.
    Create(NewMapping),
    /// Tag a mapping that is to be taken over as ours.
    Tag {
        /// The mapping.
        mapping: Mapping,
        /// The ownership tags.
        tags: Tags,
    },
    /// Change a mapping.
    Update(MappingChange),
    /// Delete a mapping that is ours.
    Delete {
        /// Id of the mapping.
        uuid: String,
        /// ARN of its source.
        source_arn: String,
    },
}

/// Whether any are given, or were applied.
pub fn is_managed(spec: &AspectsSpec, status: &AspectsStatus) -> bool {
    spec.event_sources.is_some() || !status.event_sources.is_empty()
}

/// What to do about them. A mapping that something is under way with takes no change.
pub fn plan(view: &View<'_>) -> Vec<Step> {
    let given = view.desired.spec.event_sources.iter().flatten();
    let wanted = given.filter_map(|source| plan_one(view, source));
    let left_over = view.observed.event_sources.iter().filter(|observed| !is_given(view, &observed.mapping.source_arn));
    wanted.chain(left_over.filter_map(delete)).collect()
}

/// All that are ours go before the function does.
pub fn plan_delete(view: &View<'_>) -> Vec<Step> {
    view.observed.event_sources.iter().filter_map(delete).collect()
}

fn plan_one(view: &View<'_>, source: &EventSource) -> Option<Step> {
    let Some(observed) = view.observed.event_sources.iter().find(|o| o.mapping.source_arn == source.arn) else {
        return Some(Step::Create(NewMapping {
            function: view.function.to_owned(),
            source_arn: source.arn.clone(),
            starting_position: source.starting_position.map(|position| position.as_str().to_owned()),
            starting_position_timestamp: source.starting_position_timestamp,
            settings: settings::given(source),
            tags: view.desired.owner_tags.clone(),
        }));
    };
    let mapping = &observed.mapping;
    if !observed.ours {
        return Some(Step::Tag { mapping: mapping.clone(), tags: view.desired.owner_tags.clone() });
    }
    let change = difference(view.status, source, mapping);
    let change = MappingChange { uuid: mapping.uuid.clone(), source_arn: source.arn.clone(), settings: change };
    (is_at_rest(mapping) && change.settings != MappingSettings::default()).then_some(Step::Update(change))
}

fn difference(status: &AspectsStatus, source: &EventSource, mapping: &Mapping) -> MappingSettings {
    let applied = status.event_sources.iter().find(|applied| applied.arn == source.arn);
    let applied = applied.map(|applied| applied.applied_settings.as_slice()).unwrap_or_default();
    settings::difference(&settings::given(source), applied, &settings::defaults(&source.arn), &mapping.settings)
}

fn delete(observed: &ObservedMapping) -> Option<Step> {
    let mapping = &observed.mapping;
    let delete = Step::Delete { uuid: mapping.uuid.clone(), source_arn: mapping.source_arn.clone() };
    is_at_rest(mapping).then_some(delete)
}

fn is_at_rest(mapping: &Mapping) -> bool {
    matches!(mapping.state.as_str(), "Enabled" | "Disabled")
}

/// What something is still under way with, or may turn up yet.
pub fn unready(view: &View<'_>) -> Option<Plan<super::Step>> {
    if let Some(lost) = view.status.event_sources.iter().find(|applied| may_turn_up(view, applied)) {
        return Some(Plan::Wait {
            reason: AWAITING_CONSISTENCY,
            message: format!(
                "the event source mapping of {} was changed a moment ago, and AWS does not show it",
                lost.arn
            ),
            after: Duration::from_secs(2),
        });
    }
    let busy = view.observed.event_sources.iter().map(|observed| &observed.mapping).find(|m| !is_at_rest(m))?;
    Some(Plan::Wait {
        reason: "EventSourcePending",
        message: format!("the event source mapping {} of {} is {}", busy.uuid, busy.source_arn, busy.state),
        after: Duration::from_secs(2),
    })
}

/// Whether a mapping that is to go was made, or begun to be made, so lately that AWS may not show it yet.
fn may_turn_up(view: &View<'_>, applied: &EventSourceStatus) -> bool {
    let is_observed = view.observed.event_sources.iter().any(|observed| observed.mapping.source_arn == applied.arn);
    !view.observed.settled
        && !is_observed
        && applied.state.as_deref() != Some(DELETING)
        && !is_given(view, &applied.arn)
}

fn is_given(view: &View<'_>, arn: &str) -> bool {
    view.desired.spec.event_sources.iter().flatten().any(|source| source.arn == arn)
}

/// Facts, and what counts as applied. A mapping that is no longer given is remembered until it is gone.
pub fn report(view: &View<'_>, status: &mut AspectsStatus) {
    let given = view.desired.spec.event_sources.as_deref().unwrap_or_default();
    let find = |arn: &str| view.observed.event_sources.iter().find(|o| o.mapping.source_arn == arn && o.ours);
    status
        .event_sources
        .retain(|applied| find(&applied.arn).is_some() || is_given(view, &applied.arn) || may_turn_up(view, applied));
    for source in given {
        let Some(observed) = find(&source.arn) else { continue };
        note_source(status, &source.arn, &[]);
        let settled = difference(view.status, source, &observed.mapping) == MappingSettings::default();
        for applied in status.event_sources.iter_mut().filter(|applied| settled && applied.arn == source.arn) {
            applied.applied_settings = settings::names(&settings::given(source));
        }
    }
    for applied in &mut status.event_sources {
        let observed = find(&applied.arn);
        applied.uuid = observed.map(|observed| observed.mapping.uuid.clone()).or(applied.uuid.take());
        applied.state = observed.map(|observed| observed.mapping.state.clone()).or(applied.state.take());
    }
}

/// Adds the settings of `before` that are not recorded any more. A mapping is remembered until it is gone as it is.
pub fn keep_records(records: &mut [EventSourceStatus], before: &[EventSourceStatus]) {
    for source in records {
        let earlier = before.iter().filter(|earlier| earlier.arn == source.arn);
        earlier.for_each(|earlier| keep(&mut source.applied_settings, &earlier.applied_settings));
    }
}

fn note_source(status: &mut AspectsStatus, arn: &str, settings: &[EventSourceSetting]) {
    if !status.event_sources.iter().any(|source| source.arn == arn) {
        status.event_sources.push(EventSourceStatus { arn: arn.to_owned(), ..EventSourceStatus::default() });
        status.event_sources.sort_by(|a, b| a.arn.cmp(&b.arn));
    }
    for source in status.event_sources.iter_mut().filter(|source| source.arn == arn) {
        for setting in settings {
            super::note_in(&mut source.applied_settings, *setting, true);
        }
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::Create(_) => "EventSourceCreated",
            Self::Tag { .. } => "Adopted",
            Self::Update(_) => "EventSourceUpdated",
            Self::Delete { .. } => "EventSourceDeleted",
        }
    }

    fn field(&self) -> &'static str {
        "spec.eventSources"
    }

    fn record(&self, status: &mut AspectsStatus) {
        match self {
            Self::Create(new) => note_source(status, &new.source_arn, &settings::names(&new.settings)),
            Self::Update(change) => note_source(status, &change.source_arn, &settings::names(&change.settings)),
            Self::Delete { uuid, .. } => {
                for source in status.event_sources.iter_mut().filter(|source| source.uuid.as_ref() == Some(uuid)) {
                    source.state = Some(DELETING.to_owned());
                }
            }
            Self::Tag { .. } => {}
        }
    }

    async fn apply(&self, lambda: &dyn Lambda, status: &mut AspectsStatus) -> Result<(), Fault> {
        match self {
            Self::Create(new) => {
                let uuid = lambda.create_mapping(new).await?;
                for source in status.event_sources.iter_mut().filter(|source| source.arn == new.source_arn) {
                    source.uuid = Some(uuid.clone());
                }
            }
            Self::Tag { mapping, tags } => lambda.tag(&mapping.arn, tags).await?,
            Self::Update(change) => lambda.update_mapping(change).await?,
            Self::Delete { uuid, .. } => lambda.delete_mapping(uuid).await?,
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(new) => {
                write!(f, "create an event source mapping of {} for function {}", new.source_arn, new.function)
            }
            Self::Tag { mapping, .. } => {
                write!(f, "tag the event source mapping {} of {} as ours", mapping.uuid, mapping.source_arn)
            }
            Self::Update(change) => {
                let names = settings::describe(&change.settings);
                write!(f, "update the event source mapping of {}: {names}", change.source_arn)
            }
            Self::Delete { source_arn, .. } => write!(f, "delete the event source mapping of {source_arn}"),
        }
    }
}
