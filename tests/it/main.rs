//! The one integration test crate: a link takes long.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod chart;
mod crds;
mod docs;
mod live;
mod model;
mod monitoring;
mod security;
mod torture;
