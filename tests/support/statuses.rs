//! Every version of every custom resource, for `dev/check-statuses`: as watches on the apiserver report them, and as
//! the operator writes them to the model.

use std::{
    collections::{BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Mutex,
    time::Duration,
};

use futures::TryStreamExt;
use kube::{
    Api, Client,
    api::{ListParams, WatchEvent, WatchParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use privatelink_operator::kinds;
use serde_json::{Value, json};

use super::records;

const FILE: &str = "statuses.jsonl";

/// Namespace and uid of the objects that are recorded and not yet recorded as deleted.
static PRESENT: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());
/// Digests of what was recorded of models, since tests write the same again and again.
static MODELLED: Mutex<Option<HashSet<u64>>> = Mutex::new(None);

/// Records, until the process ends, what the apiserver that KUBECONFIG leads to has of all kinds. In a thread of its own, since
/// a runtime ends with its test.
pub fn watch() {
    if !records::wanted() {
        return;
    }
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = Client::try_default().await.unwrap();
            futures::future::join_all(kinds::NAMES.iter().map(|kind| watch_kind(client.clone(), kind))).await;
        });
    });
}

/// Whether the deletion of everything that is recorded of a namespace is recorded as well.
pub fn has_ended(namespace: &str) -> bool {
    PRESENT.lock().unwrap().iter().all(|(of, _)| of != namespace)
}

/// A raw watch, resumed where it ended, so that no version is left out as a cache would. Where the apiserver can't go
/// back far enough, having been restarted, the gap is recorded too.
async fn watch_kind(client: Client, kind: &str) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("privatelink.dev", "v1alpha1", kind));
    let api = Api::<DynamicObject>::all_with(client, &resource);
    let mut version = None;
    loop {
        if let Err(error) = follow(&api, &mut version).await {
            if matches!(&error, kube::Error::Api(status) if status.code == 410) {
                records::record(FILE, &json!({ "type": "ERROR", "object": { "kind": kind } }));
                version = None;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Records from a version on, or from what there is, until the apiserver ends the watch.
async fn follow(api: &Api<DynamicObject>, version: &mut Option<String>) -> kube::Result<()> {
    let from = if let Some(version) = version {
        version.clone()
    } else {
        let list = api.list(&ListParams::default()).await?;
        for object in list.items {
            observed("ADDED", &object);
        }
        version.insert(list.metadata.resource_version.unwrap_or_default()).clone()
    };
    let mut events = std::pin::pin!(api.watch(&WatchParams::default(), &from).await?);
    while let Some(event) = events.try_next().await? {
        let (type_, object) = match event {
            WatchEvent::Added(object) => ("ADDED", object),
            WatchEvent::Modified(object) => ("MODIFIED", object),
            WatchEvent::Deleted(object) => ("DELETED", object),
            WatchEvent::Bookmark(mark) => {
                *version = Some(mark.metadata.resource_version);
                continue;
            }
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        };
        version.clone_from(&object.metadata.resource_version);
        observed(type_, &object);
    }
    Ok(())
}

fn observed(type_: &str, object: &DynamicObject) {
    records::record(FILE, &json!({ "type": type_, "object": object }));
    let key = (object.metadata.namespace.clone().unwrap_or_default(), object.metadata.uid.clone().unwrap_or_default());
    let mut present = PRESENT.lock().unwrap();
    if type_ == "DELETED" {
        present.remove(&key);
    } else {
        present.insert(key);
    }
}

/// Records an object of a model as the operator has just written its status, or as it is on its way out.
pub fn modelled(resource: &ApiResource, object: &Value) {
    if !records::wanted() || !kinds::NAMES.contains(&resource.kind.as_str()) {
        return;
    }
    let mut object = object.clone();
    object["apiVersion"] = json!(resource.api_version);
    object["kind"] = json!(resource.kind);
    let mut hasher = DefaultHasher::new();
    shape(&object).to_string().hash(&mut hasher);
    if MODELLED.lock().unwrap().get_or_insert_default().insert(hasher.finish()) {
        records::record(FILE, &json!({ "type": "WRITTEN", "object": object }));
    }
}

/// What an object is judged by: the status without its times, the generation, and whether it is on its way out.
fn shape(object: &Value) -> Value {
    let mut status = object["status"].clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"].take();
    }
    let metadata = &object["metadata"];
    json!([object["kind"], metadata["generation"], metadata["deletionTimestamp"].is_null(), status])
}
