//! The process: from settings to running controllers, and down again.

pub mod client;
pub mod election;
pub mod health;
pub mod http;
pub mod identity;
pub mod lease;
pub mod metrics;
pub mod replica;
pub mod shutdown;
pub mod telemetry;

use std::{sync::Arc, time::Duration};

use kube::Client;
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
    engine::{
        cluster::KubernetesCluster,
        controller::ControllerSettings,
        events::KubernetesEvents,
        fence::{Fence, since_boot},
        reconcile::EngineSettings,
        tenure::Tenure,
    },
    kinds::{self, Runtime},
};

use self::{
    election::{Election, KubernetesLeases},
    health::{Liveness, Progress, Readiness},
    http::Endpoints,
    identity::IdentityError,
    metrics::{Limits, Metrics},
    replica::Duty,
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
    Identity(#[from] IdentityError),
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
    let ended = CancellationToken::new();
    let ControllerSettings { concurrency, resync_interval, .. } = settings.controller;
    let metrics = Arc::new(Metrics::new(kinds::NAMES, Limits { concurrency, resync_interval }));
    let fence = Fence::new(since_boot);
    let connect = SdkConnect::new(ConnectSettings {
        endpoint_url: settings.aws_endpoint_url,
        ca_bundle: settings.aws_ca_bundle,
        observer: metrics.clone(),
        fence: fence.clone(),
        rates: settings.aws_rates,
    })?;
    let readiness = Arc::new(Readiness::new(kinds::NAMES));
    let endpoints = Endpoints { liveness: Liveness::begin(), readiness: readiness.clone(), metrics: metrics.clone() };
    let server = http::serve(settings.http_address, endpoints, ended.clone()).await?;

    let config = kube::Config::infer().await?;
    let requests = metrics.count_requests(config.cluster_url.authority().map_or("", |host| host.as_str()));
    let leases = KubernetesLeases::new(client::for_lease(config.clone(), &requests)?);
    let election = Election::new(Box::new(leases), &settings.instance, settings.lease, fence.clone());
    let client = client::fenced(config, fence, &requests)?;
    let identity = identity::check(&client, &settings.cluster_id).await?;
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

    let operator = Operator {
        events: Arc::new(KubernetesEvents::new(client.clone(), settings.instance)),
        client,
        world,
        progress: Arc::new(Progress { metrics, readiness }),
        engine: settings.engine,
        controller: settings.controller,
    };
    let lived = replica::live(&operator, election, &stop, settings.shutdown_grace_period).await;
    ended.cancel();
    credentials.abort();
    // The server ends with the token; what it says on the way out is of no use to anybody.
    server.await.ok();
    info!("stopped");
    lived?;
    Ok(())
}

/// What lives on from one tenure to the next. None of it is knowledge that could be out of date.
struct Operator {
    client: Client,
    world: Arc<World>,
    events: Arc<KubernetesEvents>,
    progress: Arc<Progress>,
    engine: EngineSettings,
    controller: ControllerSettings,
}

impl Duty for Operator {
    type Refusal = IdentityError;

    async fn serve(&self, tenure: Tenure) {
        let runtime = Runtime {
            client: self.client.clone(),
            world: self.world.clone(),
            events: self.events.clone(),
            observer: self.progress.clone(),
            engine: self.engine,
            controller: self.controller.clone(),
            tenure,
        };
        kinds::run_all(&runtime).await;
    }

    /// The cluster id is recorded by a leader alone, since that is a write.
    async fn open(&self) -> Result<(), IdentityError> {
        loop {
            match identity::pin(&self.client, &self.world.identity.cluster_id).await {
                Err(IdentityError::Kubernetes(error)) => warn!(%error, "the cluster id can't be compared yet"),
                result => return result,
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn leads(&self, leads: bool) {
        self.progress.metrics.leads(leads);
    }
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
