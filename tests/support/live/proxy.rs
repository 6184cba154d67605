//! A proxy in front of LocalStack, one for each operator, that notes every request before it passes it on. Its notes are
//! the proof of what an operator has asked AWS for and when; they also go to `calls.jsonl` in the folder that
//! `PRIVATELINK_RECORDS` names, for the checks that are made after all tests.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts, response},
    response::{Html, IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    aws,
    fault::{Fault, Pending, SLOW, broken_off, killed},
    upstream::{self, Upstream},
};
use crate::support::records;

/// One request that reached the proxy.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The operator that sent it.
    pub operator: String,
    /// When it arrived.
    pub at: Timestamp,
    /// Such as `ec2`.
    pub service: String,
    /// Such as `CreateVpcEndpoint`.
    pub operation: String,
    /// The status of LocalStack's answer; 502 when there was none.
    pub status: u16,
}

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// AWS fails, and nothing happens.
    Fails,
    /// AWS has had too many requests.
    Throttled,
    /// Something between answers with a page of its own, and nothing happens.
    Page,
    /// The answer comes late.
    Slow,
    /// It has its effect, and the answer breaks off.
    AnswerLost,
    /// It is delivered twice.
    Twice,
    /// kill -9 of the operator before it reaches AWS.
    KilledBefore,
    /// kill -9 of the operator after its effect and before the answer.
    KilledAfter,
}

impl Trouble {
    /// All that can happen to a write.
    pub const WRITE: &[Self] = &[
        Self::Fails,
        Self::Throttled,
        Self::Page,
        Self::Slow,
        Self::AnswerLost,
        Self::Twice,
        Self::KilledBefore,
        Self::KilledAfter,
    ];
    /// All that can happen to a read.
    pub const READ: &[Self] =
        &[Self::Fails, Self::Throttled, Self::Page, Self::Slow, Self::AnswerLost, Self::KilledBefore];
}

/// The answers to creates, by their token. All proxies know them, as all operators talk to one AWS.
static CREATED: OnceLock<tokio::sync::Mutex<HashMap<String, (response::Parts, Bytes)>>> = OnceLock::new();

/// A running proxy. It ends with the test's runtime.
pub struct Proxy {
    address: SocketAddr,
    notes: Arc<Notes>,
}

struct Notes {
    operator: String,
    calls: Mutex<Vec<Call>>,
    under_way: Mutex<Vec<String>>,
    delays: Mutex<HashMap<String, Duration>>,
    throttles: AtomicBool,
    fault: Pending<Trouble>,
    aws: Upstream,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1; `operator` names whose requests these are.
    pub fn start(operator: &str) -> Self {
        let notes = Arc::new(Notes {
            operator: operator.to_owned(),
            calls: Mutex::default(),
            under_way: Mutex::default(),
            delays: Mutex::default(),
            throttles: AtomicBool::default(),
            fault: Pending::default(),
            aws: Upstream::at(&aws::endpoint_url()),
        });
        let address = upstream::serve(Router::new().fallback(forward).with_state(notes.clone()));
        Self { address, notes }
    }

    /// What the operator takes for AWS.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far that have been answered.
    pub fn calls(&self) -> Vec<Call> {
        self.notes.calls.lock().unwrap().clone()
    }

    /// Lets the answers to an operation come so much later than LocalStack gives them; `*` is every other operation.
    pub fn delay(&self, operation: &str, by: Duration) {
        self.notes.delays.lock().unwrap().insert(operation.to_owned(), by);
    }

    /// Turns all requests down, as AWS does when there are too many, or passes them on again.
    pub fn throttle(&self, throttles: bool) {
        self.notes.throttles.store(throttles, Ordering::SeqCst);
    }

    /// What is to go wrong.
    pub fn fault(&self) -> &Pending<Trouble> {
        &self.notes.fault
    }

    /// Whether a request for this operation has arrived and was not answered yet.
    pub fn is_under_way(&self, operation: &str) -> bool {
        self.notes.under_way.lock().unwrap().iter().any(|under_way| under_way == operation)
    }
}

