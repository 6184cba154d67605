//! Published versions: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html>.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How versions are published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Versions {
    /// Description of the versions that are published from now on. Absent: that of the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub description: Option<String>,

    /// How many versions to keep of those that were published for this object. Older ones are deleted, except those
    /// that an alias uses. Absent: all are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub keep: Option<i32>,
}
