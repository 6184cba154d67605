//! The port [`Lambda`](crate::cloud::lambda::Lambda) over aws-sdk-lambda.

mod aliases;
mod controls;
mod event_sources;
mod function;
mod policies;

mod urls;
mod versions;

use aws_config::SdkConfig;
use aws_sdk_lambda::{Client, config::Builder};

use crate::engine::fence::Fence;

use super::call::{self, Caller, ThrottlesAreForTheBudget};

const GONE: &[&str] = &["ResourceNotFoundException"];

/// AWS Lambda in one region.
pub struct SdkLambda {
    reads: Client,
    writes: Client,
    uploads: Client,
    caller: Caller,
}

impl SdkLambda {
    /// With the configuration's region and credentials; writes only while the fence is open.
    pub fn new(config: &SdkConfig, caller: Caller, fence: &Fence) -> Self {
        let fenced = |config: &SdkConfig| Client::from_conf(Builder::from(config).interceptor(fence.clone()).build());
        Self {
            reads: Client::from_conf(
                Builder::from(&call::reads(config)).retry_classifier(ThrottlesAreForTheBudget).build(),
            ),
            writes: fenced(&call::writes(config)),
            uploads: fenced(&call::uploads(config)),
            caller,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::SdkLambda;
    use crate::{
        cloud::sdk::replay::{Answer, Replay},
        engine::fence,
    };

    /// The port over prepared answers.
    pub fn lambda(answers: impl IntoIterator<Item = Answer>) -> (SdkLambda, Arc<Replay>) {
        let replay = Replay::new(answers);
        (SdkLambda::new(&replay.config(), replay.caller(), &fence::tests::open()), replay)
    }
}
