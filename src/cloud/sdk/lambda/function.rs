//! The port [`Functions`]. Nothing here is logged: GetFunction answers with a presigned address of the code and with
//! the environment's values.

pub mod wire;

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_lambda::{
    primitives::Blob,
    types::{self, FunctionCodeLocation},
};

use crate::cloud::{
    fault::Fault,
    lambda::{CodeChange, CodeSource, ConfigurationChange, Function, Functions, NewFunction, PackageType},
    operation::Operation,
    ownership::Tags,
};

use super::{
    super::call::{each, refused, unless_empty, unless_gone, unusable},
    GONE, SdkLambda,
};

/// CreateFunction and UpdateFunctionConfiguration take the same settings by builders of two types.
macro_rules! with_settings {
    ($call:expr, $settings:expr) => {
        $call
            .set_description($settings.description)
            .set_runtime($settings.runtime.map(|runtime| types::Runtime::from(runtime.as_str())))
            .set_handler($settings.handler)
            .set_memory_size($settings.memory_size)
            .set_timeout($settings.timeout_seconds)
            .set_ephemeral_storage($settings.ephemeral_storage_size.and_then(wire::ephemeral_storage))
            .set_layers($settings.layers)
            .set_environment($settings.environment.map(wire::environment))
            .set_vpc_config($settings.vpc.map(wire::vpc))
            .set_tracing_config($settings.tracing.as_deref().map(wire::tracing))
            .set_logging_config($settings.logging.map(wire::logging))
            .set_kms_key_arn($settings.kms_key_arn)
            .set_dead_letter_config($settings.dead_letter_target_arn.map(wire::dead_letter))
            .set_file_system_configs($settings.file_systems.map(wire::file_systems))
            .set_image_config($settings.image_config.map(wire::image_config))
            .set_snap_start($settings.snap_start.as_deref().map(wire::snap_start))
            .set_role($settings.role)
    };
}

/// More are not answered: <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>.
const PAGE: i32 = 50;

#[async_trait]
impl Functions for SdkLambda {
    async fn function(&self, name: &str) -> Result<Option<Function>, Fault> {
        const OPERATION: Operation = Operation::GetFunction;
        let call = self.reads.get_function().function_name(name);
        let Some(answer) = unless_gone(self.caller.run(OPERATION, call.send()).await, GONE)? else { return Ok(None) };
        // Tags that may not be read are not the same as none: whose function it is would be guessed.
        if let Some(error) = answer.tags_error {
            return Err(refused(OPERATION, &error.error_code, &error.message));
        }
        let Some(configuration) = answer.configuration else {
            return Err(unusable(OPERATION, "no configuration in it"));
        };
        let tags = answer.tags.unwrap_or_default().into_iter().collect();
        let code = answer.code.unwrap_or_else(|| FunctionCodeLocation::builder().build());
        let reserved_concurrency =
            answer.concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions);
        Ok(Some(Function {
            tags: Some(tags),
            reserved_concurrency,
            image_uri: code.image_uri,
            resolved_image_uri: code.resolved_image_uri,
            source_kms_key_arn: code.source_kms_key_arn.unwrap_or_default(),
            ..wire::observed(configuration)
        }))
    }

    async fn functions(&self) -> Result<Vec<Function>, Fault> {
        let call = self.reads.list_functions().max_items(PAGE);
        self.caller
            .pages(
                Operation::ListFunctions,
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(page.functions, wire::listed), page.next_marker),
            )
            .await
    }

    async fn create_function(&self, new: &NewFunction) -> Result<Function, Fault> {
        let settings = new.settings.clone();
        let call = self
            .uploads
            .create_function()
            .function_name(&new.name)
            .package_type(match new.code.package_type() {
                PackageType::Zip => types::PackageType::Zip,
                PackageType::Image => types::PackageType::Image,
            })
            .code(wire::code(&new.code, new.source_kms_key_arn.as_deref()))
            .publish(false)
            .set_architectures(wire::architectures(new.architecture.as_deref()))
            .set_code_signing_config_arn(new.code_signing_config_arn.clone())
            .set_tags(Some(new.tags.clone().into_iter().collect()));
        let answer = self.caller.run(Operation::CreateFunction, with_settings!(call, settings).send()).await?;
        Ok(Function { tags: Some(new.tags.clone()), ..wire::created(answer) })
    }

    async fn update_configuration(&self, change: &ConfigurationChange) -> Result<(), Fault> {
        let settings = change.settings.clone();
        let call =
            self.writes.update_function_configuration().function_name(&change.name).revision_id(&change.revision_id);
        self.caller.run(Operation::UpdateFunctionConfiguration, with_settings!(call, settings).send()).await.map(drop)
    }

    async fn update_code(&self, change: &CodeChange) -> Result<String, Fault> {
        let call = self
            .uploads
            .update_function_code()
            .function_name(&change.name)
            .revision_id(&change.revision_id)
            .publish(false)
            .set_source_kms_key_arn(change.source_kms_key_arn.clone())
            .set_architectures(wire::architectures(Some(
                change.architecture.as_ref().unwrap_or(&change.current_architecture),
            )));
        let call = match &change.code {
            CodeSource::Zip(zip) => call.zip_file(Blob::new(zip.0.clone())),
            CodeSource::S3 { bucket, key, version } => {
                call.s3_bucket(bucket).s3_key(key).set_s3_object_version(version.clone())
            }
            CodeSource::Image(uri) => call.image_uri(uri),
        };
        let answer = self.caller.run(Operation::UpdateFunctionCode, call.send()).await?;
        Ok(answer.code_sha256.unwrap_or_default())
    }

    async fn delete_function(&self, name: &str) -> Result<(), Fault> {
        let call = self.writes.delete_function().function_name(name);
        unless_gone(self.caller.run(Operation::DeleteFunction, call.send()).await, GONE).map(drop)
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.writes.tag_resource().resource(arn).set_tags(Some(tags.clone().into_iter().collect()));
        self.caller.run(Operation::TagResource, call.send()).await.map(drop)
    }

    async fn untag(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let call = self.writes.untag_resource().resource(arn).set_tag_keys(unless_empty(keys.iter().cloned()));
        self.caller.run(Operation::UntagResource, call.send()).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
