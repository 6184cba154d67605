//! The port [`Controls`].

use async_trait::async_trait;
use aws_sdk_lambda::types::{
    DestinationConfig, OnFailure as FailureDestination, OnSuccess, RecursiveLoop, UpdateRuntimeOn,
};

use crate::cloud::{
    fault::Fault,
    lambda::controls::{Controls, EventInvokeConfig, RuntimeManagementConfig},
    operation::Operation,
};

use super::{super::call::unless_gone, GONE, SdkLambda};

#[async_trait]
impl Controls for SdkLambda {
    async fn put_concurrency(&self, function: &str, reserved: i32) -> Result<(), Fault> {
        let call =
            self.writes.put_function_concurrency().function_name(function).reserved_concurrent_executions(reserved);
        self.caller.run(Operation::PutFunctionConcurrency, call.send()).await.map(drop)
    }

    async fn delete_concurrency(&self, function: &str) -> Result<(), Fault> {
        let call = self.writes.delete_function_concurrency().function_name(function);
        self.caller.run(Operation::DeleteFunctionConcurrency, call.send()).await.map(drop)
    }

    async fn code_signing_config(&self, function: &str) -> Result<Option<String>, Fault> {
        let call = self.reads.get_function_code_signing_config().function_name(function);
        let answer = unless_gone(self.caller.run(Operation::GetFunctionCodeSigningConfig, call.send()).await, GONE)?;
        Ok(answer.map(|answer| answer.code_signing_config_arn).filter(|arn| !arn.is_empty()))
    }

    async fn put_code_signing_config(&self, function: &str, arn: &str) -> Result<(), Fault> {
        let call = self.writes.put_function_code_signing_config().function_name(function).code_signing_config_arn(arn);
        self.caller.run(Operation::PutFunctionCodeSigningConfig, call.send()).await.map(drop)
    }

    async fn delete_code_signing_config(&self, function: &str) -> Result<(), Fault> {
        let call = self.writes.delete_function_code_signing_config().function_name(function);
        self.caller.run(Operation::DeleteFunctionCodeSigningConfig, call.send()).await.map(drop)
    }

    async fn recursive_loop(&self, function: &str) -> Result<String, Fault> {
        let call = self.reads.get_function_recursion_config().function_name(function);
        let answer = self.caller.run(Operation::GetFunctionRecursionConfig, call.send()).await?;
        Ok(answer.recursive_loop.unwrap_or(RecursiveLoop::Terminate).as_str().to_owned())
    }

    async fn put_recursive_loop(&self, function: &str, value: &str) -> Result<(), Fault> {
        let call = self
            .writes
            .put_function_recursion_config()
            .function_name(function)
            .recursive_loop(RecursiveLoop::from(value));
        self.caller.run(Operation::PutFunctionRecursionConfig, call.send()).await.map(drop)
    }

    async fn runtime_management(&self, function: &str) -> Result<RuntimeManagementConfig, Fault> {
        let call = self.reads.get_runtime_management_config().function_name(function);
        let answer = self.caller.run(Operation::GetRuntimeManagementConfig, call.send()).await?;
        Ok(RuntimeManagementConfig {
            update_runtime_on: answer.update_runtime_on.unwrap_or(UpdateRuntimeOn::Auto).as_str().to_owned(),
            runtime_version_arn: answer.runtime_version_arn,
        })
    }

    async fn put_runtime_management(&self, function: &str, config: &RuntimeManagementConfig) -> Result<(), Fault> {
        let call = self
            .writes
            .put_runtime_management_config()
            .function_name(function)
            .update_runtime_on(UpdateRuntimeOn::from(config.update_runtime_on.as_str()))
            .set_runtime_version_arn(config.runtime_version_arn.clone());
        self.caller.run(Operation::PutRuntimeManagementConfig, call.send()).await.map(drop)
    }

    async fn event_invoke_config(&self, function: &str) -> Result<Option<EventInvokeConfig>, Fault> {
        let call = self.reads.get_function_event_invoke_config().function_name(function);
        let answer = unless_gone(self.caller.run(Operation::GetFunctionEventInvokeConfig, call.send()).await, GONE)?;
        Ok(answer.map(|from| {
            let destinations = from.destination_config;
            let (success, failure) = destinations.map(|d| (d.on_success, d.on_failure)).unwrap_or_default();
            EventInvokeConfig {
                maximum_event_age_seconds: from.maximum_event_age_in_seconds,
                maximum_retry_attempts: from.maximum_retry_attempts,
                on_failure: failure.and_then(|to| to.destination),
                on_success: success.and_then(|to| to.destination),
            }
        }))
    }

