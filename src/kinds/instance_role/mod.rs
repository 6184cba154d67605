//! `InstanceRole`: wires its parts into the engine's pipeline.

mod apply;
pub mod desired;
mod explain;
pub mod holders;
mod names;
pub mod observe;
mod plan;
mod report;
pub mod resolve;
pub mod spec;
pub mod step;
mod sweep;
mod trust;

use std::{collections::HashMap, sync::Arc};

use kube::ResourceExt;

use crate::{
    cloud::{Aws, World},
    engine::{
        contract::CommonSpec,
        failure::Failure,
        kind::{Kind, Plan, Subject},
        references::Reference,
    },
};

use self::{
    desired::Desired,
    observe::Observed,
    resolve::Resolved,
    spec::{InstanceRole, InstanceRoleStatus},
    step::Step,
};

impl Kind for InstanceRole {
    type World = World;
    type Cloud = Aws;
    type Status = InstanceRoleStatus;
    type Resolved = Resolved;
    type Desired = Desired;
    type Observed = Observed;
    type Step = Step;

    fn common_spec(&self) -> &CommonSpec {
        &self.spec.common
    }

    fn status(&self) -> InstanceRoleStatus {
        self.status.clone().unwrap_or_default()
    }

    /// The functions that it was made for: their end lets it go.
    fn references(&self) -> Vec<Reference> {
        let namespace = self.namespace().unwrap_or_default();
        let owners = self.owner_references().iter().filter(|owner| owner.kind == "LambdaFunction");
        owners
            .map(|owner| Reference {
                resource: holders::lambda_functions(),
                namespace: namespace.clone(),
                name: owner.name.clone(),
            })
            .collect()
    }

    async fn connect(world: &World, subject: &Subject<Self>) -> Result<Arc<Aws>, Failure> {
        world.connect(subject).await
    }

    async fn resolve(cloud: &Aws, subject: &Subject<Self>, object: &Self) -> Result<Resolved, Failure> {
        resolve::resolve(cloud, subject, object).await
    }

    fn desired(cloud: &Aws, subject: &Subject<Self>, object: &Self, resolved: Resolved) -> Result<Desired, Failure> {
        desired::desired(cloud, subject, object, resolved)
    }

    async fn observe(cloud: &Aws, subject: &Subject<Self>) -> Result<Option<Observed>, Failure> {
        observe::observe(cloud, subject).await
    }

    fn plan(subject: &Subject<Self>, desired: &Desired, observed: Option<&Observed>) -> Plan<Step> {
        plan::plan(subject, desired, observed)
    }

    fn plan_delete(_: &Aws, subject: &Subject<Self>, observed: Option<&Observed>) -> Plan<Step> {
        plan::plan_delete(subject, observed)
    }

    fn record(step: &Step, status: &mut InstanceRoleStatus) {
        step::record(step, status);
    }

    async fn apply(
        cloud: &Aws,
        subject: &Subject<Self>,
        step: &Step,
        status: &mut InstanceRoleStatus,
    ) -> Result<(), Failure> {
        apply::apply(cloud, subject, step, status).await
    }

    fn report(cloud: &Aws, desired: Option<&Desired>, observed: Option<&Observed>, status: &mut InstanceRoleStatus) {
        report::report(cloud, desired, observed, status);
    }

    fn summary(observed: &Observed) -> String {
        report::summary(observed)
    }

    fn fingerprint(desired: &Desired, observed: &Observed) -> u64 {
        sweep::fingerprint(desired, observed)
    }

    /// The tags of an instance profile are in no list: see
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfiles.html>.
    fn needs_recheck(desired: &Desired) -> bool {
        desired.profile.is_some()
    }

    async fn sweep(world: &World, objects: &[&Self]) -> Result<HashMap<String, u64>, Failure> {
        sweep::sweep(world, objects).await
    }
}
