//! The custom resources themselves, as a port: the few reads and writes that the engine makes on them.

use async_trait::async_trait;
use serde_json::Value;

use super::{failure::Failure, kind::Step};

/// Reads and writes of the custom resources of one kind. All writes are bound to the object's uid; one that
/// meets another uid or version fails with `Class::Conflict`.
#[async_trait]
pub trait Objects: Send + Sync {
    /// The live object, or `None`.
    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Value>, Failure>;

    /// Replaces the finalizers of exactly this version of the object; returns the new object, or `None`
    /// when the object went away with its last finalizer.
    async fn set_finalizers(&self, object: &Value, finalizers: &[String]) -> Result<Option<Value>, Failure>;

    /// Replaces the whole status of the object with this uid.
    async fn write_status(&self, namespace: &str, name: &str, uid: &str, status: &Value) -> Result<(), Failure>;
}

/// Something worth telling the user, about one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// `Warning` for what the user should look at; `Normal` otherwise.
    pub warning: bool,
    /// CamelCase reason.
    pub reason: String,
    /// CamelCase verb: what was done or tried.
    pub action: String,
    /// The text.
    pub note: String,
}

impl Event {
    /// A step was taken: on the way to what the spec says, or to repair drift from it.
    pub fn of_step(step: &impl Step, deleting: bool, drift: bool) -> Self {
        let (reason, action, note) = if drift {
            ("DriftRepaired", "Repair", format!("{step}: AWS no longer held what had been applied"))
        } else {
            (step.reason(), action(deleting), step.to_string())
        };
        Self { warning: false, reason: reason.to_owned(), action: action.to_owned(), note }
    }

    /// Somebody should look at it.
    pub fn warning(reason: &str, deleting: bool, note: &str) -> Self {
        Self { warning: true, reason: reason.to_owned(), action: action(deleting).to_owned(), note: note.to_owned() }
    }

    /// What is waited for takes long.
    pub fn overdue(reason: &str, deleting: bool, note: &str) -> Self {
        Self { warning: false, ..Self::warning(reason, deleting, note) }
    }
}

fn action(deleting: bool) -> &'static str {
    if deleting { "Delete" } else { "Reconcile" }
}

/// Takes Events. A failure to publish never fails a pass.
#[async_trait]
pub trait Events: Send + Sync {
    /// Publishes an Event about the object (its JSON gives kind, name and uid).
    async fn publish(&self, object: &Value, event: Event);
}
