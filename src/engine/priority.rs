//! Who goes first where all share a budget: what somebody waits for before what the operator does on its own.

/// How urgent the work of a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for it: a new object, an edit, a deletion, a repair.
    Foreground,
    /// Sweeps, and passes over objects that are ready.
    Background,
}

tokio::task_local! {
    static CURRENT: Priority;
}

impl Priority {
    /// That of the task that asks; a task that was given none does background work.
    pub fn current() -> Self {
        CURRENT.try_with(|priority| *priority).unwrap_or(Self::Background)
    }

    /// Runs work with this priority. Tasks that the work spawns don't inherit it.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}
