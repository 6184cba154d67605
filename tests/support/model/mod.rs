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
pub mod script;
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
use serde_json::Value;
use tokio::time::Instant;

use self::{
    faults::{Cut, Faults},
    replica::Lag,
    script::{GIVEN_UP, LATE, SLOW, Script, Trouble, UNSEEN},
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
    /// What goes wrong with which call.
    pub script: Script,
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

    /// One AWS call that changes nothing.
    async fn aws_read<T: Send>(
        &self,
        service: Service,
        operation: &'static str,
        run: impl FnOnce(&mut State, Instant) -> Answer<T> + Send,
    ) -> Result<T, Fault> {
        self.read(operation, run).await.map_err(|cut| fault(service, operation, cut))
    }

    /// One AWS call that changes something.
    async fn aws_write<T: Send>(
        &self,
        service: Service,
        operation: &'static str,
        run: impl Fn(&mut State, Instant) -> Answer<T> + Send + 'static,
    ) -> Result<T, Fault> {
        self.write(operation, run).await.map_err(|cut| fault(service, operation, cut))
    }

    async fn read<T: Send>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut State, Instant) -> Answer<T> + Send,
    ) -> Result<T, Cut> {
        let trouble = self.before(operation, false).await?;
        if trouble == Some(Trouble::Slow) {
            tokio::time::sleep(SLOW).await;
        }
        let mut state = self.state();
        state.rewind(trouble == Some(Trouble::Stale));
        let answer = run(&mut state, Instant::now());
        state.rewind(false);
        state.calls.push(Call { operation, write: false, effect: false });
        answer.map_err(Cut::Refused)
    }

    /// A write may arrive after its caller has gone, and more than once.
    async fn write<T: Send>(
        &self,
        operation: &'static str,
        run: impl Fn(&mut State, Instant) -> Answer<T> + Send + 'static,
    ) -> Result<T, Cut> {
        let trouble = self.before(operation, true).await?;
        match trouble {
            Some(Trouble::Late) => {
                self.arrives_after(GIVEN_UP + LATE, operation, run);
                tokio::time::sleep(GIVEN_UP).await;
                return Err(Cut::Unanswered("timed out"));
            }
            Some(Trouble::CrashDuring) => {
                self.arrives_after(LATE, operation, run);
                return Err(self.state().faults.die());
            }
            Some(Trouble::Twice) => drop(self.state().effect(operation, &run)),
            _ => {}
        }
        let mut state = self.state();
        let lag = state.timing.lag;
        if trouble == Some(Trouble::ShownLate) {
            state.timing.lag = Lag::time(UNSEEN);
        }
        let answer = state.effect(operation, &run);
        state.timing.lag = lag;
        if answer.is_ok()
            && let Some(cut) = state.faults.after()
        {
            return Err(cut);
        }
        match trouble {
            Some(Trouble::AnswerLost) => Err(Cut::Unanswered("connection reset by peer")),
            Some(Trouble::CrashAfter) => Err(state.faults.die()),
            _ => answer.map_err(Cut::Refused),
        }
    }

    fn arrives_after<T>(
        &self,
        delay: Duration,
        operation: &'static str,
        run: impl Fn(&mut State, Instant) -> Answer<T> + Send + 'static,
    ) {
        let model = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            drop(model.state().effect(operation, &run));
        });
    }

    /// The way to AWS or to the cluster, and what stops a call on it.
    async fn before(&self, operation: &'static str, write: bool) -> Result<Option<Trouble>, Cut> {
        let latency = self.state().timing.latency;
        tokio::time::sleep(latency).await;
        let mut state = self.state();
        let (trouble, cut) = if let Some(cut) = state.faults.before(operation, write) {
            (None, Some(cut))
        } else {
            let trouble = state.script.next(operation, write);
            (trouble, trouble.and_then(|trouble| state.faults.stop(trouble)))
        };
        match cut {
            Some(cut) => {
                state.calls.push(Call { operation, write, effect: false });
                Err(cut)
            }
            None => Ok(trouble),
        }
    }
}

impl State {
    /// The invariants of a status: it is of a generation that was observed, never of an earlier one than before, and the
    /// first one says both which and whether the object is ready.
    fn check_status(&mut self, live: &Value, status: &Value) {
        let observed = |status: &Value| status["observedGeneration"].as_i64();
        let ready = status["conditions"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == "Ready"));
        let (before, now) = (observed(&live["status"]), observed(status));
        let is_due = now.is_some() && before <= now && now <= live["metadata"]["generation"].as_i64();
        if !ready || !is_due {
            self.violations.push(format!("a status of generation {now:?} after one of {before:?}: {status}"));
        }
    }

    /// A write arrives.
    fn effect<T>(&mut self, operation: &'static str, run: impl Fn(&mut Self, Instant) -> Answer<T>) -> Answer<T> {
        let answer = run(self, Instant::now());
        self.calls.push(Call { operation, write: true, effect: answer.is_ok() });
        if answer.is_ok() {
            self.check(operation);
        }
        answer
    }

    /// From now on, reads show what was there before the last write, or no longer do.
    fn rewind(&mut self, yes: bool) {
        self.ec2.rewind(yes);
        self.iam.rewind(yes);
        self.lambda.rewind(yes);
    }
}

/// What a caller is told in AWS's terms.
fn fault(service: Service, operation: &'static str, cut: Cut) -> Fault {
    match cut {
        Cut::Refused(refusal) => Fault::answered(service, operation, refusal.code, &refusal.message),
        Cut::Unanswered(what) => Fault::unanswered(service, operation, what),
        Cut::Fenced => Fault::not_sent(service, operation),
        Cut::Throttled => Fault::answered(service, operation, throttling(service), "Rate exceeded"),
        Cut::Broken => Fault::answered(service, operation, breakdown(service), "An internal error occurred."),
    }
}

fn throttling(service: Service) -> &'static str {
    match service {
        Service::Ec2 => "RequestLimitExceeded",
        Service::Lambda => "TooManyRequestsException",
        Service::Iam | Service::Sts => "Throttling",
        Service::S3 => "SlowDown",
    }
}

fn breakdown(service: Service) -> &'static str {
    match service {
        Service::Ec2 | Service::S3 => "InternalError",
        Service::Lambda => "ServiceException",
        Service::Iam => "ServiceFailure",
        Service::Sts => "InternalFailure",
    }
}

#[async_trait]
impl Connect for Model {
    async fn connect(&self, _region: &str) -> Result<Connection, Fault> {
        self.aws_read(Service::Sts, "GetCallerIdentity", |_, _| Ok(())).await?;
        Ok(self.connection())
    }
}
