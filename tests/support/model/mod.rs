//! A stateful model of AWS and of the cluster behind the operator's ports, in one process and without a
//! network. It has AWS's semantics where LocalStack lacks them; each is pinned in `it/model/conformance.rs`
//! with the page that it comes from. Time is tokio's, so tests with a paused clock never wait.

pub mod cluster;
pub mod documents;
pub mod drift;
pub mod ec2;
pub mod endpoint_rules;
pub mod endpoints;
pub mod faults;
pub mod filters;
pub mod iam;
mod iam_records;
pub mod lambda;
pub mod network;
pub mod replica;
pub mod s3;
pub mod services;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use privatelink_operator::cloud::{
    Connect, Connection,
    fault::{Fault, Service},
    ownership::{Tags, UID},
};
use tokio::time::Instant;

use self::{
    faults::{Cut, Faults},
    replica::Lag,
};

/// The model's account.
pub const ACCOUNT: &str = "123456789012";
/// The model's region.
pub const REGION: &str = "ap-northeast-1";

/// How long AWS takes for what.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// One call.
    pub latency: Duration,
    /// How stale reads are after a write.
    pub lag: Lag,
    /// From a change in IAM until EC2 and Lambda know it.
    pub iam_propagation: Duration,
    /// An Interface or `GatewayLoadBalancer` endpoint in `pending`.
    pub endpoint_pending: Duration,
    /// An endpoint in `deleting`.
    pub endpoint_deleting: Duration,
    /// An endpoint shown as `deleted` before its id is unknown.
    pub endpoint_deleted: Duration,
    /// An association in `associating`, and in `disassociating`.
    pub association: Duration,
    /// A function in `Pending`, and an update `InProgress`.
    pub function: Duration,
    /// A function in `Deleting`.
    pub function_deleting: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            latency: Duration::from_millis(20),
            lag: Lag::NONE,
            iam_propagation: seconds(8),
            endpoint_pending: seconds(30),
            endpoint_deleting: seconds(40),
            endpoint_deleted: seconds(10),
            association: seconds(4),
            function: seconds(5),
            function_deleting: Duration::ZERO,
        }
    }
}

/// One call that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// AWS's operation, or the verb and resource of a cluster call.
    pub operation: &'static str,
    /// Whether it is of the kind that changes something.
    pub write: bool,
    /// Whether it was accepted as a change, whatever its caller was told.
    pub effect: bool,
}

/// Why an operation was refused: AWS's error code and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Error code.
    pub code: &'static str,
    /// Error text.
    pub message: String,
}

/// Refuses an operation.
pub fn refuse<T>(code: &'static str, message: impl Into<String>) -> Answer<T> {
    Err(Refusal { code, message: message.into() })
}

/// What an operation answers.
pub type Answer<T> = Result<T, Refusal>;

/// All that is behind the ports.
#[derive(Debug, Default)]
pub struct State {
    /// How long AWS takes.
    pub timing: Timing,
    /// Amazon EC2.
    pub ec2: ec2::Ec2State,
    /// IAM.
    pub iam: iam::IamState,
    /// AWS Lambda.
    pub lambda: lambda::LambdaState,
    /// Amazon S3.
    pub s3: s3::S3State,
    /// The cluster.
    pub cluster: cluster::ClusterState,
    /// What goes wrong.
    pub faults: Faults,
    calls: Vec<Call>,
    violations: Vec<String>,
    ids: u64,
}

