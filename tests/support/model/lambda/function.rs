//! Functions: one update at a time; states and revisions move on by themselves.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use privatelink_operator::cloud::{
    fault::Fault,
    lambda::{CodeChange, ConfigurationChange, Environment, Function, Functions, NewFunction},
    ownership::Tags,
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::super::{ACCOUNT, Answer, Model, REGION, State, refuse};

/// Environment variables in all: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const ENVIRONMENT_BYTES: usize = 4096;
/// Keys that belong to Lambda: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
const RESERVED: &[&str] = &["AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "AWS_ACCESS_KEY_ID", "_HANDLER"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Creating(Instant),
    Updating(Instant),
    Deleting(Instant),
}

/// A function with what goes on in it.
#[derive(Clone, Debug)]
pub struct FunctionRecord {
    /// Its configuration; state, update status and revision come from the phase.
    pub function: Function,
    /// Counts changes; half of the revision id.
    pub revision: u64,
    phase: Phase,
}

impl FunctionRecord {
    /// What GetFunction shows.
    fn view(&self, now: Instant) -> Option<Function> {
        let mut function = self.function.clone();
        let (state, update, busy) = match self.phase {
            Phase::Creating(until) if now < until => ("Pending", "Successful", true),
            Phase::Updating(until) if now < until => ("Active", "InProgress", true),
            Phase::Deleting(until) if now < until => ("Deleting", "InProgress", true),
            Phase::Deleting(_) => return None,
            Phase::Creating(_) | Phase::Updating(_) => ("Active", "Successful", false),
        };
        state.clone_into(&mut function.state);
        function.last_update_status = Some(update.to_owned());
        if state == "Pending" {
            function.state_reason = Some("The function is being created.".to_owned());
            function.state_reason_code = Some("Creating".to_owned());
        }
        function.revision_id = format!("{:08x}-{}", self.revision, if busy { "busy" } else { "done" });
        Some(function)
    }

    /// Whether it was deleted.
    pub fn is_going(&self) -> bool {
        matches!(self.phase, Phase::Deleting(_))
    }

    fn busy(&self, now: Instant) -> bool {
        let (Phase::Creating(until) | Phase::Updating(until) | Phase::Deleting(until)) = self.phase;
        now < until
    }
}

/// Base64 of the SHA-256 of a deployment package.
pub fn code_sha256(zip: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(zip))
}

fn check_environment(environment: &Environment) -> Answer<()> {
    let bytes: usize = environment.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > ENVIRONMENT_BYTES {
        return refuse(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.",
        );
    }
    if let Some(key) = environment.keys().find(|key| RESERVED.contains(&key.as_str())) {
        return refuse(
            "InvalidParameterValueException",
            format!(
                "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {key}"
            ),
        );
    }
    Ok(())
}

fn check_configuration(function: &Function) -> Answer<()> {
    if !(128..=10_240).contains(&function.memory_size) {
        return refuse("InvalidParameterValueException", "'memorySize' failed to satisfy constraint.");
    }
    if !(1..=900).contains(&function.timeout_seconds) {
        return refuse("InvalidParameterValueException", "'timeout' failed to satisfy constraint.");
    }
    let runtime = function.runtime.as_deref().unwrap_or_default();
    if !["nodejs", "python", "provided", "java", "dotnet", "ruby"].iter().any(|family| runtime.starts_with(family)) {
        return refuse(
            "InvalidParameterValueException",
            format!("Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set"),
        );
    }
    check_environment(&function.environment)
}

fn check_zip(zip: &[u8]) -> Answer<()> {
    if zip.starts_with(b"PK") {
        return Ok(());
    }
    refuse(
        "InvalidParameterValueException",
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    )
}

impl State {
    fn function_target(&mut self, name: &str, now: Instant) -> Answer<FunctionRecord> {
        match self.lambda.functions.target(name).filter(|record| record.view(now).is_some()) {
            Some(record) => Ok(record),
            None => refuse(
                "ResourceNotFoundException",
                format!("Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"),
            ),
        }
    }

    fn update_function(
        &mut self,
        name: &str,
        revision_id: &str,
        now: Instant,
        change: impl FnOnce(&mut Self, &mut Function) -> Answer<()>,
    ) -> Answer<()> {
        let mut record = self.function_target(name, now)?;
        if record.busy(now) {
            return refuse(
                "ResourceConflictException",
                format!(
                    "The operation cannot be performed at this time. An update is in progress for resource: {}",
                    record.function.arn
                ),
            );
        }
        let current = record.view(now).map(|f| f.revision_id).unwrap_or_default();
        if !revision_id.is_empty() && revision_id != current {
            return refuse(
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
            );
        }
        change(self, &mut record.function)?;
        record.revision = self.number();
        record.phase = Phase::Updating(now + self.timing.function);
        let lag = self.timing.lag;
        self.lambda.functions.put(name, Some(record), lag);
        Ok(())
    }

