//! All plans of each case, on the model.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use futures::FutureExt;
use privatelink_operator::{
    cloud::World,
    engine::kind::Kind,
    kinds::{
        instance_role::spec::InstanceRole, lambda_function::spec::LambdaFunction, vpc_endpoint::spec::VpcEndpoint,
    },
};
use serde::Serialize;

use crate::{
    model::{
        cases::{self, each_case},
        harness::Case,
    },
    support::records,
};

use super::{
    extent::Extent,
    failure::text_of,
    plan::generate,
    play::{play, record},
    scenario::Scenario,
};

/// Of the plans, the sample has one in so many.
const STRIDE: u64 = 40;
/// Of those that are run, one in so many is played again, and must take the same course.
const REPLAYED: usize = 400;

macro_rules! plans {
    ($($name:ident: $kind:ty;)+) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            all_plans_of::<$kind>(stringify!($name), &cases::$name()).await;
        }
    )+};
}

each_case!(plans);

/// What became of a plan.
#[derive(Serialize)]
struct Verdict<'a> {
    case: &'a str,
    trouble: &'static str,
    plan: String,
    /// Calls made.
    calls: usize,
    /// Calls of the undisturbed run.
    undisturbed: usize,
    failure: Option<String>,
}

/// How many calls it took, and how it failed if it did.
async fn verdict(play: impl Future<Output = usize>) -> (usize, Option<String>) {
    match AssertUnwindSafe(play).catch_unwind().await {
        Ok(calls) => (calls, None),
        Err(panic) => (0, Some(text_of(&*panic))),
    }
}

async fn all_plans_of<K: Kind<World = World>>(name: &str, case: &Case) {
    let of = format!("{}/{name}", K::kind(&()));
    let extent = Extent::wanted();
    let (mut run, mut generated, mut replayed, mut failed) = (0, 0, 0, BTreeMap::new());
    for scenario in Scenario::of(case) {
        let recording = record::<K>(case, scenario).await;
        let began = std::time::Instant::now();
        let plans = generate(&of, scenario, &recording.calls);
        assert!(!plans.is_empty(), "{of}/{scenario} makes no call");
        generated += plans.len();
        for plan in plans {
            let id = plan.to_string();
            if !extent.includes(&id, STRIDE) {
                continue;
            }
            run += 1;
            let troubles = [(plan.point.clone(), plan.trouble)];
            let (calls, failure) = verdict(play::<K>(case, scenario, &troubles, &recording)).await;
            if failure.is_some() || run % REPLAYED == 1 {
                let again = verdict(play::<K>(case, scenario, &troubles, &recording)).await;
                assert_eq!((again.0, again.1.is_some()), (calls, failure.is_some()), "{id} took another course");
                replayed += 1;
            }
            let undisturbed = recording.calls.len();
            let trouble = plan.trouble.name();
            records::record(
                "plans.jsonl",
                &Verdict { case: &of, trouble, plan: id.clone(), calls, undisturbed, failure: failure.clone() },
            );
            if let Some(failure) = failure {
                failed.insert(id, failure);
            }
        }
        eprintln!("{of}/{scenario}: {run} plans so far, {} failed; {:?}", failed.len(), began.elapsed());
    }
    eprintln!("{of}: {run} of {generated} plans run, {replayed} of them twice with the same verdict and as many calls");
    let ids: Vec<_> = failed.keys().collect();
    assert!(
        failed.is_empty(),
        "{} of {run} plans failed: {ids:#?}; the first:\n{}",
        failed.len(),
        failed.values().next().unwrap()
    );
}
