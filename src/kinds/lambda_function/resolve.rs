//! What the spec names: `ConfigMaps`, Secrets, the latest version of an object in S3, subnets and security groups, and
//! the `InstanceRole` of `instanceRoleRef`.

use crate::{
    cloud::{
        Aws,
        lambda::{Environment, VpcConfig},
        s3::S3,
        sensitive::Sensitive,
    },
    engine::{
        failure::Failure,
        kind::Subject,
        references::{Cluster, Reference},
    },
};

use super::{
    code::{Object, Source},
    data::{DataReader, Holder},
    environment, role,
    spec::{Code, LambdaFunction, LambdaFunctionSpec, S3Object},
    vpc,
};

/// What references came to.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The code.
    pub code: Source,
    /// Environment variables, if the spec gives any.
    pub environment: Option<Environment>,
    /// What the terms of `vpc` select.
    pub vpc: Option<VpcConfig>,
    /// ARN of the role that `instanceRoleRef` names.
    pub referenced_role: Option<String>,
}

/// The objects that a function names, its own role among them.
pub fn references(spec: &LambdaFunctionSpec, namespace: &str, name: &str) -> Vec<Reference> {
    let config_map = spec.code.config_map_ref.iter().map(|r| Holder::ConfigMap.reference(namespace, &r.name));
    let secret = spec.code.secret_ref.iter().map(|r| Holder::Secret.reference(namespace, &r.name));
    let environment = environment::references(spec, namespace);
    let role = spec.execution_role.instance_role_ref.iter().map(|r| role::reference(namespace, &r.name));
    let owned = spec.execution_role.create.iter().map(|_| role::owned_reference(namespace, name));
    config_map.chain(secret).chain(environment).chain(role).chain(owned).collect()
}

/// Reads what the spec names.
pub async fn resolve(
    aws: &Aws,
    subject: &Subject<LambdaFunction>,
    spec: &LambdaFunctionSpec,
) -> Result<Resolved, Failure> {
    let (cluster, namespace) = (aws.cluster.as_ref(), subject.namespace.as_str());
    let referenced_role = match &spec.execution_role.instance_role_ref {
        Some(target) => Some(role_arn(cluster, role::reference(namespace, &target.name)).await?),
        None => None,
    };
    let mut data = DataReader::new(cluster, namespace, &aws.guardrails.secret_namespaces);
    let code = code(aws.s3.as_ref(), &mut data, &spec.code).await?;
    let environment = environment::resolve(spec, &mut data).await?;
    let vpc = match &spec.vpc {
        Some(vpc) => Some(vpc::resolve(aws.ec2.as_ref(), vpc, subject.status.vpc.as_ref()).await?),
        None => None,
    };
    Ok(Resolved { code, environment, vpc, referenced_role })
}

async fn role_arn(cluster: &dyn Cluster, target: Reference) -> Result<String, Failure> {
    let unready = |reason: &str, what: &str| {
        let message = format!("InstanceRole {}/{} {what}", target.namespace, target.name);
        Failure::reference(reason, message).at("spec.executionRole.instanceRoleRef")
    };
    match cluster.get(&target).await? {
        None => Err(unready("InstanceRoleNotFound", "does not exist yet")),
        Some(role) if role::is_terminating(&role) => Err(unready("InstanceRoleNotReady", "is being deleted")),
        Some(role) => role::arn(&role).ok_or_else(|| unready("InstanceRoleNotReady", "has no ARN yet")),
    }
}

async fn code(s3: &dyn S3, data: &mut DataReader<'_>, code: &Code) -> Result<Source, Failure> {
    if let Some(files) = &code.inline {
        let files = files.iter().map(|(name, text)| (name.clone(), Sensitive(text.clone().into_bytes())));
        return Ok(Source::Inline(files.collect()));
    }
    if let Some(target) = &code.config_map_ref {
        let files = data.all("spec.code.configMapRef", Holder::ConfigMap, &target.name, false).await?;
        return Ok(Source::ConfigMap(files.cloned().unwrap_or_default()));
    }
    if let Some(target) = &code.secret_ref {
        let files = data.all("spec.code.secretRef", Holder::Secret, &target.name, false).await?;
        return Ok(Source::Secret(files.cloned().unwrap_or_default()));
    }
    if let Some(object) = &code.s3 {
        return object_in_s3(s3, object).await.map(Source::Object);
    }
    match &code.image {
        Some(uri) => Ok(Source::Image(uri.clone())),
        None => Err(Failure::terminal(
            "InvalidSpec",
            "spec.code: give exactly one of inline, configMapRef, secretRef, s3 and image",
        )),
    }
}

/// A version that the spec names never changes, so it is not looked at.
async fn object_in_s3(s3: &dyn S3, object: &S3Object) -> Result<Object, Failure> {
    let S3Object { bucket, key, version_id } = object;
    if let Some(version) = version_id {
        return Ok(Object::pinned(bucket, key, version));
    }
    match s3.head_object(bucket, key).await.map_err(|fault| Failure::from(fault).at("spec.code.s3"))? {
        Some(head) => Ok(Object::latest(bucket, key, head)),
        None => Err(Failure::terminal(
            "CodeNotFound",
            format!("spec.code.s3: bucket {bucket} has no object {key}, or there is no such bucket"),
        )),
    }
}
