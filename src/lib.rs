//! privatelink-operator.
#![forbid(unsafe_code)]

pub mod cloud;
pub mod engine;
pub mod kinds;
