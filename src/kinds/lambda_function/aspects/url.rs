//! The function's URL: <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>.

use std::{collections::BTreeSet, fmt};

use async_trait::async_trait;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::cloud::{
    fault::Fault,
    lambda::{
        Lambda,
        urls::{self as port, UrlChange},
    },
};

use super::{
    View, note,
    spec::{AspectsSpec, AspectsStatus, Setting},
    step::AspectStep,
    wanted,
};

/// An HTTPS address of the function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionUrl {
    /// NONE: everybody may call it; the two statements that AWS asks for are added to the function's resource
    /// policy. AWS_IAM: principals that are allowed to, by their own policies or by `permissions`.
    pub auth_type: AuthType,

    /// What browsers may do from pages of other origins. Absent: left as it is, none at creation; `{}`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,

    /// BUFFERED: the answer is sent when it is complete. RESPONSE_STREAM: as it is written. Absent: left as it is,
    /// BUFFERED at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoke_mode: Option<InvokeMode>,
}

/// How callers of a URL are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AuthType {
    /// They are not.
    #[serde(rename = "NONE")]
    None,
    /// By the signature of their request.
    #[serde(rename = "AWS_IAM")]
    AwsIam,
}

impl AuthType {
    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::AwsIam => "AWS_IAM",
        }
    }
}

/// How the answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum InvokeMode {
    /// When it is complete.
    #[serde(rename = "BUFFERED")]
    Buffered,
    /// As it is written.
    #[serde(rename = "RESPONSE_STREAM")]
    ResponseStream,
}

impl InvokeMode {
    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buffered => "BUFFERED",
            Self::ResponseStream => "RESPONSE_STREAM",
        }
    }
}

/// Cross-origin resource sharing. What is absent is not allowed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// Whether cookies and other credentials may be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    /// Headers that a request may have, such as content-type, or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024)))]
    pub allow_headers: Option<Vec<String>>,
    /// Methods that a request may have, or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6), inner(length(min = 1, max = 6), regex(pattern = r"^([A-Z]+|\*)$")))]
    pub allow_methods: Option<Vec<String>>,
    /// Origins that a request may come from, such as https://www.example.com, or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    pub allow_origins: Option<Vec<String>>,
    /// Headers of the answer that the page may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024)))]
    pub expose_headers: Option<Vec<String>>,
    /// For how many seconds a browser may keep the answer to a preflight request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub max_age_seconds: Option<i32>,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Create the URL.
    Create(UrlChange),
    /// Change it.
    Update(UrlChange),
    /// Delete it.
    Delete {
        /// Name of the function.
        function: String,
    },
}

/// Whether it is given, or was applied.
pub fn is_managed(spec: &AspectsSpec, status: &AspectsStatus) -> bool {
    spec.url.is_some() || status.applied_settings.contains(&Setting::Url)
}

/// What to do about it.
pub fn plan(view: &View<'_>) -> Option<Step> {
    let function = view.function.to_owned();
    match (&view.desired.spec.url, &view.observed.url) {
        (Some(given), None) => Some(Step::Create(UrlChange {
            function,
            auth_type: Some(given.auth_type.as_str().to_owned()),
            cors: given.cors.as_ref().map(port_cors),
            invoke_mode: given.invoke_mode.map(|mode| mode.as_str().to_owned()),
        })),
        (Some(given), Some(observed)) => change(view, given, observed),
        (None, Some(_)) if view.is_applied(Setting::Url) => Some(Step::Delete { function }),
        (None, _) => None,
    }
}

fn change(view: &View<'_>, given: &FunctionUrl, observed: &port::FunctionUrl) -> Option<Step> {
    let cors = wanted(given.cors.as_ref().map(port_cors), view.is_applied(Setting::UrlCors), port::Cors::default());
    let mode = wanted(given.invoke_mode, view.is_applied(Setting::UrlInvokeMode), InvokeMode::Buffered);
    let unchanged = UrlChange { function: view.function.to_owned(), ..UrlChange::default() };
    let change = UrlChange {
        auth_type: Some(given.auth_type.as_str()).filter(|wanted| *wanted != observed.auth_type).map(str::to_owned),
        cors: cors.filter(|wanted| !are_same(wanted, &observed.cors)),
        invoke_mode: mode.map(InvokeMode::as_str).filter(|wanted| *wanted != observed.invoke_mode).map(str::to_owned),
        ..unchanged.clone()
    };
    (change != unchanged).then_some(Step::Update(change))
}

fn port_cors(cors: &Cors) -> port::Cors {
    let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    port::Cors {
        allow_credentials: cors.allow_credentials.unwrap_or_default(),
        allow_headers: list(&cors.allow_headers),
        allow_methods: list(&cors.allow_methods),
        allow_origins: list(&cors.allow_origins),
        expose_headers: list(&cors.expose_headers),
        max_age_seconds: cors.max_age_seconds.unwrap_or_default(),
    }
}

