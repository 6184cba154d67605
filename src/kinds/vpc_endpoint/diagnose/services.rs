//! Services that AWS does not offer, and those that may have been meant.

use std::collections::{BTreeMap, BTreeSet};

/// What to say of a service that is not among those offered. Nothing of one that another account offers, because
/// AWS does not list those.
pub fn unknown_service(wanted: &str, offered: &BTreeSet<String>, region: &str) -> Option<String> {
    if offered.contains(wanted) || wanted.contains(".vpce-svc-") {
        return None;
    }
    let near = near_names(wanted, offered);
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    Some(format!("AWS offers no service {wanted} in {region}{hint}"))
}

/// At most three offered names that differ least, none of them by more than a third of what is wanted.
fn near_names<'a>(wanted: &str, offered: &'a BTreeSet<String>) -> Vec<&'a str> {
    let short = |name: &'_ str| name.splitn(4, '.').nth(3).unwrap_or(name).to_owned();
    let wanted_short = short(wanted);
    let limit = (wanted_short.chars().count() / 3).max(1);
    let mut by_distance: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for name in offered {
        by_distance.entry(strsim::levenshtein(&wanted_short, &short(name))).or_default().push(name);
    }
    by_distance.range(..=limit).flat_map(|(_, names)| names).copied().take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::super::fixtures::set, *};

    #[test]
    fn unknown_services_come_with_near_names() {
        let offered = set([
            "com.amazonaws.ap-northeast-1.lambda",
            "com.amazonaws.ap-northeast-1.logs",
            "com.amazonaws.ap-northeast-1.s3",
        ]);
        for (wanted, hint) in [
            ("com.amazonaws.ap-northeast-1.lamda", "; did you mean com.amazonaws.ap-northeast-1.lambda?"),
            ("com.amazonaws.us-east-1.s3", "; did you mean com.amazonaws.ap-northeast-1.s3?"),
            ("com.amazonaws.ap-northeast-1.nothing-like-it", ""),
        ] {
            let expected = format!("AWS offers no service {wanted} in ap-northeast-1{hint}");
            assert_eq!(unknown_service(wanted, &offered, "ap-northeast-1"), Some(expected));
        }
        for known in ["com.amazonaws.ap-northeast-1.s3", "com.amazonaws.vpce.ap-northeast-1.vpce-svc-0a"] {
            assert_eq!(unknown_service(known, &offered, "ap-northeast-1"), None);
        }
    }
}
