//! `LambdaFunction`: one function whole, with its code, configuration and execution role.

mod apply;
pub mod aspects;
mod assume;
mod code;
mod data;
mod desired;
mod environment;
#[cfg(test)]
mod fixtures;
mod names;
mod observe;
mod plan;
mod report;
mod resolve;
mod role;
mod settings;
pub mod spec;
mod step;
mod sweep;
mod vpc;

use std::{collections::HashMap, sync::Arc};

use kube::core::ApiResource;

use crate::{
    cloud::{Aws, World},
    engine::{
        contract::{CommonSpec, CommonStatus},
        failure::Failure,
        kind::{Kind, KindStatus, Plan, Subject, keep},
        references::Reference,
    },
};

use self::spec::LambdaFunctionStatus;

pub use self::{desired::Desired, observe::Observed, resolve::Resolved, spec::LambdaFunction, step::Step};

impl KindStatus for LambdaFunctionStatus {
    fn common(&self) -> &CommonStatus {
        &self.common
    }

    fn common_mut(&mut self) -> &mut CommonStatus {
        &mut self.common
    }

    fn keep_records(&mut self, before: &Self) {
        keep(&mut self.common.managed_tags, &before.common.managed_tags);
        keep(&mut self.managed_fields, &before.managed_fields);
        aspects::report::keep_records(&mut self.aspects, &before.aspects);
    }
}

impl Kind for LambdaFunction {
    type World = World;
    type Cloud = Aws;
    type Status = LambdaFunctionStatus;
    type Resolved = Resolved;
    type Desired = Desired;
    type Observed = Observed;
    type Step = Step;

    fn common_spec(&self) -> &CommonSpec {
        &self.spec.common
    }

    fn status(&self) -> Self::Status {
        self.status.clone().unwrap_or_default()
    }

    fn references(&self) -> Vec<Reference> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        resolve::references(&self.spec, namespace, self.metadata.name.as_deref().unwrap_or_default())
    }

    fn makes() -> Vec<ApiResource> {
        vec![role::resource()]
    }

    async fn hand_down(world: &World, subject: &Subject<Self>, paused: bool) -> Result<(), Failure> {
        role::hand_down(world.cluster.as_ref(), subject, paused).await
    }

    async fn connect(world: &World, subject: &Subject<Self>) -> Result<Arc<Aws>, Failure> {
        world.connect(subject).await
    }

    async fn resolve(aws: &Aws, subject: &Subject<Self>, object: &Self) -> Result<Resolved, Failure> {
        resolve::resolve(aws, subject, &object.spec).await
    }

    fn desired(aws: &Aws, subject: &Subject<Self>, object: &Self, resolved: Resolved) -> Result<Desired, Failure> {
        desired::desired(&aws.owner(subject), &aws.guardrails, object, resolved)
    }

    async fn observe(aws: &Aws, subject: &Subject<Self>) -> Result<Option<Observed>, Failure> {
        observe::observe(aws, subject).await
    }

    fn plan(subject: &Subject<Self>, desired: &Desired, observed: Option<&Observed>) -> Plan<Step> {
        plan::plan(subject, desired, observed)
    }

    fn plan_delete(_: &Aws, subject: &Subject<Self>, observed: Option<&Observed>) -> Plan<Step> {
        plan::plan_delete(subject, observed)
    }

    fn record(step: &Step, status: &mut LambdaFunctionStatus) {
        step::record(step, status);
    }

    async fn apply(
        aws: &Aws,
        subject: &Subject<Self>,
        step: &Step,
        status: &mut LambdaFunctionStatus,
    ) -> Result<(), Failure> {
        apply::apply(aws, subject, step, status).await
    }

    fn report(aws: &Aws, desired: Option<&Desired>, observed: Option<&Observed>, status: &mut LambdaFunctionStatus) {
        report::report(aws, desired, observed, status);
    }

    fn summary(observed: &Observed) -> String {
        observed.found.as_ref().map(|found| report::summary(&found.function)).unwrap_or_default()
    }

    fn fingerprint(desired: &Desired, observed: &Observed) -> u64 {
        sweep::fingerprint(desired, observed)
    }

    fn needs_recheck(desired: &Desired) -> bool {
        desired.code.follows_latest() || desired.aspects.needs_recheck()
    }

    async fn sweep(world: &World, objects: &[&Self]) -> Result<HashMap<String, u64>, Failure> {
        sweep::sweep(world, objects).await
    }
}
