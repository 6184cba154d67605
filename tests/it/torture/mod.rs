//! What can go wrong is generated, not thought up: `model` has each trouble at each call of each scenario, `seeds` random
//! walks. A sample runs with all tests, everything by `make torture`.

pub mod extent;
pub mod failure;
mod model;
mod plan;
mod play;
mod scenario;
mod seeds;
