//! Update, pause, plan, retain: what users do with an object besides creating and deleting it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ENDPOINT, FUNCTION};
use crate::support::live::{Live, condition};

#[tokio::test]
async fn an_edit_reaches_aws() {
    let live = Live::begin("update").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    live.applied(ENDPOINT).await;
    let id = live.ready("VpcEndpoint", "lambda").await["status"]["id"].clone();
    live.patch("VpcEndpoint", "lambda", json!({ "spec": { "subnets": [{ "id": live.network.subnets[0] }] } })).await;
    let object = live.ready("VpcEndpoint", "lambda").await;
    assert_eq!(object["status"]["id"], id, "updated in place");
    let answer = live.aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id.as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.vpc_endpoints()[0].subnet_ids(), [live.network.subnets[0].clone()]);
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn tags_are_given_changed_and_taken_back() {
    let live = Live::begin("tags").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    for (kind, name, manifest) in [("VpcEndpoint", "lambda", ENDPOINT), ("LambdaFunction", "hello", FUNCTION)] {
        live.applied(manifest).await;
        let status = live.ready(kind, name).await["status"].clone();
        for (tags, team) in [(json!({ "team": "a", "stage": "test" }), Some("a")), (json!({ "team": "b" }), Some("b"))]
        {
            live.patch(kind, name, json!({ "spec": { "tags": null } })).await;
            live.patch(kind, name, json!({ "spec": { "tags": tags } })).await;
            live.ready(kind, name).await;
            assert_eq!(users_tags(&live, &status).await.get("team").map(String::as_str), team, "{kind}");
        }
        live.patch(kind, name, json!({ "spec": { "tags": null } })).await;
        live.ready(kind, name).await;
        assert_eq!(users_tags(&live, &status).await, BTreeMap::new(), "{kind}");
    }
    live.end().await;
    drop(operator);
}

/// The tags in AWS of the endpoint or function that a status tells of, without those of ownership.
async fn users_tags(live: &Live, status: &Value) -> BTreeMap<String, String> {
    let tags: Vec<(String, String)> = if let Some(id) = status["id"].as_str() {
        let answer = live.aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.unwrap();
        let tags = answer.vpc_endpoints()[0].tags().iter();
        tags.map(|tag| (tag.key().unwrap().to_owned(), tag.value().unwrap().to_owned())).collect()
    } else {
        let answer = live.aws.lambda.list_tags().resource(status["arn"].as_str().unwrap()).send().await.unwrap();
        answer.tags.unwrap_or_default().into_iter().collect()
    };
    tags.into_iter().filter(|(key, _)| !key.starts_with("privatelink.dev/")).collect()
}

#[tokio::test]
async fn code_and_configuration_edited_together_both_land() {
    let live = Live::begin("both").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    live.applied(FUNCTION).await;
    let before = live.ready("LambdaFunction", "hello").await;
    live.applied(&FUNCTION.replace("memorySize: 128", "memorySize: 256").replace("Hello from", "Good day from")).await;
    live.ready("LambdaFunction", "hello").await;
    let name = before["status"]["functionName"].as_str().unwrap();
    let after = live.aws.lambda.get_function_configuration().function_name(name).send().await.unwrap();
    assert_eq!(after.memory_size(), Some(256));
    assert_ne!(after.code_sha256(), before["status"]["codeSha256"].as_str());
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn a_paused_object_is_left_alone_deletion_included() {
    let live = Live::begin("pause").await;
    let operator = live.operator(&[]).await;
    live.applied(ENDPOINT).await;
    live.ready("VpcEndpoint", "lambda").await;
    live.patch("VpcEndpoint", "lambda", json!({ "metadata": { "annotations": { "privatelink.dev/paused": "true" } } }))
        .await;
    live.begin_deletion("VpcEndpoint", "lambda").await;
    crate::support::live::eventually(async || {
        live.events("lambda").await.iter().any(|(reason, note)| reason == "Paused" && note.contains("deletion waits"))
    })
    .await
    .expect("an Event says that the deletion waits");
    assert_eq!(live.aws.endpoints(&live.namespace).await.len(), 1);
    live.patch("VpcEndpoint", "lambda", json!({ "metadata": { "annotations": { "privatelink.dev/paused": null } } }))
        .await;
    live.gone("VpcEndpoint", "lambda").await;
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn retain_leaves_the_endpoint_and_the_manifest_takes_it_back() {
    let live = Live::begin("retain").await;
    let operator = live.operator(&[]).await;
    let retained = format!("{ENDPOINT}  deletionPolicy: Retain\n");
    live.applied(&retained).await;
    let id = live.ready("VpcEndpoint", "lambda").await["status"]["id"].clone();
    live.delete("VpcEndpoint", "lambda").await;
    assert_eq!(live.aws.endpoints(&live.namespace).await, [id.as_str().unwrap()]);
    let created = operator.aws_calls().await["ec2:CreateVpcEndpoint"];
    live.applied(&retained).await;
    assert_eq!(live.ready("VpcEndpoint", "lambda").await["status"]["id"], id);
    assert_eq!(operator.aws_calls().await["ec2:CreateVpcEndpoint"], created, "zero creates");
    live.patch("VpcEndpoint", "lambda", json!({ "spec": { "deletionPolicy": "Delete" } })).await;
    live.end().await;
}

#[tokio::test]
async fn plan_mode_says_what_it_would_do_and_does_nothing() {
    let live = Live::begin("plan").await;
    let operator = live.operator(&[]).await;
    live.applied(&format!("{ENDPOINT}  managementPolicy: Plan\n")).await;
    live.reason("VpcEndpoint", "lambda", "PlanPending").await;
    let object = live.get("VpcEndpoint", "lambda").await;
    assert_eq!(condition(&object, "Stalled")["status"], "True");
    let plan = object["status"]["plan"][0].as_str().unwrap();
    assert!(plan.contains("com.amazonaws.ap-northeast-1.lambda") && plan.contains(&live.network.vpc), "{plan}");
    assert_eq!(live.aws.endpoints(&live.namespace).await, Vec::<String>::new());
    live.patch("VpcEndpoint", "lambda", json!({ "spec": { "managementPolicy": "Manage" } })).await;
    let object = live.ready("VpcEndpoint", "lambda").await;
    assert!(object["status"].get("plan").is_none());
    live.end().await;
    drop(operator);
}
