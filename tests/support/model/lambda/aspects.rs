//! What functions have beside code and configuration. All of it goes with the function, but for event source mappings.

use std::collections::BTreeMap;

use privatelink_operator::cloud::{
    lambda::{
        Function,
        aliases::Alias,
        controls::{EventInvokeConfig, RuntimeManagementConfig},
        urls::FunctionUrl,
    },
    ownership::Tags,
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    super::{ACCOUNT, Answer, REGION, State, refuse, replica::Lag, replica::Store},
    event_sources::MappingRecord,
    function::FunctionRecord,
};

/// A published version and when it is active.
#[derive(Clone, Debug)]
pub struct VersionRecord {
    /// What was published.
    pub function: Function,
    /// Until then it is pending.
    pub active_from: Instant,
}

/// Provisioned concurrency and when it is ready.
#[derive(Clone, Debug)]
pub struct ProvisionedRecord {
    /// How many.
    pub requested: i32,
    /// Until then it is in progress.
    pub ready_from: Instant,
    /// Why it fails instead.
    pub failure: Option<&'static str>,
}

/// By name of the function, but for the mappings, which are by their id.
#[derive(Debug, Default)]
pub struct Aspects {
    /// Published versions by number.
    pub versions: Store<BTreeMap<u64, VersionRecord>>,
    /// Aliases by name.
    pub aliases: Store<BTreeMap<String, Alias>>,
    /// Provisioned concurrency by alias.
    pub provisioned: Store<BTreeMap<String, ProvisionedRecord>>,
    /// URLs.
    pub urls: Store<FunctionUrl>,
    /// Statements by qualifier.
    pub policies: Store<BTreeMap<Option<String>, Vec<Value>>>,
    /// How asynchronous invocations are handled.
    pub event_invoke: Store<EventInvokeConfig>,
    /// Code signing configurations.
    pub code_signing: Store<String>,
    /// What is done about recursive loops.
    pub recursion: Store<String>,
    /// When runtimes are updated.
    pub runtimes: Store<RuntimeManagementConfig>,
    /// Event source mappings.
    pub mappings: Store<MappingRecord>,
    /// The numbers of versions given so far, which outlive functions.
    pub last_versions: BTreeMap<String, u64>,
    /// Why provisioned concurrency can't be allocated from now on.
    pub failing_provision: Option<&'static str>,
}

impl Aspects {
    /// See [`crate::support::model::replica::Store::rewind`].
    pub fn rewind(&mut self, yes: bool) {
        self.versions.rewind(yes);
        self.aliases.rewind(yes);
        self.provisioned.rewind(yes);
        self.urls.rewind(yes);
        self.policies.rewind(yes);
        self.event_invoke.rewind(yes);
        self.code_signing.rewind(yes);
        self.recursion.rewind(yes);
        self.runtimes.rewind(yes);
        self.mappings.rewind(yes);
    }

    /// The function is gone.
    pub fn drop_all(&mut self, function: &str) {
        self.versions.put(function, None, Lag::NONE);
        self.aliases.put(function, None, Lag::NONE);
        self.provisioned.put(function, None, Lag::NONE);
        self.urls.put(function, None, Lag::NONE);
        self.policies.put(function, None, Lag::NONE);
        self.event_invoke.put(function, None, Lag::NONE);
        self.code_signing.put(function, None, Lag::NONE);
        self.recursion.put(function, None, Lag::NONE);
        self.runtimes.put(function, None, Lag::NONE);
    }

    /// Live event source mappings with their tags.
    pub fn live(&self) -> impl Iterator<Item = (&'static str, String, Tags)> {
        self.mappings.all().filter(|(_, record)| !record.is_going()).map(|(uuid, record)| {
            let kind = if record.mapping.source_arn.contains(":sqs:") { "queue-mapping" } else { "stream-mapping" };
            (kind, uuid.clone(), record.tags.clone())
        })
    }

