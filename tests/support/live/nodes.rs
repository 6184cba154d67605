//! Two simulated nodes: kwok says of the pods that the scheduler puts there that they run, and of the nodes that they are
//! ready.

use std::process::Stdio;

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use tokio::process::{Child, Command};

use super::eventually;

/// Running nodes and what runs them. Dropping them ends the processes.
pub struct Nodes {
    api: Api<Node>,
    _processes: [Child; 2],
}

const NAMES: [&str; 2] = ["simulated-a", "simulated-b"];

impl Nodes {
    /// Adds the nodes to the cluster of the tests and waits until they are ready.
    pub async fn start(client: &Client) -> Self {
        let kubeconfig = std::env::var("KUBECONFIG").expect("KUBECONFIG leads to a cluster");
        let stages = std::env::var("KWOK_STAGES").expect("KWOK_STAGES is set; run the tests by `make test`");
        let simulator = [
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--server-address=127.0.0.1:0",
            &format!("--config={stages}"),
            &format!("--kubeconfig={kubeconfig}"),
        ];
        let scheduler = ["--leader-elect=false", "--secure-port=0", &format!("--kubeconfig={kubeconfig}")];
        let processes = [run("kwok", &simulator), run("kube-scheduler", &scheduler)];
        let api = Api::<Node>::all(client.clone());
        for name in NAMES {
            let node = json!({
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": name,
                    "annotations": { "kwok.x-k8s.io/node": "fake" },
                    "labels": { "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": name },
                },
            });
            api.patch(name, &PatchParams::apply("it"), &Patch::Apply(&node)).await.unwrap();
        }
        for name in NAMES {
            eventually(async || is_ready(&api.get(name).await.unwrap())).await.expect("kwok makes nodes ready");
        }
        Self { api, _processes: processes }
    }

    /// Takes the nodes out of the cluster.
    pub async fn end(self) {
        for name in NAMES {
            self.api.delete(name, &DeleteParams::default()).await.unwrap();
        }
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready =
        conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    // The control plane takes a moment to lift what it put on a node that was not ready.
    ready && node.spec.as_ref().is_none_or(|spec| spec.taints.as_ref().is_none_or(Vec::is_empty))
}

fn run(program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().unwrap_or_else(|error| panic!("{program} is on the PATH ({error}); run the tests by `make test`"))
}
