//! The port [`Urls`].

use async_trait::async_trait;
use aws_sdk_lambda::types::{self, FunctionUrlAuthType, InvokeMode};

use crate::cloud::{
    fault::Fault,
    lambda::urls::{Cors, FunctionUrl, UrlChange, Urls},
    operation::Operation,
};

use super::{super::call::unless_gone, GONE, SdkLambda};

#[async_trait]
impl Urls for SdkLambda {
    async fn url(&self, function: &str) -> Result<Option<FunctionUrl>, Fault> {
        let call = self.reads.get_function_url_config().function_name(function);
        let answer = unless_gone(self.caller.run(Operation::GetFunctionUrlConfig, call.send()).await, GONE)?;
        Ok(answer.map(|from| FunctionUrl {
            url: from.function_url,
            auth_type: from.auth_type.as_str().to_owned(),
            cors: from.cors.map(cors).unwrap_or_default(),
            invoke_mode: from.invoke_mode.unwrap_or(InvokeMode::Buffered).as_str().to_owned(),
        }))
    }

    async fn create_url(&self, new: &UrlChange) -> Result<(), Fault> {
        let call = self
            .writes
            .create_function_url_config()
            .function_name(&new.function)
            .set_auth_type(new.auth_type.as_deref().map(FunctionUrlAuthType::from))
            .set_cors(new.cors.as_ref().map(wire_cors))
            .set_invoke_mode(new.invoke_mode.as_deref().map(InvokeMode::from));
        self.caller.run(Operation::CreateFunctionUrlConfig, call.send()).await.map(drop)
    }

    async fn update_url(&self, change: &UrlChange) -> Result<(), Fault> {
        let call = self
            .writes
            .update_function_url_config()
            .function_name(&change.function)
            .set_auth_type(change.auth_type.as_deref().map(FunctionUrlAuthType::from))
            .set_cors(change.cors.as_ref().map(wire_cors))
            .set_invoke_mode(change.invoke_mode.as_deref().map(InvokeMode::from));
        self.caller.run(Operation::UpdateFunctionUrlConfig, call.send()).await.map(drop)
    }

    async fn delete_url(&self, function: &str) -> Result<(), Fault> {
        let call = self.writes.delete_function_url_config().function_name(function);
        unless_gone(self.caller.run(Operation::DeleteFunctionUrlConfig, call.send()).await, GONE).map(drop)
    }
}

fn cors(from: types::Cors) -> Cors {
    Cors {
        allow_credentials: from.allow_credentials.unwrap_or_default(),
        allow_headers: from.allow_headers.unwrap_or_default(),
        allow_methods: from.allow_methods.unwrap_or_default(),
        allow_origins: from.allow_origins.unwrap_or_default(),
        expose_headers: from.expose_headers.unwrap_or_default(),
        max_age_seconds: from.max_age.unwrap_or_default(),
    }
}

/// Members that are empty are left out, so that `Cors` itself is empty for none.
fn wire_cors(cors: &Cors) -> types::Cors {
    let given = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    types::Cors::builder()
        .set_allow_credentials(cors.allow_credentials.then_some(true))
        .set_allow_headers(given(&cors.allow_headers))
        .set_allow_methods(given(&cors.allow_methods))
        .set_allow_origins(given(&cors.allow_origins))
        .set_expose_headers(given(&cors.expose_headers))
        .set_max_age((cors.max_age_seconds != 0).then_some(cors.max_age_seconds))
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cloud::sdk::{
        lambda::tests::lambda,
        replay::{lambda_error, ok},
    };

    #[tokio::test]
    async fn a_url_is_read_changed_and_deleted() {
        let answer = json!({
            "FunctionUrl": "https://u/", "FunctionArn": "arn:f", "AuthType": "NONE", "CreationTime": "t",
            "LastModifiedTime": "t", "Cors": { "AllowOrigins": ["*"], "MaxAge": 5 },
        })
        .to_string();
        let gone = || lambda_error(404, "ResourceNotFoundException", "none");
        let (lambda, replay) = lambda([ok(&answer), gone(), ok(&answer), ok(&answer), gone()]);
        let cors = Cors { allow_origins: vec!["*".to_owned()], max_age_seconds: 5, ..Cors::default() };
        let url = FunctionUrl {
            url: "https://u/".to_owned(),
            auth_type: "NONE".to_owned(),
            cors: cors.clone(),
            invoke_mode: "BUFFERED".to_owned(),
        };
        assert_eq!(lambda.url("f").await, Ok(Some(url)));
        assert_eq!(lambda.url("f").await, Ok(None));
        let new = UrlChange {
            function: "f".to_owned(),
            auth_type: Some("NONE".to_owned()),
            cors: Some(cors),
            invoke_mode: Some("RESPONSE_STREAM".to_owned()),
        };
        lambda.create_url(&new).await.unwrap();
        let none = UrlChange { auth_type: None, cors: Some(Cors::default()), invoke_mode: None, ..new };
        lambda.update_url(&none).await.unwrap();
        lambda.delete_url("f").await.unwrap();
        let bodies: Vec<Value> =
            replay.bodies().iter().map(|body| serde_json::from_str(body).unwrap_or_default()).collect();
        let cors = json!({ "AllowOrigins": ["*"], "MaxAge": 5 });
        assert_eq!(bodies[2], json!({ "AuthType": "NONE", "Cors": cors, "InvokeMode": "RESPONSE_STREAM" }));
        assert_eq!(bodies[3], json!({ "Cors": {} }));
    }
}
