//! The traps of AWS that the model sets, one test for each, with the page that it comes from.

use std::{collections::BTreeSet, time::Duration};

use privatelink_operator::cloud::{
    ec2::{Ec2, Filter, NewEndpoint, Target},
    fault::Fault,
    iam::{Iam, NewRole},
    lambda::{CodeSource, ConfigurationChange, Functions, NewFunction, Settings},
    ownership::{Tags, UID},
    sensitive::Sensitive,
};
use tokio::time::sleep;

use crate::support::model::{Model, ec2::Network, lambda::code_sha256, replica::Lag};

pub const LAMBDA_SERVICE: &str = "com.amazonaws.ap-northeast-1.lambda";
pub const S3_SERVICE: &str = "com.amazonaws.ap-northeast-1.s3";
const EXECUTE: &str = "arn:aws:iam::aws:policy/AWSLambdaExecute";

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn set(items: &[&str]) -> BTreeSet<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

pub fn code<T: std::fmt::Debug>(answer: Result<T, Fault>) -> String {
    answer.unwrap_err().code
}

pub fn text<T: std::fmt::Debug>(answer: Result<T, Fault>) -> String {
    answer.unwrap_err().message
}

pub fn service(name: &str) -> Target {
    Target::Service(name.to_owned())
}

pub fn interface(token: &str) -> NewEndpoint {
    NewEndpoint {
        client_token: token.to_owned(),
        endpoint_type: "Interface".to_owned(),
        target: service(LAMBDA_SERVICE),
        vpc_id: Network::VPC.to_owned(),
        subnet_ids: set(&[Network::SUBNETS[0]]),
        private_dns_enabled: Some(true),
        ..NewEndpoint::default()
    }
}

pub fn gateway() -> NewEndpoint {
    NewEndpoint {
        endpoint_type: "Gateway".to_owned(),
        target: service(S3_SERVICE),
        vpc_id: Network::VPC.to_owned(),
        route_table_ids: set(&[Network::TABLES[0]]),
        ..NewEndpoint::default()
    }
}

fn trust(service: &str) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": [service] }, "Action": ["sts:AssumeRole"] }],
    })
    .to_string()
}

fn role(name: &str, service: &str) -> NewRole {
    NewRole { name: name.to_owned(), path: "/".to_owned(), trust_policy: trust(service), ..NewRole::default() }
}

fn function(role: &str) -> NewFunction {
    NewFunction {
        name: "f".to_owned(),
        settings: Settings {
            runtime: Some("nodejs22.x".to_owned()),
            handler: Some("index.handler".to_owned()),
            role: Some(role.to_owned()),
            ..Settings::default()
        },
        code: CodeSource::Zip(Sensitive(b"PK one".to_vec())),
        ..NewFunction::default()
    }
}

fn change(revision_id: &str, memory: i32) -> ConfigurationChange {
    ConfigurationChange {
        name: "f".to_owned(),
        revision_id: revision_id.to_owned(),
        settings: Settings { memory_size: Some(memory), ..Settings::default() },
    }
}

/// A model with a role for functions that has propagated; the role's ARN.
async fn with_lambda_role() -> (Model, String) {
    let model = Model::with_network();
    let role = model.create_role(&role("fn", "lambda.amazonaws.com")).await.unwrap();
    sleep(seconds(60)).await;
    (model, role.arn)
}

