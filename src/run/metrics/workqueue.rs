//! What waits for a pass and how long it does, by the names and labels of client-go's workqueue:
//! <https://github.com/kubernetes/component-base/blob/master/metrics/prometheus/workqueue/metrics.go>.
//!
//! kube's scheduler shows nothing of itself. What goes into it and what comes out is known, and it behaves as a
//! workqueue does: an object is in it once, the earliest time counts, and an object is not worked on twice at a time.

use std::{
    collections::HashMap,
    ops::Add as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet},
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tokio::time::Instant;

use crate::engine::{
    observer::{News, ObjectKey},
    reconcile::{Outcome, Pass},
};

use super::encode_gauges;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QueueLabels {
    name: String,
    controller: String,
}

impl QueueLabels {
    fn of(kind: &str) -> Self {
        Self { name: kind.to_owned(), controller: kind.to_owned() }
    }
}

/// When an object is due, and whether a timer makes it so.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    by_timer: bool,
}

#[derive(Debug, Default)]
struct Queue {
    due: HashMap<ObjectKey, Due>,
    working: HashMap<ObjectKey, Instant>,
}

#[derive(Debug)]
pub struct QueueMetrics {
    queues: Mutex<HashMap<String, Queue>>,
    adds: Family<QueueLabels, Counter>,
    retries: Family<QueueLabels, Counter>,
    waited: Family<QueueLabels, Histogram>,
    worked: Family<QueueLabels, Histogram>,
}

