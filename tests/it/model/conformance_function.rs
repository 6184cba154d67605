//! What the model does of AWS Lambda's and S3's ways, with the pages that say so.

use std::time::Duration;

use privatelink_operator::cloud::{
    iam::{Iam, NewRole},
    lambda::{CodeChange, CodeSource, ConfigurationChange, Functions, NewFunction, PackageType, Settings, VpcConfig},
    s3::S3,
    sensitive::Sensitive,
};
use serde_json::json;
use tokio::time::sleep;

use crate::support::model::{Model, ec2::Network, lambda::code_sha256};

use super::conformance::code;

const INVALID: &str = "InvalidParameterValueException";

fn zip(text: &str) -> CodeSource {
    CodeSource::Zip(Sensitive(text.as_bytes().to_vec()))
}

fn in_s3(version: Option<&str>) -> CodeSource {
    CodeSource::S3 { bucket: "b".to_owned(), key: "k".to_owned(), version: version.map(str::to_owned) }
}

fn new(role: &str, code: CodeSource) -> NewFunction {
    let zip = code.package_type() == PackageType::Zip;
    let settings = Settings {
        runtime: zip.then(|| "nodejs22.x".to_owned()),
        handler: zip.then(|| "index.handler".to_owned()),
        role: Some(role.to_owned()),
        ..Settings::default()
    };
    NewFunction { name: "f".to_owned(), settings, code, ..NewFunction::default() }
}

fn change(settings: Settings) -> ConfigurationChange {
    ConfigurationChange { name: "f".to_owned(), settings, ..ConfigurationChange::default() }
}

fn deploy(code: CodeSource) -> CodeChange {
    CodeChange { name: "f".to_owned(), code, ..CodeChange::default() }
}

async fn with_role() -> (Model, String) {
    let model = Model::with_network();
    let trust = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let role = NewRole { name: "r".into(), path: "/".into(), trust_policy: trust.to_string(), ..NewRole::default() };
    let role = model.create_role(&role).await.unwrap();
    sleep(Duration::from_mins(1)).await;
    (model, role.arn)
}

