//! Settings that have calls of their own.

use async_trait::async_trait;
use privatelink_operator::cloud::{
    fault::Fault,
    lambda::controls::{Controls, EventInvokeConfig, RuntimeManagementConfig},
};
use tokio::time::Instant;

use super::super::{Answer, Model, State, refuse};

impl State {
    fn reserve(&mut self, function: &str, reserved: Option<i32>, now: Instant) -> Answer<()> {
        let mut record = self.function_target(function, now)?;
        if reserved.is_some_and(|reserved| reserved < self.provisioned_in_all(function)) {
            return refuse(
                "InvalidParameterValueException",
                "ReservedConcurrentExecutions for function should not be lower than function's total provisioned concurrency",
            );
        }
        record.function.reserved_concurrency = reserved;
        let lag = self.timing.lag;
        self.lambda.functions.put(function, Some(record), lag);
        Ok(())
    }
}

#[async_trait]
impl Controls for Model {
    async fn put_concurrency(&self, function: &str, reserved: i32) -> Result<(), Fault> {
        let function = function.to_owned();
        self.lambda_write("PutFunctionConcurrency", move |s, now| s.reserve(&function, Some(reserved), now)).await
    }

    async fn delete_concurrency(&self, function: &str) -> Result<(), Fault> {
        let function = function.to_owned();
        self.lambda_write("DeleteFunctionConcurrency", move |s, now| s.reserve(&function, None, now)).await
    }

    async fn code_signing_config(&self, function: &str) -> Result<Option<String>, Fault> {
        self.lambda_read("GetFunctionCodeSigningConfig", |s, _| Ok(s.lambda.aspects.code_signing.read(function))).await
    }

    async fn put_code_signing_config(&self, function: &str, arn: &str) -> Result<(), Fault> {
        let function = function.to_owned();
        let arn = arn.to_owned();
        self.lambda_write("PutFunctionCodeSigningConfig", move |s, now| {
            s.function_target(&function, now)?;
            let lag = s.timing.lag;
            s.lambda.aspects.code_signing.put(&function, Some(arn.clone()), lag);
            Ok(())
        })
        .await
    }

    async fn delete_code_signing_config(&self, function: &str) -> Result<(), Fault> {
        let function = function.to_owned();
        self.lambda_write("DeleteFunctionCodeSigningConfig", move |s, now| {
            s.function_target(&function, now)?;
            let lag = s.timing.lag;
            s.lambda.aspects.code_signing.put(&function, None, lag);
            Ok(())
        })
        .await
    }

    async fn recursive_loop(&self, function: &str) -> Result<String, Fault> {
        self.lambda_read("GetFunctionRecursionConfig", |s, _| {
            Ok(s.lambda.aspects.recursion.read(function).unwrap_or_else(|| "Terminate".to_owned()))
        })
        .await
    }

    async fn put_recursive_loop(&self, function: &str, value: &str) -> Result<(), Fault> {
        let function = function.to_owned();
        let value = value.to_owned();
        self.lambda_write("PutFunctionRecursionConfig", move |s, now| {
            s.function_target(&function, now)?;
            let lag = s.timing.lag;
            s.lambda.aspects.recursion.put(&function, Some(value.clone()), lag);
            Ok(())
        })
        .await
    }

    async fn runtime_management(&self, function: &str) -> Result<RuntimeManagementConfig, Fault> {
        self.lambda_read("GetRuntimeManagementConfig", |s, _| {
            let auto = || RuntimeManagementConfig { update_runtime_on: "Auto".to_owned(), runtime_version_arn: None };
            Ok(s.lambda.aspects.runtimes.read(function).unwrap_or_else(auto))
        })
        .await
    }

    async fn put_runtime_management(&self, function: &str, config: &RuntimeManagementConfig) -> Result<(), Fault> {
        let function = function.to_owned();
        let config = config.to_owned();
        self.lambda_write("PutRuntimeManagementConfig", move |s, now| {
            s.function_target(&function, now)?;
            let lag = s.timing.lag;
            s.lambda.aspects.runtimes.put(&function, Some(config.clone()), lag);
            Ok(())
        })
        .await
    }

    async fn event_invoke_config(&self, function: &str) -> Result<Option<EventInvokeConfig>, Fault> {
        self.lambda_read("GetFunctionEventInvokeConfig", |s, _| Ok(s.lambda.aspects.event_invoke.read(function))).await
    }

    async fn put_event_invoke_config(&self, function: &str, config: &EventInvokeConfig) -> Result<(), Fault> {
        let function = function.to_owned();
        let config = config.to_owned();
        self.lambda_write("PutFunctionEventInvokeConfig", move |s, now| {
            s.function_target(&function, now)?;
            let lag = s.timing.lag;
            s.lambda.aspects.event_invoke.put(&function, Some(config.clone()), lag);
            Ok(())
        })
        .await
    }

    async fn delete_event_invoke_config(&self, function: &str) -> Result<(), Fault> {
        let function = function.to_owned();
        self.lambda_write("DeleteFunctionEventInvokeConfig", move |s, _| {
            let lag = s.timing.lag;
            s.lambda.aspects.event_invoke.put(&function, None, lag);
            Ok(())
        })
        .await
    }
}
