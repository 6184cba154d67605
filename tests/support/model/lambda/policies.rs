//! Resource policies: <https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>.

use async_trait::async_trait;
use privatelink_operator::cloud::{
    fault::Fault,
    lambda::{
        Revision,
        policies::{NewPermission, Policies, Policy},
    },
};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    super::{Answer, Model, State, refuse},
    aspects::{arn, check_revision},
};

/// A statement as AWS keeps it.
fn statement(new: &NewPermission) -> Value {
    let principal = match new.principal.as_str() {
        "*" => json!("*"),
        service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
        account if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) => {
            json!({ "AWS": format!("arn:aws:iam::{account}:root") })
        }
        other => json!({ "AWS": other }),
    };
    let mut conditions = Map::new();
    let mut condition = |operator: &str, key: &str, value: Option<String>| {
        if let Some(value) = value {
            conditions.entry(operator.to_owned()).or_insert_with(|| json!({}))[key] = json!(value);
        }
    };
    condition("StringEquals", "AWS:SourceAccount", new.source_account.clone());
    condition("StringEquals", "aws:PrincipalOrgID", new.principal_org_id.clone());
    condition("StringEquals", "lambda:EventSourceToken", new.event_source_token.clone());
    condition("StringEquals", "lambda:FunctionUrlAuthType", new.function_url_auth_type.clone());
    condition("ArnLike", "AWS:SourceArn", new.source_arn.clone());
    condition("Bool", "lambda:InvokedViaFunctionUrl", new.invoked_via_function_url.map(|via| via.to_string()));
    let mut statement = json!({
        "Sid": new.statement_id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": new.action,
        "Resource": arn(&new.function, new.qualifier.as_deref()),
    });
    if !conditions.is_empty() {
        statement["Condition"] = Value::Object(conditions);
    }
    statement
}

impl State {
    /// The revision that a policy goes by, which is that of what it belongs to.
    fn policy_revision(&self, function: &str, qualifier: Option<&str>, now: Instant) -> Option<String> {
        match qualifier {
            None => self.lambda.functions.current(function)?.view(now).map(|function| function.revision_id),
            Some(name) => match name.parse::<u64>() {
                Ok(number) => {
                    let versions = self.lambda.aspects.versions.current(function)?;
                    versions.get(&number).map(|version| version.function.revision_id.clone())
                }
                Err(_) => self.lambda.aspects.aliases.current(function)?.get(name).map(|a| a.revision_id.clone()),
            },
        }
    }

    fn change_policy(
        &mut self,
        function: &str,
        qualifier: Option<&str>,
        revision: &Revision,
        now: Instant,
        change: impl FnOnce(&mut Vec<Value>) -> Answer<()>,
    ) -> Answer<()> {
        self.function_target(function, now)?;
        let Some(current) = self.policy_revision(function, qualifier, now) else {
            return refuse("ResourceNotFoundException", format!("Cannot find alias arn: {}", arn(function, qualifier)));
        };
        check_revision(revision.0.as_ref(), &current)?;
        let mut policies = self.lambda.aspects.policies.current(function).cloned().unwrap_or_default();
        let key = qualifier.map(str::to_owned);
        change(policies.entry(key.clone()).or_default())?;
        policies.retain(|_, statements| !statements.is_empty());
        let lag = self.timing.lag;
        self.lambda.aspects.policies.put(function, Some(policies), lag);
        match qualifier {
            None => self.move_revision(function),
            Some(alias) => self.move_alias_revision(function, alias),
        }
        Ok(())
    }
}

#[async_trait]
impl Policies for Model {
    async fn policy(&self, function: &str, qualifier: Option<&str>) -> Result<Option<Policy>, Fault> {
        self.lambda_read("GetPolicy", |s, now| {
            let policies = s.lambda.aspects.policies.read(function).unwrap_or_default();
            let Some(statements) = policies.get(&qualifier.map(str::to_owned)) else { return Ok(None) };
            let revision_id = s.policy_revision(function, qualifier, now).unwrap_or_default();
            Ok(Some(Policy { statements: statements.clone(), revision_id }))
        })
        .await
    }

    async fn add_permission(&self, new: &NewPermission) -> Result<(), Fault> {
        let new = new.to_owned();
        self.lambda_write("AddPermission", move |s, now| {
            s.change_policy(&new.function, new.qualifier.as_deref(), &new.revision_id, now, |statements| {
                if statements.iter().any(|statement| statement["Sid"] == new.statement_id.as_str()) {
                    return refuse(
                        "ResourceConflictException",
                        format!(
                            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing statement.",
                            new.statement_id
                        ),
                    );
                }
                statements.push(statement(&new));
                Ok(())
            })
        })
        .await
    }

    async fn remove_permission(
        &self,
        function: &str,
        qualifier: Option<&str>,
        statement_id: &str,
        revision_id: &Revision,
    ) -> Result<(), Fault> {
        let function = function.to_owned();
        let statement_id = statement_id.to_owned();
        let revision_id = revision_id.to_owned();
        let qualifier = qualifier.map(str::to_owned);
        let answer = self
            .lambda_write("RemovePermission", move |s, now| {
                s.change_policy(&function, qualifier.as_deref(), &revision_id, now, |statements| {
                    let before = statements.len();
                    statements.retain(|statement| statement["Sid"] != statement_id);
                    if statements.len() == before {
                        return refuse(
                            "ResourceNotFoundException",
                            format!("Statement {statement_id} is not found in resource policy."),
                        );
                    }
                    Ok(())
                })
            })
            .await;
        match answer {
            Err(fault) if fault.is(&["ResourceNotFoundException"]) => Ok(()),
            other => other,
        }
    }
}
