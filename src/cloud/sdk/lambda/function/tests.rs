use std::{collections::BTreeMap, sync::Arc};

use futures::{FutureExt, TryFutureExt};
use serde_json::{Value, json};

use super::*;
use crate::{
    cloud::{
        lambda::{Environment, FileSystemConfig, ImageConfig, LoggingConfig, Settings, VpcConfig},
        sdk::replay::{Answer, Replay, lambda_error, ok},
        sensitive::Sensitive,
    },
    engine::fence,
};

fn lambda(answers: impl IntoIterator<Item = Answer>) -> (SdkLambda, Arc<Replay>) {
    let replay = Replay::new(answers);
    (SdkLambda::new(&replay.config(), replay.caller(), &fence::tests::open()), replay)
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

/// What AWS has where the answer says nothing.
fn settings() -> Settings {
    Settings {
        description: Some(String::new()),
        runtime: Some("nodejs24.x".to_owned()),
        handler: Some("index.handler".to_owned()),
        memory_size: Some(128),
        timeout_seconds: Some(3),
        ephemeral_storage_size: None,
        layers: Some(Vec::new()),
        environment: Some(environment()),
        vpc: Some(VpcConfig::default()),
        tracing: Some("PassThrough".to_owned()),
        logging: Some(LoggingConfig {
            format: "Text".to_owned(),
            group: "/aws/lambda/f".to_owned(),
            ..Default::default()
        }),
        kms_key_arn: Some(String::new()),
        dead_letter_target_arn: Some(String::new()),
        file_systems: Some(Vec::new()),
        image_config: Some(ImageConfig::default()),
        snap_start: Some("None".to_owned()),
        role: Some("arn:r".to_owned()),
    }
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
        settings: settings(),
        architecture: "arm64".to_owned(),
        code_sha256: "sha".to_owned(),
        revision_id: "rev".to_owned(),
        tags: Some(Tags::from([("k".to_owned(), "v".to_owned())])),
        ..Function::default()
    }
}

/// Each setting as AWS writes it, and as the port has it.
fn every_setting() -> (Value, Settings) {
    let wire = json!({
        "Description": "d", "Runtime": "python3.13", "Handler": "a.b", "MemorySize": 256, "Timeout": 9,
        "EphemeralStorage": {"Size": 1024}, "Layers": ["arn:l:1", "arn:k:2"],
        "Environment": {"Variables": {"PASSWORD": "hunter2"}},
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "Ipv6AllowedForDualStack": true},
        "TracingConfig": {"Mode": "Active"},
        "LoggingConfig": {
            "LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "DEBUG", "LogGroup": "/g",
        },
        "KMSKeyArn": "arn:kms", "DeadLetterConfig": {"TargetArn": "arn:sqs"},
        "FileSystemConfigs": [{"Arn": "arn:fs", "LocalMountPath": "/mnt/a"}],
        "ImageConfig": {"EntryPoint": ["/e"], "Command": ["c"], "WorkingDirectory": "/w"},
        "SnapStart": {"ApplyOn": "PublishedVersions"}, "Role": "arn:r2",
    });
    let settings = Settings {
        description: Some("d".to_owned()),
        runtime: Some("python3.13".to_owned()),
        handler: Some("a.b".to_owned()),
        memory_size: Some(256),
        timeout_seconds: Some(9),
        ephemeral_storage_size: Some(1024),
        layers: Some(vec!["arn:l:1".to_owned(), "arn:k:2".to_owned()]),
        environment: Some(environment()),
        vpc: Some(VpcConfig {
            subnets: ["subnet-1".to_owned()].into(),
            security_groups: ["sg-1".to_owned()].into(),
            ipv6_allowed_for_dual_stack: true,
        }),
        tracing: Some("Active".to_owned()),
        logging: Some(LoggingConfig {
            format: "JSON".to_owned(),
            application_level: Some("WARN".to_owned()),
            system_level: Some("DEBUG".to_owned()),
            group: "/g".to_owned(),
        }),
        kms_key_arn: Some("arn:kms".to_owned()),
        dead_letter_target_arn: Some("arn:sqs".to_owned()),
        file_systems: Some(vec![FileSystemConfig { arn: "arn:fs".to_owned(), local_mount_path: "/mnt/a".to_owned() }]),
        image_config: Some(ImageConfig {
            entry_point: vec!["/e".to_owned()],
            command: vec!["c".to_owned()],
            working_directory: "/w".to_owned(),
        }),
        snap_start: Some("PublishedVersions".to_owned()),
        role: Some("arn:r2".to_owned()),
    };
    (wire, settings)
}

