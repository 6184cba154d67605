use std::collections::BTreeMap;

use super::{document::Effect, extra::extras, *};

/// The most characters that the inline policies of a role may have, white space not counted:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const MOST_CHARACTERS: usize = 10_240;

/// The text with long values for the placeholders.
fn filled(text: &str) -> String {
    let (cluster, bucket) = ("c".repeat(63), "b".repeat(63));
    [
        ("ACCOUNT", "123456789012"),
        ("REGION", "ap-northeast-1"),
        ("CLUSTER_ID", &cluster),
        ("ROLE_PATH", "/privatelink/production/"),
        ("CODE_BUCKET", &bucket),
    ]
    .iter()
    .fold(text.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value))
}

/// Whether the policy allows the action in some statement of this name.
fn has(sid: &str, action: &str) -> bool {
    policy().statements().iter().any(|statement| statement.sid == sid && statement.action.iter().any(|a| a == action))
}

#[test]
fn every_operation_is_allowed_and_nothing_that_is_not_asked_for() {
    let document = policy();
    let allowed: BTreeSet<&str> =
        document.statements().iter().flat_map(|statement| &statement.action).map(String::as_str).collect();
    let called: BTreeSet<String> = Operation::ALL.iter().filter_map(|operation| operation.action()).collect();
    let besides = BESIDES.iter().flat_map(|besides| besides.actions).map(|&action| action.to_owned());
    let asked: BTreeSet<String> = called.into_iter().chain(besides).collect();
    assert_eq!(allowed, asked.iter().map(String::as_str).collect());
    assert!(!allowed.iter().any(|action| action.contains('*')), "no action is a pattern");
}

#[test]
fn the_policy_is_one_that_iam_takes() {
    let text = filled(&serde_json::to_string(&policy()).unwrap());
    let placeholder = text
        .split(['"', ':', '/'])
        .find(|word| word.len() > 3 && word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    assert_eq!(placeholder, None, "every placeholder is known");
    let added: String = extras().iter().map(|extra| serde_json::to_string(&extra.statements).unwrap()).collect();
    let characters = text.len() + filled(&added).len();
    assert!(characters <= MOST_CHARACTERS, "{characters} characters");
    let mut sids = BTreeMap::<String, usize>::new();
    let document = policy();
    let extras = extras();
    for statement in document.statements().iter().chain(extras.iter().flat_map(|extra| &extra.statements)) {
        *sids.entry(statement.sid.clone()).or_default() += 1;
        assert!(statement.sid.chars().all(|c| c.is_ascii_alphanumeric()), "{}", statement.sid);
        assert!(!statement.action.is_empty() && !statement.resource.is_empty(), "{}", statement.sid);
    }
    assert_eq!(sids.into_values().max(), Some(1), "names are unique");
    assert!(document.statements().iter().all(|statement| statement.effect == Effect::Allow));
}

#[test]
fn what_changes_something_is_bounded_to_what_is_ours() {
    let unbounded = ["ReadEverything", "ReadVpcs", "ReadRoles", "ReadFunctions", "ReadCode"];
    let by_the_other_resource = ["PlaceEndpoints", "UseCodeSigning"];
    let by_aws = ["AcceptConnections", "ServePrivateNames"];
    for statement in policy().statements() {
        let sid = statement.sid.as_str();
        let is_free = [&unbounded[..], &by_the_other_resource, &by_aws].concat().contains(&sid);
        assert_eq!(statement.condition.is_empty(), is_free, "{sid}");
    }
    for (bounded, sid) in [("ec2:ModifyVpcEndpoint", "PlaceEndpoints"), ("ec2:CreateVpcEndpoint", "PlaceEndpoints")] {
        assert!(has(sid, bounded) && (has("ChangeOwnEndpoints", bounded) || has("CreateEndpoints", bounded)));
    }
    assert!(has("ChangeOwnFunctions", "lambda:PutFunctionCodeSigningConfig"));
    let document = policy();
    let reads = document.statements().iter().filter(|statement| unbounded.contains(&statement.sid.as_str()));
    for action in reads.flat_map(|statement| &statement.action) {
        let name = action.split_once(':').unwrap().1;
        assert!(["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb)), "{action} reads");
    }
}

#[test]
fn roles_are_passed_by_path_and_service_only() {
    let passing: Vec<_> = policy()
        .statements()
        .iter()
        .filter(|s| s.action.iter().any(|a| a == "iam:PassRole"))
        .map(|statement| (statement.resource.clone(), serde_json::to_value(&statement.condition).unwrap()))
        .collect();
    let condition = serde_json::json!({
        "StringEquals": { "iam:PassedToService": ["ec2.amazonaws.com", "lambda.amazonaws.com"] },
    });
    assert_eq!(passing, [(vec!["arn:aws:iam::ACCOUNT:roleROLE_PATH*".to_owned()], condition)]);
}

#[test]
fn every_source_is_aws_s_own() {
    let extras = extras();
    let pages = BESIDES.iter().map(|besides| besides.page).chain(extras.iter().map(|extra| extra.page));
    for page in pages {
        assert!(page.starts_with("https://docs.aws.amazon.com/"), "{page}");
    }
}
