//! The operator as a process against a real kube-apiserver and LocalStack. `make test` provides both, by the
//! variables KUBECONFIG and PRIVATELINK_AWS_ENDPOINT_URL.

pub mod apiserver;
pub mod aws;
pub mod demo;
pub mod fault;
pub mod gate;
pub mod nodes;
pub mod operator;
pub mod proxy;
pub mod release;
pub mod upstream;

use std::time::Duration;

use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{Event, Namespace},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta},
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use self::{aws::Network, operator::Operator, release::Release};
use super::statuses;

/// Longest wait for a condition; generous, since it only bounds a failing test.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// The cluster id of all live tests: the cluster remembers it.
pub const CLUSTER_ID: &str = "it";

/// The operators' lease.
const LEASE: &str = "privatelink-operator";

/// One at a time: an operator watches the whole cluster.
static TURN: Mutex<()> = Mutex::const_new(());
static CRDS: OnceCell<()> = OnceCell::const_new();
static RELEASE: OnceCell<Release> = OnceCell::const_new();

/// One test's namespace, network and clients.
pub struct Live {
    /// Kubernetes.
    pub client: Client,
    /// AWS, as an outsider sees it.
    pub aws: aws::Clients,
    /// This test's own namespace.
    pub namespace: String,
    /// This test's own VPC and what is in it.
    pub network: Network,
    /// The chart, installed with the values that all tests need.
    pub release: &'static Release,
    _turn: MutexGuard<'static, ()>,
}

