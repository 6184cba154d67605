//! Aliases: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html>.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use async_trait::async_trait;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cloud::{
        fault::Fault,
        lambda::{
            Lambda, Revision,
            aliases::{self as port, AliasChange},
        },
    },
    engine::kind::keep,
};

use super::{
    View, note_in,
    spec::{AspectsSpec, AspectsStatus},
    step::AspectStep,
    wanted,
};

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

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create an alias.
    Create(AliasChange),
    /// Change an alias.
    Update(AliasChange),
    /// Delete an alias that was applied.
    Delete {
        /// Name of the function.
        function: String,
        /// Name of the alias.
        name: String,
    },
}

/// Whether the list of aliases is needed: for themselves, or to tell which versions are in use.
pub fn is_read(spec: &AspectsSpec, status: &AspectsStatus) -> bool {
    let prunes = spec.versions.as_ref().is_some_and(|versions| versions.keep.is_some());
    spec.aliases.is_some() || !status.aliases.is_empty() || prunes
}

/// Whether an alias stands for the newest published version.
pub fn uses_latest_published(spec: &AspectsSpec) -> bool {
    let in_weights = |alias: &Alias| alias.weights.iter().flatten().any(|(version, _)| version == LATEST_PUBLISHED);
    spec.aliases.iter().flatten().any(|alias| alias.version == LATEST_PUBLISHED || in_weights(alias))
}

/// The versions that aliases stand for or are about to, whoever made them.
pub fn used_versions(view: &View<'_>) -> BTreeSet<String> {
    let given = view.desired.spec.aliases.iter().flatten();
    let given =
        given.flat_map(|alias| alias.weights.iter().flatten().map(|(version, _)| version).chain([&alias.version]));
    let observed = view.observed.aliases.iter();
    let observed = observed.flat_map(|alias| alias.weights.keys().chain([&alias.version]).cloned());
    given.map(|version| resolved(view, version)).chain(observed).collect()
}

/// A version by its number.
fn resolved(view: &View<'_>, version: &str) -> String {
    let newest = view.observed.versions.as_ref().and_then(super::versions::ObservedVersions::newest_number);
    match newest {
        Some(newest) if version == LATEST_PUBLISHED => newest.to_string(),
        _ => version.to_owned(),
    }
}

/// Creations and changes.
pub fn plan(view: &View<'_>) -> Vec<Step> {
    view.desired.spec.aliases.iter().flatten().filter_map(|alias| plan_one(view, alias)).collect()
}

fn plan_one(view: &View<'_>, alias: &Alias) -> Option<Step> {
    let applied = view.status.aliases.iter().find(|applied| applied.name == alias.name);
    let is_applied = |setting| applied.is_some_and(|applied| applied.applied_settings.contains(&setting));
    let version = resolved(view, &alias.version);
    let given_weights = alias.weights.as_ref().map(|weights| shares(view, weights, &version));
    let unchanged =
        AliasChange { function: view.function.to_owned(), name: alias.name.clone(), ..AliasChange::default() };
    let Some(observed) = view.observed.aliases.iter().find(|observed| observed.name == alias.name) else {
        return Some(Step::Create(AliasChange {
            version: Some(version),
            description: alias.description.clone(),
            weights: given_weights.filter(|weights| !weights.is_empty()),
            ..unchanged
        }));
    };
    let description = wanted(alias.description.clone(), is_applied(AliasSetting::Description), String::new());
    let weights = wanted(given_weights, is_applied(AliasSetting::Weights), BTreeMap::new());
    // AWS does not take an alias that stands for one version twice.
    let weights = weights.or_else(|| observed.weights.contains_key(&version).then(BTreeMap::new));
    let change = AliasChange {
        version: (observed.version != version).then_some(version),
        description: description.filter(|wanted| *wanted != observed.description),
        weights: weights.filter(|wanted| !are_same(wanted, &observed.weights)),
        ..unchanged.clone()
    };
    (change != unchanged)
        .then(|| Step::Update(AliasChange { revision_id: Revision::from(observed.revision_id.as_str()), ..change }))
}

/// Percentages to shares, without the version that the alias itself stands for.
fn shares(view: &View<'_>, weights: &BTreeMap<String, i32>, version: &str) -> BTreeMap<String, f64> {
    weights
        .iter()
        .map(|(other, percent)| (resolved(view, other), f64::from(*percent) / 100.0))
        .filter(|(other, _)| other != version)
        .collect()
}

