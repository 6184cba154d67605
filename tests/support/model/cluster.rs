//! The cluster: objects as JSON values, with the API server's semantics for identity, generations, versions
//! and finalizers. What a user does is not counted as a call; what the operator does is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use kube::core::ApiResource;
use privatelink_operator::engine::{
    failure::{Class, Failure},
    objects::{Event, Events, Objects},
    observer::{Census, News, Observer},
    references::{Cluster, Reference},
};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{Answer, Model, State, faults::Cut, refuse};
use crate::support::statuses;

/// Group, plural, namespace and name.
type Key = (String, String, String, String);

/// Objects and Events.
#[derive(Debug, Default)]
pub struct ClusterState {
    objects: BTreeMap<Key, Value>,
    /// Fields of the spec that the operator applied last: those that an apply may take away.
    applied: BTreeMap<Key, BTreeSet<String>>,
    events: Vec<(String, Event)>,
    news: Vec<News>,
    started: Option<Instant>,
}

fn key(resource: &ApiResource, namespace: &str, name: &str) -> Key {
    (resource.group.clone(), resource.plural.clone(), namespace.to_owned(), name.to_owned())
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn is_empty(list: Option<&Value>) -> bool {
    list.and_then(Value::as_array).is_none_or(Vec::is_empty)
}

fn conflict<T>(what: &str) -> Answer<T> {
    refuse("Conflict", format!("{what}: the object has been modified"))
}

impl State {
    fn timestamp(&mut self) -> String {
        let started = *self.cluster.started.get_or_insert_with(Instant::now);
        let elapsed = started.elapsed().as_secs();
        let base: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        (base + Duration::from_secs(elapsed)).to_string()
    }

    /// Stores a new version; an unchanged object keeps its version, a changed spec raises the generation.
    fn store(&mut self, key: &Key, mut object: Value) {
        if let Some(old) = self.cluster.objects.get(key) {
            if *old == object {
                return;
            }
            if old.get("spec") != object.get("spec") {
                let generation = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
                object["metadata"]["generation"] = json!(generation + 1);
            }
        }
        object["metadata"]["resourceVersion"] = json!(self.number().to_string());
        self.cluster.objects.insert(key.clone(), object);
    }

    fn create(&mut self, key: &Key, mut object: Value) {
        let created = self.timestamp();
        let uid = format!("uid-{}-{}", key.1, self.number());
        let metadata = &mut object["metadata"];
        metadata["namespace"] = json!(key.2);
        metadata["name"] = json!(key.3);
        metadata["uid"] = json!(uid);
        metadata["generation"] = json!(1);
        metadata["creationTimestamp"] = json!(created);
        self.store(key, object);
    }

    /// Marks the object as being deleted, or removes it when nothing holds it.
    fn mark_deleted(&mut self, key: &Key) {
        let Some(mut object) = self.cluster.objects.get(key).cloned() else { return };
        if is_empty(object.pointer("/metadata/finalizers")) {
            self.cluster.objects.remove(key);
        } else if object.pointer("/metadata/deletionTimestamp").is_none() {
            object["metadata"]["deletionTimestamp"] = json!(self.timestamp());
            self.store(key, object);
        }
    }
}

/// The objects of one kind, for the engine.
#[derive(Clone)]
pub struct KindObjects {
    model: Model,
    resource: ApiResource,
}

fn failure(cut: Cut) -> Failure {
    match cut {
        Cut::Refused(refusal) if refusal.code == "Conflict" => {
            Failure::new(Class::Conflict, refusal.code, refusal.message)
        }
        Cut::Refused(refusal) => Failure::terminal(refusal.code, refusal.message),
        Cut::Unanswered(what) => Failure::new(Class::Transient, "KubernetesUnavailable", what),
        Cut::Broken => Failure::new(Class::Transient, "KubernetesUnavailable", "internal error"),
        Cut::Throttled => Failure::new(Class::Throttled, "Throttled", "too many requests"),
        Cut::Fenced => Failure::new(Class::NotLeader, "NotLeader", "not sent"),
    }
}

#[async_trait]
impl Objects for KindObjects {
    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Value>, Failure> {
        let key = key(&self.resource, namespace, name);
        self.model.read("get object", |s, _| Ok(s.cluster.objects.get(&key).cloned())).await.map_err(failure)
    }

    async fn set_finalizers(&self, object: &Value, finalizers: &[String]) -> Result<Option<Value>, Failure> {
        let object = object.to_owned();
        let finalizers = finalizers.to_owned();
        let key = key(&self.resource, text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
        self.model
            .write("set finalizers", move |s, _| {
                let Some(mut live) = s.cluster.objects.get(&key).cloned() else { return conflict("finalizers") };
                for field in ["/metadata/uid", "/metadata/resourceVersion"] {
                    if text(&live, field) != text(&object, field) {
                        return conflict("finalizers");
                    }
                }
                let deleting = live.pointer("/metadata/deletionTimestamp").is_some();
                if deleting {
                    let had = live.pointer("/metadata/finalizers").cloned().unwrap_or_default();
                    let had: Vec<&str> = had.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                    if finalizers.iter().any(|new| !had.contains(&new.as_str())) {
                        return refuse("Forbidden", "no new finalizers can be added if the object is being deleted");
                    }
                    if finalizers.is_empty() {
                        s.cluster.objects.remove(&key);
                        return Ok(None);
                    }
                }
                live["metadata"]["finalizers"] = json!(finalizers);
                s.store(&key, live);
                Ok(s.cluster.objects.get(&key).cloned())
            })
            .await
            .map_err(failure)
    }

    async fn write_status(&self, namespace: &str, name: &str, uid: &str, status: &Value) -> Result<(), Failure> {
        let (resource, uid, status) = (self.resource.clone(), uid.to_owned(), status.clone());
        let key = key(&resource, namespace, name);
        self.model
            .write("write status", move |s, _| match s.cluster.objects.get(&key).cloned() {
                Some(mut live) if text(&live, "/metadata/uid") == uid => {
                    s.check_status(&live, &status);
                    live["status"] = status.clone();
                    s.store(&key, live);
                    statuses::modelled(&resource, &s.cluster.objects[&key]);
                    Ok(())
                }
                _ => conflict("status"),
            })
            .await
            .map_err(failure)
    }
}

#[async_trait]
impl Events for Model {
    async fn publish(&self, object: &Value, event: Event) {
        let about = format!("{}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name"));
        let mut state = self.state();
        if !state.faults.down() {
            state.cluster.events.push((about, event));
        }
    }
}

impl Observer for Model {
    fn tell(&self, _kind: &str, news: News) {
        self.state().cluster.news.push(news);
    }

    fn watches(&self, _kind: &str, _census: Census) {}
}

#[async_trait]
impl Cluster for Model {
    async fn get(&self, reference: &Reference) -> Result<Option<Value>, Failure> {
        let key = key(&reference.resource, &reference.namespace, &reference.name);
        self.read("get reference", |s, _| Ok(s.cluster.objects.get(&key).cloned())).await.map_err(failure)
    }

    async fn list(&self, resource: &ApiResource, namespace: &str) -> Result<Vec<Value>, Failure> {
        self.read("list references", |s, _| {
            Ok(s.cluster
                .objects
                .iter()
                .filter(|((group, plural, space, _), _)| {
                    *group == resource.group && *plural == resource.plural && space == namespace
                })
                .map(|(_, object)| object.clone())
                .collect())
        })
        .await
        .map_err(failure)
    }

    async fn apply(&self, reference: &Reference, object: Value) -> Result<(), Failure> {
        let key = key(&reference.resource, &reference.namespace, &reference.name);
        self.write("apply reference", move |s, _| {
            let fields: BTreeSet<String> =
                object["spec"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
            let owned_before = s.cluster.applied.insert(key.clone(), fields.clone()).unwrap_or_default();
            let Some(mut live) = s.cluster.objects.get(&key).cloned() else {
                s.create(&key, object.clone());
                return Ok(());
            };
            if let Some(spec) = live["spec"].as_object_mut() {
                spec.retain(|field, _| fields.contains(field) || !owned_before.contains(field));
                spec.extend(object["spec"].as_object().cloned().unwrap_or_default());
            }
            for field in ["labels", "annotations", "ownerReferences"] {
                if let Some(value) = object.pointer(&format!("/metadata/{field}")) {
                    live["metadata"][field] = value.clone();
                }
            }
            s.store(&key, live);
            Ok(())
        })
        .await
        .map_err(failure)
    }

    async fn delete(&self, reference: &Reference, uid: &str) -> Result<(), Failure> {
        let uid = uid.to_owned();
        let key = key(&reference.resource, &reference.namespace, &reference.name);
        self.write("delete reference", move |s, _| {
            if s.cluster.objects.get(&key).is_some_and(|object| text(object, "/metadata/uid") == uid) {
                s.mark_deleted(&key);
            }
            Ok(())
        })
        .await
        .map_err(failure)
    }
}

/// What users, and controllers other than ours, do.
impl Model {
    /// The engine's port for a kind.
    pub fn objects<K: kube::Resource<DynamicType = ()>>(&self) -> Arc<dyn Objects> {
        Arc::new(KindObjects { model: self.clone(), resource: ApiResource::erase::<K>(&()) })
    }

    /// Creates an object as a user would; returns its uid.
    pub fn user_create<K: kube::Resource<DynamicType = ()>>(
        &self,
        namespace: &str,
        name: &str,
        object: Value,
    ) -> String {
        let key = key(&ApiResource::erase::<K>(&()), namespace, name);
        let mut state = self.state();
        assert!(!state.cluster.objects.contains_key(&key), "{key:?} exists");
        state.create(&key, object);
        text(&state.cluster.objects[&key], "/metadata/uid").to_owned()
    }

    /// Changes an object as a user would.
    pub fn user_edit<K: kube::Resource<DynamicType = ()>>(
        &self,
        namespace: &str,
        name: &str,
        edit: impl FnOnce(&mut Value),
    ) {
        let key = key(&ApiResource::erase::<K>(&()), namespace, name);
        let mut state = self.state();
        let mut object = state.cluster.objects[&key].clone();
        edit(&mut object);
        state.store(&key, object);
    }

    /// Deletes an object as a user would: it stays while finalizers hold it.
    pub fn user_delete<K: kube::Resource<DynamicType = ()>>(&self, namespace: &str, name: &str) {
        let resource = ApiResource::erase::<K>(&());
        let key = key(&resource, namespace, name);
        let mut state = self.state();
        state.mark_deleted(&key);
        if let Some(object) = state.cluster.objects.get(&key) {
            statuses::modelled(&resource, object);
        }
    }

    /// Takes an object out of the cluster as a restore into a new cluster does: no finalizer is asked.
    pub fn user_forget<K: kube::Resource<DynamicType = ()>>(&self, namespace: &str, name: &str) {
        let key = key(&ApiResource::erase::<K>(&()), namespace, name);
        self.state().cluster.objects.remove(&key);
    }

    /// The object, if it exists.
    pub fn object<K: kube::Resource<DynamicType = ()>>(&self, namespace: &str, name: &str) -> Option<Value> {
        let key = key(&ApiResource::erase::<K>(&()), namespace, name);
        self.state().cluster.objects.get(&key).cloned()
    }

    /// Names of all objects of a kind.
    pub fn names<K: kube::Resource<DynamicType = ()>>(&self) -> Vec<(String, String)> {
        let resource = ApiResource::erase::<K>(&());
        let state = self.state();
        let keys = state.cluster.objects.keys().filter(|key| key.0 == resource.group && key.1 == resource.plural);
        keys.map(|key| (key.2.clone(), key.3.clone())).collect()
    }

    /// Events published so far, with `namespace/name` of what they are about.
    pub fn events(&self) -> Vec<(String, Event)> {
        self.state().cluster.events.clone()
    }

    /// What the engine has told so far.
    pub fn news(&self) -> Vec<News> {
        self.state().cluster.news.clone()
    }

    /// What the garbage collector does: objects whose owners are all gone are deleted.
    pub fn collect_garbage(&self) {
        let mut state = self.state();
        let uids: Vec<String> = state.cluster.objects.values().map(|o| text(o, "/metadata/uid").to_owned()).collect();
        let orphans: Vec<Key> = state
            .cluster
            .objects
            .iter()
            .filter(|(_, object)| {
                let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
                owners.is_some_and(|owners| {
                    !owners.is_empty() && owners.iter().all(|owner| !uids.iter().any(|uid| uid == text(owner, "/uid")))
                })
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in orphans {
            state.mark_deleted(&key);
        }
    }
}
