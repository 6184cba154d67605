//! The model of AWS, and the kinds run through it.

mod aspect_case;
mod aspect_conformance;
mod aspect_fields;
mod conformance;
mod conformance_function;
mod convergence;
mod function_calls;
mod function_code;
mod function_environment;
mod function_fields;
mod function_fixture;
mod function_peers;
mod function_role;
mod function_states;
mod function_vpc;
mod harness;
mod scenarios;
mod together;
