//! A function in a VPC: what the terms select, and what happens when they select something else.

use std::time::Duration;

use privatelink_operator::engine::reconcile::Outcome;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::model::ec2::Network;

use super::function_fixture::{begin, model};

fn vpc(subnets: &[&str], group: &Value) -> Value {
    let terms: Vec<_> = subnets.iter().map(|name| json!({ "tags": { "Name": name } })).collect();
    json!({ "vpc": { "subnets": terms, "securityGroups": [group] } })
}

#[tokio::test(start_paused = true)]
async fn the_status_says_what_the_terms_select() {
    let fields = vpc(&[Network::SUBNETS[0], Network::SUBNETS[2]], &json!({ "name": "web" }));
    let mut run = begin(model().await, &fields);
    run.expect(Outcome::Converged).await;
    assert_eq!(
        run.status("vpc"),
        json!({
            "id": Network::VPC, "subnets": [Network::SUBNETS[0], Network::SUBNETS[2]], "securityGroups": [Network::GROUP],
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_sweep_notices_that_the_terms_select_something_else() {
    let mut run = begin(model().await, &vpc(&["app"], &json!({ "id": Network::GROUP })));
    let tag = |run: &super::harness::Run<_>, id: &str, name: &str| {
        run.model.state().ec2.subnets.get_mut(id).unwrap().tags.insert("Name".to_owned(), name.to_owned());
    };
    tag(&run, Network::SUBNETS[0], "app");
    run.expect(Outcome::Converged).await;
    sleep(Duration::from_mins(2)).await;
    assert!(!run.sweep_wakes().await);
    tag(&run, Network::SUBNETS[1], "app");
    assert!(run.sweep_wakes().await);
    run.expect(Outcome::Converged).await;
    assert_eq!(run.status("vpc")["subnets"], json!([Network::SUBNETS[0], Network::SUBNETS[1]]));

    let mark = run.mark();
    for id in &Network::SUBNETS[..2] {
        tag(&run, id, "other");
    }
    run.expect(Outcome::Refused).await;
    assert_eq!(run.reason(), "NoSubnetMatched");
    assert_eq!(run.aws_writes_since(mark), [""; 0], "a selection of nothing is no order to leave the VPC");
}

#[tokio::test(start_paused = true)]
async fn subnets_of_two_vpcs_and_groups_of_another_are_refused() {
    let model = model().await;
    let elsewhere = privatelink_operator::cloud::ec2::Subnet {
        id: "subnet-99".to_owned(),
        vpc_id: "vpc-99".to_owned(),
        ..Default::default()
    };
    model.state().ec2.subnets.insert("subnet-99".to_owned(), elsewhere);
    for (subnets, ready) in [
        (
            json!([{ "id": "subnet-99" }, { "tags": { "Name": "*" } }]),
            "AmbiguousVpc: spec.vpc.subnets: the terms select subnets of vpc-0a, vpc-99; all must be of one VPC",
        ),
        (
            json!([{ "id": "subnet-99" }]),
            "NoSecurityGroupMatched: spec.vpc.securityGroups: no security group of vpc-99 matches name web",
        ),
        (
            json!([{ "id": "subnet-98" }]),
            "NoSubnetMatched: spec.vpc.subnets: no subnet of this account and region matches id subnet-98",
        ),
    ] {
        let fields = json!({ "vpc": { "subnets": subnets, "securityGroups": [{ "name": "web" }] } });
        let mut run = begin(model.clone(), &fields);
        run.expect(Outcome::Refused).await;
        assert_eq!(run.told(), ready);
        run.delete();
        run.expect(Outcome::Gone).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_says_how_long_network_interfaces_may_take() {
    let model = model().await;
    model.state().timing.function_deleting = Duration::from_secs(90);
    let mut run = begin(model, &vpc(&[Network::SUBNETS[0]], &json!({ "id": Network::GROUP })));
    run.expect(Outcome::Converged).await;
    run.delete();
    run.engine.pass(super::harness::NAMESPACE, super::harness::NAME).await;
    assert_eq!(
        run.told(),
        "Deleting: function team-demo is being deleted by AWS; with the execution role it also removes the network \
         interfaces in the VPC, which may take 20 minutes and keeps subnets and security groups from being deleted"
    );
    run.expect(Outcome::Gone).await;
    run.assert_gone();
}
