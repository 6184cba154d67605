//! One write of an aspect.

use std::fmt;

use async_trait::async_trait;

use crate::{
    cloud::{fault::Fault, lambda::Lambda},
    engine::failure::{Class, Failure},
};

use super::{
    aliases, code_signing, event_invoke, event_sources, permissions, provisioned_concurrency, recursion,
    reserved_concurrency, runtime_management, spec::AspectsStatus, url, versions,
};

/// What the steps of all aspects can do. `Display` is what users read.
#[async_trait]
pub trait AspectStep: fmt::Display + Send + Sync {
    /// CamelCase reason of the Event that reports it.
    fn reason(&self) -> &'static str;
    /// The field of the spec that it comes from.
    fn field(&self) -> &'static str;
    /// Writes into the status what must be known after a crash in the middle of the step.
    fn record(&self, status: &mut AspectsStatus);
    /// Makes the call.
    async fn apply(&self, lambda: &dyn Lambda, status: &mut AspectsStatus) -> Result<(), Fault>;
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// About the code signing configuration.
    CodeSigning(code_signing::Step),
    /// About versions.
    Version(versions::Step),
    /// About aliases.
    Alias(aliases::Step),
    /// About provisioned concurrency.
    ProvisionedConcurrency(provisioned_concurrency::Step),
    /// About the resource policy.
    Permission(permissions::Step),
    /// About the URL.
    Url(url::Step),
    /// About asynchronous invocations.
    EventInvoke(event_invoke::Step),
    /// About reserved concurrency.
    ReservedConcurrency(reserved_concurrency::Step),
    /// About recursive loops.
    Recursion(recursion::Step),
    /// About the runtime.
    RuntimeManagement(runtime_management::Step),
    /// About event source mappings.
    EventSource(event_sources::Step),
}

impl Step {
    fn aspect(&self) -> &dyn AspectStep {
        match self {
            Self::CodeSigning(step) => step,
            Self::Version(step) => step,
            Self::Alias(step) => step,
            Self::ProvisionedConcurrency(step) => step,
            Self::Permission(step) => step,
            Self::Url(step) => step,
            Self::EventInvoke(step) => step,
            Self::ReservedConcurrency(step) => step,
            Self::Recursion(step) => step,
            Self::RuntimeManagement(step) => step,
            Self::EventSource(step) => step,
        }
    }

    /// CamelCase reason of the Event that reports it.
    pub fn reason(&self) -> &'static str {
        self.aspect().reason()
    }

    /// Writes into the status what must be known after a crash in the middle of the step.
    pub fn record(&self, status: &mut AspectsStatus) {
        self.aspect().record(status);
    }

    /// Makes the call. What AWS does not accept is told with the field at fault.
    pub async fn apply(&self, lambda: &dyn Lambda, status: &mut AspectsStatus) -> Result<(), Failure> {
        let aspect = self.aspect();
        aspect.apply(lambda, status).await.map_err(|fault| {
            let failure = Failure::from(fault);
            if matches!(failure.class, Class::Terminal | Class::Dependency) {
                failure.at(aspect.field())
            } else {
                failure
            }
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.aspect().fmt(f)
    }
}
