//! One paged look at all functions. `ListFunctions` shows neither state nor tags, but each change of a function
//! moves its revision or its code's digest.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::{
    cloud::{World, lambda::Function},
    engine::failure::Failure,
};

use super::{names, spec::LambdaFunction};

/// What a look at all functions sees of one.
pub fn digest(function: &Function) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&function.revision_id, &function.code_sha256).hash(&mut hasher);
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
        let functions = world.aws(&region).await?.lambda.functions().await?;
        let functions: HashMap<&str, &Function> = functions.iter().map(|f| (f.name.as_str(), f)).collect();
        digests.extend(objects.into_iter().filter_map(|object| {
            let metadata = &object.metadata;
            let name = names::function(Some(&object.spec), metadata.namespace.as_deref()?, metadata.name.as_deref()?);
            Some((metadata.uid.clone()?, digest(functions.get(name.as_str())?)))
        }));
    }
    Ok(digests)
}
