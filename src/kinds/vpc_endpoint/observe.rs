//! What AWS holds of an object, and whether it is ours.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    cloud::{
        Aws,
        ec2::{Ec2, Endpoint, Filter, NetworkInterface},
        fault::Fault,
        ownership::{CLUSTER, OWNER, Owner, Tags, Verdict},
    },
    engine::{failure::Failure, kind::Subject},
};

use super::spec::{DELETING, EndpointType, NetworkInterfaceStatus, VpcEndpoint, VpcEndpointStatus};

/// Values that a filter takes at most: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>.
const FILTER_VALUES: usize = 200;

/// The endpoint as AWS holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// What AWS shows.
    pub endpoint: Endpoint,
    /// Whether it is ours only once the ownership tags are set anew.
    pub claim: bool,
    /// What is known of its network interfaces.
    pub interfaces: BTreeMap<String, NetworkInterface>,
    /// The prefix list of its service, for a Gateway endpoint.
    pub prefix_list_id: Option<String>,
}

impl Observed {
    /// Whether it is about to be adopted and does not carry our tags yet. Until then its id is not recorded, because
    /// one that we know and that has no tags counts as ours with its tags lost.
    pub fn is_a_strangers(&self) -> bool {
        self.claim && !self.endpoint.tags.contains_key(CLUSTER)
    }
}

/// The endpoint of an object: found by its tags, by the id in its status, or by the id that its spec asks to take
/// over. `None` when they all say that there is none. While the object is deleted, an endpoint that belongs to
/// somebody else counts as none; otherwise it is a failure.
pub async fn observe(aws: &Aws, subject: &Subject<VpcEndpoint>) -> Result<Option<Observed>, Failure> {
    let ec2 = aws.ec2.as_ref();
    let owner = aws.owner(subject);
    let known_id = subject.status.id.as_deref();
    let Some(endpoint) = find(aws, &owner, known_id, wanted_id(subject)).await? else { return Ok(None) };
    if subject.deleting {
        let ours = ours_to_delete(&owner, &endpoint, known_id)?;
        return Ok(ours.then(|| Observed {
            interfaces: known_interfaces(&subject.status, &endpoint),
            prefix_list_id: subject.status.prefix_list_id.clone(),
            claim: false,
            endpoint,
        }));
    }
    let claim = match judge(&owner, &endpoint, known_id) {
        Verdict::Ours => false,
        Verdict::Claim => true,
        Verdict::Refused(failure) => return Err(failure),
    };
    if claim {
        aws.adoptable(subject, &endpoint.id, &endpoint.tags)?;
    }
    Ok(Some(Observed {
        interfaces: interfaces(aws, &subject.status, &endpoint).await?,
        prefix_list_id: prefix_list(ec2, &subject.status, &endpoint).await?,
        claim,
        endpoint,
    }))
}

/// The id that the spec asks to take over, which only counts until the object has an endpoint.
fn wanted_id(subject: &Subject<VpcEndpoint>) -> Option<&str> {
    let spec = subject.object.as_ref().filter(|_| !subject.deleting).map(|object| &object.spec);
    spec.and_then(|spec| spec.endpoint_id.as_deref()).filter(|_| subject.status.id.is_none())
}

async fn find(
    aws: &Aws,
    owner: &Owner<'_>,
    known_id: Option<&str>,
    wanted_id: Option<&str>,
) -> Result<Option<Endpoint>, Failure> {
    let ec2 = aws.ec2.as_ref();
    let by_owner = aws.endpoints_by_owner.read(&owner.key, |owners| owned(ec2, &owner.cluster.cluster_id, owners));
    let mut found = by_owner.await?.unwrap_or_default();
    if let Some(id) = known_id.filter(|id| found.iter().all(|endpoint| endpoint.id != *id)) {
        found.extend(ec2.endpoint(id).await?);
    }
    let ours = only(found)?;
    match (ours, wanted_id) {
        (None, Some(id)) => Ok(ec2.endpoint(id).await?.filter(exists)),
        (ours, _) => Ok(ours),
    }
}

