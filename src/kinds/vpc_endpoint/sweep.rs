//! One look at all endpoints.

use std::collections::{BTreeMap, HashMap};

use kube::ResourceExt;

use crate::{
    cloud::{
        World,
        ec2::{Ec2, Endpoint, Filter},
        ownership::{CLUSTER, CLUSTER_UID, ClusterIdentity, OWNER, UID},
        selection::needs_read,
    },
    engine::failure::Failure,
};

use super::{
    observe::exists,
    report::fingerprint,
    resolve::{self, Candidates},
    spec::{VpcEndpoint, VpcEndpointStatus},
};

/// The fingerprints of all objects that AWS holds, by uid. Left out are those that were never created, that are
/// not there or there twice, and whose selection fails.
pub async fn sweep(world: &World, objects: &[&VpcEndpoint]) -> Result<HashMap<String, u64>, Failure> {
    let mut fingerprints = HashMap::new();
    for (region, objects) in by_region(world, objects) {
        let aws = world.aws(&region).await?;
        let ours = Filter::new(format!("tag:{CLUSTER}"), &world.identity.cluster_id);
        let endpoints = aws.ec2.endpoints(&[ours]).await?;
        let endpoints = by_uid(&endpoints, &world.identity);
        let candidates = candidates(aws.ec2.as_ref(), &objects).await?;
        fingerprints.extend(objects.iter().filter_map(|object| {
            let uid = object.uid()?;
            let [endpoint] = endpoints.get(uid.as_str())?[..] else { return None };
            if endpoint.tags.get(OWNER) != Some(&key(object)) {
                return None;
            }
            let selection = resolve::choose(&object.spec, status(object)?, &candidates).ok()?;
            Some((uid, fingerprint(&selection, endpoint)))
        }));
    }
    Ok(fingerprints)
}

/// Only objects that have an endpoint: a region that nothing lives in is not swept, so that one object with a
/// region that does not exist can't stop the sweep for all.
fn by_region<'a>(world: &World, objects: &[&'a VpcEndpoint]) -> BTreeMap<String, Vec<&'a VpcEndpoint>> {
    let mut regions: BTreeMap<String, Vec<&VpcEndpoint>> = BTreeMap::new();
    for object in objects {
        if let Some(status) = status(object).filter(|status| status.id.is_some()) {
            let region = world.region(&object.spec.common, &status.common);
            regions.entry(region.to_owned()).or_default().push(object);
        }
    }
    regions
}

fn status(object: &VpcEndpoint) -> Option<&VpcEndpointStatus> {
    object.status.as_ref()
}

fn key(object: &VpcEndpoint) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

/// The endpoints of this cluster by the uid that they are tagged with.
fn by_uid<'a>(endpoints: &'a [Endpoint], identity: &ClusterIdentity) -> HashMap<&'a str, Vec<&'a Endpoint>> {
    let mut by_uid: HashMap<&str, Vec<&Endpoint>> = HashMap::new();
    let ours = |endpoint: &&Endpoint| endpoint.tags.get(CLUSTER_UID) == Some(&identity.cluster_uid);
    for endpoint in endpoints.iter().filter(|endpoint| exists(endpoint)).filter(ours) {
        if let Some(uid) = endpoint.tags.get(UID) {
            by_uid.entry(uid).or_default().push(endpoint);
        }
    }
    by_uid
}

/// What all objects of a region choose from, each type read once and only when one of them needs it.
async fn candidates(ec2: &dyn Ec2, objects: &[&VpcEndpoint]) -> Result<Candidates, Failure> {
    let mut candidates = Candidates::default();
    if objects.iter().any(|object| object.spec.vpc.id.is_none()) {
        candidates.vpcs = ec2.vpcs(&[]).await?;
    }
    if objects.iter().any(|object| needs_read(object.spec.subnets.as_deref())) {
        candidates.subnets = ec2.subnets(&[]).await?;
    }
    if objects.iter().any(|object| needs_read(object.spec.security_groups.as_deref())) {
        candidates.security_groups = ec2.security_groups(&[]).await?;
    }
    if objects.iter().any(|object| needs_read(object.spec.route_tables.as_deref())) {
        candidates.route_tables = ec2.route_tables(&[]).await?;
    }
    Ok(candidates)
}
