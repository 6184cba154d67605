//! Between the port's records and AWS's shapes.

use aws_sdk_lambda::{
    operation::create_function::CreateFunctionOutput,
    primitives::Blob,
    types::{
        self, ApplicationLogLevel, Architecture, DeadLetterConfig, EphemeralStorage, FunctionCode,
        FunctionConfiguration, LogFormat, SnapStart, SnapStartApplyOn, SystemLogLevel, TracingConfig, TracingMode,
    },
};

use crate::cloud::{
    lambda::{
        CodeSource, Environment, FileSystemConfig, Function, ImageConfig, LoggingConfig, PackageType, Settings,
        VpcConfig,
    },
    sensitive::Sensitive,
};

pub fn architectures(architecture: Option<&str>) -> Option<Vec<Architecture>> {
    architecture.map(|architecture| vec![Architecture::from(architecture)])
}

pub fn code(source: &CodeSource, source_kms_key_arn: Option<&str>) -> FunctionCode {
    let code = FunctionCode::builder().set_source_kms_key_arn(source_kms_key_arn.map(str::to_owned));
    match source {
        CodeSource::Zip(zip) => code.zip_file(Blob::new(zip.0.clone())),
        CodeSource::S3 { bucket, key, version } => {
            code.s3_bucket(bucket).s3_key(key).set_s3_object_version(version.clone())
        }
        CodeSource::Image(uri) => code.image_uri(uri),
    }
    .build()
}

/// `None` never: the size is given.
pub fn ephemeral_storage(size: i32) -> Option<EphemeralStorage> {
    EphemeralStorage::builder().size(size).build().ok()
}

pub fn environment(environment: Environment) -> types::Environment {
    types::Environment::builder().set_variables(Some(environment.0.into_iter().collect())).build()
}

pub fn vpc(vpc: VpcConfig) -> types::VpcConfig {
    types::VpcConfig::builder()
        .set_subnet_ids(Some(vpc.subnets.into_iter().collect()))
        .set_security_group_ids(Some(vpc.security_groups.into_iter().collect()))
        .ipv6_allowed_for_dual_stack(vpc.ipv6_allowed_for_dual_stack)
        .build()
}

pub fn tracing(mode: &str) -> TracingConfig {
    TracingConfig::builder().mode(TracingMode::from(mode)).build()
}

pub fn logging(logging: LoggingConfig) -> types::LoggingConfig {
    types::LoggingConfig::builder()
        .log_format(LogFormat::from(logging.format.as_str()))
        .set_application_log_level(logging.application_level.as_deref().map(ApplicationLogLevel::from))
        .set_system_log_level(logging.system_level.as_deref().map(SystemLogLevel::from))
        .log_group(logging.group)
        .build()
}

pub fn dead_letter(target_arn: String) -> DeadLetterConfig {
    DeadLetterConfig::builder().target_arn(target_arn).build()
}

pub fn file_systems(file_systems: Vec<FileSystemConfig>) -> Vec<types::FileSystemConfig> {
    let wire = |file_system: FileSystemConfig| {
        types::FileSystemConfig::builder().arn(file_system.arn).local_mount_path(file_system.local_mount_path).build()
    };
    file_systems.into_iter().filter_map(|file_system| wire(file_system).ok()).collect()
}

/// What is empty is left out, since AWS takes what is left out from the image.
pub fn image_config(config: ImageConfig) -> types::ImageConfig {
    let list = |words: Vec<String>| (!words.is_empty()).then_some(words);
    types::ImageConfig::builder()
        .set_entry_point(list(config.entry_point))
        .set_command(list(config.command))
        .set_working_directory((!config.working_directory.is_empty()).then_some(config.working_directory))
        .build()
}

pub fn snap_start(apply_on: &str) -> SnapStart {
    SnapStart::builder().apply_on(SnapStartApplyOn::from(apply_on)).build()
}

