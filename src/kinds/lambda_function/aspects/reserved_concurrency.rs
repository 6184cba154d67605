//! Reserved concurrency: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>. GetFunction
//! shows it, so that it needs no read of its own.

use std::fmt;

use async_trait::async_trait;

use crate::cloud::{fault::Fault, lambda::Lambda};

use super::{
    View, note,
    spec::{AspectsStatus, Setting},
    step::AspectStep,
};

/// One write: reserve this many; nothing for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name of the function.
    pub function: String,
    /// How many.
    pub reserved: Option<i32>,
}

/// What to do about it.
pub fn plan(view: &View<'_>) -> Option<Step> {
    let reserved = view.desired.spec.reserved_concurrency;
    let managed = reserved.is_some() || view.is_applied(Setting::ReservedConcurrency);
    (managed && reserved != view.observed.reserved_concurrency)
        .then(|| Step { function: view.function.to_owned(), reserved })
}

/// What counts as applied.
pub fn report(view: &View<'_>, status: &mut AspectsStatus) {
    if plan(view).is_none() {
        note(status, Setting::ReservedConcurrency, view.desired.spec.reserved_concurrency.is_some());
    }
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        if self.reserved.is_some() { "ConcurrencyReserved" } else { "ReservedConcurrencyRemoved" }
    }

    fn field(&self) -> &'static str {
        "spec.reservedConcurrency"
    }

    fn record(&self, status: &mut AspectsStatus) {
        note(status, Setting::ReservedConcurrency, true);
    }

    async fn apply(&self, lambda: &dyn Lambda, _: &mut AspectsStatus) -> Result<(), Fault> {
        match self.reserved {
            Some(reserved) => lambda.put_concurrency(&self.function, reserved).await,
            None => lambda.delete_concurrency(&self.function).await,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = &self.function;
        match self.reserved {
            Some(0) => write!(f, "reserve no concurrency for function {function}: it cannot be invoked"),
            Some(reserved) => write!(f, "reserve {reserved} concurrent executions for function {function}"),
            None => write!(f, "remove the reserved concurrency of function {function}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{Observed, testing::Pass},
        *,
    };

    #[test]
    fn it_is_set_changed_and_taken_back() {
        for (spec, applied, observed, expected) in [
            (json!({}), false, Some(5), None),
            (json!({}), true, None, None),
            (json!({}), true, Some(5), Some("remove the reserved concurrency of function f")),
            (json!({ "reservedConcurrency": 5 }), false, Some(5), None),
            (json!({ "reservedConcurrency": 5 }), false, None, Some("reserve 5 concurrent executions for function f")),
            (
                json!({ "reservedConcurrency": 0 }),
                true,
                Some(5),
                Some("reserve no concurrency for function f: it cannot be invoked"),
            ),
        ] {
            let mut status = AspectsStatus::default();
            note(&mut status, Setting::ReservedConcurrency, applied);
            let status = serde_json::to_value(status).unwrap();
            let observed = Observed { reserved_concurrency: observed, ..Observed::default() };
            let pass = Pass::new(spec.clone(), status, observed);
            assert_eq!(pass.told(), expected.into_iter().collect::<Vec<_>>(), "{spec} {applied}");
        }
    }
}
