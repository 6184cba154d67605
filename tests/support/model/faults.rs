//! What goes wrong between the operator and the world. Effects are counted from 1, over AWS and cluster
//! together: the k-th effect is the k-th write that was accepted.

use super::{Model, Refusal, script::Trouble};

/// How a call ended other than well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The operation was refused.
    Refused(Refusal),
    /// No answer arrived; the effect is unknown to the caller.
    Unanswered(&'static str),
    /// Throttled, without effect.
    Throttled,
    /// Error 500, without effect.
    Broken,
    /// Not sent: the lease has run out.
    Fenced,
}

/// Faults in store.
#[derive(Debug, Default)]
pub struct Faults {
    effects: usize,
    crash_after: Option<usize>,
    lose_answer: Option<usize>,
    fail_before: Option<usize>,
    lose_lease_before: Option<usize>,
    fenced: bool,
    throttle: usize,
    denied: Vec<&'static str>,
    refusals: Vec<(&'static str, usize, Refusal)>,
    down: bool,
}

impl Faults {
    /// Before a call has any effect.
    pub fn before(&mut self, operation: &str, write: bool) -> Option<Cut> {
        if self.down {
            return Some(Cut::Unanswered("the process is dead"));
        }
        if self.denied.contains(&operation) {
            let message = format!("User is not authorized to perform {operation}");
            return Some(Cut::Refused(Refusal { code: "AccessDenied", message }));
        }
        if let Some((_, left, refusal)) = self.refusals.iter_mut().find(|(of, left, _)| *of == operation && *left > 0) {
            *left -= 1;
            return Some(Cut::Refused(refusal.clone()));
        }
        if self.throttle > 0 {
            self.throttle -= 1;
            return Some(Cut::Throttled);
        }
        if write && self.lose_lease_before == Some(self.effects + 1) {
            self.lose_lease_before = None;
            self.fenced = true;
        }
        if write && self.fenced {
            return Some(Cut::Fenced);
        }
        if write && self.fail_before == Some(self.effects + 1) {
            self.fail_before = None;
            return Some(Cut::Unanswered("connection refused"));
        }
        None
    }

    /// After a write took effect, before its caller knows.
    pub fn after(&mut self) -> Option<Cut> {
        self.effects += 1;
        if self.crash_after == Some(self.effects) {
            self.crash_after = None;
            return Some(self.die());
        }
        if self.lose_answer == Some(self.effects) {
            self.lose_answer = None;
            return Some(Cut::Unanswered("connection reset by peer"));
        }
        None
    }

    /// What a trouble comes to that stops a call before it arrives.
    pub fn stop(&mut self, trouble: Trouble) -> Option<Cut> {
        Some(match trouble {
            Trouble::InternalError => Cut::Broken,
            Trouble::Throttled => Cut::Throttled,
            Trouble::Unsent => Cut::Unanswered("connection refused"),
            Trouble::Conflict => {
                Cut::Refused(Refusal { code: "Conflict", message: "the object has been modified".to_owned() })
            }
            Trouble::CrashBefore => self.die(),
            Trouble::LeaseLost => {
                self.fenced = true;
                Cut::Fenced
            }
            _ => return None,
        })
    }

    /// The process is no more; nothing that it still tries arrives.
    pub fn die(&mut self) -> Cut {
        self.down = true;
        Cut::Unanswered("the process died")
    }

    /// Whether the operator is dead.
    pub fn down(&self) -> bool {
        self.down
    }

    /// Whether the operator has lost the lease.
    pub fn fenced(&self) -> bool {
        self.fenced
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Model {
    /// The k-th effect from now is the last thing that the operator does, until [`Model::restart`].
    pub fn crash_after(&self, k: usize) {
        let faults = &mut self.state().faults;
        faults.crash_after = Some(faults.effects + k);
    }

    /// The caller of the k-th effect from now never hears that it took place.
    pub fn lose_answer(&self, k: usize) {
        let faults = &mut self.state().faults;
        faults.lose_answer = Some(faults.effects + k);
    }

    /// What would be the k-th effect from now fails without one.
    pub fn fail_before(&self, k: usize) {
        let faults = &mut self.state().faults;
        faults.fail_before = Some(faults.effects + k);
    }

    /// The lease runs out before what would be the k-th effect from now: no write has one, until [`Model::restart`].
    pub fn lose_lease_before(&self, k: usize) {
        let faults = &mut self.state().faults;
        faults.lose_lease_before = Some(faults.effects + k);
    }

    /// The next n calls are throttled.
    pub fn throttle(&self, n: usize) {
        self.state().faults.throttle = n;
    }

    /// The operator's credentials do not allow an operation.
    pub fn deny(&self, operation: &'static str) {
        self.state().faults.denied.push(operation);
    }

    /// The next n calls of an operation are refused.
    pub fn refuse_next(&self, operation: &'static str, n: usize, code: &'static str, message: &str) {
        let refusal = Refusal { code, message: message.to_owned() };
        self.state().faults.refusals.push((operation, n, refusal));
    }

    /// Whether the operator is dead.
    pub fn crashed(&self) -> bool {
        self.state().faults.down()
    }

    /// Whether the operator has lost the lease, so that another leads.
    pub fn deposed(&self) -> bool {
        self.state().faults.fenced()
    }

    /// Whether a fault that was ordered has not happened yet.
    pub fn fault_pending(&self) -> bool {
        let faults = &self.state().faults;
        let writes = [faults.crash_after, faults.lose_answer, faults.fail_before, faults.lose_lease_before];
        writes.iter().any(Option::is_some)
    }

    /// The operator may be started again, or another leads, and nothing more goes wrong.
    pub fn restart(&self) {
        self.state().faults.reset();
    }
}
