//! A proxy in front of the apiserver, for one operator, that notes every request and every watched event, and has go wrong
//! what it is told to.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt, TryStreamExt};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tokio::time::sleep;
use tokio_util::{
    codec::{FramedRead, LinesCodec},
    io::StreamReader,
};

use super::{
    fault::{Fault, Pending, SLOW, broken_off, killed},
    upstream,
};

/// For how long a watch shows nothing.
const FROZEN: Duration = Duration::from_secs(10);

/// What goes wrong with one request, or at one event of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// 409, and nothing happens.
    Conflict,
    /// 429 with a `Retry-After` of a second, and nothing happens.
    TooManyRequests,
    /// 500, and nothing happens.
    InternalError,
    /// The answer comes late.
    Slow,
    /// The connection is cut, and nothing happens.
    Unsent,
    /// It has its effect, and the answer breaks off.
    AnswerLost,
    /// kill -9 of the operator before it reaches the apiserver.
    KilledBefore,
    /// kill -9 of the operator after its effect and before the answer.
    KilledAfter,
    /// The watch breaks off before the event.
    Cut,
    /// 410 in place of the event: what the watch was at is not known any more.
    Gone,
    /// The watch shows nothing for [`FROZEN`].
    Frozen,
}

impl Trouble {
    /// All that can happen to a write.
    pub const WRITE: &[Self] = &[
        Self::Conflict,
        Self::TooManyRequests,
        Self::InternalError,
        Self::Slow,
        Self::Unsent,
        Self::AnswerLost,
        Self::KilledBefore,
        Self::KilledAfter,
    ];
    /// All that can happen to a read.
    pub const READ: &[Self] = &[Self::TooManyRequests, Self::InternalError, Self::Slow, Self::Unsent];
    /// All that can happen at an event of a watch.
    pub const EVENT: &[Self] = &[Self::Cut, Self::Gone, Self::Frozen];
}

/// A running proxy. It ends with the test's runtime.
pub struct Apiserver {
    notes: Arc<Notes>,
    folder: tempfile::TempDir,
}

struct Notes {
    client: Client,
    operations: Mutex<Vec<String>>,
    fault: Pending<Trouble>,
}

impl Apiserver {
    /// Listens on a free port of 127.0.0.1, and passes on with what this kubeconfig allows.
    pub async fn start(kubeconfig: &Path) -> Self {
        let mut kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let notes = Arc::new(Notes { client, operations: Mutex::default(), fault: Pending::default() });
        let address = upstream::serve(Router::new().fallback(forward).with_state(notes.clone()));
        for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(format!("http://{address}"));
        }
        let folder = tempfile::tempdir().unwrap();
        let proxy = Self { notes, folder };
        std::fs::write(proxy.kubeconfig(), serde_json::to_string(&kubeconfig).unwrap()).unwrap();
        proxy
    }

    /// The kubeconfig of the operator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The requests and watched events so far, such as `patch vpcendpoints/status` and `event vpcendpoints`.
    pub fn operations(&self) -> Vec<String> {
        self.notes.operations.lock().unwrap().clone()
    }

    /// What is to go wrong.
    pub fn fault(&self) -> &Pending<Trouble> {
        &self.notes.fault
    }
}

async fn forward(State(notes): State<Arc<Notes>>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let operation = operation(&head.method, &head.uri);
    notes.operations.lock().unwrap().push(operation.clone());
    // The client brings its own.
    for name in [header::HOST, header::AUTHORIZATION, header::CONTENT_LENGTH] {
        head.headers.remove(name);
    }
    let answer = match notes.fault.due(&operation) {
        Some(fault) => notes.troubled(&fault, &head, &body).await,
        None => notes.pass_on(&head, &body).await,
    };
    match operation.strip_prefix("watch ") {
        Some(resource) => watched(notes, format!("event {resource}"), answer),
        None => answer,
    }
}

