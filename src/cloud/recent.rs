//! What was read a moment ago, for passes that only wait for something else. All of it may be lost at any time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// For how long a reading is taken for what a direct read would show.
const FRESH: Duration = Duration::from_secs(30);

/// Readings by name.
#[derive(Debug)]
pub struct Recent<T>(Mutex<HashMap<String, (Instant, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + PartialEq> Recent<T> {
    fn with<R>(&self, f: impl FnOnce(&mut HashMap<String, (Instant, T)>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps a reading. One that is kept already grows no younger by being seen again.
    pub fn keep(&self, name: &str, reading: T) {
        self.with(|all| {
            all.retain(|_, (at, _)| at.elapsed() < FRESH);
            let kept = all.get(name).is_some_and(|(_, known)| *known == reading);
            if !kept {
                all.insert(name.to_owned(), (Instant::now(), reading));
            }
        });
    }

    /// The reading, while it is fresh.
    pub fn get(&self, name: &str) -> Option<T> {
        self.with(|all| all.get(name).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, reading)| reading.clone()))
    }

    /// Drops a reading, before a write makes it wrong.
    pub fn forget(&self, name: &str) {
        self.with(|all| all.remove(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reading_lasts_for_half_a_minute_and_is_not_renewed() {
        let recent = Recent::default();
        recent.keep("r", 1);
        tokio::time::advance(FRESH / 2).await;
        recent.keep("r", 1);
        assert_eq!(recent.get("r"), Some(1));
        tokio::time::advance(FRESH / 2).await;
        assert_eq!(recent.get("r"), None);
        recent.keep("r", 2);
        recent.forget("r");
        assert_eq!(recent.get("r"), None);
    }
}
