//! The manifests of examples/, applied as they are, become Ready, do what they say, and leave nothing behind.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::support::live::{Live, demo};

/// Files of examples/vpc-endpoint, and the object in it, if any, that LocalStack does not make as it was asked to: it
/// takes address types and DNS options, and shows others. The operator says that it waits for them to be shown.
const VPC_ENDPOINTS: &[(&str, Option<&str>)] = &[
    ("dual-stack.yaml", Some("lambda-dual-stack")),
    ("ecr.yaml", None),
    ("gateway-load-balancer.yaml", None),
    ("lambda.yaml", None),
    ("own-service.yaml", None),
    ("partner-service.yaml", None),
    ("s3-gateway.yaml", None),
    ("s3-interface.yaml", Some("s3-interface")),
];

/// Files of examples/instance-role.
const INSTANCE_ROLES: &[&str] = &["bounded.yaml", "cross-account.yaml", "for-lambda.yaml", "ssm-fleet.yaml"];

/// Files of examples/lambda-function, and what the function answers. LocalStack does not run images without Docker.
const LAMBDA_FUNCTIONS: &[(&str, Option<&str>)] = &[
    ("canary.yaml", Some("version one")),
    ("configmap-python.yaml", Some("Hello from a ConfigMap!")),
    ("image.yaml", None),
    ("inline-node.yaml", Some("Hello from Lambda!")),
    ("s3.yaml", Some("Hello from S3!")),
    ("secret.yaml", Some("configured")),
    ("sqs.yaml", Some("batchItemFailures")),
    ("url.yaml", Some("Hello from a URL!")),
    ("vpc.yaml", Some("Hello from the VPC!")),
];

#[tokio::test]
async fn lambda_functions() {
    let live = Live::begin("ex-functions").await;
    demo::network(&live.aws).await;
    demo::sources(&live.aws).await;
    let operator = live.operator_with(&json!({ "secretNamespaces": [live.namespace] }), &[]).await;
    let files: Vec<_> = LAMBDA_FUNCTIONS.iter().map(|(file, _)| *file).collect();
    for (example, (_, answer)) in examples("lambda-function", &files).into_iter().zip(LAMBDA_FUNCTIONS) {
        let applied = example.apply(&live, None).await;
        for (kind, name) in &applied {
            if let (Some(answer), "LambdaFunction") = (answer, kind.as_str()) {
                let payload = invoke(&live, &live.get(kind, name).await).await;
                assert!(payload.contains(answer), "{}: {payload}", example.name);
            }
        }
        example.delete(&live, applied).await;
    }
    live.end().await;
    drop(operator);
}

async fn invoke(live: &Live, function: &Value) -> String {
    let name = function["status"]["functionName"].as_str().unwrap();
    let answer = live.aws.lambda.invoke().function_name(name).send().await.unwrap();
    assert_eq!((answer.status_code(), answer.function_error()), (200, None), "{name}");
    String::from_utf8(answer.payload().unwrap().as_ref().to_vec()).unwrap()
}

#[tokio::test]
async fn vpc_endpoints() {
    let live = Live::begin("ex-endpoints").await;
    demo::network(&live.aws).await;
    let operator = live.operator(&[]).await;
    let files: Vec<_> = VPC_ENDPOINTS.iter().map(|(file, _)| *file).collect();
    for (example, (_, unlike)) in examples("vpc-endpoint", &files).into_iter().zip(VPC_ENDPOINTS) {
        let applied = example.apply(&live, *unlike).await;
        example.delete(&live, applied).await;
    }
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn instance_roles() {
    let live = Live::begin("ex-roles").await;
    demo::network(&live.aws).await;
    let operator = live.operator(&[]).await;
    for example in examples("instance-role", INSTANCE_ROLES) {
        let applied = example.apply(&live, None).await;
        example.delete(&live, applied).await;
    }
    live.end().await;
    drop(operator);
}

/// One file of examples/.
struct Example {
    name: String,
    manifests: Vec<String>,
}

/// The files of a folder, which must be those that the test knows.
fn examples(folder: &str, known: &[&str]) -> Vec<Example> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder);
    let names: BTreeSet<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, known.iter().map(|name| (*name).to_owned()).collect(), "{}", folder.display());
    let read = |name: String| {
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        Example { name, manifests: text.split("---\n").map(str::to_owned).collect() }
    };
    names.into_iter().map(read).collect()
}

impl Example {
    /// Applies all of it and waits until what is ours is Ready, but for one that AWS does not show as it was asked to;
    /// returns kinds and names.
    async fn apply(&self, live: &Live, unlike: Option<&str>) -> Vec<(String, String)> {
        eprintln!("{}", self.name);
        let mut ours = Vec::new();
        for manifest in &self.manifests {
            let object = live.applied(manifest).await;
            let types = object.types.unwrap();
            if types.api_version.starts_with("privatelink.dev/") {
                let sent: Value = serde_saphyr::from_str(&live.network.fill(manifest)).unwrap();
                ours.push((types.kind, object.metadata.name.unwrap(), sent["spec"].to_string()));
            }
        }
        for (kind, name, spec) in &ours {
            if unlike == Some(name.as_str()) {
                live.reason(kind, name, "AwaitingConsistency").await;
            } else {
                live.ready(kind, name).await;
            }
            assert_eq!(live.get(kind, name).await["spec"].to_string(), *spec, "{kind} {name} is as it was sent");
        }
        ours.into_iter().map(|(kind, name, _)| (kind, name)).collect()
    }

    async fn delete(&self, live: &Live, applied: Vec<(String, String)>) {
        for (kind, name) in &applied {
            live.begin_deletion(kind, name).await;
        }
        for (kind, name) in &applied {
            live.gone(kind, name).await;
        }
    }
}
