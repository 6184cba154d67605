//! Each field of a function: set at creation, changed, changed by somebody else, taken out of the spec, and left alone
//! where the spec never named it.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use privatelink_operator::{
    cloud::{
        lambda::{FileSystemConfig, Function, ImageConfig, LoggingConfig},
        sensitive::Sensitive,
    },
    engine::reconcile::Outcome,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::model::ec2::Network;

use super::function_fixture::{FUNCTION, begin, model, put, spec as spec_of};

const KEY: &str = "arn:aws:kms:ap-northeast-1:123456789012:key/1";
const OTHER_KEY: &str = "arn:aws:kms:ap-northeast-1:123456789012:key/2";
const QUEUE: &str = "arn:aws:sqs:ap-northeast-1:123456789012:dead";
const TOPIC: &str = "arn:aws:sns:ap-northeast-1:123456789012:dead";
const LAYERS: [&str; 2] = [
    "arn:aws:lambda:ap-northeast-1:123456789012:layer:one:1",
    "arn:aws:lambda:ap-northeast-1:123456789012:layer:two:7",
];

const CONFIGURATION: &str = "UpdateFunctionConfiguration";
const CODE: &str = "UpdateFunctionCode";

/// One field, as the spec gives it and as AWS then has it.
struct Field {
    /// Where it is in the spec.
    at: &'static str,
    /// What else the spec has.
    beside: Value,
    /// Two values.
    given: [Value; 2],
    /// The same as AWS has them, and its default.
    held: [Value; 3],
    read: fn(&Function) -> Value,
    drift: fn(&mut Function),
    /// The one call that changes it.
    call: &'static str,
}

fn put_at(spec: &mut Value, at: &str, value: Option<Value>) {
    let (parent, field) = at.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(parent.insert(field.to_owned(), value)),
        None => drop(parent.remove(field)),
    }
}

async fn lives(field: Field) {
    let Field { at, beside, given: [first, second], held: [first_held, second_held, default], read, drift, call } =
        field;
    let mut spec = spec_of(&beside);
    put_at(&mut spec, at, Some(first.clone()));
    let model = model().await;
    for (name, value) in [("first", "1"), ("second", "2")] {
        put::<ConfigMap>(&model, name, json!({ "data": { "LEVEL": value } }));
    }
    let mut run = begin(model, &spec);
    run.expect(Outcome::Converged).await;
    assert_eq!(read(&run.function()), first_held, "set at creation");

    let mark = run.mark();
    run.edit_spec(|spec| put_at(spec, at, Some(second.clone())));
    run.expect(Outcome::Converged).await;
    assert_eq!(read(&run.function()), second_held, "changed");
    assert_eq!(run.aws_writes_since(mark), [call], "in one call");

    sleep(Duration::from_mins(2)).await;
    assert!(!run.sweep_wakes().await, "a sweep sees a difference at rest");
    run.model.change_function(FUNCTION, drift);
    assert_ne!(read(&run.function()), second_held, "the drift is one");
    assert!(run.sweep_wakes().await, "a sweep sees the drift");
    run.expect(Outcome::Converged).await;
    assert_eq!(read(&run.function()), second_held, "put back");

    let mark = run.mark();
    run.edit_spec(|spec| put_at(spec, at, None));
    run.expect(Outcome::Converged).await;
    assert_eq!(read(&run.function()), default, "back to AWS's default");
    assert_eq!(run.aws_writes_since(mark), [call]);

    run.model.change_function(FUNCTION, drift);
    let theirs = read(&run.function());
    let mark = run.mark();
    run.expect(Outcome::Converged).await;
    assert_eq!(read(&run.function()), theirs, "what the spec does not name is not ours any more");
    assert_eq!(run.aws_writes_since(mark), [""; 0]);
}

macro_rules! fields {
    ($($name:ident: { $($part:ident: $value:expr,)+ })+) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            lives(Field { $($part: $value,)+ ..defaults() }).await;
        }
    )+};
}

