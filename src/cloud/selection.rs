//! Selector terms to AWS things: what is read for them, and how it is chosen from.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::failure::Failure;

use super::{
    ec2::{Filter, RouteTable, SecurityGroup, Subnet, Vpc},
    fault::Fault,
    ownership::Tags,
    selectors::Term,
};

/// Something that a term can select.
pub trait Candidate {
    /// What it is, in words.
    const WHAT: &'static str;
    /// The reason of a failure to find any.
    const NONE_MATCHED: &'static str;

    /// Its id.
    fn id(&self) -> &str;
    /// Its name (security groups only).
    fn name(&self) -> &str {
        Default::default()
    }
    /// The VPC that it is in.
    fn vpc(&self) -> &str;
    /// All its tags.
    fn tags(&self) -> &Tags;
}

macro_rules! candidate {
    ($type:ty, $what:literal, $none:literal, $vpc:ident $(, $name:ident)?) => {
        impl Candidate for $type {
            const WHAT: &'static str = $what;
            const NONE_MATCHED: &'static str = $none;

            fn id(&self) -> &str {
                &self.id
            }
            $(fn name(&self) -> &str {
                &self.$name
            })?
            fn vpc(&self) -> &str {
                &self.$vpc
            }
            fn tags(&self) -> &Tags {
                &self.tags
            }
        }
    };
}

candidate!(Vpc, "VPC", "NoVpcMatched", id);
candidate!(Subnet, "subnet", "NoSubnetMatched", vpc_id);
candidate!(SecurityGroup, "security group", "NoSecurityGroupMatched", vpc_id, name);
candidate!(RouteTable, "route table", "NoRouteTableMatched", vpc_id);

/// The ids, if there is nothing else in the list.
pub fn plain_ids<T: Term>(terms: &[T]) -> Option<BTreeSet<String>> {
    terms.iter().map(|term| term.id().map(str::to_owned)).collect()
}

/// Whether a list of terms can only be resolved by a read.
pub fn needs_read<T: Term>(terms: Option<&[T]>) -> bool {
    terms.is_some_and(|terms| plain_ids(terms).is_none())
}

/// One Describe call for each term of `field`, within the VPC if one is given.
pub async fn read<T: Term, C: Candidate, F>(
    field: &str,
    terms: &[T],
    vpc: Option<&str>,
    describe: impl Fn(Vec<Filter>) -> F,
) -> Result<Vec<C>, Failure>
where
    F: Future<Output = Result<Vec<C>, Fault>>,
{
    let mut found = Vec::new();
    for term in terms {
        let mut filters = term.filters();
        filters.extend(vpc.map(|vpc| Filter::new("vpc-id", vpc)));
        found.extend(describe(filters).await.map_err(|fault| Failure::from(fault).at(field))?);
    }
    Ok(found)
}

/// What one term selects.
pub fn matches<'a, T: Term, C: Candidate>(term: &T, candidates: &'a [C]) -> impl Iterator<Item = &'a C> {
    candidates.iter().filter(move |c| term.matches(c.id(), c.name(), c.tags()))
}

/// All that some term of `field` selects, in the VPC if one is given, by id. It is a failure when nothing is, and when
/// an id is not found.
pub fn matching<'a, T: Term, C: Candidate>(
    field: &str,
    terms: &[T],
    vpc: Option<&str>,
    candidates: &'a [C],
) -> Result<Vec<&'a C>, Failure> {
    let within = vpc.unwrap_or("this account and region");
    let none_matched = |terms: &str| {
        Failure::terminal(C::NONE_MATCHED, format!("no {} of {within} matches {terms}", C::WHAT)).at(field)
    };
    let mut found = BTreeMap::new();
    for term in terms {
        let mut missing = term.id().is_some();
        for candidate in matches(term, candidates).filter(|candidate| vpc.is_none_or(|vpc| candidate.vpc() == vpc)) {
            missing = false;
            found.insert(candidate.id(), candidate);
        }
        if missing {
            return Err(none_matched(&term.describe()));
        }
    }
    if found.is_empty() {
        let terms: Vec<_> = terms.iter().map(Term::describe).collect();
        return Err(none_matched(&terms.join(", or ")));
    }
    Ok(found.into_values().collect())
}
