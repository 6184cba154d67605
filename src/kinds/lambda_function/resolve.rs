//! What the spec names in the cluster: the code's `ConfigMap` and the `InstanceRole` of `instanceRoleRef`.

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;

use crate::{
    cloud::sensitive::Sensitive,
    engine::{
        failure::Failure,
        references::{Cluster, Reference},
    },
};

use super::{
    code::{Files, Source},
    role,
    spec::{Code, LambdaFunctionSpec},
};

/// What references came to.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The code.
    pub code: Source,
    /// ARN of the role that `instanceRoleRef` names.
    pub referenced_role: Option<String>,
}

/// The objects that a function names, its own role among them.
pub fn references(spec: &LambdaFunctionSpec, namespace: &str, name: &str) -> Vec<Reference> {
    let config_map = spec.code.config_map_ref.iter().map(|r| Reference::to::<ConfigMap>(namespace, &r.name));
    let role = spec.execution_role.instance_role_ref.iter().map(|r| role::reference(namespace, &r.name));
    let owned = spec.execution_role.create.iter().map(|_| role::owned_reference(namespace, name));
    config_map.chain(role).chain(owned).collect()
}

/// Reads what the spec names.
pub async fn resolve(cluster: &dyn Cluster, namespace: &str, spec: &LambdaFunctionSpec) -> Result<Resolved, Failure> {
    let referenced_role = match &spec.execution_role.instance_role_ref {
        Some(target) => Some(role_arn(cluster, role::reference(namespace, &target.name)).await?),
        None => None,
    };
    Ok(Resolved { code: code(cluster, namespace, &spec.code).await?, referenced_role })
}

async fn role_arn(cluster: &dyn Cluster, target: Reference) -> Result<String, Failure> {
    let unready = |reason: &str, what: &str| {
        let message = format!("InstanceRole {}/{} {what}", target.namespace, target.name);
        Failure::dependency(reason, message).at("spec.executionRole.instanceRoleRef")
    };
    match cluster.get(&target).await? {
        None => Err(unready("InstanceRoleNotFound", "does not exist yet")),
        Some(role) if role::is_terminating(&role) => Err(unready("InstanceRoleNotReady", "is being deleted")),
        Some(role) => role::arn(&role).ok_or_else(|| unready("InstanceRoleNotReady", "has no ARN yet")),
    }
}

async fn code(cluster: &dyn Cluster, namespace: &str, code: &Code) -> Result<Source, Failure> {
    if let Some(files) = &code.inline {
        let files = files.iter().map(|(name, text)| (name.clone(), Sensitive(text.clone().into_bytes())));
        return Ok(Source::Inline(files.collect()));
    }
    let Some(target) = &code.config_map_ref else {
        return Err(Failure::terminal("InvalidSpec", "spec.code: give exactly one of inline and configMapRef"));
    };
    let target = Reference::to::<ConfigMap>(namespace, &target.name);
    match cluster.get(&target).await? {
        Some(config_map) => config_map_code(&config_map).ok_or_else(|| {
            Failure::terminal(
                "InvalidCode",
                format!("spec.code.configMapRef: ConfigMap {namespace}/{} cannot be read as files", target.name),
            )
        }),
        None => Err(Failure::dependency(
            "ConfigMapNotFound",
            format!("spec.code.configMapRef: ConfigMap {namespace}/{} does not exist yet", target.name),
        )),
    }
}

/// Each key is a file, unless the only one is a zip file.
fn config_map_code(config_map: &Value) -> Option<Source> {
    let entries = |field: &str| config_map[field].as_object().into_iter().flatten();
    let mut files = Files::new();
    for (name, text) in entries("data") {
        files.insert(name.clone(), Sensitive(text.as_str()?.as_bytes().to_vec()));
    }
    for (name, bytes) in entries("binaryData") {
        let bytes = Sensitive(STANDARD.decode(bytes.as_str()?).ok()?);
        if entries("data").count() == 0 && entries("binaryData").count() == 1 && is_zip(name) {
            return Some(Source::Zip(bytes));
        }
        files.insert(name.clone(), bytes);
    }
    Some(Source::ConfigMap(files))
}