fn defaults() -> Field {
    Field {
        at: "/description",
        beside: json!({}),
        given: [json!(null), json!(null)],
        held: [json!(null), json!(null), json!(null)],
        read: |_| json!(null),
        drift: |_| {},
        call: CONFIGURATION,
    }
}

fields! {
    description: {
        at: "/description",
        given: [json!("one"), json!("two")],
        held: [json!("one"), json!("two"), json!("")],
        read: |f| json!(f.settings.description),
        drift: |f| f.settings.description = Some("theirs".to_owned()),
    }
    memory_size: {
        at: "/memorySize",
        given: [json!(256), json!(512)],
        held: [json!(256), json!(512), json!(128)],
        read: |f| json!(f.settings.memory_size),
        drift: |f| f.settings.memory_size = Some(3008),
    }
    timeout_seconds: {
        at: "/timeoutSeconds",
        given: [json!(10), json!(20)],
        held: [json!(10), json!(20), json!(3)],
        read: |f| json!(f.settings.timeout_seconds),
        drift: |f| f.settings.timeout_seconds = Some(77),
    }
    ephemeral_storage_size: {
        at: "/ephemeralStorageSize",
        given: [json!(1024), json!(2048)],
        held: [json!(1024), json!(2048), json!(512)],
        read: |f| json!(f.settings.ephemeral_storage_size),
        drift: |f| f.settings.ephemeral_storage_size = Some(4096),
    }
    layers: {
        at: "/layers",
        given: [json!([LAYERS[0], LAYERS[1]]), json!([LAYERS[1], LAYERS[0]])],
        held: [json!([LAYERS[0], LAYERS[1]]), json!([LAYERS[1], LAYERS[0]]), json!([])],
        read: |f| json!(f.settings.layers),
        drift: |f| f.settings.layers = Some(vec!["theirs".to_owned()]),
    }
    env: {
        at: "/env",
        given: [
            json!([{ "name": "LEVEL", "value": "1" }]),
            json!([{ "name": "LEVEL", "value": "2" }, { "name": "EMPTY" }]),
        ],
        held: [json!({ "LEVEL": "1" }), json!({ "LEVEL": "2", "EMPTY": "" }), json!({})],
        read: |f| json!(f.settings.environment.clone().unwrap().0),
        drift: |f| f.settings.environment = Some(Sensitive([("THEIRS".to_owned(), "x".to_owned())].into())),
    }
    env_from: {
        at: "/envFrom",
        given: [
            json!([{ "configMapRef": { "name": "first" } }]),
            json!([{ "configMapRef": { "name": "first" } }, { "configMapRef": { "name": "second" }, "prefix": "A_" }]),
        ],
        held: [json!({ "LEVEL": "1" }), json!({ "LEVEL": "1", "A_LEVEL": "2" }), json!({})],
        read: |f| json!(f.settings.environment.clone().unwrap().0),
        drift: |f| f.settings.environment = Some(Sensitive([("THEIRS".to_owned(), "x".to_owned())].into())),
    }
    vpc: {
        at: "/vpc",
        given: [
            json!({ "subnets": [{ "id": Network::SUBNETS[0] }], "securityGroups": [{ "id": Network::GROUP }] }),
            json!({
                "subnets": [{ "id": Network::SUBNETS[0] }, { "tags": { "Name": Network::SUBNETS[1] } }],
                "securityGroups": [{ "name": "web" }],
                "ipv6AllowedForDualStack": true,
            }),
        ],
        held: [
            json!([[Network::SUBNETS[0]], [Network::GROUP], false]),
            json!([[Network::SUBNETS[0], Network::SUBNETS[1]], [Network::GROUP], true]),
            json!([[], [], false]),
        ],
        read: |f| {
            let vpc = f.settings.vpc.clone().unwrap();
            json!([vpc.subnets, vpc.security_groups, vpc.ipv6_allowed_for_dual_stack])
        },
        drift: |f| f.settings.vpc.as_mut().unwrap().security_groups = [Network::DEFAULT_GROUP.to_owned()].into(),
    }
    tracing: {
        at: "/tracing",
        given: [json!("PassThrough"), json!("Active")],
        held: [json!("PassThrough"), json!("Active"), json!("PassThrough")],
        read: |f| json!(f.settings.tracing),
        drift: |f| f.settings.tracing = Some("theirs".to_owned()),
    }
    logging: {
        at: "/logging",
        given: [json!({ "format": "JSON", "systemLogLevel": "WARN" }), json!({ "logGroup": "/mine" })],
        held: [
            json!(["JSON", "INFO", "WARN", "/aws/lambda/team-demo"]),
            json!(["Text", null, null, "/mine"]),
            json!(["Text", null, null, "/aws/lambda/team-demo"]),
        ],
        read: |f| {
            let LoggingConfig { format, application_level, system_level, group } = f.settings.logging.clone().unwrap();
            json!([format, application_level, system_level, group])
        },
        drift: |f| f.settings.logging.as_mut().unwrap().group = "/theirs".to_owned(),
    }
    kms_key_arn: {
        at: "/kmsKeyArn",
        given: [json!(KEY), json!(OTHER_KEY)],
        held: [json!(KEY), json!(OTHER_KEY), json!("")],
        read: |f| json!(f.settings.kms_key_arn),
        drift: |f| f.settings.kms_key_arn = Some("theirs".to_owned()),
    }
    dead_letter_target_arn: {
        at: "/deadLetterTargetArn",
        given: [json!(QUEUE), json!(TOPIC)],
        held: [json!(QUEUE), json!(TOPIC), json!("")],
        read: |f| json!(f.settings.dead_letter_target_arn),
        drift: |f| f.settings.dead_letter_target_arn = Some("theirs".to_owned()),
    }
    file_systems: {
        at: "/fileSystems",
        given: [
            json!([{ "arn": "arn:fs:1", "localMountPath": "/mnt/a" }]),
            json!([{ "arn": "arn:fs:1", "localMountPath": "/mnt/b" }]),
        ],
        held: [json!([["arn:fs:1", "/mnt/a"]]), json!([["arn:fs:1", "/mnt/b"]]), json!([])],
        read: |f| {
            let systems = f.settings.file_systems.iter().flatten();
            systems.map(|system| json!([system.arn, system.local_mount_path])).collect()
        },
        drift: |f| f.settings.file_systems.as_mut().unwrap().push(FileSystemConfig::default()),
    }
    image_config: {
        at: "/imageConfig",
        beside: json!({ "runtime": null, "handler": null, "code": { "image": "repo:1" } }),
        given: [
            json!({ "entryPoint": ["/bin/a"], "command": ["b", "c"], "workingDirectory": "/d" }),
            json!({ "command": ["c"] }),
        ],
        held: [json!([["/bin/a"], ["b", "c"], "/d"]), json!([[], ["c"], ""]), json!([[], [], ""])],
        read: |f| {
            let ImageConfig { entry_point, command, working_directory } = f.settings.image_config.clone().unwrap();
            json!([entry_point, command, working_directory])
        },
        drift: |f| f.settings.image_config.as_mut().unwrap().working_directory = "/theirs".to_owned(),
    }
    snap_start: {
        at: "/snapStart",
        given: [json!("None"), json!("PublishedVersions")],
        held: [json!("None"), json!("PublishedVersions"), json!("None")],
        read: |f| json!(f.settings.snap_start),
        drift: |f| f.settings.snap_start = Some("theirs".to_owned()),
    }
    architecture: {
        at: "/architecture",
        given: [json!("x86_64"), json!("arm64")],
        held: [json!("x86_64"), json!("arm64"), json!("x86_64")],
        read: |f| json!(f.architecture),
        drift: |f| f.architecture = "theirs".to_owned(),
        call: CODE,
    }
    source_kms_key_arn: {
        at: "/code/sourceKmsKeyArn",
        given: [json!(KEY), json!(OTHER_KEY)],
        held: [json!(KEY), json!(OTHER_KEY), json!("")],
        read: |f| json!(f.source_kms_key_arn),
        drift: |f| f.source_kms_key_arn = "theirs".to_owned(),
        call: CODE,
    }
}
