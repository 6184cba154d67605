//! The model of AWS, and the kinds run through it.

mod conformance;
mod convergence;
mod harness;
mod scenarios;
mod together;
