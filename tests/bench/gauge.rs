//! What the operator says of itself in /metrics, and what the kernel says of its memory.

use std::{collections::BTreeMap, fs};

use crate::support::live::operator::Operator;

/// A reading of the counters.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// AWS calls by `service:operation`.
    pub aws: BTreeMap<String, u64>,
    /// Requests to the Kubernetes API by method. PUT renews the lease and does nothing else.
    pub kubernetes: BTreeMap<String, u64>,
    /// Processor time in seconds.
    pub cpu_seconds: f64,
}

/// Memory in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most so far.
    pub peak: u64,
}

impl Reading {
    /// Reads the counters now.
    pub async fn take(operator: &Operator) -> Self {
        let text = operator.metrics().await;
        let mut kubernetes = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with("rest_client_requests_total{")) {
            let method = line.split("method=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            *kubernetes.entry(method.to_owned()).or_default() += value(line) as u64;
        }
        let cpu_seconds = text.lines().find(|line| line.starts_with("process_cpu_seconds_total")).map_or(0.0, value);
        Self { aws: operator.aws_calls().await, kubernetes, cpu_seconds }
    }

    /// What has happened since an earlier reading.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            aws: difference(&self.aws, &before.aws),
            kubernetes: difference(&self.kubernetes, &before.kubernetes),
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
        }
    }

    /// All AWS calls.
    pub fn aws_calls(&self) -> u64 {
        self.aws.values().sum()
    }

    /// Writes to the cluster, the lease's apart.
    pub fn kubernetes_writes(&self) -> u64 {
        ["POST", "PATCH", "DELETE"].iter().filter_map(|method| self.kubernetes.get(*method)).sum()
    }

    /// Reads of the cluster.
    pub fn kubernetes_reads(&self) -> u64 {
        self.kubernetes.get("GET").copied().unwrap_or_default()
    }
}

impl Memory {
    /// Of the process with this id.
    pub fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        Self { resident: field("VmRSS:"), peak: field("VmHWM:") }
    }
}

fn value(line: &str) -> f64 {
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

fn difference(now: &BTreeMap<String, u64>, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let grown = now.iter().map(|(name, count)| (name.clone(), count - before.get(name).copied().unwrap_or_default()));
    grown.filter(|(_, count)| *count > 0).collect()
}
