//! Events (events.k8s.io/v1). The same Event about the same object within a few minutes becomes a series, so
//! that a retry does not fill `kubectl describe`.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
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
use tokio::{sync::mpsc, time::Instant};
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
/// Series remembered at most; those that are over go when there are more.
const REMEMBERED: usize = 4096;
/// Events that wait to be published at most; further ones are lost.
const WAITING: usize = 1024;
/// The API's limit on the length of a note, in bytes.
const NOTE: usize = 1024;

/// Publishes to the Kubernetes API in the background, since an Event that can't be published must neither fail nor
/// delay a pass.
pub struct KubernetesEvents {
    waiting: mpsc::Sender<(Subject, Event)>,
}

impl KubernetesEvents {
    /// Through this client; `instance` tells one replica from another.
    pub fn new(client: Client, instance: String) -> Self {
        let (waiting, events) = mpsc::channel(WAITING);
        let publisher = Publisher { client, instance, digests: RandomState::new(), series: HashMap::new() };
        tokio::spawn(publisher.run(events));
        Self { waiting }
    }
}

#[async_trait]
impl Events for KubernetesEvents {
    async fn publish(&self, object: &Value, event: Event) {
        if self.waiting.try_send((Subject::of(object), event)).is_err() {
            debug!("Event not published: too many wait");
        }
    }
}

/// What an Event is about.
struct Subject {
    api_version: Option<String>,
    kind: Option<String>,
    namespace: String,
    name: String,
    uid: String,
}

impl Subject {
    fn of(object: &Value) -> Self {
        let metadata = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        Self {
            api_version: object["apiVersion"].as_str().map(str::to_owned),
            kind: object["kind"].as_str().map(str::to_owned),
            namespace: metadata("namespace"),
            name: metadata("name"),
            uid: metadata("uid"),
        }
    }

    fn reference(&self) -> ObjectReference {
        ObjectReference {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            uid: Some(self.uid.clone()),
            ..ObjectReference::default()
        }
    }
}

/// One Event in the cluster, which equal ones join.
struct Series {
    name: String,
    count: i32,
    last: Instant,
}

/// Publishes one Event after the other, so that a series is not joined before it has begun.
struct Publisher {
    client: Client,
    instance: String,
    digests: RandomState,
    /// By the digest of the object's uid and the Event.
    series: HashMap<u64, Series>,
}

impl Publisher {
    async fn run(mut self, mut events: mpsc::Receiver<(Subject, Event)>) {
        while let Some((subject, event)) = events.recv().await {
            match tokio::time::timeout(TIMEOUT, self.publish(&subject, &event)).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => debug!(%error, "Event not published"),
                Err(_) => debug!("Event not published in time"),
            }
            // It may have been deleted, or never been there: the next one begins a series anew.
            self.series.remove(&self.digests.hash_one((&subject.uid, &event)));
        }
    }

    async fn publish(&mut self, subject: &Subject, event: &Event) -> Result<(), kube::Error> {
        let api: Api<KubernetesEvent> = Api::namespaced(self.client.clone(), &subject.namespace);
        let now = MicroTime(Timestamp::now());
        let key = self.digests.hash_one((&subject.uid, event));
        if let Some(series) = self.series.get_mut(&key).filter(|series| series.last.elapsed() < SERIES) {
            series.count += 1;
            series.last = Instant::now();
            let patch = json!({ "series": EventSeries { count: series.count, last_observed_time: now } });
            return api.patch(&series.name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop);
        }
        if self.series.len() >= REMEMBERED {
            self.series.retain(|_, series| series.last.elapsed() < SERIES);
        }
        let name = format!("{}.{:x}", subject.name, now.0.as_nanosecond());
        self.series.insert(key, Series { name: name.clone(), count: 1, last: Instant::now() });
        api.create(&PostParams::default(), &self.first(subject, event, name, now)).await.map(drop)
    }

    fn first(&self, subject: &Subject, event: &Event, name: String, now: MicroTime) -> KubernetesEvent {
        KubernetesEvent {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(subject.namespace.clone()),
                ..ObjectMeta::default()
            },
            action: Some(event.action.clone()),
            reason: Some(event.reason.clone()),
            note: Some(truncated(&event.note, NOTE)),
            type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
            event_time: Some(now),
            regarding: Some(subject.reference()),
            reporting_controller: Some(format!("privatelink.dev/{FIELD_MANAGER}")),
            reporting_instance: Some(self.instance.clone()),
            ..KubernetesEvent::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    use http::{Request, Response};
    use kube::client::Body;

    use super::*;

    /// An apiserver that answers every request with the next of these statuses, and notes the request.
    fn apiserver(answers: &[u16]) -> (Client, Arc<Mutex<Vec<String>>>) {
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let answers = Arc::new(Mutex::new(answers.iter().copied().rev().collect::<Vec<_>>()));
        let noted = requests.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            noted.lock().unwrap().push(format!("{}", request.method()));
            let status = answers.lock().unwrap().pop();
            async move {
                let Some(status) = status else { return std::future::pending().await };
                let body = match status {
                    200 | 201 => {
                        json!({ "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {}, "eventTime": null })
                    }
                    _ => json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status }),
                };
                let body = Body::from(body.to_string().into_bytes());
                Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
            }
        });
        (Client::new(service, "default"), requests)
    }

    fn object() -> Value {
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "namespace": "ns", "name": "p", "uid": "u" } })
    }

    async fn published(answers: &[u16], events: usize) -> Vec<String> {
        let (client, requests) = apiserver(answers);
        let events_api = KubernetesEvents::new(client, "replica".to_owned());
        for _ in 0..events {
            // It returns at once, whatever becomes of the Event.
            events_api.publish(&object(), Event::warning("Refused", false, "note")).await;
        }
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let requests = requests.lock().unwrap();
        requests.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn equal_events_are_a_series() {
        assert_eq!(published(&[201, 200, 200], 3).await, ["POST", "PATCH", "PATCH"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_or_lost_event_begins_a_series_anew() {
        assert_eq!(
            published(&[403, 500, 201, 404, 201, 200], 6).await,
            ["POST", "POST", "POST", "PATCH", "POST", "PATCH"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_apiserver_that_does_not_answer_holds_up_nothing_for_long() {
        assert_eq!(published(&[], 1).await, ["POST"]);
    }
}
