use std::{collections::BTreeMap, sync::Arc};

use futures::{FutureExt, TryFutureExt};
use serde_json::{Value, json};

use super::*;
use crate::cloud::sdk::replay::{Answer, Replay, lambda_error, ok};

fn lambda(answers: impl IntoIterator<Item = Answer>) -> (SdkLambda, Arc<Replay>) {
    let replay = Replay::new(answers);
    (SdkLambda::new(&replay.config(), replay.clone()), replay)
}

fn configuration() -> Value {
    json!({
        "FunctionName": "f", "FunctionArn": "arn:f", "Runtime": "nodejs24.x", "Role": "arn:r",
        "Handler": "index.handler", "Timeout": 3, "MemorySize": 128, "CodeSha256": "sha", "RevisionId": "rev",
        "Environment": {"Variables": {"PASSWORD": "hunter2"}}, "State": "Active", "StateReason": "why",
        "StateReasonCode": "Idle", "LastUpdateStatus": "InProgress", "LastUpdateStatusReason": "because",
        "Architectures": ["arm64"], "PackageType": "Zip",
    })
}

fn environment() -> Environment {
    Sensitive(BTreeMap::from([("PASSWORD".to_owned(), "hunter2".to_owned())]))
}

fn one() -> Function {
    Function {
        name: "f".to_owned(),
        arn: "arn:f".to_owned(),
        state: "Active".to_owned(),
        state_reason: Some("why".to_owned()),
        state_reason_code: Some("Idle".to_owned()),
        last_update_status: Some("InProgress".to_owned()),
        last_update_reason: Some("because".to_owned()),
        runtime: Some("nodejs24.x".to_owned()),
        handler: Some("index.handler".to_owned()),
        architecture: "arm64".to_owned(),
        memory_size: 128,
        timeout_seconds: 3,
        environment: environment(),
        role: "arn:r".to_owned(),
        code_sha256: "sha".to_owned(),
        revision_id: "rev".to_owned(),
        tags: Some(Tags::from([("k".to_owned(), "v".to_owned())])),
        reserved_concurrency: Some(0),
    }
}

#[tokio::test]
async fn a_function() {
    let answer = json!({
        "Configuration": configuration(), "Tags": {"k": "v"}, "Code": {"Location": "https://presigned"},
        "Concurrency": {"ReservedConcurrentExecutions": 0},
    });
    let (lambda, _) =
        lambda([ok(&answer.to_string()), lambda_error(404, "ResourceNotFoundException", "Function not found")]);
    let function = lambda.function("f").await.unwrap().unwrap();
    assert_eq!(function, one());
    assert!(!format!("{function:?}").contains("hunter2"));
    assert_eq!(lambda.function("f").await, Ok(None));
}

#[tokio::test]
async fn unreadable_tags_are_a_fault_and_not_the_lack_of_tags() {
    let answer = json!({
        "Configuration": configuration(),
        "TagsError": {"ErrorCode": "AccessDeniedException", "Message": "not authorized: lambda:ListTags"},
    });
    let (lambda, _) = lambda([ok(&answer.to_string()), ok(&json!({"Configuration": configuration()}).to_string())]);
    assert_eq!(lambda.function("f").await.unwrap_err().code, "AccessDeniedException");
    assert_eq!(lambda.function("f").await.unwrap().unwrap().tags, Some(Tags::new()));
}

#[tokio::test]
async fn a_list_has_no_environments() {
    let (lambda, replay) = lambda([
        ok(&json!({"Functions": [configuration()], "NextMarker": "m"}).to_string()),
        ok(&json!({"Functions": [configuration()]}).to_string()),
    ]);
    let listed = Function { environment: Environment::default(), tags: None, ..one() };
    assert_eq!(lambda.functions().await, Ok(vec![listed.clone(), listed]));
    let uris = replay.uris();
    assert!(uris[0].ends_with("/2015-03-31/functions?MaxItems=50"), "{}", uris[0]);
    assert!(uris[1].contains("Marker=m") && uris[1].contains("MaxItems=50"), "{}", uris[1]);
}

