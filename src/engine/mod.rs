//! The engine: generic over [`kind::Kind`], it knows nothing of AWS.

pub mod contract;
pub mod failure;
pub mod kind;
pub mod objects;
pub mod references;
