//! What a sweep can see of a role, as a digest: one read of all roles an account, and one of all instances and
//! associations a region while some object selects instances.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use kube::ResourceExt;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    cloud::{
        Aws, World,
        ec2::{Instance, ProfileAssociation},
        iam::RoleDetail,
        ownership::Tags,
        policy::normalise,
    },
    engine::failure::Failure,
};

use super::{
    desired::Desired,
    names::Names,
    observe::Observed,
    resolve::{associations, selected},
    spec::InstanceRole,
    trust,
};

/// All that is compared. Sets and maps are sorted, and policies normalised, so that equal facts are equal bytes.
#[derive(Serialize)]
struct Facts<'a> {
    trust: String,
    boundary: Option<&'a str>,
    attached: Vec<&'a str>,
    inline: BTreeMap<&'a str, String>,
    tags: &'a Tags,
    /// Whether the role is in its instance profile, where it should be.
    in_profile: Option<bool>,
    /// Selected instances, with the ARN of the instance profile that they carry.
    instances: Option<BTreeMap<&'a str, Option<&'a str>>>,
}

impl Facts<'_> {
    fn digest(&self) -> u64 {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(bytes).iter().take(8).fold(0, |digest, byte| digest << 8 | u64::from(*byte))
    }
}

/// The digest of a converged object.
pub fn fingerprint(desired: &Desired, observed: &Observed) -> u64 {
    let Some(role) = &observed.role else { return 0 };
    let roles = observed.profile.iter().flat_map(|profile| &profile.profile.roles);
    let associations = observed.associations.as_deref().unwrap_or_default();
    Facts {
        trust: normalise(&role.role.trust_policy),
        boundary: role.role.permissions_boundary.as_deref(),
        attached: role.attached.iter().map(String::as_str).collect(),
        inline: role.inline.iter().map(|(name, document)| (name.as_str(), normalise(document))).collect(),
        tags: &role.role.tags,
        in_profile: desired.profile.as_ref().map(|_| roles.clone().any(|name| *name == desired.role)),
        instances: desired
            .instances
            .as_ref()
            .map(|instances| carried(instances.selected.keys().map(String::as_str), associations)),
    }
    .digest()
}

/// The digest of an object as a sweep sees it.
fn swept(object: &InstanceRole, detail: &RoleDetail, region: &Region) -> u64 {
    let names = Names::of_object(object);
    let wanted = trust::wants_profile(&object.spec).then_some(&names.profile);
    let terms = object.spec.instances.as_deref();
    let selection = terms.map(|terms| selected(terms, region.instances.iter().cloned()));
    Facts {
        trust: normalise(&detail.role.trust_policy),
        boundary: detail.role.permissions_boundary.as_deref(),
        attached: detail.attached_policies.iter().map(String::as_str).collect(),
        inline: detail.inline_policies.iter().map(|(name, document)| (name.as_str(), normalise(document))).collect(),
        tags: &detail.role.tags,
        in_profile: wanted.map(|wanted| detail.instance_profiles.iter().any(|profile| profile.name == *wanted)),
        instances: selection
            .as_ref()
            .map(|instances| carried(instances.keys().map(String::as_str), &region.associations)),
    }
    .digest()
}

fn carried<'a>(
    instances: impl Iterator<Item = &'a str>,
    associations: &'a [ProfileAssociation],
) -> BTreeMap<&'a str, Option<&'a str>> {
    let by_instance: HashMap<_, _> = associations
        .iter()
        .filter(|association| association.state != "disassociating")
        .map(|association| (association.instance_id.as_str(), association.profile_arn.as_str()))
        .collect();
    instances.map(|id| (id, by_instance.get(id).copied())).collect()
}

/// What selectors need of a region; nothing while no object selects anything there.
#[derive(Default)]
struct Region {
    instances: Vec<Instance>,
    associations: Vec<ProfileAssociation>,
}

pub async fn sweep(world: &World, objects: &[Arc<InstanceRole>]) -> Result<HashMap<String, u64>, Failure> {
    let mut by_region: HashMap<&str, Vec<&InstanceRole>> = HashMap::new();
    let unset = Default::default();
    for object in objects {
        let status = object.status.as_ref().map_or(&unset, |status| &status.common);
        by_region.entry(world.region(&object.spec.common, status)).or_default().push(object);
    }
    let mut accounts: HashMap<String, HashMap<String, RoleDetail>> = HashMap::new();
    let mut digests = HashMap::new();
    for (name, objects) in by_region {
        let aws = world.aws(name).await?;
        let roles = match accounts.entry(aws.account.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(roles(&aws).await?),
        };
        let region = region(&aws, &objects).await?;
        for object in objects {
            if let (Some(uid), Some(role)) = (object.uid(), roles.get(&Names::of_object(object).role)) {
                digests.insert(uid, swept(object, role, &region));
            }
        }
    }
    Ok(digests)
}

async fn roles(aws: &Aws) -> Result<HashMap<String, RoleDetail>, Failure> {
    let details = aws.iam.role_details().await?;
    Ok(details.into_iter().map(|detail| (detail.role.name.clone(), detail)).collect())
}

async fn region(aws: &Aws, objects: &[&InstanceRole]) -> Result<Region, Failure> {
    let selects = |object: &&InstanceRole| object.spec.instances.as_ref().is_some_and(|terms| !terms.is_empty());
    if !objects.iter().any(selects) {
        return Ok(Region::default());
    }
    let instances = async { aws.ec2.instances(&[]).await.map_err(Failure::from) };
    let (instances, associations) = futures::try_join!(instances, associations(&*aws.ec2))?;
    Ok(Region { instances, associations })
}