#[tokio::test]
async fn every_setting_is_sent_and_read() {
    let (mut wire, settings) = every_setting();
    let change =
        ConfigurationChange { name: "f".to_owned(), revision_id: "rev".to_owned(), settings: settings.clone() };
    let new = NewFunction { name: "f".to_owned(), settings: settings.clone(), ..NewFunction::default() };
    let mut answer = configuration();
    answer.as_object_mut().unwrap().extend(wire.as_object().unwrap().clone());
    answer["Layers"] = json!([{"Arn": "arn:l:1", "CodeSize": 1}, {"Arn": "arn:k:2"}]);
    answer["ImageConfigResponse"] = json!({"ImageConfig": answer["ImageConfig"]});
    answer["VpcConfig"]["VpcId"] = json!("vpc-1");
    let (lambda, replay) = lambda([ok("{}"), ok(&answer.to_string())]);
    lambda.update_configuration(&change).await.unwrap();
    let made = lambda.create_function(&new).await.unwrap();
    assert_eq!((made.settings, made.vpc_id), (settings, Some("vpc-1".to_owned())));
    let bodies: Vec<Value> = replay.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    for (field, value) in wire.as_object().unwrap() {
        assert_eq!(&bodies[1][field], value, "{field}");
    }
    wire["RevisionId"] = json!("rev");
    assert_eq!(bodies[0], wire);
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>: what is left out stays.
#[tokio::test]
async fn what_is_to_go_is_sent_empty() {
    let (lambda, replay) = lambda([ok("{}")]);
    let settings = Settings {
        description: Some(String::new()),
        layers: Some(Vec::new()),
        environment: Some(Environment::default()),
        vpc: Some(VpcConfig::default()),
        kms_key_arn: Some(String::new()),
        dead_letter_target_arn: Some(String::new()),
        file_systems: Some(Vec::new()),
        image_config: Some(ImageConfig::default()),
        ..Settings::default()
    };
    let change = ConfigurationChange { name: "f".to_owned(), revision_id: "rev".to_owned(), settings };
    lambda.update_configuration(&change).await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&replay.bodies()[0]).unwrap(),
        json!({
            "RevisionId": "rev", "Description": "", "Layers": [], "Environment": {"Variables": {}},
            "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": false},
            "KMSKeyArn": "", "DeadLetterConfig": {"TargetArn": ""}, "FileSystemConfigs": [], "ImageConfig": {},
        })
    );
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentResponse.html>: variables that the caller may not
/// decrypt are not the same as none.
#[tokio::test]
async fn what_aws_cannot_show_is_not_taken_for_empty() {
    let mut answer = configuration();
    answer["Environment"] = json!({"Error": {"ErrorCode": "AccessDeniedException", "Message": "no kms:Decrypt"}});
    let (lambda, _) = lambda([ok(&json!({"Configuration": answer}).to_string())]);
    let function = lambda.function("f").await.unwrap().unwrap();
    assert_eq!(function.settings.environment, None);
    assert_eq!(function.hidden.as_deref(), Some("AccessDeniedException: no kms:Decrypt"));
}

