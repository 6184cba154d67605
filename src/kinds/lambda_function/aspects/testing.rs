//! For the tests of the aspects.

#![allow(clippy::needless_pass_by_value, reason = "json!() values read best where they are used")]

use serde_json::Value;

use crate::cloud::{lambda::Function, ownership::Tags};

use super::{
    Desired, Observed, View,
    plan::plan,
    report::report,
    spec::{AspectsSpec, AspectsStatus},
};
use crate::engine::kind::Plan;

/// What a pass over function `f` depends on, with nothing observed so far.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    pub desired: Desired,
    pub status: AspectsStatus,
    pub observed: Observed,
}

impl Pass {
    /// With this spec, status and observation.
    pub fn new(spec: Value, status: Value, observed: Observed) -> Self {
        let spec: AspectsSpec = serde_json::from_value(spec).unwrap();
        let tags = Tags::from([("privatelink.dev/uid".to_owned(), "uid-1".to_owned())]);
        Self { desired: Desired::new(&spec, &tags), status: serde_json::from_value(status).unwrap(), observed }
    }

    pub fn view(&self) -> View<'_> {
        View { function: "f", desired: &self.desired, status: &self.status, observed: &self.observed }
    }

    /// The steps in words; or `Reason: message`; or nothing.
    pub fn told(&self) -> Vec<String> {
        match plan(&self.view(), "sha", "rev") {
            Plan::Converged => Vec::new(),
            Plan::Act(steps) => steps.iter().map(ToString::to_string).collect(),
            Plan::Wait { reason, message, .. } | Plan::Refuse { reason, message } => {
                vec![format!("{reason}: {message}")]
            }
        }
    }

    /// What the status comes to.
    pub fn reported(&self) -> Value {
        serde_json::to_value(report(&self.view())).unwrap()
    }

    /// What the status comes to when the steps are about to be taken.
    pub fn recorded(&self) -> Value {
        let mut status = self.status.clone();
        if let Plan::Act(steps) = plan(&self.view(), "sha", "rev") {
            for step in steps {
                step.record(&mut status);
            }
        }
        serde_json::to_value(status).unwrap()
    }
}

/// A function with this code.
pub fn function(code_sha256: &str) -> Function {
    Function { name: "f".to_owned(), code_sha256: code_sha256.to_owned(), ..Function::default() }
}
