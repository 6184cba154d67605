//! Metrics. No label names an object, so their number is bounded. What controller-runtime and client-go measure too
//! has their names and labels, so that dashboards and alerts made for these work.

mod aws;
mod controllers;
mod kubernetes;
mod objects;
mod process;
mod workqueue;

use std::{fmt::Write, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, text::encode},
    metrics::{MetricType, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::election;
use crate::{
    cloud::{fault::Service, limits::budget::Budget, sdk::CallObserver},
    engine::observer::{Census, News, Observer},
};

use self::{
    aws::AwsMetrics, controllers::ControllerMetrics, kubernetes::RequestMetrics, objects::ObjectMetrics,
    process::ProcessCollector, workqueue::QueueMetrics,
};

pub use self::kubernetes::CountRequests;

/// One controller is one kind.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Controller {
    controller: String,
}

impl Controller {
    fn of(kind: &str) -> Self {
        Self { controller: kind.to_owned() }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Election {
    name: &'static str,
}

/// What of the operator's settings a dashboard or an alert needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Passes of a kind at the same time.
    pub concurrency: u16,
    /// Time between two sweeps.
    pub resync_interval: Duration,
}

/// All metrics of the operator.
pub struct Metrics {
    registry: Registry,
    aws: AwsMetrics,
    controllers: ControllerMetrics,
    queues: Arc<QueueMetrics>,
    objects: Arc<ObjectMetrics>,
    requests: RequestMetrics,
    leads: Family<Election, Gauge>,
}

impl Metrics {
    /// Metrics at zero, of the controllers of these kinds.
    pub fn new(kinds: &[&str], limits: Limits) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessCollector));
        let build = Family::<Build, Gauge>::default();
        build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("privatelink_operator_build_info", "Always 1; the version is a label", build);
        let leads = Family::default();
        registry.register("leader_election_master_status", "Whether this replica leads: 1 or 0", leads.clone());
        let metrics = Self {
            leads,
            aws: AwsMetrics::register(&mut registry),
            controllers: ControllerMetrics::register(&mut registry, kinds, limits.concurrency),
            queues: QueueMetrics::register(&mut registry, kinds),
            objects: ObjectMetrics::register(&mut registry, kinds, limits.resync_interval),
            requests: RequestMetrics::register(&mut registry),
            registry,
        };
        metrics.leads(false);
        metrics
    }

    /// Notes whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leads.get_or_create(&Election { name: election::NAME }).set(leads.into());
    }

    /// Counts the requests of a client of the Kubernetes API at this host.
    pub fn count_requests(&self, host: &str) -> CountRequests {
        self.requests.layer(host)
    }

    /// The text that Prometheus reads, in its text format 0.0.4:
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        as_text_format(&text)
    }
}

impl Observer for Metrics {
    fn tell(&self, kind: &str, news: News) {
        self.controllers.tell(kind, &news);
        self.objects.tell(kind, &news);
        self.queues.tell(kind, news);
    }

    fn watches(&self, kind: &str, census: Census) {
        self.queues.begin(kind);
        self.objects.watches(kind, census);
    }
}

impl CallObserver for Metrics {
    fn call(&self, service: Service, operation: &'static str, code: &str, seconds: f64) {
        self.aws.call(service, operation, code, seconds);
    }

    fn waited(&self, budget: Budget, seconds: f64, sent: bool) {
        self.aws.waited(budget, seconds, sent);
    }
}

/// OpenMetrics names a counter without the suffix of its samples, the text format with it.
fn as_text_format(openmetrics: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::with_capacity(openmetrics.len() + 1024);
    let mut lines = openmetrics.lines().filter(|line| *line != "# EOF").peekable();
    while let Some(line) = lines.next() {
        let Some(help) = line.strip_prefix("# HELP ") else {
            writeln!(text, "{line}")?;
            continue;
        };
        let (name, help) = help.split_once(' ').unwrap_or((help, ""));
        let type_ = lines.next_if(|line| line.starts_with("# TYPE ")).and_then(|line| line.rsplit(' ').next());
        let suffix = if type_ == Some("counter") { "_total" } else { "" };
        writeln!(text, "# HELP {name}{suffix} {help}")?;
        writeln!(text, "# TYPE {name}{suffix} {}", type_.unwrap_or("untyped"))?;
    }
    Ok(text)
}

/// Encodes a gauge whose series are known only now.
fn encode_gauges<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = (L, f64)>,
) -> std::fmt::Result {
    let mut metric: MetricEncoder<'_> = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in series {
        metric.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_their_suffix_in_help_and_type() {
        let openmetrics = "# HELP a_b Things.\n# TYPE a_b counter\na_b_total{x=\"y\"} 3\n# HELP c Level.\n# TYPE c gauge\nc 1.5\n# EOF\n";
        let expected = "# HELP a_b_total Things.\n# TYPE a_b_total counter\na_b_total{x=\"y\"} 3\n\
                        # HELP c Level.\n# TYPE c gauge\nc 1.5\n";
        assert_eq!(as_text_format(openmetrics).unwrap(), expected);
    }
}