    async fn put_event_invoke_config(&self, function: &str, config: &EventInvokeConfig) -> Result<(), Fault> {
        let to_failure = |arn: &String| FailureDestination::builder().destination(arn).build();
        let to_success = |arn: &String| OnSuccess::builder().destination(arn).build();
        let destinations = DestinationConfig::builder()
            .set_on_failure(config.on_failure.as_ref().map(to_failure))
            .set_on_success(config.on_success.as_ref().map(to_success))
            .build();
        let call = self
            .writes
            .put_function_event_invoke_config()
            .function_name(function)
            .set_maximum_event_age_in_seconds(config.maximum_event_age_seconds)
            .set_maximum_retry_attempts(config.maximum_retry_attempts)
            .destination_config(destinations);
        self.caller.run(Operation::PutFunctionEventInvokeConfig, call.send()).await.map(drop)
    }

    async fn delete_event_invoke_config(&self, function: &str) -> Result<(), Fault> {
        let call = self.writes.delete_function_event_invoke_config().function_name(function);
        unless_gone(self.caller.run(Operation::DeleteFunctionEventInvokeConfig, call.send()).await, GONE).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cloud::sdk::{
        lambda::tests::lambda,
        replay::{Replay, lambda_error, ok},
    };

    fn bodies(replay: &Replay) -> Vec<Value> {
        replay.bodies().iter().map(|body| serde_json::from_str(body).unwrap_or_default()).collect()
    }

    #[tokio::test]
    async fn concurrency_and_code_signing() {
        let answer = json!({ "CodeSigningConfigArn": "arn:csc", "FunctionName": "f" }).to_string();
        let none = lambda_error(404, "ResourceNotFoundException", "none");
        let (lambda, replay) = lambda([ok("{}"), ok("{}"), ok(&answer), none, ok(&answer), ok("{}")]);
        lambda.put_concurrency("f", 0).await.unwrap();
        lambda.delete_concurrency("f").await.unwrap();
        assert_eq!(lambda.code_signing_config("f").await, Ok(Some("arn:csc".to_owned())));
        assert_eq!(lambda.code_signing_config("f").await, Ok(None));
        lambda.put_code_signing_config("f", "arn:csc").await.unwrap();
        lambda.delete_code_signing_config("f").await.unwrap();
        assert_eq!(bodies(&replay)[0], json!({ "ReservedConcurrentExecutions": 0 }));
        assert_eq!(bodies(&replay)[4], json!({ "CodeSigningConfigArn": "arn:csc" }));
    }

    #[tokio::test]
    async fn recursion_and_runtime() {
        let runtime = json!({ "UpdateRuntimeOn": "Manual", "FunctionArn": "arn:f", "RuntimeVersionArn": "arn:r" });
        let (lambda, replay) =
            lambda([ok(r#"{"RecursiveLoop":"Allow"}"#), ok("{}"), ok(&runtime.to_string()), ok(&runtime.to_string())]);
        assert_eq!(lambda.recursive_loop("f").await, Ok("Allow".to_owned()));
        lambda.put_recursive_loop("f", "Terminate").await.unwrap();
        let manual = RuntimeManagementConfig {
            update_runtime_on: "Manual".to_owned(),
            runtime_version_arn: Some("arn:r".to_owned()),
        };
        assert_eq!(lambda.runtime_management("f").await, Ok(manual.clone()));
        lambda.put_runtime_management("f", &manual).await.unwrap();
        assert_eq!(bodies(&replay)[1], json!({ "RecursiveLoop": "Terminate" }));
        assert_eq!(bodies(&replay)[3], json!({ "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "arn:r" }));
    }

    #[tokio::test]
    async fn event_invoke() {
        let answer = json!({
            "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60,
            "DestinationConfig": { "OnFailure": { "Destination": "arn:q" }, "OnSuccess": {} },
        });
        let none = || lambda_error(404, "ResourceNotFoundException", "none");
        let (lambda, replay) = lambda([ok(&answer.to_string()), none(), ok("{}"), none()]);
        let config = EventInvokeConfig {
            maximum_event_age_seconds: Some(60),
            maximum_retry_attempts: Some(0),
            on_failure: Some("arn:q".to_owned()),
            on_success: None,
        };
        assert_eq!(lambda.event_invoke_config("f").await, Ok(Some(config.clone())));
        assert_eq!(lambda.event_invoke_config("f").await, Ok(None));
        lambda.put_event_invoke_config("f", &config).await.unwrap();
        lambda.delete_event_invoke_config("f").await.unwrap();
        let mut sent = answer;
        sent["DestinationConfig"].as_object_mut().unwrap().remove("OnSuccess");
        assert_eq!(bodies(&replay)[2], sent);
    }
}
