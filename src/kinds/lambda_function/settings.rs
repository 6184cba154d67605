//! Optional settings: what AWS has when nobody says anything, and which of them a call or a spec gives.

use crate::cloud::{
    lambda::{Environment, ImageConfig, LoggingConfig, Settings, VpcConfig},
    sensitive::Sensitive,
};

use super::spec::{self, ManagedField};

/// AWS's default architecture: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>.
pub const DEFAULT_ARCHITECTURE: &str = "x86_64";
/// In MB, in seconds, in MB, from the same page.
const DEFAULT_MEMORY: i32 = 128;
const DEFAULT_TIMEOUT: i32 = 3;
const DEFAULT_EPHEMERAL_STORAGE: i32 = 512;
const DEFAULT_TRACING: &str = "PassThrough";
const DEFAULT_SNAP_START: &str = "None";
/// The level of both kinds of log lines, with format JSON:
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>.
const DEFAULT_LOG_LEVEL: &str = "INFO";

/// Which optional settings are given.
pub fn given(settings: &Settings) -> Vec<ManagedField> {
    [
        (ManagedField::DeadLetterTargetArn, settings.dead_letter_target_arn.is_some()),
        (ManagedField::Description, settings.description.is_some()),
        (ManagedField::Env, settings.environment.is_some()),
        (ManagedField::EphemeralStorageSize, settings.ephemeral_storage_size.is_some()),
        (ManagedField::FileSystems, settings.file_systems.is_some()),
        (ManagedField::ImageConfig, settings.image_config.is_some()),
        (ManagedField::KmsKeyArn, settings.kms_key_arn.is_some()),
        (ManagedField::Layers, settings.layers.is_some()),
        (ManagedField::Logging, settings.logging.is_some()),
        (ManagedField::MemorySize, settings.memory_size.is_some()),
        (ManagedField::SnapStart, settings.snap_start.is_some()),
        (ManagedField::TimeoutSeconds, settings.timeout_seconds.is_some()),
        (ManagedField::Tracing, settings.tracing.is_some()),
        (ManagedField::Vpc, settings.vpc.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, given)| given.then_some(field))
    .collect()
}

/// AWS's defaults of these settings, for a function of this name.
pub fn defaults(fields: &[ManagedField], function: &str) -> Settings {
    let is = |field| fields.contains(&field);
    Settings {
        description: is(ManagedField::Description).then(String::new),
        memory_size: is(ManagedField::MemorySize).then_some(DEFAULT_MEMORY),
        timeout_seconds: is(ManagedField::TimeoutSeconds).then_some(DEFAULT_TIMEOUT),
        ephemeral_storage_size: is(ManagedField::EphemeralStorageSize).then_some(DEFAULT_EPHEMERAL_STORAGE),
        layers: is(ManagedField::Layers).then(Vec::new),
        environment: is(ManagedField::Env).then(Environment::default),
        vpc: is(ManagedField::Vpc).then(VpcConfig::default),
        tracing: is(ManagedField::Tracing).then(|| DEFAULT_TRACING.to_owned()),
        logging: is(ManagedField::Logging).then(|| LoggingConfig::of(function)),
        kms_key_arn: is(ManagedField::KmsKeyArn).then(String::new),
        dead_letter_target_arn: is(ManagedField::DeadLetterTargetArn).then(String::new),
        file_systems: is(ManagedField::FileSystems).then(Vec::new),
        image_config: is(ManagedField::ImageConfig).then(ImageConfig::default),
        snap_start: is(ManagedField::SnapStart).then(|| DEFAULT_SNAP_START.to_owned()),
        ..Settings::default()
    }
}

/// What is absent inside of `spec.logging` is AWS's default.
pub fn logging(wanted: &spec::Logging, function: &str) -> LoggingConfig {
    let format = wanted.format.unwrap_or(spec::LogFormat::Text);
    let level = |wanted: Option<&'static str>| {
        (format == spec::LogFormat::Json).then(|| wanted.unwrap_or(DEFAULT_LOG_LEVEL).to_owned())
    };
    LoggingConfig {
        format: format.as_str().to_owned(),
        application_level: level(wanted.application_log_level.map(spec::ApplicationLogLevel::as_str)),
        system_level: level(wanted.system_log_level.map(spec::SystemLogLevel::as_str)),
        group: wanted.log_group.clone().unwrap_or_else(|| LoggingConfig::of(function).group),
    }
}

/// The names of the variables in which two environments differ.
pub fn differing_variables(wanted: &Environment, observed: Option<&Environment>) -> std::collections::BTreeSet<String> {
    let none = Sensitive::default();
    let observed = observed.unwrap_or(&none);
    wanted.keys().chain(observed.keys()).filter(|key| wanted.get(*key) != observed.get(*key)).cloned().collect()
}
