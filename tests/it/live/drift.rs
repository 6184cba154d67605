//! What somebody changes behind the operator's back is put right: at the next sweep, or at once on request.

use serde_json::json;

use super::{ENDPOINT, FUNCTION, ROLE};
use crate::support::live::{Live, eventually};

const NEVER: &[&str] = &["--resync-interval", "1h"];

#[tokio::test]
async fn a_deleted_endpoint_is_made_anew() {
    let live = Live::begin("drift-e").await;
    let operator = live.operator(&[]).await;
    live.applied(ENDPOINT).await;
    let before = live.ready("VpcEndpoint", "lambda").await["status"]["id"].clone();
    let id = before.as_str().unwrap();
    live.aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await.unwrap();
    live.wait("VpcEndpoint", "lambda", "a new endpoint", |object| object["status"]["id"] != before).await;
    live.ready("VpcEndpoint", "lambda").await;
    assert_eq!(live.aws.endpoints(&live.namespace).await.len(), 1);
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn a_detached_policy_and_a_foreign_one_are_put_right() {
    let live = Live::begin("drift-r").await;
    let operator = live.operator(&[]).await;
    live.applied(ROLE).await;
    let role = live.ready("InstanceRole", "client").await;
    let name = role["status"]["roleName"].as_str().unwrap().to_owned();
    let wanted = attached(&live, &name).await;
    assert_eq!(wanted.len(), 2);
    live.aws.iam.detach_role_policy().role_name(&name).policy_arn(&wanted[0]).send().await.unwrap();
    let foreign = "arn:aws:iam::aws:policy/AdministratorAccess";
    live.aws.iam.attach_role_policy().role_name(&name).policy_arn(foreign).send().await.unwrap();
    eventually(async || attached(&live, &name).await == wanted).await.expect("the next sweep puts both right");
    live.end().await;
    drop(operator);
}

async fn attached(live: &Live, role: &str) -> Vec<String> {
    let answer = live.aws.iam.list_attached_role_policies().role_name(role).send().await.unwrap();
    let mut arns: Vec<_> =
        answer.attached_policies().iter().filter_map(|policy| policy.policy_arn().map(str::to_owned)).collect();
    arns.sort();
    arns
}

#[tokio::test]
async fn changed_memory_is_put_right_on_request_and_not_before() {
    let live = Live::begin("drift-f").await;
    let operator = live.operator(NEVER).await;
    live.applied(FUNCTION).await;
    let function = live.ready("LambdaFunction", "hello").await;
    let name = function["status"]["functionName"].as_str().unwrap().to_owned();
    live.aws.lambda.update_function_configuration().function_name(&name).memory_size(512).send().await.unwrap();
    live.request("LambdaFunction", "hello", "now").await;
    let handled = |object: &serde_json::Value| object["status"]["lastHandledRequest"] == json!("now");
    live.wait("LambdaFunction", "hello", "handled", handled).await;
    eventually(async || memory(&live, &name).await == Some(128)).await.expect("the memory is put right");
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn changed_memory_is_put_right_by_a_sweep() {
    let live = Live::begin("drift-m").await;
    let operator = live.operator(&[]).await;
    live.applied(FUNCTION).await;
    let function = live.ready("LambdaFunction", "hello").await;
    let name = function["status"]["functionName"].as_str().unwrap().to_owned();
    live.aws.lambda.update_function_configuration().function_name(&name).memory_size(512).send().await.unwrap();
    eventually(async || memory(&live, &name).await == Some(128)).await.expect("the next sweep puts it right");
    live.end().await;
    drop(operator);
}

async fn memory(live: &Live, function: &str) -> Option<i32> {
    live.aws.lambda.get_function_configuration().function_name(function).send().await.unwrap().memory_size()
}

#[tokio::test]
async fn an_instance_launched_later_is_associated_by_a_sweep() {
    let live = Live::begin("drift-i").await;
    let operator = live.operator(&[]).await;
    live.applied(&ROLE.replace("{ id: $instance }", "{ tags: { Name: $net } }")).await;
    live.ready("InstanceRole", "client").await;
    let later = live.network.launch(&live.aws).await;
    eventually(async || {
        let answer = live.aws.ec2.describe_iam_instance_profile_associations().send().await.unwrap();
        answer.iam_instance_profile_associations().iter().any(|a| a.instance_id() == Some(&later))
    })
    .await
    .expect("the new instance carries the profile");
    live.end().await;
    drop(operator);
}
