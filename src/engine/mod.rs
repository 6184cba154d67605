//! The engine: generic over [`kind::Kind`], it knows nothing of AWS.

pub mod cluster;
pub mod conditions;
pub mod contract;
pub mod controller;
pub mod events;
pub mod failure;
pub mod fence;
pub mod finalizer;
pub mod kind;
pub mod memory;
pub mod objects;
pub mod observer;
pub mod priority;
pub mod reconcile;
pub mod references;
pub mod requeue;
pub mod status;
pub mod tenure;
pub mod wake;
pub mod watch;
