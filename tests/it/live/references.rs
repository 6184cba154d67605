//! References wake referrers: nobody polls, nobody edits an annotation.

use serde_json::json;

use super::FUNCTION;
use crate::support::live::{Live, eventually};

const BY_REFERENCE: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: LambdaFunction
metadata: { name: hello }
spec:
  runtime: nodejs22.x
  handler: index.handler
  code: { configMapRef: { name: code } }
  executionRole: { instanceRoleRef: { name: runner } }
";

const ROLE: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: InstanceRole
metadata: { name: runner }
spec:
  trust: { services: [lambda.amazonaws.com] }
  managedPolicies: [AWSLambdaBasicExecutionRole]
";

const CODE: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: code }
data:
  index.js: |
    exports.handler = async () => 'first';
";

#[tokio::test]
async fn a_function_waits_for_code_and_role_and_goes_on_when_they_come() {
    let live = Live::begin("refs").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    live.applied(BY_REFERENCE).await;
    let message = live.reason("LambdaFunction", "hello", "InstanceRoleNotFound").await;
    assert!(message.contains("spec.executionRole.instanceRoleRef") && message.contains("runner"), "{message}");
    live.applied(ROLE).await;
    live.ready("InstanceRole", "runner").await;
    let message = live.reason("LambdaFunction", "hello", "ConfigMapNotFound").await;
    assert!(message.contains("spec.code.configMapRef") && message.contains("code"), "{message}");
    let calls = operator.aws_calls().await;
    assert!(!calls.contains_key("lambda:GetFunction"), "AWS is not asked before all is there: {calls:?}");
    live.applied(CODE).await;
    live.ready("LambdaFunction", "hello").await;

    live.applied(&CODE.replace("first", "second")).await;
    let name = live.get("LambdaFunction", "hello").await["status"]["functionName"].as_str().unwrap().to_owned();
    eventually(async || {
        let answer = live.aws.lambda.invoke().function_name(&name).send().await.unwrap();
        answer.payload().is_some_and(|payload| payload.as_ref() == b"\"second\"")
    })
    .await
    .expect("an edit of the ConfigMap becomes new code");
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn a_role_outlives_the_function_that_uses_it() {
    let live = Live::begin("order").await;
    let operator = live.operator(&[]).await;
    for manifest in [CODE, ROLE, BY_REFERENCE] {
        live.applied(manifest).await;
    }
    live.ready("LambdaFunction", "hello").await;
    live.begin_deletion("InstanceRole", "runner").await;
    let message = live.reason("InstanceRole", "runner", "RoleInUse").await;
    assert!(message.contains("hello"), "{message}");
    live.delete("LambdaFunction", "hello").await;
    live.gone("InstanceRole", "runner").await;
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn an_owned_role_follows_its_function() {
    let live = Live::begin("owned").await;
    let operator = live.operator(&[]).await;
    live.applied(FUNCTION).await;
    live.ready("LambdaFunction", "hello").await;
    let role = live.ready("InstanceRole", "hello-execution").await;
    assert_eq!(role["metadata"]["ownerReferences"][0]["kind"], json!("LambdaFunction"));
    live.delete("LambdaFunction", "hello").await;
    live.gone("InstanceRole", "hello-execution").await;
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn an_owned_role_goes_when_its_function_takes_another() {
    let live = Live::begin("left").await;
    let operator = live.operator(&[]).await;
    let arn = live.aws.make_lambda_role(&format!("test-{}", live.namespace)).await;
    live.applied(FUNCTION).await;
    live.ready("LambdaFunction", "hello").await;
    live.patch("LambdaFunction", "hello", json!({ "spec": { "executionRole": { "create": null, "arn": arn } } })).await;
    live.gone("InstanceRole", "hello-execution").await;
    let object = live.ready("LambdaFunction", "hello").await;
    let name = object["status"]["functionName"].as_str().unwrap();
    let function = live.aws.lambda.get_function_configuration().function_name(name).send().await.unwrap();
    assert_eq!(function.role(), Some(arn.as_str()));
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn deletion_goes_through_when_what_the_spec_names_is_gone() {
    let live = Live::begin("dangling").await;
    let operator = live.operator(&[]).await;
    for manifest in [CODE, ROLE, BY_REFERENCE] {
        live.applied(manifest).await;
    }
    live.ready("LambdaFunction", "hello").await;
    live.delete("ConfigMap", "code").await;
    live.delete("LambdaFunction", "hello").await;
    live.end().await;
    drop(operator);
}