    fn check_role(&self, arn: &str, now: Instant) -> Answer<()> {
        if self.can_assume(arn, "lambda.amazonaws.com", now) {
            return Ok(());
        }
        refuse("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
    }

    fn change_function_tags(&mut self, arn: &str, now: Instant, change: impl FnOnce(&mut Tags)) -> Answer<()> {
        let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
        let mut record = self.function_target(&name, now)?;
        change(record.function.tags.get_or_insert_default());
        record.revision = self.number();
        let lag = self.timing.lag;
        self.lambda.functions.put(&name, Some(record), lag);
        Ok(())
    }
}

#[async_trait]
impl Functions for Model {
    async fn function(&self, name: &str) -> Result<Option<Function>, Fault> {
        self.lambda_call("GetFunction", false, |s, now| {
            Ok(s.lambda.functions.read(name).and_then(|record| record.view(now)))
        })
        .await
    }

    async fn functions(&self) -> Result<Vec<Function>, Fault> {
        self.lambda_call("ListFunctions", false, |s, now| {
            let records = s.lambda.functions.list();
            Ok(records
                .iter()
                .filter_map(|record| record.view(now))
                .map(|function| Function {
                    state: String::new(),
                    state_reason: None,
                    state_reason_code: None,
                    last_update_status: None,
                    tags: None,
                    ..function
                })
                .collect())
        })
        .await
    }

    async fn create_function(&self, new: &NewFunction) -> Result<Function, Fault> {
        self.lambda_call("CreateFunction", true, |s, now| {
            if s.lambda.functions.current(&new.name).is_some_and(|record| record.view(now).is_some()) {
                return refuse("ResourceConflictException", format!("Function already exist: {}", new.name));
            }
            if new.name.is_empty() || new.name.len() > 64 {
                return refuse("ValidationException", "Value at 'functionName' failed to satisfy constraint.");
            }
            let function = Function {
                name: new.name.clone(),
                arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", new.name),
                runtime: Some(new.runtime.clone()),
                handler: Some(new.handler.clone()),
                architecture: new.architecture.clone().unwrap_or_else(|| "x86_64".to_owned()),
                memory_size: new.memory_size.unwrap_or(128),
                timeout_seconds: new.timeout_seconds.unwrap_or(3),
                environment: new.environment.clone().unwrap_or_default(),
                role: new.role.clone(),
                code_sha256: code_sha256(&new.zip),
                tags: Some(new.tags.clone()),
                ..Function::default()
            };
            check_configuration(&function)?;
            check_zip(&new.zip)?;
            s.check_role(&new.role, now)?;
            let record =
                FunctionRecord { function, revision: s.number(), phase: Phase::Creating(now + s.timing.function) };
            let answer = record.view(now).unwrap_or_default();
            let lag = s.timing.lag;
            s.lambda.functions.put(&new.name, Some(record), lag);
            Ok(answer)
        })
        .await
    }

    async fn update_configuration(&self, change: &ConfigurationChange) -> Result<(), Fault> {
        self.lambda_call("UpdateFunctionConfiguration", true, |s, now| {
            s.update_function(&change.name, &change.revision_id, now, |s, function| {
                if let Some(role) = &change.role {
                    s.check_role(role, now)?;
                    function.role.clone_from(role);
                }
                function.runtime = change.runtime.clone().or(function.runtime.take());
                function.handler = change.handler.clone().or(function.handler.take());
                function.memory_size = change.memory_size.unwrap_or(function.memory_size);
                function.timeout_seconds = change.timeout_seconds.unwrap_or(function.timeout_seconds);
                if let Some(environment) = &change.environment {
                    function.environment = environment.clone();
                }
                check_configuration(function)
            })
        })
        .await
    }

    async fn update_code(&self, change: &CodeChange) -> Result<(), Fault> {
        self.lambda_call("UpdateFunctionCode", true, |s, now| {
            s.update_function(&change.name, &change.revision_id, now, |_, function| {
                check_zip(&change.zip)?;
                function.code_sha256 = code_sha256(&change.zip);
                if let Some(architecture) = &change.architecture {
                    function.architecture.clone_from(architecture);
                }
                Ok(())
            })
        })
        .await
    }

    async fn delete_function(&self, name: &str) -> Result<(), Fault> {
        let answer = self
            .lambda_call("DeleteFunction", true, |s, now| {
                let mut record = s.function_target(name, now)?;
                record.phase = Phase::Deleting(now + s.timing.function_deleting);
                let lag = s.timing.lag;
                s.lambda.functions.put(name, Some(record), lag);
                Ok(())
            })
            .await;
        match answer {
            Err(fault) if fault.is(&["ResourceNotFoundException"]) => Ok(()),
            other => other,
        }
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), Fault> {
        self.lambda_call("TagResource", true, |s, now| {
            s.change_function_tags(arn, now, |have| have.extend(tags.clone()))
        })
        .await
    }

    async fn untag(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        self.lambda_call("UntagResource", true, |s, now| {
            s.change_function_tags(arn, now, |have| have.retain(|key, _| !keys.contains(key)))
        })
        .await
    }
}
