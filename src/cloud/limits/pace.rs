//! How fast the calls of one budget follow each other: a token bucket whose rate falls by half when AWS throttles and
//! climbs back steadily when it does not (additive increase, multiplicative decrease; Chiu and Jain 1989,
//! <https://doi.org/10.1016/0169-7552(89)90019-6>). Pure: the caller supplies the time.

use std::time::Duration;

use tokio::time::Instant;

use super::budget::Rate;

/// The pause after the first throttle; each further one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// How long the rate takes from nothing to its ceiling.
const CLIMB: Duration = Duration::from_mins(1);
/// What is left of the rate at least, so that a climb shows within the first seconds.
const LEAST_SHARE: f64 = 1.0 / 32.0;

/// The pace of one budget.
#[derive(Debug)]
pub struct Pace {
    ceiling: Rate,
    /// The share of the ceiling at `since`, 0 to 1.
    share: f64,
    /// From when on the share climbs.
    since: Instant,
    tokens: f64,
    counted_at: Instant,
    /// When AWS last throttled what was sent after the throttle before.
    throttled_at: Option<Instant>,
    /// Between a throttle and the next call that is served.
    pause: Option<Duration>,
}

/// When the next call may be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// At once; the token is taken.
    Now,
    /// At once, but no other before its answer.
    Probe,
    /// Not before this time has passed.
    In(Duration),
}

impl Pace {
    /// A full bucket.
    pub fn new(ceiling: Rate, now: Instant) -> Self {
        Self {
            ceiling,
            share: 1.0,
            since: now,
            tokens: ceiling.burst,
            counted_at: now,
            throttled_at: None,
            pause: None,
        }
    }

    /// Asks for one call.
    pub fn turn(&mut self, now: Instant) -> Turn {
        if let (Some(pause), Some(throttled_at)) = (self.pause, self.throttled_at) {
            let wait = pause.saturating_sub(now.saturating_duration_since(throttled_at));
            return if wait.is_zero() { Turn::Probe } else { Turn::In(wait) };
        }
        let share = self.share_at(now);
        let rate = self.ceiling.per_second * share;
        let passed = now.saturating_duration_since(self.counted_at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min((self.ceiling.burst * share).max(1.0));
        self.counted_at = now;
        if self.tokens < 1.0 {
            return Turn::In(Duration::from_secs_f64((1.0 - self.tokens) / rate).max(Duration::from_millis(1)));
        }
        self.tokens -= 1.0;
        Turn::Now
    }

    /// AWS throttled a call.
    pub fn throttled(&mut self, sent_at: Instant, now: Instant, retry_after: Option<Duration>) {
        if !self.is_news(sent_at) {
            return;
        }
        let pause = self.pause.map_or(FIRST_PAUSE, |pause| pause * 2);
        self.share = (self.share_at(now) / 2.0).max(LEAST_SHARE);
        self.since = now;
        self.tokens = 0.0;
        self.throttled_at = Some(now);
        self.pause = Some(pause.max(retry_after.unwrap_or_default()).min(LONGEST_PAUSE));
    }

    /// AWS served a call, or refused it for other reasons.
    pub fn served(&mut self, sent_at: Instant, now: Instant) {
        if self.pause.is_some() && self.is_news(sent_at) {
            self.pause = None;
            self.since = now;
            self.counted_at = now;
        }
    }

    /// What was sent before the last throttle was known says nothing about the time since.
    fn is_news(&self, sent_at: Instant) -> bool {
        self.throttled_at.is_none_or(|throttled_at| sent_at >= throttled_at)
    }

    fn share_at(&self, now: Instant) -> f64 {
        if self.pause.is_some() {
            return self.share;
        }
        let climbed = now.saturating_duration_since(self.since).as_secs_f64() / CLIMB.as_secs_f64();
        (self.share + climbed).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate { per_second: 10.0, burst: 20.0 };

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Calls that are sent in this time by somebody who always has one to send.
    fn sent(pace: &mut Pace, from: Instant, time: Duration) -> usize {
        let (mut now, mut count) = (from, 0);
        while now < from + time {
            match pace.turn(now) {
                Turn::In(wait) => now += wait,
                Turn::Now | Turn::Probe => count += 1,
            }
        }
        count
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let now = Instant::now();
        let count = sent(&mut Pace::new(RATE, now), now, seconds(10.0));
        assert!((119..=121).contains(&count), "{count}");
    }

    #[test]
    fn a_throttle_halves_the_rate_which_climbs_back_in_half_a_minute() {
        let start = Instant::now();
        let mut pace = Pace::new(RATE, start);
        pace.throttled(start, start, None);
        assert_eq!(pace.turn(start), Turn::In(FIRST_PAUSE));
        let now = start + FIRST_PAUSE;
        assert_eq!(pace.turn(now), Turn::Probe);
        pace.served(now, now);
        let first = sent(&mut pace, now, seconds(1.0));
        assert!((4..=6).contains(&first), "{first}");
        let climbing = sent(&mut pace, now + seconds(1.0), seconds(29.0));
        assert!((210..=225).contains(&climbing), "{climbing}");
        assert!((99..=101).contains(&sent(&mut pace, now + seconds(30.0), seconds(10.0))));
    }

    #[test]
    fn throttles_in_a_row_double_the_pause() {
        let mut now = Instant::now();
        let mut pace = Pace::new(RATE, now);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            pace.throttled(now, now, None);
            let Turn::In(pause) = pace.turn(now) else { panic!("no pause") };
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 16, 16]);
    }

    #[test]
    fn aws_s_own_time_counts_when_it_is_longer() {
        let now = Instant::now();
        for (asked, expected) in [(Some(5.0), 5.0), (Some(0.5), 1.0), (None, 1.0), (Some(900.0), 16.0)] {
            let mut pace = Pace::new(RATE, now);
            pace.throttled(now, now, asked.map(seconds));
            assert_eq!(pace.turn(now), Turn::In(seconds(expected)), "{asked:?}");
        }
    }

    #[test]
    fn answers_to_what_was_sent_before_say_nothing_new() {
        let start = Instant::now();
        let mut pace = Pace::new(RATE, start);
        let later = start + seconds(0.5);
        pace.throttled(start, later, None);
        pace.throttled(start, later, None);
        pace.served(start, later);
        assert_eq!(pace.turn(later), Turn::In(FIRST_PAUSE), "one throttle, and it holds");
    }

    proptest! {
        /// Whatever AWS answers: never more than the ceiling allows, never two probes at a time, never a wait without end.
        #[test]
        fn within_bounds(verdicts in proptest::collection::vec(0..3_u8, 1..200)) {
            let start = Instant::now();
            let mut pace = Pace::new(RATE, start);
            let (mut now, mut sent) = (start, 0.0);
            for verdict in verdicts {
                while let Turn::In(wait) = pace.turn(now) {
                    prop_assert!(wait > Duration::ZERO && wait <= LONGEST_PAUSE);
                    now += wait;
                }
                sent += 1.0;
                prop_assert!(sent <= RATE.burst + 1.0 + RATE.per_second * (now - start).as_secs_f64() + 1e-6);
                match verdict {
                    0 => pace.throttled(now, now, None),
                    1 => pace.served(now, now),
                    _ => {}
                }
            }
        }
    }
}
