//! Statements of the function's resource policy:
//! <https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use async_trait::async_trait;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{
    fault::Fault,
    lambda::{
        Lambda, Revision,
        policies::{NewPermission, Policy},
    },
};

use super::{
    View,
    spec::{AspectsSpec, AspectsStatus},
    step::AspectStep,
    url::AuthType,
};

const INVOKE_FUNCTION: &str = "lambda:InvokeFunction";
const INVOKE_FUNCTION_URL: &str = "lambda:InvokeFunctionUrl";
/// Id of the statement that lets everybody invoke the function through its URL.
const URL_INVOKE_STATEMENT: &str = "FunctionURLInvokeAllowPublicAccess";
const INVOKED_VIA_URL: &str = "lambda:invokedviafunctionurl";

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

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Add a statement.
    Add(NewPermission),
    /// Remove a statement.
    Remove {
        /// Name of the function.
        function: String,
        /// The alias or version whose policy it is in.
        qualifier: Option<String>,
        /// Id of the statement.
        statement_id: String,
        /// The revision that this was decided on.
        revision_id: Revision,
    },
}

/// The statements that the spec comes to: its own, and the two that AWS asks for where everybody may call the URL
/// (<https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html#urls-auth-none>).
fn given(spec: &AspectsSpec) -> Vec<Permission> {
    let mut given = spec.permissions.clone().unwrap_or_default();
    if spec.url.as_ref().is_some_and(|url| url.auth_type == AuthType::None) {
        let everybody = |statement_id: &str, action: &str| Permission {
            statement_id: statement_id.to_owned(),
            principal: "*".to_owned(),
            action: Some(action.to_owned()),
            ..Permission::default()
        };
        given.push(Permission {
            function_url_auth_type: Some(AuthType::None),
            ..everybody("FunctionURLAllowPublicAccess", INVOKE_FUNCTION_URL)
        });
        given.push(Permission {
            invoked_via_function_url: Some(true),
            ..everybody(URL_INVOKE_STATEMENT, INVOKE_FUNCTION)
        });
    }
    given
}

impl Permission {
    fn key(&self) -> PermissionStatus {
        PermissionStatus { statement_id: self.statement_id.clone(), qualifier: self.qualifier.clone() }
    }

    fn action(&self) -> &str {
        self.action.as_deref().unwrap_or(INVOKE_FUNCTION)
    }

    /// Whether a statement of a policy says this and nothing else.
    fn is(&self, statement: &Value) -> bool {
        statement["Effect"] == "Allow"
            && only(&statement["Action"]) == Some(self.action())
            && self.is_principal(&statement["Principal"])
            && conditions(&statement["Condition"]).is_some_and(|kept| self.is_condition(kept))
    }

    /// LocalStack does not keep that only invocations through the URL are meant. A statement of ours that lacks it says
    /// no more than any that somebody else may add, and that would be left alone.
    fn is_condition(&self, mut kept: BTreeMap<String, String>) -> bool {
        if self.statement_id == URL_INVOKE_STATEMENT {
            kept.entry(INVOKED_VIA_URL.to_owned()).or_insert_with(|| true.to_string());
        }
        kept == self.conditions()
    }

    /// AWS keeps a service as `Service`, an account as its root user, and everybody as `*`.
    fn is_principal(&self, principal: &Value) -> bool {
        let wanted = self.principal.as_str();
        let kept = only(principal).or_else(|| only(&principal["AWS"])).or_else(|| only(&principal["Service"]));
        let is_account = wanted.len() == 12 && wanted.bytes().all(|byte| byte.is_ascii_digit());
        kept.is_some_and(|kept| kept == wanted || (is_account && kept.ends_with(&format!(":iam::{wanted}:root"))))
    }

