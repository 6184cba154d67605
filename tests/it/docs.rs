//! The documentation against the code: every reason is explained and none outlives the code that gives it, every
//! link leads to a file, and every manifest is one that the operator reads as it is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use kube::core::cel::validate_cel;
use privatelink_operator::kinds::{
    instance_role::spec::InstanceRole, lambda_function::spec::LambdaFunction, vpc_endpoint::spec::VpcEndpoint,
};
use serde_json::Value;

/// Reasons are string literals of one capitalised word, wherever they stand, so every such literal counts as a reason.
/// These are all the others. A literal that stands directly in `[]` is never a reason: those are AWS's error codes.
const OTHER_WORDS: &[&str] = &[
    // Condition types and their statuses.
    "Ready",
    "Reconciling",
    "Stalled",
    "True",
    "False",
    "Unknown",
    // Types and actions of Events.
    "Normal",
    "Warning",
    "Reconcile",
    "Repair",
    "Delete",
    // AWS's error codes and states.
    "IdempotentParameterMismatch",
    "Active",
    "ActiveNonInvocable",
    "Inactive",
    "Deactivating",
    "Deactivated",
    "Failed",
    "InProgress",
    // AWS's quotas, and what their names end in.
    "RolesQuota",
    "InstanceProfilesQuota",
    "AttachedPoliciesPerRoleQuota",
    "RolePolicySizeQuota",
    "AssumeRolePolicySizeQuota",
    "Quota",
    "Enabled",
    "Disabled",
    // Values of settings.
    "None",
    "PassThrough",
    "Text",
    "Auto",
    "FunctionUpdate",
    "Manual",
    "Terminate",
    // Ids of statements.
    "FunctionURLAllowPublicAccess",
    "FunctionURLInvokeAllowPublicAccess",
    // Kinds, and the grammar of policies.
    "InstanceRole",
    "LambdaFunction",
    "Secret",
    "Action",
    "Allow",
    "Effect",
    "Principal",
    "Service",
    "Statement",
    "Version",
];

/// Where words are AWS's operations and actions, metrics, schemas or the grammar of policies. Nothing there may stop a pass.
const WITHOUT_REASONS: &[&str] = &[
    "src/cloud/sdk/",
    "src/permissions/",
    "src/run/",
    "src/cli.rs",
    "src/main.rs",
    "src/cloud/policy.rs",
    "/spec.rs",
    "/spec/",
];

/// Only for tests, as the `mod` items that name them say.
const TESTS: &[&str] = &["tests.rs", "fixtures.rs", "replay.rs"];

#[test]
fn every_reason_is_documented() {
    let known = reasons();
    let sample =
        ["Available", "AwaitingConsistency", "KubernetesAPI", "NoVpcMatched", "RoleNotYetAssumable", "Throttled"];
    for reason in sample {
        assert!(known.contains(reason), "the collection has lost {reason}");
    }
    let page = read("docs/troubleshooting.md");
    let documented: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(reason, _)| reason.to_owned())
        .filter(|word| is_reason(word))
        .collect();
    let missing: Vec<_> = known.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&known).collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md has no row for {missing:?}");
    assert!(stale.is_empty(), "docs/troubleshooting.md has rows for {stale:?}, which the code never says");
}

#[test]
fn every_link_leads_to_a_file() {
    let mut links = 0;
    for page in pages() {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            if link.contains("://") || path.is_empty() {
                continue;
            }
            let target = root().join(&page).parent().unwrap().join(path);
            assert!(target.exists(), "{page}: {link} leads nowhere");
            let has_heading =
                || fs::read_to_string(&target).unwrap().lines().any(|line| anchor(line) == Some(heading.into()));
            assert!(heading.is_empty() || has_heading(), "{page}: {link} has no such heading");
            links += 1;
        }
    }
    assert!(links > 5, "only {links} links found");
}