fn is_zip(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("zip"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use async_trait::async_trait;
    use kube::core::ApiResource;
    use serde_json::json;

    use crate::engine::failure::Class;

    use super::*;

    struct Objects(HashMap<Reference, Value>);

    #[async_trait]
    impl Cluster for Objects {
        async fn get(&self, reference: &Reference) -> Result<Option<Value>, Failure> {
            Ok(self.0.get(reference).cloned())
        }
        async fn list(&self, _: &ApiResource, _: &str) -> Result<Vec<Value>, Failure> {
            unreachable!("resolve lists nothing")
        }
        async fn apply(&self, _: &Reference, _: Value) -> Result<(), Failure> {
            unreachable!("resolve writes nothing")
        }
        async fn delete(&self, _: &Reference, _: &str) -> Result<(), Failure> {
            unreachable!("resolve writes nothing")
        }
    }

    fn spec() -> LambdaFunctionSpec {
        serde_json::from_value(json!({
            "runtime": "nodejs22.x",
            "handler": "index.handler",
            "code": { "configMapRef": { "name": "code" } },
            "executionRole": { "instanceRoleRef": { "name": "client" } },
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn missing_targets_are_named() {
        let config_map = (Reference::to::<ConfigMap>("ns", "code"), json!({ "data": { "index.js": "x" } }));
        let role = |object| (role::reference("ns", "client"), object);
        for (objects, expected) in [
            (
                vec![config_map.clone()],
                "InstanceRoleNotFound: spec.executionRole.instanceRoleRef: InstanceRole ns/client does not exist yet",
            ),
            (
                vec![config_map.clone(), role(json!({ "status": {} }))],
                "InstanceRoleNotReady: spec.executionRole.instanceRoleRef: InstanceRole ns/client has no ARN yet",
            ),
            (
                vec![
                    config_map.clone(),
                    role(json!({ "metadata": { "deletionTimestamp": "now" }, "status": { "arn": "arn" } })),
                ],
                "InstanceRoleNotReady: spec.executionRole.instanceRoleRef: InstanceRole ns/client is being deleted",
            ),
            (
                vec![role(json!({ "status": { "arn": "arn" } }))],
                "ConfigMapNotFound: spec.code.configMapRef: ConfigMap ns/code does not exist yet",
            ),
        ] {
            let failure = resolve(&Objects(objects.into_iter().collect()), "ns", &spec()).await.unwrap_err();
            assert_eq!((failure.class, failure.to_string().as_str()), (Class::Dependency, expected));
        }
        let both = [config_map, role(json!({ "status": { "arn": "arn:aws:iam::1:role/x", "conditions": [] } }))];
        let resolved = resolve(&Objects(both.into()), "ns", &spec()).await.unwrap();
        assert_eq!(resolved.referenced_role.as_deref(), Some("arn:aws:iam::1:role/x"));
    }

    #[test]
    fn config_maps_are_files_or_one_zip() {
        let file = |name: &str, content: &str| (name.to_owned(), Sensitive(content.as_bytes().to_vec()));
        for (config_map, expected) in [
            (json!({}), Some(Source::ConfigMap(Files::new()))),
            (
                json!({ "data": { "a.js": "a" }, "binaryData": { "b.bin": "Yg==" } }),
                Some(Source::ConfigMap([file("a.js", "a"), file("b.bin", "b")].into())),
            ),
            (json!({ "binaryData": { "x.zip": "Yg==" } }), Some(Source::Zip(Sensitive(b"b".to_vec())))),
            (
                json!({ "data": { "a.js": "a" }, "binaryData": { "x.zip": "Yg==" } }),
                Some(Source::ConfigMap([file("a.js", "a"), file("x.zip", "b")].into())),
            ),
            (json!({ "binaryData": { "x.zip": "not base64" } }), None),
        ] {
            assert_eq!(config_map_code(&config_map), expected, "{config_map}");
        }
    }

    #[test]
    fn references_name_what_wakes_the_function() {
        assert_eq!(
            references(&spec(), "ns", "hello"),
            [Reference::to::<ConfigMap>("ns", "code"), role::reference("ns", "client")]
        );
        let mut spec = spec();
        spec.execution_role = serde_json::from_value(json!({ "create": {} })).unwrap();
        assert_eq!(references(&spec, "ns", "hello").last(), Some(&role::reference("ns", "hello-execution")));
    }
}
