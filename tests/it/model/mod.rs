//! The model of AWS, and the kinds run through it.

mod conformance;
mod conformance_role;
mod convergence;
mod endpoint_adoption;
mod endpoint_calls;
mod endpoint_diagnosis;
mod endpoint_fields;
mod endpoint_states;
mod harness;
mod role_calls;
mod role_fields;
mod role_guardrails;
mod role_instances;
mod role_peers;
mod role_waits;
mod scenarios;
mod together;
