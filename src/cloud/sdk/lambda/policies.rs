//! The port [`Policies`].

use async_trait::async_trait;
use aws_sdk_lambda::types::FunctionUrlAuthType;
use serde_json::Value;

use crate::cloud::{
    fault::Fault,
    lambda::{
        Revision,
        policies::{NewPermission, Policies, Policy},
    },
    operation::Operation,
};

use super::{
    super::call::{unless_gone, unusable},
    GONE, SdkLambda,
};

#[async_trait]
impl Policies for SdkLambda {
    async fn policy(&self, function: &str, qualifier: Option<&str>) -> Result<Option<Policy>, Fault> {
        const OPERATION: Operation = Operation::GetPolicy;
        let call = self.reads.get_policy().function_name(function).set_qualifier(qualifier.map(str::to_owned));
        let Some(answer) = unless_gone(self.caller.run(OPERATION, call.send()).await, GONE)? else { return Ok(None) };
        let document: Option<Value> = answer.policy.and_then(|text| serde_json::from_str(&text).ok());
        let statements = match document.map(|mut document| document["Statement"].take()) {
            Some(Value::Array(statements)) => statements,
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => return Err(unusable(OPERATION, "no policy in it")),
        };
        Ok(Some(Policy { statements, revision_id: answer.revision_id.unwrap_or_default() }))
    }

    async fn add_permission(&self, new: &NewPermission) -> Result<(), Fault> {
        let call = self
            .writes
            .add_permission()
            .function_name(&new.function)
            .set_qualifier(new.qualifier.clone())
            .set_revision_id(new.revision_id.0.clone())
            .statement_id(&new.statement_id)
            .principal(&new.principal)
            .action(&new.action)
            .set_source_arn(new.source_arn.clone())
            .set_source_account(new.source_account.clone())
            .set_principal_org_id(new.principal_org_id.clone())
            .set_event_source_token(new.event_source_token.clone())
            .set_function_url_auth_type(new.function_url_auth_type.as_deref().map(FunctionUrlAuthType::from))
            .set_invoked_via_function_url(new.invoked_via_function_url);
        self.caller.run(Operation::AddPermission, call.send()).await.map(drop)
    }

    async fn remove_permission(
        &self,
        function: &str,
        qualifier: Option<&str>,
        statement_id: &str,
        revision_id: &Revision,
    ) -> Result<(), Fault> {
        let call = self
            .writes
            .remove_permission()
            .function_name(function)
            .set_qualifier(qualifier.map(str::to_owned))
            .statement_id(statement_id)
            .set_revision_id(revision_id.0.clone());
        unless_gone(self.caller.run(Operation::RemovePermission, call.send()).await, GONE).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::sdk::{
        lambda::tests::lambda,
        replay::{lambda_error, ok},
    };

    #[tokio::test]
    async fn a_policy_is_its_statements() {
        let document = json!({ "Version": "2012-10-17", "Statement": [{ "Sid": "s" }] }).to_string();
        let answer = json!({ "Policy": document, "RevisionId": "r" }).to_string();
        let none = lambda_error(404, "ResourceNotFoundException", "The resource you requested does not exist.");
        let (lambda, replay) = lambda([ok(&answer), none, ok(r#"{"Policy":"{"}"#)]);
        let policy = Policy { statements: vec![json!({ "Sid": "s" })], revision_id: "r".to_owned() };
        assert_eq!(lambda.policy("f", Some("live")).await, Ok(Some(policy)));
        assert!(replay.uris()[0].ends_with("/functions/f/policy?Qualifier=live"), "{:?}", replay.uris());
        assert_eq!(lambda.policy("f", None).await, Ok(None));
        assert!(lambda.policy("f", None).await.is_err());
    }

    #[tokio::test]
    async fn a_statement_is_added_and_removed_for_one_revision() {
        let (lambda, replay) = lambda([ok("{}"), ok("{}")]);
        let new = NewPermission {
            function: "f".to_owned(),
            revision_id: Revision::from("r"),
            statement_id: "s".to_owned(),
            principal: "*".to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            source_arn: Some("arn:s".to_owned()),
            source_account: Some("1".to_owned()),
            principal_org_id: Some("o-1".to_owned()),
            event_source_token: Some("t".to_owned()),
            function_url_auth_type: Some("NONE".to_owned()),
            invoked_via_function_url: Some(true),
            qualifier: Some("live".to_owned()),
        };
        lambda.add_permission(&new).await.unwrap();
        lambda.remove_permission("f", None, "s", &Revision::from("r")).await.unwrap();
        let body: Value = serde_json::from_str(&replay.bodies()[0]).unwrap();
        let expected = json!({
            "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*", "SourceArn": "arn:s",
            "SourceAccount": "1", "PrincipalOrgID": "o-1", "EventSourceToken": "t", "FunctionUrlAuthType": "NONE",
            "InvokedViaFunctionUrl": true, "RevisionId": "r",
        });
        assert_eq!(body, expected);
        assert!(replay.uris()[1].ends_with("/functions/f/policy/s?RevisionId=r"), "{:?}", replay.uris());
    }
}
