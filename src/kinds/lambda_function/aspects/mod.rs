//! What a function has beside its code and configuration, each with AWS calls of its own. One file holds one aspect:
//! its part of the spec, what is observed of it, its plan, its steps and what the status says of it.

pub mod aliases;
pub mod event_invoke;
pub mod event_sources;
pub mod permissions;
pub mod recursion;
pub mod runtime_management;
pub mod spec;
pub mod url;
pub mod versions;
