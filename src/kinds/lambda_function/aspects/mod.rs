//! What a function has beside its code and configuration, each with AWS calls of its own. One file holds one aspect:
//! its part of the spec, what is observed of it, its plan, its steps and what the status says of it.
//!
//! An aspect that the spec does not name and that was never applied is not read, planned or reported.

pub mod aliases;
pub mod code_signing;
pub mod event_invoke;
pub mod event_sources;
pub mod observe;
pub mod permissions;
pub mod plan;
pub mod provisioned_concurrency;
pub mod recursion;
pub mod report;
pub mod reserved_concurrency;
pub mod runtime_management;
pub mod spec;
pub mod step;
#[cfg(test)]
mod testing;
pub mod url;
pub mod versions;

use std::hash::{Hash, Hasher};

use crate::cloud::ownership::{PREFIX, Tags};

use self::spec::{AspectsSpec, AspectsStatus, Setting};

pub use self::{observe::Observed, step::Step};

/// What the aspects should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// What the spec says.
    pub spec: AspectsSpec,
    /// The ownership tags, for what can carry them.
    pub owner_tags: Tags,
}

/// By the spec as it is written, which saves a hash of each type in it.
impl Hash for Desired {
    fn hash<H: Hasher>(&self, state: &mut H) {
        serde_json::to_string(&self.spec).unwrap_or_default().hash(state);
        self.owner_tags.hash(state);
    }
}

impl Desired {
    /// Of the spec, for a function with these tags.
    pub fn new(spec: &AspectsSpec, function_tags: &Tags) -> Self {
        let owner_tags = function_tags.iter().filter(|(key, _)| key.starts_with(PREFIX));
        Self { spec: spec.clone(), owner_tags: owner_tags.map(|(key, value)| (key.clone(), value.clone())).collect() }
    }

    /// The sources whose event source mappings a sweep looks at.
    pub fn source_arns(&self) -> impl Iterator<Item = &str> {
        self.spec.event_sources.iter().flatten().map(|source| source.arn.as_str())
    }

    /// Whether there is something that no sweep sees. A sweep sees event source mappings.
    pub fn needs_recheck(&self) -> bool {
        let swept = AspectsSpec { event_sources: self.spec.event_sources.clone(), ..AspectsSpec::default() };
        self.spec != swept
    }
}

/// All that a plan of an aspect depends on.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Name of the function.
    pub function: &'a str,
    /// What should be.
    pub desired: &'a Desired,
    /// What was applied.
    pub status: &'a AspectsStatus,
    /// What there is.
    pub observed: &'a Observed,
}

impl View<'_> {
    fn is_applied(&self, setting: Setting) -> bool {
        self.status.applied_settings.contains(&setting)
    }
}

/// What the spec gives, or the default if it gave something before.
fn wanted<T>(given: Option<T>, applied: bool, default: T) -> Option<T> {
    given.or(applied.then_some(default))
}

/// Notes that a setting is applied, or that it no longer is.
fn note(status: &mut AspectsStatus, setting: Setting, applied: bool) {
    note_in(&mut status.applied_settings, setting, applied);
}

fn note_in<T: Ord>(settings: &mut Vec<T>, setting: T, applied: bool) {
    settings.retain(|other| *other != setting);
    if applied {
        settings.push(setting);
        settings.sort();
    }
}
