//! The ports over the AWS SDK for Rust. What every call has in common (time-outs, attempts, measuring, faults,
//! pages) stands in `call`; the adapters only translate between the ports' records and AWS's shapes.

mod call;
mod connect;
mod ec2;
mod iam;
mod lambda;
#[cfg(test)]
mod replay;
mod s3;
mod trust;

pub use call::CallObserver;
pub use connect::{ConnectSettings, SdkConnect, default_region};
pub use trust::BundleError;
