//! The process: from settings to running controllers, and down again.

pub mod health;
pub mod http;
pub mod identity;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;

use std::{sync::Arc, time::Duration};

use kube::{Client, client::ClientBuilder};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    cli::RunSettings,
    cloud::{
        World,
        ownership::ClusterIdentity,
        sdk::{BundleError, ConnectSettings, SdkConnect, default_region},
    },
    engine::{cluster::KubernetesCluster, controller::ControllerSettings, events::KubernetesEvents},
    kinds::{self, Runtime},
};

use self::{
    health::{Liveness, Progress, Readiness},
    http::Endpoints,
    metrics::{Limits, Metrics},
};

/// Why the operator could not start or had to end.
#[derive(Debug, Error)]
pub enum RunError {
    /// No usable kubeconfig or in-cluster configuration.
    #[error("Kubernetes: {0}")]
    Kubernetes(#[from] Box<kube::Error>),
    /// The configuration for the Kubernetes client can't be found.
    #[error("Kubernetes: no configuration found: {0}")]
    Configuration(#[from] kube::config::InferConfigError),
    /// This cluster has been run with another cluster id before.
    #[error(transparent)]
    Identity(#[from] identity::IdentityError),
    /// The certificate authorities for AWS's endpoints can't be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// No region by flag, environment or profile.
    #[error("no AWS region: give --region, or set AWS_REGION")]
    NoRegion,
    /// The address for health and metrics can't be listened on.
    #[error("--http-address {address}: {source}")]
    Http {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

impl From<kube::Error> for RunError {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(Box::new(error))
    }
}

/// Runs the operator until SIGTERM or SIGINT.
pub async fn run(settings: RunSettings) -> Result<(), RunError> {
    let stop = shutdown::token();
    let ControllerSettings { concurrency, resync_interval, .. } = settings.controller;
    let metrics = Arc::new(Metrics::new(kinds::NAMES, Limits { concurrency, resync_interval }));
    let connect = SdkConnect::new(ConnectSettings {
        endpoint_url: settings.aws_endpoint_url,
        ca_bundle: settings.aws_ca_bundle,
        observer: metrics.clone(),
    })?;
    let readiness = Arc::new(Readiness::new(kinds::NAMES));
    let endpoints = Endpoints { liveness: Liveness::begin(), readiness: readiness.clone(), metrics: metrics.clone() };
    let server = http::serve(settings.http_address, endpoints, stop.clone()).await?;

    let client = kubernetes(kube::Config::infer().await?, &metrics)?;
    let identity = identity::establish(&client, &settings.cluster_id).await?;
    let region = match settings.region {
        Some(region) => region,
        None => default_region().await.ok_or(RunError::NoRegion)?,
    };
    info!(cluster_id = %identity.cluster_id, cluster_uid = %identity.cluster_uid, %region, "starting");

    let identity = ClusterIdentity {
        cluster_id: identity.cluster_id,
        cluster_uid: identity.cluster_uid,
        take_over_from: settings.take_over_from,
        allow_adoption: settings.allow_adoption,
    };
    let cluster = Arc::new(KubernetesCluster::new(client.clone()));
    let world = Arc::new(World::new(Box::new(connect), region, identity, settings.guardrails, cluster));
    let credentials = tokio::spawn(obtain_credentials(world.clone(), readiness.clone(), stop.clone()));

    let runtime = Runtime {
        events: Arc::new(KubernetesEvents::new(client.clone(), settings.instance)),
        client,
        world,
        observer: Arc::new(Progress { metrics, readiness }),
        engine: settings.engine,
        controller: settings.controller,
        stop: stop.clone(),
    };
    kinds::run_all(&runtime).await;
    stop.cancel();
    credentials.abort();
    // The server ends with the token; what it says on the way out is of no use to anybody.
    server.await.ok();
    info!("stopped");
    Ok(())
}

/// A client of the Kubernetes API whose requests are counted.
fn kubernetes(config: kube::Config, metrics: &Metrics) -> Result<Client, kube::Error> {
    let requests = metrics.count_requests(config.cluster_url.authority().map_or("", |host| host.as_str()));
    Ok(ClientBuilder::try_from(config)?.with_layer(&requests).build())
}

/// Asks AWS who we are until it answers, so that `/readyz` tells missing credentials from a working operator.
async fn obtain_credentials(world: Arc<World>, readiness: Arc<Readiness>, stop: CancellationToken) {
    loop {
        match world.aws(&world.default_region).await {
            Ok(aws) => {
                info!(account = %aws.account, region = %aws.region, "connected to AWS");
                readiness.credentials();
                return;
            }
            Err(failure) => warn!(%failure, "AWS does not answer with these credentials yet"),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
            () = stop.cancelled() => return,
        }
    }
}
