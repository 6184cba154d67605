//! Our finalizer. It is set before the first write to AWS and goes only when a read has shown that AWS holds
//! nothing of the object any more.

use serde_json::Value;

use super::{contract::FINALIZER, failure::Failure, objects::Objects};

/// Whether the object carries our finalizer.
pub fn present(object: &Value) -> bool {
    finalizers(object).any(|f| f == FINALIZER)
}

/// Sets our finalizer if it is missing; returns the object as it is then.
pub async fn ensure(objects: &dyn Objects, object: Value) -> Result<Value, Failure> {
    if present(&object) {
        return Ok(object);
    }
    let with: Vec<String> = finalizers(&object).map(str::to_owned).chain([FINALIZER.to_owned()]).collect();
    Ok(objects.set_finalizers(&object, &with).await?.unwrap_or(object))
}

/// Takes our finalizer off exactly this version of the object.
pub async fn remove(objects: &dyn Objects, object: &Value) -> Result<(), Failure> {
    let without: Vec<String> = finalizers(object).filter(|f| *f != FINALIZER).map(str::to_owned).collect();
    objects.set_finalizers(object, &without).await.map(drop)
}

fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str)
}
