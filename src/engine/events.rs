//! Events (events.k8s.io/v1). The same Event about the same object within a few minutes becomes a series, so
//! that a retry does not fill `kubectl describe`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event as KubernetesEvent, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::debug;

use super::{
    cluster::FIELD_MANAGER,
    conditions::truncated,
    objects::{Event, Events},
};

/// A repeated Event within this time joins the series.
const SERIES: Duration = Duration::from_mins(6);
/// A publication that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Series remembered at most; the oldest half goes when there are more.
const REMEMBERED: usize = 4096;
/// The API's limit on the length of a note, in bytes.
const NOTE: usize = 1024;

/// Publishes to the Kubernetes API in the background.
pub struct KubernetesEvents {
    client: Client,
    instance: String,
    series: Arc<Mutex<HashMap<(String, Event), Series>>>,
}

#[derive(Clone)]
struct Series {
    name: String,
    count: i32,
    last: Instant,
}

impl KubernetesEvents {
    /// Through this client; `instance` tells one replica from another.
    pub fn new(client: Client, instance: String) -> Self {
        Self { client, instance, series: Arc::default() }
    }

    /// Joins a series, or begins one.
    fn join(&self, uid: &str, event: &Event) -> Option<Series> {
        let mut all = self.series.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let series = all.get_mut(&(uid.to_owned(), event.clone())).filter(|s| now.duration_since(s.last) < SERIES)?;
        series.count += 1;
        series.last = now;
        Some(series.clone())
    }

    fn begin(&self, uid: &str, event: Event, name: String) {
        let mut all = self.series.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.retain(|_, series| series.last.elapsed() < SERIES);
        }
        all.insert((uid.to_owned(), event), Series { name, count: 1, last: Instant::now() });
    }
}

#[async_trait]
impl Events for KubernetesEvents {
    async fn publish(&self, object: &Value, event: Event) {
        let metadata = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
        let uid = metadata("uid").unwrap_or_default();
        let api: Api<KubernetesEvent> =
            Api::namespaced(self.client.clone(), &metadata("namespace").unwrap_or_default());
        let now = MicroTime(Timestamp::now());
        if let Some(series) = self.join(&uid, &event) {
            let patch = json!({ "series": EventSeries { count: series.count, last_observed_time: now } });
            spawn(
                async move { api.patch(&series.name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop) },
            );
            return;
        }
        let name = format!("{}.{:x}", metadata("name").unwrap_or_default(), Timestamp::now().as_nanosecond());
        let full = KubernetesEvent {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: metadata("namespace"),
                ..ObjectMeta::default()
            },
            action: Some(event.action.clone()),
            reason: Some(event.reason.clone()),
            note: Some(truncated(&event.note, NOTE)),
            type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
            event_time: Some(now),
            regarding: Some(ObjectReference {
                api_version: object["apiVersion"].as_str().map(str::to_owned),
                kind: object["kind"].as_str().map(str::to_owned),
                name: metadata("name"),
                namespace: metadata("namespace"),
                uid: Some(uid.clone()),
                ..ObjectReference::default()
            }),
            reporting_controller: Some(format!("privatelink.dev/{FIELD_MANAGER}")),
            reporting_instance: Some(self.instance.clone()),
            ..KubernetesEvent::default()
        };
        self.begin(&uid, event, name);
        spawn(async move { api.create(&PostParams::default(), &full).await.map(drop) });
    }
}

/// In the background, since an Event that can't be published must neither fail nor delay a pass.
fn spawn(publication: impl Future<Output = Result<(), kube::Error>> + Send + 'static) {
    tokio::spawn(async move {
        match tokio::time::timeout(TIMEOUT, publication).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "Event not published"),
            Err(_) => debug!("Event not published in time"),
        }
    });
}
