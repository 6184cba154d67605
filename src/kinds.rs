//! The registry: the one place that lists the kinds. CRDs, controllers, readiness and the chart's rules come from it.

pub mod instance_role;
pub mod lambda_function;
pub mod vpc_endpoint;

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, Client, CustomResourceExt, core::ApiResource};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    cloud::World,
    engine::cluster::KubernetesObjects,
    engine::{
        controller::{self, ControllerSettings},
        kind::Kind,
        objects::Events,
        observer::Observer,
        reconcile::{Engine, EngineSettings},
        wake::Wakes,
        watch,
    },
};

use self::{instance_role::spec::InstanceRole, lambda_function::spec::LambdaFunction, vpc_endpoint::spec::VpcEndpoint};

macro_rules! kinds {
    ($($kind:ident),+) => {
        /// The names of all kinds.
        pub const NAMES: &[&str] = &[$(stringify!($kind)),+];

        /// The CustomResourceDefinitions of all kinds.
        pub fn crds() -> Vec<CustomResourceDefinition> {
            vec![$(with_status_default($kind::crd())),+]
        }

        /// The kinds of objects in the cluster that kinds make.
        pub fn made() -> Vec<ApiResource> {
            [$($kind::makes()),+].concat()
        }

        /// Runs the controllers of all kinds until the runtime is told to stop.
        pub async fn run_all(runtime: &Runtime) {
            let wakes = Arc::new(Wakes::default());
            let mut tasks = JoinSet::new();
            $(tasks.spawn(runtime.controller::<$kind>(wakes.clone()));)+
            for watch in runtime.watches(&wakes) {
                tasks.spawn(watch);
            }
            while tasks.join_next().await.is_some() {}
        }
    };
}

kinds!(VpcEndpoint, LambdaFunction, InstanceRole);

/// What the controllers share.
pub struct Runtime {
    /// The Kubernetes API.
    pub client: Client,
    /// Everything outside the cluster.
    pub world: Arc<World>,
    /// Takes Events.
    pub events: Arc<dyn Events>,
    /// Is told of the controllers' work.
    pub observer: Arc<dyn Observer>,
    /// Settings of the engines.
    pub engine: EngineSettings,
    /// Settings of the controllers.
    pub controller: ControllerSettings,
    /// Ends everything.
    pub stop: CancellationToken,
}

impl Runtime {
    fn controller<K: Kind<World = World>>(&self, wakes: Arc<Wakes>) -> impl Future<Output = ()> + Send + use<K> {
        let objects = Arc::new(KubernetesObjects::new::<K>(self.client.clone()));
        let engine = Arc::new(Engine::<K>::new(
            self.world.clone(),
            objects,
            self.events.clone(),
            self.observer.clone(),
            self.engine,
        ));
        controller::run(self.client.clone(), engine, wakes, self.controller.clone(), self.stop.clone())
    }
}

impl Runtime {
    /// Watches of what is not ours and objects refer to: `ConfigMaps`, and Secrets where the administrator allows it.
    fn watches(&self, wakes: &Arc<Wakes>) -> Vec<BoxFuture<'static, ()>> {
        let config_maps = watch::apis(&self.client, &self.controller.namespaces).into_iter().map(|config_maps| {
            controller::watch_referenced::<ConfigMap>(config_maps, wakes.clone(), self.stop.clone()).boxed()
        });
        let secrets = self.world.guardrails.secret_namespaces.iter().map(|namespace| {
            let secrets = Api::namespaced(self.client.clone(), namespace);
            controller::watch_referenced::<Secret>(secrets, wakes.clone(), self.stop.clone()).boxed()
        });
        config_maps.chain(secrets).collect()
    }
}

/// Without a status an object looks finished to kstatus; with this one it does not until its first pass.
fn with_status_default(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        let properties = schema.and_then(|schema| schema.properties.as_mut());
        if let Some(status) = properties.and_then(|properties| properties.get_mut("status")) {
            status.nullable = None;
            status.default = Some(k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSON(
                serde_json::json!({ "observedGeneration": -1 }),
            ));
        }
    }
    crd
}
