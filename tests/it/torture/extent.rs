//! How much of what was generated is run: `PRIVATELINK_TORTURE` is `all`, or a part of the ids that are wanted. Without
//! it, a sample that is the same each time.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// One in so many.
    Sample,
    /// Everything.
    All,
    /// What has this in its id.
    Only(String),
}

impl Extent {
    /// As the environment has it.
    pub fn wanted() -> Self {
        match std::env::var("PRIVATELINK_TORTURE") {
            Err(_) => Self::Sample,
            Ok(all) if all == "all" => Self::All,
            Ok(part) => Self::Only(part),
        }
    }

    /// Whether this one is run, where the sample is one in `stride`.
    pub fn includes(&self, id: &str, stride: u64) -> bool {
        match self {
            Self::Sample => {
                let mut hasher = DefaultHasher::new();
                id.hash(&mut hasher);
                hasher.finish().is_multiple_of(stride)
            }
            Self::All => true,
            Self::Only(part) => id.contains(part.as_str()),
        }
    }
}
