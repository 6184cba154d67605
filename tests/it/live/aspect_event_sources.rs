//! A queue that invokes a function.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::FUNCTION;
use crate::support::live::{Live, eventually};

#[tokio::test]
async fn a_queue_invokes_a_function_until_the_function_goes() {
    let live = Live::begin("queue").await;
    let operator = live.operator(&[]).await;
    let queue = live.aws.make_queue(&live.namespace).await;
    let role = "create: { managedPolicies: [AWSLambdaSQSQueueExecutionRole] }";
    let manifest = FUNCTION.replace("create: { managedPolicies: [AWSLambdaBasicExecutionRole] }", role);
    let sources =
        |batch: u8| format!("{}\n  eventSources: [{{ arn: \"{queue}\", batchSize: {batch} }}]\n", manifest.trim_end());
    live.applied(&sources(5)).await;
    let status = live.ready("LambdaFunction", "hello").await["status"].clone();
    let uuid = status["eventSources"][0]["uuid"].as_str().unwrap().to_owned();
    assert_eq!(status["eventSources"][0]["state"], "Enabled");
    let lambda = &live.aws.lambda;
    let batch = async || lambda.get_event_source_mapping().uuid(&uuid).send().await.unwrap().batch_size();
    assert_eq!(batch().await, Some(5));

    live.applied(&sources(6)).await;
    eventually(async || batch().await == Some(6)).await.expect("an edit reaches AWS");
    live.ready("LambdaFunction", "hello").await;
    lambda.update_event_source_mapping().uuid(&uuid).batch_size(7).send().await.unwrap();
    eventually(async || batch().await == Some(6)).await.expect("a sweep sees the change");
    live.ready("LambdaFunction", "hello").await;

    live.patch("LambdaFunction", "hello", json!({ "spec": { "description": "still" } })).await;
    let status = live.ready("LambdaFunction", "hello").await["status"].clone();
    assert_eq!(status["eventSources"][0]["uuid"], json!(uuid), "one mapping, whatever happens");

    let forgotten = Patch::Merge(json!({ "status": { "eventSources": null } }));
    live.api("LambdaFunction").patch_status("hello", &PatchParams::default(), &forgotten).await.unwrap();
    live.wait("LambdaFunction", "hello", "aware of its mapping again", |object| {
        object["status"]["eventSources"][0]["uuid"] == uuid
    })
    .await;
    live.delete("LambdaFunction", "hello").await;
    assert!(lambda.get_event_source_mapping().uuid(&uuid).send().await.is_err(), "it went before the function");
    live.end().await;
    drop(operator);
}
