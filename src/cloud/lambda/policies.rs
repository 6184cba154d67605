//! Resource policies of a function, its versions and its aliases.

use async_trait::async_trait;
use serde_json::Value;

use crate::cloud::fault::Fault;

use super::Revision;

/// A resource policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Its statements, in AWS's grammar.
    pub statements: Vec<Value>,
    /// The revision of the function, version or alias that the policy belongs to.
    pub revision_id: String,
}

/// What AddPermission is called with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPermission {
    /// Name of the function.
    pub function: String,
    /// Alias or version; absent for the function itself.
    pub qualifier: Option<String>,
    /// The revision that the change was decided on.
    pub revision_id: Revision,
    /// Id of the statement.
    pub statement_id: String,
    /// A service, an account id, an ARN or `*`.
    pub principal: String,
    /// Such as `lambda:InvokeFunction`.
    pub action: String,
    /// ARN of what may invoke, for a service.
    pub source_arn: Option<String>,
    /// Account of what may invoke, for a service.
    pub source_account: Option<String>,
    /// Organization of the principal.
    pub principal_org_id: Option<String>,
    /// Token of the invoker.
    pub event_source_token: Option<String>,
    /// `NONE` or `AWS_IAM`.
    pub function_url_auth_type: Option<String>,
    /// Whether only invocations through the URL are meant.
    pub invoked_via_function_url: Option<bool>,
}

/// The calls on resource policies.
#[async_trait]
pub trait Policies: Send + Sync {
    /// GetPolicy; `None` for ResourceNotFoundException.
    async fn policy(&self, function: &str, qualifier: Option<&str>) -> Result<Option<Policy>, Fault>;
    /// AddPermission; a statement of that id that exists already is a conflict.
    async fn add_permission(&self, new: &NewPermission) -> Result<(), Fault>;
    /// RemovePermission; a statement that is gone already is success.
    async fn remove_permission(
        &self,
        function: &str,
        qualifier: Option<&str>,
        statement_id: &str,
        revision_id: &Revision,
    ) -> Result<(), Fault>;
}
