//! Published versions: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html>.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cloud::{
        fault::Fault,
        lambda::{
            Function, Lambda, Revision, Settings,
            versions::{Publication, VersionList},
        },
    },
    engine::kind::{AWAITING_CONSISTENCY, Plan},
};

use super::{
    View, aliases,
    spec::{AspectsSpec, AspectsStatus},
    step::AspectStep,
};

/// Bound of `status.publishedVersions`.
const LIMIT: usize = 1000;

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

/// What is observed of versions.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedVersions {
    /// `$LATEST` and the published versions.
    pub list: VersionList,
    /// Whether the newest published version can be used.
    pub newest: Readiness,
}

impl ObservedVersions {
    /// Number of the newest published version.
    pub fn newest_number(&self) -> Option<u64> {
        self.list.published.last().map(|version| version.number)
    }
}

/// Whether a version can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can, or there is none.
    Ready,
    /// Not yet, perhaps for this reason.
    Pending(Option<String>),
    /// It never will, perhaps for this reason.
    Failed(Option<String>),
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Publish what the function is now.
    Publish {
        /// The call.
        publication: Publication,
        /// The newest version before it; 0 for none.
        after: u64,
    },
    /// Delete a version that was published for this object.
    Delete {
        /// Name of the function.
        function: String,
        /// The version.
        number: u64,
    },
}

/// Whether the list of versions is needed.
pub fn is_read(spec: &AspectsSpec, status: &AspectsStatus) -> bool {
    spec.versions.is_some() || status.publishing_after.is_some() || aliases::uses_latest_published(spec)
}

/// Reads the versions, and the state of the newest unless it is known to be ready.
pub async fn observe(lambda: &dyn Lambda, name: &str, status: &AspectsStatus) -> Result<ObservedVersions, Fault> {
    let list = lambda.versions(name).await?;
    let newest = match list.published.last() {
        Some(newest) if status.latest_version.as_ref() != Some(&newest.number.to_string()) => {
            readiness(lambda.version(name, newest.number).await?)
        }
        _ => Readiness::Ready,
    };
    Ok(ObservedVersions { list, newest })
}

fn readiness(version: Option<Function>) -> Readiness {
    match version {
        None => Readiness::Pending(None),
        Some(version) => match version.state.as_str() {
            "Pending" => Readiness::Pending(version.state_reason),
            "Failed" => Readiness::Failed(version.state_reason),
            _ => Readiness::Ready,
        },
    }
}

/// Publishes when code or configuration differ from the newest version's, and waits until that can be used. `None`:
/// go on with the other aspects. `code_sha256` and `revision_id` are the function's as it was read by itself.
pub fn plan(view: &View<'_>, code_sha256: &str, revision_id: &str) -> Option<Plan<super::Step>> {
    let observed = view.observed.versions.as_ref()?;
    if observed.list.latest.code_sha256 != code_sha256 {
        let message = format!("the list of versions of function {} does not show its code yet", view.function);
        return Some(wait(AWAITING_CONSISTENCY, message));
    }
    if let Some(versions) = view.desired.spec.versions.as_ref().filter(|_| differs(&observed.list)) {
        let publication = Publication {
            function: view.function.to_owned(),
            revision_id: Revision::from(revision_id),
            code_sha256: code_sha256.to_owned(),
            description: versions.description.clone(),
        };
        let after = observed.newest_number().unwrap_or_default();
        return Some(Plan::Act(vec![super::Step::Version(Step::Publish { publication, after })]));
    }
    unready(view, observed)
}

/// Whether the function is not what its newest version is.
fn differs(list: &VersionList) -> bool {
    list.published.last().is_none_or(|newest| content(&newest.function) != content(&list.latest))
}

/// What a version takes over from its function. Its description may be its own.
fn content(function: &Function) -> Function {
    Function {
        arn: String::new(),
        state: String::new(),
        state_reason: None,
        state_reason_code: None,
        last_update_status: None,
        last_update_reason: None,
        last_update_reason_code: None,
        revision_id: String::new(),
        tags: None,
        settings: Settings { description: None, ..function.settings.clone() },
        ..function.clone()
    }
}