impl Live {
    /// Waits for its turn and makes an empty namespace and a network.
    pub async fn begin(name: &str) -> Self {
        let turn = TURN.lock().await;
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let client = Client::try_default().await.expect("KUBECONFIG leads to a cluster; run the tests by `make test`");
        CRDS.get_or_init(|| install_crds(client.clone())).await;
        let release =
            RELEASE.get_or_init(|| async { Release::install(&client, release::NAMESPACE, &json!({})).await }).await;
        let aws = aws::Clients::connect().await;
        let namespace = format!("{name}-{:06x}", rand::random::<u32>() & 0xff_ffff);
        let object = Namespace {
            metadata: ObjectMeta { name: Some(namespace.clone()), ..ObjectMeta::default() },
            ..Namespace::default()
        };
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &object).await.unwrap();
        let network = Network::make(&aws, &namespace).await;
        Self { client, aws, namespace, network, release, _turn: turn }
    }

    /// Starts an operator that sweeps often and trusts LocalStack to be consistent. Others must be gone.
    pub async fn operator(&self, flags: &[&str]) -> Operator {
        self.forget_lease().await;
        Operator::start(self.release, flags).await
    }

    /// Starts an operator of a release of its own, with these values of the chart.
    pub async fn operator_with(&self, values: &Value, flags: &[&str]) -> Operator {
        Operator::start(&Release::install(&self.client, &self.namespace, values).await, flags).await
    }

    /// Deletes the lease of operators that were killed, so that the next need not wait for it to run out.
    pub async fn forget_lease(&self) {
        match self.leases().delete(LEASE, &DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Who holds the lease.
    pub async fn leader(&self) -> Option<String> {
        self.leases().get_opt(LEASE).await.unwrap()?.spec?.holder_identity
    }

    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), release::NAMESPACE)
    }

    /// The API of one of our kinds in this namespace.
    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        self.api_in(&self.namespace, kind)
    }

    /// The API of one of our kinds in some namespace.
    pub fn api_in(&self, namespace: &str, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(kind))
    }

    /// Applies a manifest given as YAML, with `$name` placeholders for the network filled in.
    pub async fn apply(&self, yaml: &str) -> Result<DynamicObject, kube::Error> {
        let object: DynamicObject = serde_saphyr::from_str(&self.network.fill(yaml)).expect("the manifest is YAML");
        let kind = object.types.as_ref().expect("the manifest has a kind").kind.clone();
        let name = object.metadata.name.clone().expect("the manifest has a name");
        self.api(&kind).patch(&name, &PatchParams::apply("it").force(), &Patch::Apply(&object)).await
    }

    /// Applies a manifest that the apiserver must accept.
    pub async fn applied(&self, yaml: &str) -> DynamicObject {
        self.apply(yaml).await.unwrap_or_else(|error| panic!("{error}\n{yaml}"))
    }

    /// Merges a patch into an object.
    pub async fn patch(&self, kind: &str, name: &str, patch: Value) {
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Asks for a pass now.
    pub async fn request(&self, kind: &str, name: &str, token: &str) {
        let annotations = json!({ "metadata": { "annotations": { "privatelink.dev/requested-at": token } } });
        self.patch(kind, name, annotations).await;
    }

    /// The object as JSON, or null.
    pub async fn get(&self, kind: &str, name: &str) -> Value {
        serde_json::to_value(self.api(kind).get_opt(name).await.unwrap()).unwrap()
    }

    /// Waits until the object satisfies the condition; returns it.
    pub async fn wait(&self, kind: &str, name: &str, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        eventually(async || {
            last = self.get(kind, name).await;
            condition(&last)
        })
        .await
        .unwrap_or_else(|()| panic!("{kind} {name} was to become {what}; it is {last:#}"));
        last
    }

    /// Waits until Ready is True for the current generation.
    pub async fn ready(&self, kind: &str, name: &str) -> Value {
        self.wait(kind, name, "Ready", |object| {
            let ready = condition(object, "Ready");
            ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
        })
        .await
    }

    /// Waits until Ready has this reason, for the current generation; returns its message.
    pub async fn reason(&self, kind: &str, name: &str, reason: &str) -> String {
        let object = self
            .wait(kind, name, reason, |object| {
                let ready = condition(object, "Ready");
                ready["reason"] == reason && ready["observedGeneration"] == object["metadata"]["generation"]
            })
            .await;
        condition(&object, "Ready")["message"].as_str().unwrap().to_owned()
    }

    /// Asks for the object's deletion.
    pub async fn begin_deletion(&self, kind: &str, name: &str) {
        self.api(kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Deletes the object and waits until it is gone.
    pub async fn delete(&self, kind: &str, name: &str) {
        self.begin_deletion(kind, name).await;
        self.gone(kind, name).await;
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, kind: &str, name: &str) {
        let mut last = None;
        eventually(async || {
            last = self.api(kind).get_opt(name).await.unwrap();
            last.is_none()
        })
        .await
        .unwrap_or_else(|()| panic!("{kind} {name} was to go away; it is {last:#?}"));
    }

    /// Reasons and notes of the Events about an object.
    pub async fn events(&self, name: &str) -> Vec<(String, String)> {
        let events = Api::<Event>::namespaced(self.client.clone(), &self.namespace);
        let list = events.list(&ListParams::default()).await.unwrap();
        list.items
            .into_iter()
            .filter(|event| event.involved_object.name.as_deref() == Some(name))
            .map(|event| (event.reason.unwrap_or_default(), event.message.unwrap_or_default()))
            .collect()
    }

    /// Deletes everything of ours in the namespace, then the namespace, and waits until it is gone.
    pub async fn end(self) {
        for kind in ["LambdaFunction", "VpcEndpoint", "InstanceRole"] {
            self.api(kind).delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
        }
        for kind in ["LambdaFunction", "VpcEndpoint", "InstanceRole"] {
            eventually(async || self.api(kind).list(&ListParams::default()).await.unwrap().items.is_empty())
                .await
                .unwrap_or_else(|()| panic!("each {kind} was to go away"));
        }
        eventually(async || statuses::has_ended(&self.namespace)).await.expect("what was recorded is complete");
        Api::<Namespace>::all(self.client.clone()).delete(&self.namespace, &DeleteParams::default()).await.unwrap();
        assert_eq!(self.aws.owned(&self.namespace).await, Vec::<String>::new(), "AWS holds nothing of ours any more");
    }
}

/// A condition of an object, or null.
pub fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|c| c["type"] == type_).unwrap_or(&Value::Null)
}

/// Asks again and again until the answer is yes.
pub async fn eventually(mut yes: impl AsyncFnMut() -> bool) -> Result<(), ()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut poll = tokio::time::interval(Duration::from_millis(100));
    loop {
        poll.tick().await;
        if yes().await {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            return Err(());
        }
    }
}

fn resource(kind: &str) -> ApiResource {
    match kind {
        "ConfigMap" => ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&()),
        "Secret" => ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&()),
        _ => ApiResource::from_gvk(&GroupVersionKind::gvk("privatelink.dev", "v1alpha1", kind)),
    }
}

/// Applies the CRDs that the code generates, waits until they are served, and begins to record their objects.
async fn install_crds(client: Client) {
    let api = Api::<CustomResourceDefinition>::all(client);
    for crd in privatelink_operator::kinds::crds() {
        let name = crd.metadata.name.clone().unwrap();
        api.patch(&name, &PatchParams::apply("it").force(), &Patch::Apply(&crd)).await.unwrap();
        let established = kube::runtime::conditions::is_crd_established();
        kube::runtime::wait::await_condition(api.clone(), &name, established).await.unwrap();
    }
    statuses::watch();
}