/// Whether the endpoint has its network interfaces, and has its service behind it.
fn is_set_up(endpoint: &Endpoint) -> bool {
    matches!(endpoint.state.as_str(), "available" | "partial")
}

/// The network interfaces that the status knows already: nothing of them ever changes.
fn known_interfaces(status: &VpcEndpointStatus, endpoint: &Endpoint) -> BTreeMap<String, NetworkInterface> {
    let is_there = |interface: &&NetworkInterfaceStatus| endpoint.network_interface_ids.contains(&interface.id);
    let known = status.network_interfaces.iter().filter(is_there).filter_map(NetworkInterfaceStatus::facts);
    known.map(|interface| (interface.id.clone(), interface)).collect()
}

/// Network interfaces are read once, when the endpoint has been set up.
async fn interfaces(
    aws: &Aws,
    status: &VpcEndpointStatus,
    endpoint: &Endpoint,
) -> Result<BTreeMap<String, NetworkInterface>, Failure> {
    let mut interfaces = known_interfaces(status, endpoint);
    let mut unknown = endpoint.network_interface_ids.clone();
    unknown.retain(|id| !interfaces.contains_key(id));
    if is_set_up(endpoint) && !unknown.is_empty() {
        let read = aws.interfaces_by_ids.read(&unknown, |groups| interfaces_of(aws.ec2.as_ref(), groups)).await?;
        interfaces.extend(read.into_iter().flatten().map(|interface| (interface.id.clone(), interface)));
    }
    Ok(interfaces)
}

/// The network interfaces of some endpoints, by their ids.
async fn interfaces_of(
    ec2: &dyn Ec2,
    groups: Vec<BTreeSet<String>>,
) -> Result<HashMap<BTreeSet<String>, Vec<NetworkInterface>>, Fault> {
    let ids: BTreeSet<_> = groups.iter().flatten().collect();
    let mut found = HashMap::new();
    for ids in Vec::from_iter(ids).chunks(FILTER_VALUES) {
        let read = ec2.network_interfaces(&[Filter::any("network-interface-id", ids.iter().copied())]).await?;
        found.extend(read.into_iter().map(|interface| (interface.id.clone(), interface)));
    }
    let of = |ids: &BTreeSet<String>| ids.iter().filter_map(|id| found.get(id).cloned()).collect();
    Ok(groups.iter().map(|ids| (ids.clone(), of(ids))).collect())
}

/// The prefix list of a service never changes.
async fn prefix_list(
    ec2: &dyn Ec2,
    status: &VpcEndpointStatus,
    endpoint: &Endpoint,
) -> Result<Option<String>, Failure> {
    match (&status.prefix_list_id, endpoint.target.service()) {
        (Some(known), _) => Ok(Some(known.clone())),
        (None, Some(service)) if endpoint.endpoint_type == EndpointType::Gateway.as_str() && is_set_up(endpoint) => {
            Ok(ec2.prefix_list(service).await?)
        }
        _ => Ok(None),
    }
}

/// Whether a record speaks of an endpoint that exists: AWS shows deleted ones for a while.
pub fn exists(endpoint: &Endpoint) -> bool {
    endpoint.state != "deleted"
}

/// The endpoints of these objects, by the object.
async fn owned(ec2: &dyn Ec2, cluster_id: &str, owners: Vec<String>) -> Result<HashMap<String, Vec<Endpoint>>, Fault> {
    let filters = [Filter::new(format!("tag:{CLUSTER}"), cluster_id), Filter::any(format!("tag:{OWNER}"), &owners)];
    let mut found: HashMap<String, Vec<Endpoint>> = HashMap::new();
    for endpoint in ec2.endpoints(&filters).await? {
        if let Some(owner) = endpoint.tags.get(OWNER).cloned() {
            found.entry(owner).or_default().push(endpoint);
        }
    }
    Ok(found)
}

