//! What other controllers get wrong with an endpoint, each shown to go well here: how it was measured with them stands
//! beside each test. More of them on real components: `live::endpoint_peers`.

use std::time::Duration;

use privatelink_operator::{
    cloud::ec2::Ec2,
    engine::{contract::FINALIZER, reconcile::Outcome},
    kinds::vpc_endpoint::spec::VpcEndpoint,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::model::{drift::Drift, ec2::Network, replica::Lag};

use super::harness::{Case, NAME, NAMESPACE, Run};

fn lambda() -> Value {
    json!({
        "type": "Interface", "service": "lambda", "vpc": { "id": Network::VPC },
        "securityGroups": [{ "id": Network::GROUP }],
    })
}

fn case() -> Case {
    Case { spec: lambda, updates: vec![], objects: &["endpoint"], drifts: &[], unmanaged: &[], given: &[] }
}

async fn groups(run: &Run<VpcEndpoint>) -> Vec<String> {
    let id = run.object().unwrap()["status"]["id"].as_str().unwrap().to_owned();
    run.model.endpoint(&id).await.unwrap().unwrap().security_group_ids.into_iter().collect()
}

/// Elsewhere neither an edit nor drift of security groups reaches AWS, and Ready stays True.
#[tokio::test(start_paused = true)]
async fn security_groups_follow_an_edit_and_drift_is_put_right() {
    let mut run = Run::<VpcEndpoint>::converged(&case(), Lag::NONE).await;
    let both = json!([{ "id": Network::GROUP }, { "id": Network::DEFAULT_GROUP }]);
    run.edit(|object| object["spec"]["securityGroups"] = both);
    run.expect(Outcome::Converged).await;
    assert_eq!(groups(&run).await, [Network::DEFAULT_GROUP, Network::GROUP]);
    run.model.drift(&run.uid, Drift::ChangeGroups);
    run.expect(Outcome::Converged).await;
    assert_eq!(groups(&run).await, [Network::DEFAULT_GROUP, Network::GROUP]);
}

/// Elsewhere an endpoint that others deleted is never made anew while AWS shows it as deleted, and fails for ever once
/// AWS does not know it; then the object cannot be deleted either.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_others_deleted_holds_neither_itself_nor_the_object() {
    for gone_for in [Duration::ZERO, Duration::from_secs(45), Duration::from_mins(5)] {
        let mut run = Run::<VpcEndpoint>::converged(&case(), Lag::NONE).await;
        run.model.drift(&run.uid, Drift::DeleteEndpoint);
        sleep(gone_for).await;
        run.expect(Outcome::Converged).await;
        assert_eq!(run.model.owned(&run.uid).len(), 1);

        run.model.drift(&run.uid, Drift::DeleteEndpoint);
        sleep(gone_for).await;
        run.delete();
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    }
}

/// Elsewhere the object goes and the endpoint stays, because the answer as such is a success.
#[tokio::test(start_paused = true)]
async fn an_unsuccessful_deletion_keeps_the_object() {
    let mut run = Run::<VpcEndpoint>::converged(&case(), Lag::NONE).await;
    let id = run.object().unwrap()["status"]["id"].as_str().unwrap().to_owned();
    run.model.state().ec2.undeletable.insert(id, ("InvalidParameter", "in use"));
    run.delete();
    for _ in 0..5 {
        assert_eq!(run.engine.pass(NAMESPACE, NAME).await.outcome, Outcome::Failed);
        assert_eq!(run.object().unwrap()["metadata"]["finalizers"], json!([FINALIZER]));
    }
    run.model.state().ec2.undeletable.clear();
    run.expect(Outcome::Gone).await;
    run.assert_gone();
}

/// Elsewhere one lost answer makes two endpoints, three make four, and a kill during the create makes two.
#[tokio::test(start_paused = true)]
async fn lost_answers_and_kills_make_one_endpoint_and_leave_none() {
    for losses in [1, 3] {
        for killed in [false, true] {
            let mut run = Run::<VpcEndpoint>::begin(&case(), Lag::time(Duration::from_secs(2))).await;
            run.settle_until(|model| model.calls().iter().any(|call| call.operation == "set finalizers")).await;
            for _ in 0..losses {
                if killed {
                    run.model.crash_after(1);
                } else {
                    run.model.lose_answer(1);
                }
                run.settle_until(|model| !model.fault_pending()).await;
                if run.model.crashed() {
                    run.restart();
                }
            }
            run.expect(Outcome::Converged).await;
            assert_eq!(run.model.holdings().len(), 1, "{losses} {killed}\n{}", run.story());
            run.delete();
            run.expect(Outcome::Gone).await;
            run.assert_gone();
        }
    }
}
