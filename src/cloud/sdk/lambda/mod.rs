//! The port [`Lambda`](crate::cloud::lambda::Lambda) over aws-sdk-lambda.

mod aliases;
mod controls;
mod event_sources;
mod function;
mod policies;

mod urls;
mod versions;

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;

use super::call::{self, CallObserver, Caller};

const GONE: &[&str] = &["ResourceNotFoundException"];

/// AWS Lambda in one region.
pub struct SdkLambda {
    reads: Client,
    writes: Client,
    uploads: Client,
    caller: Caller,
}

impl SdkLambda {
    /// With the configuration's region and credentials.
    pub fn new(config: &SdkConfig, observer: Arc<dyn CallObserver>) -> Self {
        Self {
            reads: Client::new(&call::reads(config)),
            writes: Client::new(&call::writes(config)),
            uploads: Client::new(&call::uploads(config)),
            caller: Caller::new(observer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::SdkLambda;
    use crate::cloud::sdk::replay::{Answer, Replay};

    /// The port over prepared answers.
    pub fn lambda(answers: impl IntoIterator<Item = Answer>) -> (SdkLambda, Arc<Replay>) {
        let replay = Replay::new(answers);
        (SdkLambda::new(&replay.config(), replay.clone()), replay)
    }
}