fn unready(view: &View<'_>, observed: &ObservedVersions) -> Option<Plan<super::Step>> {
    let told = |what: &str, reason: &Option<String>| {
        let version = observed.newest_number().unwrap_or_default();
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("version {version} of function {} {what}{reason}", view.function)
    };
    match &observed.newest {
        Readiness::Pending(reason) => Some(wait("VersionPending", told("is being made ready by AWS", reason))),
        Readiness::Failed(reason) => Some(Plan::Refuse {
            reason: "VersionFailed",
            message: told(
                "cannot be used (change the code or the configuration, so that another is published)",
                reason,
            ),
        }),
        Readiness::Ready if observed.newest_number().is_none() => Some(Plan::Refuse {
            reason: "NoPublishedVersion",
            message: format!(
                "spec.aliases: function {} has no published version for {}; set spec.versions",
                view.function,
                aliases::LATEST_PUBLISHED
            ),
        }),
        Readiness::Ready => None,
    }
}

fn wait(reason: &'static str, message: String) -> Plan<super::Step> {
    Plan::Wait { reason, message, after: Duration::from_secs(1) }
}

/// Of the versions that were published for this object, those beyond the number to keep that no alias uses.
pub fn plan_removals(view: &View<'_>) -> Vec<Step> {
    let (Some(observed), Some(keep)) =
        (&view.observed.versions, view.desired.spec.versions.as_ref().and_then(|versions| versions.keep))
    else {
        return Vec::new();
    };
    let used = aliases::used_versions(view);
    let ours = observed.list.published.iter().map(|version| version.number);
    let ours = ours.filter(|number| view.status.published_versions.contains(&number.to_string()));
    ours.rev()
        .skip(usize::try_from(keep).unwrap_or(usize::MAX))
        .filter(|number| !used.contains(&number.to_string()))
        .map(|number| Step::Delete { function: view.function.to_owned(), number })
        .collect()
}

/// A version that is newer than the one before a publication whose answer was lost is ours. Versions that are gone
/// are forgotten, unless they are newer than what the list shows.
pub fn report(view: &View<'_>, status: &mut AspectsStatus) {
    let Some(observed) = &view.observed.versions else {
        status.latest_version = None;
        return;
    };
    let numbers: Vec<u64> = observed.list.published.iter().map(|version| version.number).collect();
    let newest = numbers.last().copied().unwrap_or_default();
    if let Some(after) = status.publishing_after.as_ref().and_then(|after| after.parse::<u64>().ok())
        && newest > after
    {
        for number in numbers.iter().filter(|number| **number > after) {
            publish(status, *number);
        }
        status.publishing_after = None;
    }
    let is_known =
        |number: &String| number.parse::<u64>().is_ok_and(|number| number > newest || numbers.contains(&number));
    status.published_versions.retain(is_known);
    let beyond = status.published_versions.len().saturating_sub(LIMIT);
    status.published_versions.drain(..beyond);
    status.latest_version =
        observed.newest_number().filter(|_| observed.newest == Readiness::Ready).map(|number| number.to_string());
}

