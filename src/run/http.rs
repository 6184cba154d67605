//! `/livez`, `/readyz` and `/metrics`.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    RunError,
    health::{Liveness, Readiness},
    metrics::Metrics,
};

/// What the endpoints tell of.
#[derive(Clone)]
pub struct Endpoints {
    /// `/livez`.
    pub liveness: Arc<Liveness>,
    /// `/readyz`.
    pub readiness: Arc<Readiness>,
    /// `/metrics`.
    pub metrics: Arc<Metrics>,
}

/// Serves until `stop`.
pub async fn serve(
    address: SocketAddr,
    endpoints: Endpoints,
    stop: CancellationToken,
) -> Result<JoinHandle<std::io::Result<()>>, RunError> {
    let listener = TcpListener::bind(address).await.map_err(|source| RunError::Http { address, source })?;
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(endpoints);
    let server = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    Ok(tokio::spawn(server.into_future()))
}

async fn livez(State(endpoints): State<Endpoints>) -> (StatusCode, String) {
    told(endpoints.liveness.check())
}

async fn readyz(State(endpoints): State<Endpoints>) -> (StatusCode, String) {
    told(endpoints.readiness.check())
}

fn told(check: Result<(), String>) -> (StatusCode, String) {
    match check {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(words) => (StatusCode::SERVICE_UNAVAILABLE, format!("{words}\n")),
    }
}

async fn metrics(State(endpoints): State<Endpoints>) -> Result<impl IntoResponse, StatusCode> {
    let text = endpoints.metrics.text().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