fn new_function() -> NewFunction {
    NewFunction {
        name: "f".to_owned(),
        runtime: "nodejs24.x".to_owned(),
        handler: "index.handler".to_owned(),
        architecture: Some("arm64".to_owned()),
        environment: Some(environment()),
        role: "arn:r".to_owned(),
        zip: Sensitive(b"zip".to_vec()),
        tags: Tags::from([("k".to_owned(), "v".to_owned())]),
        ..NewFunction::default()
    }
}

#[tokio::test]
async fn a_create() {
    let (lambda, replay) = lambda([ok(&configuration().to_string())]);
    assert_eq!(lambda.create_function(&new_function()).await, Ok(one()));
    assert_eq!(
        serde_json::from_str::<Value>(&replay.bodies()[0]).unwrap(),
        json!({
            "FunctionName": "f", "PackageType": "Zip", "Publish": false, "Runtime": "nodejs24.x",
            "Handler": "index.handler", "Architectures": ["arm64"], "Role": "arn:r",
            "Code": {"ZipFile": "emlw"}, "Environment": {"Variables": {"PASSWORD": "hunter2"}}, "Tags": {"k": "v"},
        })
    );
}

#[tokio::test]
async fn updates_are_tied_to_a_revision() {
    let (lambda, replay) = lambda([ok("{}"), ok("{}")]);
    let change = ConfigurationChange {
        name: "f".to_owned(),
        revision_id: "rev".to_owned(),
        environment: Some(Environment::default()),
        ..ConfigurationChange::default()
    };
    lambda.update_configuration(&change).await.unwrap();
    let change = CodeChange {
        name: "f".to_owned(),
        revision_id: "rev".to_owned(),
        zip: Sensitive(b"zip".to_vec()),
        architecture: None,
        current_architecture: "arm64".to_owned(),
    };
    lambda.update_code(&change).await.unwrap();
    let bodies: Vec<Value> = replay.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(bodies[0], json!({"RevisionId": "rev", "Environment": {"Variables": {}}}));
    assert_eq!(
        bodies[1],
        json!({"RevisionId": "rev", "ZipFile": "emlw", "Publish": false, "Architectures": ["arm64"]})
    );
}

#[tokio::test]
async fn a_function_that_is_gone_needs_no_deletion() {
    let (lambda, _) = lambda([
        lambda_error(404, "ResourceNotFoundException", ""),
        lambda_error(409, "ResourceConflictException", ""),
    ]);
    assert_eq!(lambda.delete_function("f").await, Ok(()));
    assert_eq!(lambda.delete_function("f").await.unwrap_err().code, "ResourceConflictException");
}

#[tokio::test(start_paused = true)]
async fn writes_are_sent_once_and_reads_three_times() {
    let replay = Replay::always(Answer::Http(500, None, String::new()));
    let lambda = SdkLambda::new(&replay.config(), replay.clone());
    let new = new_function();
    let configuration = ConfigurationChange { name: "f".to_owned(), ..ConfigurationChange::default() };
    let code = CodeChange { name: "f".to_owned(), ..CodeChange::default() };
    let (tags, keys) = (Tags::from([("k".to_owned(), "v".to_owned())]), BTreeSet::from(["k".to_owned()]));
    for write in [
        lambda.create_function(&new).map_ok(drop).boxed(),
        lambda.update_configuration(&configuration),
        lambda.update_code(&code),
        lambda.delete_function("f"),
        lambda.tag("arn:f", &tags),
        lambda.untag("arn:f", &keys),
    ] {
        assert_eq!(replay.attempts(write).await, 1);
    }
    for read in [lambda.function("f").map_ok(drop).boxed(), lambda.functions().map_ok(drop).boxed()] {
        assert_eq!(replay.attempts(read).await, 3);
    }
}
