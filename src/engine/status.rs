//! The status write: whole, and only if something differs from what the object carries.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::{
    failure::{Class, Failure},
    kind::{Kind, Subject},
    memory::Memory,
    objects::Objects,
};

/// Writes the subject's status if it differs from what was last written, or from what the live object has.
pub async fn write<K: Kind>(
    objects: &dyn Objects,
    memory: &Memory<K::Step>,
    live: &Value,
    subject: &Subject<K>,
) -> Result<(), Failure> {
    let status = serde_json::to_value(&subject.status)
        .map_err(|error| Failure::new(Class::Terminal, "InternalError", format!("status: {error}")))?;
    let digest = digest(&status);
    let written_before = memory.is_own_status(&subject.uid, digest);
    if live["status"] == status && written_before {
        return Ok(());
    }
    memory.writes_status(&subject.uid, digest);
    objects.write_status(&subject.namespace, &subject.name, &subject.uid, &status).await
}

/// A digest that tells one status from another.
pub fn digest(status: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    status.to_string().hash(&mut hasher);
    hasher.finish()
}