async fn forward(State(notes): State<Arc<Notes>>, request: Request) -> Response {
    let at = Timestamp::now();
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let service = service(&head.headers);
    let operation = operation(&service, head.method.as_str(), head.uri.path(), &body);
    if notes.throttles.load(Ordering::SeqCst) {
        let answer = throttled(&service);
        notes.note(Call { operator: notes.operator.clone(), at, service, operation, status: answer.status().as_u16() });
        return answer;
    }
    notes.under_way.lock().unwrap().push(operation.clone());
    let answer = match notes.fault.due(&operation) {
        Some(fault) => notes.troubled(&fault, &service, &head, &body).await,
        None => notes.pass_on(&head, &body).await,
    };
    let delay = {
        let delays = notes.delays.lock().unwrap();
        delays.get(&operation).or_else(|| delays.get("*")).copied().unwrap_or_default()
    };
    tokio::time::sleep(delay).await;
    notes.answered(&operation);
    notes.note(Call { operator: notes.operator.clone(), at, service, operation, status: answer.status().as_u16() });
    answer
}

impl Notes {
    /// Passes the request on. Creates of endpoints with one token have one effect and one answer, which LocalStack does not
    /// see to: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>.
    async fn pass_on(&self, head: &Parts, body: &Bytes) -> Response {
        let Some(token) =
            parameter(body, "ClientToken").filter(|_| parameter(body, "Action") == Some("CreateVpcEndpoint"))
        else {
            return self.aws.pass_on(head, body).await;
        };
        let mut created = CREATED.get_or_init(Default::default).lock().await;
        if let Some((head, body)) = created.get(token) {
            return Response::from_parts(head.clone(), Body::from(body.clone()));
        }
        let (head, answer) = self.aws.pass_on(head, body).await.into_parts();
        let answer = axum::body::to_bytes(answer, usize::MAX).await.unwrap_or_default();
        if head.status.is_success() {
            created.insert(token.to_owned(), (head.clone(), answer.clone()));
        }
        Response::from_parts(head, Body::from(answer))
    }

    async fn troubled(&self, fault: &Fault<Trouble>, service: &str, head: &Parts, body: &Bytes) -> Response {
        match fault.trouble {
            Trouble::Fails => failed(service),
            Trouble::Throttled => throttled(service),
            Trouble::Page => Html("<html><body>Sign in to the network</body></html>").into_response(),
            Trouble::Slow => {
                tokio::time::sleep(SLOW).await;
                self.pass_on(head, body).await
            }
            Trouble::AnswerLost => broken_off(self.pass_on(head, body).await),
            Trouble::Twice => {
                let answer = self.pass_on(head, body).await;
                self.pass_on(head, body).await;
                answer
            }
            Trouble::KilledBefore => killed(fault.operator),
            Trouble::KilledAfter => {
                self.pass_on(head, body).await;
                killed(fault.operator)
            }
        }
    }

    fn answered(&self, operation: &str) {
        let mut under_way = self.under_way.lock().unwrap();
        if let Some(at) = under_way.iter().position(|under_way| under_way == operation) {
            under_way.swap_remove(at);
        }
    }

    fn note(&self, call: Call) {
        records::record("calls.jsonl", &call);
        self.calls.lock().unwrap().push(call);
    }
}

