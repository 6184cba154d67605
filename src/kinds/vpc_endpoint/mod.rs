//! `VpcEndpoint`: one VPC endpoint whole.

pub mod apply;
pub mod desired;
pub mod diagnose;
#[cfg(test)]
mod fixtures;
pub mod observe;
pub mod plan;
pub mod report;
pub mod resolve;
pub mod spec;
pub mod step;
pub mod sweep;

use std::{collections::HashMap, sync::Arc};

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
    desired::{Context, Desired},
    observe::Observed,
    resolve::Resolved,
    spec::{VpcEndpoint, VpcEndpointStatus},
    step::Step,
};

impl Kind for VpcEndpoint {
    type World = World;
    type Cloud = Aws;
    type Status = VpcEndpointStatus;
    type Resolved = Resolved;
    type Desired = Desired;
    type Observed = Observed;
    type Step = Step;

    fn common_spec(&self) -> &CommonSpec {
        &self.spec.common
    }

    fn status(&self) -> VpcEndpointStatus {
        self.status.clone().unwrap_or_default()
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    async fn connect(world: &World, subject: &Subject<Self>) -> Result<Arc<Aws>, Failure> {
        world.connect(subject).await
    }

    async fn resolve(cloud: &Aws, subject: &Subject<Self>, object: &Self) -> Result<Resolved, Failure> {
        resolve::resolve(cloud.ec2.as_ref(), &object.spec, &subject.status).await
    }

    fn desired(cloud: &Aws, subject: &Subject<Self>, object: &Self, resolved: Resolved) -> Result<Desired, Failure> {
        let context = Context {
            region: &cloud.region,
            ownership: cloud.owner(subject).tags(),
            applied: &subject.status.applied_fields,
        };
        desired::desired(&object.spec, resolved, context)
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

    fn record(step: &Step, status: &mut VpcEndpointStatus) {
        step::record(step, status);
    }

    async fn apply(
        cloud: &Aws,
        subject: &Subject<Self>,
        step: &Step,
        status: &mut VpcEndpointStatus,
    ) -> Result<(), Failure> {
        apply::apply(cloud, subject, step, status).await
    }

    fn report(cloud: &Aws, desired: Option<&Desired>, observed: Option<&Observed>, status: &mut VpcEndpointStatus) {
        report::report(&report::Place::from(&cloud.connection), desired, observed, status);
    }

    fn summary(observed: &Observed) -> String {
        format!("{} is {}", observed.endpoint.id, observed.endpoint.state)
    }

    fn fingerprint(desired: &Desired, observed: &Observed) -> u64 {
        report::fingerprint(&desired.selection, &observed.endpoint)
    }

    async fn sweep(world: &World, objects: &[&Self]) -> Result<HashMap<String, u64>, Failure> {
        sweep::sweep(world, objects).await
    }
}
