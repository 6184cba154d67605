//! Passes, by the names and labels of controller-runtime:
//! <https://github.com/kubernetes-sigs/controller-runtime/blob/main/pkg/internal/controller/metrics/metrics.go>.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::engine::{observer::News, reconcile::Outcome};

use super::Controller;

/// In seconds; a pass has no deadline below five minutes.
const BUCKETS: [f64; 15] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

const RESULTS: [&str; 4] = [SUCCESS, ERROR, REQUEUE, REQUEUE_AFTER];
const SUCCESS: &str = "success";
const ERROR: &str = "error";
const REQUEUE: &str = "requeue";
const REQUEUE_AFTER: &str = "requeue_after";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PassLabels {
    controller: String,
    result: &'static str,
}

pub struct ControllerMetrics {
    passes: Family<PassLabels, Counter>,
    errors: Family<Controller, Counter>,
    terminal_errors: Family<Controller, Counter>,
    panics: Family<Controller, Counter>,
    seconds: Family<Controller, Histogram>,
    active: Family<Controller, Gauge>,
}

impl ControllerMetrics {
    pub fn register(registry: &mut Registry, kinds: &[&str], concurrency: u16) -> Self {
        let metrics = Self {
            passes: Family::default(),
            errors: Family::default(),
            terminal_errors: Family::default(),
            panics: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            active: Family::default(),
        };
        let room = Family::<Controller, Gauge>::default();
        for kind in kinds {
            let labels = Controller::of(kind);
            room.get_or_create(&labels).set(i64::from(concurrency));
            for result in RESULTS {
                let _ = metrics.passes.get_or_create(&PassLabels { controller: (*kind).to_owned(), result });
            }
            for counters in [&metrics.errors, &metrics.terminal_errors, &metrics.panics] {
                let _ = counters.get_or_create(&labels);
            }
            let _ = metrics.seconds.get_or_create(&labels);
            let _ = metrics.active.get_or_create(&labels);
        }
        registry.register("controller_runtime_reconcile", "Passes by result", metrics.passes.clone());
        registry.register(
            "controller_runtime_reconcile_errors",
            "Passes that failed or were refused",
            metrics.errors.clone(),
        );
        registry.register(
            "controller_runtime_terminal_reconcile_errors",
            "Passes that were refused: only a change of the spec or of the world helps",
            metrics.terminal_errors.clone(),
        );
        registry.register("controller_runtime_reconcile_panics", "Passes that a defect ended", metrics.panics.clone());
        registry.register("controller_runtime_reconcile_time_seconds", "Time of passes", metrics.seconds.clone());
        registry.register("controller_runtime_max_concurrent_reconciles", "Passes at the same time at most", room);
        registry.register("controller_runtime_active_workers", "Passes under way", metrics.active.clone());
        metrics
    }

    pub fn tell(&self, kind: &str, news: &News) {
        match news {
            News::Started(_) => {
                self.active.get_or_create(&Controller::of(kind)).inc();
            }
            News::Passed(_, pass, time) => {
                self.active.get_or_create(&Controller::of(kind)).dec();
                self.passed(kind, pass.outcome, *time);
            }
            _ => {}
        }
    }

    fn passed(&self, kind: &str, outcome: Outcome, time: Duration) {
        let labels = Controller::of(kind);
        let result = match outcome {
            Outcome::Converged | Outcome::Gone | Outcome::Paused | Outcome::Planned => SUCCESS,
            Outcome::Refused | Outcome::Failed | Outcome::Undecodable | Outcome::Panicked => ERROR,
            Outcome::Waiting => REQUEUE_AFTER,
            Outcome::Superseded => REQUEUE,
        };
        self.passes.get_or_create(&PassLabels { controller: kind.to_owned(), result }).inc();
        self.seconds.get_or_create(&labels).observe(time.as_secs_f64());
        if result == ERROR {
            self.errors.get_or_create(&labels).inc();
        }
        if matches!(outcome, Outcome::Refused | Outcome::Undecodable) {
            self.terminal_errors.get_or_create(&labels).inc();
        }
        if outcome == Outcome::Panicked {
            self.panics.get_or_create(&labels).inc();
        }
    }
}
