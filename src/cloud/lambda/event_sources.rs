//! Event source mappings.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::cloud::{fault::Fault, ownership::Tags};

/// Settings of a mapping. In what is observed, absent is what AWS does not show for this type of source; in a change,
/// what is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MappingSettings {
    /// Whether it invokes the function.
    pub enabled: Option<bool>,
    /// Records in one invocation.
    pub batch_size: Option<i32>,
    /// Seconds to gather records for.
    pub maximum_batching_window_seconds: Option<i32>,
    /// Patterns; empty for none.
    pub filters: Option<Vec<String>>,
    /// Whether answers name the records that failed.
    pub report_batch_item_failures: Option<bool>,
    /// Concurrent invocations; 0 for no limit.
    pub maximum_concurrency: Option<i32>,
    /// Concurrent batches of a shard.
    pub parallelization_factor: Option<i32>,
    /// Age at which records are dropped; -1 for never.
    pub maximum_record_age_seconds: Option<i32>,
    /// Retries; -1 for no limit.
    pub maximum_retry_attempts: Option<i32>,
    /// Whether batches that failed are split.
    pub bisect_batch_on_function_error: Option<bool>,
    /// Length of windows; 0 for none.
    pub tumbling_window_seconds: Option<i32>,
    /// ARN of what is told of batches that were given up; empty for nothing.
    pub on_failure: Option<String>,
}

/// A mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// Its id.
    pub uuid: String,
    /// Its ARN, for its tags.
    pub arn: String,
    /// ARN of the source.
    pub source_arn: String,
    /// ARN of the function, possibly with a qualifier.
    pub function_arn: String,
    /// `Creating`, `Enabling`, `Enabled`, `Disabling`, `Disabled`, `Updating` or `Deleting`.
    pub state: String,
    /// Its settings.
    pub settings: MappingSettings,
}

/// What CreateEventSourceMapping is called with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMapping {
    /// Name of the function.
    pub function: String,
    /// ARN of the source.
    pub source_arn: String,
    /// `TRIM_HORIZON`, `LATEST` or `AT_TIMESTAMP`, for a stream.
    pub starting_position: Option<String>,
    /// The time, for `AT_TIMESTAMP`.
    pub starting_position_timestamp: Option<Timestamp>,
    /// Its settings.
    pub settings: MappingSettings,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// What UpdateEventSourceMapping is called with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingChange {
    /// Id of the mapping.
    pub uuid: String,
    /// ARN of its source.
    pub source_arn: String,
    /// What changes.
    pub settings: MappingSettings,
}

/// The calls on event source mappings. There is no token for their creation; AWS refuses a second mapping of the same
/// source and function.
#[async_trait]
pub trait EventSources: Send + Sync {
    /// ListEventSourceMappings, all pages; of one function, or of all.
    async fn mappings(&self, function: Option<&str>) -> Result<Vec<Mapping>, Fault>;
    /// ListTags of a mapping; none for one that is gone.
    async fn mapping_tags(&self, arn: &str) -> Result<Tags, Fault>;
    /// CreateEventSourceMapping; its id.
    async fn create_mapping(&self, new: &NewMapping) -> Result<String, Fault>;
    /// UpdateEventSourceMapping.
    async fn update_mapping(&self, change: &MappingChange) -> Result<(), Fault>;
    /// DeleteEventSourceMapping; one that is gone already is success.
    async fn delete_mapping(&self, uuid: &str) -> Result<(), Fault>;
}
