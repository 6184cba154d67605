//! Every kind, run through everything that can go wrong.

use privatelink_operator::kinds::{
    instance_role::spec::InstanceRole, lambda_function::spec::LambdaFunction, vpc_endpoint::spec::VpcEndpoint,
};

use super::cases::{self, each_case};

/// One module for each case, with one test for each scenario.
macro_rules! converges {
    ($($name:ident: $kind:ty;)+) => {$(
        mod $name {
            use super::*;

            converges!(@ $kind, $name, from_nothing faults_while_creating faults_while_updating deleted_while_creating
                deleted_while_read edit_undone faults_while_deleting status_wiped tags_stripped second_owner taken_back drift unmanaged plan_mode paused
                undecodable throttled denied killed_again_and_again);
        }
    )+};
    (@ $kind:ty, $case:ident, $($scenario:ident)+) => {$(
        #[tokio::test(start_paused = true)]
        async fn $scenario() {
            crate::model::scenarios::$scenario::<$kind>(cases::$case()).await;
        }
    )+};
}

each_case!(converges);

#[tokio::test(start_paused = true)]
async fn roles_are_swept_one_by_one_where_the_account_can_not_be_read() {
    super::scenarios::drift_of_roles_read_one_by_one(cases::role()).await;
}
