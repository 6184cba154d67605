//! Helm's verbs on the real control plane, with simulated nodes: they wait for real, and nothing that they do touches a
//! custom resource or what it stands for in AWS.

use std::path::{Path, PathBuf};

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Namespace, Pod},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    core::DynamicObject,
};
use serde_json::json;
use tokio::process::Command;

use super::ROLE;
use crate::support::live::{CLUSTER_ID, Live, condition, eventually, nodes::Nodes, release};

const RELEASE: &str = "privatelink-operator";

/// Installs the chart before this one, goes on to this one as docs/operating.md says, and uninstalls it.
#[tokio::test]
async fn install_upgrade_and_uninstall_leave_custom_resources_and_aws_alone() {
    let live = Live::begin("install").await;
    let nodes = Nodes::start(&live.client).await;
    let system = format!("{}-system", live.namespace);
    make_restricted(&live, &system).await;
    let set = format!("clusterId={CLUSTER_ID}");
    let before = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chart-0.1.0");
    // The CustomResourceDefinitions are there, and Helm knows nothing of them: so that chart left them.
    helm(&system, &["install", RELEASE], Some(&before), &["--set", &set, "--wait", "--timeout", "2m"]).await;

    let operator = live.operator(&["--resync-interval", "1h"]).await;
    live.applied(ROLE).await;
    let role = live.ready("InstanceRole", "client").await;
    let arn = role["status"]["arn"].clone();
    operator.kill().await;

    let upgrade = ["--take-ownership", "--set", &set, "--wait", "--timeout", "2m"];
    helm(&system, &["upgrade", RELEASE], Some(&release::chart()), &upgrade).await;
    let deployment = Api::<Deployment>::namespaced(live.client.clone(), &system).get(RELEASE).await.unwrap();
    let status = deployment.status.unwrap();
    assert_eq!((status.available_replicas, status.updated_replicas), (Some(2), Some(2)), "--wait waited");
    assert_eq!(places(&live, &system).await, 2, "the two pods run on two nodes");
    assert_eq!(live.get("InstanceRole", "client").await, role, "the upgrade touches no custom resource");
    the_first_manifest_works(&live, &system).await;

    helm(&system, &["uninstall", RELEASE], None, &["--wait", "--timeout", "2m"]).await;
    eventually(async || pods(&live, &system).await.is_empty()).await.expect("the pods go");
    let definitions = Api::<CustomResourceDefinition>::all(live.client.clone());
    for definition in privatelink_operator::kinds::crds() {
        let name = definition.metadata.name.unwrap();
        let left = definitions.get(&name).await.unwrap();
        assert!(left.metadata.deletion_timestamp.is_none(), "{name} stays");
    }
    assert_eq!(live.get("InstanceRole", "client").await, role, "uninstalling touches no custom resource");
    let name = arn.as_str().unwrap().rsplit('/').next().unwrap();
    live.aws.iam.get_role().role_name(name).send().await.expect("the role stays in AWS");

    let _operator = live.operator(&[]).await;
    Api::<Namespace>::all(live.client.clone()).delete(&system, &DeleteParams::default()).await.unwrap();
    nodes.end().await;
    live.end().await;
}

/// What the notes tell a new user to apply becomes Ready.
async fn the_first_manifest_works(live: &Live, system: &str) {
    let notes = helm(system, &["get", "notes", RELEASE], None, &[]).await;
    let manifest = notes.split_once("<<'YAML'\n").unwrap().1.split_once("  YAML\n").unwrap().0;
    let manifest: DynamicObject = serde_saphyr::from_str(manifest).unwrap();
    let metadata = &manifest.metadata;
    let (namespace, name) = (metadata.namespace.clone().unwrap(), metadata.name.clone().unwrap());
    let operator = live.operator(&[]).await;
    let api = live.api_in(&namespace, "InstanceRole");
    api.patch(&name, &PatchParams::apply("it"), &Patch::Apply(&manifest)).await.unwrap();
    let object = async || serde_json::to_value(api.get_opt(&name).await.unwrap()).unwrap();
    eventually(async || condition(&object().await, "Ready")["status"] == "True").await.expect("it becomes Ready");
    api.delete(&name, &DeleteParams::default()).await.unwrap();
    eventually(async || object().await.is_null()).await.expect("it goes");
    operator.kill().await;
}

/// A namespace that admits only pods of the restricted standard.
async fn make_restricted(live: &Live, name: &str) {
    let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } });
    let api = Api::<Namespace>::all(live.client.clone());
    api.patch(name, &PatchParams::apply("it"), &Patch::Apply(&namespace)).await.unwrap();
}

async fn pods(live: &Live, namespace: &str) -> Vec<Pod> {
    Api::namespaced(live.client.clone(), namespace).list(&ListParams::default()).await.unwrap().items
}

/// How many nodes the pods that are not ending run on.
async fn places(live: &Live, namespace: &str) -> usize {
    let pods = pods(live, namespace).await;
    let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let mut nodes: Vec<_> = staying.map(|pod| pod.spec.as_ref().unwrap().node_name.clone()).collect();
    nodes.sort();
    nodes.dedup();
    nodes.len()
}

async fn helm(namespace: &str, verb: &[&str], chart: Option<&Path>, flags: &[&str]) -> String {
    let mut helm = Command::new("helm");
    let output = helm.args(verb).args(chart).args(["--namespace", namespace]).args(flags).output().await;
    let output = output.expect("helm is on the PATH; run the tests by `make test`");
    assert!(output.status.success(), "helm {verb:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
