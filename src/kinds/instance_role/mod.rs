//! `InstanceRole`.
pub mod spec;
