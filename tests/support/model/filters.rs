//! Filters of the Describe calls.

use privatelink_operator::cloud::{ec2::Filter, ownership::Tags};

use super::{Answer, refuse};

/// Whether all filters match: values of a filter are `ORed` and may hold `*` and `?`.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>
pub fn matches(filters: &[Filter], tags: &Tags, field: impl Fn(&str) -> Option<String>) -> Answer<bool> {
    for filter in filters {
        let found: Vec<String> = if filter.name == "tag-key" {
            tags.keys().cloned().collect()
        } else if let Some(key) = filter.name.strip_prefix("tag:") {
            tags.get(key).cloned().into_iter().collect()
        } else if let Some(value) = field(&filter.name) {
            vec![value]
        } else {
            return refuse("InvalidParameterValue", format!("The filter '{}' is invalid", filter.name));
        };
        if !found.iter().any(|have| filter.values.iter().any(|pattern| glob(pattern.as_bytes(), have.as_bytes()))) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if glob(rest, text) => true,
        (Some((b'*', _)), Some((_, tail))) => glob(pattern, tail),
        (Some((b'?', rest)), Some((_, tail))) => glob(rest, tail),
        (Some((p, rest)), Some((t, tail))) if p == t => glob(rest, tail),
        _ => false,
    }
}

/// Those that all filters match.
pub fn select<T: Clone>(
    all: impl IntoIterator<Item = T>,
    filters: &[Filter],
    tags: impl Fn(&T) -> Tags,
    field: impl Fn(&T, &str) -> Option<String>,
) -> Answer<Vec<T>> {
    let mut found = Vec::new();
    for item in all {
        if matches(filters, &tags(&item), |name| field(&item, name))? {
            found.push(item);
        }
    }
    Ok(found)
}
