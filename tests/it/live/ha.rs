//! Two replicas: one leads, the other takes over, and never do both write.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::Signal;

use super::{ENDPOINT, ROLE};
use crate::support::live::{Live, eventually, gate::Gate, operator::Operator, proxy::Call};

/// Times of a lease that let a test be short.
const SHORT: &[&str] = &["--lease-duration", "3s", "--lease-renew-deadline", "2s", "--lease-retry-period", "500ms"];
const LEASE: Duration = Duration::from_secs(3);

/// A leader and a standby, both ready.
async fn pair(live: &Live, flags: &[&str]) -> (Operator, Operator) {
    let leader = live.operator(flags).await;
    begins_to_lead(&leader).await;
    let standby = Operator::start(live.release, flags).await;
    assert!(!standby.leads().await);
    (leader, standby)
}

async fn begins_to_lead(operator: &Operator) {
    eventually(async || operator.leads().await).await.unwrap_or_else(|()| panic!("was to lead:\n{}", operator.log()));
}

fn writes(calls: &[Call]) -> Vec<&Call> {
    let reads = ["Describe", "Get", "List", "Head"];
    calls.iter().filter(|call| !reads.iter().any(|read| call.operation.starts_with(read))).collect()
}

#[tokio::test]
async fn a_standby_follows_a_killed_leader_within_the_lease_and_two_seconds() {
    let live = Live::begin("ha-kill").await;
    let (leader, standby) = pair(&live, SHORT).await;
    live.applied(ENDPOINT).await;
    live.ready("VpcEndpoint", "lambda").await;
    let identity: Vec<_> = standby.calls().iter().map(|call| call.operation.clone()).collect();
    assert_eq!(identity, ["GetCallerIdentity"], "a standby looks at nothing else");

    leader.kill().await;
    let killed = Instant::now();
    while !standby.leads().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = killed.elapsed();
    println!("a killed leader was followed after {took:?}, with a lease of {LEASE:?}");
    assert!(took <= LEASE + Duration::from_secs(2), "{took:?}");
    live.applied(ROLE).await;
    live.ready("InstanceRole", "client").await;
    assert_eq!(live.aws.endpoints(&live.namespace).await.len(), 1);
    live.end().await;
    drop(standby);
}

#[tokio::test]
async fn a_leader_that_was_stopped_past_its_lease_begins_no_write_when_it_goes_on() {
    let live = Live::begin("ha-stop").await;
    let (leader, standby) = pair(&live, SHORT).await;
    // It stops between the look at AWS that says "nothing there" and the create that follows from it.
    leader.proxy().delay("DescribeVpcEndpoints", Duration::from_secs(1));
    live.applied(ENDPOINT).await;
    eventually(async || leader.proxy().is_under_way("DescribeVpcEndpoints")).await.expect("it looks");
    leader.signal(Signal::STOP);
    let stopped = Timestamp::now();
    begins_to_lead(&standby).await;
    live.ready("VpcEndpoint", "lambda").await;

    leader.signal(Signal::CONT);
    eventually(async || leader.log().contains("standing by again")).await.expect("it notices");
    assert!(!leader.leads().await && standby.leads().await);
    live.request("VpcEndpoint", "lambda", "look-again").await;
    live.wait("VpcEndpoint", "lambda", "looked at", |o| o["status"]["lastHandledRequest"] == "look-again").await;
    let late: Vec<_> = writes(&leader.calls()).into_iter().filter(|call| call.at > stopped).cloned().collect();
    assert!(late.is_empty(), "{late:#?}");
    assert_eq!(live.aws.endpoints(&live.namespace).await.len(), 1);
    live.end().await;
    drop(standby);
}

#[tokio::test]
async fn an_idle_leader_releases_the_lease_within_two_seconds_of_sigterm() {
    let live = Live::begin("ha-term").await;
    let (mut leader, mut standby) = pair(&live, &[]).await;
    let holder = live.leader().await;
    leader.signal(Signal::TERM);
    let began = Instant::now();
    while live.leader().await == holder {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let released = began.elapsed();
    assert!(leader.exit().await.success(), "{}", leader.log());
    begins_to_lead(&standby).await;
    println!("an idle leader released the lease after {released:?}; the standby led after {:?}", began.elapsed());
    assert!(released <= Duration::from_secs(2), "{released:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "it did not wait for the lease to run out");

    standby.signal(Signal::TERM);
    assert!(standby.exit().await.success(), "{}", standby.log());
    assert_eq!(live.leader().await, None);
    live.forget_lease().await;
    live.end().await;
}

#[tokio::test]
async fn sigterm_awaits_the_step_under_way_then_releases_the_lease() {
    let live = Live::begin("ha-step").await;
    let mut leader = live.operator(&[]).await;
    leader.proxy().delay("CreateVpcEndpoint", Duration::from_secs(4));
    live.applied(ENDPOINT).await;
    eventually(async || leader.proxy().is_under_way("CreateVpcEndpoint")).await.expect("it creates");
    let holder = live.leader().await;
    leader.signal(Signal::TERM);
    while leader.proxy().is_under_way("CreateVpcEndpoint") {
        assert_eq!(live.leader().await, holder, "the lease is held while the step is under way");
        assert!(leader.is_running());
    }
    assert!(leader.exit().await.success(), "{}", leader.log());
    assert_eq!(live.leader().await, None, "released at once");
    let calls = leader.calls();
    let calls: Vec<_> = writes(&calls).iter().map(|call| (call.operation.as_str(), call.status)).collect();
    assert_eq!(calls, [("CreateVpcEndpoint", 200)], "awaited, and no step after it");

    let next = Operator::start(live.release, &[]).await;
    live.ready("VpcEndpoint", "lambda").await;
    assert_eq!(live.aws.endpoints(&live.namespace).await.len(), 1);
    live.end().await;
    drop(next);
}

#[tokio::test]
async fn replicas_outlive_the_apiserver_and_go_on_within_five_seconds_of_its_return() {
    let live = Live::begin("ha-outage").await;
    live.forget_lease().await;
    let mut gate = Gate::open(live.release.kubeconfig()).await;
    let mut replicas = [(); 2].map(|()| {
        let mut command = live.release.command();
        command.env("KUBECONFIG", gate.kubeconfig());
        Operator::spawn_with(command, SHORT)
    });
    for replica in &replicas {
        replica.ready().await;
    }
    live.applied(ENDPOINT).await;
    live.ready("VpcEndpoint", "lambda").await;

    gate.cut();
    eventually(async || !replicas[0].leads().await && !replicas[1].leads().await).await.expect("the lease is lost");
    live.request("VpcEndpoint", "lambda", "meanwhile").await;
    let gate = gate.restore().await;
    let back = Instant::now();
    live.wait("VpcEndpoint", "lambda", "looked at", |o| o["status"]["lastHandledRequest"] == "meanwhile").await;
    let took = back.elapsed();
    println!("{took:?} after the apiserver came back, a change from meanwhile was reconciled");
    assert!(took <= Duration::from_secs(5), "{took:?}");
    assert!(replicas.iter_mut().all(Operator::is_running));
    live.end().await;
    drop(gate);
}