/// A model with a profile that has a role and has propagated; the profile's ARN.
async fn with_profile() -> (Model, String) {
    let model = Model::with_network();
    model.create_role(&role("r", "ec2.amazonaws.com")).await.unwrap();
    let profile = model.create_instance_profile("p", "/", &Tags::new()).await.unwrap();
    model.add_role_to_profile("p", "r").await.unwrap();
    sleep(seconds(60)).await;
    (model, profile.arn)
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>: values may hold wildcards.
#[tokio::test(start_paused = true)]
async fn filters_match_tags_keys_and_wildcards() {
    let model = Model::with_network();
    let count = async |filter: Filter| model.subnets(&[filter]).await.map(|found| found.len());
    assert_eq!(count(Filter::new("tag:Name", "subnet-0a")).await, Ok(1));
    assert_eq!(count(Filter::new("tag:Name", "subnet-0a*")).await, Ok(2));
    assert_eq!(count(Filter::new("tag:Name", "subnet-0?")).await, Ok(2));
    assert_eq!(count(Filter::new("tag-key", "Name")).await, Ok(3));
    assert_eq!(count(Filter::new("vpc-id", "vpc-0f")).await, Ok(0));
    assert_eq!(code(count(Filter::new("name", "x")).await), "InvalidParameterValue");
}

/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
#[tokio::test(start_paused = true)]
async fn reads_lag_behind_writes() {
    let model = Model::with_network();
    model.state().timing.lag = Lag::reads(2);
    let id = model.create_endpoint(&interface("t")).await.unwrap().id;
    assert_eq!(model.endpoint(&id).await.unwrap(), None);
    assert_eq!(code(model.create_tags(&id, &Tags::new()).await), "InvalidVpcEndpointId.NotFound");
    assert!(model.endpoint(&id).await.unwrap().is_some());
    let again = model.create_endpoint(&interface("t")).await.unwrap();
    assert_eq!(again.id, id, "tokens don't lag");

    model.state().timing.lag = Lag::time(seconds(5));
    model.create_tags(&id, &Tags::from([("a".into(), "b".into())])).await.unwrap();
    assert!(model.endpoint(&id).await.unwrap().unwrap().tags.is_empty());
    sleep(seconds(5)).await;
    assert_eq!(model.endpoint(&id).await.unwrap().unwrap().tags.len(), 1);
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html> and
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
#[tokio::test(start_paused = true)]
async fn a_profile_reaches_ec2_late_and_needs_a_role() {
    let model = Model::with_network();
    let instance = Network::INSTANCES[0];
    let absent = "arn:aws:iam::123456789012:instance-profile/x";
    assert!(text(model.associate_profile(instance, absent).await).contains("Invalid IAM Instance Profile"));
    let profile = model.create_instance_profile("p", "/", &Tags::new()).await.unwrap();
    assert!(text(model.associate_profile(instance, &profile.arn).await).contains("Invalid IAM Instance Profile"));
    sleep(seconds(60)).await;
    assert!(text(model.associate_profile(instance, &profile.arn).await).contains("has no associated IAM Roles"));
    model.create_role(&role("r", "ec2.amazonaws.com")).await.unwrap();
    model.add_role_to_profile("p", "r").await.unwrap();
    assert!(text(model.associate_profile(instance, &profile.arn).await).contains("has no associated IAM Roles"));
    sleep(seconds(60)).await;
    model.associate_profile(instance, &profile.arn).await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html>
#[tokio::test(start_paused = true)]
async fn an_instance_has_one_profile_and_a_replacement_has_a_new_id() {
    let (model, arn) = with_profile().await;
    let instance = Network::INSTANCES[0];
    let first = model.associate_profile(instance, &arn).await.unwrap();
    assert_eq!(first.state, "associating");
    assert_eq!(code(model.associate_profile(instance, &arn).await), "IncorrectState");
    sleep(seconds(10)).await;
    let second = model.replace_profile(&first.id, &arn).await.unwrap();
    assert_ne!(first.id, second.id);
    sleep(seconds(10)).await;
    let all = model.profile_associations(&[Filter::new("instance-id", instance)]).await.unwrap();
    assert_eq!(
        all.iter().map(|a| (a.id.as_str(), a.state.as_str())).collect::<Vec<_>>(),
        [(second.id.as_str(), "associated")]
    );
    assert_eq!(code(model.replace_profile(&first.id, &arn).await), "InvalidAssociationID.NotFound");
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IamInstanceProfileAssociation.html>: states.
#[tokio::test(start_paused = true)]
async fn an_association_lingers_while_it_ends() {
    let (model, arn) = with_profile().await;
    let instance = Network::INSTANCES[0];
    let id = model.associate_profile(instance, &arn).await.unwrap().id;
    model.disassociate_profile(&id).await.unwrap();
    assert_eq!(model.profile_associations(&[]).await.unwrap()[0].state, "disassociating");
    assert_eq!(code(model.associate_profile(instance, &arn).await), "IncorrectState");
    sleep(seconds(10)).await;
    assert_eq!(model.profile_associations(&[]).await.unwrap(), []);
    model.disassociate_profile(&id).await.unwrap();
    model.associate_profile(instance, &arn).await.unwrap();
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>: names are unique without case.
#[tokio::test(start_paused = true)]
async fn iam_names_are_unique_without_regard_to_case() {
    let model = Model::new();
    model.create_role(&role("Reader", "ec2.amazonaws.com")).await.unwrap();
    assert_eq!(code(model.create_role(&role("reader", "ec2.amazonaws.com")).await), "EntityAlreadyExists");
    assert_eq!(Iam::role(&model, "READER").await.unwrap().unwrap().name, "Reader");
    model.create_instance_profile("P", "/", &Tags::new()).await.unwrap();
    assert_eq!(code(model.create_instance_profile("p", "/", &Tags::new()).await), "EntityAlreadyExists");
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>
#[tokio::test(start_paused = true)]
async fn a_role_is_deleted_bare() {
    let model = Model::new();
    model.create_role(&role("r", "ec2.amazonaws.com")).await.unwrap();
    let document = r#"{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#;
    model.attach_policy("r", EXECUTE).await.unwrap();
    model.put_inline_policy("r", "i", document).await.unwrap();
    model.create_instance_profile("p", "/", &Tags::new()).await.unwrap();
    model.add_role_to_profile("p", "r").await.unwrap();
    assert_eq!(code(model.delete_instance_profile("p").await), "DeleteConflict");
    for step in 0..4 {
        if step < 3 {
            assert_eq!(code(model.delete_role("r").await), "DeleteConflict", "{step}");
        }
        match step {
            0 => model.detach_policy("r", EXECUTE).await.unwrap(),
            1 => model.delete_inline_policy("r", "i").await.unwrap(),
            2 => model.remove_role_from_profile("p", "r").await.unwrap(),
            _ => model.delete_role("r").await.unwrap(),
        }
    }
    model.delete_role("r").await.unwrap();
    model.delete_instance_profile("p").await.unwrap();
    assert!(model.holdings().is_empty());
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
#[tokio::test(start_paused = true)]
async fn iam_quotas_hold() {
    let model = Model::new();
    for name in ["r", "s"] {
        model.create_role(&role(name, "ec2.amazonaws.com")).await.unwrap();
    }
    for n in 0..=10 {
        let arn = format!("arn:aws:iam::123456789012:policy/p{n}");
        model.state().iam.policies.insert(arn.clone());
        let answer = model.attach_policy("r", &arn).await;
        assert_eq!(answer.is_ok(), n < 10, "{n}");
    }
    assert_eq!(model.attached_policies("r").await.unwrap().len(), 10);
    model.create_instance_profile("p", "/", &Tags::new()).await.unwrap();
    model.add_role_to_profile("p", "r").await.unwrap();
    assert_eq!(code(model.add_role_to_profile("p", "s").await), "LimitExceeded");
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html>
#[tokio::test(start_paused = true)]
async fn an_unknown_policy_or_role_is_no_such_entity() {
    let model = Model::new();
    model.create_role(&role("r", "ec2.amazonaws.com")).await.unwrap();
    assert_eq!(code(model.attach_policy("r", "arn:aws:iam::aws:policy/AWSLambdaRole").await), "NoSuchEntity");
    assert_eq!(code(model.attach_policy("none", EXECUTE).await), "NoSuchEntity");
    assert_eq!(code(model.attached_policies("none").await), "NoSuchEntity");
    let known = model.managed_policies().await.unwrap();
    let arn = |name: &str| known.iter().find(|p| p.name == name).unwrap().arn.as_str();
    assert_eq!(arn("AWSLambdaRole"), "arn:aws:iam::aws:policy/service-role/AWSLambdaRole");
    assert_eq!(arn("AWSLambdaExecute"), EXECUTE);
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>: AWS keeps a document
/// by its meaning, not by its text.
#[tokio::test(start_paused = true)]
async fn documents_are_checked_and_kept_in_another_form() {
    let model = Model::new();
    let sent = role("r", "ec2.amazonaws.com");
    for document in ["{", "{}", r#"{"Statement":[]}"#, r#"{"Statement":[{"Effect":"Allow","Action":"*"}]}"#] {
        let new = NewRole { trust_policy: document.to_owned(), ..sent.clone() };
        assert_eq!(code(model.create_role(&new).await), "MalformedPolicyDocument", "{document}");
    }
    let kept = model.create_role(&sent).await.unwrap().trust_policy;
    assert_ne!(kept, sent.trust_policy);
    assert!(kept.contains(r#""Service":"ec2.amazonaws.com""#), "{kept}");
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>: a role's keys are unique without case, an instance
/// profile's are not.
#[tokio::test(start_paused = true)]
async fn tag_keys_of_a_role_are_unique_without_case() {
    let model = Model::new();
    model.create_role(&role("r", "ec2.amazonaws.com")).await.unwrap();
    let tags = |key: &str| Tags::from([(key.to_owned(), "x".to_owned())]);
    model.tag_role("r", &tags("Team")).await.unwrap();
    let both = Tags::from([("Team".to_owned(), "x".to_owned()), ("team".to_owned(), "x".to_owned())]);
    assert_eq!(code(model.tag_role("r", &both).await), "InvalidInput");
    model.tag_role("r", &tags("team")).await.unwrap();
    assert_eq!(Iam::role(&model, "r").await.unwrap().unwrap().tags, tags("team"), "it replaces the other");
    model.create_instance_profile("p", "/", &both).await.unwrap();
    assert_eq!(model.instance_profile("p").await.unwrap().unwrap().tags, both);
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
#[tokio::test(start_paused = true)]
async fn iam_lags_for_reads_and_for_writes_that_follow() {
    let model = Model::new();
    model.state().timing.lag = Lag::time(seconds(3));
    model.create_role(&role("r", "ec2.amazonaws.com")).await.unwrap();
    assert_eq!(Iam::role(&model, "r").await.unwrap(), None);
    assert_eq!(code(model.attach_policy("r", EXECUTE).await), "NoSuchEntity");
    assert_eq!(code(model.create_role(&role("r", "ec2.amazonaws.com")).await), "EntityAlreadyExists");
    sleep(seconds(3)).await;
    model.attach_policy("r", EXECUTE).await.unwrap();
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html>
#[tokio::test(start_paused = true)]
async fn lambda_assumes_only_a_role_that_trusts_it_and_has_propagated() {
    let model = Model::new();
    let refused = |text: String| assert!(text.contains("cannot be assumed by Lambda"), "{text}");
    refused(text(model.create_function(&function("arn:aws:iam::123456789012:role/none")).await));
    let ec2 = model.create_role(&role("e", "ec2.amazonaws.com")).await.unwrap();
    let fresh = model.create_role(&role("l", "lambda.amazonaws.com")).await.unwrap();
    refused(text(model.create_function(&function(&fresh.arn)).await));
    sleep(seconds(60)).await;
    refused(text(model.create_function(&function(&ec2.arn)).await));
    model.create_function(&function(&fresh.arn)).await.unwrap();
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>: defaults and the digest.
#[tokio::test(start_paused = true)]
async fn a_function_has_defaults_and_a_digest_of_its_code() {
    let (model, role) = with_lambda_role().await;
    let made = model.create_function(&function(&role)).await.unwrap();
    let Settings { memory_size, timeout_seconds, .. } = made.settings;
    assert_eq!((memory_size, timeout_seconds, made.architecture.as_str()), (Some(128), Some(3), "x86_64"));
    assert_eq!(made.code_sha256, code_sha256(b"PK one"));
    assert_eq!(code_sha256(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(code(model.create_function(&function(&role)).await), "ResourceConflictException");
    let garbage = NewFunction { name: "g".into(), code: CodeSource::Zip(Sensitive(b"no".to_vec())), ..function(&role) };
    assert_eq!(code(model.create_function(&garbage).await), "InvalidParameterValueException");
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
#[tokio::test(start_paused = true)]
async fn a_function_takes_one_update_at_a_time() {
    let (model, role) = with_lambda_role().await;
    assert_eq!(model.create_function(&function(&role)).await.unwrap().state, "Pending");
    assert_eq!(code(model.update_configuration(&change("", 256)).await), "ResourceConflictException");
    sleep(seconds(10)).await;
    model.update_configuration(&change("", 256)).await.unwrap();
    let during = model.function("f").await.unwrap().unwrap();
    assert_eq!((during.state.as_str(), during.last_update_status.as_deref()), ("Active", Some("InProgress")));
    assert_eq!(code(model.update_configuration(&change("", 512)).await), "ResourceConflictException");
    sleep(seconds(10)).await;
    let after = model.function("f").await.unwrap().unwrap();
    assert_eq!((after.settings.memory_size, after.last_update_status.as_deref()), (Some(256), Some("Successful")));
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>: `RevisionId`. It moves
/// at an update, when the update completes, and at tagging.
#[tokio::test(start_paused = true)]
async fn a_revision_moves_at_update_completion_and_tagging() {
    let (model, role) = with_lambda_role().await;
    model.create_function(&function(&role)).await.unwrap();
    let revision = async || model.function("f").await.unwrap().unwrap().revision_id;
    let mut seen = vec![revision().await];
    sleep(seconds(10)).await;
    seen.push(revision().await);
    model.update_configuration(&change(&seen[1], 256)).await.unwrap();
    seen.push(revision().await);
    sleep(seconds(10)).await;
    seen.push(revision().await);
    let arn = model.function("f").await.unwrap().unwrap().arn;
    model.tag(&arn, &Tags::new()).await.unwrap();
    seen.push(revision().await);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 5, "{seen:?}");
    assert_eq!(code(model.update_configuration(&change(&seen[3], 512)).await), "PreconditionFailedException");
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>: what the list leaves out.
#[tokio::test(start_paused = true)]
async fn a_list_of_functions_has_no_state_and_no_tags() {
    let (model, role) = with_lambda_role().await;
    model.create_function(&function(&role)).await.unwrap();
    let listed = model.functions().await.unwrap();
    assert_eq!((listed[0].state.as_str(), &listed[0].last_update_status, &listed[0].tags), ("", &None, &None));
    assert!(!listed[0].revision_id.is_empty());
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
#[tokio::test(start_paused = true)]
async fn an_environment_has_four_kilobytes_and_no_reserved_key() {
    let (model, role) = with_lambda_role().await;
    for (key, value) in [("A", "x".repeat(4096)), ("AWS_REGION", "x".to_owned())] {
        let environment = Sensitive([(key.to_owned(), value)].into());
        let mut new = function(&role);
        new.settings.environment = Some(environment);
        assert_eq!(code(model.create_function(&new).await), "InvalidParameterValueException", "{key}");
    }
}

/// The faults themselves: an effect without an answer, a failure without an effect, death and restart.
#[tokio::test(start_paused = true)]
async fn faults_do_what_they_say() {
    let model = Model::with_network();
    model.lose_answer(1);
    assert_eq!(code(model.create_endpoint(&interface("a")).await), "");
    assert_eq!((model.holdings().len(), model.effects()), (1, 1));
    model.fail_before(1);
    assert_eq!(code(model.create_endpoint(&gateway()).await), "");
    assert_eq!((model.holdings().len(), model.effects()), (1, 1));
    model.throttle(1);
    assert_eq!(code(model.create_endpoint(&gateway()).await), "RequestLimitExceeded");
    model.crash_after(1);
    assert!(model.create_endpoint(&gateway()).await.is_err());
    assert_eq!(model.holdings().len(), 2);
    assert!(model.crashed() && model.endpoints(&[]).await.is_err());
    model.restart();
    assert_eq!(model.endpoints(&[]).await.unwrap().len(), 2);
    assert!(!model.fault_pending());
}

/// The invariant is noticed when it breaks, and only then.
#[tokio::test(start_paused = true)]
async fn two_objects_of_an_owner_are_a_violation() {
    let model = Model::with_network();
    let tags = Tags::from([(UID.to_owned(), "u".to_owned())]);
    let new = NewEndpoint { private_dns_enabled: Some(false), tags, ..interface("") };
    let first = model.create_endpoint(&new).await.unwrap();
    model.delete_endpoint(&first.id).await.unwrap();
    model.create_endpoint(&new).await.unwrap();
    assert_eq!(model.violations(), [""; 0]);
    model.create_endpoint(&new).await.unwrap();
    assert_eq!(model.violations().len(), 1);
    assert_eq!(model.owned("u").len(), 2);
}