    /// The condition keys that AWS makes of it, in lower case.
    fn conditions(&self) -> BTreeMap<String, String> {
        let via = self.invoked_via_function_url.map(|via| via.to_string());
        [
            ("aws:sourcearn", self.source_arn.clone()),
            ("aws:sourceaccount", self.source_account.clone()),
            ("aws:principalorgid", self.principal_org_id.clone()),
            ("lambda:eventsourcetoken", self.event_source_token.clone()),
            ("lambda:functionurlauthtype", self.function_url_auth_type.map(|auth| auth.as_str().to_owned())),
            (INVOKED_VIA_URL, via),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
    }

    fn new_permission(&self, function: &str, revision_id: Revision) -> NewPermission {
        NewPermission {
            function: function.to_owned(),
            qualifier: self.qualifier.clone(),
            revision_id,
            statement_id: self.statement_id.clone(),
            principal: self.principal.clone(),
            action: self.action().to_owned(),
            source_arn: self.source_arn.clone(),
            source_account: self.source_account.clone(),
            principal_org_id: self.principal_org_id.clone(),
            event_source_token: self.event_source_token.clone(),
            function_url_auth_type: self.function_url_auth_type.map(|auth| auth.as_str().to_owned()),
            invoked_via_function_url: self.invoked_via_function_url,
        }
    }
}

/// A string, or a list of one.
fn only(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(items) if items.len() == 1 => items.first().and_then(Value::as_str),
        _ => None,
    }
}

/// Condition keys in lower case with their values; `None` for a condition that AddPermission can't make.
fn conditions(condition: &Value) -> Option<BTreeMap<String, String>> {
    let mut conditions = BTreeMap::new();
    for (operator, keys) in condition.as_object().into_iter().flatten() {
        if !["StringEquals", "StringLike", "ArnLike", "ArnEquals", "Bool"].contains(&operator.as_str()) {
            return None;
        }
        for (key, value) in keys.as_object()? {
            let value = value.as_bool().map(|value| value.to_string()).or_else(|| only(value).map(str::to_owned))?;
            conditions.insert(key.to_lowercase(), value);
        }
    }
    Some(conditions)
}

/// The qualifiers whose policies are managed; absent stands for the function itself.
pub fn qualifiers(spec: &AspectsSpec, status: &AspectsStatus) -> BTreeSet<Option<String>> {
    let applied = status.permissions.iter().map(|applied| applied.qualifier.clone());
    given(spec).into_iter().map(|permission| permission.qualifier).chain(applied).collect()
}

/// Removals first: AWS takes no two statements of one id, and a changed one is removed and added.
pub fn plan(view: &View<'_>) -> Vec<Step> {
    let given = given(&view.desired.spec);
    let keys: BTreeSet<PermissionStatus> = given.iter().map(Permission::key).collect();
    let left_over = view.status.permissions.iter().filter(|applied| !keys.contains(applied));
    let left_over = left_over.filter(|applied| statement(view, applied).is_some()).cloned();
    let differing: Vec<&Permission> = given
        .iter()
        .filter(|permission| !statement(view, &permission.key()).is_some_and(|statement| permission.is(statement)))
        .collect();
    let changed = differing.iter().map(|permission| permission.key()).filter(|key| statement(view, key).is_some());
    let removals = left_over.chain(changed).map(|key| Step::Remove {
        function: view.function.to_owned(),
        revision_id: revision(view, key.qualifier.as_ref()),
        qualifier: key.qualifier,
        statement_id: key.statement_id,
    });
    let additions = differing.iter().map(|permission| {
        Step::Add(permission.new_permission(view.function, revision(view, permission.qualifier.as_ref())))
    });
    removals.chain(additions).collect()
}

fn policy<'a>(view: &View<'a>, qualifier: Option<&String>) -> Option<&'a Policy> {
    view.observed.policies.get(&qualifier.cloned())
}

fn statement<'a>(view: &View<'a>, key: &PermissionStatus) -> Option<&'a Value> {
    let statements = policy(view, key.qualifier.as_ref())?.statements.iter();
    statements.into_iter().find(|statement| statement["Sid"] == key.statement_id.as_str())
}

fn revision(view: &View<'_>, qualifier: Option<&String>) -> Revision {
    policy(view, qualifier).map(|policy| Revision::from(policy.revision_id.as_str())).unwrap_or_default()
}

