//! Functions: one update at a time; states and revisions move on by themselves.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use privatelink_operator::cloud::{
    fault::Fault,
    lambda::{
        CodeChange, CodeSource, ConfigurationChange, Environment, Function, Functions, ImageConfig, LoggingConfig,
        NewFunction, PackageType, Settings, VpcConfig,
    },
    ownership::Tags,
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    super::{ACCOUNT, Answer, Model, REGION, State, refuse, replica::Lag},
    event_sources::is_mapping,
};

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

/// AWS's code and text for why something went as it did.
pub type Reason = (&'static str, &'static str);

/// A function with what goes on in it.
#[derive(Clone, Debug)]
pub struct FunctionRecord {
    /// Its configuration; state, update status and revision come from the phase.
    pub function: Function,
    /// Counts changes; half of the revision id.
    pub revision: u64,
    /// The state that it has come to, when that is not Active.
    pub state: Option<(&'static str, Reason)>,
    /// Why the last update failed.
    pub update_failure: Option<Reason>,
    phase: Phase,
}

impl FunctionRecord {
    /// What GetFunction shows.
    pub fn view(&self, now: Instant) -> Option<Function> {
        let mut function = self.function.clone();
        let done = if self.update_failure.is_some() { "Failed" } else { "Successful" };
        let (state, update, busy) = match self.phase {
            Phase::Creating(until) if now < until => ("Pending", "Successful", true),
            Phase::Updating(until) if now < until => ("Active", "InProgress", true),
            Phase::Deleting(until) if now < until => ("Deleting", "InProgress", true),
            Phase::Deleting(_) => return None,
            Phase::Creating(_) | Phase::Updating(_) => (self.state.map_or("Active", |(state, _)| state), done, false),
        };
        let reason = match (state, self.state) {
            ("Pending", _) => Some(("Creating", "The function is being created.")),
            (_, Some((own, reason))) if own == state => Some(reason),
            _ => None,
        };
        state.clone_into(&mut function.state);
        function.state_reason_code = reason.map(|(code, _)| code.to_owned());
        function.state_reason = reason.map(|(_, text)| text.to_owned());
        function.last_update_status = Some(update.to_owned());
        let failure = self.update_failure.filter(|_| update == "Failed");
        function.last_update_reason_code = failure.map(|(code, _)| code.to_owned());
        function.last_update_reason = failure.map(|(_, text)| text.to_owned());
        function.revision_id = format!("{:08x}-{}", self.revision, if busy { "busy" } else { "done" });
        Some(function)
    }

    /// Whether it was deleted.
    pub fn is_going(&self) -> bool {
        matches!(self.phase, Phase::Deleting(_))
    }

    /// Whether something is under way with it.
    pub fn busy(&self, now: Instant) -> bool {
        let (Phase::Creating(until) | Phase::Updating(until) | Phase::Deleting(until)) = self.phase;
        now < until
    }
}

/// Base64 of the SHA-256 of a deployment package.
pub fn code_sha256(zip: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(zip))
}

/// AWS's defaults: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>.
pub fn defaults(name: &str) -> Settings {
    Settings {
        description: Some(String::new()),
        runtime: Some(String::new()),
        handler: Some(String::new()),
        memory_size: Some(128),
        timeout_seconds: Some(3),
        ephemeral_storage_size: Some(512),
        layers: Some(Vec::new()),
        environment: Some(Environment::default()),
        vpc: Some(VpcConfig::default()),
        tracing: Some("PassThrough".to_owned()),
        logging: Some(LoggingConfig {
            format: "Text".to_owned(),
            application_level: None,
            system_level: None,
            group: format!("/aws/lambda/{name}"),
        }),
        kms_key_arn: Some(String::new()),
        dead_letter_target_arn: Some(String::new()),
        file_systems: Some(Vec::new()),
        image_config: Some(ImageConfig::default()),
        snap_start: Some("None".to_owned()),
        role: Some(String::new()),
    }
}

