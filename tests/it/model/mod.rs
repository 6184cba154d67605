//! The model of AWS, and the kinds run through it.

mod conformance;
mod conformance_endpoints;
mod convergence;
mod endpoint_adoption;
mod endpoint_calls;
mod endpoint_diagnosis;
mod endpoint_fields;
mod endpoint_peers;
mod endpoint_states;
mod harness;
mod scenarios;
mod together;
