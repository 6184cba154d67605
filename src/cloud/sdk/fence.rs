//! The fence in the AWS SDK: the last look before each attempt is sent, when it is signed already.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextRef, dyn_dispatch_hint},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

use crate::engine::fence::Fence;

#[dyn_dispatch_hint]
impl Intercept for Fence {
    fn name(&self) -> &'static str {
        "Fence"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.check().map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_config::retry::RetryConfig;
    use aws_sdk_iam::{Client, config::Builder};

    use super::*;
    use crate::{
        cloud::{
            ec2::Ec2,
            iam::Iam,
            lambda::{CodeChange, Functions},
            sdk::{
                ec2::SdkEc2,
                iam::SdkIam,
                lambda::SdkLambda,
                replay::{Replay, ok, query_error},
            },
        },
        engine::{
            failure::{Class, Failure},
            fence::{since_boot, tests::tokio_clock},
        },
    };

    #[tokio::test]
    async fn no_write_is_sent_without_the_lease_and_none_is_counted() {
        let replay = Replay::always(ok("<DescribeVpcsResponse/>"));
        let closed = Fence::new(since_boot);
        let config = replay.config();
        let iam = SdkIam::new(&config, replay.caller(), &closed);
        let lambda = SdkLambda::new(&config, replay.caller(), &closed);
        let ec2 = SdkEc2::new(&config, replay.caller(), &closed);
        let uploaded = lambda.update_code(&CodeChange { name: "f".to_owned(), ..CodeChange::default() }).await;
        for fault in [
            iam.delete_role("r").await.unwrap_err(),
            lambda.delete_function("f").await.unwrap_err(),
            uploaded.unwrap_err(),
        ] {
            assert_eq!((fault.class, fault.code.as_str()), (Class::NotLeader, ""), "{}", fault.operation);
            assert_eq!(Failure::from(fault).reason, "NotLeader");
        }
        assert_eq!(replay.bodies(), Vec::<String>::new());
        assert_eq!(replay.calls(), Vec::new());
        ec2.vpcs(&[]).await.unwrap();
        assert_eq!(replay.bodies().len(), 1, "reads go on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeated_attempt_is_not_sent_after_the_lease_has_run_out() {
        for (lease, attempts) in [(Duration::from_nanos(1), 1), (Duration::from_hours(1), 3)] {
            let replay = Replay::always(query_error(500, "ServiceFailure", ""));
            let fence = Fence::new(tokio_clock);
            fence.open_until(fence.now() + lease);
            let config = replay.config().to_builder().retry_config(RetryConfig::standard()).build();
            let iam = Client::from_conf(Builder::from(&config).interceptor(fence).build());
            iam.delete_role().role_name("r").send().await.unwrap_err();
            assert_eq!(replay.bodies().len(), attempts, "a lease of {lease:?}");
        }
    }
}
