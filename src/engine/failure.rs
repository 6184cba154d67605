//! Why a pass could not go on, in the engine's terms.

use std::{fmt, time::Duration};

/// What kind of failure it is, which alone decides when the next attempt is made (see [`super::requeue`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// AWS asked to slow down.
    Throttled,
    /// A fault of the network or the service.
    Transient,
    /// Something that this needs is not there yet, or not visible yet.
    Dependency,
    /// An object in the cluster that the spec names is missing or not ready; the watch on it wakes us.
    Reference,
    /// Somebody else changed it at the same time: read again.
    Conflict,
    /// Only a change of the spec or of the world can help.
    Terminal,
    /// The lease has run out, so nothing was written; whoever leads now goes on with it.
    NotLeader,
}

/// How many of several failures a message tells.
const TOLD: usize = 5;

/// A failed step of a pass. Holds no request id, time or count: the text ends in conditions and Events,
/// and one that changes with each attempt would be a hot loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Decides about the next attempt.
    pub class: Class,
    /// CamelCase reason for conditions and Events.
    pub reason: String,
    /// The field at fault, what AWS said, what helps.
    pub message: String,
    /// AWS's error code, if AWS answered with one.
    pub code: Option<String>,
    /// How long AWS asked to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that did not come from AWS.
    pub fn new(class: Class, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class, reason: reason.into(), message: message.into(), code: None, retry_after: None }
    }

    /// Only a change of the spec or of the world helps.
    pub fn terminal(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Class::Terminal, reason, message)
    }

    /// An object in the cluster that this names is not there yet, or lacks what is needed.
    pub fn reference(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Class::Reference, reason, message)
    }

    /// Several as one, that of the class which is tried again soonest first; `None` of none.
    pub fn all(mut failures: Vec<Self>) -> Option<Self> {
        failures.sort_by_key(|failure| failure.class == Class::Terminal);
        let messages: Vec<_> = failures.iter().take(TOLD).map(|failure| failure.message.as_str()).collect();
        let message = messages.join("; ");
        failures.into_iter().next().map(|first| Self { message, ..first })
    }

    /// Puts the field at fault in front of the message.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.message = format!("{field}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_failures_are_one_that_is_tried_again_if_any_is() {
        let failure = |class, reason: &str| Failure::new(class, reason, format!("{reason} it is"));
        assert_eq!(Failure::all(Vec::new()), None);
        let all = Failure::all(vec![failure(Class::Terminal, "No"), failure(Class::Dependency, "Later")]);
        assert_eq!(all, Some(Failure::new(Class::Dependency, "Later", "Later it is; No it is")));
    }
}
