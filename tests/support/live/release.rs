//! The chart as it is installed, but for the pods: the operator's process runs with the ServiceAccount's token and with the
//! arguments of the Deployment, so that what the tests show is what the chart permits.

use std::{
    fs,
    path::{Path, PathBuf},
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace, ServiceAccount},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
    config::Kubeconfig,
    core::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta},
};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{CLUSTER_ID, aws};

/// The namespace of the release that most tests share.
pub const NAMESPACE: &str = "privatelink-it";
/// A token that outlives any run of the tests.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;
/// What of the chart's objects gives rights. The others need nodes, or the Prometheus operator.
const GRANTING: &[&str] = &["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];

/// An installed release.
pub struct Release {
    arguments: Vec<String>,
    kubeconfig: PathBuf,
    _folder: tempfile::TempDir,
}

impl Release {
    /// Installs the chart with these values, besides those that all tests need, in a namespace of the same name, which is
    /// made if it is missing. What it adds outside the namespace goes with the namespace.
    pub async fn install(client: &Client, namespace: &str, values: &Value) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let objects = render(&folder, namespace, values).await;
        let owner = make_namespace(client, namespace).await;
        for object in objects.iter().filter(|object| GRANTING.contains(&object["kind"].as_str().unwrap())) {
            let mut object = object.clone();
            if object["metadata"]["namespace"] != namespace {
                object["metadata"]["ownerReferences"] = owner.clone();
            }
            apply(client, &object).await;
        }
        let pod = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"];
        let arguments = pod["containers"][0]["args"].as_array().unwrap();
        let arguments = arguments.iter().map(|argument| argument.as_str().unwrap().to_owned()).collect();
        let kubeconfig = folder.path().join("kubeconfig");
        let token = token(client, namespace, pod["serviceAccountName"].as_str().unwrap()).await;
        fs::write(&kubeconfig, logged_in(namespace, &token).to_string()).unwrap();
        Self { arguments, kubeconfig, _folder: folder }
    }

    /// The kubeconfig of the ServiceAccount.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The operator's command line, as in the Deployment; what is appended goes before it. PRIVATELINK_OPERATOR names
    /// another build of the program than the tests' own.
    pub fn command(&self) -> Command {
        let built = env!("CARGO_BIN_EXE_privatelink-operator");
        let mut command = Command::new(std::env::var_os("PRIVATELINK_OPERATOR").unwrap_or_else(|| built.into()));
        command.args(&self.arguments).env("KUBECONFIG", &self.kubeconfig).kill_on_drop(true);
        command
    }
}

/// The chart's folder.
pub fn chart() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("charts/privatelink-operator")
}

async fn render(folder: &tempfile::TempDir, namespace: &str, values: &Value) -> Vec<Value> {
    let common = json!({
        "clusterId": CLUSTER_ID,
        "region": aws::REGION,
        "awsEndpointUrl": aws::endpoint_url(),
        // LocalStack shows at once what was written.
        "consistencyWindow": "1s",
        "resyncInterval": "2s",
        "crds": { "enabled": false },
    });
    let mut helm = Command::new("helm");
    helm.args(["template", namespace]).arg(chart()).args(["--namespace", namespace]);
    for (name, values) in [("common", &common), ("own", values)] {
        let file = folder.path().join(name);
        fs::write(&file, values.to_string()).unwrap();
        helm.arg("--values").arg(file);
    }
    let output = helm.output().await.expect("helm is on the PATH; run the tests by `make test`");
    assert!(output.status.success(), "helm template: {}", String::from_utf8_lossy(&output.stderr));
    let manifests = String::from_utf8(output.stdout).unwrap();
    let documents = manifests.split("---\n").filter(|document| document.contains("kind:"));
    documents.map(|document| serde_saphyr::from_str(document).expect("helm renders YAML")).collect()
}

/// Makes the namespace; gives what makes it the owner of an object.
async fn make_namespace(client: &Client, name: &str) -> Value {
    let namespace = Namespace {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    let api = Api::<Namespace>::all(client.clone());
    let made = api.patch(name, &PatchParams::apply("it"), &Patch::Apply(&namespace)).await.unwrap();
    json!([{ "apiVersion": "v1", "kind": "Namespace", "name": name, "uid": made.metadata.uid }])
}

async fn apply(client: &Client, object: &Value) {
    let (group, version) = match object["apiVersion"].as_str().unwrap().split_once('/') {
        Some((group, version)) => (group.to_owned(), version.to_owned()),
        None => (String::new(), object["apiVersion"].as_str().unwrap().to_owned()),
    };
    let kind = GroupVersionKind { group, version, kind: object["kind"].as_str().unwrap().to_owned() };
    let resource = ApiResource::from_gvk(&kind);
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    api.patch(&name, &PatchParams::apply("it").force(), &Patch::Apply(object)).await.unwrap();
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("the chart has a {kind}"))
}

async fn token(client: &Client, namespace: &str, account: &str) -> String {
    let request = TokenRequest {
        spec: TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() },
        ..TokenRequest::default()
    };
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await.unwrap();
    answer.status.expect("the apiserver gives a token").token
}

/// The kubeconfig of the tests, with this token in place of the administrator's.
fn logged_in(namespace: &str, token: &str) -> Value {
    let config = Kubeconfig::read().expect("KUBECONFIG leads to a cluster");
    let current = config.current_context.expect("the kubeconfig has a context");
    let context = config.contexts.into_iter().find(|context| context.name == current).and_then(|named| named.context);
    let cluster = context.expect("the context is there").cluster;
    let cluster = config.clusters.into_iter().find(|named| named.name == cluster).expect("the cluster is there");
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{ "name": "operator", "user": { "token": token } }],
        "contexts": [{ "name": "it", "context": { "cluster": cluster.name, "user": "operator", "namespace": namespace } }],
        "current-context": "it",
    })
}
