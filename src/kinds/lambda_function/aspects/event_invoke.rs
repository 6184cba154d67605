//! How asynchronous invocations are handled:
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html>.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

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
