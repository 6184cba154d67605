//! The traps that AWS sets around a function's aspects, one test for each, with the page that it comes from.

use std::time::Duration;

use privatelink_operator::cloud::{
    fault::Fault,
    iam::{Iam, NewRole},
    lambda::{
        Aliases, CodeChange, CodeSource, Controls, EventSources, Functions, NewFunction, Policies, Revision, Settings,
        Urls, Versions,
        aliases::AliasChange,
        event_sources::{MappingChange, MappingSettings, NewMapping},
        policies::NewPermission,
        urls::UrlChange,
        versions::Publication,
    },
    ownership::Tags,
    sensitive::Sensitive,
};
use serde_json::json;
use tokio::time::sleep;

use crate::support::model::{Model, lambda::code_sha256};

const QUEUE: &str = "arn:aws:sqs:ap-northeast-1:123456789012:orders";

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn code<T: std::fmt::Debug>(answer: Result<T, Fault>) -> String {
    answer.unwrap_err().code
}

fn zip(text: &str) -> Sensitive<Vec<u8>> {
    Sensitive(format!("PK {text}").into_bytes())
}

/// A model with an active function `f`.
async fn with_function() -> Model {
    let model = Model::with_network();
    let trust = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let role = NewRole { name: "fn".into(), path: "/".into(), trust_policy: trust.to_string(), ..NewRole::default() };
    let role = model.create_role(&role).await.unwrap().arn;
    sleep(seconds(60)).await;
    let settings = Settings {
        runtime: Some("nodejs22.x".into()),
        handler: Some("index.handler".into()),
        role: Some(role),
        ..Settings::default()
    };
    let new = NewFunction { name: "f".into(), settings, code: CodeSource::Zip(zip("one")), ..NewFunction::default() };
    model.create_function(&new).await.unwrap();
    sleep(seconds(60)).await;
    model
}

async fn revision(model: &Model) -> String {
    model.function("f").await.unwrap().unwrap().revision_id
}

fn publication(code: &str) -> Publication {
    Publication { function: "f".into(), code_sha256: code_sha256(&zip(code)), ..Publication::default() }
}

async fn deploy(model: &Model, code: &str) {
    let change = CodeChange { name: "f".into(), code: CodeSource::Zip(zip(code)), ..CodeChange::default() };
    model.update_code(&change).await.unwrap();
    sleep(seconds(60)).await;
}

fn alias(version: &str) -> AliasChange {
    AliasChange { function: "f".into(), name: "live".into(), version: Some(version.into()), ..AliasChange::default() }
}

fn permission(statement_id: &str) -> NewPermission {
    NewPermission {
        function: "f".into(),
        statement_id: statement_id.into(),
        principal: "s3.amazonaws.com".into(),
        action: "lambda:InvokeFunction".into(),
        ..NewPermission::default()
    }
}

