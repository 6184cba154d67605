//! Who the operator is: the cluster id, pinned in the cluster at first start, and the cluster's own uid.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, Client, api::PostParams, core::ObjectMeta};
use thiserror::Error;

/// Where the cluster id is recorded, in the operator's own namespace.
pub const CONFIG_MAP: &str = "privatelink-operator-cluster-id";
const KEY: &str = "clusterID";

/// The pinned identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `--cluster-id`.
    pub cluster_id: String,
    /// uid of the namespace kube-system.
    pub cluster_uid: String,
}

/// Why the identity could not be established.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The cluster was run with another id: its AWS objects carry that one in their tags.
    #[error(
        "--cluster-id {given}: this cluster's AWS objects are tagged with the cluster id {recorded} (ConfigMap {CONFIG_MAP}); \
         start with --cluster-id {recorded}"
    )]
    Changed {
        /// The id given now.
        given: String,
        /// The id of the first start.
        recorded: String,
    },
    /// The Kubernetes API refused.
    #[error("Kubernetes: {0}")]
    Kubernetes(#[from] Box<kube::Error>),
}

impl From<kube::Error> for IdentityError {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(Box::new(error))
    }
}

/// Reads the cluster's uid, and records the cluster id or compares it with the recorded one.
pub async fn establish(client: &Client, cluster_id: &str) -> Result<Identity, IdentityError> {
    let kube_system = Api::<Namespace>::all(client.clone()).get("kube-system").await?;
    let api = Api::<ConfigMap>::default_namespaced(client.clone());
    let recorded = match api.get_opt(CONFIG_MAP).await? {
        Some(config_map) => config_map,
        None => match api.create(&PostParams::default(), &record(cluster_id)).await {
            // Another replica was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => api.get(CONFIG_MAP).await?,
            other => other?,
        },
    };
    let recorded = recorded.data.and_then(|mut data| data.remove(KEY)).unwrap_or_default();
    if recorded != cluster_id {
        return Err(IdentityError::Changed { given: cluster_id.to_owned(), recorded });
    }
    Ok(Identity { cluster_id: recorded, cluster_uid: kube_system.metadata.uid.unwrap_or_default() })
}

fn record(cluster_id: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta { name: Some(CONFIG_MAP.to_owned()), ..ObjectMeta::default() },
        data: Some([(KEY.to_owned(), cluster_id.to_owned())].into()),
        ..ConfigMap::default()
    }
}
