//! The Kubernetes API behind the ports [`Objects`] and [`Cluster`].

use std::time::Duration;

use async_trait::async_trait;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions},
    core::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};

use super::{
    failure::{Class, Failure},
    fence::Closed,
    objects::Objects,
    references::{Cluster, Reference},
};

/// The name under which the operator writes to the cluster.
pub const FIELD_MANAGER: &str = "privatelink-operator";

/// A request that takes longer is given up. The client's own time-out is that of a watch, nearly five minutes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The Kubernetes API.
#[derive(Clone)]
pub struct KubernetesCluster {
    client: Client,
}

/// The custom resources of one kind in the Kubernetes API.
pub struct KubernetesObjects {
    client: Client,
    resource: ApiResource,
}

impl KubernetesCluster {
    /// Through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    fn api(&self, resource: &ApiResource, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, resource)
    }
}

#[async_trait]
impl Cluster for KubernetesCluster {
    async fn get(&self, reference: &Reference) -> Result<Option<Value>, Failure> {
        let api = self.api(&reference.resource, &reference.namespace);
        within(api.get_opt(&reference.name)).await.map_err(failure)?.map(to_value).transpose()
    }

    async fn list(&self, resource: &ApiResource, namespace: &str) -> Result<Vec<Value>, Failure> {
        match within(self.api(resource, namespace).list(&ListParams::default())).await {
            Ok(list) => list.items.into_iter().map(to_value).collect(),
            // The kind is not installed, so there are none.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
            Err(error) => Err(failure(error)),
        }
    }

    async fn apply(&self, reference: &Reference, object: Value) -> Result<(), Failure> {
        let api = self.api(&reference.resource, &reference.namespace);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        match within(api.patch(&reference.name, &params, &Patch::Apply(object))).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 422 => {
                Err(Failure::terminal("InvalidManifest", status.message.clone()))
            }
            Err(error) => Err(failure(error)),
        }
    }

    async fn delete(&self, reference: &Reference, uid: &str) -> Result<(), Failure> {
        let api = self.api(&reference.resource, &reference.namespace);
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match within(api.delete(&reference.name, &params)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(failure(error)),
        }
    }
}

impl KubernetesObjects {
    /// The objects of a kind through this client.
    pub fn new<K: kube::Resource<DynamicType = ()>>(client: Client) -> Self {
        Self { client, resource: ApiResource::erase::<K>(&()) }
    }

    fn api(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &self.resource)
    }
}

#[async_trait]
impl Objects for KubernetesObjects {
    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Value>, Failure> {
        within(self.api(namespace).get_opt(name)).await.map_err(failure)?.map(to_value).transpose()
    }

    async fn set_finalizers(&self, object: &Value, finalizers: &[String]) -> Result<Option<Value>, Failure> {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let patch = patch(json!([
            { "op": "test", "path": "/metadata/uid", "value": text("uid") },
            { "op": "test", "path": "/metadata/resourceVersion", "value": text("resourceVersion") },
            { "op": "add", "path": "/metadata/finalizers", "value": finalizers },
        ]))?;
        let api = self.api(&text("namespace"));
        match within(api.patch(&text("name"), &as_operator(), &Patch::<()>::Json(patch))).await {
            Ok(object) => to_value(object).map(Some),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(failure(error)),
        }
    }

    async fn write_status(&self, namespace: &str, name: &str, uid: &str, status: &Value) -> Result<(), Failure> {
        let patch = patch(json!([
            { "op": "test", "path": "/metadata/uid", "value": uid },
            { "op": "add", "path": "/status", "value": status },
        ]))?;
        let api = self.api(namespace);
        within(api.patch_status(name, &as_operator(), &Patch::<()>::Json(patch))).await.map_err(failure).map(drop)
    }
}

async fn within<T>(request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    tokio::time::timeout(TIMEOUT, request).await.unwrap_or_else(|elapsed| Err(kube::Error::Service(elapsed.into())))
}

fn as_operator() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

fn patch(operations: Value) -> Result<json_patch::Patch, Failure> {
    serde_json::from_value(operations).map_err(|error| internal(&error))
}

fn to_value(object: DynamicObject) -> Result<Value, Failure> {
    serde_json::to_value(object).map_err(|error| internal(&error))
}

fn internal(error: &serde_json::Error) -> Failure {
    Failure::new(Class::Transient, "InternalError", error.to_string())
}

/// Classifies an error of the Kubernetes API. A failed `test` of a JSON patch is answered with 422, and a
/// write to an object that is gone with 404: both mean that the object is no longer what it was.
fn failure(error: kube::Error) -> Failure {
    let (class, reason, message) = match error {
        kube::Error::Api(status) => {
            let class = match status.code {
                404 | 409 | 410 | 422 => Class::Conflict,
                401 | 403 => Class::Terminal,
                429 => Class::Throttled,
                _ => Class::Transient,
            };
            (class, "KubernetesAPI", format!("Kubernetes API: {}", status.message))
        }
        kube::Error::Service(error) if error.is::<Closed>() => (Class::NotLeader, "NotLeader", error.to_string()),
        _ => (Class::Transient, "KubernetesAPI", "Kubernetes API: no answer".to_owned()),
    };
    Failure::new(class, reason, message)
}
