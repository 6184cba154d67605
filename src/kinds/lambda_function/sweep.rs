//! One paged look at all functions. `ListFunctions` shows neither state nor tags, but each change of a function
//! moves its revision or its code's digest. An object whose selection fails is left out too.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::{
    cloud::{
        World,
        ec2::Ec2,
        lambda::{Function, VpcConfig},
    },
    engine::failure::Failure,
};

use super::{
    names,
    spec::LambdaFunction,
    vpc::{self, Candidates},
};

/// What a look at all functions sees of one, and what the terms of its spec select.
pub fn digest(function: &Function, vpc: Option<&VpcConfig>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&function.revision_id, &function.code_sha256, vpc).hash(&mut hasher);
    hasher.finish()
}

/// The digest of each object's function, by the object's uid. An object that has never owned a function has
/// none to be looked for, and its region may be one that does not exist.
pub async fn sweep(world: &World, objects: &[Arc<LambdaFunction>]) -> Result<HashMap<String, u64>, Failure> {
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
        let functions: HashMap<&str, &Function> = functions.iter().map(|f| (f.name.as_str(), f)).collect();
        digests.extend(objects.into_iter().filter_map(|object| {
            let metadata = &object.metadata;
            let name = names::function(Some(&object.spec), metadata.namespace.as_deref()?, metadata.name.as_deref()?);
            let vpc = object.spec.vpc.as_ref().map(|vpc| vpc::choose(vpc, &candidates)).transpose().ok()?;
            Some((metadata.uid.clone()?, digest(functions.get(name.as_str())?, vpc.as_ref())))
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
