//! Statements of the function's resource policy:
//! <https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::url::AuthType;

/// One statement of the function's resource policy: it allows a principal an action.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(
        "!(self.statementId in ['FunctionURLAllowPublicAccess', 'FunctionURLInvokeAllowPublicAccess'])"
    ).message("permissions: this statementId belongs to a URL with authType NONE; choose another"),
    validation = Rule::new(
        "!has(self.functionUrlAuthType) || (has(self.action) && self.action == 'lambda:InvokeFunctionUrl')"
    ).message("permissions: functionUrlAuthType needs action lambda:InvokeFunctionUrl"),
    validation = Rule::new(
        "!has(self.invokedViaFunctionUrl) || !has(self.action) || self.action == 'lambda:InvokeFunction'"
    ).message("permissions: invokedViaFunctionUrl needs action lambda:InvokeFunction")
)]
#[serde(rename_all = "camelCase")]
pub struct Permission {
    /// Id of the statement.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[a-zA-Z0-9_-]+$"))]
    pub statement_id: String,

    /// Who: a service such as s3.amazonaws.com, an account id, the ARN of a role, user or account, or `*`.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\s]+$"))]
    pub principal: String,

    /// What. Absent: lambda:InvokeFunction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^lambda:([a-zA-Z]+|\*)$"))]
    pub action: Option<String>,

    /// For a service: ARN, possibly with wildcards, of what may invoke the function, such as a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = r"^arn:aws[a-z-]*:[^\s]+$"))]
    pub source_arn: Option<String>,

    /// For a service: the account that `sourceArn`, which may lack it, has to belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{12}$"), length(max = 12))]
    pub source_account: Option<String>,

    /// The organization that the principal has to belong to; use it with the principal `*`.
    #[serde(default, rename = "principalOrgID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 34), regex(pattern = r"^o-[a-z0-9]{10,32}$"))]
    pub principal_org_id: Option<String>,

    /// The alias or version that may be invoked. Absent: the function without a qualifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[a-zA-Z0-9_-]+$"))]
    pub qualifier: Option<String>,

    /// For Alexa: the token that the invoker has to show, which is the id of the skill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[a-zA-Z0-9._-]+$"))]
    pub event_source_token: Option<String>,

    /// For lambda:InvokeFunctionUrl: the authentication that the URL has to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_url_auth_type: Option<AuthType>,

    /// For lambda:InvokeFunction: only through the function's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoked_via_function_url: Option<bool>,
}

/// A statement that was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionStatus {
    /// Id of the statement.
    #[schemars(length(max = 100))]
    pub statement_id: String,
    /// The alias or version whose policy it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub qualifier: Option<String>,
}
