//! The `InstanceRole` of `executionRole.create`: an object in the cluster, owned by the function. Its own
//! controller makes the IAM role.

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::core::ApiResource;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::engine::{
    contract::{CommonSpec, PAUSED_ANNOTATION},
    failure::Failure,
    kind::Subject,
    references::{Cluster, Reference},
};

use super::{
    names,
    spec::{CreateRole, LambdaFunction},
};

/// Annotation of the owned role: a digest of the spec that was applied last. What is taken out of the spec is
/// noticed by it; what others add beside ours is theirs.
const APPLIED: &str = "privatelink.dev/applied";

/// The kind of an `InstanceRole`.
pub fn resource() -> ApiResource {
    ApiResource {
        group: "privatelink.dev".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "privatelink.dev/v1alpha1".to_owned(),
        kind: "InstanceRole".to_owned(),
        plural: "instanceroles".to_owned(),
    }
}

/// An `InstanceRole`, by name.
pub fn reference(namespace: &str, name: &str) -> Reference {
    Reference { resource: resource(), namespace: namespace.to_owned(), name: name.to_owned() }
}

/// The `InstanceRole` made for a function, by the function's object name.
pub fn owned_reference(namespace: &str, function: &str) -> Reference {
    reference(namespace, &names::owned_role(function))
}

/// `status.arn`, once the role exists in AWS.
pub fn arn(role: &Value) -> Option<String> {
    role.pointer("/status/arn").and_then(Value::as_str).map(str::to_owned)
}

/// Whether the object is being deleted.
pub fn is_terminating(role: &Value) -> bool {
    role.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
}

/// The owned role as it should be.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct OwnedRole {
    /// Which object.
    pub reference: Reference,
    /// What server-side apply sends.
    pub manifest: Value,
}

impl OwnedRole {
    /// The role for the function with this name and uid. What the function says of region, policies and tags
    /// holds for its role too, and so does a pause.
    pub fn new(
        namespace: &str,
        function: &str,
        uid: &str,
        common: &CommonSpec,
        create: &CreateRole,
        paused: bool,
    ) -> Self {
        let reference = owned_reference(namespace, function);
        let fields = [
            ("region", json!(common.region)),
            ("deletionPolicy", json!(common.deletion_policy)),
            ("managementPolicy", json!(common.management_policy)),
            ("tags", json!(common.tags)),
            ("trust", json!({ "services": ["lambda.amazonaws.com"] })),
            ("managedPolicies", json!(create.managed_policies)),
            ("inlinePolicies", json!(create.inline_policies)),
            ("permissionsBoundary", json!(create.permissions_boundary)),
        ];
        let spec: Map<_, _> = fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let mut annotations = Map::from_iter([(APPLIED.to_owned(), json!(digest(&spec, paused)))]);
        if paused {
            annotations.insert(PAUSED_ANNOTATION.to_owned(), json!("true"));
        }
        let manifest = json!({
            "apiVersion": reference.resource.api_version,
            "kind": reference.resource.kind,
            "metadata": {
                "namespace": namespace,
                "name": reference.name,
                "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": "privatelink.dev/v1alpha1",
                    "kind": "LambdaFunction",
                    "name": function,
                    "uid": uid,
                    "controller": true,
                    "blockOwnerDeletion": false,
                }],
            },
            "spec": spec,
        });
        Self { reference, manifest }
    }

    /// Whether the object in the cluster says all that this one says, and was last applied from it.
    pub fn is_applied(&self, observed: &ObservedRole) -> bool {
        self.manifest["metadata"]["annotations"][APPLIED] == observed.applied
            && contains(&observed.spec, &self.manifest["spec"])
    }
}

/// What a pause adds makes the end of the pause a change too.
fn digest(spec: &Map<String, Value>, paused: bool) -> String {
    let paused = if paused { "paused" } else { "" };
    STANDARD.encode(Sha256::digest(Value::Object(spec.clone()).to_string() + paused))
}

/// Brings an owned role in line with what the function says of policies and pauses. One that is not there, or is not
/// ours, is left alone.
pub async fn hand_down(cluster: &dyn Cluster, subject: &Subject<LambdaFunction>, paused: bool) -> Result<(), Failure> {
    let create = |object: &LambdaFunction| object.spec.execution_role.create.clone();
    let Some(create) = subject.object.as_deref().and_then(create) else { return Ok(()) };
    let Subject { namespace, name, uid, .. } = subject;
    let wanted = OwnedRole::new(namespace, name, uid, &subject.common_spec(), &create, paused);
    let Some(object) = cluster.get(&wanted.reference).await? else { return Ok(()) };
    let observed = ObservedRole::new(wanted.reference.clone(), &object, name, uid);
    // One that is being deleted already is let go on: a pause is taken off it, and not put on.
    let beyond = observed.owner != RoleOwner::Us || (observed.terminating && paused);
    if beyond || wanted.is_applied(&observed) {
        return Ok(());
    }
    cluster.apply(&wanted.reference, wanted.manifest).await
}