#[test]
fn every_manifest_is_valid() {
    let mut manifests = BTreeMap::<String, usize>::new();
    for page in pages() {
        let text = read(&page);
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block) {
            for document in block.split("---\n").filter(|document| !document.trim().is_empty()) {
                let manifest: Value =
                    serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{page}: {error}:\n{document}"));
                let kind = manifest["kind"].as_str().unwrap_or_default().to_owned();
                let checked = match kind.as_str() {
                    "VpcEndpoint" => check::<VpcEndpoint>(&manifest, validate_cel),
                    "InstanceRole" => check::<InstanceRole>(&manifest, validate_cel),
                    "LambdaFunction" => check::<LambdaFunction>(&manifest, validate_cel),
                    "ConfigMap" | "Kustomization" => Ok(()),
                    other => Err(format!("unknown kind {other:?}")),
                };
                checked.unwrap_or_else(|error| panic!("{page}: {error}:\n{document}"));
                *manifests.entry(kind).or_default() += 1;
            }
        }
    }
    assert_eq!(manifests.len(), 5, "{manifests:?}");
}

/// What a heading is linked to by.
pub fn anchor(line: &str) -> Option<String> {
    let heading = line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase())?;
    Some(heading.chars().filter(|c| c.is_alphanumeric() || "- _".contains(*c)).collect::<String>().replace(' ', "-"))
}

/// Whether the manifest decodes with nothing lost, as a misspelt field would be, and keeps the schema's rules.
fn check<K>(manifest: &Value, rules: impl Fn(&K) -> Result<(), kube::core::cel::ValidationErrors>) -> Result<(), String>
where
    K: serde::Serialize + serde::de::DeserializeOwned,
{
    let object: K = serde_json::from_value(manifest.clone()).map_err(|error| error.to_string())?;
    let again = serde_json::to_value(&object).map_err(|error| error.to_string())?;
    if again["spec"] != manifest["spec"] {
        return Err(format!("a field is not known; read was {}", again["spec"]));
    }
    rules(&object).map_err(|error| error.to_string())
}

/// All reasons in the source, tests left out.
fn reasons() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for path in files(&root().join("src"), "rs") {
        let name = relative(&path);
        if name.contains("/tests/") || TESTS.iter().any(|file| name.ends_with(&format!("/{file}"))) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        if WITHOUT_REASONS.iter().any(|place| name.contains(place)) {
            for sign in ["Failure::", "Failure {", "Plan::Wait", "Plan::Refuse", "Hold::", "fn reason("] {
                assert!(!code.contains(sign), "{name} has {sign}, so its reasons have to be looked for too");
            }
            continue;
        }
        words.extend(literals(code).into_iter().filter(|word| is_reason(word)));
    }
    for word in OTHER_WORDS {
        assert!(words.remove(*word), "{word} is in OTHER_WORDS, and the source has it no more");
    }
    words
}

fn is_reason(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_alphabetic())
}

/// The string literals of Rust source that do not stand directly in `[]`.
fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut brackets = Vec::new();
    let mut rest = code;
    while let Some(next) = rest.chars().next() {
        let mut after = &rest[next.len_utf8()..];
        let mut literal = None;
        if rest.starts_with("//") {
            after = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if let Some((text, end)) = raw_string(rest) {
            (literal, after) = (Some(text), end);
        } else if next == '"' {
            let end = closing_quote(after);
            (literal, after) = (Some(&after[..end]), &after[end + 1..]);
        } else if next == '\'' && (after.starts_with('\\') || after.chars().nth(1) == Some('\'')) {
            // A character; a lifetime has no second quote.
            let skipped = after.char_indices().nth(1).unwrap().0;
            after = after[skipped..].split_once('\'').unwrap().1;
        } else if "([{".contains(next) {
            brackets.push(next);
        } else if ")]}".contains(next) {
            brackets.pop().expect("brackets match");
        }
        found.extend(literal.filter(|_| brackets.last() != Some(&'[')).map(str::to_owned));
        rest = after;
    }
    assert!(brackets.is_empty(), "brackets match");
    found
}

/// The text of a raw string that the code begins with, and what follows it.
fn raw_string(code: &str) -> Option<(&str, &str)> {
    let opened = code.strip_prefix('r')?;
    let hashes = opened.len() - opened.trim_start_matches('#').len();
    let text = opened[hashes..].strip_prefix('"')?;
    text.split_once(&format!("\"{}", "#".repeat(hashes)))
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    text.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    })
    .expect("a string ends")
}

/// The files in a folder and those below it, with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|has| has == extension) {
            found.push(path);
        }
    }
    found
}

/// README.md and the pages in docs/.
fn pages() -> Vec<String> {
    let docs = files(&root().join("docs"), "md").into_iter().map(|path| relative(&path));
    std::iter::once("README.md".to_owned()).chain(docs).collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
