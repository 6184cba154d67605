//! Calls of AWS.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::{
    cloud::{
        fault::{Service, classify},
        limits::budget::Budget,
    },
    engine::failure::Class,
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    service: &'static str,
    operation: &'static str,
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Operation {
    service: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Limit {
    budget: &'static str,
}

pub struct AwsMetrics {
    calls: Family<Call, Counter>,
    seconds: Family<Operation, Histogram>,
    throttles: Family<Operation, Counter>,
    waits: Family<Limit, Histogram>,
    given_up: Family<Limit, Counter>,
}

impl AwsMetrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            calls: Family::default(),
            // 10 ms to 41 s: a read may take three attempts of 10 s.
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.01, 2.0, 13))),
            throttles: Family::default(),
            // 10 ms to 10 s: after 10 s a call is given up.
            waits: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.01, 2.0, 11))),
            given_up: Family::default(),
        };
        registry.register("aws_api_requests", "AWS calls by operation and answer", metrics.calls.clone());
        registry.register(
            "aws_api_request_duration_seconds",
            "Time of AWS calls, with their retries",
            metrics.seconds.clone(),
        );
        registry.register(
            "aws_api_throttles",
            "AWS calls that failed because AWS asked to slow down",
            metrics.throttles.clone(),
        );
        registry.register(
            "aws_api_limiter_wait_seconds",
            "Time that AWS calls waited for the operator's own budget",
            metrics.waits.clone(),
        );
        registry.register(
            "aws_api_limiter_given_up",
            "AWS calls that were not sent because the operator's own budget stayed used up",
            metrics.given_up.clone(),
        );
        metrics
    }

    pub fn call(&self, service: Service, operation: &'static str, code: &str, seconds: f64) {
        let throttled = classify(service, code, "") == Class::Throttled;
        let service = service.prefix();
        let labels = Operation { service, operation };
        self.calls.get_or_create(&Call { service, operation, code: code.to_owned() }).inc();
        self.seconds.get_or_create(&labels).observe(seconds);
        // At zero from the first call on, so that a rate shows the first throttle.
        self.throttles.get_or_create(&labels).inc_by(u64::from(throttled));
    }

    pub fn waited(&self, budget: Budget, seconds: f64, sent: bool) {
        let labels = Limit { budget: budget.name() };
        self.waits.get_or_create(&labels).observe(seconds);
        self.given_up.get_or_create(&labels).inc_by(u64::from(!sent));
    }
}
