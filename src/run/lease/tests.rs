use proptest::prelude::*;

use super::*;

const TIMING: Timing = Timing {
    duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry_period: Duration::from_secs(2),
};

fn wall() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn candidate(name: &str) -> Candidate {
    Candidate::new(name.to_owned(), TIMING)
}

fn claim(candidate: &mut Candidate, lease: Option<&LeaseSpec>, now: u64) -> LeaseSpec {
    match candidate.judge(lease, seconds(now), wall()) {
        Verdict::Claim(lease) => lease,
        Verdict::Wait(left) => panic!("waits for {left:?}"),
    }
}

#[test]
fn a_new_lease_is_ours_and_is_renewed_without_a_transition() {
    let mut a = candidate("a");
    let first = claim(&mut a, None, 0);
    assert_eq!(first.holder_identity.as_deref(), Some("a"));
    assert_eq!((first.lease_duration_seconds, first.lease_transitions), (Some(15), Some(0)));
    let later = Timestamp::from_second(7).unwrap();
    let Verdict::Claim(renewed) = a.judge(Some(&first), seconds(7), later) else { panic!("it is ours") };
    assert_eq!(renewed, LeaseSpec { renew_time: Some(MicroTime(later)), ..first });
}

#[test]
fn another_s_lease_runs_out_when_it_has_stayed_the_same_for_its_own_duration() {
    let mut lease = claim(&mut candidate("a"), None, 0);
    lease.lease_duration_seconds = Some(30);
    // The times in it say that it ran out long ago, and mean nothing.
    let mut b = candidate("b");
    assert_eq!(b.judge(Some(&lease), seconds(100), wall()), Verdict::Wait(seconds(30)));
    assert_eq!(b.other_holder(), Some("a"));
    assert_eq!(b.judge(Some(&lease), seconds(129), wall()), Verdict::Wait(seconds(1)));
    lease.renew_time = Some(MicroTime(Timestamp::from_second(1).unwrap()));
    assert_eq!(b.judge(Some(&lease), seconds(130), wall()), Verdict::Wait(seconds(30)), "it was renewed");
    let taken = claim(&mut b, Some(&lease), 160);
    assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("b"), Some(1)));
    assert_eq!(taken.lease_duration_seconds, Some(15));
}

#[test]
fn a_released_lease_is_free_at_once() {
    let mut a = candidate("a");
    let lease = claim(&mut a, None, 0);
    let mut b = candidate("b");
    assert_eq!(b.released(&lease, wall()), None, "not ours to give back");
    let released = a.released(&lease, wall()).unwrap();
    assert_eq!((&released.holder_identity, released.lease_duration_seconds), (&None, Some(1)));
    assert_eq!(claim(&mut b, Some(&released), 1).lease_transitions, Some(1));
}

/// The apiserver: replaces only the version that was read.
#[derive(Default)]
struct Server {
    lease: Option<LeaseSpec>,
    version: u64,
}

impl Server {
    fn replace(&mut self, read: u64, lease: LeaseSpec) -> bool {
        let fits = self.version == read;
        if fits {
            self.lease = Some(lease);
            self.version += 1;
        }
        fits
    }
}

/// What a replica is in the middle of. Any time may pass between two phases.
enum Phase {
    Idle,
    Read { lease: Option<LeaseSpec>, version: u64 },
    Sent { lease: LeaseSpec, version: u64, until: Duration },
    Written { until: Duration },
}

struct Replica {
    candidate: Candidate,
    /// How much its clock is ahead.
    ahead: Duration,
    phase: Phase,
    fence: Duration,
}

impl Replica {
    fn new(name: &str, ahead: u64) -> Self {
        Self { candidate: candidate(name), ahead: seconds(ahead), phase: Phase::Idle, fence: Duration::ZERO }
    }

    fn is_open(&self, time: Duration) -> bool {
        time + self.ahead < self.fence
    }

    fn step(&mut self, server: &mut Server, time: Duration, release: bool) {
        let now = time + self.ahead;
        self.phase = match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle if release && self.is_open(time) => {
                self.fence = Duration::ZERO;
                let released = server.lease.as_ref().and_then(|lease| self.candidate.released(lease, wall()));
                if let Some(released) = released {
                    server.replace(server.version, released);
                }
                Phase::Idle
            }
            Phase::Idle => Phase::Read { lease: server.lease.clone(), version: server.version },
            Phase::Read { lease, version } => {
                let written = Timestamp::from_millisecond(i64::try_from(now.as_millis()).unwrap()).unwrap();
                match self.candidate.judge(lease.as_ref(), now, written) {
                    Verdict::Claim(lease) => Phase::Sent { lease, version, until: now + TIMING.renew_deadline },
                    Verdict::Wait(_) => Phase::Idle,
                }
            }
            Phase::Sent { lease, version, until } if server.replace(version, lease.clone()) => Phase::Written { until },
            Phase::Sent { .. } => Phase::Idle,
            Phase::Written { until } => {
                self.fence = until;
                Phase::Idle
            }
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn two_fences_are_never_open_at_once(
        steps in proptest::collection::vec((0usize..3, prop_oneof![4 => 0u64..500, 1 => 0u64..20_000], 0u8..10), 1..300),
    ) {
        let mut server = Server::default();
        let mut replicas = [Replica::new("a", 0), Replica::new("b", 5000), Replica::new("c", 12)];
        let mut time = Duration::ZERO;
        for (who, pause, choice) in steps {
            time += Duration::from_millis(pause);
            replicas[who].step(&mut server, time, choice == 0);
            let open = replicas.iter().filter(|replica| replica.is_open(time)).count();
            prop_assert!(open <= 1, "{open} fences open at {time:?}");
        }
    }

    #[test]
    fn somebody_leads_soon_after_everybody_else_is_gone(
        steps in proptest::collection::vec((0usize..3, 0u64..3000), 0..100),
        survivor in 0usize..3,
    ) {
        let mut server = Server::default();
        let mut replicas = [Replica::new("a", 0), Replica::new("b", 5000), Replica::new("c", 12)];
        let mut time = Duration::ZERO;
        for (who, pause) in steps {
            time += Duration::from_millis(pause);
            replicas[who].step(&mut server, time, false);
        }
        replicas[survivor].phase = Phase::Idle;
        let limit = time + TIMING.duration + seconds(2);
        while time < limit {
            time += Duration::from_millis(100);
            replicas[survivor].step(&mut server, time, false);
        }
        prop_assert!(replicas[survivor].is_open(time));
    }
}
