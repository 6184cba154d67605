//! Provisioned concurrency of aliases: <https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html>. Its
//! part of the spec is in the alias.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{
    cloud::{
        fault::Fault,
        lambda::{Lambda, aliases::ProvisionedConcurrency},
    },
    engine::kind::Plan,
};

use super::{
    View,
    aliases::{self, Alias, AliasSetting},
    spec::{AspectsSpec, AspectsStatus},
    step::AspectStep,
    wanted,
};

/// One write: this many for an alias; 0 for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name of the function.
    pub function: String,
    /// Name of the alias.
    pub alias: String,
    /// How many.
    pub count: i32,
}

/// Whether it is given for any alias, or was applied to any.
pub fn is_managed(spec: &AspectsSpec, status: &AspectsStatus) -> bool {
    spec.aliases.iter().flatten().any(|alias| alias.provisioned_concurrency.is_some())
        || status.aliases.iter().any(|alias| alias.applied_settings.contains(&AliasSetting::ProvisionedConcurrency))
}

/// The steps that lower it, and those that raise it. What an alias had goes with the alias.
pub fn plan(view: &View<'_>) -> (Vec<Step>, Vec<Step>) {
    let steps = view.desired.spec.aliases.iter().flatten().filter_map(|alias| {
        let count = count(view, alias)?;
        let before = observed(view, &alias.name).map_or(0, |observed| observed.requested);
        let step = Step { function: view.function.to_owned(), alias: alias.name.clone(), count };
        (count != before).then_some((step, count > before))
    });
    let (raise, lower): (Vec<_>, Vec<_>) = steps.partition(|(_, raises)| *raises);
    let steps = |list: Vec<(Step, bool)>| list.into_iter().map(|(step, _)| step).collect();
    (steps(lower), steps(raise))
}

/// Whether AWS was asked for what the spec says.
pub fn is_settled(view: &View<'_>) -> bool {
    let (lower, raise) = plan(view);
    lower.is_empty() && raise.is_empty()
}

/// What is still being made ready, or could not be.
pub fn unready(view: &View<'_>) -> Option<Plan<super::Step>> {
    view.desired.spec.aliases.iter().flatten().find_map(|alias| {
        count(view, alias)?;
        let observed = observed(view, &alias.name)?;
        let told = |what: &str| {
            let reason = observed.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("provisioned concurrency of alias {} of function {} {what}{reason}", alias.name, view.function)
        };
        match observed.status.as_str() {
            "IN_PROGRESS" => Some(Plan::Wait {
                reason: "ProvisionedConcurrencyPending",
                message: told("is being allocated by AWS"),
                after: Duration::from_secs(5),
            }),
            "FAILED" => {
                Some(Plan::Refuse { reason: "ProvisionedConcurrencyFailed", message: told("could not be allocated") })
            }
            _ => None,
        }
    })
}

fn count(view: &View<'_>, alias: &Alias) -> Option<i32> {
    let applied = view.status.aliases.iter().find(|applied| applied.name == alias.name);
    let applied = applied.is_some_and(|a| a.applied_settings.contains(&AliasSetting::ProvisionedConcurrency));
    wanted(alias.provisioned_concurrency, applied, 0)
}

fn observed<'a>(view: &View<'a>, alias: &str) -> Option<&'a ProvisionedConcurrency> {
    view.observed.provisioned.iter().find(|provisioned| provisioned.qualifier == alias)
}

