use std::sync::Mutex;

use tokio::time::{Instant, timeout};

use super::*;
use crate::run::election::tests::{Behaviour, Shelf};

/// Keeps a diary, and takes its time to finish.
#[derive(Default)]
struct Diary {
    entries: Mutex<Vec<&'static str>>,
    refuses: bool,
    finishes_after: Duration,
}

impl Diary {
    fn write(&self, entry: &'static str) {
        self.entries.lock().unwrap().push(entry);
    }

    fn entries(&self) -> Vec<&'static str> {
        self.entries.lock().unwrap().clone()
    }
}

impl Duty for Diary {
    type Refusal = &'static str;

    async fn serve(&self, tenure: Tenure) {
        if tenure.begun().await {
            self.write("works");
            tenure.over().await;
            sleep(self.finishes_after).await;
            self.write("finished");
        }
    }

    async fn open(&self) -> Result<(), &'static str> {
        self.write("opens");
        if self.refuses { Err("no") } else { Ok(()) }
    }

    fn leads(&self, leads: bool) {
        self.write(if leads { "leads" } else { "leads not" });
    }
}

const GRACE: Duration = Duration::from_secs(25);

/// Lives until `stop_after`; returns how long it went on after that.
async fn life(diary: &Diary, shelf: &Shelf, stop_after: u64) -> (Result<(), &'static str>, Duration) {
    let stop = CancellationToken::new();
    let began = Instant::now();
    let stopping = Duration::from_secs(stop_after);
    let end = async {
        sleep(stopping).await;
        stop.cancel();
        std::future::pending::<()>().await;
    };
    let result = tokio::select! {
        result = live(diary, shelf.election("a"), &stop, GRACE) => result,
        () = end => unreachable!("it waits for ever"),
    };
    (result, began.elapsed().saturating_sub(stopping))
}

#[tokio::test(start_paused = true)]
async fn an_idle_leader_releases_the_lease_at_once() {
    let (diary, shelf) = (Diary::default(), Shelf::default());
    let (result, late) = life(&diary, &shelf, 60).await;
    assert_eq!((result, shelf.holder()), (Ok(()), None));
    assert_eq!(diary.entries(), ["leads", "opens", "works", "finished", "leads not"]);
    assert!(late < Duration::from_secs(1), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_awaited_and_the_lease_kept_meanwhile() {
    let diary = Diary { finishes_after: Duration::from_secs(20), ..Diary::default() };
    let shelf = Shelf::default();
    let mut standby = shelf.election("b");
    let life = async {
        let (result, late) = life(&diary, &shelf, 60).await;
        assert_eq!(result, Ok(()));
        assert!(late >= diary.finishes_after, "{late:?}");
        Instant::now()
    };
    let standby = async {
        sleep(Duration::from_secs(1)).await;
        standby.acquire().await;
        Instant::now()
    };
    let (released, taken) = tokio::join!(life, standby);
    assert!(taken > released && taken - released < Duration::from_secs(2));
    assert_eq!(diary.entries(), ["leads", "opens", "works", "finished", "leads not"]);
}

#[tokio::test(start_paused = true)]
async fn with_something_in_flight_after_the_grace_the_lease_is_left_to_run_out() {
    let diary = Diary { finishes_after: Duration::from_mins(2), ..Diary::default() };
    let shelf = Shelf::default();
    let (result, late) = life(&diary, &shelf, 60).await;
    assert_eq!(result, Ok(()));
    assert!(late >= GRACE && late < GRACE + Duration::from_secs(1), "{late:?}");
    assert!(shelf.holder().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_ends_the_tenure_and_the_next_begins_after_all_is_finished() {
    let diary = Diary { finishes_after: Duration::from_secs(20), ..Diary::default() };
    let shelf = Shelf::default();
    let outage = async {
        sleep(Duration::from_mins(1)).await;
        shelf.behave(Behaviour::Failing);
        sleep(Duration::from_secs(11)).await;
        assert_eq!(diary.entries(), ["leads", "opens", "works", "leads not"], "said at once");
        shelf.behave(Behaviour::Well);
    };
    let ((result, _), ()) = tokio::join!(life(&diary, &shelf, 180), outage);
    assert_eq!(result, Ok(()));
    let tenure = ["leads", "opens", "works"];
    let expected = [&tenure[..], &["leads not", "finished"], &tenure, &["finished", "leads not"]].concat();
    assert_eq!(diary.entries(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_standby_ends_at_once_and_has_done_nothing() {
    let (diary, shelf) = (Diary::default(), Shelf::default());
    let mut leader = shelf.election("b");
    leader.acquire().await;
    let (result, late) = tokio::select! {
        life = life(&diary, &shelf, 60) => life,
        lost = leader.keep() => unreachable!("{lost}"),
    };
    assert_eq!((result, diary.entries()), (Ok(()), Vec::new()));
    assert!(late < Duration::from_secs(1), "{late:?}");
    assert!(shelf.holder().is_some(), "the lease is not its own to release");
}

#[tokio::test(start_paused = true)]
async fn one_that_may_not_lead_releases_the_lease_and_says_why() {
    let diary = Diary { refuses: true, ..Diary::default() };
    let shelf = Shelf::default();
    let result = timeout(Duration::from_secs(5), life(&diary, &shelf, 60)).await.unwrap().0;
    assert_eq!((result, shelf.holder()), (Err("no"), None));
    assert_eq!(diary.entries(), ["leads", "opens", "leads not"]);
}