/// The statements that count as applied.
pub fn report(view: &View<'_>, status: &mut AspectsStatus) {
    if plan(view).is_empty() {
        let keys: BTreeSet<_> = given(&view.desired.spec).iter().map(Permission::key).collect();
        status.permissions = keys.into_iter().collect();
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::Add(_) => "PermissionAdded",
            Self::Remove { .. } => "PermissionRemoved",
        }
    }

    fn field(&self) -> &'static str {
        "spec.permissions"
    }

    fn record(&self, status: &mut AspectsStatus) {
        if let Self::Add(new) = self {
            let key = PermissionStatus { statement_id: new.statement_id.clone(), qualifier: new.qualifier.clone() };
            if !status.permissions.contains(&key) {
                status.permissions.push(key);
                status.permissions.sort();
            }
        }
    }

    async fn apply(&self, lambda: &dyn Lambda, _: &mut AspectsStatus) -> Result<(), Fault> {
        match self {
            Self::Add(new) => lambda.add_permission(new).await,
            Self::Remove { function, qualifier, statement_id, revision_id } => {
                lambda.remove_permission(function, qualifier.as_deref(), statement_id, revision_id).await
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |function: &str, qualifier: &Option<String>| match qualifier {
            Some(qualifier) => format!("{function}:{qualifier}"),
            None => function.to_owned(),
        };
        match self {
            Self::Add(new) => {
                let of = of(&new.function, &new.qualifier);
                write!(f, "add permission {} for {} to function {of}", new.statement_id, new.principal)
            }
            Self::Remove { function, qualifier, statement_id, .. } => {
                write!(f, "remove permission {statement_id} from function {}", of(function, qualifier))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{Observed, Step as AspectsStep, plan, testing::Pass},
        *,
    };
    use crate::engine::kind::Plan;

    fn statement(sid: &str, principal: &Value, condition: &Value) -> Value {
        let mut statement = json!({
            "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "lambda:InvokeFunction", "Resource": "arn:f",
        });
        if !condition.is_null() {
            statement["Condition"] = condition.clone();
        }
        statement
    }

    fn observed(statements: Vec<Value>) -> Observed {
        let policy = Policy { statements, revision_id: "r".to_owned() };
        Observed { policies: [(None, policy)].into(), ..Observed::default() }
    }

    #[test]
    fn statements_are_compared_by_what_they_mean() {
        let none = json!(null);
        let arn = "arn:aws:iam::123456789012:role/r";
        for (given, principal, condition, same) in [
            (json!({ "principal": "s3.amazonaws.com" }), json!({ "Service": "s3.amazonaws.com" }), none.clone(), true),
            (
                json!({ "principal": "123456789012" }),
                json!({ "AWS": "arn:aws-cn:iam::123456789012:root" }),
                none.clone(),
                true,
            ),
            (json!({ "principal": "123456789012" }), json!({ "AWS": "123456789012" }), none.clone(), true),
            (json!({ "principal": "123456789012" }), json!({ "AWS": arn }), none.clone(), false),
            (json!({ "principal": arn }), json!({ "AWS": [arn] }), none.clone(), true),
            (json!({ "principal": arn }), json!({ "AWS": "AROA0123456789EXAMPLE" }), none.clone(), false),
            (json!({ "principal": "*" }), json!("*"), none.clone(), true),
            (json!({ "principal": "*" }), json!({ "AWS": "*" }), none.clone(), true),
            (json!({ "principal": "*" }), json!("*"), json!({ "StringEquals": { "AWS:SourceAccount": "1" } }), false),
            (
                json!({ "principal": "*", "sourceArn": "a", "sourceAccount": "1" }),
                json!("*"),
                json!({ "StringEquals": { "AWS:SourceAccount": "1" }, "ArnLike": { "aws:SourceArn": ["a"] } }),
                true,
            ),
            (json!({ "principal": "*", "sourceArn": "a" }), json!("*"), none.clone(), false),
            (
                json!({ "principal": "*", "sourceArn": "a" }),
                json!("*"),
                json!({ "ArnNotLike": { "AWS:SourceArn": "a" } }),
                false,
            ),
            (
                json!({ "principal": "*", "invokedViaFunctionUrl": true }),
                json!("*"),
                json!({ "Bool": { "lambda:InvokedViaFunctionUrl": "true" } }),
                true,
            ),
            (json!({ "principal": "*", "action": "lambda:*" }), json!("*"), none.clone(), false),
        ] {
            let mut given = given;
            given["statementId"] = json!("s");
            let permission: Permission = serde_json::from_value(given.clone()).unwrap();
            assert_eq!(permission.is(&statement("s", &principal, &condition)), same, "{given} {principal} {condition}");
        }
        let of_url = statement(URL_INVOKE_STATEMENT, &json!("*"), &none);
        let public = serde_json::from_value(json!({ "url": { "authType": "NONE" } })).unwrap();
        assert!(given(&public)[1].is(&of_url), "what LocalStack does not keep is not added again and again");
        let permission: Permission = serde_json::from_value(json!({ "statementId": "s", "principal": "*" })).unwrap();
        let mut deny = statement("s", &json!("*"), &none);
        deny["Effect"] = json!("Deny");
        assert!(!permission.is(&deny));
    }

    #[test]
    fn only_what_was_applied_is_removed_and_what_changed_is_replaced() {
        let service = json!({ "Service": "s3.amazonaws.com" });
        let there = || {
            observed(vec![
                statement("ours", &service, &json!(null)),
                statement("theirs", &service, &json!(null)),
                statement("changed", &service, &json!(null)),
            ])
        };
        let spec = json!({ "permissions": [
            { "statementId": "changed", "principal": "sns.amazonaws.com" },
            { "statementId": "new", "principal": "123456789012", "qualifier": "live" },
        ] });
        let applied = |ids: &[&str]| json!({ "permissions": ids.iter().map(|id| json!({ "statementId": id })).collect::<Vec<_>>() });
        let pass = Pass::new(spec.clone(), applied(&["ours", "gone"]), there());
        assert_eq!(
            pass.told(),
            [
                "remove permission ours from function f",
                "remove permission changed from function f",
                "add permission changed for sns.amazonaws.com to function f",
                "add permission new for 123456789012 to function f:live",
            ]
        );
        let recorded = pass.recorded()["permissions"].as_array().unwrap().len();
        assert_eq!(recorded, 4, "what is about to be added is recorded with what was applied");
        assert_eq!(Pass::new(json!({}), applied(&[]), there()).told(), [""; 0]);
        assert_eq!(Pass::new(json!({ "permissions": [] }), applied(&["gone"]), there()).reported(), json!({}));
    }

    #[test]
    fn only_the_first_change_of_a_policy_carries_its_revision() {
        let applied = json!({ "permissions": [{ "statementId": "a" }, { "statementId": "b" }] });
        let all = ["a", "b"].map(|id| statement(id, &json!("*"), &json!(null)));
        let pass = Pass::new(json!({ "permissions": [] }), applied, observed(all.to_vec()));
        let Plan::Act(steps) = plan::plan(&pass.view(), "sha", "rev") else { panic!("nothing to do") };
        let revisions = steps.iter().map(|step| match step {
            AspectsStep::Permission(Step::Remove { revision_id, .. }) => revision_id.0.clone(),
            other => panic!("{other}"),
        });
        assert_eq!(revisions.collect::<Vec<_>>(), [Some("r".to_owned()), None]);
    }

    /// <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>
    #[test]
    fn a_url_that_everybody_may_call_needs_two_statements() {
        let told = |auth_type: &str, status: Value| {
            let pass = Pass::new(json!({ "url": { "authType": auth_type } }), status, Observed::default());
            pass.told().into_iter().filter(|step| step.contains("permission")).collect::<Vec<_>>()
        };
        let both = [
            "add permission FunctionURLAllowPublicAccess for * to function f",
            "add permission FunctionURLInvokeAllowPublicAccess for * to function f",
        ];
        assert_eq!(told("NONE", json!({})), both);
        assert_eq!(told("AWS_IAM", json!({})), [""; 0]);
        let conditions: Vec<_> = given(&serde_json::from_value(json!({ "url": { "authType": "NONE" } })).unwrap())
            .iter()
            .map(|permission| (permission.action().to_owned(), permission.conditions()))
            .collect();
        let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        assert_eq!(
            conditions,
            [
                ("lambda:InvokeFunctionUrl".to_owned(), one("lambda:functionurlauthtype", "NONE")),
                ("lambda:InvokeFunction".to_owned(), one("lambda:invokedviafunctionurl", "true")),
            ]
        );
    }
}