/// The order of lists and the case of header names mean nothing.
fn are_same(one: &port::Cors, other: &port::Cors) -> bool {
    let normal = |cors: &port::Cors| {
        let set = |list: &Vec<String>| list.iter().map(|item| item.to_lowercase()).collect::<BTreeSet<_>>();
        let lists = [&cors.allow_headers, &cors.allow_methods, &cors.allow_origins, &cors.expose_headers].map(set);
        (cors.allow_credentials, lists, cors.max_age_seconds)
    };
    normal(one) == normal(other)
}

/// The URL, and what is applied of it once nothing is left to do.
pub fn report(view: &View<'_>, status: &mut AspectsStatus) {
    status.url = view.observed.url.as_ref().map(|observed| observed.url.clone());
    if plan(view).is_none() {
        let given = view.desired.spec.url.as_ref();
        note(status, Setting::Url, given.is_some());
        note(status, Setting::UrlCors, given.is_some_and(|url| url.cors.is_some()));
        note(status, Setting::UrlInvokeMode, given.is_some_and(|url| url.invoke_mode.is_some()));
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::Create(_) => "UrlCreated",
            Self::Update(_) => "UrlUpdated",
            Self::Delete { .. } => "UrlDeleted",
        }
    }

    fn field(&self) -> &'static str {
        "spec.url"
    }

    fn record(&self, status: &mut AspectsStatus) {
        let (Self::Create(change) | Self::Update(change)) = self else { return };
        note(status, Setting::Url, true);
        if change.cors.is_some() {
            note(status, Setting::UrlCors, true);
        }
        if change.invoke_mode.is_some() {
            note(status, Setting::UrlInvokeMode, true);
        }
    }

    async fn apply(&self, lambda: &dyn Lambda, _: &mut AspectsStatus) -> Result<(), Fault> {
        match self {
            Self::Create(new) => lambda.create_url(new).await,
            Self::Update(change) => lambda.update_url(change).await,
            Self::Delete { function } => lambda.delete_url(function).await,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(new) => write!(f, "create the URL of function {}: {}", new.function, what(new)),
            Self::Update(change) => write!(f, "update the URL of function {}: {}", change.function, what(change)),
            Self::Delete { function } => write!(f, "delete the URL of function {function}"),
        }
    }
}

fn what(change: &UrlChange) -> String {
    let words = [
        change.auth_type.as_ref().map(|auth_type| format!("authType {auth_type}")),
        change.cors.as_ref().map(|_| "cors".to_owned()),
        change.invoke_mode.as_ref().map(|mode| format!("invokeMode {mode}")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{Observed, testing::Pass},
        *,
    };

    fn observed(auth_type: &str) -> Observed {
        let url = port::FunctionUrl {
            url: "https://u/".to_owned(),
            auth_type: auth_type.to_owned(),
            cors: port::Cors { allow_headers: vec!["b".to_owned(), "A".to_owned()], ..port::Cors::default() },
            invoke_mode: "RESPONSE_STREAM".to_owned(),
        };
        Observed { url: Some(url), ..Observed::default() }
    }

    fn url(fields: &Value) -> Value {
        let mut url = json!({ "authType": "AWS_IAM" });
        url.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "url": url })
    }

    #[test]
    fn it_is_made_changed_taken_back_and_deleted() {
        let none = || json!([]);
        for (spec, applied, observed, expected) in [
            (json!({}), none(), observed("AWS_IAM"), vec![]),
            (url(&json!({})), none(), Observed::default(), vec!["create the URL of function f: authType AWS_IAM"]),
            (url(&json!({})), none(), observed("AWS_IAM"), vec![]),
            (url(&json!({})), none(), observed("NONE"), vec!["update the URL of function f: authType AWS_IAM"]),
            (url(&json!({ "cors": { "allowHeaders": ["a", "B"] } })), none(), observed("AWS_IAM"), vec![]),
            (url(&json!({ "cors": {} })), none(), observed("AWS_IAM"), vec!["update the URL of function f: cors"]),
            (
                url(&json!({})),
                json!(["url", "urlCors"]),
                observed("AWS_IAM"),
                vec!["update the URL of function f: cors"],
            ),
            (
                url(&json!({})),
                json!(["url", "urlInvokeMode"]),
                observed("AWS_IAM"),
                vec!["update the URL of function f: invokeMode BUFFERED"],
            ),
            (json!({}), json!(["url"]), observed("AWS_IAM"), vec!["delete the URL of function f"]),
            (json!({}), json!(["url"]), Observed::default(), vec![]),
        ] {
            let pass = Pass::new(spec.clone(), json!({ "appliedSettings": applied }), observed);
            assert_eq!(pass.told(), expected, "{spec} {applied}");
        }
    }

    #[test]
    fn the_status_has_the_address_and_what_was_applied() {
        let spec = url(&json!({ "invokeMode": "RESPONSE_STREAM" }));
        let settled = Pass::new(spec.clone(), json!({}), observed("AWS_IAM"));
        let expected = json!({ "url": "https://u/", "appliedSettings": ["url", "urlInvokeMode"] });
        assert_eq!(settled.reported(), expected);
        let about_to = Pass::new(spec, json!({}), Observed::default());
        assert_eq!(about_to.recorded(), json!({ "appliedSettings": ["url", "urlInvokeMode"] }));
    }
}
