//! When each object became ready, as somebody who watches them sees it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, ResourceExt,
    core::DynamicObject,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use tokio::{task::JoinHandle, time::Instant};

use crate::support::live::condition;

/// A running watch; it ends when it is dropped.
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    ready: HashMap<String, Instant>,
    lost: usize,
}

impl Watch {
    /// Watches these objects.
    pub fn begin(api: Api<DynamicObject>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn({
            let seen = seen.clone();
            async move {
                let events = watcher(api, watcher::Config::default()).default_backoff().touched_objects();
                let events = events.into_stream().filter_map(async |event| event.ok());
                events.for_each(async |object| seen.lock().unwrap().note(&object)).await;
            }
        });
        Self { seen, task }
    }

    /// When each became ready first, by name.
    pub fn ready(&self) -> HashMap<String, Instant> {
        self.seen.lock().unwrap().ready.clone()
    }

    /// How often one was seen that was ready and is not any more.
    pub fn lost(&self) -> usize {
        self.seen.lock().unwrap().lost
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn note(&mut self, object: &DynamicObject) {
        let value: Value = serde_json::to_value(object).unwrap();
        let ready = condition(&value, "Ready");
        let is_ready = ready["status"] == "True" && ready["observedGeneration"] == value["metadata"]["generation"];
        let name = object.name_any();
        if is_ready {
            self.ready.entry(name).or_insert_with(Instant::now);
        } else if self.ready.contains_key(&name) && value["metadata"]["deletionTimestamp"].is_null() {
            self.lost += 1;
        }
    }
}
