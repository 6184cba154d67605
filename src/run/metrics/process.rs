//! The process, by the names of Prometheus's own clients:
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>.

use procfs::process::{LimitValue, Process};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// Reads `/proc/self` at each scrape. What cannot be read there is left out.
#[derive(Debug)]
pub struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Ok(process) = Process::myself() else { return Ok(()) };
        if let Some(seconds) = cpu_seconds(&process) {
            let name = "process_cpu_seconds";
            let metric = encoder.encode_descriptor(name, "Processor time used", None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(metric)?;
        }
        let stat = process.stat().ok();
        let gauges = [
            ("process_resident_memory_bytes", "Resident memory", stat.as_ref().map(|s| s.rss * procfs::page_size())),
            ("process_virtual_memory_bytes", "Virtual memory", stat.as_ref().map(|s| s.vsize)),
            ("process_open_fds", "Open file descriptors", process.fd_count().ok().map(|count| count as u64)),
            ("process_max_fds", "Open file descriptors at most", max_fds(&process)),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
            }
        }
        if let Some(seconds) = start_seconds(&process) {
            let (name, help) = ("process_start_time_seconds", "When the process began, in seconds since 1970");
            ConstGauge::new(seconds).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss, reason = "2^53 ticks are millions of years")]
fn ticks(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

fn cpu_seconds(process: &Process) -> Option<f64> {
    let stat = process.stat().ok()?;
    Some(ticks(stat.utime + stat.stime))
}

#[allow(clippy::cast_precision_loss, reason = "seconds since 1970")]
fn start_seconds(process: &Process) -> Option<f64> {
    let began = ticks(process.stat().ok()?.starttime);
    Some(procfs::boot_time_secs().ok()? as f64 + began)
}

fn max_fds(process: &Process) -> Option<u64> {
    match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(value) => Some(value),
        LimitValue::Unlimited => None,
    }
}
