//! Who is to be looked at when something changes: referrers when what they name changes, and what they named
//! when they go.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;

use super::references::{Reference, ReferenceIndex};

/// Routes wake-ups to the controllers.
#[derive(Default)]
pub struct Wakes {
    index: Mutex<ReferenceIndex>,
    controllers: Mutex<HashMap<String, mpsc::UnboundedSender<Reference>>>,
}

impl Wakes {
    /// The stream of wake-ups for one kind.
    pub fn subscribe(&self, kind: &str) -> mpsc::UnboundedReceiver<Reference> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.controllers).insert(kind.to_owned(), sender);
        receiver
    }

    /// An object exists and names these others. Targets that it no longer names may go on without it.
    pub fn seen(&self, object: &Reference, names: Vec<Reference>) {
        let dropped = {
            let mut index = lock(&self.index);
            let before = index.remove(object);
            let dropped: Vec<_> = before.into_iter().filter(|target| !names.contains(target)).collect();
            index.set(object, names);
            dropped
        };
        for target in &dropped {
            self.wake(target);
        }
    }

    /// An object is gone.
    pub fn gone(&self, object: &Reference) {
        let targets = lock(&self.index).remove(object);
        for target in &targets {
            self.wake(target);
        }
        self.changed(object);
    }

    /// Something changed: whoever names it is woken.
    pub fn changed(&self, object: &Reference) {
        let referrers: Vec<_> = lock(&self.index).referrers(object).cloned().collect();
        for referrer in &referrers {
            self.wake(referrer);
        }
    }

    /// Wakes one object, if a controller of ours drives its kind.
    pub fn wake(&self, object: &Reference) {
        if let Some(sender) = lock(&self.controllers).get(&object.resource.kind) {
            // A controller that has ended takes no more wake-ups; the process is stopping then.
            sender.send(object.clone()).ok();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};

    use super::*;

    #[test]
    fn referrers_wake_with_their_targets_and_targets_when_referrers_go() {
        let wakes = Wakes::default();
        let mut pods = wakes.subscribe("Pod");
        let mut secrets = wakes.subscribe("Secret");
        let pod = Reference::to::<Pod>("ns", "p");
        let (code, secret) = (Reference::to::<ConfigMap>("ns", "c"), Reference::to::<Secret>("ns", "s"));
        wakes.seen(&pod, vec![code.clone(), secret.clone()]);
        wakes.changed(&code);
        assert_eq!(pods.try_recv(), Ok(pod.clone()));
        wakes.seen(&pod, vec![code.clone()]);
        assert_eq!(secrets.try_recv(), Ok(secret.clone()), "a target that is no longer named is woken");
        wakes.changed(&secret);
        assert!(pods.try_recv().is_err(), "and wakes the former referrer no longer");
        wakes.seen(&pod, vec![secret.clone()]);
        wakes.gone(&pod);
        assert_eq!(secrets.try_recv(), Ok(secret));
    }
}
