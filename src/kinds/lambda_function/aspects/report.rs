//! What the status says of the aspects.

use crate::engine::kind::keep;

use super::{
    View, aliases, code_signing, event_invoke, event_sources, permissions, provisioned_concurrency, recursion,
    reserved_concurrency, runtime_management, spec::AspectsStatus, url, versions,
};

/// Facts, and what counts as applied: once AWS holds what the spec says of an aspect, what was applied before and is
/// not in the spec any more is forgotten.
pub fn report(view: &View<'_>) -> AspectsStatus {
    let mut status = view.status.clone();
    versions::report(view, &mut status);
    aliases::report(view, provisioned_concurrency::is_settled(view), &mut status);
    permissions::report(view, &mut status);
    url::report(view, &mut status);
    event_invoke::report(view, &mut status);
    reserved_concurrency::report(view, &mut status);
    code_signing::report(view, &mut status);
    recursion::report(view, &mut status);
    runtime_management::report(view, &mut status);
    event_sources::report(view, &mut status);
    status
}

/// There is no function: all of its aspects went with it, but for event source mappings.
pub fn forget(status: &mut AspectsStatus) {
    let event_sources = std::mem::take(&mut status.event_sources);
    *status = AspectsStatus { event_sources, ..AspectsStatus::default() };
}

/// Adds what was applied before and is not recorded any more.
pub fn keep_records(status: &mut AspectsStatus, before: &AspectsStatus) {
    aliases::keep_records(&mut status.aliases, &before.aliases);
    event_sources::keep_records(&mut status.event_sources, &before.event_sources);
    keep(&mut status.permissions, &before.permissions);
    keep(&mut status.applied_settings, &before.applied_settings);
}
