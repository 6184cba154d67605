//! The writes that a function needs.

use std::{collections::BTreeSet, fmt, time::Duration};

use crate::{
    cloud::{
        lambda::{CodeChange, CodeSource, ConfigurationChange, NewFunction, Settings},
        ownership::{PREFIX, Tags, adopts},
    },
    engine::{kind, references::Reference},
};

use super::{
    aspects,
    role::OwnedRole,
    settings,
    spec::{LambdaFunctionStatus, ManagedField},
};

/// Lambda takes a second or two to make a function ready, and to apply a change.
const BUSY: Duration = Duration::from_secs(2);

/// One write. Printed, it names environment variables without their values.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make or change the owned `InstanceRole`.
    ApplyRole(OwnedRole),
    /// Create the function.
    Create {
        /// The call.
        new: Box<NewFunction>,
        /// For an object in S3, the digest that tells it.
        source: Option<String>,
    },
    /// Set tags of the function, ownership tags among them.
    Tag {
        /// Name of the function.
        function: String,
        /// Its ARN.
        arn: String,
        /// What to set.
        tags: Tags,
    },
    /// Remove tags of the function.
    Untag {
        /// Name of the function.
        function: String,
        /// Its ARN.
        arn: String,
        /// What to remove.
        keys: BTreeSet<String>,
    },
    /// Change the function's configuration.
    Configure {
        /// The call.
        change: Box<ConfigurationChange>,
        /// The environment variables that come, go or change.
        variables: BTreeSet<String>,
    },
    /// Change the function's code, its instruction set, or both.
    Deploy {
        /// The call.
        change: CodeChange,
        /// For an object in S3, the digest that tells it.
        source: Option<String>,
    },
    /// Delete the function.
    Delete {
        /// Name of the function.
        function: String,
    },
    /// Delete an owned `InstanceRole` that the function does not use any more.
    DeleteRole {
        /// Which object.
        role: Reference,
        /// Its uid.
        uid: String,
    },
    /// Change what the function has beside code and configuration.
    Aspect(aspects::Step),
}

impl kind::Step for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::ApplyRole(_) => "RoleApplied",
            Self::Create { .. } => "Created",
            Self::Tag { tags, .. } => adopts(tags).unwrap_or("Tagged"),
            Self::Untag { .. } => "Untagged",
            Self::Configure { .. } => "ConfigurationUpdated",
            Self::Deploy { .. } => "CodeUpdated",
            Self::Delete { .. } => "Deleted",
            Self::DeleteRole { .. } => "RoleDeleted",
            Self::Aspect(step) => step.reason(),
        }
    }

    fn settles_after(&self) -> Duration {
        match self {
            Self::Create { .. } | Self::Configure { .. } | Self::Deploy { .. } => BUSY,
            _ => Duration::ZERO,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApplyRole(role) => {
                write!(f, "apply InstanceRole {}/{}", role.reference.namespace, role.reference.name)
            }
            Self::Create { new, .. } => write!(f, "create function {} ({})", new.name, what(new)),
            Self::Tag { function, tags, .. } => write!(f, "tag function {function}: {}", list(tags.keys())),
            Self::Untag { function, keys, .. } => write!(f, "remove tags of function {function}: {}", list(keys)),
            Self::Configure { change, variables } => {
                write!(
                    f,
                    "update the configuration of function {}: {}",
                    change.name,
                    fields(&change.settings, variables)
                )
            }
            Self::Deploy { change, .. } => {
                write!(f, "update the code of function {}{}", change.name, origin(&change.code))?;
                match &change.architecture {
                    Some(architecture) => write!(f, " for {architecture}"),
                    None => Ok(()),
                }
            }
            Self::Delete { function } => write!(f, "delete function {function}"),
            Self::DeleteRole { role, .. } => write!(f, "delete InstanceRole {}/{}", role.namespace, role.name),
            Self::Aspect(step) => step.fmt(f),
        }
    }
}

fn list<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn what(new: &NewFunction) -> String {
    let words = [new.settings.runtime.clone(), new.settings.handler.clone()];
    match &new.code {
        CodeSource::Image(uri) => uri.clone(),
        CodeSource::Zip(_) | CodeSource::S3 { .. } => words.into_iter().flatten().collect::<Vec<_>>().join(", "),
    }
}