#[tokio::test]
async fn each_source_of_code() {
    let s3 = CodeSource::S3 { bucket: "b".to_owned(), key: "k".to_owned(), version: Some("v".to_owned()) };
    let image = CodeSource::Image("repo:tag".to_owned());
    for (code, package_type, wire) in [
        (s3, "Zip", json!({"S3Bucket": "b", "S3Key": "k", "S3ObjectVersion": "v"})),
        (image, "Image", json!({"ImageUri": "repo:tag"})),
    ] {
        let (lambda, replay) = lambda([ok(&configuration().to_string()), ok(r#"{"CodeSha256": "new"}"#)]);
        let new = NewFunction { name: "f".to_owned(), code: code.clone(), ..NewFunction::default() };
        lambda.create_function(&new).await.unwrap();
        let change = CodeChange { name: "f".to_owned(), code, ..CodeChange::default() };
        assert_eq!(lambda.update_code(&change).await.as_deref(), Ok("new"));
        let bodies: Vec<Value> = replay.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        assert_eq!((&bodies[0]["PackageType"], &bodies[0]["Code"]), (&json!(package_type), &wire));
        for (field, value) in wire.as_object().unwrap() {
            assert_eq!(&bodies[1][field], value, "{field}");
        }
    }
}

#[tokio::test]
async fn an_image_is_shown_by_tag_and_digest() {
    let mut answer = configuration();
    answer["PackageType"] = json!("Image");
    let code = json!({"ImageUri": "repo:tag", "ResolvedImageUri": "repo@sha256:1", "SourceKMSKeyArn": "arn:kms"});
    let (lambda, _) = lambda([ok(&json!({"Configuration": answer, "Code": code}).to_string())]);
    let function = lambda.function("f").await.unwrap().unwrap();
    assert_eq!(function.package_type, PackageType::Image);
    assert_eq!(
        (function.image_uri, function.resolved_image_uri),
        (Some("repo:tag".to_owned()), Some("repo@sha256:1".to_owned()))
    );
    assert_eq!(function.source_kms_key_arn, "arn:kms");
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
    assert_eq!(function, Function { reserved_concurrency: Some(0), ..one() });
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
    let mut listed = Function { tags: None, ..one() };
    listed.settings.environment = Some(Environment::default());
    assert_eq!(lambda.functions().await, Ok(vec![listed.clone(), listed]));
    let uris = replay.uris();
    assert!(uris[0].ends_with("/2015-03-31/functions?MaxItems=50"), "{}", uris[0]);
    assert!(uris[1].contains("Marker=m") && uris[1].contains("MaxItems=50"), "{}", uris[1]);
}

fn new_function() -> NewFunction {
    NewFunction {
        name: "f".to_owned(),
        settings: Settings {
            runtime: Some("nodejs24.x".to_owned()),
            handler: Some("index.handler".to_owned()),
            environment: Some(environment()),
            role: Some("arn:r".to_owned()),
            ..Settings::default()
        },
        architecture: Some("arm64".to_owned()),
        code: CodeSource::Zip(Sensitive(b"zip".to_vec())),
        tags: Tags::from([("k".to_owned(), "v".to_owned())]),
        code_signing_config_arn: Some("arn:csc".to_owned()),
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
            "CodeSigningConfigArn": "arn:csc",
        })
    );
}

#[tokio::test]
async fn updates_are_tied_to_a_revision() {
    let (lambda, replay) = lambda([ok("{}"), ok("{}")]);
    let change = ConfigurationChange {
        name: "f".to_owned(),
        revision_id: "rev".to_owned(),
        settings: Settings { environment: Some(Environment::default()), ..Settings::default() },
    };
    lambda.update_configuration(&change).await.unwrap();
    let change = CodeChange {
        name: "f".to_owned(),
        revision_id: "rev".to_owned(),
        code: CodeSource::Zip(Sensitive(b"zip".to_vec())),
        current_architecture: "arm64".to_owned(),
        ..CodeChange::default()
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
    let lambda = SdkLambda::new(&replay.config(), replay.caller(), &fence::tests::open());
    let new = new_function();
    let configuration = ConfigurationChange { name: "f".to_owned(), ..ConfigurationChange::default() };
    let code = CodeChange { name: "f".to_owned(), ..CodeChange::default() };
    let (tags, keys) = (Tags::from([("k".to_owned(), "v".to_owned())]), BTreeSet::from(["k".to_owned()]));
    for write in [
        lambda.create_function(&new).map_ok(drop).boxed(),
        lambda.update_configuration(&configuration),
        lambda.update_code(&code).map_ok(drop).boxed(),
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
