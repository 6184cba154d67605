//! Event source mappings: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>.

use jiff::Timestamp;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

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
