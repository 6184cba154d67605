//! At rest an object makes no AWS call of its own and no Kubernetes write.

use std::collections::BTreeMap;

use super::{ENDPOINT, FUNCTION, ROLE};
use crate::support::live::{Live, eventually, operator::Operator};

#[tokio::test]
async fn sweeps_alone_look_at_aws_and_nothing_is_written() {
    let live = Live::begin("rest").await;
    let operator = live.operator(&["--resync-interval", "1s"]).await;
    for manifest in [ROLE, ENDPOINT, FUNCTION] {
        live.applied(manifest).await;
    }
    let objects = [
        ("InstanceRole", "client"),
        ("InstanceRole", "hello-execution"),
        ("VpcEndpoint", "lambda"),
        ("LambdaFunction", "hello"),
    ];
    for (kind, name) in objects {
        live.ready(kind, name).await;
    }
    let versions = async || {
        let mut versions = Vec::new();
        for (kind, name) in objects {
            versions.push(live.get(kind, name).await["metadata"]["resourceVersion"].clone());
        }
        versions
    };
    let sweeps = async || {
        let calls = operator.aws_calls().await;
        calls.get("lambda:ListFunctions").copied().unwrap_or_default()
    };
    let quiet_from = sweeps().await + 2;
    eventually(async || sweeps().await >= quiet_from).await.expect("sweeps go on");
    let (versions_before, calls_before) = (versions().await, operator.aws_calls().await);
    let until = sweeps().await + 5;
    eventually(async || sweeps().await >= until).await.expect("sweeps go on");

    assert_eq!(versions().await, versions_before, "no Kubernetes write");
    let calls_after = operator.aws_calls().await;
    let own: BTreeMap<_, _> = calls_after
        .iter()
        .filter(|(operation, count)| {
            !SWEEP.contains(&operation.as_str()) && calls_before.get(*operation) != Some(count)
        })
        .collect();
    assert!(own.is_empty(), "no AWS call but the sweeps': {own:?}");
    eventually(async || requests(&operator) == operator.aws_calls().await)
        .await
        .expect("/metrics counts each request that reaches AWS, once");
    live.end().await;
}

/// What has reached AWS, by `service:operation`.
fn requests(operator: &Operator) -> BTreeMap<String, u64> {
    let mut requests = BTreeMap::new();
    for call in operator.calls() {
        *requests.entry(format!("{}:{}", call.service, call.operation)).or_default() += 1;
    }
    requests
}

/// What sweeps call, whatever the number of objects.
const SWEEP: &[&str] = &[
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeInstances",
    "ec2:DescribeIamInstanceProfileAssociations",
    "iam:GetAccountAuthorizationDetails",
    "lambda:ListFunctions",
];
