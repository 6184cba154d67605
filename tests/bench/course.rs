//! One measurement: from no objects to all of them ready, at rest, one drift, a restart, and to none again.

use std::time::Duration;

use futures::{StreamExt, stream};
use kube::api::{DeleteParams, ListParams, PostParams};
use tokio::time::{Instant, sleep};

use crate::{
    fleet::Fleet,
    gauge::{Memory, Reading},
    report::Row,
    support::live::{
        Live,
        operator::{Operator, unlimited_rates},
    },
    watch::Watch,
};

/// Short, so that a measurement is; what is counted is a sweep, and an hour has 12 of them at the default of 5 minutes.
const RESYNC: Duration = Duration::from_secs(10);
const SWEEPS: u32 = 3;
const SWEEPS_AN_HOUR: f64 = 12.0;
/// Objects that are created at the same time, as a GitOps controller does.
const CREATORS: usize = 16;

/// What is measured.
pub struct Course {
    /// The kind.
    pub fleet: Fleet,
    /// How many.
    pub objects: usize,
    /// What each AWS call takes besides what LocalStack takes.
    pub latency: Duration,
}

impl Course {
    /// Measures.
    pub async fn run(self) -> Row {
        let live = Live::begin("bench").await;
        let role = live.aws.make_lambda_role(&live.namespace).await;
        let operator = self.start(&live).await;
        sleep(RESYNC).await;
        let idle = Memory::of(operator.pid());
        let watch = Watch::begin(live.api(self.fleet.kind()));
        let before = Reading::take(&operator).await;
        let began = Instant::now();
        let created: Vec<(String, Instant)> = stream::iter(0..self.objects)
            .map(|number| {
                let (live, role) = (&live, &role);
                async move {
                    let object = self.fleet.object(live, role, number);
                    let asked = Instant::now();
                    live.api(self.fleet.kind()).create(&PostParams::default(), &object).await.unwrap();
                    (object.metadata.name.unwrap(), asked)
                }
            })
            .buffer_unordered(CREATORS)
            .collect()
            .await;
        self.all_ready(&watch).await;
        let all_ready = began.elapsed();
        let until_ready = Reading::take(&operator).await.since(&before);
        let ready = watch.ready();
        let mut times: Vec<f64> =
            created.iter().map(|(name, asked)| ready[name].duration_since(*asked).as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);

        let rest = self.rest(&operator).await;
        let memory = Memory::of(operator.pid());
        let drift_seconds = self.drift(&live).await;

        operator.kill().await;
        let operator = self.start(&live).await;
        sleep(RESYNC).await;
        let restart = Reading::take(&operator).await;
        let lost = watch.lost();
        self.clear(&live).await;
        operator.kill().await;
        live.aws.iam.delete_role().role_name(&live.namespace).send().await.unwrap();
        live.end().await;
        let each = |count: u64| count as f64 / self.objects as f64;
        let an_hour = |count: u64| count as f64 / f64::from(SWEEPS) * SWEEPS_AN_HOUR;
        Row {
            kind: self.fleet.kind().to_owned(),
            objects: self.objects,
            latency_ms: self.latency.as_millis() as u64,
            all_ready_seconds: all_ready.as_secs_f64(),
            ready_p50_seconds: quantile(&times, 0.5),
            ready_p99_seconds: quantile(&times, 0.99),
            calls: until_ready.aws.iter().map(|(operation, count)| (operation.clone(), each(*count))).collect(),
            calls_per_object: each(until_ready.aws_calls()),
            least_calls_per_object: self.fleet.least_calls(),
            writes_per_object: each(until_ready.kubernetes_writes()),
            cpu_share: until_ready.cpu_seconds / all_ready.as_secs_f64(),
            cpu_milliseconds_per_object: until_ready.cpu_seconds * 1000.0 / self.objects as f64,
            rest_aws_reads_an_hour: an_hour(rest.aws_calls()),
            rest_aws_reads_one_by_one: self.fleet.reads_one_by_one(self.objects),
            rest_kubernetes_writes_an_hour: an_hour(rest.kubernetes_writes()),
            rest_kubernetes_reads_an_hour: an_hour(rest.kubernetes_reads()),
            drift_seconds,
            idle_kib: idle.resident,
            peak_kib: memory.peak,
            rest_kib: memory.resident,
            restart_aws_calls: restart.aws_calls(),
            restart_kubernetes_writes: restart.kubernetes_writes(),
            restart_lost_ready: lost,
        }
    }

    async fn start(&self, live: &Live) -> Operator {
        let (rates, resync) = (unlimited_rates(), format!("{}s", RESYNC.as_secs()));
        let operator = live.operator(&["--aws-rate", &rates, "--resync-interval", &resync]).await;
        operator.proxy().delay("*", self.latency);
        operator
    }

    async fn all_ready(&self, watch: &Watch) {
        let patience = Duration::from_mins(20);
        let began = Instant::now();
        while watch.ready().len() < self.objects {
            assert!(began.elapsed() < patience, "{} of {} are ready", watch.ready().len(), self.objects);
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Some sweeps long, after what was created has settled.
    async fn rest(&self, operator: &Operator) -> Reading {
        sleep(RESYNC * 2).await;
        let before = Reading::take(operator).await;
        sleep(RESYNC * SWEEPS).await;
        Reading::take(operator).await.since(&before)
    }

    async fn drift(&self, live: &Live) -> f64 {
        let object = live.get(self.fleet.kind(), "o-0").await;
        let id = object["status"][self.fleet.id()].as_str().expect("a ready object has its id").to_owned();
        self.fleet.drift(live, &id).await;
        let began = Instant::now();
        while !self.fleet.is_mended(live, &id).await {
            assert!(began.elapsed() < Duration::from_mins(5), "the drift is not mended");
            sleep(Duration::from_millis(200)).await;
        }
        began.elapsed().as_secs_f64()
    }

    /// Deletes the objects and waits for as long as it takes.
    async fn clear(&self, live: &Live) {
        let api = live.api(self.fleet.kind());
        while !api.list_metadata(&ListParams::default().limit(1)).await.unwrap().items.is_empty() {
            // The apiserver breaks off what takes it longer than a minute, as the deletion of thousands does.
            api.delete_collection(&DeleteParams::default(), &ListParams::default()).await.ok();
            sleep(Duration::from_millis(500)).await;
        }
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted[at.clamp(1, sorted.len()) - 1]
}
