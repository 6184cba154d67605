//! What the operator has to be allowed to do in AWS: `docs/iam-policy.json`, and the tables of `docs/iam-policy.md`.
//!
//! [`scope`] says where each [`Operation`] may be used, [`besides`] what AWS asks for besides the operation that is
//! called, and [`extra`] what only some installations need. [`page`] prints all three. Facts about actions, resources
//! and condition keys are those of
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

pub mod besides;
pub mod document;
pub mod extra;
pub mod page;
pub mod scope;

use std::collections::BTreeSet;

use crate::cloud::operation::Operation;

use self::{
    besides::BESIDES,
    document::{Document, Statement},
    scope::{Scope, scopes},
};

/// The policy that every installation needs. Capitals stand for what differs: `ACCOUNT`, `REGION`, `CLUSTER_ID`,
/// `ROLE_PATH` and `CODE_BUCKET`.
pub fn policy() -> Document {
    Document::new(Scope::ALL.iter().map(|&scope| statement(scope)).collect())
}

fn statement(scope: Scope) -> Statement {
    let called = Operation::ALL.iter().filter(|&&operation| scopes(operation).contains(&scope));
    let besides = BESIDES.iter().filter(|besides| besides.scope == scope);
    let actions: BTreeSet<String> = called
        .filter_map(|operation| operation.action())
        .chain(besides.flat_map(|besides| besides.actions).map(|&action| action.to_owned()))
        .collect();
    Statement::allow(&scope.sid(), actions, scope.resources(), scope.conditions())
}

#[cfg(test)]
mod tests;
