//! privatelink-operator: a private path from an EC2 instance to a Lambda function, as three manifests in Git.
//!
//! One pass over one object is a pipeline, the same for every kind:
//!
//! ```text
//!  watch ─┐                                                   ┌─ one AWS write a step
//!  sweep ─┼─> engine ─> resolve ─> desired ─> observe ─> plan ─> apply ─┐
//!  timer ─┘              reads      pure       reads      pure          │
//!                                                 ^                     │
//!                                                 └── until converged ──┘─> report ─> one status write
//! ```
//!
//! - [`engine`] drives any [`engine::kind::Kind`]; it names none and knows nothing of AWS.
//! - [`kinds`] is the registry; a kind is one folder below it.
//! - [`cloud`] holds the AWS ports, their SDK adapters, and what all kinds share.
//! - [`permissions`] says what the operator may do in AWS, [`rbac`] what in the cluster; [`generated`] writes what of
//!   `crds/`, `docs/` and the chart comes from the code.
//! - [`run`] is the process around it, [`cli`] its command line.

pub mod cli;
pub mod cloud;
pub mod engine;
pub mod generated;
pub mod kinds;
pub mod permissions;
pub mod rbac;
pub mod reference;
pub mod run;
