//! When the controllers of a process may work: not before it leads, and no longer than it leads.

use tokio_util::sync::CancellationToken;

/// One time as the leader, from standby to its end. Controllers, engines and what they remember live for one tenure,
/// so that nothing known from an earlier one is ever acted on. All clones are one tenure.
#[derive(Clone, Debug, Default)]
pub struct Tenure {
    begun: CancellationToken,
    over: CancellationToken,
}

impl Tenure {
    /// Lets the work begin.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Lets no further step begin.
    pub fn end(&self) {
        self.over.cancel();
    }

    /// Waits for the beginning; false if the end came first.
    pub async fn begun(&self) -> bool {
        tokio::select! {
            biased;
            () = self.over.cancelled() => false,
            () = self.begun.cancelled() => true,
        }
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Waits for the end.
    pub async fn over(self) {
        self.over.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tenure_that_ends_in_standby_never_begins() {
        let tenure = Tenure::default();
        tenure.clone().end();
        tenure.begin();
        assert!(!tenure.begun().await);
        assert!(tenure.is_over());
        tenure.over().await;
    }

    #[tokio::test]
    async fn a_tenure_begins_once_and_is_not_over() {
        let tenure = Tenure::default();
        let standby = tokio::spawn({
            let tenure = tenure.clone();
            async move { tenure.begun().await }
        });
        tenure.begin();
        assert!(standby.await.unwrap());
        assert!(!tenure.is_over());
    }
}