fn publish(status: &mut AspectsStatus, number: u64) {
    let number = number.to_string();
    if !status.published_versions.contains(&number) {
        status.published_versions.push(number);
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "VersionPublished",
            Self::Delete { .. } => "VersionDeleted",
        }
    }

    fn field(&self) -> &'static str {
        "spec.versions"
    }

    fn record(&self, status: &mut AspectsStatus) {
        if let Self::Publish { after, .. } = self {
            status.publishing_after.get_or_insert_with(|| after.to_string());
        }
    }

    async fn apply(&self, lambda: &dyn Lambda, status: &mut AspectsStatus) -> Result<(), Fault> {
        match self {
            Self::Publish { publication, after } => {
                let number = lambda.publish_version(publication).await?;
                let before = status.publishing_after.take().and_then(|before| before.parse().ok());
                if number > before.unwrap_or(*after) {
                    publish(status, number);
                }
            }
            Self::Delete { function, number } => {
                lambda.delete_version(function, *number).await?;
                status.published_versions.retain(|other| *other != number.to_string());
            }
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish { publication, .. } => write!(f, "publish a version of function {}", publication.function),
            Self::Delete { function, number } => write!(f, "delete version {number} of function {function}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{
            Observed,
            testing::{Pass, function},
        },
        *,
    };
    use crate::cloud::lambda::{aliases::Alias, versions::Version};

    fn observed(published: &[(u64, &str)], newest: Readiness) -> Observed {
        let published = published.iter().map(|(number, code)| Version {
            number: *number,
            function: Function { arn: format!("arn:f:{number}"), ..function(code) },
        });
        let list = VersionList { latest: function("sha"), published: published.collect() };
        Observed { versions: Some(ObservedVersions { list, newest }), ..Observed::default() }
    }

    fn told(spec: &Value, observed: Observed) -> Vec<String> {
        Pass::new(json!({ "versions": spec }), json!({ "publishedVersions": ["1", "2", "3"] }), observed).told()
    }

    #[test]
    fn a_version_is_published_when_something_has_changed_and_only_then() {
        let ready = |published: &[(u64, &str)]| observed(published, Readiness::Ready);
        for (published, expected) in [
            (&[][..], vec!["publish a version of function f"]),
            (&[(1, "old")], vec!["publish a version of function f"]),
            (&[(1, "old"), (2, "sha")], vec![]),
            (&[(1, "sha"), (2, "old")], vec!["publish a version of function f"]),
        ] {
            assert_eq!(told(&json!({}), ready(published)), expected, "{published:?}");
        }
        let mut other = ready(&[(1, "sha")]);
        let mut settings = Settings { memory_size: Some(1), ..Settings::default() };
        other.versions.as_mut().unwrap().list.latest.settings = settings.clone();
        assert_eq!(told(&json!({}), other.clone()).len(), 1, "the configuration differs");
        settings.memory_size = None;
        settings.description = Some("d".to_owned());
        other.versions.as_mut().unwrap().list.latest.settings = settings;
        assert_eq!(told(&json!({}), other), [""; 0], "a version has a description of its own");
    }

    #[test]
    fn a_list_that_lags_behind_publishes_nothing() {
        let mut lagging = observed(&[(1, "old")], Readiness::Ready);
        lagging.versions.as_mut().unwrap().list.latest.code_sha256 = "old".to_owned();
        let told = told(&json!({}), lagging);
        assert_eq!(told, ["AwaitingConsistency: the list of versions of function f does not show its code yet"]);
    }

    #[test]
    fn aliases_wait_until_the_newest_version_can_be_used() {
        let why = || Some("why".to_owned());
        for (newest, expected) in [
            (Readiness::Pending(None), "VersionPending: version 1 of function f is being made ready by AWS"),
            (Readiness::Pending(why()), "VersionPending: version 1 of function f is being made ready by AWS: why"),
            (
                Readiness::Failed(why()),
                "VersionFailed: version 1 of function f cannot be used (change the code or the configuration, so \
                 that another is published): why",
            ),
        ] {
            assert_eq!(told(&json!({}), observed(&[(1, "sha")], newest)), [expected]);
        }
        let spec = json!({ "aliases": [{ "name": "live", "version": "latest-published" }] });
        let none = Pass::new(spec, json!({}), observed(&[], Readiness::Ready)).told();
        assert!(
            none[0].starts_with("NoPublishedVersion: spec.aliases: function f has no published version"),
            "{none:?}"
        );
    }

    #[test]
    fn old_versions_of_ours_go_unless_an_alias_uses_them() {
        let published = [(1, "a"), (2, "b"), (3, "c"), (4, "theirs"), (5, "sha")];
        let mut observed = observed(&published, Readiness::Ready);
        let both = ["delete version 2 of function f", "delete version 1 of function f"];
        assert_eq!(told(&json!({ "keep": 1 }), observed.clone()), both);
        assert_eq!(told(&json!({ "keep": 2 }), observed.clone()), both[1..]);
        assert_eq!(told(&json!({}), observed.clone()), [""; 0]);
        observed.aliases =
            vec![Alias { version: "1".to_owned(), weights: [("2".to_owned(), 0.1)].into(), ..Alias::default() }];
        assert_eq!(told(&json!({ "keep": 1 }), observed), [""; 0]);
    }

    #[test]
    fn what_was_published_under_a_lost_answer_is_ours() {
        let observed = observed(&[(3, "theirs"), (4, "sha")], Readiness::Ready);
        let status = json!({ "publishingAfter": "3", "publishedVersions": ["1", "5"] });
        let reported = Pass::new(json!({ "versions": {} }), status, observed).reported();
        assert_eq!(reported, json!({ "latestVersion": "4", "publishedVersions": ["5", "4"] }));
    }

    #[test]
    fn the_attempt_is_recorded_before_the_call() {
        let pass = |status: Value| {
            Pass::new(json!({ "versions": {} }), status, observed(&[(7, "old")], Readiness::Ready)).recorded()
        };
        assert_eq!(pass(json!({})), json!({ "publishingAfter": "7" }));
        assert_eq!(pass(json!({ "publishingAfter": "6" })), json!({ "publishingAfter": "6" }), "the first one counts");
    }
}
