//! What every kind must survive, whatever the manifest.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use privatelink_operator::{
    cloud::World,
    engine::{
        contract::{FINALIZER, PAUSED_ANNOTATION},
        kind::Kind,
        reconcile::Outcome,
    },
    kinds::instance_role::spec::InstanceRole,
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::model::{
    Call, Model,
    drift::Drift,
    replica::Lag,
    script::{Point, SLOW, Trouble},
};

use super::harness::{Case, NAME, NAMESPACE, Run, content_of, engine, identity};

/// Orders a fault at the k-th effect from now.
type Fault = fn(&Model, usize);

const FAULTS: [(&str, Fault); 4] = [
    ("crash after", Model::crash_after),
    ("answer lost of", Model::lose_answer),
    ("failure instead of", Model::fail_before),
    ("lease lost before", Model::lose_lease_before),
];

fn lags() -> [Lag; 2] {
    [Lag::NONE, Lag::time(Duration::from_secs(3))]
}

/// Whatever reads show for a while, it converges, and rests.
pub async fn from_nothing<K: Kind<World = World>>(case: Case) {
    let content = content_of::<K>(&case, |_| ()).await;
    for lag in
        [Lag::NONE, Lag::reads(1), Lag::reads(3), Lag::time(Duration::from_secs(2)), Lag::time(Duration::from_secs(10))]
    {
        let mut run = Run::<K>::converged(&case, lag).await;
        run.assert_told_of_each_effect();
        sleep(Duration::from_secs(20)).await;
        run.assert_rests(&case, &content).await;
    }
}

/// A crash, a lost answer, a failure at each effect on the way.
pub async fn faults_while_creating<K: Kind<World = World>>(case: Case) {
    let content = content_of::<K>(&case, |_| ()).await;
    for (what, fault) in FAULTS {
        for lag in lags() {
            for k in 1.. {
                eprintln!("{what} effect {k}, {lag:?}");
                let mut run = Run::<K>::begin(&case, lag).await;
                fault(&run.model, k);
                run.expect(Outcome::Converged).await;
                let happened = !run.model.fault_pending();
                run.model.restart();
                sleep(Duration::from_secs(20)).await;
                run.catch_up().await;
                run.assert_rests(&case, &content).await;
                if !happened {
                    assert!(k > 2, "there were no effects to disturb");
                    break;
                }
            }
        }
    }
}

/// The same while it is changed: it comes to what the new spec comes to from nothing.
pub async fn faults_while_updating<K: Kind<World = World>>(case: Case) {
    for (n, update) in case.updates.iter().enumerate() {
        let content = content_of::<K>(&case, update).await;
        for (what, fault) in FAULTS {
            for lag in lags() {
                for k in 1.. {
                    eprintln!("update {n}, {what} effect {k}, {lag:?}");
                    let mut run = Run::<K>::converged(&case, lag).await;
                    run.edit(|object| update(&mut object["spec"]));
                    fault(&run.model, k);
                    run.expect(Outcome::Converged).await;
                    let happened = !run.model.fault_pending();
                    run.model.restart();
                    sleep(Duration::from_secs(20)).await;
                    run.catch_up().await;
                    run.assert_rests(&case, &content).await;
                    if !happened {
                        assert!(k > 1, "the update had no effect");
                        break;
                    }
                }
            }
        }
    }
}

/// Deleted at each moment of its creation.
pub async fn deleted_while_creating<K: Kind<World = World>>(case: Case) {
    for (what, fault) in FAULTS {
        for lag in lags() {
            for k in 1.. {
                eprintln!("deleted at {what} effect {k}, {lag:?}");
                let mut run = Run::<K>::begin(&case, lag).await;
                fault(&run.model, k);
                run.settle_until(|model| !model.fault_pending()).await;
                let happened = !run.model.fault_pending();
                run.restart_if_stopped();
                run.model.restart();
                run.delete();
                run.expect(Outcome::Gone).await;
                run.assert_gone();
                if !happened {
                    break;
                }
            }
        }
    }
}