fn origin(code: &CodeSource) -> String {
    match code {
        CodeSource::Zip(_) => String::new(),
        CodeSource::S3 { bucket, key, version } => {
            let version = version.as_ref().map(|version| format!(" version {version}")).unwrap_or_default();
            format!(" from s3://{bucket}/{key}{version}")
        }
        CodeSource::Image(uri) => format!(" from image {uri}"),
    }
}

fn fields(change: &Settings, variables: &BTreeSet<String>) -> String {
    let text = |field: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("{field} {}", if value.is_empty() { "none" } else { value }))
    };
    let number = |field: &str, value: Option<i32>| value.map(|value| format!("{field} {value}"));
    let ids = |ids: &BTreeSet<String>| list(ids);
    let vpc = change.vpc.as_ref().map(|vpc| {
        if vpc.subnets.is_empty() {
            return "vpc none".to_owned();
        }
        format!("vpc ({}; {})", ids(&vpc.subnets), ids(&vpc.security_groups))
    });
    let words = [
        change.description.as_ref().map(|_| "description".to_owned()),
        text("runtime", &change.runtime),
        text("handler", &change.handler),
        number("memorySize", change.memory_size),
        number("timeoutSeconds", change.timeout_seconds),
        number("ephemeralStorageSize", change.ephemeral_storage_size),
        change.layers.as_ref().map(|layers| format!("layers ({})", list(layers))),
        vpc,
        text("tracing", &change.tracing),
        change.logging.as_ref().map(|logging| format!("logging ({} to {})", logging.format, logging.group)),
        text("kmsKeyArn", &change.kms_key_arn),
        text("deadLetterTargetArn", &change.dead_letter_target_arn),
        change.file_systems.as_ref().map(|_| "fileSystems".to_owned()),
        change.image_config.as_ref().map(|_| "imageConfig".to_owned()),
        text("snapStart", &change.snap_start),
        text("executionRole", &change.role),
        change.environment.as_ref().map(|_| format!("env ({})", list(variables))),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Writes into the status what must be known after a crash in the middle of the step.
pub fn record(step: &Step, status: &mut LambdaFunctionStatus) {
    match step {
        Step::ApplyRole(role) => status.owned_role = Some(role.reference.name.clone()),
        Step::Create { new, .. } => {
            status.function_name = Some(new.name.clone());
            status.state = Some("Pending".to_owned());
            manage_tags(status, &new.tags);
            manage(status, &new.settings, new.architecture.as_ref(), new.source_kms_key_arn.as_ref());
            aspects::code_signing::record_creation(new, &mut status.aspects);
        }
        Step::Tag { tags, .. } => manage_tags(status, tags),
        Step::Configure { change, .. } => manage(status, &change.settings, None, None),
        Step::Deploy { change, .. } => {
            let none = Settings::default();
            manage(status, &none, change.architecture.as_ref(), change.source_kms_key_arn.as_ref());
        }
        Step::Delete { .. } => status.state = Some("Deleting".to_owned()),
        Step::Aspect(step) => step.record(&mut status.aspects),
        Step::Untag { .. } | Step::DeleteRole { .. } => {}
    }
}

fn manage(
    status: &mut LambdaFunctionStatus,
    settings: &Settings,
    architecture: Option<&String>,
    source_kms_key_arn: Option<&String>,
) {
    let mut fields: BTreeSet<_> = std::mem::take(&mut status.managed_fields).into_iter().collect();
    fields.extend(settings::given(settings));
    fields.extend(architecture.map(|_| ManagedField::Architecture));
    fields.extend(source_kms_key_arn.map(|_| ManagedField::SourceKmsKeyArn));
    status.managed_fields = fields.into_iter().collect();
}

fn manage_tags(status: &mut LambdaFunctionStatus, tags: &Tags) {
    let before = std::mem::take(&mut status.common.managed_tags);
    let keys: BTreeSet<String> = tags.keys().filter(|key| !key.starts_with(PREFIX)).cloned().chain(before).collect();
    status.common.managed_tags = keys.into_iter().collect();
}
