//! AWS Lambda: <https://docs.aws.amazon.com/lambda/latest/api/>. One file models one subject.

pub mod aliases;
pub mod aspects;
pub mod controls;
pub mod drift;
pub mod event_sources;
pub mod function;
pub mod policies;
pub mod urls;
pub mod versions;

use privatelink_operator::cloud::{
    fault::{Fault, Service},
    ownership::Tags,
};
use tokio::time::Instant;

use super::{Answer, Model, State, replica::Store};

use self::{
    aspects::Aspects,
    function::{FunctionRecord, Reason},
};

pub use self::function::code_sha256;

/// Functions by name.
#[derive(Debug, Default)]
pub struct LambdaState {
    /// All functions.
    pub functions: Store<FunctionRecord>,
    /// Why functions that are created from now on come to nothing.
    pub failing_creations: Option<Reason>,
    /// Why updates from now on come to nothing.
    pub failing_updates: Option<Reason>,
    /// What functions have beside code and configuration.
    pub aspects: Aspects,
}

impl LambdaState {
    /// See [`super::replica::Store::rewind`].
    pub fn rewind(&mut self, yes: bool) {
        self.functions.rewind(yes);
        self.aspects.rewind(yes);
    }

    /// Live functions and event source mappings with their tags.
    pub fn live(&self) -> Vec<(&'static str, String, Tags)> {
        self.functions
            .all()
            .filter(|(_, f)| !f.is_going())
            .map(|(name, f)| ("function", name.clone(), f.function.tags.clone().unwrap_or_default()))
            .chain(self.aspects.live())
            .collect()
    }
}

impl Model {
    async fn lambda_read<T: Send>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut State, Instant) -> Answer<T> + Send,
    ) -> Result<T, Fault> {
        self.aws_read(Service::Lambda, operation, run).await
    }

    async fn lambda_write<T: Send>(
        &self,
        operation: &'static str,
        run: impl Fn(&mut State, Instant) -> Answer<T> + Send + 'static,
    ) -> Result<T, Fault> {
        self.aws_write(Service::Lambda, operation, run).await
    }
}
