//! The kinds together: a function and its role, each driven by its own engine, as the controllers would.

use std::time::Duration;

use privatelink_operator::{
    cloud::World,
    engine::{
        kind::Kind,
        reconcile::{Engine, Outcome},
    },
    kinds::{instance_role::spec::InstanceRole, lambda_function::spec::LambdaFunction},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::model::{Model, replica::Lag};

use super::harness::{NAMESPACE, engine, identity};

/// Longer than any scenario takes.
const PATIENCE: Duration = Duration::from_hours(1);

/// One cluster with an operator that runs both kinds.
pub struct Together {
    /// AWS and the cluster.
    pub model: Model,
    /// The operator of functions.
    pub functions: Engine<LambdaFunction>,
    roles: Engine<InstanceRole>,
}

impl Together {
    /// With nothing in it but the network.
    pub fn new(lag: Lag) -> Self {
        let model = Model::with_network();
        model.state().timing.lag = lag;
        let identity = identity("cluster-1", None);
        Self { functions: engine(&model, &identity), roles: engine(&model, &identity), model }
    }

    fn restart(&mut self) {
        self.model.restart();
        let identity = identity("cluster-1", None);
        self.functions = engine(&self.model, &identity);
        self.roles = engine(&self.model, &identity);
    }

    /// Passes over all objects until none asks for another pass and a whole round writes nothing; the garbage
    /// collector works in between.
    pub async fn settle(&mut self) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let mark = self.model.calls().len();
            let roles = round(&self.model, &self.roles).await;
            let functions = round(&self.model, &self.functions).await;
            if self.model.crashed() {
                self.restart();
                continue;
            }
            let before = self.model.names::<InstanceRole>();
            self.model.collect_garbage();
            let collected = self.deleting() || before != self.model.names::<InstanceRole>();
            if !roles && !functions && !collected && self.model.writes_since(mark).is_empty() {
                assert_eq!(self.model.violations(), [""; 0]);
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
        panic!("no rest: {:#?}\n{:#?}", self.model.events(), self.model.content());
    }

    /// Whether an object is still on its way out.
    fn deleting(&self) -> bool {
        let roles = self.model.names::<InstanceRole>();
        let functions = self.model.names::<LambdaFunction>();
        let objects = roles.iter().map(|(_, name)| self.model.object::<InstanceRole>(NAMESPACE, name));
        let objects =
            objects.chain(functions.iter().map(|(_, name)| self.model.object::<LambdaFunction>(NAMESPACE, name)));
        objects.flatten().any(|object| object["metadata"]["deletionTimestamp"].is_string())
    }

    /// A user creates an object.
    pub fn create<K: Kind<World = World>>(&self, name: &str, spec: &Value) -> String {
        let object = json!({ "apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": {}, "spec": spec });
        self.model.user_create::<K>(NAMESPACE, name, object)
    }

    /// The object says that it is ready.
    pub fn assert_ready<K: Kind<World = World>>(&self, name: &str) {
        let object = self.model.object::<K>(NAMESPACE, name).unwrap();
        assert_eq!(object["status"]["conditions"][0]["status"], "True", "{object:#}");
    }

    /// The kinds of what AWS holds.
    pub fn kinds(&self) -> Vec<String> {
        let holdings = self.model.holdings();
        let mut kinds: Vec<_> = holdings.iter().filter_map(|held| held.split(' ').next()).map(str::to_owned).collect();
        kinds.sort();
        kinds
    }

    /// Nothing is left, in the cluster or in AWS.
    pub fn assert_nothing_left(&self) {
        assert_eq!(self.model.names::<LambdaFunction>(), []);
        assert_eq!(self.model.names::<InstanceRole>(), []);
        assert_eq!(self.model.content(), [""; 0]);
    }
}

/// One pass over each object of a kind; whether any asks for another soon. What rests is looked at hourly.
async fn round<K: Kind<World = World>>(model: &Model, engine: &Engine<K>) -> bool {
    let mut again = false;
    for (namespace, name) in model.names::<K>() {
        let pass = engine.pass(&namespace, &name).await;
        again |= pass.requeue_after.is_some() && !matches!(pass.outcome, Outcome::Refused | Outcome::Converged);
    }
    again
}

fn function(execution_role: &Value) -> Value {
    json!({
        "runtime": "nodejs22.x",
        "handler": "index.handler",
        "code": { "inline": { "index.js": "exports.handler = async () => ({ statusCode: 200 });" } },
        "executionRole": execution_role,
        "tags": { "team": "a" },
    })
}

fn created_role() -> Value {
    json!({ "create": { "managedPolicies": ["AWSLambdaBasicExecutionRole"] } })
}

/// A function makes its role, a user changes his mind, and both go together.
#[tokio::test(start_paused = true)]
async fn a_function_makes_its_role_and_takes_it_along() {
    for lag in [Lag::NONE, Lag::time(Duration::from_secs(3))] {
        for k in 1.. {
            let mut world = Together::new(lag);
            world.create::<LambdaFunction>("hello", &function(&created_role()));
            world.model.crash_after(k);
            world.settle().await;
            let happened = !world.model.fault_pending();
            world.model.restart();
            world.assert_ready::<LambdaFunction>("hello");
            assert_eq!(world.kinds(), ["function", "role"], "k = {k}");

            world.model.user_delete::<LambdaFunction>(NAMESPACE, "hello");
            world.model.crash_after(k);
            world.settle().await;
            world.assert_nothing_left();
            if !happened {
                assert!(k > 3, "there were no effects to disturb");
                break;
            }
        }
    }
}

/// The owned role goes when the spec leaves `create`.
#[tokio::test(start_paused = true)]
async fn an_owned_role_goes_when_the_function_names_another() {
    let mut world = Together::new(Lag::NONE);
    world.create::<LambdaFunction>("hello", &function(&created_role()));
    world.settle().await;
    let trust = json!({ "services": ["lambda.amazonaws.com"] });
    world.create::<InstanceRole>("shared", &json!({ "trust": trust }));
    world.settle().await;
    assert_eq!(world.kinds(), ["function", "role", "role"]);
    world.model.user_edit::<LambdaFunction>(NAMESPACE, "hello", |object| {
        object["spec"]["executionRole"] = json!({ "instanceRoleRef": { "name": "shared" } });
    });
    world.settle().await;
    world.assert_ready::<LambdaFunction>("hello");
    assert_eq!(world.model.names::<InstanceRole>(), [(NAMESPACE.to_owned(), "shared".to_owned())]);
    assert_eq!(world.kinds(), ["function", "role"]);
}

/// A function that names a role waits for it to come, and the role waits for the function to go.
#[tokio::test(start_paused = true)]
async fn a_function_waits_for_its_role_and_the_role_for_its_function() {
    for lag in [Lag::NONE, Lag::time(Duration::from_secs(3))] {
        let mut world = Together::new(lag);
        world.create::<LambdaFunction>("hello", &function(&json!({ "instanceRoleRef": { "name": "role" } })));
        let pass = world.functions.pass(NAMESPACE, "hello").await;
        assert_ne!(pass.outcome, Outcome::Converged);
        let waiting = world.model.object::<LambdaFunction>(NAMESPACE, "hello").unwrap();
        let message = waiting["status"]["conditions"][0]["message"].as_str().unwrap();
        assert!(message.contains("role"), "{message}");
        let trust = json!({ "services": ["lambda.amazonaws.com"] });
        world.create::<InstanceRole>("role", &json!({ "trust": trust }));
        world.settle().await;
        world.assert_ready::<LambdaFunction>("hello");
        world.assert_ready::<InstanceRole>("role");

        world.model.user_delete::<InstanceRole>(NAMESPACE, "role");
        for _ in 0..50 {
            world.roles.pass(NAMESPACE, "role").await;
            sleep(Duration::from_secs(5)).await;
        }
        assert_eq!(world.kinds(), ["function", "role"], "the role waits for its function");
        world.model.user_delete::<LambdaFunction>(NAMESPACE, "hello");
        world.settle().await;
        world.assert_nothing_left();
    }
}
