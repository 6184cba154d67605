//! Aliases: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html>.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What stands for the newest published version.
pub const LATEST_PUBLISHED: &str = "latest-published";

/// A name for a version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.version != '$LATEST' || !has(self.weights) || self.weights.size() == 0")
        .message("aliases: weights need a published version, not $LATEST"),
    validation = Rule::new(
        "self.version != '$LATEST' || !has(self.provisionedConcurrency) || self.provisionedConcurrency == 0"
    ).message("aliases: provisionedConcurrency needs a published version, not $LATEST")
)]
#[serde(rename_all = "camelCase")]
pub struct Alias {
    /// Name of the alias; not a number.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[0-9]*[a-zA-Z_-][a-zA-Z0-9_-]*$"))]
    pub name: String,

    /// The version that it stands for: a number, `latest-published` for the newest published version, or `$LATEST`.
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^(\$LATEST|latest-published|[0-9]+)$"))]
    pub version: String,

    /// Description. Absent: left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub description: Option<String>,

    /// A second version, by number or `latest-published`, and the percentage of invocations that goes to it; the
    /// rest goes to `version`. Absent: left as it is, to CodeDeploy for instance; `{}`: none. Not applied while it
    /// names the same version as `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "weights_schema")]
    pub weights: Option<BTreeMap<String, i32>>,

    /// Execution environments that are kept initialized for the alias. Absent: left as it is, to Application Auto
    /// Scaling for instance; 0: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub provisioned_concurrency: Option<i32>,
}

/// AWS takes one additional version.
fn weights_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "nullable": true,
        "maxProperties": 1,
        "additionalProperties": { "type": "integer", "format": "int32", "minimum": 0, "maximum": 100 },
        "x-kubernetes-validations": [{
            "rule": "self.all(k, k == 'latest-published' || k.matches('^[0-9]{1,20}$'))",
            "message": "aliases: weights name a version by its number, or latest-published",
        }],
    })
}

/// An alias that was applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AliasStatus {
    /// Name of the alias.
    #[schemars(length(max = 128))]
    pub name: String,
    /// ARN of the alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub arn: Option<String>,
    /// The version that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub version: Option<String>,
    /// Its settings that were applied, so that one taken out of the spec goes back to its default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub applied_settings: Vec<AliasSetting>,
}

/// A setting of an alias that goes back to AWS's default when it is taken out of the spec after it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AliasSetting {
    /// `description`, by default empty.
    Description,
    /// `provisionedConcurrency`, by default none.
    ProvisionedConcurrency,
    /// `weights`, by default none.
    Weights,
}
