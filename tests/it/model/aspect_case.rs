//! A function with everything that it can have beside code and configuration.

use privatelink_operator::{engine::reconcile::Outcome, kinds::lambda_function::spec::LambdaFunction};
use serde_json::{Value, json};
use tokio::time::sleep;

use std::time::Duration;

use crate::support::model::{
    drift::Drift,
    lambda::drift::{AspectDrift, RECHECKED},
    replica::Lag,
};

use super::{
    harness::{Case, Given, Run},
    scenarios,
};

const QUEUE: &str = "arn:aws:sqs:ap-northeast-1:123456789012:orders";
const STREAM: &str = "arn:aws:kinesis:ap-northeast-1:123456789012:stream/clicks";

fn spec() -> Value {
    json!({
        "runtime": "nodejs22.x",
        "handler": "index.handler",
        "memorySize": 256,
        "code": { "inline": { "index.js": "exports.handler = async () => ({ statusCode: 200 });" } },
        "executionRole": { "arn": "arn:aws:iam::123456789012:role/given" },
        "versions": { "description": "of the spec", "keep": 1 },
        "aliases": [{
            "name": "live", "version": "latest-published", "description": "used", "weights": {},
            "provisionedConcurrency": 2,
        }],
        "url": { "authType": "NONE", "cors": { "allowOrigins": ["https://example.com"] }, "invokeMode": "RESPONSE_STREAM" },
        "permissions": [
            { "statementId": "s3-invoke", "principal": "s3.amazonaws.com", "sourceAccount": "123456789012" },
            { "statementId": "events", "principal": "events.amazonaws.com", "qualifier": "live" },
        ],
        "eventInvoke": { "maximumEventAgeSeconds": 60, "maximumRetryAttempts": 0, "onFailure": QUEUE },
        "eventSources": [
            { "arn": QUEUE, "batchSize": 5, "enabled": true, "maximumConcurrency": 2 },
            { "arn": STREAM, "startingPosition": "LATEST", "batchSize": 50, "enabled": true, "bisectBatchOnFunctionError": true },
        ],
        "reservedConcurrency": 5,
        "codeSigningConfigArn": "arn:aws:lambda:ap-northeast-1:123456789012:code-signing-config:csc-0123456789abcdef0",
        "recursiveLoop": "Allow",
        "runtimeManagement": { "updateRuntimeOn": "FunctionUpdate" },
    })
}