async fn settled(model: &Model) {
    sleep(Duration::from_secs(10)).await;
    assert_eq!(model.function("f").await.unwrap().unwrap().last_update_status.as_deref(), Some("Successful"));
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>: what is left out stays, and what
/// is empty goes.
#[tokio::test(start_paused = true)]
async fn an_update_touches_what_it_names() {
    let (model, role) = with_role().await;
    model.create_function(&new(&role, zip("PK"))).await.unwrap();
    settled(&model).await;
    let settings = Settings {
        layers: Some(vec!["layer".to_owned()]),
        dead_letter_target_arn: Some("queue".to_owned()),
        ..Settings::default()
    };
    model.update_configuration(&change(settings)).await.unwrap();
    settled(&model).await;
    model.update_configuration(&change(Settings { layers: Some(Vec::new()), ..Settings::default() })).await.unwrap();
    settled(&model).await;
    let settings = model.function("f").await.unwrap().unwrap().settings;
    assert_eq!(settings.layers, Some(Vec::new()));
    assert_eq!((settings.dead_letter_target_arn.as_deref(), settings.memory_size), (Some("queue"), Some(128)));
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>: subnets and groups exist, are of one VPC, and
/// come or go together.
#[tokio::test(start_paused = true)]
async fn a_vpc_is_whole_or_not_there() {
    let (model, role) = with_role().await;
    model.create_function(&new(&role, zip("PK"))).await.unwrap();
    settled(&model).await;
    let vpc = |subnets: &[&str], groups: &[&str]| {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let vpc = VpcConfig { subnets: ids(subnets), security_groups: ids(groups), ..VpcConfig::default() };
        change(Settings { vpc: Some(vpc), ..Settings::default() })
    };
    for (subnets, groups) in [
        (&[Network::SUBNETS[0]][..], &[][..]),
        (&[], &[Network::GROUP]),
        (&["subnet-0f"], &[Network::GROUP]),
        (&[Network::SUBNETS[0]], &["sg-0f"]),
    ] {
        assert_eq!(code(model.update_configuration(&vpc(subnets, groups)).await), INVALID, "{subnets:?} {groups:?}");
    }
    model.update_configuration(&vpc(&[Network::SUBNETS[0]], &[Network::GROUP])).await.unwrap();
    settled(&model).await;
    assert_eq!(model.function("f").await.unwrap().unwrap().vpc_id.as_deref(), Some(Network::VPC));
    model.update_configuration(&vpc(&[], &[])).await.unwrap();
    settled(&model).await;
    assert_eq!(model.function("f").await.unwrap().unwrap().vpc_id, None);
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html>: the package type stays, and the digest of
/// an image is resolved when it is deployed.
#[tokio::test(start_paused = true)]
async fn an_image_stays_an_image() {
    let (model, role) = with_role().await;
    model.create_function(&new(&role, CodeSource::Image("repo:1".to_owned()))).await.unwrap();
    settled(&model).await;
    assert_eq!(code(model.update_code(&deploy(zip("PK"))).await), INVALID);
    let function = model.function("f").await.unwrap().unwrap();
    assert_eq!((function.package_type, function.image_uri.as_deref()), (PackageType::Image, Some("repo:1")));
    assert!(function.resolved_image_uri.is_some_and(|uri| uri.starts_with("repo@sha256:")));
    assert_eq!(model.functions().await.unwrap()[0].image_uri, None, "a list does not show it");
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html> and
/// <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html>: a version, or the latest.
#[tokio::test(start_paused = true)]
async fn an_object_in_s3_has_versions_or_an_etag() {
    let (model, role) = with_role().await;
    assert_eq!(code(model.create_function(&new(&role, in_s3(None))).await), INVALID);
    assert_eq!(model.head_object("b", "k").await, Ok(None));
    model.put_object("b", "k", Some("1"), b"PK one");
    model.put_object("b", "k", Some("2"), b"PK two");
    assert_eq!(model.head_object("b", "k").await.unwrap().unwrap().version.as_deref(), Some("2"));
    let made = model.create_function(&new(&role, in_s3(Some("1")))).await.unwrap();
    assert_eq!(made.code_sha256, code_sha256(b"PK one"));
    settled(&model).await;
    assert_eq!(model.update_code(&deploy(in_s3(None))).await, Ok(code_sha256(b"PK two")));
    settled(&model).await;
    assert_eq!(code(model.update_code(&deploy(in_s3(Some("3")))).await), INVALID);

    model.put_object("b", "plain", None, b"PK one");
    let first = model.head_object("b", "plain").await.unwrap().unwrap();
    model.put_object("b", "plain", None, b"PK two");
    let second = model.head_object("b", "plain").await.unwrap().unwrap();
    assert_eq!((first.version, second.version), (None, None));
    assert_ne!(first.etag, second.etag);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>: what fails says why, and a failed update leaves
/// the function as it was.
#[tokio::test(start_paused = true)]
async fn failures_have_codes_and_reasons() {
    let (model, role) = with_role().await;
    model.create_function(&new(&role, zip("PK one"))).await.unwrap();
    settled(&model).await;
    model.state().lambda.failing_updates = Some(("EniLimitExceeded", "why"));
    model.update_code(&deploy(zip("PK two"))).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let function = model.function("f").await.unwrap().unwrap();
    assert_eq!((function.state.as_str(), function.last_update_status.as_deref()), ("Active", Some("Failed")));
    assert_eq!(function.last_update_reason_code.as_deref(), Some("EniLimitExceeded"));
    assert_eq!(function.last_update_reason.as_deref(), Some("why"));
    assert_eq!(function.code_sha256, code_sha256(b"PK one"));

    model.state().lambda.failing_creations = Some(("InvalidSubnet", "why"));
    model.create_function(&NewFunction { name: "g".to_owned(), ..new(&role, zip("PK")) }).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let function = model.function("g").await.unwrap().unwrap();
    assert_eq!((function.state.as_str(), function.state_reason_code.as_deref()), ("Failed", Some("InvalidSubnet")));
}
