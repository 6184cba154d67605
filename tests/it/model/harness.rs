//! One custom resource driven through the model until it rests, the way the controller would drive it.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use privatelink_operator::{
    cloud::{
        World,
        ec2::{Ec2, NewEndpoint, Target},
        guardrails::Guardrails,
        iam::{Iam, NewRole},
        ownership::ClusterIdentity,
    },
    engine::{
        kind::Kind,
        observer::News,
        reconcile::{Engine, EngineSettings, Outcome},
        tenure::Tenure,
    },
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::model::{Model, REGION, drift::Drift, ec2::Network, replica::Lag};

use super::function_fixture::put;

/// Namespace of all test objects.
pub const NAMESPACE: &str = "team";
/// Name of the test object.
pub const NAME: &str = "demo";
/// For how long after a write AWS may still show what was before.
const WINDOW: Duration = Duration::from_mins(1);
/// More passes than any scenario needs.
const PASSES: usize = 400;
/// Longer than any scenario takes.
const PATIENCE: Duration = Duration::from_hours(1);

/// One manifest, to be run through all scenarios.
pub struct Case {
    /// The spec.
    pub spec: fn() -> Value,
    /// Other specs that users may change it to.
    pub updates: Vec<fn(&mut Value)>,
    /// Kinds of the AWS objects that it comes to, sorted.
    pub objects: &'static [&'static str],
    /// What may happen to them.
    pub drifts: &'static [Drift],
    /// What may happen to what the spec leaves open.
    pub unmanaged: &'static [Drift],
    /// What is there before it, beside the network.
    pub given: &'static [Given],
}

/// What an administrator has made beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// A role named `given` that Lambda can assume.
    ExecutionRole,
    /// A Gateway endpoint for S3.
    S3Gateway,
    /// An object `function.zip` in the bucket `code`, with the versions `v1` and `v2`.
    ObjectInS3,
    /// A `ConfigMap` and a Secret, both named `given`.
    Data,
}

/// Makes what is given.
pub async fn give(model: &Model, given: Given) {
    match given {
        Given::ExecutionRole => {
            let trust = json!({ "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "lambda.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }] });
            let role = NewRole {
                name: "given".to_owned(),
                path: "/".to_owned(),
                trust_policy: trust.to_string(),
                ..NewRole::default()
            };
            model.create_role(&role).await.unwrap();
            sleep(Duration::from_mins(1)).await;
        }
        Given::S3Gateway => {
            let gateway = NewEndpoint {
                endpoint_type: "Gateway".to_owned(),
                target: Target::Service(format!("com.amazonaws.{REGION}.s3")),
                vpc_id: Network::VPC.to_owned(),
                ..NewEndpoint::default()
            };
            model.create_endpoint(&gateway).await.unwrap();
        }
        Given::ObjectInS3 => {
            for version in ["v1", "v2"] {
                model.put_object("code", "function.zip", Some(version), format!("PK {version}").as_bytes());
            }
        }
        Given::Data => {
            let (text, encoded) = (json!({ "LEVEL": "info" }), json!({ "TOKEN": "c2VjcmV0" }));
            put::<ConfigMap>(model, "given", json!({ "data": text }));
            put::<Secret>(model, "given", json!({ "data": encoded }));
        }
    }
}

/// Who the operator is.
pub fn identity(cluster_uid: &str, take_over_from: Option<&str>) -> ClusterIdentity {
    ClusterIdentity {
        cluster_id: "it".to_owned(),
        cluster_uid: cluster_uid.to_owned(),
        take_over_from: take_over_from.map(str::to_owned),
        allow_adoption: false,
    }
}

/// The operator's engine of one kind, on the model.
pub fn engine<K: Kind<World = World>>(model: &Model, identity: &ClusterIdentity) -> Engine<K> {
    engine_within(
        model,
        identity,
        Guardrails { secret_namespaces: vec![NAMESPACE.to_owned()], ..Guardrails::default() },
    )
}

/// The same within an administrator's limits.
pub fn engine_within<K: Kind<World = World>>(
    model: &Model,
    identity: &ClusterIdentity,
    guardrails: Guardrails,
) -> Engine<K> {
    engine_in(model, identity, guardrails, Tenure::default())
}

/// The same in a tenure.
pub fn engine_in<K: Kind<World = World>>(
    model: &Model,
    identity: &ClusterIdentity,
    guardrails: Guardrails,
    tenure: Tenure,
) -> Engine<K> {
    let world =
        World::new(Box::new(model.clone()), REGION.to_owned(), identity.clone(), guardrails, Arc::new(model.clone()));
    let cluster = Arc::new(model.clone());
    let objects = model.objects::<K>();
    Engine::new(Arc::new(world), objects, cluster.clone(), cluster, settings(), tenure)
}

