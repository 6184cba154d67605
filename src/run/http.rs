//! `/livez` (the event loop turns), `/readyz` (watch caches filled, credentials obtained once), `/metrics`.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{RunError, metrics::Metrics};
use crate::engine::{controller::Observer, reconcile::Outcome};

/// What is still missing before the operator is ready.
pub struct Readiness {
    missing: Mutex<BTreeSet<String>>,
}

const CREDENTIALS: &str = "AWS credentials";

impl Readiness {
    /// Nothing is there yet: neither credentials nor the caches of these kinds.
    pub fn new(kinds: &[&str]) -> Self {
        let caches = kinds.iter().map(|kind| cache_of(kind));
        Self { missing: Mutex::new(caches.chain([CREDENTIALS.to_owned()]).collect()) }
    }

    /// AWS has answered.
    pub fn credentials(&self) {
        self.missing().remove(CREDENTIALS);
    }

    fn missing(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cache_of(kind: &str) -> String {
    format!("cache of {kind}")
}

/// Tells metrics and readiness of the controllers' work.
pub struct Progress {
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Readiness.
    pub readiness: Arc<Readiness>,
}

impl Observer for Progress {
    fn passed(&self, kind: &str, outcome: Outcome, seconds: f64) {
        self.metrics.passed(kind, outcome, seconds);
    }

    fn undecodable(&self, kind: &str, objects: usize) {
        self.metrics.undecodable(kind, objects);
    }

    fn swept(&self, kind: &str, success: bool, woken: usize) {
        self.metrics.swept(kind, success, woken);
    }

    fn synced(&self, kind: &str) {
        info!(%kind, "cache filled");
        self.readiness.missing().remove(&cache_of(kind));
    }
}

type Shared = Arc<(Arc<Metrics>, Arc<Readiness>)>;

/// Serves until `stop`.
pub async fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    stop: CancellationToken,
) -> Result<JoinHandle<std::io::Result<()>>, RunError> {
    let listener = TcpListener::bind(address).await.map_err(|source| RunError::Http { address, source })?;
    let router = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Arc::new((metrics, readiness)));
    let server = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    Ok(tokio::spawn(server.into_future()))
}

async fn readyz(State(shared): State<Shared>) -> (StatusCode, String) {
    let missing: Vec<_> = shared.1.missing().iter().cloned().collect();
    if missing.is_empty() {
        (StatusCode::OK, "ok".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for: {}\n", missing.join(", ")))
    }
}

async fn metrics_text(State(shared): State<Shared>) -> Result<String, StatusCode> {
    shared.0.text().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