fn invalid<T>(message: impl Into<String>) -> Answer<T> {
    refuse("InvalidParameterValueException", message)
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
    let settings = &function.settings;
    if !settings.memory_size.is_some_and(|size| (128..=10_240).contains(&size)) {
        return invalid("'memorySize' failed to satisfy constraint.");
    }
    if !settings.timeout_seconds.is_some_and(|seconds| (1..=900).contains(&seconds)) {
        return invalid("'timeout' failed to satisfy constraint.");
    }
    let runtime = settings.runtime.as_deref().unwrap_or_default();
    let families = ["nodejs", "python", "provided", "java", "dotnet", "ruby"];
    let known = families.iter().any(|family| runtime.starts_with(family));
    if function.package_type == PackageType::Zip && !known {
        return invalid(format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set"
        ));
    }
    check_environment(settings.environment.as_ref().unwrap_or(&Environment::default()))
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
    /// A function that a write is about.
    pub fn function_target(&mut self, name: &str, now: Instant) -> Answer<FunctionRecord> {
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
        let before = record.function.clone();
        change(self, &mut record.function)?;
        record.update_failure = self.lambda.failing_updates;
        if record.update_failure.is_some() {
            record.function = before;
        }
        record.revision = self.number();
        record.phase = Phase::Updating(now + self.timing.function);
        let lag = self.timing.lag;
        self.lambda.functions.put(name, Some(record), lag);
        Ok(())
    }

    /// Makes the code part of the function.
    fn take_code(&self, function: &mut Function, code: &CodeSource) -> Answer<()> {
        if code.package_type() != function.package_type {
            return invalid("Please don't provide an ImageUri when updating a function with packageType Zip.");
        }
        match code {
            CodeSource::Zip(zip) => {
                check_zip(zip)?;
                function.code_sha256 = code_sha256(zip);
            }
            CodeSource::S3 { bucket, key, version } => {
                let Some(object) = self.s3.object(bucket, key, version.as_deref()) else {
                    return invalid(
                        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
                    );
                };
                check_zip(&object.content)?;
                function.code_sha256 = code_sha256(&object.content);
            }
            CodeSource::Image(uri) => {
                let digest = Sha256::digest(uri).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
                let repository = uri.split(['@', ':']).next().unwrap_or_default();
                function.resolved_image_uri = Some(format!("{repository}@sha256:{digest}"));
                function.image_uri = Some(uri.clone());
                function.code_sha256 = digest;
            }
        }
        Ok(())
    }

    /// Subnets and groups exist and are of one VPC.
    fn take_vpc(&self, function: &mut Function) -> Answer<()> {
        let vpc = function.settings.vpc.clone().unwrap_or_default();
        if vpc.subnets.is_empty() != vpc.security_groups.is_empty() {
            return invalid("SubnetIds and SecurityIds must coexist or be both empty list.");
        }
        let mut ids = BTreeSet::new();
        for id in &vpc.subnets {
            match self.ec2.subnets.get(id) {
                Some(subnet) => ids.insert(subnet.vpc_id.clone()),
                None => return invalid(format!("The subnet ID '{id}' does not exist")),
            };
        }
        for id in &vpc.security_groups {
            match self.ec2.groups.get(id) {
                Some(group) => ids.insert(group.vpc_id.clone()),
                None => return invalid(format!("The security group '{id}' does not exist")),
            };
        }
        if ids.len() > 1 {
            return invalid("Security Groups are required to be in the same VPC.");
        }
        function.vpc_id = ids.pop_first();
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
        self.lambda_read("GetFunction", |s, now| Ok(s.lambda.functions.read(name).and_then(|record| record.view(now))))
            .await
    }

    async fn functions(&self) -> Result<Vec<Function>, Fault> {
        self.lambda_read("ListFunctions", |s, now| {
            let records = s.lambda.functions.list();
            Ok(records
                .iter()
                .filter_map(|record| record.view(now))
                .map(|function| Function {
                    state: String::new(),
                    state_reason: None,
                    state_reason_code: None,
                    last_update_status: None,
                    last_update_reason: None,
                    last_update_reason_code: None,
                    image_uri: None,
                    resolved_image_uri: None,
                    source_kms_key_arn: String::new(),
                    tags: None,
                    ..function
                })
                .collect())
        })
        .await
    }

    async fn create_function(&self, new: &NewFunction) -> Result<Function, Fault> {
        let new = new.to_owned();
        self.lambda_write("CreateFunction", move |s, now| {
            if s.lambda.functions.current(&new.name).is_some_and(|record| record.view(now).is_some()) {
                return refuse("ResourceConflictException", format!("Function already exist: {}", new.name));
            }
            if new.name.is_empty() || new.name.len() > 64 {
                return refuse("ValidationException", "Value at 'functionName' failed to satisfy constraint.");
            }
            let mut function = Function {
                name: new.name.clone(),
                arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", new.name),
                settings: new.settings.clone().or(defaults(&new.name)),
                architecture: new.architecture.clone().unwrap_or_else(|| "x86_64".to_owned()),
                package_type: new.code.package_type(),
                source_kms_key_arn: new.source_kms_key_arn.clone().unwrap_or_default(),
                tags: Some(new.tags.clone()),
                ..Function::default()
            };
            check_configuration(&function)?;
            s.take_code(&mut function, &new.code)?;
            s.take_vpc(&mut function)?;
            s.check_role(function.settings.role.as_deref().unwrap_or_default(), now)?;
            let record = FunctionRecord {
                function,
                revision: s.number(),
                state: s.lambda.failing_creations.map(|reason| ("Failed", reason)),
                update_failure: None,
                phase: Phase::Creating(now + s.timing.function),
            };
            let answer = record.view(now).unwrap_or_default();
            let lag = s.timing.lag;
            s.lambda.functions.put(&new.name, Some(record), lag);
            s.lambda.aspects.code_signing.put(&new.name, new.code_signing_config_arn.clone(), lag);
            Ok(answer)
        })
        .await
    }

    async fn update_configuration(&self, change: &ConfigurationChange) -> Result<(), Fault> {
        let change = change.to_owned();
        self.lambda_write("UpdateFunctionConfiguration", move |s, now| {
            s.update_function(&change.name, &change.revision_id, now, |s, function| {
                if let Some(role) = &change.settings.role {
                    s.check_role(role, now)?;
                }
                function.settings = change.settings.clone().or(function.settings.clone());
                s.take_vpc(function)?;
                check_configuration(function)
            })
        })
        .await
    }

    async fn update_code(&self, change: &CodeChange) -> Result<String, Fault> {
        let change = change.to_owned();
        self.lambda_write("UpdateFunctionCode", move |s, now| {
            let mut code_sha256 = String::new();
            s.update_function(&change.name, &change.revision_id, now, |s, function| {
                s.take_code(function, &change.code)?;
                if let Some(architecture) = &change.architecture {
                    function.architecture.clone_from(architecture);
                }
                if let Some(key) = &change.source_kms_key_arn {
                    function.source_kms_key_arn.clone_from(key);
                }
                code_sha256.clone_from(&function.code_sha256);
                Ok(())
            })?;
            Ok(code_sha256)
        })
        .await
    }

    async fn delete_function(&self, name: &str) -> Result<(), Fault> {
        let name = name.to_owned();
        let answer = self
            .lambda_write("DeleteFunction", move |s, now| {
                let mut record = s.function_target(&name, now)?;
                record.phase = Phase::Deleting(now + s.timing.function_deleting);
                let lag = s.timing.lag;
                s.lambda.functions.put(&name, Some(record), lag);
                s.lambda.aspects.drop_all(&name);
                Ok(())
            })
            .await;
        match answer {
            Err(fault) if fault.is(&["ResourceNotFoundException"]) => Ok(()),
            other => other,
        }
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), Fault> {
        let arn = arn.to_owned();
        let tags = tags.to_owned();
        self.lambda_write("TagResource", move |s, now| {
            if is_mapping(&arn) {
                return s.tag_mapping(&arn, &tags, now);
            }
            s.change_function_tags(&arn, now, |have| have.extend(tags.clone()))
        })
        .await
    }

    async fn untag(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let arn = arn.to_owned();
        let keys = keys.to_owned();
        self.lambda_write("UntagResource", move |s, now| {
            s.change_function_tags(&arn, now, |have| have.retain(|key, _| !keys.contains(key)))
        })
        .await
    }
}

impl Model {
    /// Somebody else changes a function.
    pub fn change_function(&self, name: &str, change: impl FnOnce(&mut Function)) {
        let mut state = self.state();
        let Some(mut record) = state.lambda.functions.current(name).cloned() else { return };
        change(&mut record.function);
        record.revision = state.number();
        state.lambda.functions.put(name, Some(record), Lag::NONE);
    }

    /// AWS puts a function into a state; `None` is Active.
    pub fn put_function_into(&self, name: &str, to: Option<(&'static str, Reason)>) {
        let mut state = self.state();
        let Some(mut record) = state.lambda.functions.current(name).cloned() else { return };
        record.state = to;
        record.revision = state.number();
        state.lambda.functions.put(name, Some(record), Lag::NONE);
    }

    /// The only function that there is, as it was last written.
    pub fn only_function(&self) -> Function {
        let state = self.state();
        let functions: Vec<_> = state.lambda.functions.all().filter(|(_, f)| !f.is_going()).collect();
        match functions[..] {
            [(_, record)] => record.function.clone(),
            ref other => panic!("{} functions", other.len()),
        }
    }
}
