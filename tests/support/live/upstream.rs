//! What a stand-in for a server shares with the others: it listens on a free port, and passes on what it does not answer itself.

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// Serves on a free port of 127.0.0.1 until the runtime ends.
pub fn serve(router: Router) -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

/// The server behind, by plain HTTP.
pub struct Upstream {
    url: String,
    client: Client<HttpConnector, Body>,
}

impl Upstream {
    /// At this address.
    pub fn at(url: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { url: url.trim_end_matches('/').to_owned(), client }
    }

    /// Its answer; 502 when there is none.
    pub async fn pass_on(&self, head: &Parts, body: &Bytes) -> Response {
        let mut head = head.clone();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("{}{path}", self.url).parse::<Uri>().unwrap();
        head.headers.remove(header::HOST);
        match self.client.request(Request::from_parts(head, Body::from(body.clone()))).await {
            Ok(answer) => answer.map(Body::new),
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }
}