    /// What a user would see of all of it, in words that leave out what AWS chooses itself: ids, revisions and the
    /// numbers of versions, which stand for what was published.
    pub fn content(&self) -> Vec<String> {
        let mut content = Vec::new();
        for (function, versions) in self.versions.all() {
            content.extend(versions.values().map(|version| format!("version of {function}: {}", published(version))));
        }
        for (function, aliases) in self.aliases.all() {
            let target = |number: &str| {
                let version = number.parse().ok().and_then(|n: u64| self.versions.current(function)?.get(&n));
                version.map_or_else(|| number.to_owned(), published)
            };
            content.extend(aliases.values().map(|alias| {
                let weights: Vec<_> =
                    alias.weights.iter().map(|(to, share)| format!("{share} {}", target(to))).collect();
                let Alias { name, version, description, .. } = alias;
                format!("alias {name} of {function} ({description}): {} {weights:?}", target(version))
            }));
        }
        for (function, provisioned) in self.provisioned.all() {
            content.extend(provisioned.iter().map(|(alias, p)| format!("{} for {function}:{alias}", p.requested)));
        }
        for (function, policies) in self.policies.all() {
            for (qualifier, statements) in policies {
                content.extend(statements.iter().map(|text| format!("policy of {function}:{qualifier:?}: {text}")));
            }
        }
        content.extend(self.urls.all().map(|(function, url)| format!("url of {function}: {url:?}")));
        content.extend(self.event_invoke.all().map(|(function, config)| format!("{function}: {config:?}")));
        content.extend(self.code_signing.all().map(|(function, arn)| format!("signing of {function}: {arn}")));
        let recursion = self.recursion.all().filter(|(_, value)| *value != "Terminate");
        content.extend(recursion.map(|(function, value)| format!("recursion of {function}: {value}")));
        let runtimes = self.runtimes.all().filter(|(_, config)| config.update_runtime_on != "Auto");
        content.extend(runtimes.map(|(function, config)| format!("runtime of {function}: {config:?}")));
        content.extend(self.mappings.all().filter(|(_, record)| !record.is_going()).map(|(_, record)| {
            let mapping = &record.mapping;
            let (source, function) = (&mapping.source_arn, &mapping.function_arn);
            format!("mapping of {source} to {function}: {:?} {:?}", mapping.settings, record.tags)
        }));
        content
    }
}

fn published(version: &VersionRecord) -> String {
    let Function { settings, architecture, code_sha256, .. } = &version.function;
    let environment = settings.environment.clone().unwrap_or_default();
    format!("{code_sha256} {architecture} {settings:?} {:?}", environment.0)
}

impl State {
    /// A function as readers see it.
    pub fn seen_function(&mut self, name: &str, now: Instant) -> Answer<Function> {
        match self.lambda.functions.read(name).and_then(|record| record.view(now)) {
            Some(function) => Ok(function),
            None => not_found(name),
        }
    }

    /// A function that a write is about, and that nothing is under way with.
    pub fn idle_function(&mut self, name: &str, now: Instant) -> Answer<FunctionRecord> {
        let record = self.function_target(name, now)?;
        if record.busy(now) {
            return refuse(
                "ResourceConflictException",
                format!(
                    "The operation cannot be performed at this time. An update is in progress for resource: {}",
                    record.function.arn
                ),
            );
        }
        Ok(record)
    }

    /// Gives the function a new revision.
    pub fn move_revision(&mut self, name: &str) {
        if let Some(mut record) = self.lambda.functions.current(name).cloned() {
            record.revision = self.number();
            let lag = self.timing.lag;
            self.lambda.functions.put(name, Some(record), lag);
        }
    }
}

/// Compares revisions as AWS does, where one is given.
pub fn check_revision(given: Option<&String>, current: &str) -> Answer<()> {
    if given.is_some_and(|given| given != current) {
        return refuse(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias/GetPolicy API to retrieve the latest RevisionId for your resource.",
        );
    }
    Ok(())
}

/// ARN of a function, a version or an alias.
pub fn arn(function: &str, qualifier: Option<&str>) -> String {
    let unqualified = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}");
    qualifier.map(|qualifier| format!("{unqualified}:{qualifier}")).unwrap_or(unqualified)
}

/// Refuses because a function does not exist.
pub fn not_found<T>(function: &str) -> Answer<T> {
    refuse("ResourceNotFoundException", format!("Function not found: {}", arn(function, None)))
}
