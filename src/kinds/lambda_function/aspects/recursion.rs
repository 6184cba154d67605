//! Detection of recursive loops: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>.

use serde::{Deserialize, Serialize};

/// What AWS does about a function that invokes itself in a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum RecursiveLoop {
    /// Nothing.
    Allow,
    /// It stops the function's invocation.
    Terminate,
}

impl RecursiveLoop {
    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Terminate => "Terminate",
        }
    }
}