fn mapping() -> NewMapping {
    NewMapping { function: "f".into(), source_arn: QUEUE.into(), ..NewMapping::default() }
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>: nothing is published when neither code nor
/// configuration have changed since the last version.
#[tokio::test(start_paused = true)]
async fn publishing_twice_makes_one_version() {
    let model = with_function().await;
    assert_eq!(model.publish_version(&publication("one")).await, Ok(1));
    let again = Publication { description: Some("another".into()), ..publication("one") };
    assert_eq!(model.publish_version(&again).await, Ok(1));
    assert_eq!(code(model.publish_version(&publication("two")).await), "InvalidParameterValueException");
    deploy(&model, "two").await;
    assert_eq!(model.publish_version(&publication("two")).await, Ok(2));
}

/// The same page, `RevisionId`: publishing gives the function itself a new revision.
#[tokio::test(start_paused = true)]
async fn publishing_moves_the_revision_of_the_function() {
    let model = with_function().await;
    let before = revision(&model).await;
    let first = Publication { revision_id: Revision::from(before.as_str()), ..publication("one") };
    model.publish_version(&first).await.unwrap();
    assert_ne!(revision(&model).await, before);
    assert_eq!(code(model.publish_version(&first).await), "PreconditionFailedException");
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html>: a version is pending at first, and
/// numbers are not used again, even after the function was deleted and made anew.
#[tokio::test(start_paused = true)]
async fn a_version_is_pending_and_its_number_is_used_once() {
    let model = with_function().await;
    model.publish_version(&publication("one")).await.unwrap();
    assert_eq!(model.version("f", 1).await.unwrap().unwrap().state, "Pending");
    sleep(seconds(60)).await;
    assert_eq!(model.version("f", 1).await.unwrap().unwrap().state, "Active");
    model.delete_version("f", 1).await.unwrap();
    assert_eq!(model.version("f", 1).await, Ok(None));
    assert_eq!(model.publish_version(&publication("one")).await, Ok(2));
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html>: a version that an alias references can't be
/// deleted.
#[tokio::test(start_paused = true)]
async fn a_version_in_use_is_not_deleted() {
    let model = with_function().await;
    model.publish_version(&publication("one")).await.unwrap();
    model.create_alias(&alias("1")).await.unwrap();
    assert_eq!(code(model.delete_version("f", 1).await), "ResourceConflictException");
    model.delete_alias("f", "live").await.unwrap();
    model.delete_version("f", 1).await.unwrap();
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>
#[tokio::test(start_paused = true)]
async fn an_alias_has_one_other_version_at_most_and_neither_twice_nor_latest() {
    let model = with_function().await;
    assert_eq!(code(model.create_alias(&alias("1")).await), "ResourceNotFoundException");
    model.publish_version(&publication("one")).await.unwrap();
    let weighted = |version: &str, weights: &[&str]| AliasChange {
        weights: Some(weights.iter().map(|version| ((*version).to_owned(), 0.1)).collect()),
        ..alias(version)
    };
    for (version, weights) in [("1", &["1"][..]), ("$LATEST", &["1"])] {
        assert_eq!(code(model.create_alias(&weighted(version, weights)).await), "InvalidParameterValueException");
    }
    deploy(&model, "two").await;
    model.publish_version(&publication("two")).await.unwrap();
    model.create_alias(&weighted("1", &["2"])).await.unwrap();
    assert_eq!(code(model.create_alias(&alias("1")).await), "ResourceConflictException");
    assert_eq!(
        code(model.update_alias(&alias("2")).await),
        "InvalidParameterValueException",
        "weights stay as they are"
    );
    model.update_alias(&weighted("2", &[])).await.unwrap();
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html>, `RevisionId`, and
/// <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>: an alias has a revision of its own, which its
/// policy shares.
#[tokio::test(start_paused = true)]
async fn an_alias_has_a_revision_that_its_policy_moves() {
    let model = with_function().await;
    model.create_alias(&alias("$LATEST")).await.unwrap();
    let function = revision(&model).await;
    let before = model.aliases("f").await.unwrap()[0].revision_id.clone();
    model.add_permission(&NewPermission { qualifier: Some("live".into()), ..permission("s") }).await.unwrap();
    let stale = AliasChange { revision_id: Revision::from(before.as_str()), ..alias("$LATEST") };
    assert_eq!(code(model.update_alias(&stale).await), "PreconditionFailedException");
    assert_eq!(revision(&model).await, function);
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>: no two statements of one id, a revision that
/// is the function's, and another representation than what was sent.
#[tokio::test(start_paused = true)]
async fn a_statement_is_not_replaced_and_moves_the_revision_of_the_function() {
    let model = with_function().await;
    assert_eq!(model.policy("f", None).await, Ok(None));
    let before = revision(&model).await;
    let guarded = NewPermission { revision_id: Revision::from(before.as_str()), ..permission("s") };
    model.add_permission(&guarded).await.unwrap();
    assert_ne!(revision(&model).await, before);
    let other = NewPermission { statement_id: "t".into(), ..guarded };
    assert_eq!(code(model.add_permission(&other).await), "PreconditionFailedException");
    assert_eq!(code(model.add_permission(&permission("s")).await), "ResourceConflictException");
    let account = NewPermission {
        principal: "123456789012".into(),
        source_arn: Some("arn:aws:s3:::b".into()),
        ..permission("t")
    };
    model.add_permission(&account).await.unwrap();
    let policy = model.policy("f", None).await.unwrap().unwrap();
    assert_eq!(policy.statements[1]["Principal"], json!({ "AWS": "arn:aws:iam::123456789012:root" }));
    assert_eq!(policy.statements[1]["Condition"], json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:s3:::b" } }));
    assert_eq!(policy.revision_id, revision(&model).await);
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html> and
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html>
#[tokio::test(start_paused = true)]
async fn provisioned_concurrency_takes_time_a_version_and_no_more_than_is_reserved() {
    let model = with_function().await;
    model.create_alias(&alias("$LATEST")).await.unwrap();
    assert_eq!(code(model.put_provisioned_concurrency("f", "live", 2).await), "InvalidParameterValueException");
    model.publish_version(&publication("one")).await.unwrap();
    model.update_alias(&alias("1")).await.unwrap();
    model.put_concurrency("f", 1).await.unwrap();
    assert_eq!(code(model.put_provisioned_concurrency("f", "live", 2).await), "InvalidParameterValueException");
    model.put_concurrency("f", 2).await.unwrap();
    model.put_provisioned_concurrency("f", "live", 2).await.unwrap();
    assert_eq!(code(model.put_concurrency("f", 1).await), "InvalidParameterValueException");
    assert_eq!(model.provisioned_concurrency("f").await.unwrap()[0].status, "IN_PROGRESS");
    sleep(seconds(60)).await;
    assert_eq!(model.provisioned_concurrency("f").await.unwrap()[0].status, "READY");
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html>
#[tokio::test(start_paused = true)]
async fn a_function_has_one_url() {
    let model = with_function().await;
    let new = UrlChange { function: "f".into(), auth_type: Some("NONE".into()), ..UrlChange::default() };
    assert_eq!(code(model.update_url(&new).await), "ResourceNotFoundException");
    model.create_url(&new).await.unwrap();
    assert_eq!(code(model.create_url(&new).await), "ResourceConflictException");
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>: no token, and no second mapping of
/// the same source.
#[tokio::test(start_paused = true)]
async fn a_source_has_one_mapping_to_a_function() {
    let model = with_function().await;
    let uuid = model.create_mapping(&mapping()).await.unwrap();
    let again = model.create_mapping(&mapping()).await.unwrap_err();
    assert_eq!(again.code, "ResourceConflictException");
    assert!(again.message.contains(&uuid), "{}", again.message);
    let stream = NewMapping { source_arn: "arn:aws:kinesis:ap-northeast-1:123456789012:stream/s".into(), ..mapping() };
    assert_eq!(code(model.create_mapping(&stream).await), "InvalidParameterValueException");
    let large = MappingSettings { batch_size: Some(11), ..MappingSettings::default() };
    let change = MappingChange { uuid, source_arn: QUEUE.into(), settings: large };
    sleep(seconds(60)).await;
    assert_eq!(code(model.update_mapping(&change).await), "InvalidParameterValueException");
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>: one change at a time; and
/// <https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html>: mappings are not deleted with the function.
#[tokio::test(start_paused = true)]
async fn a_mapping_is_busy_for_a_while_and_outlives_its_function() {
    let model = with_function().await;
    let tags = Tags::from([("k".into(), "v".into())]);
    let uuid = model.create_mapping(&NewMapping { tags: tags.clone(), ..mapping() }).await.unwrap();
    let change = MappingChange { uuid: uuid.clone(), source_arn: QUEUE.into(), ..MappingChange::default() };
    assert_eq!(code(model.update_mapping(&change).await), "ResourceInUseException");
    sleep(seconds(60)).await;
    model.delete_function("f").await.unwrap();
    sleep(seconds(60)).await;
    let left = model.mappings(None).await.unwrap();
    assert_eq!(left[0].uuid, uuid);
    assert_eq!(model.mapping_tags(&left[0].arn).await, Ok(tags));
    assert_eq!(code(model.mappings(Some("f")).await), "ResourceNotFoundException");
    model.delete_mapping(&uuid).await.unwrap();
    assert_eq!(model.mappings(None).await.unwrap()[0].state, "Deleting");
    sleep(seconds(60)).await;
    assert_eq!(model.mappings(None).await, Ok(vec![]));
}
