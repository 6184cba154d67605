//! What users are told by Events, and what metrics are told. That each change in AWS is an Event, that none comes at
//! rest, and that drift is called drift, is asserted for every kind by the scenarios.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use privatelink_operator::{
    cloud::{Connect, Connection, World, fault::Fault, guardrails::Guardrails},
    engine::{
        objects::Event,
        observer::News,
        reconcile::{Engine, EngineSettings, Outcome},
        tenure::Tenure,
    },
    kinds::{instance_role::spec::InstanceRole, lambda_function::spec::LambdaFunction},
};
use serde_json::json;
use tokio::time::sleep;

use crate::support::model::{Model, REGION, drift::Drift};

use super::{
    function_fixture::{begin, model, put},
    harness::{NAME, NAMESPACE, Run, identity},
};

fn reasons(events: &[(String, Event)]) -> Vec<(bool, &str)> {
    events.iter().map(|(_, event)| (event.warning, event.reason.as_str())).collect()
}

fn told(model: &Model, what: impl Fn(&News) -> bool) -> usize {
    model.news().iter().filter(|news| what(news)).count()
}

#[tokio::test(start_paused = true)]
async fn a_change_of_what_the_spec_refers_to_is_no_drift() {
    let model = model().await;
    put::<ConfigMap>(&model, "settings", json!({ "data": { "LEVEL": "info" } }));
    put::<Secret>(&model, "credentials", json!({ "data": { "TOKEN": "b2xk" } }));
    let from = json!([{ "configMapRef": { "name": "settings" } }, { "secretRef": { "name": "credentials" } }]);
    let mut run = begin(model, &json!({ "envFrom": from }));
    run.expect(Outcome::Converged).await;
    for (n, changed) in ["config", "secret"].into_iter().enumerate() {
        match changed {
            "config" => put::<ConfigMap>(&run.model, "settings", json!({ "data": { "LEVEL": "debug" } })),
            _ => put::<Secret>(&run.model, "credentials", json!({ "data": { "TOKEN": "bmV3" } })),
        }
        let events = run.model.events().len();
        run.expect(Outcome::Converged).await;
        assert_eq!(reasons(&run.model.events()[events..]), [(false, "ConfigurationUpdated")], "{n}: {changed}");
    }
    assert_eq!(told(&run.model, |news| *news == News::DriftDetected), 0);
}

#[tokio::test(start_paused = true)]
async fn what_drifted_while_the_operator_was_down_is_drift_too() {
    let mut run = begin(model().await, &json!({ "memorySize": 256 }));
    run.expect(Outcome::Converged).await;
    run.restart();
    run.model.drift(&run.uid, Drift::ChangeMemory);
    let events = run.model.events().len();
    run.expect(Outcome::Converged).await;
    assert_eq!(reasons(&run.model.events()[events..]), [(false, "DriftRepaired")]);
}

#[tokio::test(start_paused = true)]
async fn something_missing_in_the_cluster_is_a_warning_at_once_and_once() {
    let env = json!([{ "name": "LEVEL", "valueFrom": { "configMapKeyRef": { "name": "none", "key": "k" } } }]);
    let run = begin(model().await, &json!({ "env": env }));
    for _ in 0..3 {
        assert_eq!(run.engine.pass(NAMESPACE, NAME).await.outcome, Outcome::Failed);
        sleep(Duration::from_mins(10)).await;
    }
    assert_eq!(reasons(&run.model.events()), [(true, "ConfigMapNotFound")]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_warning_once_for_each_message() {
    let spec = json!({ "managedPolicies": ["NoSuchPolicy"] });
    let mut run = Run::<InstanceRole>::on(Model::with_network(), Guardrails::default(), false, &spec);
    for _ in 0..3 {
        run.expect(Outcome::Refused).await;
    }
    run.restart();
    run.expect(Outcome::Refused).await;
    assert_eq!(reasons(&run.model.events()), [(true, "UnknownManagedPolicy")]);
    run.edit(|object| object["spec"]["managedPolicies"] = json!(["NorThisOne"]));
    run.expect(Outcome::Refused).await;
    assert_eq!(run.model.events().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn adoption_is_told() {
    let model = model().await;
    let spec =
        json!({ "roleName": "given", "adoptionPolicy": "Adopt", "trust": { "services": ["lambda.amazonaws.com"] } });
    let mut run = Run::<InstanceRole>::on(model, Guardrails::default(), true, &spec);
    run.expect(Outcome::Converged).await;
    let events = run.model.events();
    assert_eq!(reasons(&events)[0], (false, "Adopted"), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_lasts_is_told_once() {
    let run = begin(model().await, &json!({}));
    run.model.state().timing.function = Duration::from_mins(20);
    let deadline = tokio::time::Instant::now() + Duration::from_mins(10);
    while tokio::time::Instant::now() < deadline {
        let pass = run.engine.pass(NAMESPACE, NAME).await;
        sleep(pass.requeue_after.unwrap()).await;
    }
    assert_eq!(reasons(&run.model.events()), [(false, "Created"), (false, "Pending")]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_decoded_is_a_warning() {
    let run = begin(model().await, &json!({}));
    run.edit_spec(|spec| spec["memorySize"] = json!("much"));
    assert_eq!(run.engine.pass(NAMESPACE, NAME).await.outcome, Outcome::Undecodable);
    assert_eq!(reasons(&run.model.events()), [(true, "Undecodable")]);
}

#[tokio::test(start_paused = true)]
async fn the_first_ready_and_the_end_of_an_object_are_told_once() {
    let mut run = begin(model().await, &json!({}));
    run.expect(Outcome::Converged).await;
    run.edit_spec(|spec| spec["memorySize"] = json!(512));
    run.expect(Outcome::Converged).await;
    run.delete();
    run.expect(Outcome::Gone).await;
    assert_eq!(told(&run.model, |news| matches!(news, News::BecameReady(_))), 1);
    assert_eq!(told(&run.model, |news| matches!(news, News::Deleted(_))), 1);
}

/// A defect.
struct Panics;

#[async_trait]
impl Connect for Panics {
    async fn connect(&self, _region: &str) -> Result<Connection, Fault> {
        panic!("a defect")
    }
}

#[tokio::test(start_paused = true)]
async fn a_defect_ends_the_pass_and_not_the_controller() {
    let run = begin(model().await, &json!({}));
    let cluster = Arc::new(run.model.clone());
    let world = World::new(
        Box::new(Panics),
        REGION.to_owned(),
        identity("cluster-1", None),
        Guardrails::default(),
        cluster.clone(),
    );
    let objects = run.model.objects::<LambdaFunction>();
    let settings = EngineSettings::default();
    let engine =
        Engine::<LambdaFunction>::new(Arc::new(world), objects, cluster.clone(), cluster, settings, Tenure::default());
    let pass = engine.pass(NAMESPACE, NAME).await;
    assert_eq!((pass.outcome, pass.requeue_after), (Outcome::Panicked, Some(Duration::from_mins(1))));
}
