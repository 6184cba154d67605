//! For tests: AWS's side of the wire. Gives prepared answers in their order and keeps what was asked.

use std::{
    collections::VecDeque,
    fmt, io,
    sync::{Arc, Mutex},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

use crate::cloud::{
    fault::{Fault, Service},
    limits::{
        Limits,
        budget::{Budget, Rates},
    },
};

use super::{CallObserver, call::Caller};

/// What happens to a request.
#[derive(Clone)]
pub enum Answer {
    /// Status, error type or other header, body.
    Http(u16, Option<(&'static str, &'static str)>, String),
    /// The connection breaks.
    Broken(io::ErrorKind),
    /// Nothing comes, ever.
    Nothing,
}

/// An answer with status 200.
pub fn ok(body: &str) -> Answer {
    Answer::Http(200, None, body.to_owned())
}

/// A refusal as EC2 words it.
pub fn ec2_error(code: &str, message: &str) -> Answer {
    let body = format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>r-1</RequestID></Response>"
    );
    Answer::Http(400, None, body)
}

/// A refusal as IAM and STS word it.
pub fn query_error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>r-1</RequestId></ErrorResponse>"
    );
    Answer::Http(status, None, body)
}

/// A refusal as Lambda words it.
pub fn lambda_error(status: u16, code: &'static str, message: &str) -> Answer {
    Answer::Http(status, Some(("x-amzn-errortype", code)), format!(r#"{{"Type":"User","Message":"{message}"}}"#))
}

/// One request as it was sent.
pub struct Request {
    /// With path and query.
    pub uri: String,
    /// The header `x-amz-user-agent`.
    pub user_agent: String,
    /// Form or JSON.
    pub body: String,
}

/// The other side, and the observer of the calls.
#[derive(Default)]
pub struct Replay {
    answers: Mutex<VecDeque<Answer>>,
    always: Option<Answer>,
    requests: Mutex<Vec<Request>>,
    calls: Mutex<Vec<(Service, &'static str, String)>>,
}

impl Replay {
    /// Answers once with each of these.
    pub fn new(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() })
    }

    /// Answers always with this.
    pub fn always(answer: Answer) -> Arc<Self> {
        Arc::new(Self { always: Some(answer), ..Self::default() })
    }

    /// A configuration that leads here.
    pub fn config(self: &Arc<Self>) -> SdkConfig {
        let replay = self.clone();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("ap-northeast-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("AKID", "key", None, None, "test")))
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(Connector(replay.clone()))))
            .build()
    }

    /// A caller that leads here, whose budgets are full.
    pub fn caller(self: &Arc<Self>) -> Caller {
        Caller::new(self.clone(), Arc::new(Limits::new(Rates::default())), "ap-northeast-1")
    }

    /// The request bodies so far, decoded from their form encoding.
    pub fn bodies(&self) -> Vec<String> {
        let decoded =
            |request: &Request| percent_encoding::percent_decode_str(&request.body).decode_utf8_lossy().into_owned();
        self.requests.lock().unwrap().iter().map(decoded).collect()
    }

    /// The addresses asked so far.
    pub fn uris(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|request| request.uri.clone()).collect()
    }

    /// The user agents seen so far.
    pub fn user_agents(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|request| request.user_agent.clone()).collect()
    }

    /// The calls observed so far: operation and code.
    pub fn calls(&self) -> Vec<(Service, &'static str, String)> {
        self.calls.lock().unwrap().clone()
    }

    /// How many requests a failing call makes.
    pub async fn attempts<T>(&self, call: impl Future<Output = Result<T, Fault>>) -> usize {
        let before = self.requests.lock().unwrap().len();
        assert!(call.await.is_err(), "the call must fail");
        self.requests.lock().unwrap().len() - before
    }
}

impl CallObserver for Replay {
    fn call(&self, service: Service, operation: &'static str, code: &str, seconds: f64) {
        assert!(seconds >= 0.0);
        self.calls.lock().unwrap().push((service, operation, code.to_owned()));
    }

    fn waited(&self, _budget: Budget, seconds: f64, _sent: bool) {
        assert!(seconds >= 0.0);
    }
}

struct Connector(Arc<Replay>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        self.0.requests.lock().unwrap().push(Request {
            uri: request.uri().to_owned(),
            user_agent: request.headers().get("x-amz-user-agent").unwrap_or_default().to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
        });
        let answer = self.0.answers.lock().unwrap().pop_front().or_else(|| self.0.always.clone());
        match answer.expect("a request that no answer was prepared for") {
            Answer::Http(status, header, body) => {
                let status = StatusCode::try_from(status).unwrap();
                let mut response = HttpResponse::new(status, SdkBody::from(body));
                if let Some((name, value)) = header {
                    response.headers_mut().insert(name, value);
                }
                HttpConnectorFuture::ready(Ok(response))
            }
            Answer::Broken(kind) => HttpConnectorFuture::ready(Err(ConnectorError::io(io::Error::from(kind).into()))),
            Answer::Nothing => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}
