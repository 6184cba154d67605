//! What AWS holds of an object, and whether it is ours.

use std::collections::BTreeMap;

use crate::{
    cloud::{
        ec2::{Ec2, Endpoint, Filter},
        ownership::{CLUSTER, OWNER, Owner, Tags, Verdict},
    },
    engine::failure::Failure,
};

/// The endpoint as AWS holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// What AWS shows.
    pub endpoint: Endpoint,
    /// Whether it is ours only once the ownership tags are set anew.
    pub claim: bool,
}

/// The endpoint of an object: found by its tags, or by the id in its status. `None` when both say that there is
/// none. With `deleting`, an endpoint that belongs to somebody else counts as none; otherwise it is a failure.
pub async fn observe(
    ec2: &dyn Ec2,
    owner: &Owner<'_>,
    known_id: Option<&str>,
    deleting: bool,
) -> Result<Option<Observed>, Failure> {
    let mut found = ec2.endpoints(&owner_filters(owner)).await?;
    if let Some(id) = known_id.filter(|id| found.iter().all(|endpoint| endpoint.id != *id)) {
        found.extend(ec2.endpoint(id).await?);
    }
    let Some(endpoint) = only(found)? else { return Ok(None) };
    if deleting {
        return Ok(ours_to_delete(owner, &endpoint, known_id)?.then_some(Observed { endpoint, claim: false }));
    }
    match judge(owner, &endpoint, known_id) {
        Verdict::Ours => Ok(Some(Observed { endpoint, claim: false })),
        Verdict::Claim => Ok(Some(Observed { endpoint, claim: true })),
        Verdict::Refused(failure) => Err(failure),
    }
}

/// Whether a record speaks of an endpoint that exists: AWS shows deleted ones for a while.
pub fn exists(endpoint: &Endpoint) -> bool {
    endpoint.state != "deleted"
}

fn owner_filters(owner: &Owner<'_>) -> [Filter; 2] {
    [Filter::new(format!("tag:{CLUSTER}"), &owner.cluster.cluster_id), Filter::new(format!("tag:{OWNER}"), &owner.key)]
}

/// The one that lives; if none does, one that is on its way out.
fn only(found: Vec<Endpoint>) -> Result<Option<Endpoint>, Failure> {
    let found: BTreeMap<_, _> =
        found.into_iter().filter(exists).map(|endpoint| (endpoint.id.clone(), endpoint)).collect();
    let (deleting, live): (Vec<_>, Vec<_>) = found.into_values().partition(|endpoint| endpoint.state == "deleting");
    if live.len() > 1 {
        let ids: Vec<_> = live.into_iter().map(|endpoint| endpoint.id).collect();
        return Err(Failure::terminal(
            "Ambiguous",
            format!(
                "{} all carry the ownership tags of this object; delete all but one, or take the tags off them",
                ids.join(", "),
            ),
        ));
    }
    Ok(live.into_iter().chain(deleting).next())
}

/// An endpoint that is known by its id was made by us, so that one without tags has lost them.
fn judge(owner: &Owner<'_>, endpoint: &Endpoint, known_id: Option<&str>) -> Verdict {
    let untagged = !endpoint.tags.contains_key(CLUSTER);
    let converged_uid = if untagged && known_id == Some(&endpoint.id) { Some(owner.uid) } else { owner.converged_uid };
    Owner { converged_uid, ..owner.clone() }.judge(&endpoint.id, &endpoint.tags)
}

/// Whether an endpoint is to be deleted with its object. One that carries another's tag never is; one that we
/// know by its id and that has lost a tag is a failure, because letting it go would orphan it.
fn ours_to_delete(owner: &Owner<'_>, endpoint: &Endpoint, known_id: Option<&str>) -> Result<bool, Failure> {
    let ours = owner.tags();
    if ours.iter().all(|(key, value)| endpoint.tags.get(key) == Some(value)) {
        return Ok(true);
    }
    if is_foreign(&ours, &endpoint.tags) || known_id != Some(&endpoint.id) {
        return Ok(false);
    }
    Err(Failure::terminal(
        "OwnershipTagsMissing",
        format!(
            "{} has lost ownership tags and is not deleted; restore them, or set spec.deletionPolicy to Retain to let it go",
            endpoint.id,
        ),
    ))
}

fn is_foreign(ours: &Tags, observed: &Tags) -> bool {
    ours.iter().any(|(key, value)| observed.get(key).is_some_and(|other| other != value))
}