impl Notes {
    async fn pass_on(&self, head: &Parts, body: &Bytes) -> Response {
        let body = kube::client::Body::from(body.to_vec());
        match self.client.send(Request::from_parts(head.clone(), body)).await {
            Ok(answer) => answer.map(Body::new),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }

    async fn troubled(&self, fault: &Fault<Trouble>, head: &Parts, body: &Bytes) -> Response {
        match fault.trouble {
            Trouble::Conflict => refused(StatusCode::CONFLICT, "Conflict"),
            Trouble::TooManyRequests => {
                ([(header::RETRY_AFTER, "1")], refused(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests"))
                    .into_response()
            }
            Trouble::InternalError => refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
            Trouble::Slow => {
                sleep(SLOW).await;
                self.pass_on(head, body).await
            }
            Trouble::Unsent => broken_off(StatusCode::OK.into_response()),
            Trouble::AnswerLost => broken_off(self.pass_on(head, body).await),
            Trouble::KilledBefore => killed(fault.operator),
            Trouble::KilledAfter => {
                self.pass_on(head, body).await;
                killed(fault.operator)
            }
            Trouble::Cut | Trouble::Gone | Trouble::Frozen => unreachable!("that happens to events"),
        }
    }
}

/// The Status that the apiserver answers with.
fn refused(code: StatusCode, reason: &str) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], status(code, reason).to_string()).into_response()
}

fn status(code: StatusCode, reason: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "reason": reason,
        "message": format!("{reason}, as planned"),
        "code": code.as_u16(),
    })
}

/// The watch, event by event.
fn watched(notes: Arc<Notes>, operation: String, answer: Response) -> Response {
    if !answer.status().is_success() {
        return answer;
    }
    let (head, body) = answer.into_parts();
    let lines =
        FramedRead::new(StreamReader::new(body.into_data_stream().map_err(io::Error::other)), LinesCodec::new());
    let events = lines.map_err(io::Error::other).then(move |line| event(notes.clone(), operation.clone(), line));
    Response::from_parts(head, Body::from_stream(until_error(events)))
}

async fn event(notes: Arc<Notes>, operation: String, line: io::Result<String>) -> io::Result<Bytes> {
    let mut line = line?;
    if !line.contains("\"BOOKMARK\"") {
        notes.operations.lock().unwrap().push(operation.clone());
        match notes.fault.due(&operation).map(|fault| fault.trouble) {
            None => {}
            Some(Trouble::Gone) => {
                line = json!({ "type": "ERROR", "object": status(StatusCode::GONE, "Expired") }).to_string();
            }
            Some(Trouble::Frozen) => sleep(FROZEN).await,
            Some(_) => return Err(io::Error::other("cut")),
        }
    }
    Ok(Bytes::from(line + "\n"))
}

/// Ends with the first error.
fn until_error(
    events: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    futures::stream::try_unfold(Box::pin(events), |mut events| async {
        Ok(events.next().await.transpose()?.map(|event| (event, events)))
    })
}

/// Such as `patch vpcendpoints/status`.
fn operation(method: &Method, uri: &Uri) -> String {
    let path: Vec<_> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let group = if path.first() == Some(&"api") { 2 } else { 3 };
    let within = path.get(group..).unwrap_or_default();
    let within = if within.first() == Some(&"namespaces") && within.len() > 2 { &within[2..] } else { within };
    let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
    let verb = match (method.as_str(), within.len()) {
        _ if watches => "watch",
        ("GET", 0 | 1) => "list",
        ("GET", _) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        (other, _) => other,
    };
    match within {
        [resource, _, subresource] => format!("{verb} {resource}/{subresource}"),
        [resource, ..] => format!("{verb} {resource}"),
        [] => format!("{verb} {}", uri.path()),
    }
}

#[test]
fn operations_are_told_by_verb_and_resource() {
    let of = |method: Method, uri: &'static str| operation(&method, &Uri::from_static(uri));
    assert_eq!(of(Method::GET, "/apis/privatelink.dev/v1alpha1/vpcendpoints?watch=true"), "watch vpcendpoints");
    assert_eq!(of(Method::GET, "/apis/privatelink.dev/v1alpha1/vpcendpoints?limit=500"), "list vpcendpoints");
    assert_eq!(of(Method::GET, "/apis/privatelink.dev/v1alpha1/namespaces/a/vpcendpoints/e"), "get vpcendpoints");
    assert_eq!(
        of(Method::PATCH, "/apis/privatelink.dev/v1alpha1/namespaces/a/vpcendpoints/e/status"),
        "patch vpcendpoints/status"
    );
    assert_eq!(of(Method::POST, "/apis/events.k8s.io/v1/namespaces/a/events"), "create events");
    assert_eq!(of(Method::GET, "/api/v1/namespaces/kube-system"), "get namespaces");
}
