//! Aliases of a function and their provisioned concurrency.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::cloud::fault::Fault;

use super::Revision;

/// An alias.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alias {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// The version that it stands for, a number or `$LATEST`.
    pub version: String,
    /// Description; empty for none.
    pub description: String,
    /// The share, from 0 to 1, of invocations that goes to another version, by its number. AWS takes one at most.
    pub weights: BTreeMap<String, f64>,
    /// Changes with each change of the alias and of its policy.
    pub revision_id: String,
}

/// What CreateAlias and UpdateAlias are called with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AliasChange {
    /// Name of the function.
    pub function: String,
    /// Name of the alias.
    pub name: String,
    /// The revision of the alias that the change was decided on; nothing for a new alias.
    pub revision_id: Revision,
    /// The version that it is to stand for; absent to leave it. A new alias needs one.
    pub version: Option<String>,
    /// New description; absent to leave it, empty for none.
    pub description: Option<String>,
    /// New weights; absent to leave them, empty for none.
    pub weights: Option<BTreeMap<String, f64>>,
}

/// Execution environments that are kept initialized.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvisionedConcurrency {
    /// Name of the alias, or the number of the version.
    pub qualifier: String,
    /// How many were asked for.
    pub requested: i32,
    /// `IN_PROGRESS`, `READY` or `FAILED`.
    pub status: String,
    /// Why they are not ready.
    pub reason: Option<String>,
}

/// The calls on aliases.
#[async_trait]
pub trait Aliases: Send + Sync {
    /// ListAliases, all pages.
    async fn aliases(&self, function: &str) -> Result<Vec<Alias>, Fault>;
    /// CreateAlias.
    async fn create_alias(&self, new: &AliasChange) -> Result<(), Fault>;
    /// UpdateAlias.
    async fn update_alias(&self, change: &AliasChange) -> Result<(), Fault>;
    /// DeleteAlias; one that is gone already is success.
    async fn delete_alias(&self, function: &str, name: &str) -> Result<(), Fault>;
    /// ListProvisionedConcurrencyConfigs, all pages.
    async fn provisioned_concurrency(&self, function: &str) -> Result<Vec<ProvisionedConcurrency>, Fault>;
    /// PutProvisionedConcurrencyConfig.
    async fn put_provisioned_concurrency(&self, function: &str, alias: &str, count: i32) -> Result<(), Fault>;
    /// DeleteProvisionedConcurrencyConfig; one that is gone already is success.
    async fn delete_provisioned_concurrency(&self, function: &str, alias: &str) -> Result<(), Fault>;
}
