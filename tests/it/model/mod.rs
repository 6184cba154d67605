//! The model of AWS, and the kinds run through it.

mod aspect_case;
mod aspect_conformance;
mod aspect_fields;
mod conformance;
mod convergence;
mod harness;
mod scenarios;
mod together;
