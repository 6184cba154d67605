//! The objects: how they stand, what AWS holds of them, how long they take.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use tokio::time::Instant;

use crate::engine::observer::{Census, News, Sweep};

use super::{Controller, encode_gauges};

/// In seconds: from a role, which is there at once, to an endpoint whose connection somebody must accept.
const BUCKETS: [f64; 13] = [1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SweepLabels {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StandingLabels {
    controller: String,
    condition: String,
    status: String,
    reason: String,
}

/// What the last good sweep of a kind saw.
#[derive(Clone, Copy, Debug)]
struct Inventory {
    /// When it was; until there was one, when the first failed.
    at: Instant,
    held: usize,
}

#[derive(Default)]
struct Seen {
    census: BTreeMap<String, Census>,
    inventory: BTreeMap<String, Inventory>,
}

pub struct ObjectMetrics {
    seen: Mutex<Seen>,
    undecodable: Family<Controller, Gauge>,
    sweeps: Family<SweepLabels, Counter>,
    woken: Family<Controller, Counter>,
    drift_detected: Family<Controller, Counter>,
    drift_repaired: Family<Controller, Counter>,
    time_to_ready: Family<Controller, Histogram>,
    deletion_time: Family<Controller, Histogram>,
}

impl fmt::Debug for ObjectMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectMetrics").finish_non_exhaustive()
    }
}

impl ObjectMetrics {
    pub fn register(registry: &mut Registry, kinds: &[&str], resync_interval: Duration) -> Arc<Self> {
        let metrics = Arc::new(Self {
            seen: Mutex::default(),
            undecodable: Family::default(),
            sweeps: Family::default(),
            woken: Family::default(),
            drift_detected: Family::default(),
            drift_repaired: Family::default(),
            time_to_ready: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            deletion_time: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        });
        for kind in kinds {
            metrics.begin(kind);
        }
        let interval = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
        interval.set(resync_interval.as_secs_f64());
        registry.register("privatelink_resync_interval_seconds", "Time between two sweeps, as set", interval);
        registry.register(
            "privatelink_undecodable_objects",
            "Objects that can't be decoded",
            metrics.undecodable.clone(),
        );
        registry.register("privatelink_sweeps", "Sweeps of AWS by result", metrics.sweeps.clone());
        registry.register(
            "privatelink_sweep_woken_objects",
            "Objects that a sweep has woken: they differ, or were refused",
            metrics.woken.clone(),
        );
        registry.register(
            "privatelink_drift_detected",
            "Times that AWS no longer held what an object had converged to",
            metrics.drift_detected.clone(),
        );
        registry.register(
            "privatelink_drift_repaired",
            "Times that such an object has converged again",
            metrics.drift_repaired.clone(),
        );
        registry.register(
            "privatelink_time_to_ready_seconds",
            "Time from an object's creation until it is ready for the first time",
            metrics.time_to_ready.clone(),
        );
        registry.register(
            "privatelink_deletion_duration_seconds",
            "Time from when an object's deletion is asked for until it is let go",
            metrics.deletion_time.clone(),
        );
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// Counters of a kind at zero, so that a rate shows the first increment.
    fn begin(&self, kind: &str) {
        let labels = Controller::of(kind);
        let _ = self.undecodable.get_or_create(&labels);
        for counters in [&self.woken, &self.drift_detected, &self.drift_repaired] {
            let _ = counters.get_or_create(&labels);
        }
        for times in [&self.time_to_ready, &self.deletion_time] {
            let _ = times.get_or_create(&labels);
        }
        for result in ["success", "error"] {
            let _ = self.sweeps.get_or_create(&SweepLabels { controller: kind.to_owned(), result });
        }
    }

    /// A controller begins, or begins anew as a standby, which does not sweep.
    pub fn watches(&self, kind: &str, census: Census) {
        let mut seen = self.seen();
        seen.census.insert(kind.to_owned(), census);
        seen.inventory.remove(kind);
    }

    pub fn tell(&self, kind: &str, news: &News) {
        let labels = Controller::of(kind);
        match news {
            News::Undecodable(objects) => {
                let objects = i64::try_from(*objects).unwrap_or(i64::MAX);
                self.undecodable.get_or_create(&labels).set(objects);
            }
            News::DriftDetected => {
                self.drift_detected.get_or_create(&labels).inc();
            }
            News::DriftRepaired => {
                self.drift_repaired.get_or_create(&labels).inc();
            }
            News::BecameReady(time) => self.time_to_ready.get_or_create(&labels).observe(time.as_secs_f64()),
            News::Deleted(time) => self.deletion_time.get_or_create(&labels).observe(time.as_secs_f64()),
            News::Swept(sweep) => self.swept(kind, &labels, *sweep),
            _ => {}
        }
    }

    fn swept(&self, kind: &str, labels: &Controller, sweep: Sweep) {
        let now = Instant::now();
        let mut seen = self.seen();
        let inventory = seen.inventory.entry(kind.to_owned()).or_insert(Inventory { at: now, held: 0 });
        let held = match sweep {
            Sweep::Nothing => Some(0),
            Sweep::Seen { held, woken } => {
                self.woken.get_or_create(labels).inc_by(woken as u64);
                Some(held)
            }
            Sweep::Failed => None,
        };
        if let Some(held) = held {
            *inventory = Inventory { at: now, held };
        }
        if sweep != Sweep::Nothing {
            let result = if held.is_some() { "success" } else { "error" };
            self.sweeps.get_or_create(&SweepLabels { controller: kind.to_owned(), result }).inc();
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for ObjectMetrics {
    #[allow(clippy::cast_precision_loss, reason = "there are not that many objects")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let seen = self.seen();
        let standing = seen.census.iter().flat_map(|(kind, census)| {
            census().into_iter().map(|((condition, status, reason), objects)| {
                (StandingLabels { controller: kind.clone(), condition, status, reason }, objects as f64)
            })
        });
        encode_gauges(&mut encoder, "privatelink_resources", "Objects by their conditions", standing)?;
        let of_inventory = |value: fn(&Inventory) -> f64| {
            seen.inventory.iter().map(move |(kind, inventory)| (Controller::of(kind), value(inventory)))
        };
        encode_gauges(
            &mut encoder,
            "privatelink_inventory_age_seconds",
            "Time since the last good sweep of AWS",
            of_inventory(|inventory| inventory.at.elapsed().as_secs_f64()),
        )?;
        encode_gauges(
            &mut encoder,
            "privatelink_inventory_objects",
            "Objects that AWS held at the last good sweep",
            of_inventory(|inventory| inventory.held as f64),
        )
    }
}
