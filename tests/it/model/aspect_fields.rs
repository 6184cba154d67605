//! Every field of every aspect: set, changed, drifted and taken out again.

use std::time::Duration;

use privatelink_operator::{engine::reconcile::Outcome, kinds::lambda_function::spec::LambdaFunction};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::model::{drift::Drift, lambda::drift::AspectDrift, replica::Lag};

use super::harness::{Case, Given, Run};

const QUEUE: &str = "arn:aws:sqs:ap-northeast-1:123456789012:orders";
const STREAM: &str = "arn:aws:kinesis:ap-northeast-1:123456789012:stream/clicks";

/// A field: what the spec says without it, with it, and with another value; and what may happen to it.
struct Row {
    name: &'static str,
    without: Value,
    set: Value,
    change: Value,
    drift: Option<AspectDrift>,
}

fn row(name: &'static str, set: Value, change: Value, drift: AspectDrift) -> Row {
    Row { name, without: json!({}), set, change, drift: Some(drift) }
}

fn alias(field: &str, value: Value) -> Value {
    let mut alias = json!({ "name": "live", "version": "latest-published" });
    if !value.is_null() {
        alias[field] = value;
    }
    json!({ "versions": {}, "aliases": [alias] })
}

fn alias_row(name: &'static str, set: Value, change: Value, drift: Option<AspectDrift>) -> Row {
    Row { name, without: alias(name, json!(null)), set: alias(name, set), change: alias(name, change), drift }
}

fn url(field: &str, value: Value) -> Value {
    let mut url = json!({ "authType": "AWS_IAM" });
    if !value.is_null() {
        url[field] = value;
    }
    json!({ "url": url })
}

fn url_row(name: &'static str, set: Value, change: Value, drift: AspectDrift) -> Row {
    Row { name, without: url(name, json!(null)), set: url(name, set), change: url(name, change), drift: Some(drift) }
}

fn permission(field: &str, value: Value) -> Value {
    let mut permission = json!({ "statementId": "one", "principal": "*" });
    if !value.is_null() {
        permission[field] = value;
    }
    if field == "functionUrlAuthType" && permission.get(field).is_some() {
        permission["action"] = json!("lambda:InvokeFunctionUrl");
    }
    json!({ "versions": {}, "aliases": [{ "name": "a", "version": "$LATEST" }, { "name": "b", "version": "$LATEST" }],
        "permissions": [permission] })
}

fn permission_row(name: &'static str, set: Value, change: Value) -> Row {
    let without = permission(name, json!(null));
    let drift = Some(AspectDrift::ChangePermissions);
    Row { name, without, set: permission(name, set), change: permission(name, change), drift }
}

fn invoke_row(name: &'static str, set: Value, change: Value) -> Row {
    let event_invoke = |value: Value| json!({ "eventInvoke": { name: value } });
    let drift = Some(AspectDrift::DeleteEventInvoke);
    Row { name, without: json!({}), set: event_invoke(set), change: event_invoke(change), drift }
}

fn source(arn: &str, field: &str, value: Value) -> Value {
    let mut source = json!({ "arn": arn });
    if arn == STREAM {
        source["startingPosition"] = json!("LATEST");
    }
    if !value.is_null() {
        source[field] = value;
    }
    json!({ "eventSources": [source] })
}

