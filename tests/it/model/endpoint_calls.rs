//! What an endpoint costs: calls to AWS by operation, and writes to its object.

use std::collections::BTreeMap;

use privatelink_operator::{cloud::ec2::Subnet, engine::reconcile::Outcome, kinds::vpc_endpoint::spec::VpcEndpoint};
use serde_json::{Value, json};

use crate::support::model::{ec2::Network, replica::Lag};

use super::harness::{Case, Run};

/// An Interface endpoint with three subnets and two groups, by their ids.
fn three_subnets_and_two_groups() -> Value {
    json!({
        "type": "Interface",
        "service": "lambda",
        "vpc": { "id": Network::VPC },
        "subnets": [{ "id": Network::SUBNETS[0] }, { "id": Network::SUBNETS[1] }, { "id": THIRD_SUBNET }],
        "securityGroups": [{ "id": Network::GROUP }, { "id": Network::DEFAULT_GROUP }],
        "privateDnsEnabled": true,
        "policy": { "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "lambda:*", "Resource": "*" }] },
    })
}

const THIRD_SUBNET: &str = "subnet-0d";

fn case() -> Case {
    Case {
        spec: three_subnets_and_two_groups,
        updates: vec![],
        objects: &["endpoint"],
        drifts: &[],
        unmanaged: &[],
        given: &[],
    }
}

/// AWS's operations, and the writes to the object, since a call; the look at the account is made once a process.
fn counts(run: &Run<VpcEndpoint>, mark: usize) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for call in run.model.calls().iter().skip(mark) {
        let of_aws = call.operation.starts_with(char::is_uppercase) && call.operation != "GetCallerIdentity";
        if of_aws || call.write {
            *counts.entry(call.operation).or_default() += 1;
        }
    }
    counts
}

/// With an AWS that is as fast as it may be, or takes its usual time.
async fn begun(pending: u64) -> Run<VpcEndpoint> {
    let run = Run::begin(&case(), Lag::NONE).await;
    let mut state = run.model.state();
    state.timing.endpoint_pending = std::time::Duration::from_secs(pending);
    let third = Subnet {
        id: THIRD_SUBNET.to_owned(),
        zone: "ap-northeast-1d".to_owned(),
        ..state.ec2.subnets[Network::SUBNETS[1]].clone()
    };
    state.ec2.subnets.insert(third.id.clone(), third);
    drop(state);
    run
}

/// Besides the two looks at the endpoint, the network interfaces are read once, for their addresses in the status.
#[tokio::test(start_paused = true)]
async fn from_apply_to_ready_one_write_and_three_reads() {
    let mut run = begun(0).await;
    run.expect(Outcome::Converged).await;
    let expected = [
        ("DescribeVpcEndpoints", 2),
        ("CreateVpcEndpoint", 1),
        ("DescribeNetworkInterfaces", 1),
        ("set finalizers", 1),
        ("write status", 2),
    ];
    assert_eq!(counts(&run, 0), BTreeMap::from(expected), "{}", run.story());
}

/// One more write to the object says `Pending`; looks at the endpoint grow rarer the longer AWS takes.
#[tokio::test(start_paused = true)]
async fn while_aws_takes_its_time_only_looks_are_added() {
    let mut run = begun(60).await;
    run.expect(Outcome::Converged).await;
    let mut counts = counts(&run, 0);
    let looks = counts.remove("DescribeVpcEndpoints").unwrap();
    assert!((5..=16).contains(&looks), "{looks}");
    let expected =
        [("CreateVpcEndpoint", 1), ("DescribeNetworkInterfaces", 1), ("set finalizers", 1), ("write status", 3)];
    assert_eq!(counts, BTreeMap::from(expected), "{}", run.story());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_one_security_group_is_one_write_and_two_reads() {
    let mut run = begun(0).await;
    run.expect(Outcome::Converged).await;
    let mark = run.model.calls().len();
    run.edit(|object| object["spec"]["securityGroups"] = json!([{ "id": Network::GROUP }]));
    run.expect(Outcome::Converged).await;
    let expected = [("DescribeVpcEndpoints", 2), ("ModifyVpcEndpoint", 1), ("write status", 1)];
    assert_eq!(counts(&run, mark), BTreeMap::from(expected), "{}", run.story());
}

#[tokio::test(start_paused = true)]
async fn a_further_pass_is_one_read() {
    let mut run = begun(0).await;
    run.expect(Outcome::Converged).await;
    let mark = run.model.calls().len();
    run.expect(Outcome::Converged).await;
    assert_eq!(counts(&run, mark), BTreeMap::from([("DescribeVpcEndpoints", 1)]), "{}", run.story());
}