/// The case for all scenarios.
pub fn case() -> Case {
    Case {
        spec,
        updates: vec![
            |spec| {
                spec["code"] = json!({ "inline": { "index.js": "exports.handler = async () => 'new';" } });
                spec["memorySize"] = json!(512);
                spec["url"] = json!({ "authType": "AWS_IAM" });
                spec["permissions"][0]["sourceArn"] = json!("arn:aws:s3:::bucket");
                spec["permissions"][1]["qualifier"] = json!(null);
                spec["eventSources"][0] = json!({ "arn": QUEUE, "batchSize": 20, "maximumBatchingWindowSeconds": 1 });
                spec["aliases"][0]["provisionedConcurrency"] = json!(4);
            },
            |spec| {
                let fields = spec.as_object_mut().unwrap();
                fields.retain(|field, _| {
                    ![
                        "aliases",
                        "url",
                        "permissions",
                        "eventInvoke",
                        "reservedConcurrency",
                        "codeSigningConfigArn",
                        "recursiveLoop",
                        "runtimeManagement",
                    ]
                    .contains(&field.as_str())
                });
            },
        ],
        objects: &["function", "queue-mapping", "stream-mapping"],
        drifts: &[
            Drift::DeleteFunction,
            Drift::ChangeMemory,
            Drift::ChangeCode,
            Drift::Aspect(AspectDrift::DeleteMappings),
            Drift::Aspect(AspectDrift::ChangeMappings),
        ],
        unmanaged: &[Drift::Aspect(AspectDrift::AddForeign)],
        given: &[Given::ExecutionRole],
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_sweep_sees_is_rechecked() {
    let drifts: Vec<Drift> = RECHECKED.iter().map(|drift| Drift::Aspect(*drift)).collect();
    scenarios::rechecked::<LambdaFunction>(case(), &drifts).await;
}

/// A manifest that names none of it costs no call for any of it.
#[tokio::test(start_paused = true)]
async fn what_is_not_named_is_not_read() {
    let case = Case {
        spec: || {
            let mut spec = spec();
            spec.as_object_mut().unwrap().retain(|field, _| {
                ["runtime", "handler", "memorySize", "code", "executionRole"].contains(&field.as_str())
            });
            spec
        },
        ..case()
    };
    let mut run = Run::<LambdaFunction>::converged(&case, Lag::NONE).await;
    run.model.drift(&run.uid, Drift::Aspect(AspectDrift::SetAll));
    run.expect(Outcome::Converged).await;
    run.delete();
    run.expect(Outcome::Gone).await;
    let mut calls: Vec<_> = run.model.calls().into_iter().map(|call| call.operation).collect();
    calls.sort_unstable();
    calls.dedup();
    let aspects =
        ["Versions", "Alias", "Url", "Policy", "Permission", "Invoke", "Source", "Recursion", "Runtime", "Signing"];
    let of_aspects = calls.iter().filter(|call| aspects.iter().any(|aspect| call.contains(aspect)));
    assert_eq!(of_aspects.collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// What others made outlives what we made, and the function where AWS keeps it.
#[tokio::test(start_paused = true)]
async fn what_others_made_survives_every_change_of_the_spec() {
    let case = case();
    let mut run = Run::<LambdaFunction>::converged(&case, Lag::NONE).await;
    run.model.drift(&run.uid, Drift::Aspect(AspectDrift::AddForeign));
    let foreign = |run: &Run<LambdaFunction>| -> Vec<String> {
        run.model
            .content()
            .into_iter()
            .filter(|line| line.contains("foreign") && !line.starts_with("Function"))
            .collect()
    };
    let before = foreign(&run);
    assert_eq!(before.len(), 3);
    for field in ["permissions", "aliases", "eventSources"] {
        run.edit(|object| object["spec"][field] = json!([]));
        run.expect(Outcome::Converged).await;
        assert_eq!(foreign(&run), before, "{field}");
    }
    run.edit(|object| drop(object["spec"].as_object_mut().unwrap().remove("url")));
    run.expect(Outcome::Converged).await;
    assert_eq!(foreign(&run), before);
    run.delete();
    run.expect(Outcome::Gone).await;
    let mapping: Vec<_> = before.into_iter().filter(|line| line.starts_with("mapping")).collect();
    assert_eq!(foreign(&run), mapping, "event source mappings outlive a function");
}

/// Versions that others published, and those that an alias uses, are not deleted.
#[tokio::test(start_paused = true)]
async fn only_our_own_unused_versions_are_deleted() {
    let case = case();
    let mut run = Run::<LambdaFunction>::converged(&case, Lag::NONE).await;
    let code = |text: &str| json!({ "inline": { "index.js": text } });
    let versions = |run: &Run<LambdaFunction>| -> Vec<u64> {
        let state = run.model.state();
        let of = |name: &str| state.lambda.aspects.versions.current(name).cloned().unwrap_or_default();
        of("team-demo").into_keys().collect()
    };
    assert_eq!(versions(&run), [1]);
    run.edit(|object| {
        object["spec"]["aliases"].as_array_mut().unwrap().push(json!({ "name": "pinned", "version": "1" }));
        object["spec"]["code"] = code("two");
    });
    run.expect(Outcome::Converged).await;
    assert_eq!(versions(&run), [1, 2], "version 1 is in use");
    {
        let mut state = run.model.state();
        let mut published = state.lambda.aspects.versions.current("team-demo").cloned().unwrap();
        let theirs = published[&1].clone();
        published.insert(3, theirs);
        state.lambda.aspects.versions.put("team-demo", Some(published), Lag::NONE);
        state.lambda.aspects.last_versions.insert("team-demo".to_owned(), 3);
    }
    run.edit(|object| drop(object["spec"]["aliases"].as_array_mut().unwrap().pop()));
    sleep(Duration::from_mins(2)).await;
    run.expect(Outcome::Converged).await;
    assert_eq!(
        versions(&run),
        [3, 4],
        "3 is somebody else's and not what the function is; 1 and 2 have had their time"
    );
}

/// An alias of which somebody else shifts the weights is left alone unless the spec gives weights.
#[tokio::test(start_paused = true)]
async fn weights_that_the_spec_does_not_give_are_left_alone() {
    for (given, kept) in [(json!(null), true), (json!({}), false)] {
        let mut run = Run::<LambdaFunction>::converged(&case(), Lag::NONE).await;
        run.edit(|object| {
            object["spec"]["aliases"][0]["weights"] = given.clone();
            object["spec"]["versions"] = json!({});
            object["spec"]["code"] = json!({ "inline": { "index.js": "two" } });
        });
        run.expect(Outcome::Converged).await;
        {
            let mut state = run.model.state();
            let mut aliases = state.lambda.aspects.aliases.current("team-demo").cloned().unwrap();
            aliases.get_mut("live").unwrap().weights.insert("1".to_owned(), 0.5);
            state.lambda.aspects.aliases.put("team-demo", Some(aliases), Lag::NONE);
        }
        sleep(Duration::from_mins(2)).await;
        run.expect(Outcome::Converged).await;
        let state = run.model.state();
        let alias = state.lambda.aspects.aliases.current("team-demo").unwrap()["live"].clone();
        assert_eq!(alias.weights.contains_key("1"), kept, "{given}");
    }
}

/// A mapping of the same source that somebody else made is refused, not taken.
#[tokio::test(start_paused = true)]
async fn a_mapping_of_somebody_else_is_refused() {
    let mut run = Run::<LambdaFunction>::converged(&case(), Lag::NONE).await;
    run.model.drift(&run.uid, Drift::Aspect(AspectDrift::AddForeign));
    let content = run.model.content();
    run.edit(|object| {
        object["spec"]["eventSources"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "arn": "arn:aws:sqs:ap-northeast-1:123456789012:foreign" }));
    });
    run.expect(Outcome::Refused).await;
    assert_eq!(run.model.content(), content);
    let message = run.object().unwrap()["status"]["conditions"][0]["message"].clone();
    assert!(message.as_str().unwrap().starts_with("spec.eventSources: event source mapping"), "{message}");
}
