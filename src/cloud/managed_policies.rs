//! Managed policies by their short names. A name alone does not give the ARN, because a policy may live at a
//! path (`AWSLambdaRole` is `service-role/AWSLambdaRole`), so names are looked up in ListPolicies.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use super::iam::{Iam, ManagedPolicy};
use crate::engine::failure::Failure;

/// What names a managed policy in a spec: an ARN, or a name with or without its path.
pub const POLICY_PATTERN: &str = r"^(arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/)?[A-Za-z0-9_+=,.@/-]+$";
/// The ARN of a managed policy.
pub const POLICY_ARN_PATTERN: &str = r"^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9_+=,.@/-]+$";

/// For how long the list is taken as it is.
const FRESH: Duration = Duration::from_hours(1);
/// A name that is not in the list has it read again, but no more often than this: somebody may just have made
/// the policy, and somebody else may keep naming one that will never be.
const MISS_AGAIN: Duration = Duration::from_mins(1);

/// The names of one account's managed policies, AWS's own and the customer's, read when needed.
pub struct ManagedPolicyNames {
    iam: Arc<dyn Iam>,
    last: Mutex<Option<Reading>>,
}

struct Reading {
    at: Instant,
    index: Index,
}

impl ManagedPolicyNames {
    /// Reads nothing yet.
    pub fn new(iam: Arc<dyn Iam>) -> Self {
        Self { iam, last: Mutex::default() }
    }

    /// The ARN of the policy with this name, or with this path and name (`service-role/AWSLambdaRole`).
    /// Fails terminally with `UnknownManagedPolicy` or `AmbiguousManagedPolicy`.
    pub async fn arn(&self, name: &str) -> Result<String, Failure> {
        let mut last = self.last.lock().await;
        let known = last.as_ref().map(|reading| (reading.at.elapsed(), reading.index.arns(name).is_empty()));
        if must_read(known) {
            let policies = self.iam.managed_policies().await?;
            *last = Some(Reading { at: Instant::now(), index: Index::new(policies) });
        }
        last.as_ref().map_or_else(|| Index::default().arn(name), |reading| reading.index.arn(name))
    }
}

/// Whether to read the list, given the age of the last reading and whether it lacks the name asked for.
fn must_read(last: Option<(Duration, bool)>) -> bool {
    last.is_none_or(|(age, missing)| age >= if missing { MISS_AGAIN } else { FRESH })
}

/// ARNs by name without path.
#[derive(Default)]
struct Index(BTreeMap<String, BTreeSet<String>>);

impl Index {
    fn new(policies: Vec<ManagedPolicy>) -> Self {
        let mut index = BTreeMap::<_, BTreeSet<_>>::new();
        for policy in policies {
            index.entry(policy.name).or_default().insert(policy.arn);
        }
        Self(index)
    }

    fn arns(&self, name: &str) -> Vec<&str> {
        let bare = name.rsplit('/').next().unwrap_or(name);
        let with_path = format!(":policy/{name}");
        let all = self.0.get(bare).into_iter().flatten().map(String::as_str);
        all.filter(|arn| bare == name || arn.ends_with(&with_path)).collect()
    }

    fn arn(&self, name: &str) -> Result<String, Failure> {
        match self.arns(name)[..] {
            [arn] => Ok(arn.to_owned()),
            [] => Err(Failure::terminal(
                "UnknownManagedPolicy",
                format!("no managed policy is named {name}{}", self.similar(name)),
            )),
            ref several => Err(Failure::terminal(
                "AmbiguousManagedPolicy",
                format!("several managed policies are named {name}; give the ARN: {}", listed(several)),
            )),
        }
    }

    /// Up to three names that the user may have meant.
    fn similar(&self, name: &str) -> String {
        let wanted = name.rsplit('/').next().unwrap_or(name).to_lowercase();
        let near: Vec<_> = self
            .0
            .keys()
            .filter(|known| {
                let known = known.to_lowercase();
                known.contains(&wanted) || wanted.contains(&known)
            })
            .take(3)
            .cloned()
            .collect();
        if near.is_empty() { String::new() } else { format!("; there are {}", near.join(", ")) }
    }
}

/// ARNs with whose policies they are, which their texts tell only to those who know them well.
fn listed(arns: &[&str]) -> String {
    let whose = |arn: &str| if arn.contains(":iam::aws:") { "AWS's" } else { "the account's" };
    arns.iter().map(|arn| format!("{arn} ({})", whose(arn))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let policies = [
            ("AWSLambdaExecute", "arn:aws:iam::aws:policy/AWSLambdaExecute"),
            ("AWSLambdaRole", "arn:aws:iam::aws:policy/service-role/AWSLambdaRole"),
            ("Twice", "arn:aws:iam::aws:policy/Twice"),
            ("Twice", "arn:aws:iam::123456789012:policy/team/Twice"),
        ];
        Index::new(policies.map(|(name, arn)| ManagedPolicy { name: name.into(), arn: arn.into() }).into())
    }

    #[test]
    fn names_with_and_without_path() {
        for (name, arn) in [
            ("AWSLambdaExecute", "arn:aws:iam::aws:policy/AWSLambdaExecute"),
            ("AWSLambdaRole", "arn:aws:iam::aws:policy/service-role/AWSLambdaRole"),
            ("service-role/AWSLambdaRole", "arn:aws:iam::aws:policy/service-role/AWSLambdaRole"),
            ("team/Twice", "arn:aws:iam::123456789012:policy/team/Twice"),
        ] {
            assert_eq!(index().arn(name).unwrap(), arn);
        }
    }

    #[test]
    fn unknown_and_ambiguous_names_say_what_there_is() {
        for (name, reason, message) in [
            (
                "awslambdarole",
                "UnknownManagedPolicy",
                "no managed policy is named awslambdarole; there are AWSLambdaRole",
            ),
            (
                "job-function/AWSLambdaRole",
                "UnknownManagedPolicy",
                "no managed policy is named job-function/AWSLambdaRole; there are AWSLambdaRole",
            ),
            ("Nothing", "UnknownManagedPolicy", "no managed policy is named Nothing"),
            (
                "Twice",
                "AmbiguousManagedPolicy",
                "several managed policies are named Twice; give the ARN: \
                 arn:aws:iam::123456789012:policy/team/Twice (the account's), arn:aws:iam::aws:policy/Twice (AWS's)",
            ),
        ] {
            assert_eq!(index().arn(name), Err(Failure::terminal(reason, message)));
        }
    }

    #[test]
    fn a_miss_reads_again_soon_and_a_hit_late() {
        for (last, read) in [
            (None, true),
            (Some((Duration::from_secs(59), true)), false),
            (Some((Duration::from_mins(1), true)), true),
            (Some((Duration::from_secs(3599), false)), false),
            (Some((Duration::from_hours(1), false)), true),
        ] {
            assert_eq!(must_read(last), read, "{last:?}");
        }
    }
}
