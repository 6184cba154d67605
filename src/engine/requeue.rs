//! When the next attempt is made. Pure: the caller supplies the randomness.

use std::time::Duration;

use super::failure::Class;

/// A refused object is looked at again this often, since the world may have changed without telling us.
const TERMINAL: Duration = Duration::from_hours(1);
/// What no sweep sees of a converged object is looked at this often.
const RECHECK: Duration = Duration::from_hours(1);
/// The longest pause between two looks at something that AWS is working on.
const WAIT_CAP: Duration = Duration::from_secs(30);

/// The pause after the n-th failure in a row (n from 0), with `jitter` in 0..1 taking up to half off it. A
/// longer time that AWS asked for wins.
pub fn after_failure(class: Class, n: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let (first, factor, cap) = match class {
        Class::Throttled => (2.0, 2.0, 120.0),
        Class::Transient | Class::NotLeader => (1.0, 2.0, 60.0),
        Class::Dependency => (1.0, 1.5, 15.0),
        Class::Conflict => (0.2, 2.0, 10.0),
        // Woken by watch; the timer is only for a watch that has lost something.
        Class::Reference => (600.0, 1.0, 600.0),
        Class::Terminal => (TERMINAL.as_secs_f64(), 1.0, TERMINAL.as_secs_f64()),
    };
    let pause = grow(first, factor, n).min(cap);
    jittered(pause, jitter).max(retry_after.unwrap_or_default())
}

/// The pause before the n-th look (n from 0) at something that is under way.
pub fn after_wait(first: Duration, n: u32, jitter: f64) -> Duration {
    let cap = WAIT_CAP.max(first).as_secs_f64();
    jittered(grow(first.as_secs_f64(), 1.5, n).min(cap), jitter)
}

/// The pause before a refused object is looked at again.
pub fn after_refusal(jitter: f64) -> Duration {
    after_failure(Class::Terminal, 0, None, jitter)
}

/// The pause before a converged object is looked at again that holds something which no sweep sees.
pub fn after_convergence(jitter: f64) -> Duration {
    period(RECHECK, jitter)
}

/// A period with up to a tenth taken off, so that many do not beat in step.
pub fn period(period: Duration, jitter: f64) -> Duration {
    period.mul_f64(1.0 - 0.1 * jitter.clamp(0.0, 1.0))
}

fn grow(first: f64, factor: f64, n: u32) -> f64 {
    first * factor.powi(i32::try_from(n.min(64)).unwrap_or(64))
}

fn jittered(seconds: f64, jitter: f64) -> Duration {
    Duration::from_secs_f64(seconds * (1.0 - 0.5 * jitter.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses() {
        for (class, n, retry_after, seconds) in [
            (Class::Throttled, 0, None, 2.0),
            (Class::Throttled, 3, None, 16.0),
            (Class::Throttled, 0, Some(30), 30.0),
            (Class::Transient, 2, None, 4.0),
            (Class::Transient, 60, None, 60.0),
            (Class::Dependency, 0, None, 1.0),
            (Class::Dependency, 20, None, 15.0),
            (Class::Reference, 5, None, 600.0),
            (Class::Conflict, 0, None, 0.2),
            (Class::Terminal, 9, None, 3600.0),
        ] {
            let pause = after_failure(class, n, retry_after.map(Duration::from_secs), 0.0);
            assert_eq!(pause, Duration::from_secs_f64(seconds), "{class:?} {n}");
        }
        assert_eq!(after_wait(Duration::from_secs(1), 0, 0.0), Duration::from_secs(1));
        assert_eq!(after_wait(Duration::from_secs(1), 99, 0.0), Duration::from_secs(30));
        assert_eq!(after_wait(Duration::from_mins(2), 5, 0.0), Duration::from_mins(2));
        assert_eq!(after_convergence(0.0), Duration::from_hours(1));
        assert_eq!(after_convergence(1.0), Duration::from_mins(54));
    }

    proptest! {
        #[test]
        fn never_hot_and_never_past_the_cap(n in 0u32..10_000, jitter in 0.0f64..=1.0) {
            for class in [Class::Throttled, Class::Transient, Class::Dependency, Class::Reference, Class::Conflict, Class::Terminal] {
                let pause = after_failure(class, n, None, jitter);
                prop_assert!(pause >= Duration::from_millis(100) && pause <= TERMINAL);
            }
        }
    }
}