/// How the services say that something is wrong with themselves.
fn failed(service: &str) -> Response {
    match service {
        "lambda" => {
            let named = [("x-amzn-errortype", "ServiceException")];
            (StatusCode::INTERNAL_SERVER_ERROR, named, r#"{"Type":"Service","Message":"try again"}"#).into_response()
        }
        "ec2" => {
            let body = "<Response><Errors><Error><Code>InternalError</Code><Message>try again</Message></Error></Errors></Response>";
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
        "s3" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => {
            let body =
                "<ErrorResponse><Error><Code>ServiceFailure</Code><Message>try again</Message></Error></ErrorResponse>";
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

/// How the services say that there were too many calls.
fn throttled(service: &str) -> Response {
    let xml = |outer: &str, list: (&str, &str), code: &str| {
        let (open, close) = list;
        format!("<{outer}>{open}<Error><Code>{code}</Code><Message>slow down</Message></Error>{close}</{outer}>")
    };
    match service {
        "ec2" => {
            let body = xml("Response", ("<Errors>", "</Errors>"), "RequestLimitExceeded");
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
        "lambda" => {
            let named = [("x-amzn-errortype", "TooManyRequestsException")];
            (StatusCode::TOO_MANY_REQUESTS, named, r#"{"Type":"User","Message":"slow down"}"#).into_response()
        }
        "s3" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => (StatusCode::BAD_REQUEST, xml("ErrorResponse", ("", ""), "Throttling")).into_response(),
    }
}

/// From the scope of the signature: `Credential=<key>/<date>/<region>/<service>/aws4_request`.
fn service(headers: &HeaderMap) -> String {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    authorization.split('/').nth(3).unwrap_or_default().to_owned()
}

/// A parameter of a request in the query protocol, as it is encoded there.
fn parameter<'a>(body: &'a Bytes, name: &str) -> Option<&'a str> {
    let pairs = std::str::from_utf8(body).ok()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))
}

fn operation(service: &str, method: &str, path: &str, body: &Bytes) -> String {
    let operation = match service {
        "lambda" => lambda_operation(method, path),
        "s3" if method == "HEAD" => Some("HeadObject"),
        _ => parameter(body, "Action"),
    };
    operation.map_or_else(|| format!("{method} {path}"), str::to_owned)
}

/// By the request URIs of <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>, each of which begins with
/// the date of its version.
fn lambda_operation(method: &str, path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).skip(1).collect();
    Some(match (method, parts.as_slice()) {
        ("GET", ["functions"]) => "ListFunctions",
        ("POST", ["functions"]) => "CreateFunction",
        ("GET", ["functions", _]) => "GetFunction",
        ("DELETE", ["functions", _]) => "DeleteFunction",
        ("PUT", ["functions", _, "code"]) => "UpdateFunctionCode",
        ("PUT", ["functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("GET", ["functions", _, "versions"]) => "ListVersionsByFunction",
        ("POST", ["functions", _, "versions"]) => "PublishVersion",
        ("GET", ["functions", _, "aliases"]) => "ListAliases",
        ("POST", ["functions", _, "aliases"]) => "CreateAlias",
        ("PUT", ["functions", _, "aliases", _]) => "UpdateAlias",
        ("DELETE", ["functions", _, "aliases", _]) => "DeleteAlias",
        ("GET", ["functions", _, "policy"]) => "GetPolicy",
        ("POST", ["functions", _, "policy"]) => "AddPermission",
        ("DELETE", ["functions", _, "policy", _]) => "RemovePermission",
        ("PUT", ["functions", _, "concurrency"]) => "PutFunctionConcurrency",
        ("DELETE", ["functions", _, "concurrency"]) => "DeleteFunctionConcurrency",
        ("GET", ["functions", _, "provisioned-concurrency"]) => "ListProvisionedConcurrencyConfigs",
        ("PUT", ["functions", _, "provisioned-concurrency"]) => "PutProvisionedConcurrencyConfig",
        ("DELETE", ["functions", _, "provisioned-concurrency"]) => "DeleteProvisionedConcurrencyConfig",
        ("GET", ["functions", _, "url"]) => "GetFunctionUrlConfig",
        ("POST", ["functions", _, "url"]) => "CreateFunctionUrlConfig",
        ("PUT", ["functions", _, "url"]) => "UpdateFunctionUrlConfig",
        ("DELETE", ["functions", _, "url"]) => "DeleteFunctionUrlConfig",
        ("GET", ["functions", _, "event-invoke-config"]) => "GetFunctionEventInvokeConfig",
        ("PUT", ["functions", _, "event-invoke-config"]) => "PutFunctionEventInvokeConfig",
        ("DELETE", ["functions", _, "event-invoke-config"]) => "DeleteFunctionEventInvokeConfig",
        ("GET", ["functions", _, "code-signing-config"]) => "GetFunctionCodeSigningConfig",
        ("PUT", ["functions", _, "code-signing-config"]) => "PutFunctionCodeSigningConfig",
        ("DELETE", ["functions", _, "code-signing-config"]) => "DeleteFunctionCodeSigningConfig",
        ("GET", ["functions", _, "recursion-config"]) => "GetFunctionRecursionConfig",
        ("PUT", ["functions", _, "recursion-config"]) => "PutFunctionRecursionConfig",
        ("GET", ["functions", _, "runtime-management-config"]) => "GetRuntimeManagementConfig",
        ("PUT", ["functions", _, "runtime-management-config"]) => "PutRuntimeManagementConfig",
        ("GET", ["event-source-mappings"]) => "ListEventSourceMappings",
        ("POST", ["event-source-mappings"]) => "CreateEventSourceMapping",
        ("PUT", ["event-source-mappings", _]) => "UpdateEventSourceMapping",
        ("DELETE", ["event-source-mappings", _]) => "DeleteEventSourceMapping",
        ("GET", ["tags", ..]) => "ListTags",
        ("POST", ["tags", ..]) => "TagResource",
        ("DELETE", ["tags", ..]) => "UntagResource",
        _ => return None,
    })
}