impl State {
    /// A number never given before.
    pub fn number(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// Ownership tags of all live AWS objects: kind, id, tags.
    fn live(&self) -> Vec<(&'static str, String, Tags)> {
        let mut live = self.ec2.live();
        live.extend(self.iam.live());
        live.extend(self.lambda.live());
        live
    }

    /// The invariant of every instant: no owner has two live AWS objects of a kind, but for an instance profile that
    /// is being renamed.
    fn check(&mut self, operation: &str) {
        let mut owners: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
        for (kind, id, tags) in self.live() {
            if let Some(uid) = tags.get(UID) {
                owners.entry((kind, uid.clone())).or_default().push(id);
            }
        }
        for ((kind, uid), ids) in owners {
            if ids.len() > if kind == "profile" { 2 } else { 1 } {
                self.violations
                    .push(format!("after {operation}, owner {uid} has {} of kind {kind}: {ids:?}", ids.len()));
            }
        }
    }
}

/// The model; clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Model(Arc<Mutex<State>>);

impl Model {
    /// An account with AWS's managed policies and services, and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state, for set-up, drift and assertions.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The ports of the model's account and region.
    pub fn connection(&self) -> Connection {
        Connection {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            partition: "aws".to_owned(),
            ec2: Arc::new(self.clone()),
            iam: Arc::new(self.clone()),
            lambda: Arc::new(self.clone()),
            s3: Arc::new(self.clone()),
        }
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The writes among the calls since the call of this number.
    pub fn writes_since(&self, first: usize) -> Vec<Call> {
        self.state().calls.iter().skip(first).filter(|call| call.write).cloned().collect()
    }

    /// Effects so far.
    pub fn effects(&self) -> usize {
        self.state().calls.iter().filter(|call| call.effect).count()
    }

    /// Effects of one operation so far.
    pub fn effects_of(&self, operation: &str) -> usize {
        self.state().calls.iter().filter(|call| call.effect && call.operation == operation).count()
    }

    /// Each moment at which an owner had two live AWS objects of a kind.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// All live AWS objects that carry this owner uid, as `kind id`.
    pub fn owned(&self, uid: &str) -> Vec<String> {
        self.state()
            .live()
            .into_iter()
            .filter(|(_, _, tags)| tags.get(UID).is_some_and(|have| have == uid))
            .map(|(kind, id, _)| format!("{kind} {id}"))
            .collect()
    }

    /// All live AWS objects, whoever owns them, as `kind id`.
    pub fn holdings(&self) -> Vec<String> {
        self.state().live().into_iter().map(|(kind, id, _)| format!("{kind} {id}")).collect()
    }

    /// One AWS call: faults, then the operation, then faults again.
    async fn aws<T: Send>(
        &self,
        service: Service,
        operation: &'static str,
        write: bool,
        run: impl FnOnce(&mut State, Instant) -> Answer<T> + Send,
    ) -> Result<T, Fault> {
        self.gate(operation, write, run).await.map_err(|cut| match cut {
            Cut::Refused(refusal) => Fault::answered(service, operation, refusal.code, &refusal.message),
            Cut::Unanswered(what) => Fault::unanswered(service, operation, what),
            Cut::Fenced => Fault::not_sent(service, operation),
            Cut::Throttled => {
                let code = match service {
                    Service::Ec2 => "RequestLimitExceeded",
                    Service::Lambda => "TooManyRequestsException",
                    Service::Iam | Service::Sts => "Throttling",
                    Service::S3 => "SlowDown",
                };
                Fault::answered(service, operation, code, "Rate exceeded")
            }
        })
    }

    async fn gate<T: Send>(
        &self,
        operation: &'static str,
        write: bool,
        run: impl FnOnce(&mut State, Instant) -> Answer<T> + Send,
    ) -> Result<T, Cut> {
        let latency = self.state().timing.latency;
        tokio::time::sleep(latency).await;
        let mut state = self.state();
        if let Some(cut) = state.faults.before(operation, write) {
            state.calls.push(Call { operation, write, effect: false });
            return Err(cut);
        }
        let answer = run(&mut state, Instant::now());
        let effect = write && answer.is_ok();
        state.calls.push(Call { operation, write, effect });
        if effect {
            state.check(operation);
            if let Some(cut) = state.faults.after() {
                return Err(cut);
            }
        }
        answer.map_err(Cut::Refused)
    }
}

#[async_trait]
impl Connect for Model {
    async fn connect(&self, _region: &str) -> Result<Connection, Fault> {
        self.aws(Service::Sts, "GetCallerIdentity", false, |_, _| Ok(())).await?;
        Ok(self.connection())
    }
}