fn are_same(one: &BTreeMap<String, f64>, other: &BTreeMap<String, f64>) -> bool {
    one.len() == other.len()
        && one.iter().all(|(version, share)| other.get(version).is_some_and(|other| (share - other).abs() < 1e-6))
}

/// Deletions of what was applied and is not in the spec any more.
pub fn plan_removals(view: &View<'_>) -> Vec<Step> {
    let is_given = |name: &str| view.desired.spec.aliases.iter().flatten().any(|alias| alias.name == name);
    let is_there = |name: &str| view.observed.aliases.iter().any(|alias| alias.name == name);
    let removed = view.status.aliases.iter().filter(|applied| !is_given(&applied.name) && is_there(&applied.name));
    removed.map(|applied| Step::Delete { function: view.function.to_owned(), name: applied.name.clone() }).collect()
}

/// `provisioned`: whether provisioned concurrency is as it should be, which is recorded with the alias.
pub fn report(view: &View<'_>, provisioned: bool, status: &mut AspectsStatus) {
    let settled = provisioned && plan(view).is_empty() && plan_removals(view).is_empty();
    if settled {
        let given = view.desired.spec.aliases.iter().flatten();
        status.aliases = given.map(applied).collect();
    }
    for applied in &mut status.aliases {
        let observed = view.observed.aliases.iter().find(|observed: &&port::Alias| observed.name == applied.name);
        applied.arn = observed.map(|alias| alias.arn.clone());
        applied.version = observed.map(|alias| alias.version.clone());
    }
}

/// Adds the aliases of `before`, and the settings of them, that are not recorded any more.
pub fn keep_records(records: &mut Vec<AliasStatus>, before: &[AliasStatus]) {
    for earlier in before {
        match records.iter_mut().find(|alias| alias.name == earlier.name) {
            Some(alias) => keep(&mut alias.applied_settings, &earlier.applied_settings),
            None => records.push(AliasStatus { arn: None, version: None, ..earlier.clone() }),
        }
    }
}

fn applied(alias: &Alias) -> AliasStatus {
    let settings = [
        (AliasSetting::Description, alias.description.is_some()),
        (AliasSetting::ProvisionedConcurrency, alias.provisioned_concurrency.is_some()),
        (AliasSetting::Weights, alias.weights.is_some()),
    ];
    let applied_settings = settings.into_iter().filter_map(|(setting, given)| given.then_some(setting)).collect();
    AliasStatus { name: alias.name.clone(), applied_settings, ..AliasStatus::default() }
}

/// Notes that an alias is applied, and these settings of it.
pub fn note_alias(status: &mut AspectsStatus, name: &str, settings: &[AliasSetting]) {
    if !status.aliases.iter().any(|alias| alias.name == name) {
        status.aliases.push(AliasStatus { name: name.to_owned(), ..AliasStatus::default() });
    }
    for alias in status.aliases.iter_mut().filter(|alias| alias.name == name) {
        for setting in settings {
            note_in(&mut alias.applied_settings, *setting, true);
        }
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::Create(_) => "AliasCreated",
            Self::Update(_) => "AliasUpdated",
            Self::Delete { .. } => "AliasDeleted",
        }
    }

    fn field(&self) -> &'static str {
        "spec.aliases"
    }

    fn record(&self, status: &mut AspectsStatus) {
        let (Self::Create(change) | Self::Update(change)) = self else { return };
        let description = change.description.as_ref().map(|_| AliasSetting::Description);
        let weights = change.weights.as_ref().filter(|weights| !weights.is_empty()).map(|_| AliasSetting::Weights);
        let settings: Vec<_> = [description, weights].into_iter().flatten().collect();
        note_alias(status, &change.name, &settings);
    }

    async fn apply(&self, lambda: &dyn Lambda, _: &mut AspectsStatus) -> Result<(), Fault> {
        match self {
            Self::Create(new) => lambda.create_alias(new).await?,
            Self::Update(change) => lambda.update_alias(change).await?,
            Self::Delete { function, name } => lambda.delete_alias(function, name).await?,
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(new) => write!(f, "create alias {} of function {}: {}", new.name, new.function, what(new)),
            Self::Update(change) => {
                write!(f, "update alias {} of function {}: {}", change.name, change.function, what(change))
            }
            Self::Delete { function, name } => write!(f, "delete alias {name} of function {function}"),
        }
    }
}

