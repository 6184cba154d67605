//! The registry: the one place that lists the kinds.

pub mod instance_role;
pub mod lambda_function;
pub mod vpc_endpoint;