/// The one that lives; if none does, one that is on its way out.
fn only(found: Vec<Endpoint>) -> Result<Option<Endpoint>, Failure> {
    let found: BTreeMap<_, _> =
        found.into_iter().filter(exists).map(|endpoint| (endpoint.id.clone(), endpoint)).collect();
    let (deleting, live): (Vec<_>, Vec<_>) = found.into_values().partition(|endpoint| endpoint.state == DELETING);
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

#[cfg(test)]
mod tests {
    use super::{
        super::fixtures::{identity, owner, ownership},
        *,
    };
    use crate::{
        cloud::ownership::{CLUSTER_UID, UID},
        engine::contract::AdoptionPolicy,
    };

    fn endpoint(id: &str, state: &str, tags: Tags) -> Endpoint {
        Endpoint { id: id.into(), state: state.into(), tags, ..Endpoint::default() }
    }

    #[test]
    fn the_living_one_is_chosen_and_several_are_named() {
        let found = |list: &[(&str, &str)]| {
            only(list.iter().map(|(id, state)| endpoint(id, state, Tags::new())).collect()).map(|e| e.map(|e| e.id))
        };
        for (list, expected) in [
            (&[][..], None),
            (&[("a", "deleted")], None),
            (&[("a", "deleting")], Some("a")),
            (&[("a", "deleting"), ("b", "pending"), ("c", "deleted")], Some("b")),
            (&[("a", "available"), ("a", "available")], Some("a")),
        ] {
            assert_eq!(found(list).unwrap().as_deref(), expected, "{list:?}");
        }
        let failure = found(&[("a", "available"), ("b", "failed"), ("c", "deleting")]).unwrap_err();
        assert_eq!(failure.reason, "Ambiguous");
        assert!(failure.message.starts_with("a, b all"), "{failure}");
    }

    fn tags(changes: &[(&str, Option<&str>)]) -> Tags {
        let mut tags = ownership();
        for (key, value) in changes {
            match value {
                Some(value) => tags.insert((*key).to_owned(), (*value).to_owned()),
                None => tags.remove(*key),
            };
        }
        tags
    }

    #[test]
    fn one_known_by_its_id_has_lost_its_tags_and_is_not_a_strangers() {
        let identity = identity();
        let mut owner = owner(&identity);
        let judged = |owner: &Owner<'_>, known: Option<&str>| match judge(
            owner,
            &endpoint("a", "available", Tags::new()),
            known,
        ) {
            Verdict::Refused(failure) => failure.reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(judged(&owner, Some("a")), "OwnershipTagsMissing");
        assert_eq!(judged(&owner, None), "AlreadyExists");
        owner.adoption = AdoptionPolicy::Adopt;
        assert_eq!(judged(&owner, Some("a")), "OwnershipTagsMissing", "adoption is for what was never ours");
        let restored = endpoint("a", "available", tags(&[(UID, Some("uid-0"))]));
        assert_eq!(judge(&owner, &restored, Some("a")), Verdict::Claim);
        owner.converged_uid = Some("uid-1");
        assert!(matches!(judge(&owner, &restored, Some("a")), Verdict::Refused(_)));
    }

    #[test]
    fn deletion_takes_only_what_is_ours_and_orphans_nothing() {
        let identity = identity();
        let owner = owner(&identity);
        for (changes, known, expected) in [
            (&[][..], true, Ok(true)),
            (&[], false, Ok(true)),
            (&[(UID, Some("uid-0"))], true, Ok(false)),
            (&[(CLUSTER_UID, Some("other"))], true, Ok(false)),
            (&[(OWNER, Some("shop/other"))], true, Ok(false)),
            (&[(OWNER, Some("shop/other")), (UID, None)], true, Ok(false)),
            (&[(UID, None)], true, Err("OwnershipTagsMissing")),
            (&[(CLUSTER, None), (OWNER, None), (UID, None), (CLUSTER_UID, None)], true, Err("OwnershipTagsMissing")),
            (&[(UID, None)], false, Ok(false)),
        ] {
            let endpoint = endpoint("a", "available", tags(changes));
            let found = ours_to_delete(&owner, &endpoint, known.then_some("a")).map_err(|failure| failure.reason);
            assert_eq!(found, expected.map_err(str::to_owned), "{changes:?} {known}");
        }
    }
}
