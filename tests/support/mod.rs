//! What the integration tests stand on.

pub mod live;
pub mod model;
pub mod records;
pub mod statuses;
