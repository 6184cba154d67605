//! Direct reads of the aspects that the spec names or that were applied.

use std::collections::BTreeMap;

use crate::{
    cloud::{
        Aws,
        lambda::{
            Function,
            aliases::{Alias, ProvisionedConcurrency},
            controls::{EventInvokeConfig, RuntimeManagementConfig},
            policies::Policy,
            urls::FunctionUrl,
        },
    },
    engine::{failure::Failure, kind::Subject},
};

use super::{
    super::spec::LambdaFunction,
    aliases, code_signing, event_invoke,
    event_sources::{self, ObservedMapping},
    permissions, provisioned_concurrency, recursion, runtime_management, url,
    versions::{self, ObservedVersions},
};

/// What there is. What is not managed was not read, and is absent or empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Versions.
    pub versions: Option<ObservedVersions>,
    /// All aliases.
    pub aliases: Vec<Alias>,
    /// All provisioned concurrency.
    pub provisioned: Vec<ProvisionedConcurrency>,
    /// The URL.
    pub url: Option<FunctionUrl>,
    /// Resource policies by qualifier.
    pub policies: BTreeMap<Option<String>, Policy>,
    /// How asynchronous invocations are handled.
    pub event_invoke: Option<EventInvokeConfig>,
    /// Reserved concurrency.
    pub reserved_concurrency: Option<i32>,
    /// ARN of the code signing configuration.
    pub code_signing_config: Option<String>,
    /// What is done about recursive loops.
    pub recursive_loop: Option<String>,
    /// When the runtime is updated.
    pub runtime_management: Option<RuntimeManagementConfig>,
    /// Event source mappings that are ours or ours to take.
    pub event_sources: Vec<ObservedMapping>,
    /// Whether an absence can be believed, since no write of ours is that young.
    pub settled: bool,
}

/// Reads the aspects of a function that is ours and that nothing is under way with.
pub async fn observe(aws: &Aws, subject: &Subject<LambdaFunction>, function: &Function) -> Result<Observed, Failure> {
    let Some(object) = &subject.object else { return Ok(Observed::default()) };
    let (spec, status, name) = (&object.spec.aspects, &subject.status.aspects, function.name.as_str());
    let lambda = aws.lambda.as_ref();
    let mut observed = Observed {
        reserved_concurrency: function.reserved_concurrency,
        settled: subject.settled,
        ..Observed::default()
    };
    if code_signing::is_managed(spec, status) {
        observed.code_signing_config = lambda.code_signing_config(name).await?;
    }
    if versions::is_read(spec, status) {
        observed.versions = Some(versions::observe(lambda, name, status).await?);
    }
    if aliases::is_read(spec, status) {
        observed.aliases = lambda.aliases(name).await?;
    }
    if provisioned_concurrency::is_managed(spec, status) {
        observed.provisioned = lambda.provisioned_concurrency(name).await?;
    }
    if url::is_managed(spec, status) {
        observed.url = lambda.url(name).await?;
    }
    for qualifier in permissions::qualifiers(spec, status) {
        if let Some(policy) = lambda.policy(name, qualifier.as_deref()).await? {
            observed.policies.insert(qualifier, policy);
        }
    }
    if event_invoke::is_managed(spec, status) {
        observed.event_invoke = lambda.event_invoke_config(name).await?;
    }
    if recursion::is_managed(spec, status) {
        observed.recursive_loop = Some(lambda.recursive_loop(name).await?);
    }
    if runtime_management::is_managed(spec, status) {
        observed.runtime_management = Some(lambda.runtime_management(name).await?);
    }
    if event_sources::is_managed(spec, status) {
        observed.event_sources = event_sources::observe(aws, subject, name, true).await?;
    }
    Ok(observed)
}

/// Reads what has to go before the function, or is left when it is gone: event source mappings. For an object that
/// can't be decoded they are looked for in any case.
pub async fn observe_deletion(
    aws: &Aws,
    subject: &Subject<LambdaFunction>,
    function: &str,
    exists: bool,
) -> Result<Observed, Failure> {
    let managed = subject
        .object
        .as_ref()
        .is_none_or(|object| event_sources::is_managed(&object.spec.aspects, &subject.status.aspects));
    let event_sources =
        if managed { event_sources::observe(aws, subject, function, exists).await? } else { Vec::new() };
    Ok(Observed { event_sources, settled: subject.settled, ..Observed::default() })
}