/// Whether all that is wanted is there. Lists are sets here, since server-side apply merges them as such.
fn contains(observed: &Value, wanted: &Value) -> bool {
    match (observed, wanted) {
        (Value::Object(observed), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| observed.get(key).is_some_and(|observed| contains(observed, wanted)))
        }
        (Value::Array(observed), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| observed.iter().any(|observed| contains(observed, wanted)))
        }
        _ => observed == wanted,
    }
}

/// Whose an `InstanceRole` of the name that we would use is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleOwner {
    /// This function.
    Us,
    /// An earlier function of this name; the garbage collector will remove it.
    Predecessor,
    /// Somebody else.
    Another,
}

/// The owned role as the cluster has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedRole {
    /// Which object.
    pub reference: Reference,
    /// Its uid.
    pub uid: String,
    /// Whose it is.
    pub owner: RoleOwner,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// ARN of the role in AWS, once there is one.
    pub arn: Option<String>,
    /// The digest of what was applied last.
    pub applied: String,
    /// Its spec.
    pub spec: Value,
}

impl ObservedRole {
    /// Reads the object, for the function with this name and uid.
    pub fn new(reference: Reference, object: &Value, function: &str, uid: &str) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
        let owner = owners
            .filter(|owner| owner["kind"] == "LambdaFunction" && owner["name"] == function)
            .map(|owner| if owner["uid"] == uid { RoleOwner::Us } else { RoleOwner::Predecessor })
            .next()
            .unwrap_or(RoleOwner::Another);
        Self {
            uid: text("/metadata/uid"),
            owner,
            terminating: is_terminating(object),
            arn: arn(object),
            applied: object["metadata"]["annotations"][APPLIED].as_str().unwrap_or_default().to_owned(),
            spec: object["spec"].clone(),
            reference,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_inherits_and_omits() {
        let common = CommonSpec { region: Some("eu-west-1".to_owned()), ..Default::default() };
        let create = CreateRole { managed_policies: Some(vec!["AWSLambdaExecute".to_owned()]), ..Default::default() };
        let role = OwnedRole::new("ns", "hello", "uid-1", &common, &create, false);
        assert_eq!(
            role.manifest["spec"],
            json!({
                "region": "eu-west-1",
                "trust": { "services": ["lambda.amazonaws.com"] },
                "managedPolicies": ["AWSLambdaExecute"],
            })
        );
        assert_eq!(role.manifest["metadata"]["ownerReferences"][0]["blockOwnerDeletion"], false);

        let mut object = role.manifest.clone();
        object["spec"]["instances"] = json!([{ "id": "i-1" }]);
        let observed = |object: &Value| ObservedRole::new(role.reference.clone(), object, "hello", "uid-1");
        assert!(role.is_applied(&observed(&object)), "a field that is not ours is no difference");
        object["spec"]["managedPolicies"] = json!(["Foreign", "AWSLambdaExecute"]);
        object["spec"]["permissionsBoundary"] = json!("arn");
        assert!(role.is_applied(&observed(&object)), "nor is what somebody else added beside ours");
        object["spec"]["managedPolicies"] = json!(["Foreign"]);
        assert!(!role.is_applied(&observed(&object)), "what somebody took away is");
        let less = OwnedRole::new("ns", "hello", "uid-1", &common, &CreateRole::default(), false);
        assert!(!less.is_applied(&observed(&role.manifest)), "and so is what the spec does not ask for any more");
    }

    #[test]
    fn owners_are_told_apart() {
        let role = OwnedRole::new("ns", "hello", "uid-1", &CommonSpec::default(), &CreateRole::default(), false);
        let owner = |name, uid| ObservedRole::new(role.reference.clone(), &role.manifest, name, uid).owner;
        assert_eq!(owner("hello", "uid-1"), RoleOwner::Us);
        assert_eq!(owner("hello", "uid-2"), RoleOwner::Predecessor);
        assert_eq!(owner("other", "uid-1"), RoleOwner::Another);
        assert_eq!(ObservedRole::new(role.reference.clone(), &json!({}), "hello", "uid-1").owner, RoleOwner::Another);
    }
}
