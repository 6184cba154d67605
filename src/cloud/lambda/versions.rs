//! Published versions of a function.

use async_trait::async_trait;

use crate::cloud::fault::Fault;

use super::{Function, Revision};

/// A published version. It never changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version {
    /// Its number, from 1. None is given twice, not even after the function was deleted and made anew.
    pub number: u64,
    /// Code and configuration.
    pub function: Function,
}

/// A function's versions as ListVersionsByFunction shows them, at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VersionList {
    /// `$LATEST`.
    pub latest: Function,
    /// The published versions by number, the newest last.
    pub published: Vec<Version>,
}

/// What PublishVersion is called with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Publication {
    /// Name of the function.
    pub function: String,
    /// The revision of the function that is to be published; another one is a conflict.
    pub revision_id: Revision,
    /// Digest of the code that is to be published; another one is refused.
    pub code_sha256: String,
    /// Description; absent for that of the function.
    pub description: Option<String>,
}

/// The calls on versions.
#[async_trait]
pub trait Versions: Send + Sync {
    /// ListVersionsByFunction, all pages. States are not shown.
    async fn versions(&self, function: &str) -> Result<VersionList, Fault>;
    /// GetFunction for one version: its state above all. `None` for ResourceNotFoundException.
    async fn version(&self, function: &str, number: u64) -> Result<Option<Function>, Fault>;
    /// PublishVersion; the number of the version. AWS answers with the newest version when nothing has changed since.
    async fn publish_version(&self, publication: &Publication) -> Result<u64, Fault>;
    /// DeleteFunction for one version; one that is gone already is success.
    async fn delete_version(&self, function: &str, number: u64) -> Result<(), Fault>;
}
