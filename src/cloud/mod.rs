//! AWS: narrow ports, their SDK adapters, and what all kinds share.

pub mod batch;
pub mod ec2;
pub mod fault;
pub mod guardrails;
pub mod iam;
pub mod lambda;
pub mod limits;
pub mod managed_policies;
pub mod names;
pub mod operation;
pub mod ownership;
pub mod policy;
pub mod recent;
pub mod s3;
pub mod sdk;
pub mod selection;
pub mod selectors;
pub mod sensitive;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use tokio::sync::{Mutex, OnceCell};

use crate::engine::{
    contract::{AdoptionPolicy, CommonSpec, CommonStatus},
    failure::Failure,
    kind::{Kind, KindStatus, Subject},
    references::Cluster,
};

use self::{
    batch::Batch,
    ec2::{Ec2, Endpoint, NetworkInterface},
    fault::Fault,
    guardrails::{ALLOW_TAG, Guardrails},
    iam::{Iam, RoleReading},
    lambda::Lambda,
    managed_policies::ManagedPolicyNames,
    ownership::{ClusterIdentity, Owner, Tags},
    recent::Recent,
    s3::S3,
};

/// The ports of one account and region.
#[derive(Clone)]
pub struct Connection {
    /// Twelve digits.
    pub account: String,
    /// Such as `ap-northeast-1`.
    pub region: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Amazon EC2.
    pub ec2: Arc<dyn Ec2>,
    /// IAM.
    pub iam: Arc<dyn Iam>,
    /// AWS Lambda.
    pub lambda: Arc<dyn Lambda>,
    /// Amazon S3.
    pub s3: Arc<dyn S3>,
}

/// Makes connections. There is one for the real AWS and one for the tests' model of it.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Connects to a region with the operator's credentials and finds out whose account it is.
    async fn connect(&self, region: &str) -> Result<Connection, Fault>;
}

/// Everything outside the cluster.
pub struct World {
    connect: Box<dyn Connect>,
    connections: Mutex<HashMap<String, Arc<OnceCell<Arc<Aws>>>>>,
    /// The region of objects that name none.
    pub default_region: String,
    /// Who the operator is.
    pub identity: ClusterIdentity,
    /// What the administrator allows.
    pub guardrails: Guardrails,
    /// The cluster, for what kinds read and make there.
    pub cluster: Arc<dyn Cluster>,
}

/// One account and region, with what is needed to act in it.
#[derive(Clone)]
pub struct Aws {
    /// The ports.
    pub connection: Connection,
    /// Who the operator is.
    pub identity: ClusterIdentity,
    /// What the administrator allows.
    pub guardrails: Guardrails,
    /// The cluster, for what kinds read and make there.
    pub cluster: Arc<dyn Cluster>,
    /// ARNs of managed policies by their short names.
    pub managed_policies: Arc<ManagedPolicyNames>,
    /// Roles that were seen in place a moment ago, by name.
    pub recent_roles: Arc<Recent<RoleReading>>,
    /// Reads of VPC endpoints by the object that owns them.
    pub endpoints_by_owner: Arc<Batch<String, Vec<Endpoint>>>,
    /// Reads of the network interfaces of VPC endpoints, by their ids.
    pub interfaces_by_ids: Arc<Batch<BTreeSet<String>, Vec<NetworkInterface>>>,
}

impl std::ops::Deref for Aws {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl World {
    /// A world without connections so far.
    pub fn new(
        connect: Box<dyn Connect>,
        default_region: String,
        identity: ClusterIdentity,
        guardrails: Guardrails,
        cluster: Arc<dyn Cluster>,
    ) -> Self {
        Self { connect, connections: Mutex::default(), default_region, identity, guardrails, cluster }
    }

    /// The connection to a region, made once.
    pub async fn aws(&self, region: &str) -> Result<Arc<Aws>, Failure> {
        // A cell for each region, so that one that does not answer holds up nobody in another.
        let cell = self.connections.lock().await.entry(region.to_owned()).or_default().clone();
        cell.get_or_try_init(|| self.open(region)).await.cloned()
    }