#[async_trait]
impl AspectStep for Step {
    fn reason(&self) -> &'static str {
        if self.count == 0 { "ProvisionedConcurrencyRemoved" } else { "ProvisionedConcurrencySet" }
    }

    fn field(&self) -> &'static str {
        "spec.aliases.provisionedConcurrency"
    }

    fn record(&self, status: &mut AspectsStatus) {
        aliases::note_alias(status, &self.alias, &[AliasSetting::ProvisionedConcurrency]);
    }

    async fn apply(&self, lambda: &dyn Lambda, _: &mut AspectsStatus) -> Result<(), Fault> {
        if self.count == 0 {
            return lambda.delete_provisioned_concurrency(&self.function, &self.alias).await;
        }
        lambda.put_provisioned_concurrency(&self.function, &self.alias, self.count).await
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, alias, count } = self;
        match count {
            0 => write!(f, "remove the provisioned concurrency of alias {alias} of function {function}"),
            _ => write!(f, "provision {count} execution environments for alias {alias} of function {function}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{Observed, testing::Pass},
        *,
    };
    use crate::cloud::lambda::aliases as port;

    fn pass(given: Value, applied: &Value, observed: Option<(i32, &str)>, reserved: Value) -> Pass {
        let mut alias = json!({ "name": "live", "version": "1" });
        if !given.is_null() {
            alias["provisionedConcurrency"] = given;
        }
        let provisioned = observed.map(|(requested, status)| ProvisionedConcurrency {
            qualifier: "live".to_owned(),
            requested,
            status: status.to_owned(),
            reason: Some("why".to_owned()),
        });
        let alias_observed = port::Alias { name: "live".to_owned(), version: "1".to_owned(), ..port::Alias::default() };
        let observed = Observed {
            aliases: vec![alias_observed],
            provisioned: provisioned.into_iter().collect(),
            reserved_concurrency: Some(3),
            ..Observed::default()
        };
        let mut spec = json!({ "aliases": [alias] });
        if !reserved.is_null() {
            spec["reservedConcurrency"] = reserved;
        }
        Pass::new(spec, json!({ "aliases": [{ "name": "live", "appliedSettings": applied }] }), observed)
    }

    #[test]
    fn it_is_set_changed_taken_back_and_waited_for() {
        let (none, ours) = (json!([]), json!(["provisionedConcurrency"]));
        for (given, applied, observed, expected) in [
            (json!(null), &none, Some((5, "READY")), vec![]),
            (json!(null), &none, Some((5, "FAILED")), vec![]),
            (json!(null), &ours, None, vec![]),
            (json!(0), &none, None, vec![]),
            (json!(5), &none, Some((5, "READY")), vec![]),
            (json!(5), &none, None, vec!["provision 5 execution environments for alias live of function f"]),
            (
                json!(5),
                &none,
                Some((4, "READY")),
                vec!["provision 5 execution environments for alias live of function f"],
            ),
            (
                json!(0),
                &none,
                Some((5, "READY")),
                vec!["remove the provisioned concurrency of alias live of function f"],
            ),
            (
                json!(null),
                &ours,
                Some((5, "READY")),
                vec!["remove the provisioned concurrency of alias live of function f"],
            ),
            (
                json!(5),
                &none,
                Some((5, "IN_PROGRESS")),
                vec![
                    "ProvisionedConcurrencyPending: provisioned concurrency of alias live of function f is being \
                 allocated by AWS: why",
                ],
            ),
            (
                json!(5),
                &none,
                Some((5, "FAILED")),
                vec![
                    "ProvisionedConcurrencyFailed: provisioned concurrency of alias live of function f could not be \
                 allocated: why",
                ],
            ),
        ] {
            let pass = pass(given.clone(), applied, observed, json!(null));
            assert_eq!(pass.told(), expected, "{given} {applied} {observed:?}");
        }
    }

    #[test]
    fn it_never_exceeds_what_is_reserved() {
        let order = |given: i32, before: i32, reserved: i32| -> Vec<bool> {
            let pass = pass(json!(given), &json!([]), Some((before, "READY")), json!(reserved));
            pass.told().iter().map(|step| step.starts_with("reserve")).collect()
        };
        assert_eq!(order(5, 2, 6), [true, false], "reserve first, then provision more");
        assert_eq!(order(1, 2, 1), [false, true], "provision less first");
    }
}
