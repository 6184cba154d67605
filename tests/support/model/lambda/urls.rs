//! URLs: <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>.

use async_trait::async_trait;
use privatelink_operator::cloud::{
    fault::Fault,
    lambda::urls::{FunctionUrl, UrlChange, Urls},
};

use super::super::{Model, REGION, refuse};

#[async_trait]
impl Urls for Model {
    async fn url(&self, function: &str) -> Result<Option<FunctionUrl>, Fault> {
        self.lambda_read("GetFunctionUrlConfig", |s, _| Ok(s.lambda.aspects.urls.read(function))).await
    }

    async fn create_url(&self, new: &UrlChange) -> Result<(), Fault> {
        let new = new.to_owned();
        self.lambda_write("CreateFunctionUrlConfig", move |s, now| {
            s.function_target(&new.function, now)?;
            if s.lambda.aspects.urls.current(&new.function).is_some() {
                return refuse(
                    "ResourceConflictException",
                    format!("Failed to create function url config for {}. Error message: FunctionUrlConfig exists for this Lambda function", new.function),
                );
            }
            let url = FunctionUrl {
                url: format!("https://{}.lambda-url.{REGION}.on.aws/", new.function),
                auth_type: new.auth_type.clone().unwrap_or_default(),
                cors: new.cors.clone().unwrap_or_default(),
                invoke_mode: new.invoke_mode.clone().unwrap_or_else(|| "BUFFERED".to_owned()),
            };
            let lag = s.timing.lag;
            s.lambda.aspects.urls.put(&new.function, Some(url), lag);
            Ok(())
        })
        .await
    }

    async fn update_url(&self, change: &UrlChange) -> Result<(), Fault> {
        let change = change.to_owned();
        self.lambda_write("UpdateFunctionUrlConfig", move |s, _| {
            let Some(mut url) = s.lambda.aspects.urls.target(&change.function) else {
                return refuse("ResourceNotFoundException", "The resource you requested does not exist.");
            };
            url.auth_type = change.auth_type.clone().unwrap_or(url.auth_type);
            url.cors = change.cors.clone().unwrap_or(url.cors);
            url.invoke_mode = change.invoke_mode.clone().unwrap_or(url.invoke_mode);
            let lag = s.timing.lag;
            s.lambda.aspects.urls.put(&change.function, Some(url), lag);
            Ok(())
        })
        .await
    }

    async fn delete_url(&self, function: &str) -> Result<(), Fault> {
        let function = function.to_owned();
        self.lambda_write("DeleteFunctionUrlConfig", move |s, _| {
            let lag = s.timing.lag;
            s.lambda.aspects.urls.put(&function, None, lag);
            Ok(())
        })
        .await
    }
}
