use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::*;

fn limit(rate: &str) -> Arc<Limit> {
    let rates = [rate.parse().unwrap()].into_iter().collect();
    Limits::new(rates).of(Budget::Lambda, "eu-west-1")
}

async fn call(limit: &Arc<Limit>, verdict: Verdict) -> Result<(), Exhausted> {
    let permit = limit.permit().await?;
    sleep(Duration::from_millis(50)).await;
    permit.answered(verdict);
    Ok(())
}

#[test]
fn regions_share_the_budgets_of_iam_alone() {
    let limits = Limits::new(Rates::default());
    let same = |budget| Arc::ptr_eq(&limits.of(budget, "eu-west-1"), &limits.of(budget, "us-east-1"));
    assert!(same(Budget::IamWrite) && !same(Budget::Lambda));
    assert!(Arc::ptr_eq(&limits.of(Budget::Lambda, "eu-west-1"), &limits.of(Budget::Lambda, "eu-west-1")));
}

/// The measure is what ACK does with 50 objects in that minute: 58 calls with one worker, 750 with 16.
#[tokio::test(start_paused = true)]
async fn a_minute_of_throttles_costs_few_calls_and_starves_nobody() {
    for workers in [1, 16, 300] {
        let limit = limit("lambda=15");
        let until = Instant::now() + Duration::from_mins(1);
        let (sent, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(Semaphore::new(workers));
        let objects: Vec<_> = (0..300)
            .map(|_| {
                let (limit, gate, sent, done) = (limit.clone(), gate.clone(), sent.clone(), done.clone());
                tokio::spawn(async move {
                    loop {
                        let worker = gate.acquire().await.unwrap();
                        if let Ok(permit) = limit.permit().await {
                            sent.fetch_add(usize::from(Instant::now() < until), SeqCst);
                            sleep(Duration::from_millis(50)).await;
                            if Instant::now() > until {
                                permit.answered(Verdict::Served);
                                done.fetch_add(1, SeqCst);
                                return;
                            }
                            permit.answered(Verdict::Throttled(None));
                        }
                        drop(worker);
                        sleep(Duration::from_secs(2)).await;
                    }
                })
            })
            .collect();
        futures::future::join_all(objects).await;
        assert!(sent.load(SeqCst) <= IN_FLIGHT + 6, "{workers} workers: {sent:?} calls");
        assert_eq!(done.load(SeqCst), 300);
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_waits_for_overtakes_the_background() {
    let limit = limit("lambda=1");
    call(&limit, Verdict::Served).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let spawn = |priority: Priority, name: &'static str| {
        let (limit, order) = (limit.clone(), order.clone());
        tokio::spawn(priority.scope(async move {
            call(&limit, Verdict::Served).await.unwrap();
            order.lock().unwrap().push(name);
        }))
    };
    let mut tasks: Vec<_> = (0..4).map(|_| spawn(Priority::Background, "sweep")).collect();
    sleep(Duration::from_millis(10)).await;
    tasks.extend((0..3).map(|_| spawn(Priority::Foreground, "edit")));
    futures::future::join_all(tasks).await;
    let order = order.lock().unwrap().clone();
    assert_eq!(order, ["sweep", "sweep", "edit", "edit", "edit", "sweep", "sweep"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_given_up_and_costs_no_turn() {
    let limit = limit("lambda=0.08");
    call(&limit, Verdict::Served).await.unwrap();
    let started = Instant::now();
    assert_eq!(call(&limit, Verdict::Served).await, Err(Exhausted));
    assert_eq!(started.elapsed(), LONGEST_WAIT);
    assert_eq!(call(&limit, Verdict::Served).await, Ok(()), "the turn that was given up is there for the next");
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_an_answer_is_followed_by_another() {
    let limit = limit("lambda=15");
    call(&limit, Verdict::Throttled(None)).await.unwrap();
    for verdict in [Verdict::Unknown, Verdict::Unknown, Verdict::Served] {
        call(&limit, verdict).await.unwrap();
    }
    let both = futures::future::join(limit.permit(), limit.permit()).await;
    assert!(both.0.is_ok() && both.1.is_ok(), "served: they no longer wait for each other's answers");
}