/// Without chance, so that each run of the same is the same.
fn settings() -> EngineSettings {
    EngineSettings { jitter: || 0.5, ..EngineSettings::default() }
}

/// The model, the operator and the test object.
pub struct Run<K: Kind<World = World>> {
    /// AWS and the cluster.
    pub model: Model,
    /// The operator.
    pub engine: Engine<K>,
    /// Who the operator is.
    pub identity: ClusterIdentity,
    /// uid of the test object.
    pub uid: String,
    /// What AWS held before.
    pub before: Vec<String>,
}

impl<K: Kind<World = World>> Run<K> {
    /// A user has just created the object, and the operator has just been started.
    pub async fn begin(case: &Case, lag: Lag) -> Self {
        let model = Model::with_network();
        for given in case.given {
            give(&model, *given).await;
        }
        {
            let timing = &mut model.state().timing;
            timing.lag = lag;
            timing.function_deleting = Duration::from_secs(2);
        }
        let before = model.content();
        let identity = identity("cluster-1", None);
        let engine = engine(&model, &identity);
        let mut run = Self { model, engine, identity, uid: String::new(), before };
        run.create(&(case.spec)());
        run
    }

    /// A user has just created an object of this spec in an account that is as `model` has it.
    pub fn on(model: Model, guardrails: Guardrails, allow_adoption: bool, spec: &Value) -> Self {
        let before = model.content();
        let identity = ClusterIdentity { allow_adoption, ..identity("cluster-1", None) };
        let engine = engine_within(&model, &identity, guardrails);
        let mut run = Self { model, engine, identity, uid: String::new(), before };
        run.create(spec);
        run
    }

    /// The same, and the object has come to rest.
    pub async fn converged(case: &Case, lag: Lag) -> Self {
        let mut run = Self::begin(case, lag).await;
        run.expect(Outcome::Converged).await;
        run
    }

