//! Settings of a function against LocalStack: Secrets in the environment, the settings that it keeps, and the calls that
//! it takes.

use aws_sdk_lambda::types::{EphemeralStorage, TracingMode};
use serde_json::{Value, json};

use super::FUNCTION;
use crate::support::live::{Live, eventually};

const PRINTS: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: LambdaFunction
metadata: { name: hello }
spec:
  runtime: nodejs22.x
  handler: index.handler
  code:
    inline:
      index.js: |
        exports.handler = async () => [process.env.TOKEN, process.env.A_LEVEL];
  env:
    - { name: TOKEN, valueFrom: { secretKeyRef: { name: credentials, key: token } } }
  envFrom:
    - { prefix: A_, configMapRef: { name: settings } }
  executionRole:
    create: { managedPolicies: [AWSLambdaBasicExecutionRole] }
";

const SETTINGS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { LEVEL: info }
";

fn secret(token: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "credentials" }, "stringData": { "token": token },
    })
    .to_string()
}

async fn answers(live: &Live, expected: Value) {
    let name = live.ready("LambdaFunction", "hello").await["status"]["functionName"].as_str().unwrap().to_owned();
    eventually(async || {
        let answer = live.aws.lambda.invoke().function_name(&name).send().await.unwrap();
        answer.payload().is_some_and(|payload| serde_json::from_slice(payload.as_ref()).ok() == Some(expected.clone()))
    })
    .await
    .unwrap_or_else(|()| panic!("the function is to answer {expected}"));
}

#[tokio::test]
async fn a_secret_reaches_the_environment_and_nothing_else() {
    let live = Live::begin("secret").await;
    let secrets = json!({ "secretNamespaces": ["default", live.namespace] });
    let operator = live.operator_with(&secrets, &["--resync-interval", "1h", "--log-level", "trace"]).await;
    live.applied(&secret("canary-1f00d")).await;
    live.applied(SETTINGS).await;
    live.applied(PRINTS).await;
    answers(&live, json!(["canary-1f00d", "info"])).await;
    live.applied(&secret("canary-2f00d")).await;
    answers(&live, json!(["canary-2f00d", "info"])).await;
    let object = live.get("LambdaFunction", "hello").await;
    let told = format!("{}{object}{:?}{}", operator.log(), live.events("hello").await, operator.metrics().await);
    assert!(told.contains("env (TOKEN)"), "the name is told");
    for hidden in ["canary-1f00d", "canary-2f00d", "Y2FuYXJ5LT"] {
        assert!(!told.contains(hidden), "no value of a Secret is told");
    }
    live.end().await;
}

#[tokio::test]
async fn secrets_need_the_administrators_leave() {
    let live = Live::begin("nosecret").await;
    let _operator = live.operator(&[]).await;
    live.applied(&secret("canary")).await;
    live.applied(SETTINGS).await;
    live.applied(PRINTS).await;
    let message = live.reason("LambdaFunction", "hello", "SecretsNotPermitted").await;
    assert!(message.contains("--secret-namespaces") && message.contains(&live.namespace), "{message}");
    live.end().await;
}

#[tokio::test]
async fn settings_are_set_and_taken_back() {
    let live = Live::begin("settings").await;
    let _operator = live.operator(&["--resync-interval", "1h"]).await;
    live.applied(FUNCTION).await;
    let object = live.ready("LambdaFunction", "hello").await;
    let name = object["status"]["functionName"].as_str().unwrap().to_owned();
    live.patch(
        "LambdaFunction",
        "hello",
        json!({ "spec": {
            "description": "hello", "timeoutSeconds": 9, "ephemeralStorageSize": 1024, "tracing": "Active",
            "logging": { "format": "JSON", "applicationLogLevel": "WARN" },
            "vpc": {
                "subnets": [{ "tags": { "Name": live.namespace } }],
                "securityGroups": [{ "name": live.namespace }],
            },
        } }),
    )
    .await;
    let object = live.ready("LambdaFunction", "hello").await;
    let function = live.aws.lambda.get_function_configuration().function_name(&name).send().await.unwrap();
    assert_eq!((function.description(), function.timeout()), (Some("hello"), Some(9)));
    assert_eq!(function.ephemeral_storage().map(EphemeralStorage::size), Some(1024));
    assert_eq!(function.tracing_config().and_then(|config| config.mode()).map(TracingMode::as_str), Some("Active"));
    assert_eq!(function.vpc_config().map(|vpc| vpc.subnet_ids().len()), Some(2));
    assert_eq!(object["status"]["vpc"]["id"], json!(live.network.vpc));
    assert_eq!(object["status"]["vpc"]["securityGroups"], json!([live.network.group]));

    let nothing = json!({ "spec": {
        "description": null, "timeoutSeconds": null, "ephemeralStorageSize": null, "tracing": null, "logging": null,
        "vpc": null,
    } });
    live.patch("LambdaFunction", "hello", nothing).await;
    let object = live.ready("LambdaFunction", "hello").await;
    let function = live.aws.lambda.get_function_configuration().function_name(&name).send().await.unwrap();
    assert_eq!((function.description().unwrap_or_default(), function.timeout()), ("", Some(3)));
    assert_eq!(function.ephemeral_storage().map(EphemeralStorage::size), Some(512));
    assert_eq!(function.vpc_config().map_or(0, |vpc| vpc.subnet_ids().len()), 0);
    assert_eq!(object["status"]["vpc"], Value::Null);
    assert_eq!(object["status"]["managedFields"], json!(["env", "memorySize"]));
    live.end().await;
}

/// The figure to beat is 18.
#[tokio::test]
async fn hello_with_a_role_that_exists_takes_few_calls() {
    let live = Live::begin("calls").await;
    let arn = live.aws.make_lambda_role(&format!("test-{}", live.namespace)).await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    let (manifest, _) = FUNCTION.split_once("    create:").unwrap();
    live.applied(&format!("{manifest}    arn: {arn}\n")).await;
    live.ready("LambdaFunction", "hello").await;
    let calls = operator.aws_calls().await;
    let lambda: u64 = calls.iter().filter(|(operation, _)| operation.starts_with("lambda:")).map(|(_, n)| n).sum();
    eprintln!("Lambda calls from apply to Ready: {calls:?}");
    assert!(lambda <= 4, "{calls:?}");
    live.end().await;
}
