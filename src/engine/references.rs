//! References between objects in the cluster: what a kind reads and makes there, and who is to be woken
//! when something changes.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use kube::core::ApiResource;
use serde_json::Value;

use super::failure::Failure;

/// An object in the cluster, by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Its kind.
    pub resource: ApiResource,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Reference {
    /// A reference to a known type.
    pub fn to<K: kube::Resource<DynamicType = ()>>(namespace: &str, name: &str) -> Self {
        Self { resource: ApiResource::erase::<K>(&()), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// What kinds read from the cluster and make in it. Reads are live.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// The object, or `None` when there is none.
    async fn get(&self, reference: &Reference) -> Result<Option<Value>, Failure>;
    /// All objects of a kind in a namespace.
    async fn list(&self, resource: &ApiResource, namespace: &str) -> Result<Vec<Value>, Failure>;
    /// Server-side apply under the operator's name.
    async fn apply(&self, reference: &Reference, object: Value) -> Result<(), Failure>;
    /// Deletes the object if it still has this uid; one that is gone is success.
    async fn delete(&self, reference: &Reference, uid: &str) -> Result<(), Failure>;
}

/// Who names whom.
#[derive(Debug, Default)]
pub struct ReferenceIndex {
    targets: HashMap<Reference, HashSet<Reference>>,
    referrers: HashMap<Reference, HashSet<Reference>>,
}

impl ReferenceIndex {
    /// Replaces what a referrer names.
    pub fn set(&mut self, referrer: &Reference, targets: Vec<Reference>) {
        self.remove(referrer);
        if targets.is_empty() {
            return;
        }
        for target in &targets {
            self.referrers.entry(target.clone()).or_default().insert(referrer.clone());
        }
        self.targets.insert(referrer.clone(), targets.into_iter().collect());
    }

    /// Forgets a referrer; returns what it named.
    pub fn remove(&mut self, referrer: &Reference) -> HashSet<Reference> {
        let targets = self.targets.remove(referrer).unwrap_or_default();
        for target in &targets {
            if let Some(referrers) = self.referrers.get_mut(target) {
                referrers.remove(referrer);
                if referrers.is_empty() {
                    self.referrers.remove(target);
                }
            }
        }
        targets
    }

    /// Who names this target.
    pub fn referrers(&self, target: &Reference) -> impl Iterator<Item = &Reference> {
        self.referrers.get(target).into_iter().flatten()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Secret};

    use super::*;

    /// A cluster without objects.
    pub struct NoCluster;

    #[async_trait]
    impl Cluster for NoCluster {
        async fn get(&self, _: &Reference) -> Result<Option<Value>, Failure> {
            Ok(None)
        }

        async fn list(&self, _: &ApiResource, _: &str) -> Result<Vec<Value>, Failure> {
            Ok(Vec::new())
        }

        async fn apply(&self, _: &Reference, _: Value) -> Result<(), Failure> {
            Ok(())
        }

        async fn delete(&self, _: &Reference, _: &str) -> Result<(), Failure> {
            Ok(())
        }
    }

    #[test]
    fn index_follows_changes() {
        let mut index = ReferenceIndex::default();
        let a = Reference::to::<Secret>("ns", "a");
        let (x, y) = (Reference::to::<ConfigMap>("ns", "x"), Reference::to::<ConfigMap>("ns", "y"));
        index.set(&a, vec![x.clone()]);
        assert_eq!(index.referrers(&x).collect::<Vec<_>>(), [&a]);
        index.set(&a, vec![y.clone()]);
        assert_eq!(index.referrers(&x).count(), 0);
        assert_eq!(index.remove(&a), HashSet::from([y.clone()]));
        assert_eq!(index.referrers(&y).count(), 0);
        assert!(index.targets.is_empty() && index.referrers.is_empty());
    }
}
