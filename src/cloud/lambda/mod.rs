//! The part of AWS Lambda that the operator uses, as a port: <https://docs.aws.amazon.com/lambda/latest/api/>. One
//! file holds the calls and records of one subject.

pub mod aliases;
pub mod controls;
pub mod event_sources;
pub mod function;
pub mod policies;

pub mod urls;
pub mod versions;

pub use aliases::Aliases;
pub use controls::Controls;
pub use event_sources::EventSources;
pub use function::{
    CodeChange, CodeSource, ConfigurationChange, Environment, FileSystemConfig, Function, Functions, ImageConfig,
    LoggingConfig, NewFunction, PackageType, Settings, VpcConfig,
};
pub use policies::Policies;
pub use urls::Urls;
pub use versions::Versions;

/// The revision that a change was decided on, for compare-and-set; absent: whatever there is. All revisions are
/// equal: what a change is does not depend on the revision that it was decided on.
#[derive(Clone, Debug, Default)]
pub struct Revision(pub Option<String>);

impl PartialEq for Revision {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Revision {}

impl From<&str> for Revision {
    fn from(revision_id: &str) -> Self {
        Self(Some(revision_id.to_owned()))
    }
}

/// All Lambda calls in use. A list is complete or an error.
pub trait Lambda: Functions + Versions + Aliases + Urls + Policies + Controls + EventSources {}

impl<T: Functions + Versions + Aliases + Urls + Policies + Controls + EventSources> Lambda for T {}