impl QueueMetrics {
    pub fn register(registry: &mut Registry, kinds: &[&str]) -> Arc<Self> {
        // 1 ms to 10 min.
        let seconds = || Histogram::new(exponential_buckets(0.001, 3.0, 13));
        let metrics = Arc::new(Self {
            queues: Mutex::new(kinds.iter().map(|kind| ((*kind).to_owned(), Queue::default())).collect()),
            adds: Family::default(),
            retries: Family::default(),
            waited: Family::new_with_constructor(seconds),
            worked: Family::new_with_constructor(seconds),
        });
        for labels in kinds.iter().map(|kind| QueueLabels::of(kind)) {
            let _ = (metrics.adds.get_or_create(&labels), metrics.retries.get_or_create(&labels));
            let _ = (metrics.waited.get_or_create(&labels), metrics.worked.get_or_create(&labels));
        }
        registry.register("workqueue_adds", "Times that an object was to be looked at", metrics.adds.clone());
        registry.register("workqueue_retries", "Passes that are to be repeated soon", metrics.retries.clone());
        registry.register(
            "workqueue_queue_duration_seconds",
            "Time from when a pass was due until it began",
            metrics.waited.clone(),
        );
        registry.register("workqueue_work_duration_seconds", "Time of passes", metrics.worked.clone());
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// A controller begins with an empty queue.
    pub fn begin(&self, kind: &str) {
        self.queues().insert(kind.to_owned(), Queue::default());
    }

    pub fn tell(&self, kind: &str, news: News) {
        let mut queues = self.queues();
        let queue = queues.entry(kind.to_owned()).or_default();
        let now = Instant::now();
        match news {
            News::Queued(object) => {
                let added = queue.due.get(&object).is_none_or(|due| due.by_timer);
                if added {
                    queue.due.insert(object, Due { at: now, by_timer: false });
                    self.adds.get_or_create(&QueueLabels::of(kind)).inc();
                }
            }
            News::Dropped(object) => {
                queue.due.remove(&object);
            }
            News::Started(object) => {
                let due = queue.due.remove(&object).unwrap_or(Due { at: now, by_timer: false });
                queue.working.insert(object, now);
                let labels = QueueLabels::of(kind);
                self.adds.get_or_create(&labels).inc_by(u64::from(due.by_timer));
                self.waited.get_or_create(&labels).observe(now.saturating_duration_since(due.at).as_secs_f64());
            }
            News::Passed(object, pass, time) => {
                queue.working.remove(&object);
                if let Some(after) = pass.requeue_after {
                    queue.due.entry(object).or_insert(Due { at: now + after, by_timer: true });
                }
                self.passed(&QueueLabels::of(kind), pass, time);
            }
            _ => {}
        }
    }

    fn passed(&self, labels: &QueueLabels, pass: Pass, time: Duration) {
        self.worked.get_or_create(labels).observe(time.as_secs_f64());
        let is_retry = matches!(pass.outcome, Outcome::Failed | Outcome::Superseded | Outcome::Panicked);
        self.retries.get_or_create(labels).inc_by(u64::from(is_retry));
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for QueueMetrics {
    #[allow(clippy::cast_precision_loss, reason = "a queue is not that long")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let now = Instant::now();
        let mut series: [Vec<(QueueLabels, f64)>; 3] = Default::default();
        for (kind, queue) in self.queues().iter() {
            let depth = queue.due.values().filter(|due| due.at <= now).count() as f64;
            let ages = || queue.working.values().map(|began| now.duration_since(*began).as_secs_f64());
            // The sum of nothing is -0, and would be told as such.
            let values = [depth, ages().fold(0.0, f64::add), ages().fold(0.0, f64::max)];
            for (series, value) in series.iter_mut().zip(values) {
                series.push((QueueLabels::of(kind), value));
            }
        }
        let [depth, unfinished, longest] = series;
        encode_gauges(&mut encoder, "workqueue_depth", "Objects whose pass is due", depth)?;
        encode_gauges(
            &mut encoder,
            "workqueue_unfinished_work_seconds",
            "Ages of the passes under way, added up",
            unfinished,
        )?;
        encode_gauges(
            &mut encoder,
            "workqueue_longest_running_processor_seconds",
            "Age of the oldest pass under way",
            longest,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        registry: Registry,
        queues: Arc<QueueMetrics>,
    }

    impl Scene {
        fn new() -> Self {
            let mut registry = Registry::default();
            let queues = QueueMetrics::register(&mut registry, &["K"]);
            Self { registry, queues }
        }

        /// As it is written, but without an empty fraction.
        fn value(&self, name: &str) -> String {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
            let line = text.lines().find(|line| line.starts_with(&format!("{name}{{"))).unwrap();
            line.rsplit(' ').next().unwrap().trim_end_matches(".0").to_owned()
        }

        fn tell(&self, news: News) {
            self.queues.tell("K", news);
        }
    }

    fn object() -> ObjectKey {
        "ns/a".to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_waits_once_from_when_it_is_due() {
        let scene = Scene::new();
        scene.tell(News::Queued(object()));
        scene.tell(News::Queued(object()));
        assert_eq!([scene.value("workqueue_depth"), scene.value("workqueue_adds_total")], ["1", "1"]);
        tokio::time::advance(Duration::from_secs(2)).await;
        scene.tell(News::Started(object()));
        assert_eq!(scene.value("workqueue_queue_duration_seconds_sum"), "2");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(scene.value("workqueue_depth"), "0");
        assert_eq!(scene.value("workqueue_unfinished_work_seconds"), "3");
        assert_eq!(scene.value("workqueue_longest_running_processor_seconds"), "3");

        let pass = Pass { outcome: Outcome::Failed, requeue_after: Some(Duration::from_secs(10)) };
        scene.tell(News::Passed(object(), pass, Duration::from_secs(3)));
        assert_eq!(scene.value("workqueue_unfinished_work_seconds"), "0");
        assert_eq!(scene.value("workqueue_retries_total"), "1");
        assert_eq!(scene.value("workqueue_depth"), "0", "its time has not come");
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(scene.value("workqueue_depth"), "1");
        scene.tell(News::Started(object()));
        assert_eq!(scene.value("workqueue_queue_duration_seconds_sum"), "3", "one second late");
        assert_eq!(scene.value("workqueue_adds_total"), "2");
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_is_gone_waits_no_longer() {
        let scene = Scene::new();
        scene.tell(News::Queued(object()));
        scene.tell(News::Dropped(object()));
        assert_eq!(scene.value("workqueue_depth"), "0");
    }
}