    /// A user creates the object.
    pub fn create(&mut self, spec: &Value) {
        let object = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {},
            "spec": spec,
        });
        self.uid = self.model.user_create::<K>(NAMESPACE, NAME, object);
    }

    /// A user changes the object.
    pub fn edit(&self, edit: impl FnOnce(&mut Value)) {
        self.model.user_edit::<K>(NAMESPACE, NAME, edit);
    }

    /// A user deletes the object.
    pub fn delete(&self) {
        self.model.user_delete::<K>(NAMESPACE, NAME);
    }

    /// The object as the cluster has it.
    pub fn object(&self) -> Option<Value> {
        self.model.object::<K>(NAMESPACE, NAME)
    }

    /// The Ready condition, with its reason and message.
    pub fn ready(&self) -> Value {
        let conditions = self.object().map(|object| object["status"]["conditions"].clone()).unwrap_or_default();
        let mut all = conditions.as_array().into_iter().flatten();
        all.find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default()
    }

    /// The operator's process ends and another begins.
    pub fn restart(&mut self) {
        self.model.restart();
        self.engine = engine(&self.model, &self.identity);
    }

    /// The same, if the operator is dead or leads no more; whether it was.
    pub fn restart_if_stopped(&mut self) -> bool {
        let stopped = self.model.crashed() || self.model.deposed();
        if stopped {
            self.restart();
        }
        stopped
    }

    /// Passes until the object rests, or until `stop` says so; a dead operator is started again.
    pub async fn settle_until(&mut self, stop: impl Fn(&Model) -> bool) -> Outcome {
        let began = Instant::now();
        let mut last = Outcome::Superseded;
        for _ in 0..PASSES {
            let pass = self.engine.pass(NAMESPACE, NAME).await;
            last = pass.outcome;
            if stop(&self.model) {
                return last;
            }
            if self.model.deposed() {
                assert_eq!(last, Outcome::NotLeader, "{}", self.story());
            }
            if self.restart_if_stopped() {
                continue;
            }
            match (pass.outcome, pass.requeue_after) {
                (Outcome::Waiting | Outcome::Failed | Outcome::Superseded, Some(after)) => sleep(after).await,
                (Outcome::Converged, Some(after)) if after <= WINDOW => sleep(after).await,
                _ => return last,
            }
            if began.elapsed() > PATIENCE {
                break;
            }
        }
        panic!("no rest after {:?}, last outcome {last:?}\n{}", began.elapsed(), self.story());
    }

    /// Passes until the object rests, and again when it is due though nothing wakes it.
    pub async fn recheck(&mut self) {
        let pass = self.engine.pass(NAMESPACE, NAME).await;
        if let (Outcome::Converged, Some(after)) = (pass.outcome, pass.requeue_after) {
            sleep(after).await;
        }
        self.expect(Outcome::Converged).await;
    }

    /// Passes until the object rests, which must be in this outcome.
    pub async fn expect(&mut self, expected: Outcome) {
        let outcome = self.settle_until(|_| false).await;
        self.assert_came_to(outcome, expected);
    }

    /// It came to what it should, and no invariant was broken on the way.
    pub fn assert_came_to(&self, outcome: Outcome, expected: Outcome) {
        assert_eq!(outcome, expected, "{}", self.story());
        assert!(self.model.violations().is_empty(), "{:?}\n{}", self.model.violations(), self.story());
    }

    /// AWS holds exactly what it should, one object of each kind, and neither a further pass nor one after a
    /// restart writes anything, to AWS or to the cluster.
    pub async fn assert_rests(&mut self, case: &Case, content: &[String]) {
        assert_eq!(self.model.content(), content, "{}", self.story());
        let mut kinds: Vec<String> = self.model.owned(&self.uid).iter().map(|o| first_word(o).to_owned()).collect();
        kinds.sort();
        assert_eq!(kinds, case.objects, "{}", self.story());
        for _ in 0..2 {
            let (mark, events) = (self.model.calls().len(), self.model.events().len());
            let outcome = self.settle_until(|_| false).await;
            assert_eq!(outcome, Outcome::Converged, "{}", self.story());
            assert_eq!(self.model.writes_since(mark), [], "a write at rest\n{}", self.story());
            assert_eq!(self.model.events().len(), events, "an Event at rest\n{}", self.story());
            self.restart();
        }
    }

    /// Each change that was made in AWS, or of an object that this one owns, is one Event.
    pub fn assert_told_of_each_effect(&self) {
        let own = ["write status", "set finalizers"];
        let calls = self.model.calls();
        let by_operator = calls.iter().skip_while(|call| call.operation != "get object");
        let effects = by_operator.filter(|call| call.effect && !own.contains(&call.operation)).count();
        let told = self.model.events().iter().filter(|(_, event)| !event.warning).count();
        assert!(effects > 0, "{}", self.story());
        assert_eq!(told, effects, "{}", self.story());
    }

    /// Since so many Events and news, a drift was found and repaired, and each step said so.
    pub fn assert_told_of_drift(&self, events: usize, news: usize) {
        let events = self.model.events().split_off(events);
        let steps: Vec<_> = events.iter().filter(|(_, event)| !event.warning).collect();
        assert!(!steps.is_empty(), "{}", self.story());
        for (_, event) in steps {
            assert_eq!((event.reason.as_str(), event.action.as_str()), ("DriftRepaired", "Repair"), "{}", self.story());
        }
        let drift = |news: &News| matches!(news, News::DriftDetected | News::DriftRepaired);
        let news: Vec<_> = self.model.news().split_off(news).into_iter().filter(drift).collect();
        assert_eq!(news, [News::DriftDetected, News::DriftRepaired], "{}", self.story());
    }

    /// Nothing is left of the object, in the cluster or in AWS.
    pub fn assert_gone(&self) {
        assert_eq!(self.object(), None, "{}", self.story());
        assert_eq!(self.model.content(), self.before, "{}", self.story());
        assert!(self.model.violations().is_empty(), "{:?}\n{}", self.model.violations(), self.story());
    }

    /// What happened, for a test that fails.
    pub fn story(&self) -> String {
        let mut story = String::new();
        let calls = self.model.calls();
        let skipped = calls.len().saturating_sub(60);
        for (n, call) in calls.iter().enumerate().skip(skipped) {
            if call.write {
                let effect = if call.effect { "" } else { " (no effect)" };
                writeln!(story, "{n}: {}{effect}", call.operation).unwrap();
            }
        }
        for (about, event) in self.model.events().iter().rev().take(12).rev() {
            writeln!(story, "{about}: {} {}", event.reason, event.note).unwrap();
        }
        let status = self.object().map(|object| object["status"].clone());
        writeln!(story, "status: {:#}", status.unwrap_or_default()).unwrap();
        writeln!(story, "aws: {:#?}", self.model.content()).unwrap();
        story
    }
}

/// What a case comes to when nothing goes wrong.
pub async fn content_of<K: Kind<World = World>>(case: &Case, edit: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut run = Run::<K>::begin(case, Lag::NONE).await;
    run.edit(|object| edit(&mut object["spec"]));
    run.expect(Outcome::Converged).await;
    run.model.content()
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}
