//! The Kubernetes clients: one whose writes the fence guards, and one for the Lease alone.

use http::{Method, Request};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
};
use tower::filter::FilterLayer;

use super::metrics::CountRequests;
use crate::engine::fence::{Closed, Fence};

/// A client that sends nothing but reads while the fence is closed. It never repeats a request: the engine and the
/// watches do, by their own clocks, and a repeated write would have passed the fence long before.
pub fn fenced(mut config: Config, fence: Fence, requests: &CountRequests) -> kube::Result<Client> {
    let guard = move |request: Request<Body>| -> Result<_, Closed> {
        if request.method() != Method::GET {
            fence.check()?;
        }
        Ok(request)
    };
    config.default_retry = false;
    Ok(ClientBuilder::try_from(config)?.with_layer(requests).with_layer(&FilterLayer::new(guard)).build())
}

/// A client for the Lease, which is written while the fence is closed. The election repeats its requests itself.
pub fn for_lease(mut config: Config, requests: &CountRequests) -> kube::Result<Client> {
    config.default_retry = false;
    Ok(ClientBuilder::try_from(config)?.with_layer(requests).build())
}