/// The SDK has two types with the same fields for a function.
macro_rules! function {
    ($from:expr) => {{
        let from = $from;
        let name = from.function_name.unwrap_or_default();
        let (environment, environment_hidden) = observed_environment(from.environment);
        let (image_config, image_config_hidden) = observed_image_config(from.image_config_response);
        Function {
            settings: Settings {
                description: Some(from.description.unwrap_or_default()),
                runtime: Some(from.runtime.map(|runtime| runtime.as_str().to_owned()).unwrap_or_default()),
                handler: Some(from.handler.unwrap_or_default()),
                memory_size: from.memory_size,
                timeout_seconds: from.timeout,
                ephemeral_storage_size: from.ephemeral_storage.map(|storage| storage.size),
                layers: Some(from.layers.into_iter().flatten().filter_map(|layer| layer.arn).collect()),
                environment,
                vpc: Some(observed_vpc(from.vpc_config.as_ref())),
                tracing: Some(text(
                    from.tracing_config.and_then(|config| config.mode).as_ref(),
                    TracingMode::as_str,
                    "PassThrough",
                )),
                logging: Some(observed_logging(from.logging_config, &name)),
                kms_key_arn: Some(from.kms_key_arn.unwrap_or_default()),
                dead_letter_target_arn: Some(
                    from.dead_letter_config.and_then(|config| config.target_arn).unwrap_or_default(),
                ),
                file_systems: Some(observed_file_systems(from.file_system_configs)),
                image_config,
                snap_start: Some(text(
                    from.snap_start.and_then(|s| s.apply_on).as_ref(),
                    SnapStartApplyOn::as_str,
                    "None",
                )),
                role: Some(from.role.unwrap_or_default()),
            },
            hidden: environment_hidden.or(image_config_hidden),
            name,
            arn: from.function_arn.unwrap_or_default(),
            state: from.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            state_reason: from.state_reason,
            state_reason_code: from.state_reason_code.map(|code| code.as_str().to_owned()),
            last_update_status: from.last_update_status.map(|status| status.as_str().to_owned()),
            last_update_reason: from.last_update_status_reason,
            last_update_reason_code: from.last_update_status_reason_code.map(|code| code.as_str().to_owned()),
            architecture: from
                .architectures
                .and_then(|architectures| Some(architectures.first()?.as_str().to_owned()))
                .unwrap_or_default(),
            package_type: match from.package_type {
                Some(types::PackageType::Image) => PackageType::Image,
                _ => PackageType::Zip,
            },
            code_sha256: from.code_sha256.unwrap_or_default(),
            image_uri: None,
            resolved_image_uri: None,
            source_kms_key_arn: String::new(),
            vpc_id: from.vpc_config.and_then(|vpc| vpc.vpc_id).filter(|id| !id.is_empty()),
            revision_id: from.revision_id.unwrap_or_default(),
            tags: None,
            reserved_concurrency: None,
        }
    }};
}

pub fn observed(from: FunctionConfiguration) -> Function {
    function!(from)
}

pub fn created(from: CreateFunctionOutput) -> Function {
    function!(from)
}

/// Without the environment, which may be any team's and is of no use to a sweep.
pub fn listed(mut from: FunctionConfiguration) -> Function {
    from.environment = None;
    observed(from)
}

fn text<T>(word: Option<&T>, as_str: fn(&T) -> &str, default: &str) -> String {
    word.map_or(default, as_str).to_owned()
}

/// The variables, or why AWS cannot show them.
fn observed_environment(from: Option<types::EnvironmentResponse>) -> (Option<Environment>, Option<String>) {
    let Some(from) = from else { return (Some(Environment::default()), None) };
    match from.error {
        Some(error) => (None, Some(hidden(error.error_code, error.message.as_deref()))),
        None => (Some(Sensitive(from.variables.into_iter().flatten().collect())), None),
    }
}

fn observed_image_config(from: Option<types::ImageConfigResponse>) -> (Option<ImageConfig>, Option<String>) {
    let Some(from) = from else { return (Some(ImageConfig::default()), None) };
    if let Some(error) = from.error {
        return (None, Some(hidden(error.error_code, error.message.as_deref())));
    }
    let config = from.image_config.map(|config| ImageConfig {
        entry_point: config.entry_point.unwrap_or_default(),
        command: config.command.unwrap_or_default(),
        working_directory: config.working_directory.unwrap_or_default(),
    });
    (Some(config.unwrap_or_default()), None)
}

fn hidden(code: Option<String>, message: Option<&str>) -> String {
    let code = code.unwrap_or_default();
    message.map_or(code.clone(), |message| format!("{code}: {message}"))
}

fn observed_vpc(from: Option<&types::VpcConfigResponse>) -> VpcConfig {
    let ids = |ids: Option<&Vec<String>>| ids.into_iter().flatten().cloned().collect();
    from.map_or_else(VpcConfig::default, |vpc| VpcConfig {
        subnets: ids(vpc.subnet_ids.as_ref()),
        security_groups: ids(vpc.security_group_ids.as_ref()),
        ipv6_allowed_for_dual_stack: vpc.ipv6_allowed_for_dual_stack.unwrap_or_default(),
    })
}

/// A service that shows no logging has AWS's default.
fn observed_logging(from: Option<types::LoggingConfig>, function: &str) -> LoggingConfig {
    let default = LoggingConfig::of(function);
    let Some(from) = from else { return default };
    LoggingConfig {
        format: from.log_format.map_or(default.format, |format| format.as_str().to_owned()),
        application_level: from.application_log_level.map(|level| level.as_str().to_owned()),
        system_level: from.system_log_level.map(|level| level.as_str().to_owned()),
        group: from.log_group.unwrap_or(default.group),
    }
}

fn observed_file_systems(from: Option<Vec<types::FileSystemConfig>>) -> Vec<FileSystemConfig> {
    let observed =
        |from: types::FileSystemConfig| FileSystemConfig { arn: from.arn, local_mount_path: from.local_mount_path };
    from.into_iter().flatten().map(observed).collect()
}
