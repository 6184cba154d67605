//! The operator's process.

use std::{
    collections::BTreeMap,
    fs::File,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use privatelink_operator::cloud::limits::budget::Budget;
use rustix::process::{Pid, Signal, kill_process};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
};

use super::{
    eventually,
    proxy::{Call, Proxy},
    release::Release,
};

/// The value of `--aws-rate` that holds nothing up: LocalStack has no limits to keep to.
pub fn unlimited_rates() -> String {
    let rates: Vec<String> = Budget::ALL.iter().map(|budget| format!("{}=10000", budget.name())).collect();
    rates.join(",")
}

/// A running operator. Dropping it kills it.
pub struct Operator {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    proxy: Proxy,
    _log_dir: tempfile::TempDir,
}

impl Operator {
    /// Starts it with what the release gives it, and waits until it is ready.
    pub async fn start(release: &Release, flags: &[&str]) -> Self {
        let operator = Self::spawn(release, flags);
        operator.ready().await;
        operator
    }

    /// Waits until it is ready.
    pub async fn ready(&self) {
        eventually(async || self.get("/readyz").await.is_some_and(|(status, _)| status == 200))
            .await
            .unwrap_or_else(|()| panic!("the operator was to become ready; its log:\n{}", self.log()));
    }

    /// Starts it without waiting.
    pub fn spawn(release: &Release, flags: &[&str]) -> Self {
        Self::spawn_with(release.command(), flags)
    }

    /// Starts it with this command line in place of the release's own, and without waiting.
    pub fn spawn_with(mut command: Command, flags: &[&str]) -> Self {
        let address = free_address();
        let log_dir = tempfile::tempdir().unwrap();
        let log = log_dir.path().join("operator.log");
        let proxy = Proxy::start(&address.to_string());
        command.args(["--aws-endpoint-url", &proxy.url(), "--http-address", &address.to_string()]);
        let child = command
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, address, log, proxy, _log_dir: log_dir }
    }

    /// kill -9.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it is running")
    }

    /// Waits for its end.
    pub async fn exit(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether it leads, as its metrics say.
    pub async fn leads(&self) -> bool {
        self.metrics().await.contains("leader_election_master_status{name=\"privatelink-operator\"} 1")
    }

    /// The proxy between it and AWS.
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The requests that it has sent to AWS and that have been answered.
    pub fn calls(&self) -> Vec<Call> {
        self.proxy.calls()
    }

    /// AWS calls so far, by `service:operation`.
    pub async fn aws_calls(&self) -> BTreeMap<String, u64> {
        let mut calls = BTreeMap::new();
        for line in self.metrics().await.lines().filter(|line| line.starts_with("aws_api_requests_total{")) {
            let label = |name: &str| {
                let rest = line.split_once(&format!("{name}=\"")).expect("the label is there").1;
                rest.split_once('"').expect("the label ends").0.to_owned()
            };
            let count: u64 = line.rsplit_once(' ').expect("a value follows").1.parse().expect("a count");
            *calls.entry(format!("{}:{}", label("service"), label("operation"))).or_default() += count;
        }
        calls
    }

    /// The text of /metrics.
    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.expect("the operator serves metrics").1
    }

    /// Status and body of what it answers to a GET, if it answers.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: operator\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}
