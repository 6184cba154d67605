//! What users and the world do to one object, from the beginning to rest.

use std::{fmt, time::Duration};

use privatelink_operator::{
    cloud::World,
    engine::{kind::Kind, reconcile::Outcome},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    model::harness::{Case, Run},
    support::model::{Model, drift::Drift, replica::Lag},
};

use super::play::recover;

/// One course of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Made from nothing.
    Create,
    /// Deleted as soon as the trouble has come while it was made; nothing is left.
    Abandon,
    /// Changed in the case's n-th way.
    Update(usize),
    /// Changed in the case's n-th way, and changed back as soon as the trouble has come meanwhile.
    Undo(usize),
    /// Deleted.
    Delete,
    /// Deleted, and made again under the same name.
    Recreate,
    /// Retained, and applied again later.
    TakeBack,
    /// Somebody has written over each text in the status.
    Scribble,
    /// Somebody has changed or removed something in AWS.
    Drift(Drift),
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Update(n) => write!(f, "update-{n}"),
            Self::Undo(n) => write!(f, "undo-{n}"),
            Self::Drift(drift) => write!(f, "drift-{drift:?}"),
            other => write!(f, "{}", format!("{other:?}").to_lowercase()),
        }
    }
}

/// What an object is held back by that seems to be from elsewhere.
const PINNED: [&str; 2] = ["/status/accountId", "/status/region"];

/// Leaves no text of the status as it was, but for what the apiserver would not let through.
fn scribble<K: Kind>(object: &mut Value) {
    let mut texts = Vec::new();
    each_text(&object["status"], "/status", &mut texts);
    for path in texts.into_iter().filter(|path| !PINNED.contains(&path.as_str())) {
        let mut changed = object.clone();
        if let Some(Value::String(text)) = changed.pointer_mut(&path) {
            text.push_str("-not");
        }
        if serde_json::from_value::<K>(changed.clone()).is_ok() {
            *object = changed;
        }
    }
}

fn each_text(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| each_text(item, &format!("{path}/{n}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| each_text(field, &format!("{path}/{name}"), found));
        }
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

impl Scenario {
    /// All that a case can go through.
    pub fn of(case: &Case) -> Vec<Self> {
        let mut all = vec![Self::Create, Self::Abandon, Self::Delete, Self::Recreate, Self::TakeBack, Self::Scribble];
        all.extend((0..case.updates.len()).flat_map(|n| [Self::Update(n), Self::Undo(n)]));
        all.extend(case.drifts.iter().copied().map(Self::Drift));
        all
    }

    /// How the object is when it begins.
    pub async fn begin<K: Kind<World = World>>(self, case: &Case) -> Run<K> {
        match self {
            Self::Create | Self::Abandon => Run::begin(case, Lag::NONE).await,
            Self::TakeBack => {
                let mut run = Run::<K>::converged(case, Lag::NONE).await;
                run.edit(|object| object["spec"]["deletionPolicy"] = json!("Retain"));
                run.expect(Outcome::Converged).await;
                run.delete();
                run.expect(Outcome::Gone).await;
                run
            }
            _ => {
                let run = Run::converged(case, Lag::NONE).await;
                sleep(Duration::from_mins(2)).await;
                run
            }
        }
    }

    /// It takes its course, to rest.
    pub async fn run<K: Kind<World = World>>(self, run: &mut Run<K>, case: &Case) {
        match self {
            Self::Create => {}
            Self::Abandon => {
                run.settle_until(Model::has_met_trouble).await;
                run.restart_if_stopped();
                run.delete();
                return run.expect(Outcome::Gone).await;
            }
            Self::Update(n) => run.edit(|object| case.updates[n](&mut object["spec"])),
            Self::Undo(n) => {
                run.edit(|object| case.updates[n](&mut object["spec"]));
                run.settle_until(Model::has_met_trouble).await;
                run.restart_if_stopped();
                run.edit(|object| object["spec"] = (case.spec)());
            }
            Self::Delete => {
                run.delete();
                return run.expect(Outcome::Gone).await;
            }
            Self::Recreate => {
                run.delete();
                run.expect(Outcome::Gone).await;
                run.create(&(case.spec)());
            }
            Self::TakeBack => run.create(&(case.spec)()),
            Self::Scribble => run.edit(scribble::<K>),
            Self::Drift(drift) => run.model.drift(&run.uid, drift),
        }
        recover(run).await;
    }

    /// Whether nothing is left in the end.
    pub fn ends_in_nothing(self) -> bool {
        matches!(self, Self::Abandon | Self::Delete)
    }
}
