//! Whose an AWS object is. Every object of ours carries four tags, set in the call that creates it; without
//! them nothing is changed or deleted.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{contract::AdoptionPolicy, failure::Failure};

/// Tags of an AWS object.
pub type Tags = BTreeMap<String, String>;

/// The operator's `--cluster-id`.
pub const CLUSTER: &str = "privatelink.dev/cluster";
/// `namespace/name` of the custom resource.
pub const OWNER: &str = "privatelink.dev/owner";
/// uid of the custom resource.
pub const UID: &str = "privatelink.dev/uid";
/// uid of the namespace kube-system, which tells two clusters with the same id apart.
pub const CLUSTER_UID: &str = "privatelink.dev/cluster-uid";
/// What all ownership tag keys begin with.
pub const PREFIX: &str = "privatelink.dev/";

/// Who the operator is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterIdentity {
    /// `--cluster-id`.
    pub cluster_id: String,
    /// uid of kube-system.
    pub cluster_uid: String,
    /// `--take-over-from`: a cluster uid whose objects are taken over.
    pub take_over_from: Option<String>,
    /// `--allow-adoption`.
    pub allow_adoption: bool,
}

/// Who one custom resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The operator.
    pub cluster: &'a ClusterIdentity,
    /// `namespace/name`.
    pub key: String,
    /// uid.
    pub uid: &'a str,
    /// `status.ownerUID`: the uid under which the AWS object was last seen as ours.
    pub converged_uid: Option<&'a str>,
    /// The spec's adoption policy.
    pub adoption: AdoptionPolicy,
}

/// What ownership tags say.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Ours: all four tags are right.
    Ours,
    /// Ours to take: these tags are to be set before anything else is done.
    Claim,
    /// Not ours: nothing may be done.
    Refused(Failure),
}

/// The reason of the Event about a step that sets these tags, if they make something ours that was not.
pub fn adopts(tags: &Tags) -> Option<&'static str> {
    tags.contains_key(UID).then_some("Adopted")
}

impl Owner<'_> {
    /// The four tags.
    pub fn tags(&self) -> Tags {
        [
            (CLUSTER, self.cluster.cluster_id.clone()),
            (OWNER, self.key.clone()),
            (UID, self.uid.to_owned()),
            (CLUSTER_UID, self.cluster.cluster_uid.clone()),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v))
        .collect()
    }

    /// Judges an AWS object by its tags. `what` names it in messages, such as `role default-client`.
    pub fn judge(&self, what: &str, tags: &Tags) -> Verdict {
        let get = |key: &str| tags.get(key).map(String::as_str);
        let Some(cluster) = get(CLUSTER) else {
            return self.judge_untagged(what);
        };
        if cluster != self.cluster.cluster_id || get(OWNER) != Some(self.key.as_str()) {
            return refused(
                "OwnedByAnother",
                format!(
                    "{what} belongs to {} of cluster {cluster}, by its tags; it is left alone",
                    get(OWNER).unwrap_or("an unnamed object"),
                ),
            );
        }
        let cluster_uid = get(CLUSTER_UID);
        let other_cluster = cluster_uid != Some(self.cluster.cluster_uid.as_str());
        if other_cluster && (cluster_uid.is_none() || cluster_uid != self.cluster.take_over_from.as_deref()) {
            return refused(
                "OwnedByAnotherCluster",
                format!(
                    "{what} belongs to another cluster that uses the cluster id {cluster} too (cluster uid {}); \
                     after a restore into a new cluster, start the operator with --take-over-from={}",
                    cluster_uid.unwrap_or("unknown"),
                    cluster_uid.unwrap_or("<uid>"),
                ),
            );
        }
        match get(UID) {
            Some(uid) if uid == self.uid && !other_cluster => Verdict::Ours,
            Some(uid) if uid != self.uid && self.converged_uid == Some(self.uid) => refused(
                "OwnershipLost",
                format!("{what} was ours and now carries the uid {uid} in its tag {UID}; it is left alone"),
            ),
            _ => Verdict::Claim,
        }
    }

    fn judge_untagged(&self, what: &str) -> Verdict {
        if self.converged_uid == Some(self.uid) {
            return refused(
                "OwnershipTagsMissing",
                format!(
                    "{what} has lost its ownership tags; restore them, or delete this object with deletionPolicy Retain"
                ),
            );
        }
        match (self.adoption, self.cluster.allow_adoption) {
            (AdoptionPolicy::Adopt, true) => Verdict::Claim,
            (AdoptionPolicy::Adopt, false) => refused(
                "AdoptionNotAllowed",
                format!(
                    "spec.adoptionPolicy: {what} exists without ownership tags, and the operator runs without --allow-adoption"
                ),
            ),
            (AdoptionPolicy::Refuse, _) => refused(
                "AlreadyExists",
                format!("{what} exists and is not ours; choose another name, or set spec.adoptionPolicy to Adopt"),
            ),
        }
    }
}

fn refused(reason: &str, message: String) -> Verdict {
    Verdict::Refused(Failure::terminal(reason, message))
}

/// What has to change in an object's tags: keys to set, and keys to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagChange {
    /// Keys with a new value.
    pub set: Tags,
    /// Keys to remove: ours of earlier that the spec no longer has.
    pub remove: BTreeSet<String>,
}

impl TagChange {
    /// Whether nothing has to change.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

/// Compares wanted tags with those that AWS has. A key that neither the spec names nor we once set is not ours.
pub fn tag_change(wanted: &Tags, managed_before: &[String], observed: &Tags) -> TagChange {
    TagChange {
        set: wanted.iter().filter(|(k, v)| observed.get(*k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect(),
        remove: managed_before
            .iter()
            .filter(|k| !wanted.contains_key(*k) && observed.contains_key(*k) && !k.starts_with(PREFIX))
            .cloned()
            .collect(),
    }
}
