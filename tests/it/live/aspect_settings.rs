//! Versions, aliases, URL, permissions and settings of a function, as far as LocalStack has them.

use aws_sdk_lambda::types::{AllowedPublishers, ProvisionedConcurrencyConfigListItem};
use serde_json::{Value, json};

use super::FUNCTION;
use crate::support::live::{Live, eventually};

const ASPECTS: &str = "
  versions: { keep: 1 }
  aliases: [{ name: live, version: latest-published, description: in use }]
  url: { authType: NONE, cors: { allowOrigins: [\"https://example.com\"] } }
  permissions:
    - { statementId: s3-invoke, principal: s3.amazonaws.com, sourceArn: \"arn:aws:s3:::bucket\" }
    - { statementId: events, principal: events.amazonaws.com, qualifier: live }
  eventInvoke: { maximumRetryAttempts: 0, maximumEventAgeSeconds: 60 }
  reservedConcurrency: 2
  recursiveLoop: Allow
";

const FIELDS: [&str; 7] =
    ["versions", "aliases", "url", "permissions", "eventInvoke", "reservedConcurrency", "recursiveLoop"];

/// The statements that a URL without authentication needs.
const PUBLIC: [&str; 2] = ["FunctionURLAllowPublicAccess", "FunctionURLInvokeAllowPublicAccess"];

fn manifest() -> String {
    format!("{}{}", FUNCTION.trim_end(), ASPECTS)
}

#[tokio::test]
async fn aspects_are_set_drift_and_are_taken_back() {
    let live = Live::begin("aspects").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    live.applied(&manifest()).await;
    let status = live.ready("LambdaFunction", "hello").await["status"].clone();
    let name = status["functionName"].as_str().unwrap().to_owned();
    let lambda = &live.aws.lambda;
    assert_eq!(status["aliases"][0]["version"], "1");
    let url = lambda.get_function_url_config().function_name(&name).send().await.unwrap();
    assert_eq!(status["url"], url.function_url());
    assert_eq!(url.cors().unwrap().allow_origins(), ["https://example.com"]);
    let invoked = lambda.invoke().function_name(&name).qualifier("live").send().await.unwrap();
    assert_eq!((invoked.status_code(), invoked.executed_version()), (200, Some("1")));
    let function = lambda.get_function().function_name(&name).send().await.unwrap();
    assert_eq!(function.concurrency().unwrap().reserved_concurrent_executions(), Some(2));
    let invoke = lambda.get_function_event_invoke_config().function_name(&name).send().await.unwrap();
    assert_eq!((invoke.maximum_retry_attempts(), invoke.maximum_event_age_in_seconds()), (Some(0), Some(60)));

    lambda.remove_permission().function_name(&name).statement_id("s3-invoke").send().await.unwrap();
    lambda.delete_function_url_config().function_name(&name).send().await.unwrap();
    let foreign = lambda.add_permission().function_name(&name).statement_id("foreign").principal("sns.amazonaws.com");
    foreign.action("lambda:InvokeFunction").send().await.unwrap();
    live.request("LambdaFunction", "hello", "now").await;
    eventually(async || {
        let url = lambda.get_function_url_config().function_name(&name).send().await;
        url.is_ok() && statements(&live, &name).await == [PUBLIC[0], PUBLIC[1], "foreign", "s3-invoke"]
    })
    .await
    .expect("both are put right");

    live.applied(&manifest().replace("Hello from", "Good day from")).await;
    let status = live.ready("LambdaFunction", "hello").await["status"].clone();
    assert_eq!(status["aliases"][0]["version"], "2");
    let versions = lambda.list_versions_by_function().function_name(&name).send().await.unwrap();
    let versions: Vec<_> = versions.versions().iter().filter_map(|version| version.version()).collect();
    assert_eq!(versions, ["$LATEST", "2"], "version 1 has had its time");

    let nothing: serde_json::Map<String, Value> =
        FIELDS.iter().map(|field| ((*field).to_owned(), json!(null))).collect();
    live.patch("LambdaFunction", "hello", json!({ "spec": nothing })).await;
    live.ready("LambdaFunction", "hello").await;
    // What was applied is on record until AWS must show that it is gone.
    live.wait("LambdaFunction", "hello", "without what was applied", |object| {
        ["url", "aliases", "permissions", "appliedSettings"].iter().all(|field| object["status"].get(field).is_none())
    })
    .await;
    assert_eq!(statements(&live, &name).await, ["foreign"]);
    assert!(lambda.list_aliases().function_name(&name).send().await.unwrap().aliases().is_empty());
    assert!(lambda.get_function_url_config().function_name(&name).send().await.is_err());
    assert!(lambda.get_function().function_name(&name).send().await.unwrap().concurrency().is_none());
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn aspects_that_cost_or_refuse_code_are_set_changed_and_taken_back() {
    let live = Live::begin("aspects-2").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    let lambda = &live.aws.lambda;
    let publishers = AllowedPublishers::builder()
        .signing_profile_version_arns("arn:aws:signer:ap-northeast-1:000000000000:/signing-profiles/ours/v1")
        .build()
        .unwrap();
    let signing = lambda.create_code_signing_config().allowed_publishers(publishers).send().await.unwrap();
    let signing = signing.code_signing_config.unwrap().code_signing_config_arn;
    let manifest = |cors: &str, executions: u8| {
        format!(
            "{}\n  codeSigningConfigArn: {signing}\n  url: {{ authType: AWS_IAM, cors: {{ allowOrigins: [\"{cors}\"] }} }}\n  \
             versions: {{ keep: 1 }}\n  aliases: [{{ name: live, version: latest-published, \
             provisionedConcurrency: {executions} }}]\n",
            FUNCTION.trim_end()
        )
    };
    live.applied(&manifest("https://one.example.com", 1)).await;
    let name = live.ready("LambdaFunction", "hello").await["status"]["functionName"].as_str().unwrap().to_owned();
    let signed = async || {
        let answer = lambda.get_function_code_signing_config().function_name(&name).send().await.unwrap();
        answer.code_signing_config_arn
    };
    let provisioned = async || {
        let answer = lambda.list_provisioned_concurrency_configs().function_name(&name).send().await.unwrap();
        let configs = answer.provisioned_concurrency_configs().iter();
        configs
            .filter_map(ProvisionedConcurrencyConfigListItem::requested_provisioned_concurrent_executions)
            .collect::<Vec<_>>()
    };
    assert_eq!((signed().await, provisioned().await), (signing.clone(), vec![1]));

    live.applied(&manifest("https://two.example.com", 2)).await;
    live.ready("LambdaFunction", "hello").await;
    let url = lambda.get_function_url_config().function_name(&name).send().await.unwrap();
    assert_eq!(url.cors().unwrap().allow_origins(), ["https://two.example.com"]);
    assert_eq!(provisioned().await, [2]);
    live.applied(&manifest("https://two.example.com", 0)).await;
    live.ready("LambdaFunction", "hello").await;
    assert!(provisioned().await.is_empty());

    live.applied(FUNCTION).await;
    live.ready("LambdaFunction", "hello").await;
    assert_eq!(signed().await, "");
    live.end().await;
    drop(operator);
}

async fn statements(live: &Live, function: &str) -> Vec<String> {
    let policy = live.aws.lambda.get_policy().function_name(function).send().await.unwrap();
    let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let mut ids: Vec<_> = statements.map(|statement| statement["Sid"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}
