//! One scenario on the model, undisturbed or by a plan, and what must hold whatever happened: the oracles.

use std::time::Duration;

use privatelink_operator::{
    cloud::World,
    engine::{kind::Kind, reconcile::Outcome},
};
use tokio::time::sleep;

use crate::{
    model::harness::{Case, Run},
    support::model::{
        Call,
        script::{GIVEN_UP, LATE, Point, Trouble},
    },
};

use super::scenario::Scenario;

/// A run in which nothing goes wrong.
pub struct Recording {
    /// Its calls.
    pub calls: Vec<Call>,
    /// What AWS holds in the end.
    content: Vec<String>,
    /// uid of the object in the end.
    uid: String,
}

/// Longer than any request is on its way and any effect is out of sight.
pub const SETTLED: Duration = GIVEN_UP.saturating_add(LATE).saturating_add(Duration::from_mins(2));

/// From one sweep to the next.
const SWEEP: Duration = Duration::from_mins(5);

/// The scenario, undisturbed.
pub async fn record<K: Kind<World = World>>(case: &Case, scenario: Scenario) -> Recording {
    let mut run = scenario.begin::<K>(case).await;
    let mark = run.model.calls().len();
    run.model.follow([]);
    // Where what was begun is taken back when the trouble has come, the trouble can come at each call of what was begun.
    match scenario {
        Scenario::Abandon => run.expect(Outcome::Converged).await,
        Scenario::Undo(n) => Scenario::Update(n).run(&mut run, case).await,
        _ => scenario.run(&mut run, case).await,
    }
    let calls = run.model.calls().split_off(mark);
    if matches!(scenario, Scenario::Undo(_)) {
        run.edit(|object| object["spec"] = (case.spec)());
        run.expect(Outcome::Converged).await;
    }
    Recording { calls, content: run.model.content(), uid: run.uid }
}

/// The scenario, with these troubles. The number of calls that it took.
///
/// The oracles, by the numbers of the list that they come from: at no moment two objects in AWS for one owner (I1), in
/// the end none without its owner (I3), each status of a generation that was observed (I8) and whole from the first
/// (I9), at rest no write (I12), and the same in AWS as undisturbed (I14).
pub async fn play<K: Kind<World = World>>(
    case: &Case,
    scenario: Scenario,
    troubles: &[(Point, Trouble)],
    recording: &Recording,
) -> usize {
    let mut run = scenario.begin::<K>(case).await;
    let mark = run.model.calls().len();
    run.model.follow(troubles.iter().cloned());
    scenario.run(&mut run, case).await;
    let happened = run.model.calm();
    assert_eq!(happened, troubles, "what was planned did not happen\n{}", run.story());
    let calls = run.model.calls().len() - mark;
    if scenario.ends_in_nothing() {
        run.model.restart();
        sleep(SETTLED).await;
        run.assert_gone();
    } else {
        let content: Vec<_> = recording.content.iter().map(|text| text.replace(&recording.uid, &run.uid)).collect();
        rest(&mut run, case, &content).await;
    }
    calls
}

/// Nothing goes wrong any more: it comes to what it should, and rests.
pub async fn rest<K: Kind<World = World>>(run: &mut Run<K>, case: &Case, content: &[String]) {
    run.model.restart();
    recover(run).await;
    sleep(SETTLED).await;
    // As many sweeps as it takes until reads that lag show all.
    for _ in 0..4 {
        run.catch_up().await;
    }
    // What no sweep sees is looked at once an hour.
    run.recheck().await;
    run.assert_rests(case, content).await;
}

/// It converges, by itself: what was refused is looked at again by each sweep.
pub async fn recover<K: Kind<World = World>>(run: &mut Run<K>) {
    let mut outcome = run.settle_until(|_| false).await;
    if outcome == Outcome::Refused {
        sleep(SWEEP).await;
        outcome = run.settle_until(|_| false).await;
    }
    run.assert_came_to(outcome, Outcome::Converged);
}