fn source_row(arn: &'static str, name: &'static str, set: Value, change: Value) -> Row {
    let drift = Some(AspectDrift::DeleteMappings);
    let of = |value| source(arn, name, value);
    Row { name, without: of(json!(null)), set: of(set), change: of(change), drift }
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let csc = |n: u8| json!({ "codeSigningConfigArn":
        format!("arn:aws:lambda:ap-northeast-1:123456789012:code-signing-config:csc-0123456789abcdef{n}") });
    let runtime = "arn:aws:lambda:ap-northeast-1::runtime:0123456789abcdef";
    vec![
        row("reservedConcurrency", json!({ "reservedConcurrency": 5 }), json!({ "reservedConcurrency": 0 }), AspectDrift::ChangeConcurrency),
        row("codeSigningConfigArn", csc(0), csc(1), AspectDrift::ChangeCodeSigning),
        row("recursiveLoop", json!({ "recursiveLoop": "Allow" }), json!({ "recursiveLoop": "Allow", "memorySize": 128 }), AspectDrift::ChangeRecursion),
        row("runtimeManagement", json!({ "runtimeManagement": { "updateRuntimeOn": "FunctionUpdate" } }),
            json!({ "runtimeManagement": { "updateRuntimeOn": "Manual", "runtimeVersionArn": runtime } }), AspectDrift::ChangeRuntimeManagement),
        row("url", json!({ "url": { "authType": "NONE" } }), json!({ "url": { "authType": "AWS_IAM" } }), AspectDrift::DeleteUrl),
        row("authType", json!({ "url": { "authType": "AWS_IAM" } }), json!({ "url": { "authType": "NONE" } }), AspectDrift::OpenUrl),
        url_row("cors", json!({ "allowOrigins": ["https://a"], "maxAgeSeconds": 5 }), json!({ "allowMethods": ["GET"] }), AspectDrift::ChangeCors),
        url_row("invokeMode", json!("RESPONSE_STREAM"), json!("BUFFERED"), AspectDrift::ChangeInvokeMode),
        row("permissions", json!({ "permissions": [{ "statementId": "s3-invoke", "principal": "s3.amazonaws.com" }] }),
            json!({ "permissions": [{ "statementId": "other", "principal": "123456789012" }] }), AspectDrift::RemovePermissions),
        permission_row("action", json!("lambda:GetFunction"), json!("lambda:InvokeFunction")),
        permission_row("sourceArn", json!("arn:aws:s3:::a"), json!("arn:aws:s3:::b")),
        permission_row("sourceAccount", json!("123456789012"), json!("210987654321")),
        permission_row("principalOrgID", json!("o-0123456789"), json!("o-9876543210")),
        permission_row("qualifier", json!("a"), json!("b")),
        permission_row("eventSourceToken", json!("one"), json!("two")),
        permission_row("functionUrlAuthType", json!("NONE"), json!("AWS_IAM")),
        permission_row("invokedViaFunctionUrl", json!(true), json!(false)),
        invoke_row("maximumEventAgeSeconds", json!(60), json!(120)),
        invoke_row("maximumRetryAttempts", json!(0), json!(1)),
        invoke_row("onFailure", json!(QUEUE), json!("arn:aws:sqs:ap-northeast-1:123456789012:dead")),
        invoke_row("onSuccess", json!(QUEUE), json!("arn:aws:sqs:ap-northeast-1:123456789012:done")),
        row("eventSources", source(QUEUE, "arn", json!(null)), source(STREAM, "arn", json!(null)), AspectDrift::DeleteMappings),
        source_row(QUEUE, "enabled", json!(false), json!(true)),
        source_row(QUEUE, "batchSize", json!(5), json!(6)),
        source_row(QUEUE, "maximumBatchingWindowSeconds", json!(5), json!(6)),
        source_row(QUEUE, "filters", json!(["{\"body\":[1]}"]), json!([])),
        source_row(QUEUE, "reportBatchItemFailures", json!(true), json!(false)),
        source_row(QUEUE, "maximumConcurrency", json!(2), json!(3)),
        source_row(STREAM, "parallelizationFactor", json!(2), json!(3)),
        source_row(STREAM, "maximumRecordAgeSeconds", json!(60), json!(61)),
        source_row(STREAM, "maximumRetryAttempts", json!(5), json!(6)),
        source_row(STREAM, "bisectBatchOnFunctionError", json!(true), json!(false)),
        source_row(STREAM, "tumblingWindowSeconds", json!(5), json!(6)),
        source_row(STREAM, "onFailure", json!(QUEUE), json!("arn:aws:sqs:ap-northeast-1:123456789012:dead")),
        Row { name: "aliases", without: json!({ "versions": {} }), set: alias("name", json!("live")), change: alias("name", json!("test")),
            drift: Some(AspectDrift::DeleteAliases) },
        alias_row("description", json!("one"), json!("two"), Some(AspectDrift::DescribeAliases)),
        alias_row("version", json!("1"), json!("$LATEST"), Some(AspectDrift::DeleteAliases)),
        alias_row("provisionedConcurrency", json!(2), json!(3), Some(AspectDrift::ChangeProvisioned)),
        alias_row("weights", json!({}), json!({ "1": 10 }), None),
    ]
}

/// The spec of the test object with these fields.
fn spec_with(fields: &Value) -> Value {
    let mut spec = json!({
        "runtime": "nodejs22.x",
        "handler": "index.handler",
        "memorySize": 128,
        "code": { "inline": { "index.js": "exports.handler = async () => 'one';" } },
        "executionRole": { "arn": "arn:aws:iam::123456789012:role/given" },
    });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    spec
}

async fn converge(run: &mut Run<LambdaFunction>, fields: &Value) -> Vec<String> {
    run.edit(|object| object["spec"] = spec_with(fields));
    run.expect(Outcome::Converged).await;
    let content = run.model.content();
    let mark = run.model.calls().len();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.model.writes_since(mark), [], "a write at rest\n{}", run.story());
    content
}

#[tokio::test(start_paused = true)]
async fn every_field_is_set_changed_repaired_and_taken_back() {
    let case = || Case {
        spec: || spec_with(&json!({})),
        updates: Vec::new(),
        objects: &["function"],
        drifts: &[],
        unmanaged: &[],
        given: &[Given::ExecutionRole],
    };
    for Row { name, without, set, change, drift } in rows() {
        eprintln!("{name}");
        let mut run = Run::<LambdaFunction>::begin(&case(), Lag::NONE).await;
        let bare = converge(&mut run, &without).await;
        let with = converge(&mut run, &set).await;
        let is_default = bare == with;
        assert!(!is_default || ["version", "weights"].contains(&name), "{name} has no effect");
        let mut current = with;
        if let Some(drift) = drift {
            run.model.drift(&run.uid, Drift::Aspect(drift));
            assert_ne!(run.model.content(), current, "{name}: the drift changes nothing");
            sleep(Duration::from_mins(2)).await;
            run.expect(Outcome::Converged).await;
            assert_eq!(run.model.content(), current, "{name}: drift\n{}", run.story());
        }
        current = converge(&mut run, &change).await;
        let mut fresh = Run::<LambdaFunction>::begin(&case(), Lag::NONE).await;
        let expected = converge(&mut fresh, &change).await;
        let ours: Vec<_> = current.iter().map(|line| line.replace(&run.uid, "uid")).collect();
        let theirs: Vec<_> = expected.iter().map(|line| line.replace(&fresh.uid, "uid")).collect();
        assert_eq!(ours, theirs, "{name}: changed");
        let after = converge(&mut run, &without).await;
        assert_eq!(after, bare, "{name}: taken out\n{}", run.story());
    }
}
