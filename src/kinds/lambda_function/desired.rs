//! Spec and resolved references to what AWS should hold.

use crate::{
    cloud::{
        guardrails::Guardrails,
        lambda::{FileSystemConfig, ImageConfig, NewFunction, Settings},
        ownership::{Owner, PREFIX, Tags},
    },
    engine::failure::Failure,
};

use super::{
    aspects,
    code::Code,
    names,
    resolve::Resolved,
    role::OwnedRole,
    settings,
    spec::{self, LambdaFunction, LambdaFunctionSpec, ManagedField},
};

/// Tag of a function whose code is an object in S3: the digest of bucket, key and version, and that of the code. AWS does
/// not say where the code of a function came from.
pub const CODE_TAG: &str = "privatelink.dev/code";

/// The function as it should be. An absent setting is left as AWS has it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Desired {
    /// Name.
    pub name: String,
    /// What UpdateFunctionConfiguration sets, but for the role.
    pub settings: Settings,
    /// Instruction set.
    pub architecture: Option<String>,
    /// The code.
    pub code: Code,
    /// Key for the zip file.
    pub source_kms_key_arn: Option<String>,
    /// The execution role.
    pub role: Role,
    /// The spec's tags and the ownership tags.
    pub tags: Tags,
    /// What it has beside code and configuration.
    pub aspects: aspects::Desired,
}

/// The execution role of a function.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Role {
    /// One that exists.
    Arn(String),
    /// One that is made for the function, and whose ARN is known once it has been made.
    Owned(OwnedRole),
}

impl Desired {
    /// The optional settings that the spec gives.
    pub fn managed_fields(&self) -> Vec<ManagedField> {
        let mut fields = settings::given(&self.settings);
        fields.extend(self.architecture.as_ref().map(|_| ManagedField::Architecture));
        fields.extend(self.source_kms_key_arn.as_ref().map(|_| ManagedField::SourceKmsKeyArn));
        fields.sort();
        fields
    }

    /// The keys of the spec's own tags.
    pub fn own_tags(&self) -> Vec<String> {
        self.tags.keys().filter(|key| !key.starts_with(PREFIX)).cloned().collect()
    }

    /// The call that makes the function.
    pub fn new_function(&self, role: &str) -> NewFunction {
        NewFunction {
            name: self.name.clone(),
            settings: Settings { role: Some(role.to_owned()), ..self.settings.clone() },
            architecture: self.architecture.clone(),
            code: self.code.source(),
            source_kms_key_arn: self.source_kms_key_arn.clone(),
            tags: self.tags.clone(),
            code_signing_config_arn: self.aspects.spec.code_signing_config_arn.clone(),
        }
    }
}

/// Spec and references to the function as it should be, within the administrator's guardrails.
pub fn desired(
    owner: &Owner<'_>,
    guardrails: &Guardrails,
    object: &LambdaFunction,
    mut resolved: Resolved,
) -> Result<Desired, Failure> {
    let spec = &object.spec;
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let name = names::function(Some(spec), namespace, object.metadata.name.as_deref().unwrap_or_default());
    let mut tags = spec.common.tags.clone().unwrap_or_default();
    tags.extend(owner.tags());
    let field = resolved.code.field();
    let aspects = aspects::Desired::new(&spec.aspects, &tags);
    Ok(Desired {
        settings: settings(spec, &name, &mut resolved),
        architecture: spec.architecture.map(|architecture| architecture.as_str().to_owned()),
        source_kms_key_arn: spec.code.source_kms_key_arn.clone(),
        role: execution_role(owner, guardrails, object, resolved.referenced_role)?,
        code: resolved.code.code().map_err(|e| Failure::terminal("InvalidCode", e.to_string()).at(field))?,
        tags,
        name,
        aspects,
    })
}

fn settings(spec: &LambdaFunctionSpec, name: &str, resolved: &mut Resolved) -> Settings {
    let image_config = |config: &spec::ImageConfig| ImageConfig {
        entry_point: config.entry_point.clone().unwrap_or_default(),
        command: config.command.clone().unwrap_or_default(),
        working_directory: config.working_directory.clone().unwrap_or_default(),
    };
    let file_system = |file_system: &spec::FileSystem| FileSystemConfig {
        arn: file_system.arn.clone(),
        local_mount_path: file_system.local_mount_path.clone(),
    };
    Settings {
        description: spec.description.clone(),
        runtime: spec.runtime.clone(),
        handler: spec.handler.clone(),
        memory_size: spec.memory_size,
        timeout_seconds: spec.timeout_seconds,
        ephemeral_storage_size: spec.ephemeral_storage_size,
        layers: spec.layers.clone(),
        environment: resolved.environment.take(),
        vpc: resolved.vpc.take(),
        tracing: spec.tracing.map(|tracing| tracing.as_str().to_owned()),
        logging: spec.logging.as_ref().map(|logging| settings::logging(logging, name)),
        kms_key_arn: spec.kms_key_arn.clone(),
        dead_letter_target_arn: spec.dead_letter_target_arn.clone(),
        file_systems: spec.file_systems.as_ref().map(|systems| systems.iter().map(file_system).collect()),
        image_config: spec.image_config.as_ref().map(image_config),
        snap_start: spec.snap_start.map(|snap_start| snap_start.as_str().to_owned()),
        role: None,
    }
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
        return Ok(Role::Owned(OwnedRole::new(namespace, name, owner.uid, &object.spec.common, create, false)));
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

    use crate::cloud::lambda::Environment;

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
        assert_eq!(full.settings.environment, Some(Environment::default()));
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
        assert_eq!(
            refused(json!({ "code": { "inline": { "a": "x".repeat(204_801) } } }), &none),
            "InvalidCode: spec.code.inline: the files have 204801 bytes in all, 204800 are allowed; \
             put larger code into a ConfigMap"
        );
    }
}
