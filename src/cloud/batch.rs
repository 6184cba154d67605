//! Reads of single things, many in one call. While one read is under way, further ones gather, and the next call asks for all of
//! them; so it costs no time, and the more there is to read the more go into a call. No answer is older than its question:
//! a read never joins a call that was sent before.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use tokio::sync::{self, oneshot};

use super::fault::Fault;

/// Things in one call. A filter of EC2 takes 200 values:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>.
const MOST: usize = 100;

type Answer<T> = Result<Option<T>, Fault>;

type Waiting<K, T> = Vec<(K, oneshot::Sender<Answer<T>>)>;

/// Reads of one sort, of `T` by its key, that are waiting for their call.
pub struct Batch<K, T> {
    waiting: Mutex<Waiting<K, T>>,
    /// Held while a call is under way.
    turn: sync::Mutex<()>,
}

impl<K, T> Default for Batch<K, T> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: sync::Mutex::default() }
    }
}

impl<K: Clone + Eq + Hash + Ord, T: Clone> Batch<K, T> {
    /// Reads one, by a call of `fetch` that is made after this, for all that wait by then. `fetch` leaves out what does
    /// not exist.
    pub async fn read<F>(&self, key: &K, fetch: impl Fn(Vec<K>) -> F) -> Answer<T>
    where
        F: Future<Output = Result<HashMap<K, T>, Fault>>,
    {
        loop {
            let (sender, mut answer) = oneshot::channel();
            self.waiting().push((key.clone(), sender));
            let given = tokio::select! {
                biased;
                given = &mut answer => given,
                _turn = self.turn.lock() => self.fetch_until_given(&mut answer, &fetch).await,
            };
            // Nothing is given when whoever made the call was stopped in the middle.
            if let Ok(given) = given {
                return given;
            }
        }
    }

    async fn fetch_until_given<F>(
        &self,
        answer: &mut oneshot::Receiver<Answer<T>>,
        fetch: impl Fn(Vec<K>) -> F,
    ) -> Result<Answer<T>, oneshot::error::RecvError>
    where
        F: Future<Output = Result<HashMap<K, T>, Fault>>,
    {
        while answer.is_empty() && !answer.is_terminated() {
            let batch = self.next();
            if batch.is_empty() {
                break;
            }
            let mut keys: Vec<K> = batch.iter().map(|(key, _)| key.clone()).collect();
            keys.sort_unstable();
            keys.dedup();
            let found = fetch(keys).await;
            for (key, sender) in batch {
                let given = found.as_ref().map(|found| found.get(&key).cloned()).map_err(Clone::clone);
                // Whoever asked may have been stopped.
                sender.send(given).ok();
            }
        }
        answer.await
    }

    /// The oldest that wait, without those that nobody waits for any more.
    fn next(&self) -> Waiting<K, T> {
        let mut waiting = self.waiting();
        waiting.retain(|(_, sender)| !sender.is_closed());
        let count = waiting.len().min(MOST);
        waiting.drain(..count).collect()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting<K, T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use futures::future::join_all;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::cloud::fault::Service;

    /// Answers after a second with each id as its own value, but for those that begin with `no`, and keeps what it was
    /// asked.
    #[derive(Default)]
    struct Aws(Mutex<Vec<Vec<String>>>);

    impl Aws {
        async fn fetch(&self, ids: Vec<String>) -> Result<HashMap<String, String>, Fault> {
            self.0.lock().unwrap().push(ids.clone());
            sleep(Duration::from_secs(1)).await;
            if ids.iter().any(|id| id == "fails") {
                return Err(Fault::unanswered(Service::Ec2, "DescribeVpcEndpoints", "no answer"));
            }
            Ok(ids.into_iter().filter(|id| !id.starts_with("no")).map(|id| (id.clone(), id)).collect())
        }

        fn sizes(&self) -> Vec<usize> {
            self.0.lock().unwrap().iter().map(Vec::len).collect()
        }
    }

    async fn read(batch: &Batch<String, String>, aws: &Aws, id: &str) -> Answer<String> {
        batch.read(&id.to_owned(), |ids| aws.fetch(ids)).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_gathers_meanwhile_is_one_call() {
        let (batch, aws) = (Batch::default(), Aws::default());
        let ids: Vec<String> = (0..250).map(|n| if n == 7 { "no-7".to_owned() } else { format!("vpce-{n}") }).collect();
        let answers = join_all(ids.iter().map(|id| read(&batch, &aws, id))).await;
        for (id, answer) in ids.iter().zip(answers) {
            assert_eq!(answer.unwrap(), (id != "no-7").then(|| id.clone()));
        }
        assert_eq!(aws.sizes(), [1, 100, 100, 49]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_alone_is_read_at_once_and_equal_ones_once() {
        let (batch, aws) = (Batch::default(), Aws::default());
        let started = tokio::time::Instant::now();
        assert_eq!(read(&batch, &aws, "a").await.unwrap().as_deref(), Some("a"));
        assert_eq!(started.elapsed(), Duration::from_secs(1));
        join_all(["a", "b", "b", "b"].map(|id| read(&batch, &aws, id))).await;
        assert_eq!(aws.sizes(), [1, 1, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_older_than_its_question() {
        let (batch, aws) = (Batch::default(), Aws::default());
        let later = async {
            sleep(Duration::from_millis(500)).await;
            read(&batch, &aws, "a").await
        };
        let both = tokio::join!(read(&batch, &aws, "a"), later);
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(aws.sizes(), [1, 1], "it did not take the answer that was under way");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_that_of_all_in_the_call() {
        let (batch, aws) = (Batch::default(), Aws::default());
        let answers = join_all(["a", "b", "fails"].map(|id| read(&batch, &aws, id))).await;
        let failed: Vec<bool> = answers.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_stopped_in_the_middle_leaves_nobody_behind() {
        let (batch, aws) = (Arc::new(Batch::default()), Arc::new(Aws::default()));
        let task = |id: &'static str| {
            let (batch, aws) = (batch.clone(), aws.clone());
            tokio::spawn(async move { read(&batch, &aws, id).await })
        };
        let first = task("a");
        let others = [task("b"), task("c")];
        sleep(Duration::from_millis(1500)).await;
        // b calls for both by now.
        assert!(first.await.unwrap().is_ok());
        others[0].abort();
        let [_, last] = others;
        let answer = timeout(Duration::from_mins(1), last).await.expect("it is answered");
        assert_eq!(answer.unwrap().unwrap().as_deref(), Some("c"));
    }
}