/// A user deletes it while the pass that is to create it reads what AWS holds: what is planned then is not done.
pub async fn deleted_while_read<K: Kind<World = World>>(case: Case) {
    let is_of_aws = |call: &&Call| call.operation.starts_with(char::is_uppercase);
    let run = Run::<K>::begin(&case, Lag::NONE).await;
    let mark = run.model.calls().len();
    run.engine.pass(NAMESPACE, NAME).await;
    let calls = run.model.calls().split_off(mark);
    let reads = calls.iter().filter(is_of_aws).take_while(|call| !call.write);
    let mut counts = BTreeMap::new();
    for operation in reads.map(|call| call.operation) {
        let n = *counts.entry(operation).and_modify(|n| *n += 1).or_insert(1);
        let mut run = Run::<K>::begin(&case, Lag::NONE).await;
        let mark = run.model.calls().len();
        run.model.follow([(Point { operation, n }, Trouble::Slow)]);
        let delete = async {
            sleep(SLOW / 2).await;
            run.delete();
        };
        tokio::join!(run.engine.pass(NAMESPACE, NAME), delete);
        let written: Vec<_> =
            run.model.calls().split_off(mark).into_iter().filter(|call| is_of_aws(&call) && call.write).collect();
        assert!(written.is_empty(), "deleted at {operation}#{n}, and then: {written:?}");
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    }
    assert!(!counts.is_empty(), "nothing is read before something is created");
}

/// An edit is taken back after its first pass, while reads show nothing of it: it is not ready before AWS holds what it held. An
/// operator that has been started meanwhile cannot know, but comes to it.
pub async fn edit_undone<K: Kind<World = World>>(case: Case) {
    for (update, restarts) in case.updates.iter().flat_map(|update| [(update, false), (update, true)]) {
        let mut run = Run::<K>::converged(&case, Lag::time(Duration::from_secs(10))).await;
        sleep(Duration::from_mins(2)).await;
        let content = run.model.content();
        run.edit(|object| update(&mut object["spec"]));
        run.engine.pass(NAMESPACE, NAME).await;
        if restarts {
            run.restart();
        }
        run.edit(|object| object["spec"] = (case.spec)());
        run.expect(Outcome::Converged).await;
        if restarts {
            sleep(Duration::from_mins(2)).await;
            run.catch_up().await;
            run.recheck().await;
        }
        assert_eq!(run.model.content(), content, "{}", run.story());
    }
}

/// A fault at each effect of its deletion.
pub async fn faults_while_deleting<K: Kind<World = World>>(case: Case) {
    for (what, fault) in FAULTS {
        for lag in lags() {
            for k in 1.. {
                eprintln!("deletion, {what} effect {k}, {lag:?}");
                let mut run = Run::<K>::converged(&case, lag).await;
                run.delete();
                fault(&run.model, k);
                run.expect(Outcome::Gone).await;
                run.assert_gone();
                if run.model.fault_pending() {
                    assert!(k > 1, "the deletion had no effect");
                    break;
                }
            }
        }
    }
}

/// The status is lost: it is filled again, AWS is not touched, and deletion finds everything.
pub async fn status_wiped<K: Kind<World = World>>(case: Case) {
    for lag in lags() {
        let mut run = Run::<K>::converged(&case, lag).await;
        let (content, holdings) = (run.model.content(), run.model.holdings());
        let status = run.object().map(|object| object["status"].clone());
        run.restart();
        run.edit(|object| object["status"] = json!({}));
        run.expect(Outcome::Converged).await;
        assert_eq!(run.model.holdings(), holdings);
        let facts = |status: &serde_json::Value| {
            let mut facts = status.clone();
            // Not facts: nothing but the status knows the number of the create attempt, and whose versions are.
            let unknown = ["conditions", "createAttempt", "publishedVersions"];
            facts.as_object_mut().unwrap().retain(|key, _| !unknown.contains(&key.as_str()));
            facts
        };
        assert_eq!(run.object().map(|object| facts(&object["status"])), status.as_ref().map(facts), "{}", run.story());
        run.assert_rests(&case, &content).await;
        for drift in case.drifts {
            run.edit(|object| object["status"] = json!({}));
            run.model.drift(&run.uid, *drift);
            run.expect(Outcome::Converged).await;
            sleep(Duration::from_secs(20)).await;
            run.assert_rests(&case, &content).await;
        }
        run.delete();
        run.expect(Outcome::Gone).await;
        run.assert_gone();

        let mut run = Run::<K>::converged(&case, lag).await;
        run.edit(|object| object["status"] = json!({}));
        run.delete();
        run.restart();
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    }
}

