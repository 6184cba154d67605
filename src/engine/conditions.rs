//! How an object stands, as conditions that kstatus, Flux and Argo CD read alike at every instant:
//! Ready is always there; Reconciling only while working, and then Ready is Unknown, or False when it keeps
//! failing; Stalled only when nothing but a change helps, and then Ready is False for the same reason.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Longest message, in bytes.
const MESSAGE: usize = 1024;
const READY: &str = "Ready";
const RECONCILING: &str = "Reconciling";
const STALLED: &str = "Stalled";

/// How an object stands after a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// AWS holds what the spec says.
    Ready {
        /// One line on what AWS holds.
        message: String,
    },
    /// Under way.
    Working {
        /// CamelCase reason.
        reason: String,
        /// What is under way or waited for.
        message: String,
    },
    /// Under way, but failing for so long that somebody should look.
    Failing {
        /// CamelCase reason.
        reason: String,
        /// What fails.
        message: String,
    },
    /// Only a change of the spec or of the world helps.
    Stalled {
        /// CamelCase reason.
        reason: String,
        /// The field at fault and what helps.
        message: String,
    },
}

/// Writes the standing into the conditions. A transition time moves only with its status.
pub fn set(conditions: &mut Vec<Condition>, standing: &Standing, generation: i64, now: Timestamp) {
    let (ready, other, reason, message) = match standing {
        Standing::Ready { message } => ("True", None, "Available", message),
        Standing::Working { reason, message } => ("Unknown", Some(RECONCILING), reason.as_str(), message),
        Standing::Failing { reason, message } => ("False", Some(RECONCILING), reason.as_str(), message),
        Standing::Stalled { reason, message } => ("False", Some(STALLED), reason.as_str(), message),
    };
    let message = truncated(message, MESSAGE);
    let make = |type_: &str, status: &str| Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.clone(),
        observed_generation: Some(generation),
        last_transition_time: conditions
            .iter()
            .find(|old| old.type_ == type_ && old.status == status)
            .map_or_else(|| Time(whole_seconds(now)), |old| old.last_transition_time.clone()),
    };
    let next: Vec<_> = std::iter::once(make(READY, ready)).chain(other.map(|type_| make(type_, "True"))).collect();
    *conditions = next;
}

/// Reason and message of the Ready condition.
pub fn ready(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|c| c.type_ == READY)
}

/// Whether a condition carries this reason and message.
pub fn says(condition: &Condition, reason: &str, message: &str) -> bool {
    condition.reason == reason && condition.message == truncated(message, MESSAGE)
}

fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// The text, cut on a character to at most so many bytes.
pub fn truncated(message: &str, bytes: usize) -> String {
    if message.len() <= bytes {
        return message.to_owned();
    }
    let mut end = bytes.saturating_sub('…'.len_utf8());
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn working(reason: &str) -> Standing {
        Standing::Working { reason: reason.into(), message: "m".into() }
    }

    fn shape(conditions: &[Condition]) -> Vec<(&str, &str, &str)> {
        conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str())).collect()
    }

    #[test]
    fn every_standing_has_one_encoding() {
        let now = Timestamp::UNIX_EPOCH;
        for (standing, expected) in [
            (Standing::Ready { message: "m".into() }, vec![("Ready", "True", "Available")]),
            (working("Pending"), vec![("Ready", "Unknown", "Pending"), ("Reconciling", "True", "Pending")]),
            (
                Standing::Failing { reason: "X".into(), message: "m".into() },
                vec![("Ready", "False", "X"), ("Reconciling", "True", "X")],
            ),
            (
                Standing::Stalled { reason: "Y".into(), message: "m".into() },
                vec![("Ready", "False", "Y"), ("Stalled", "True", "Y")],
            ),
        ] {
            let mut conditions = Vec::new();
            set(&mut conditions, &working("Earlier"), 1, now);
            set(&mut conditions, &standing, 2, now);
            assert_eq!(shape(&conditions), expected);
            assert!(conditions.iter().all(|c| c.observed_generation == Some(2)));
        }
    }

    #[test]
    fn transition_time_moves_only_with_the_status() {
        let later = Timestamp::from_second(100).unwrap();
        let mut conditions = Vec::new();
        set(&mut conditions, &working("A"), 1, Timestamp::UNIX_EPOCH);
        set(&mut conditions, &working("B"), 2, later);
        assert_eq!(conditions[0].last_transition_time.0, Timestamp::UNIX_EPOCH);
        set(&mut conditions, &Standing::Ready { message: String::new() }, 2, later);
        assert_eq!(conditions[0].last_transition_time.0, later);
    }

    #[test]
    fn long_messages_are_cut_on_a_character() {
        let message = truncated(&"ä".repeat(2000), MESSAGE);
        assert!(message.len() <= MESSAGE && message.ends_with('…'));
        let mut conditions = Vec::new();
        let standing = Standing::Stalled { reason: "Y".into(), message: "ä".repeat(2000) };
        set(&mut conditions, &standing, 1, Timestamp::UNIX_EPOCH);
        assert!(says(&conditions[0], "Y", &"ä".repeat(2000)), "a cut message is still the same");
        assert!(!says(&conditions[0], "Y", "ä"));
    }
}
