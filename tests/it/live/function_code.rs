//! Each source of code that LocalStack can run, deployed, invoked, edited and invoked again.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::live::{Live, aws::zipped, eventually};

const HELLO: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: LambdaFunction
metadata: { name: hello }
spec:
  runtime: nodejs22.x
  handler: index.handler
  code: $code
  executionRole:
    create: { managedPolicies: [AWSLambdaBasicExecutionRole] }
";

fn js(answer: &str) -> String {
    format!("exports.handler = async () => '{answer}';")
}

fn with_code(code: &Value) -> String {
    HELLO.replace("$code", &code.to_string())
}

fn data(kind: &str, field: &str, key: &str, value: &str) -> String {
    json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": "code" }, field: { key: value } }).to_string()
}

/// Waits until the function gives this answer.
async fn answers(live: &Live, expected: &str) {
    let name = live.ready("LambdaFunction", "hello").await["status"]["functionName"].as_str().unwrap().to_owned();
    let expected = format!("\"{expected}\"");
    eventually(async || {
        let answer = live.aws.lambda.invoke().function_name(&name).send().await.unwrap();
        answer.payload().is_some_and(|payload| payload.as_ref() == expected.as_bytes())
    })
    .await
    .unwrap_or_else(|()| panic!("the function is to answer {expected}"));
}

/// An edit becomes running code by the watch alone: no sweep is due within the test.
#[tokio::test]
async fn config_maps_and_secrets_become_running_code_when_they_are_edited() {
    let live = Live::begin("code").await;
    let secrets = json!({ "secretNamespaces": [live.namespace] });
    let operator = live.operator_with(&secrets, &["--resync-interval", "1h"]).await;
    live.applied(&data("ConfigMap", "data", "index.js", &js("first"))).await;
    live.applied(&with_code(&json!({ "configMapRef": { "name": "code" } }))).await;
    answers(&live, "first").await;
    let edited = Instant::now();
    live.applied(&data("ConfigMap", "data", "index.js", &js("second"))).await;
    answers(&live, "second").await;
    eprintln!("from the edit of a ConfigMap to the answer of its new code: {:.1} s", edited.elapsed().as_secs_f64());

    let zip = BASE64_STANDARD.encode(zipped("index.js", &js("zipped")));
    live.api("ConfigMap").delete("code", &kube::api::DeleteParams::default()).await.unwrap();
    live.applied(&data("ConfigMap", "binaryData", "code.zip", &zip)).await;
    answers(&live, "zipped").await;

    live.applied(&data("Secret", "stringData", "index.js", &js("secret"))).await;
    live.applied(&with_code(&json!({ "secretRef": { "name": "code" } }))).await;
    answers(&live, "secret").await;
    let edited = Instant::now();
    live.applied(&data("Secret", "stringData", "index.js", &js("another secret"))).await;
    answers(&live, "another secret").await;
    eprintln!("from the edit of a Secret to the answer of its new code: {:.1} s", edited.elapsed().as_secs_f64());
    assert!(!operator.log().contains("another secret"), "no code is told");
    live.end().await;
}

#[tokio::test]
async fn an_object_in_s3_is_followed_and_pinned() {
    let live = Live::begin("s3").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    let (bucket, s3) = (live.namespace.as_str(), &live.aws.s3);
    let location = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::from("ap-northeast-1"))
        .build();
    s3.create_bucket().bucket(bucket).create_bucket_configuration(location).send().await.unwrap();
    let versioning = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    s3.put_bucket_versioning().bucket(bucket).versioning_configuration(versioning).send().await.unwrap();
    let put = async |answer: &str| {
        let body = zipped("index.js", &js(answer)).into();
        s3.put_object().bucket(bucket).key("a/hello.zip").body(body).send().await.unwrap().version_id.unwrap()
    };

    let latest = json!({ "s3": { "bucket": bucket, "key": "a/hello.zip" } });
    live.applied(&with_code(&latest)).await;
    let message = live.reason("LambdaFunction", "hello", "CodeNotFound").await;
    assert!(message.starts_with("spec.code.s3: ") && message.contains("a/hello.zip"), "{message}");
    let first = put("first").await;
    live.request("LambdaFunction", "hello", "uploaded").await;
    answers(&live, "first").await;
    put("second").await;
    live.request("LambdaFunction", "hello", "uploaded again").await;
    answers(&live, "second").await;

    let calls = operator.aws_calls().await;
    live.applied(&with_code(&json!({ "s3": { "bucket": bucket, "key": "a/hello.zip", "versionId": first } }))).await;
    answers(&live, "first").await;
    assert_eq!(
        operator.aws_calls().await.get("s3:HeadObject"),
        calls.get("s3:HeadObject"),
        "a pinned version is not looked at"
    );
    live.end().await;
}
