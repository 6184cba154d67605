//! Which event source mappings there are, and which of them are ours: those whose id the status records, and those that
//! carry our ownership tags. There is no name or token to find one by.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    cloud::{
        Aws,
        lambda::event_sources::Mapping,
        ownership::{Owner, Verdict},
    },
    engine::{failure::Failure, kind::Subject},
    kinds::lambda_function::spec::LambdaFunction,
};

/// A mapping that is ours or ours to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedMapping {
    /// The mapping.
    pub mapping: Mapping,
    /// Whether it is ours; otherwise it is to be claimed first.
    pub ours: bool,
}

/// Whether a mapping invokes this function, without a qualifier.
pub fn is_of(mapping: &Mapping, function: &str) -> bool {
    mapping.function_arn.rsplit_once(":function:").is_some_and(|(_, name)| name == function)
}

/// A digest of the mappings of these sources. Whatever changes it, wakes the object.
pub fn digest<'a, 'b>(sources: impl Iterator<Item = &'b str>, mappings: impl Iterator<Item = &'a Mapping>) -> u64 {
    let sources: BTreeSet<&str> = sources.collect();
    let mut mappings: Vec<_> = mappings.filter(|mapping| sources.contains(mapping.source_arn.as_str())).collect();
    mappings.sort_by(|a, b| a.source_arn.cmp(&b.source_arn));
    let mut hasher = DefaultHasher::new();
    mappings.hash(&mut hasher);
    hasher.finish()
}

/// Reads the mappings of the spec's sources and those that were applied; while the object is being deleted, all that
/// are ours. Without the function, AWS can't list them by its name.
pub async fn observe(
    aws: &Aws,
    subject: &Subject<LambdaFunction>,
    function: &str,
    exists: bool,
) -> Result<Vec<ObservedMapping>, Failure> {
    let mut observed = Vec::new();
    for mapping in aws.lambda.mappings(exists.then_some(function)).await? {
        if is_of(&mapping, function)
            && let Some(ours) = judge(aws, subject, &mapping).await?
        {
            observed.push(ObservedMapping { mapping, ours });
        }
    }
    Ok(observed)
}

/// Whether a mapping is ours (`Some(true)`), ours to take (`Some(false)`) or none of our business. One that the spec
/// names and that is not ours fails the pass.
async fn judge(aws: &Aws, subject: &Subject<LambdaFunction>, mapping: &Mapping) -> Result<Option<bool>, Failure> {
    let sources = subject.object.iter().flat_map(|object| object.spec.aspects.event_sources.iter().flatten());
    let is_given = !subject.deleting && sources.into_iter().any(|source| source.arn == mapping.source_arn);
    let recorded = subject.status.aspects.event_sources.iter().find(|applied| applied.arn == mapping.source_arn);
    if recorded.is_some_and(|applied| applied.uuid.as_ref() == Some(&mapping.uuid)) {
        return Ok(Some(true));
    }
    if !is_given && recorded.is_none() && !subject.deleting {
        return Ok(None);
    }
    let what = format!("event source mapping {} of {}", mapping.uuid, mapping.source_arn);
    let tags = aws.lambda.mapping_tags(&mapping.arn).await?;
    // A mapping that somebody made has not lost its tags: it never had them.
    let owner = Owner { converged_uid: None, ..aws.owner(subject) };
    match owner.judge(&what, &tags) {
        Verdict::Ours => Ok(Some(true)),
        Verdict::Claim if is_given => {
            aws.adoptable(subject, &what, &tags)?;
            Ok(Some(false))
        }
        Verdict::Refused(failure) if is_given => Err(refused(failure, &what)),
        Verdict::Claim | Verdict::Refused(_) => Ok(None),
    }
}

fn refused(failure: Failure, what: &str) -> Failure {
    if failure.reason == "AlreadyExists" {
        return Failure::terminal(
            "AlreadyExists",
            format!("spec.eventSources: {what} exists and is not ours; delete it, or set spec.adoptionPolicy to Adopt"),
        );
    }
    failure.at("spec.eventSources")
}
