//! Names that follow from the object's own, so that they can be found again without a record.

use crate::cloud::names::{SUFFIX, hashed};

use super::spec::LambdaFunctionSpec;

/// AWS's limit: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>.
const FUNCTION_LIMIT: usize = 64;
/// Our own limit on metadata.name.
const OBJECT_LIMIT: usize = 63;

/// The function's name: the spec's, or `<namespace>-<name>`.
pub fn function(spec: Option<&LambdaFunctionSpec>, namespace: &str, name: &str) -> String {
    match spec.and_then(|spec| spec.function_name.clone()) {
        Some(given) => given,
        None => {
            fitted(&format!("{namespace}-{name}"), FUNCTION_LIMIT, |c| c.is_ascii_alphanumeric() || "-_".contains(c))
        }
    }
}

/// The name of the `InstanceRole` that is made for a function.
pub fn owned_role(name: &str) -> String {
    fitted(&format!("{name}-execution"), OBJECT_LIMIT, |_| true)
}

/// The name itself if it fits; otherwise what fits of it and a hash of the whole.
fn fitted(name: &str, limit: usize, allowed: fn(char) -> bool) -> String {
    if name.len() <= limit && name.chars().all(allowed) {
        return name.to_owned();
    }
    let kept = name.chars().map(|c| if allowed(c) { c } else { '-' }).take(limit - SUFFIX).collect::<String>();
    hashed(kept.trim_end_matches(['-', '.']), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit() {
        let long = "x".repeat(60);
        let spec = LambdaFunctionSpec { function_name: Some("Given_1".to_owned()), ..Default::default() };
        assert_eq!(function(Some(&spec), "default", "hello"), "Given_1");
        assert_eq!(function(None, "default", "hello"), "default-hello");
        assert_eq!(owned_role("hello"), "hello-execution");
        assert_eq!(owned_role("hello.world"), "hello.world-execution");

        let cut = function(None, "default", &long);
        assert!(cut.len() <= 64 && cut.starts_with("default-xxx"), "{cut}");
        assert_ne!(cut, function(None, "default", &format!("{long}y")));
        assert_ne!(function(None, "a", "b.c"), function(None, "a", "b-c"));
        assert!(!function(None, "a", "b.c").contains('.'));
        assert!(owned_role(&long).len() <= 63);
    }
}