fn what(change: &AliasChange) -> String {
    let weights = change.weights.as_ref().map(|weights| {
        let each = weights.iter().map(|(version, share)| format!("version {version} {:.0} %", share * 100.0));
        let each: Vec<_> = each.collect();
        if each.is_empty() { "no weights".to_owned() } else { format!("weights {}", each.join(", ")) }
    });
    let words = [
        change.version.as_ref().map(|version| format!("version {version}")),
        change.description.as_ref().map(|_| "description".to_owned()),
        weights,
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{
            Observed,
            testing::{Pass, function},
            versions::{ObservedVersions, Readiness},
        },
        *,
    };
    use crate::cloud::lambda::versions::{Version, VersionList};

    fn observed(version: &str, weights: &[(&str, f64)]) -> Observed {
        let alias = port::Alias {
            name: "live".to_owned(),
            arn: "arn:f:live".to_owned(),
            version: version.to_owned(),
            description: "d".to_owned(),
            weights: weights.iter().map(|(version, share)| ((*version).to_owned(), *share)).collect(),
            revision_id: "r".to_owned(),
        };
        let published = (1..=3).map(|number| Version { number, function: function("sha") }).collect();
        let list = VersionList { latest: function("sha"), published };
        let versions = Some(ObservedVersions { list, newest: Readiness::Ready });
        Observed { aliases: vec![alias], versions, ..Observed::default() }
    }

    fn spec(fields: &Value) -> Value {
        let mut alias = json!({ "name": "live", "version": "latest-published" });
        alias.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "aliases": [alias] })
    }

    #[test]
    fn an_alias_is_changed_where_it_differs() {
        let all = json!(["description", "weights"]);
        for (fields, applied, (version, weights), expected) in [
            (json!({}), json!([]), ("3", &[][..]), &[][..]),
            (json!({}), json!([]), ("3", &[("1", 0.5)]), &[]),
            (json!({}), json!([]), ("1", &[]), &["update alias live of function f: version 3"]),
            (json!({}), json!([]), ("1", &[("3", 0.5)]), &["update alias live of function f: version 3, no weights"]),
            (json!({ "version": "1" }), json!([]), ("1", &[]), &[]),
            (json!({ "description": "d", "weights": {} }), json!([]), ("3", &[]), &[]),
            (json!({ "description": "e" }), json!([]), ("3", &[]), &["update alias live of function f: description"]),
            (
                json!({}),
                all.clone(),
                ("3", &[("1", 0.5)]),
                &["update alias live of function f: description, no weights"],
            ),
            (
                json!({ "weights": { "1": 10 } }),
                json!([]),
                ("3", &[]),
                &["update alias live of function f: weights version 1 10 %"],
            ),
            (json!({ "weights": { "1": 10 } }), json!([]), ("3", &[("1", 0.1)]), &[]),
            (json!({ "weights": { "3": 10 } }), json!([]), ("3", &[]), &[]),
            (
                json!({ "version": "1", "weights": { "latest-published": 5 } }),
                json!([]),
                ("1", &[]),
                &["update alias live of function f: weights version 3 5 %"],
            ),
        ] {
            let status = json!({ "aliases": [{ "name": "live", "appliedSettings": applied }], "latestVersion": "3" });
            assert_eq!(
                Pass::new(spec(&fields), status, observed(version, weights)).told(),
                expected,
                "{fields} {applied}"
            );
        }
    }

    #[test]
    fn only_what_was_applied_is_deleted() {
        let told = |status: Value| Pass::new(json!({ "aliases": [] }), status, observed("1", &[])).told();
        assert_eq!(told(json!({})), [""; 0]);
        assert_eq!(told(json!({ "aliases": [{ "name": "gone" }] })), [""; 0]);
        assert_eq!(told(json!({ "aliases": [{ "name": "live" }] })), ["delete alias live of function f"]);
    }

    #[test]
    fn the_status_tells_what_was_applied() {
        let made = Pass::new(
            spec(&json!({ "description": "d" })),
            json!({}),
            Observed { aliases: Vec::new(), ..observed("3", &[]) },
        );
        assert_eq!(made.told(), ["create alias live of function f: version 3, description"]);
        let recorded = json!({ "aliases": [{ "name": "live", "appliedSettings": ["description"] }] });
        assert_eq!(made.recorded(), recorded);
        let settled = Pass::new(spec(&json!({})), recorded, observed("3", &[])).reported();
        assert_eq!(settled["aliases"][0]["appliedSettings"], json!(["description"]), "it is still to be taken back");
        let settled = Pass::new(spec(&json!({ "weights": {} })), json!({}), observed("3", &[])).reported();
        let alias = json!({ "name": "live", "arn": "arn:f:live", "version": "3", "appliedSettings": ["weights"] });
        assert_eq!(settled["aliases"], json!([alias]));
    }
}