    async fn open(&self, region: &str) -> Result<Arc<Aws>, Failure> {
        let connection = self.connect.connect(region).await?;
        Ok(Arc::new(Aws {
            managed_policies: Arc::new(ManagedPolicyNames::new(connection.iam.clone())),
            recent_roles: Arc::default(),
            endpoints_by_owner: Arc::default(),
            interfaces_by_ids: Arc::default(),
            connection,
            identity: self.identity.clone(),
            guardrails: self.guardrails.clone(),
            cluster: self.cluster.clone(),
        }))
    }

    /// The region that an object lives in. One that has lived somewhere stays there, whatever the operator's
    /// default has become.
    pub fn region<'a>(&'a self, spec: &'a CommonSpec, status: &'a CommonStatus) -> &'a str {
        spec.region.as_deref().or(status.region.as_deref()).unwrap_or(&self.default_region)
    }

    /// The connection for an object. An account or region other than its status has is refused.
    pub async fn connect<K: Kind>(&self, subject: &Subject<K>) -> Result<Arc<Aws>, Failure> {
        let status = subject.status.common();
        let aws = self.aws(self.region(&subject.common_spec(), status)).await?;
        let pinned = [("account", &status.account_id, &aws.account), ("region", &status.region, &aws.region)];
        for (what, before, now) in pinned {
            if before.as_ref().is_some_and(|before| before != now) {
                return Err(Failure::terminal(
                    "IdentityChanged",
                    format!(
                        "the object lives in {what} {}, and the operator's credentials and flags lead to {now}; nothing is touched",
                        before.as_deref().unwrap_or_default(),
                    ),
                ));
            }
        }
        Ok(aws)
    }
}

impl Aws {
    /// Whether something that carries no ownership tags at all may be claimed: with `--require-allow-tag` only if
    /// it carries the tag `privatelink.dev/allow` for the object's namespace.
    pub fn adoptable<K: Kind>(&self, subject: &Subject<K>, what: &str, tags: &Tags) -> Result<(), Failure> {
        let value = guardrails::allow_tag_value(&self.identity.cluster_id, &subject.namespace);
        let tagged = tags.contains_key(ownership::CLUSTER) || tags.get(ALLOW_TAG) == Some(&value);
        if tagged || !self.guardrails.require_allow_tag {
            return Ok(());
        }
        Err(Failure::terminal(
            "NotAllowed",
            format!(
                "spec.adoptionPolicy: {what} lacks the tag {ALLOW_TAG}={value}, which the operator's --require-allow-tag asks for"
            ),
        ))
    }

    /// The owner for ownership tags and verdicts.
    pub fn owner<'a, K: Kind>(&'a self, subject: &'a Subject<K>) -> Owner<'a> {
        Owner {
            cluster: &self.identity,
            key: subject.key(),
            uid: &subject.uid,
            converged_uid: subject.status.common().owner_uid.as_deref(),
            adoption: if subject.deleting { AdoptionPolicy::Refuse } else { subject.adoption_policy() },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{fault::Service, *};
    use crate::engine::references::tests::NoCluster;

    /// The region `slow` answers after a minute, others refuse at once.
    struct Regions;

    #[async_trait]
    impl Connect for Regions {
        async fn connect(&self, region: &str) -> Result<Connection, Fault> {
            if region == "slow" {
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
            Err(Fault::answered(Service::Sts, "GetCallerIdentity", "AccessDenied", region))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_region_that_does_not_answer_holds_up_no_other() {
        let identity = ClusterIdentity {
            cluster_id: "test".into(),
            cluster_uid: "uid".into(),
            take_over_from: None,
            allow_adoption: false,
        };
        let world = World::new(Box::new(Regions), "fast".into(), identity, Guardrails::default(), Arc::new(NoCluster));
        let world = Arc::new(world);
        let slow = tokio::spawn({
            let world = world.clone();
            async move { world.aws("slow").await.map(drop) }
        });
        tokio::task::yield_now().await;
        let fast = tokio::time::timeout(Duration::from_secs(1), world.aws("fast")).await;
        assert!(fast.is_ok_and(|answer| answer.is_err()), "it has answered meanwhile");
        assert!(slow.await.is_ok_and(|answer| answer.is_err()));
    }
}
