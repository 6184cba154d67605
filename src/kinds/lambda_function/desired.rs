//! Spec and resolved references to what AWS should hold.

use crate::{
    cloud::{
        guardrails::Guardrails,
        lambda::{Environment, NewFunction},
        ownership::{Owner, Tags},
        sensitive::Sensitive,
    },
    engine::failure::Failure,
};

use super::{
    code::Package,
    names,
    resolve::Resolved,
    role::OwnedRole,
    spec::{Architecture, EnvVar, LambdaFunction, ManagedField},
};

/// Bytes of all environment variables:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const ENVIRONMENT_LIMIT: usize = 4096;

/// The function as it should be. An absent setting is left as AWS has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Name.
    pub name: String,
    /// Runtime identifier.
    pub runtime: String,
    /// Entry point.
    pub handler: String,
    /// Instruction set.
    pub architecture: Option<Architecture>,
    /// Memory in MB.
    pub memory_size: Option<i32>,
    /// Time-out in seconds.
    pub timeout_seconds: Option<i32>,
    /// Environment variables.
    pub environment: Option<Environment>,
    /// The deployment package.
    pub code: Package,
    /// The execution role.
    pub role: Role,
    /// The spec's tags and the ownership tags.
    pub tags: Tags,
}

/// The execution role of a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// One that exists.
    Arn(String),
    /// One that is made for the function, and whose ARN is known once it has been made.
    Owned(OwnedRole),
}

impl Desired {
    /// The optional settings that the spec gives.
    pub fn managed_fields(&self) -> Vec<ManagedField> {
        [
            (ManagedField::Architecture, self.architecture.is_some()),
            (ManagedField::Env, self.environment.is_some()),
            (ManagedField::MemorySize, self.memory_size.is_some()),
            (ManagedField::TimeoutSeconds, self.timeout_seconds.is_some()),
        ]
        .into_iter()
        .filter_map(|(field, given)| given.then_some(field))
        .collect()
    }

    /// The call that makes the function.
    pub fn new_function(&self, role: &str) -> NewFunction {
        NewFunction {
            name: self.name.clone(),
            runtime: self.runtime.clone(),
            handler: self.handler.clone(),
            architecture: self.architecture.map(|architecture| architecture.as_str().to_owned()),
            memory_size: self.memory_size,
            timeout_seconds: self.timeout_seconds,
            environment: self.environment.clone(),
            role: role.to_owned(),
            zip: self.code.zip.clone(),
            tags: self.tags.clone(),
        }
    }
}

/// Spec and references to the function as it should be, within the administrator's guardrails.
pub fn desired(
    owner: &Owner<'_>,
    guardrails: &Guardrails,
    object: &LambdaFunction,
    resolved: Resolved,
) -> Result<Desired, Failure> {
    let spec = &object.spec;
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let field = resolved.code.field();
    let mut tags = spec.common.tags.clone().unwrap_or_default();
    tags.extend(owner.tags());
    Ok(Desired {
        name: names::function(Some(spec), namespace, name),
        runtime: spec.runtime.clone(),
        handler: spec.handler.clone(),
        architecture: spec.architecture,
        memory_size: spec.memory_size,
        timeout_seconds: spec.timeout_seconds,
        environment: spec.env.as_deref().map(environment).transpose()?,
        role: execution_role(owner, guardrails, object, resolved.referenced_role)?,
        code: resolved.code.package().map_err(|e| Failure::terminal("InvalidCode", e.to_string()).at(field))?,
        tags,
    })
}

fn environment(env: &[EnvVar]) -> Result<Environment, Failure> {
    let size: usize = env.iter().map(|variable| variable.name.len() + variable.value.len()).sum();
    if size > ENVIRONMENT_LIMIT {
        return Err(Failure::terminal(
            "InvalidSpec",
            format!("spec.env: names and values have {size} bytes in all, {ENVIRONMENT_LIMIT} are allowed"),
        ));
    }
    Ok(Sensitive(env.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect()))
}

fn execution_role(
    owner: &Owner<'_>,
    guardrails: &Guardrails,
    object: &LambdaFunction,
    referenced: Option<String>,
) -> Result<Role, Failure> {
    let spec = &object.spec.execution_role;
    if let Some(create) = &spec.create {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let name = object.metadata.name.as_deref().unwrap_or_default();
        return Ok(Role::Owned(OwnedRole::new(namespace, name, owner.uid, &object.spec.common, create)));
    }
    match (&spec.arn, referenced) {
        (Some(arn), _) if !guardrails.allows_execution_role(arn) => Err(Failure::terminal(
            "NotAllowed",
            format!("spec.executionRole.arn: {arn} is not among the roles that --allowed-execution-roles allows"),
        )),
        (Some(arn), _) => Ok(Role::Arn(arn.clone())),
        (None, Some(arn)) => Ok(Role::Arn(arn)),
        (None, None) => Err(Failure::terminal(
            "InvalidSpec",
            "spec.executionRole: give exactly one of arn, instanceRoleRef and create",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::fixtures::{ROLE, desire, desired},
        *,
    };

    fn refused(fields: Value, guardrails: &Guardrails) -> String {
        desire(fields, guardrails).unwrap_err().to_string()
    }

    #[test]
    fn an_absent_field_is_not_managed() {
        let least = desired(json!({}));
        assert_eq!(least.name, "default-hello");
        assert_eq!(least.managed_fields(), []);
        assert_eq!(least.role, Role::Arn(ROLE.to_owned()));

        let full = desired(json!({ "env": [], "memorySize": 128, "timeoutSeconds": 3, "architecture": "x86_64" }));
        assert_eq!(full.environment, Some(Environment::default()));
        assert_eq!(full.managed_fields().len(), 4);
    }

    #[test]
    fn tags_are_the_specs_and_the_owners() {
        let tags = desired(json!({ "tags": { "team": "a" } })).tags;
        assert_eq!(tags.len(), 5);
        assert_eq!((tags["team"].as_str(), tags["privatelink.dev/uid"].as_str()), ("a", "uid-1"));
    }

    #[test]
    fn roles_outside_the_guardrail_are_refused() {
        let guardrails =
            |pattern: &str| Guardrails { allowed_execution_roles: vec![pattern.to_owned()], ..Guardrails::default() };
        assert_eq!(
            refused(json!({}), &guardrails("arn:aws:iam::*:role/app/*")),
            format!(
                "NotAllowed: spec.executionRole.arn: {ROLE} is not among the roles that --allowed-execution-roles allows"
            )
        );
        assert!(desire(json!({}), &guardrails("arn:aws:iam::*:role/hello")).is_ok());
    }

    #[test]
    fn limits_are_told_with_their_numbers() {
        let none = Guardrails::default();
        let env = |length: usize| json!({ "env": [{ "name": "AB", "value": "x".repeat(length) }] });
        assert!(desire(env(4094), &none).is_ok());
        assert_eq!(
            refused(env(4095), &none),
            "InvalidSpec: spec.env: names and values have 4097 bytes in all, 4096 are allowed"
        );
        assert_eq!(
            refused(json!({ "code": { "inline": { "a": "x".repeat(204_801) } } }), &none),
            "InvalidCode: spec.code.inline: the files have 204801 bytes in all, 204800 are allowed; \
             put larger code into a ConfigMap"
        );
    }
}
