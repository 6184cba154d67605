//! Why Lambda cannot assume an execution role. AWS answers the same for a role that it does not know yet, which passes
//! in seconds, and for one that does not trust it, which never does.

use std::time::Duration;

use serde_json::Value;

use crate::{
    cloud::{
        Aws,
        policy::{Effect, PolicyDocument, Statement},
    },
    engine::{conditions, failure::Failure, kind::Subject},
};

use super::spec::LambdaFunction;

/// Reason of a failure that time may heal.
pub const NOT_YET: &str = "RoleNotYetAssumable";
/// Reason of one that it does not.
const NEVER: &str = "RoleNotAssumable";
/// IAM has told every service of a role long before:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>.
const PROPAGATED_AFTER: Duration = Duration::from_mins(3);
const LAMBDA: &str = "lambda.amazonaws.com";

/// Once time should have healed it, looks at the role and says what is wrong with it. A role that can't be looked at,
/// and one with nothing wrong, go on being tried.
pub async fn explain(aws: &Aws, subject: &Subject<LambdaFunction>, failure: Failure, role: Option<&str>) -> Failure {
    let Some(arn) = role.filter(|_| failure.reason == NOT_YET && is_due(subject)) else { return failure };
    let name = arn.rsplit('/').next().unwrap_or_default();
    let wrong = match aws.iam.role(name).await {
        Ok(Some(role)) if role.arn == arn && trusts_lambda(&role.trust_policy) => None,
        Ok(Some(role)) if role.arn == arn => {
            Some(format!("the trust policy of {arn} does not let {LAMBDA} call sts:AssumeRole"))
        }
        Ok(_) => Some(format!("there is no role {arn}")),
        Err(_) => None,
    };
    match wrong {
        Some(wrong) => Failure::terminal(NEVER, wrong).at("spec.executionRole"),
        None => failure,
    }
}

fn is_due(subject: &Subject<LambdaFunction>) -> bool {
    let known = conditions::ready(&subject.status.common.conditions).is_some_and(|ready| ready.reason == NEVER);
    known || subject.failing_with.as_ref().is_some_and(|(_, since)| *since >= PROPAGATED_AFTER)
}

/// Conditions are not evaluated, so a policy with any is taken to allow what it allows.
fn trusts_lambda(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<PolicyDocument>(policy) else { return true };
    policy.statement.iter().any(|statement| {
        statement.effect == Effect::Allow && names(statement) && statement.action.as_ref().is_none_or(allows_assuming)
    })
}

fn names(statement: &Statement) -> bool {
    match &statement.principal {
        Some(Value::String(all)) => all == "*",
        Some(principal) => words(&principal["Service"]).any(|service| service == LAMBDA || service == "*"),
        None => statement.not_principal.is_some(),
    }
}

fn allows_assuming(action: &Value) -> bool {
    words(action).any(|action| ["*", "sts:*", "sts:assumerole"].contains(&action.to_ascii_lowercase().as_str()))
}

fn words(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().chain(std::iter::once(value)).filter_map(Value::as_str)
}