/// The ownership tags are lost: refused, nothing is touched, and the finalizer stays until Retain.
pub async fn tags_stripped<K: Kind<World = World>>(case: Case) {
    let mut run = Run::<K>::converged(&case, Lag::NONE).await;
    run.model.strip_tags(&run.uid);
    let content = run.model.content();
    run.expect(Outcome::Refused).await;
    assert_eq!(run.reason(), "OwnershipTagsMissing", "{}", run.story());
    run.delete();
    run.expect(Outcome::Refused).await;
    assert_eq!(run.object().map(|object| object["metadata"]["finalizers"].clone()), Some(json!([FINALIZER])));
    assert_eq!(run.model.content(), content);
    run.edit(|object| object["spec"]["deletionPolicy"] = json!("Retain"));
    run.expect(Outcome::Gone).await;
    assert_eq!(run.model.content(), content);
}

/// The same name, namespace and cluster id in another cluster: refused until the administrator says take over.
pub async fn second_owner<K: Kind<World = World>>(case: Case) {
    let mut run = Run::<K>::converged(&case, Lag::NONE).await;
    let (content, holdings) = (run.model.content(), run.model.holdings());
    run.model.user_forget::<K>(NAMESPACE, NAME);

    run.identity = identity("cluster-2", None);
    run.restart();
    run.create(&(case.spec)());
    run.expect(Outcome::Refused).await;
    assert_eq!(run.reason(), "OwnedByAnotherCluster", "{}", run.story());
    run.delete();
    run.expect(Outcome::Gone).await;
    assert_eq!((run.object(), run.model.content()), (None, content));

    run.identity = identity("cluster-2", Some("cluster-1"));
    run.restart();
    run.create(&(case.spec)());
    run.expect(Outcome::Converged).await;
    assert_eq!(run.model.holdings(), holdings, "taken over, not made again");
    let content = run.model.content();
    run.assert_rests(&case, &content).await;
    run.delete();
    run.expect(Outcome::Gone).await;
    run.assert_gone();
}

/// Restored from Git into the same cluster, and retained then applied again: the objects are taken back.
pub async fn taken_back<K: Kind<World = World>>(case: Case) {
    for retained in [false, true] {
        let mut run = Run::<K>::converged(&case, Lag::NONE).await;
        let (content, holdings) = (run.model.content(), run.model.holdings());
        let before = run.uid.clone();
        if retained {
            run.edit(|object| object["spec"]["deletionPolicy"] = json!("Retain"));
            run.expect(Outcome::Converged).await;
            run.delete();
            run.expect(Outcome::Gone).await;
            assert_eq!((run.object(), run.model.content()), (None, content.clone()));
        } else {
            run.model.user_forget::<K>(NAMESPACE, NAME);
        }
        run.create(&(case.spec)());
        run.expect(Outcome::Converged).await;
        assert_eq!(run.model.holdings(), holdings);
        assert!(run.model.owned(&before).is_empty(), "{}", run.story());
        let content: Vec<_> = content.iter().map(|text| text.replace(&before, &run.uid)).collect();
        run.assert_rests(&case, &content).await;
        run.delete();
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    }
}

/// Each drift, and seeded mixtures of them, is seen by a sweep and repaired, completely.
pub async fn drift<K: Kind<World = World>>(case: Case) {
    let content = content_of::<K>(&case, |_| ()).await;
    let singles = case.drifts.iter().map(|drift| vec![*drift]);
    let mixtures = (0..40_usize).map(|seed| {
        let pick = |n: usize| case.drifts[(seed * (7 + n) + seed / 5 + n * 3) % case.drifts.len()];
        (0..2 + seed % 3).map(pick).collect()
    });
    for drifts in singles.chain(mixtures).collect::<Vec<_>>() {
        eprintln!("{drifts:?}");
        let mut run = Run::<K>::converged(&case, Lag::NONE).await;
        sleep(Duration::from_mins(2)).await;
        assert!(!run.sweep_wakes().await, "a sweep sees a difference at rest");
        for drift in &drifts {
            run.model.drift(&run.uid, *drift);
        }
        let drifted = run.model.content() != content;
        if drifted {
            assert!(run.sweep_wakes().await, "{drifts:?} is not seen by a sweep");
        }
        let (events, news) = (run.model.events().len(), run.model.news().len());
        run.expect(Outcome::Converged).await;
        if drifted {
            run.assert_told_of_drift(events, news);
        }
        run.assert_rests(&case, &content).await;
    }
}

