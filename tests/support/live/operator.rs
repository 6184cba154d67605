//! The operator's process.

use std::{
    collections::BTreeMap,
    fs::File,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::Stdio,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Child,
};

use super::{
    eventually,
    proxy::{Call, Proxy},
    release::Release,
};

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
        eventually(async || operator.get("/readyz").await.is_some_and(|(status, _)| status == 200))
            .await
            .unwrap_or_else(|()| panic!("the operator was to become ready; its log:\n{}", operator.log()));
        operator
    }

    /// Starts it without waiting.
    pub fn spawn(release: &Release, flags: &[&str]) -> Self {
        Self::spawn_without(release, flags, &[])
    }

    /// Starts it without these environment variables, and without waiting.
    pub fn spawn_without(release: &Release, flags: &[&str], variables: &[&str]) -> Self {
        let address = free_address();
        let log_dir = tempfile::tempdir().unwrap();
        let log = log_dir.path().join("operator.log");
        let proxy = Proxy::start(&address.to_string());
        let mut command = release.command();
        command.args(["--aws-endpoint-url", &proxy.url(), "--http-address", &address.to_string()]);
        for variable in variables {
            command.env_remove(variable);
        }
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
