//! One paged look at all functions. `ListFunctions` shows neither state nor tags, but each change of a function
//! moves its revision or its code's digest. An object whose selection fails is left out too.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    cloud::{
        World,
        ec2::Ec2,
        lambda::{Function, Lambda, VpcConfig, event_sources::Mapping},
    },
    engine::failure::Failure,
};

use super::{
    aspects::event_sources,
    desired::Desired,
    names,
    observe::Observed,
    spec::LambdaFunction,
    vpc::{self, Candidates},
};

/// What a look at all functions sees of a converged one.
pub fn fingerprint(desired: &Desired, observed: &Observed) -> u64 {
    let Some(found) = &observed.found else { return 0 };
    let mappings = observed.aspects.iter().flat_map(|aspects| &aspects.event_sources);
    let mappings = event_sources::digest(desired.aspects.source_arns(), mappings.map(|observed| &observed.mapping));
    digest(&found.function, desired.settings.vpc.as_ref(), mappings)
}

/// What a look at all functions sees of one, what the terms of its spec select, and the digest of its event source
/// mappings.
fn digest(function: &Function, vpc: Option<&VpcConfig>, mappings: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&function.revision_id, &function.code_sha256, vpc, mappings).hash(&mut hasher);
    hasher.finish()
}

/// The digest of each object's function, by the object's uid. An object that has never owned a function has
/// none to be looked for, and its region may be one that does not exist.
pub async fn sweep(world: &World, objects: &[&LambdaFunction]) -> Result<HashMap<String, u64>, Failure> {
    let mut regions: BTreeMap<String, Vec<&LambdaFunction>> = BTreeMap::new();
    for object in objects {
        let status = object.status.clone().unwrap_or_default().common;
        if status.owner_uid.is_some() {
            regions.entry(world.region(&object.spec.common, &status).to_owned()).or_default().push(object);
        }
    }
    let mut digests = HashMap::new();
    for (region, objects) in regions {
        let aws = world.aws(&region).await?;
        let functions = aws.lambda.functions().await?;
        let candidates = candidates(aws.ec2.as_ref(), &objects).await?;
        let mappings = mappings(aws.lambda.as_ref(), &objects).await?;
        let functions: HashMap<&str, &Function> = functions.iter().map(|f| (f.name.as_str(), f)).collect();
        digests.extend(objects.into_iter().filter_map(|object| {
            let metadata = &object.metadata;
            let name = names::function(Some(&object.spec), metadata.namespace.as_deref()?, metadata.name.as_deref()?);
            let vpc = object.spec.vpc.as_ref().map(|vpc| vpc::choose(vpc, &candidates)).transpose().ok()?;
            let sources = object.spec.aspects.event_sources.iter().flatten().map(|source| source.arn.as_str());
            let mappings = mappings.iter().filter(|mapping| event_sources::is_of(mapping, &name));
            let mappings = event_sources::digest(sources, mappings);
            Some((metadata.uid.clone()?, digest(functions.get(name.as_str())?, vpc.as_ref(), mappings)))
        }));
    }
    Ok(digests)
}

/// What all objects of a region choose from, read only when one of them needs it.
async fn candidates(ec2: &dyn Ec2, objects: &[&LambdaFunction]) -> Result<Candidates, Failure> {
    if !objects.iter().filter_map(|object| object.spec.vpc.as_ref()).any(vpc::reads_aws) {
        return Ok(Candidates::default());
    }
    Ok(Candidates { subnets: ec2.subnets(&[]).await?, security_groups: ec2.security_groups(&[]).await? })
}

/// All event source mappings of a region, read only when one of the objects has any.
async fn mappings(lambda: &dyn Lambda, objects: &[&LambdaFunction]) -> Result<Vec<Mapping>, Failure> {
    let any = objects.iter().any(|object| object.spec.aspects.event_sources.iter().flatten().next().is_some());
    Ok(if any { lambda.mappings(None).await? } else { Vec::new() })
}