/// Each drift that no sweep sees, and seeded mixtures of them, is repaired by the recheck that is due in its time.
pub async fn rechecked<K: Kind<World = World>>(case: Case, drifts: &[Drift]) {
    let content = content_of::<K>(&case, |_| ()).await;
    let singles = drifts.iter().map(|drift| vec![*drift]);
    let mixtures = (0..20_usize).map(|seed| {
        let pick = |n: usize| drifts[(seed * (7 + n) + seed / 5 + n * 3) % drifts.len()];
        (0..2 + seed % 3).map(pick).collect()
    });
    for drifts in singles.chain(mixtures).collect::<Vec<_>>() {
        eprintln!("{drifts:?}");
        let mut run = Run::<K>::converged(&case, Lag::NONE).await;
        let pass = run.engine.pass(NAMESPACE, NAME).await;
        assert!(pass.requeue_after.is_some_and(|after| after <= Duration::from_hours(1)), "a recheck is due: {pass:?}");
        for drift in &drifts {
            run.model.drift(&run.uid, *drift);
        }
        run.expect(Outcome::Converged).await;
        run.assert_rests(&case, &content).await;
    }
}

/// The same where the credentials do not allow the one call that shows all roles.
pub async fn drift_of_roles_read_one_by_one(case: Case) {
    for drift in case.drifts {
        let mut run = Run::<InstanceRole>::converged(&case, Lag::NONE).await;
        let content = run.model.content();
        run.model.deny("GetAccountAuthorizationDetails");
        sleep(Duration::from_mins(2)).await;
        assert!(!run.sweep_wakes().await, "a sweep sees a difference at rest");
        run.model.drift(&run.uid, *drift);
        assert!(run.sweep_wakes().await, "{drift:?} is not seen by a sweep");
        run.expect(Outcome::Converged).await;
        run.assert_rests(&case, &content).await;
    }
}

/// What the spec leaves open is left as others have it.
pub async fn unmanaged<K: Kind<World = World>>(case: Case) {
    for drift in case.unmanaged {
        let mut run = Run::<K>::converged(&case, Lag::NONE).await;
        run.model.drift(&run.uid, *drift);
        let content = run.model.content();
        run.expect(Outcome::Converged).await;
        run.assert_rests(&case, &content).await;
    }
}

/// In plan mode AWS is never written to, and the steps stand in the status.
pub async fn plan_mode<K: Kind<World = World>>(case: Case) {
    let mut run = Run::<K>::begin(&case, Lag::NONE).await;
    run.edit(|object| object["spec"]["managementPolicy"] = json!("Plan"));
    run.expect(Outcome::Planned).await;
    assert_eq!(run.model.content(), run.before);
    let plan = run.object().map(|object| object["status"]["plan"].clone()).unwrap_or_default();
    assert!(plan.as_array().is_some_and(|steps| !steps.is_empty()), "{}", run.story());
    run.edit(|object| drop(object["spec"].as_object_mut().unwrap().remove("managementPolicy")));
    run.expect(Outcome::Converged).await;
    let content = run.model.content();
    run.edit(|object| object["spec"]["managementPolicy"] = json!("Plan"));
    run.expect(Outcome::Converged).await;
    run.delete();
    run.expect(Outcome::Gone).await;
    assert_eq!(run.model.content(), content, "deletion in plan mode keeps what AWS has");
}

/// A paused object is left alone, deletion included.
pub async fn paused<K: Kind<World = World>>(case: Case) {
    let mut run = Run::<K>::converged(&case, Lag::NONE).await;
    let content = run.model.content();
    run.edit(|object| object["metadata"]["annotations"] = json!({ (PAUSED_ANNOTATION): "true" }));
    run.delete();
    let mark = run.model.calls().len();
    run.expect(Outcome::Paused).await;
    assert_eq!((run.model.writes_since(mark), run.model.content()), (vec![], content));
    run.edit(|object| object["metadata"]["annotations"] = json!({}));
    run.expect(Outcome::Gone).await;
    run.assert_gone();
}

/// An object that can't be decoded any more can still be deleted.
pub async fn undecodable<K: Kind<World = World>>(case: Case) {
    let mut run = Run::<K>::converged(&case, Lag::NONE).await;
    run.edit(|object| object["spec"] = json!({ "tags": 5 }));
    run.expect(Outcome::Undecodable).await;
    run.delete();
    run.expect(Outcome::Gone).await;
    run.assert_gone();
}

