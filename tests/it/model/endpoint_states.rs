//! Every state that AWS has for an endpoint, and what comes of it.

use std::time::Duration;

use privatelink_operator::{
    engine::{contract::FINALIZER, reconcile::Outcome},
    kinds::vpc_endpoint::spec::VpcEndpoint,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::model::{drift::Drift, ec2::Network, replica::Lag};

use super::harness::{Case, Run};

fn case(spec: fn() -> Value) -> Case {
    Case { spec, updates: vec![], objects: &["endpoint"], drifts: &[], unmanaged: &[], given: &[] }
}

fn plain() -> Value {
    json!({ "type": "Interface", "service": "lambda", "vpc": { "id": Network::VPC } })
}

fn of_another_account() -> Value {
    json!({
        "type": "Interface", "service": Network::THEIR_SERVICE, "vpc": { "id": Network::VPC },
        "subnets": [{ "id": Network::SUBNETS[0] }], "privateDnsEnabled": true,
    })
}

impl Run<VpcEndpoint> {
    /// The endpoint gets into a state and stays there, with AWS's word on it; `None`: it goes its usual way.
    fn put_in_state(&self, state: Option<&'static str>, error: Option<&str>) {
        let mut model = self.model.state();
        let records: Vec<_> = model.ec2.endpoints.all().map(|(id, record)| (id.clone(), record.clone())).collect();
        for (id, mut record) in records.into_iter().filter(|(_, record)| !record.is_going()) {
            record.stuck = state;
            record.endpoint.last_error = error.map(str::to_owned);
            model.ec2.endpoints.put(&id, Some(record), Lag::NONE);
        }
    }

    /// One pass, whatever comes of it.
    async fn pass(&self) -> Outcome {
        self.engine.pass(super::harness::NAMESPACE, super::harness::NAME).await.outcome
    }

    fn id(&self) -> String {
        self.object().unwrap()["status"]["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Status, reason and message of the Ready condition.
    fn told(&self) -> (String, String, String) {
        let ready = self.ready();
        let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// Notes of the Events with this reason.
    fn notes(&self, reason: &str) -> Vec<String> {
        self.model
            .events()
            .into_iter()
            .filter(|(_, event)| event.reason == reason)
            .map(|(_, event)| event.note)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn each_state_is_told_with_the_word_of_aws() {
    for (state, outcome, status, reason, text) in [
        ("partial", Outcome::Waiting, "Unknown", "Partial", "available in part"),
        ("rejected", Outcome::Refused, "False", "EndpointRejected", "ask the owner"),
        ("expired", Outcome::Refused, "False", "EndpointExpired", "apply it again"),
        ("failed", Outcome::Refused, "False", "EndpointFailed", "made anew"),
        ("brandnew", Outcome::Waiting, "Unknown", "UnknownState", "brandnew"),
    ] {
        let mut run = Run::<VpcEndpoint>::converged(&case(plain), Lag::NONE).await;
        run.put_in_state(Some(state), Some("NoCapacity: no room"));
        assert_eq!(run.pass().await, outcome, "{}", run.story());
        let (ready, found, message) = run.told();
        assert_eq!((ready.as_str(), found.as_str()), (status, reason), "{message}");
        assert!(message.contains(text) && message.contains(&run.id()), "{message}");
        assert!(state == "brandnew" || message.contains("NoCapacity: no room"), "{message}");
        let failure = run.object().unwrap()["status"]["failure"].clone();
        assert_eq!(failure, "NoCapacity: no room");
        let endpoints = run.model.holdings();
        run.put_in_state(None, None);
        run.expect(Outcome::Converged).await;
        assert_eq!(run.model.holdings(), endpoints, "{state}: nothing was made or deleted");
        assert_eq!(run.object().unwrap()["status"]["failure"], Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn private_dns_comes_after_the_owner_has_accepted() {
    let mut run = Run::<VpcEndpoint>::begin(&case(of_another_account), Lag::NONE).await;
    run.settle_until(|model| model.calls().len() > 30).await;
    let (status, reason, message) = run.told();
    assert_eq!((status.as_str(), reason.as_str()), ("Unknown", "PendingAcceptance"));
    let call =
        format!("aws ec2 accept-vpc-endpoint-connections --service-id vpce-svc-0b --vpc-endpoint-ids {}", run.id());
    assert!(message.contains(Network::THEIR_SERVICE) && message.contains(&call), "{message}");
    run.put_in_state(None, None);
    run.expect(Outcome::Converged).await;
    let content = run.model.content();
    assert!(content[0].contains("private_dns_enabled: true"), "{content:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_another_account_cannot_be_accepted_by_us() {
    let mut run = Run::<VpcEndpoint>::begin(&case(of_another_account), Lag::NONE).await;
    run.edit(|object| object["spec"]["autoAccept"] = json!(true));
    run.expect(Outcome::Refused).await;
    assert_eq!(run.told().1, "NotAcceptable", "{}", run.story());
    run.put_in_state(None, None);
    run.expect(Outcome::Converged).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_endpoint_is_replaced_at_the_next_look_and_not_in_a_loop() {
    let mut run = Run::<VpcEndpoint>::begin(&case(plain), Lag::NONE).await;
    run.settle_until(|model| model.holdings().len() == 1).await;
    run.put_in_state(Some("failed"), Some("NoCapacity: no room"));
    run.expect(Outcome::Refused).await;
    let failed = run.id();
    assert_eq!((run.model.effects_of("CreateVpcEndpoint"), run.model.effects_of("DeleteVpcEndpoints")), (1, 0));
    run.expect(Outcome::Converged).await;
    assert_ne!(run.id(), failed);
    assert_eq!((run.model.effects_of("CreateVpcEndpoint"), run.model.effects_of("DeleteVpcEndpoints")), (2, 1));
    assert_eq!(run.notes("Deleted"), [format!("delete {failed}, which AWS could not set up, to make a new one")]);
}

#[tokio::test(start_paused = true)]
async fn one_deleted_by_others_is_made_anew_and_an_event_says_why() {
    for lingering in [true, false] {
        let mut run = Run::<VpcEndpoint>::converged(&case(plain), Lag::NONE).await;
        sleep(Duration::from_mins(2)).await;
        let old = run.id();
        run.model.drift(&run.uid, Drift::DeleteEndpoint);
        if !lingering {
            sleep(Duration::from_mins(2)).await;
        }
        run.expect(Outcome::Converged).await;
        assert_ne!(run.id(), old);
        let repaired = run.notes("DriftRepaired");
        assert!(repaired.last().unwrap().contains(&format!("because {old} is gone")), "{repaired:?}");
        run.delete();
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_aws_refuses_is_told_and_tried_again() {
    let mut run = Run::<VpcEndpoint>::converged(&case(plain), Lag::NONE).await;
    let refusal = ("InvalidParameter", "Endpoint is in use by a route");
    let id = run.id();
    run.model.state().ec2.undeletable.insert(id, refusal);
    run.delete();
    for _ in 0..3 {
        assert_eq!(run.pass().await, Outcome::Failed);
    }
    let (_, reason, message) = run.told();
    assert_eq!(reason, "DeletionRefused");
    assert!(message.contains(refusal.0) && message.contains(refusal.1), "{message}");
    assert_eq!(run.object().unwrap()["metadata"]["finalizers"], json!([FINALIZER]));
    run.model.state().ec2.undeletable.clear();
    run.expect(Outcome::Gone).await;
    run.assert_gone();
}
