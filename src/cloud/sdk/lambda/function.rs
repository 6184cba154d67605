//! The port [`Functions`]. Nothing here is logged: GetFunction answers with a presigned address of the code and with
//! the environment's values.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_lambda::{
    operation::create_function::CreateFunctionOutput,
    primitives::Blob,
    types::{self, Architecture, FunctionCode, FunctionConfiguration, PackageType, Runtime},
};

use crate::cloud::{
    fault::Fault,
    lambda::{CodeChange, ConfigurationChange, Environment, Function, Functions, NewFunction},
    ownership::Tags,
    sensitive::Sensitive,
};

use super::{
    super::call::{each, unless_empty, unless_gone},
    GONE, SdkLambda,
};

/// More are not answered: <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>.
const PAGE: i32 = 50;

#[async_trait]
impl Functions for SdkLambda {
    async fn function(&self, name: &str) -> Result<Option<Function>, Fault> {
        const OPERATION: &str = "GetFunction";
        let call = self.reads.get_function().function_name(name);
        let Some(answer) = unless_gone(self.caller.run(OPERATION, call.send()).await, GONE)? else { return Ok(None) };
        // Tags that may not be read are not the same as none: whose function it is would be guessed.
        if let Some(error) = answer.tags_error {
            return Err(self.caller.refused(OPERATION, &error.error_code, &error.message));
        }
        let Some(configuration) = answer.configuration else {
            return Err(self.caller.unusable(OPERATION, "no configuration in it"));
        };
        let tags = answer.tags.unwrap_or_default().into_iter().collect();
        let reserved_concurrency =
            answer.concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions);
        Ok(Some(Function { tags: Some(tags), reserved_concurrency, ..observed(configuration) }))
    }

    async fn functions(&self) -> Result<Vec<Function>, Fault> {
        let call = self.reads.list_functions().max_items(PAGE);
        self.caller
            .pages(
                "ListFunctions",
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(page.functions, listed), page.next_marker),
            )
            .await
    }

    async fn create_function(&self, new: &NewFunction) -> Result<Function, Fault> {
        let call = self
            .uploads
            .create_function()
            .function_name(&new.name)
            .package_type(PackageType::Zip)
            .code(FunctionCode::builder().zip_file(Blob::new(new.zip.0.clone())).build())
            .publish(false)
            .runtime(Runtime::from(new.runtime.as_str()))
            .handler(&new.handler)
            .set_architectures(wire_architectures(new.architecture.as_deref()))
            .set_memory_size(new.memory_size)
            .set_timeout(new.timeout_seconds)
            .set_environment(new.environment.as_ref().map(wire_environment))
            .role(&new.role)
            .set_tags(Some(new.tags.clone().into_iter().collect()));
        let answer = self.caller.run("CreateFunction", call.send()).await?;
        Ok(Function { tags: Some(new.tags.clone()), ..created(answer) })
    }

    async fn update_configuration(&self, change: &ConfigurationChange) -> Result<(), Fault> {
        let call = self
            .writes
            .update_function_configuration()
            .function_name(&change.name)
            .revision_id(&change.revision_id)
            .set_runtime(change.runtime.as_deref().map(Runtime::from))
            .set_handler(change.handler.clone())
            .set_memory_size(change.memory_size)
            .set_timeout(change.timeout_seconds)
            .set_environment(change.environment.as_ref().map(wire_environment))
            .set_role(change.role.clone());
        self.caller.run("UpdateFunctionConfiguration", call.send()).await.map(drop)
    }

    async fn update_code(&self, change: &CodeChange) -> Result<(), Fault> {
        let call = self
            .uploads
            .update_function_code()
            .function_name(&change.name)
            .revision_id(&change.revision_id)
            .zip_file(Blob::new(change.zip.0.clone()))
            .publish(false)
            .set_architectures(wire_architectures(Some(
                change.architecture.as_ref().unwrap_or(&change.current_architecture),
            )));
        self.caller.run("UpdateFunctionCode", call.send()).await.map(drop)
    }

    async fn delete_function(&self, name: &str) -> Result<(), Fault> {
        let call = self.writes.delete_function().function_name(name);
        unless_gone(self.caller.run("DeleteFunction", call.send()).await, GONE).map(drop)
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.writes.tag_resource().resource(arn).set_tags(Some(tags.clone().into_iter().collect()));
        self.caller.run("TagResource", call.send()).await.map(drop)
    }

    async fn untag(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let call = self.writes.untag_resource().resource(arn).set_tag_keys(unless_empty(keys.iter().cloned()));
        self.caller.run("UntagResource", call.send()).await.map(drop)
    }
}

fn wire_architectures(architecture: Option<&str>) -> Option<Vec<Architecture>> {
    architecture.map(|architecture| vec![Architecture::from(architecture)])
}

fn wire_environment(environment: &Environment) -> types::Environment {
    types::Environment::builder().set_variables(Some(environment.0.clone().into_iter().collect())).build()
}

fn environment(from: Option<types::EnvironmentResponse>) -> Environment {
    Sensitive(from.and_then(|environment| environment.variables).into_iter().flatten().collect())
}

/// The SDK has two types with the same fields for a function.
macro_rules! function {
    ($from:expr) => {{
        let from = $from;
        Function {
            name: from.function_name.unwrap_or_default(),
            arn: from.function_arn.unwrap_or_default(),
            state: from.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            state_reason: from.state_reason,
            state_reason_code: from.state_reason_code.map(|code| code.as_str().to_owned()),
            last_update_status: from.last_update_status.map(|status| status.as_str().to_owned()),
            last_update_reason: from.last_update_status_reason,
            runtime: from.runtime.map(|runtime| runtime.as_str().to_owned()),
            handler: from.handler,
            architecture: from
                .architectures
                .and_then(|architectures| Some(architectures.first()?.as_str().to_owned()))
                .unwrap_or_default(),
            memory_size: from.memory_size.unwrap_or_default(),
            timeout_seconds: from.timeout.unwrap_or_default(),
            environment: environment(from.environment),
            role: from.role.unwrap_or_default(),
            code_sha256: from.code_sha256.unwrap_or_default(),
            revision_id: from.revision_id.unwrap_or_default(),
            tags: None,
            reserved_concurrency: None,
        }
    }};
}

/// A function, or one of its versions, as AWS describes it in all calls but one.
pub fn observed(from: FunctionConfiguration) -> Function {
    function!(from)
}

fn created(from: CreateFunctionOutput) -> Function {
    function!(from)
}

/// Without the environment, which may be any team's and is of no use to a sweep.
fn listed(mut from: FunctionConfiguration) -> Function {
    from.environment = None;
    observed(from)
}

#[cfg(test)]
mod tests;
