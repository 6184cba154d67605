//! One trouble at one request, which a proxy waits for.

use std::{sync::Mutex, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use rustix::process::{Pid, Signal, kill_process};

/// How late a slow answer is: within what the operator waits for it.
pub const SLOW: Duration = Duration::from_secs(3);

/// One trouble at the n-th request, from 1, of an operation.
#[derive(Clone, Debug)]
pub struct Fault<T> {
    /// Such as `CreateVpcEndpoint`.
    pub operation: String,
    /// Which of its requests.
    pub n: usize,
    /// What goes wrong.
    pub trouble: T,
    /// Process id of the operator, for the troubles that kill it.
    pub operator: u32,
}

/// What a proxy has been told to do wrong, and has not done yet.
#[derive(Debug)]
pub struct Pending<T>(Mutex<Option<Fault<T>>>);

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Pending<T> {
    /// Has this fault come; it counts the requests from now on.
    pub fn set(&self, fault: Fault<T>) {
        *self.0.lock().unwrap() = Some(fault);
    }

    /// Whether a fault that was set has not come yet.
    pub fn is_set(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    /// The fault, if this request is the one that it comes at.
    pub fn due(&self, operation: &str) -> Option<Fault<T>> {
        let mut fault = self.0.lock().unwrap();
        let due = fault.as_mut().filter(|fault| fault.operation == operation)?;
        due.n -= 1;
        if due.n > 0 {
            return None;
        }
        fault.take()
    }
}

/// kill -9; there is nobody to hear the answer.
pub fn killed(operator: u32) -> Response {
    kill_process(Pid::from_raw(operator.cast_signed()).unwrap(), Signal::KILL).unwrap();
    StatusCode::BAD_GATEWAY.into_response()
}

/// The same answer, the connection of which is cut in its body.
pub fn broken_off(answer: Response) -> Response {
    let (mut head, _) = answer.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    let parts = [Ok(Bytes::from_static(b"<")), Err(std::io::Error::other("cut"))];
    Response::from_parts(head, Body::from_stream(futures::stream::iter(parts)))
}
