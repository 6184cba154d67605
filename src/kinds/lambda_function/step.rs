//! The writes that a function needs.

use std::{collections::BTreeSet, fmt};

use crate::{
    cloud::{
        lambda::{CodeChange, ConfigurationChange, NewFunction},
        ownership::{PREFIX, Tags},
    },
    engine::{kind, references::Reference},
};

use super::{
    role::OwnedRole,
    spec::{LambdaFunctionStatus, ManagedField},
};

/// One write. Printed, it names environment variables without their values.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make or change the owned `InstanceRole`.
    ApplyRole(OwnedRole),
    /// Create the function.
    Create(Box<NewFunction>),
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
        change: ConfigurationChange,
        /// The environment variables that come, go or change.
        variables: BTreeSet<String>,
    },
    /// Change the function's code, its instruction set, or both.
    Deploy(CodeChange),
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
}

impl kind::Step for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::ApplyRole(_) => "RoleApplied",
            Self::Create(_) => "Created",
            Self::Tag { .. } => "Tagged",
            Self::Untag { .. } => "Untagged",
            Self::Configure { .. } => "ConfigurationUpdated",
            Self::Deploy(_) => "CodeUpdated",
            Self::Delete { .. } => "Deleted",
            Self::DeleteRole { .. } => "RoleDeleted",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApplyRole(role) => {
                write!(f, "apply InstanceRole {}/{}", role.reference.namespace, role.reference.name)
            }
            Self::Create(new) => write!(f, "create function {} ({}, {})", new.name, new.runtime, new.handler),
            Self::Tag { function, tags, .. } => write!(f, "tag function {function}: {}", list(tags.keys())),
            Self::Untag { function, keys, .. } => write!(f, "remove tags of function {function}: {}", list(keys)),
            Self::Configure { change, variables } => {
                write!(f, "update the configuration of function {}: {}", change.name, fields(change, variables))
            }
            Self::Deploy(change) => match &change.architecture {
                Some(architecture) => write!(f, "update the code of function {} for {architecture}", change.name),
                None => write!(f, "update the code of function {}", change.name),
            },
            Self::Delete { function } => write!(f, "delete function {function}"),
            Self::DeleteRole { role, .. } => write!(f, "delete InstanceRole {}/{}", role.namespace, role.name),
        }
    }
}

fn list<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn fields(change: &ConfigurationChange, variables: &BTreeSet<String>) -> String {
    let env = change.environment.as_ref().map(|_| format!("env ({})", list(variables)));
    let words = [
        change.runtime.as_ref().map(|runtime| format!("runtime {runtime}")),
        change.handler.as_ref().map(|handler| format!("handler {handler}")),
        change.memory_size.map(|size| format!("memorySize {size}")),
        change.timeout_seconds.map(|seconds| format!("timeoutSeconds {seconds}")),
        change.role.as_ref().map(|role| format!("executionRole {role}")),
        env,
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Writes into the status what must be known after a crash in the middle of the step.
pub fn record(step: &Step, status: &mut LambdaFunctionStatus) {
    match step {
        Step::ApplyRole(role) => status.owned_role = Some(role.reference.name.clone()),
        Step::Create(new) => {
            status.function_name = Some(new.name.clone());
            status.state = Some("Pending".to_owned());
            manage_tags(status, &new.tags);
            manage(status, ManagedField::Architecture, new.architecture.is_some());
            manage(status, ManagedField::Env, new.environment.is_some());
            manage(status, ManagedField::MemorySize, new.memory_size.is_some());
            manage(status, ManagedField::TimeoutSeconds, new.timeout_seconds.is_some());
        }
        Step::Tag { tags, .. } => manage_tags(status, tags),
        Step::Configure { change, .. } => {
            manage(status, ManagedField::Env, change.environment.is_some());
            manage(status, ManagedField::MemorySize, change.memory_size.is_some());
            manage(status, ManagedField::TimeoutSeconds, change.timeout_seconds.is_some());
        }
        Step::Deploy(change) => manage(status, ManagedField::Architecture, change.architecture.is_some()),
        Step::Delete { .. } => status.state = Some("Deleting".to_owned()),
        Step::Untag { .. } | Step::DeleteRole { .. } => {}
    }
}

fn manage(status: &mut LambdaFunctionStatus, field: ManagedField, set: bool) {
    if set && !status.managed_fields.contains(&field) {
        status.managed_fields.push(field);
        status.managed_fields.sort();
    }
}

fn manage_tags(status: &mut LambdaFunctionStatus, tags: &Tags) {
    let before = std::mem::take(&mut status.common.managed_tags);
    let keys: BTreeSet<String> = tags.keys().filter(|key| !key.starts_with(PREFIX)).cloned().chain(before).collect();
    status.common.managed_tags = keys.into_iter().collect();
}
