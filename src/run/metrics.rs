//! Metrics. No label names an object, so their number is bounded.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::election;
use crate::{
    cloud::{fault::Service, sdk::CallObserver},
    engine::reconcile::Outcome,
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    service: &'static str,
    operation: &'static str,
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    service: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PassLabels {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ElectionLabels {
    name: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    controller: String,
}

/// All metrics of the operator.
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<OperationLabels, Histogram>,
    passes: Family<PassLabels, Counter>,
    pass_seconds: Family<KindLabels, Histogram>,
    undecodable: Family<KindLabels, Gauge>,
    sweeps: Family<PassLabels, Counter>,
    drifted: Family<KindLabels, Counter>,
    last_sweep: Family<KindLabels, Gauge<f64, AtomicU64>>,
    leads: Family<ElectionLabels, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 14))
}

impl Metrics {
    /// Metrics at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(seconds),
            passes: Family::default(),
            pass_seconds: Family::new_with_constructor(seconds),
            undecodable: Family::default(),
            sweeps: Family::default(),
            drifted: Family::default(),
            last_sweep: Family::default(),
            leads: Family::default(),
        };
        metrics.leads(false);
        let registry = &mut metrics.registry;
        registry.register("aws_api_requests", "AWS calls by operation and answer", metrics.calls.clone());
        registry.register("aws_api_request_duration_seconds", "Time of AWS calls", metrics.call_seconds.clone());
        registry.register("controller_runtime_reconcile", "Passes by outcome", metrics.passes.clone());
        registry.register("controller_runtime_reconcile_time_seconds", "Time of passes", metrics.pass_seconds.clone());
        registry.register(
            "privatelink_undecodable_objects",
            "Objects that can't be decoded",
            metrics.undecodable.clone(),
        );
        registry.register("privatelink_sweeps", "Sweeps of the inventory by result", metrics.sweeps.clone());
        registry.register(
            "privatelink_sweep_differences",
            "Objects that a sweep found changed",
            metrics.drifted.clone(),
        );
        registry.register(
            "privatelink_last_sweep_timestamp_seconds",
            "When the last sweep succeeded",
            metrics.last_sweep.clone(),
        );
        registry.register("leader_election_master_status", "Whether this replica leads: 1 or 0", metrics.leads.clone());
        metrics
    }

    /// Notes whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leads.get_or_create(&ElectionLabels { name: election::NAME }).set(leads.into());
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// Counts a pass.
    pub fn passed(&self, kind: &str, outcome: Outcome, seconds: f64) {
        let result = match outcome {
            Outcome::Converged | Outcome::Gone | Outcome::Paused | Outcome::Planned => "success",
            Outcome::Refused => "terminal_error",
            Outcome::Failed | Outcome::Undecodable => "error",
            Outcome::Waiting => "requeue_after",
            Outcome::Superseded | Outcome::NotLeader => "requeue",
        };
        self.passes.get_or_create(&PassLabels { controller: kind.to_owned(), result }).inc();
        self.pass_seconds.get_or_create(&KindLabels { controller: kind.to_owned() }).observe(seconds);
    }

    /// Sets the number of objects that can't be decoded.
    pub fn undecodable(&self, kind: &str, objects: usize) {
        let objects = i64::try_from(objects).unwrap_or(i64::MAX);
        self.undecodable.get_or_create(&KindLabels { controller: kind.to_owned() }).set(objects);
    }

    /// Counts a sweep.
    pub fn swept(&self, kind: &str, success: bool, woken: usize) {
        let result = if success { "success" } else { "error" };
        self.sweeps.get_or_create(&PassLabels { controller: kind.to_owned(), result }).inc();
        let labels = KindLabels { controller: kind.to_owned() };
        self.drifted.get_or_create(&labels).inc_by(woken as u64);
        if success {
            let now = jiff::Timestamp::now().as_millisecond();
            #[allow(clippy::cast_precision_loss)]
            self.last_sweep.get_or_create(&labels).set(now as f64 / 1000.0);
        }
    }
}

impl CallObserver for Metrics {
    fn call(&self, service: Service, operation: &'static str, code: &str, seconds: f64) {
        let service = match service {
            Service::Ec2 => "ec2",
            Service::Iam => "iam",
            Service::Lambda => "lambda",
            Service::S3 => "s3",
            Service::Sts => "sts",
        };
        self.calls.get_or_create(&CallLabels { service, operation, code: code.to_owned() }).inc();
        self.call_seconds.get_or_create(&OperationLabels { service, operation }).observe(seconds);
    }
}
