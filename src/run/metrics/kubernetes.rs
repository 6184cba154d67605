//! Requests to the Kubernetes API, by the name and labels of client-go.

use std::task::{Context, Poll};

use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use kube::client::Body;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tower::{Layer, Service};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    code: String,
    method: String,
    host: String,
}

pub struct RequestMetrics {
    requests: Family<RequestLabels, Counter>,
}

impl RequestMetrics {
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        registry.register("rest_client_requests", "Requests to the Kubernetes API by answer", requests.clone());
        Self { requests }
    }

    pub fn layer(&self, host: &str) -> CountRequests {
        CountRequests { requests: self.requests.clone(), host: host.to_owned() }
    }
}

/// Counts the requests that go through a client.
#[derive(Clone)]
pub struct CountRequests {
    requests: Family<RequestLabels, Counter>,
    host: String,
}

impl<S> Layer<S> for CountRequests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, counts: self.clone() }
    }
}

/// A client whose requests are counted.
#[derive(Clone)]
pub struct Counted<S> {
    inner: S,
    counts: CountRequests,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let counts = self.counts.clone();
        let method = request.method().to_string();
        self.inner
            .call(request)
            .inspect(move |answer| {
                let code = answer.as_ref().map_or_else(|_| "<error>".to_owned(), |a| a.status().as_str().to_owned());
                let CountRequests { requests, host } = counts;
                requests.get_or_create(&RequestLabels { code, method, host }).inc();
            })
            .boxed()
    }
}