/// Throttling slows it down and does no harm.
pub async fn throttled<K: Kind<World = World>>(case: Case) {
    let content = content_of::<K>(&case, |_| ()).await;
    for n in 1..8 {
        let mut run = Run::<K>::begin(&case, Lag::NONE).await;
        run.model.throttle(n);
        run.expect(Outcome::Converged).await;
        run.assert_rests(&case, &content).await;
        run.model.throttle(n);
        run.delete();
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    }
}

impl<K: Kind<World = World>> Run<K> {
    /// A step that was taken twice, because its first answer was lost, may show late; the next sweep sees that.
    pub async fn catch_up(&mut self) {
        if self.sweep_wakes().await {
            self.expect(Outcome::Converged).await;
        }
    }

    /// Whether a sweep that begins now would wake the object.
    pub async fn sweep_wakes(&self) -> bool {
        let object: K = serde_json::from_value(self.object().unwrap()).unwrap();
        let began = Instant::now();
        let seen = K::sweep(&self.engine.world, &[&object]).await.unwrap();
        self.engine.memory.differs(&self.uid, began, seen.get(&self.uid).copied())
    }

    /// The reason of the Ready condition.
    pub fn reason(&self) -> String {
        self.ready()["reason"].as_str().unwrap_or_default().to_owned()
    }
}

/// The operator is killed at many moments in a row while it creates, and again while it deletes.
pub async fn killed_again_and_again<K: Kind<World = World>>(case: Case) {
    let content = content_of::<K>(&case, |_| ()).await;
    for stride in 1..4 {
        let mut run = Run::<K>::begin(&case, Lag::time(Duration::from_secs(3))).await;
        for deleting in [false, true] {
            if deleting {
                run.delete();
            }
            for _ in 0..30 {
                run.model.crash_after(stride);
                run.settle_until(|model| !model.fault_pending()).await;
                run.restart();
            }
            run.engine = engine(&run.model, &run.identity);
            if !deleting {
                run.expect(Outcome::Converged).await;
                sleep(Duration::from_secs(20)).await;
                run.catch_up().await;
                run.assert_rests(&case, &content).await;
            }
        }
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    }
}

/// Each call in turn is one that the operator's credentials do not allow: Ready says so, with the operation's name, and
/// all goes on once they do.
pub async fn denied<K: Kind<World = World>>(case: Case) {
    let mut wrong = denied_in_turn::<K>(&case, Run::begin, |_| (), Outcome::Converged).await;
    for update in &case.updates {
        let edit = |run: &Run<K>| run.edit(|object| update(&mut object["spec"]));
        wrong.extend(denied_in_turn::<K>(&case, Run::converged, edit, Outcome::Converged).await);
    }
    wrong.extend(denied_in_turn::<K>(&case, Run::converged, Run::delete, Outcome::Gone).await);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is not as it should be.
async fn denied_in_turn<K: Kind<World = World>>(
    case: &Case,
    start: impl AsyncFn(&Case, Lag) -> Run<K>,
    act: impl Fn(&Run<K>),
    expected: Outcome,
) -> Vec<String> {
    let mut run = start(case, Lag::NONE).await;
    act(&run);
    let mark = run.model.calls().len();
    run.expect(expected).await;
    let calls = run.model.calls();
    // Calls to the cluster are in words.
    let called: BTreeSet<_> = calls[mark..].iter().map(|call| call.operation).filter(|of| !of.contains(' ')).collect();
    assert!(!called.is_empty(), "there were no calls to deny");
    let mut wrong = Vec::new();
    for operation in called {
        let mut run = start(case, Lag::NONE).await;
        act(&run);
        run.model.deny(operation);
        let outcome = run.settle_until(|_| false).await;
        let ready = run.ready();
        let is_named = ready["reason"] == "AccessDenied"
            && ready["message"].as_str().is_some_and(|text| text.contains(&format!("{operation}: AccessDenied: ")));
        let is_told = outcome == Outcome::Refused && ready["status"] == "False" && is_named;
        if !is_told {
            wrong.push(format!("{operation} on the way to {expected:?}: {outcome:?}, {ready}"));
        }
        run.restart();
        run.expect(expected).await;
    }
    wrong
}
