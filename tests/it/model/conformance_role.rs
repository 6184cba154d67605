//! The traps of IAM and of instance profiles that the model sets, one test for each, with the page that it comes from.

use std::time::Duration;

use privatelink_operator::cloud::{
    ec2::Ec2,
    iam::{Iam, NewRole},
    ownership::Tags,
};
use serde_json::json;
use tokio::time::sleep;

use crate::support::model::{Model, ec2::Network};

use super::conformance::code;

const EXECUTE: &str = "arn:aws:iam::aws:policy/AWSLambdaExecute";

fn trust(principal: &serde_json::Value) -> String {
    let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn role(name: &str) -> NewRole {
    let trust_policy = trust(&json!({ "Service": "ec2.amazonaws.com" }));
    NewRole { name: name.to_owned(), path: "/".to_owned(), trust_policy, ..NewRole::default() }
}

/// A model with a profile that holds a role and has reached EC2; the profile's ARN.
async fn with_profile() -> (Model, String) {
    let model = Model::with_network();
    model.create_role(&role("r")).await.unwrap();
    let profile = model.create_instance_profile("p", "/", &Tags::new()).await.unwrap();
    model.add_role_to_profile("p", "r").await.unwrap();
    sleep(Duration::from_mins(1)).await;
    (model, profile.arn)
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>: what is made
/// again under the same name is another thing, and what referred to the old one still does.
#[tokio::test(start_paused = true)]
async fn a_profile_made_again_has_another_id_and_its_old_associations_are_dead() {
    let (model, arn) = with_profile().await;
    let first = model.associate_profile(Network::INSTANCES[0], &arn).await.unwrap();
    model.remove_role_from_profile("p", "r").await.unwrap();
    model.delete_instance_profile("p").await.unwrap();
    let again = model.create_instance_profile("p", "/", &Tags::new()).await.unwrap();
    model.add_role_to_profile("p", "r").await.unwrap();
    sleep(Duration::from_mins(1)).await;
    let kept = model.profile_associations(&[]).await.unwrap().remove(0);
    assert_eq!((&kept.profile_arn, &kept.profile_id), (&again.arn, &first.profile_id));
    assert_ne!(kept.profile_id, again.id);
    let replaced = model.replace_profile(&kept.id, &arn).await.unwrap();
    assert_eq!(replaced.profile_id, again.id);
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html>: running or stopped.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceIamInstanceProfileAssociation.html>: running.
#[tokio::test(start_paused = true)]
async fn a_stopped_instance_takes_an_association_but_no_replacement_and_a_pending_one_neither() {
    let (model, arn) = with_profile().await;
    let instance = Network::INSTANCES[0];
    let state = |to: &str| model.state().ec2.instances.get_mut(instance).unwrap().state = to.to_owned();
    for gone in ["pending", "stopping", "shutting-down", "terminated"] {
        state(gone);
        assert_eq!(code(model.associate_profile(instance, &arn).await), "IncorrectInstanceState", "{gone}");
    }
    state("stopped");
    let first = model.associate_profile(instance, &arn).await.unwrap();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(code(model.replace_profile(&first.id, &arn).await), "IncorrectInstanceState");
    state("running");
    model.replace_profile(&first.id, &arn).await.unwrap();
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_policies.html>: a principal must exist when a policy
/// that names it is written.
#[tokio::test(start_paused = true)]
async fn a_trust_policy_names_roles_that_exist() {
    let model = Model::new();
    let policy = trust(&json!({ "AWS": "arn:aws:iam::123456789012:role/caller" }));
    let naming = NewRole { trust_policy: policy.clone(), ..role("r") };
    let fault = model.create_role(&naming).await.unwrap_err();
    assert_eq!(fault.code, "MalformedPolicyDocument");
    assert!(fault.message.contains("Invalid principal in policy"), "{}", fault.message);
    model.create_role(&role("r")).await.unwrap();
    assert_eq!(code(model.update_trust("r", &policy).await), "MalformedPolicyDocument");
    model.create_role(&role("caller")).await.unwrap();
    model.update_trust("r", &policy).await.unwrap();
}

/// Terraform's AWS provider waits for the ARN of a new role, which IAM may show as its unique id at first.
#[tokio::test(start_paused = true)]
async fn a_new_role_may_be_shown_with_its_id_for_its_arn() {
    let model = Model::new();
    model.state().iam.arn_shown_after = Duration::from_secs(5);
    let made = model.create_role(&role("r")).await.unwrap();
    assert_eq!(Iam::role(&model, "r").await.unwrap().unwrap().arn, made.id);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(Iam::role(&model, "r").await.unwrap().unwrap().arn, made.arn);
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html> and
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>: what each leaves out.
#[tokio::test(start_paused = true)]
async fn no_one_list_shows_all_of_a_role() {
    let model = Model::new();
    let tags = Tags::from([("a".to_owned(), "b".to_owned())]);
    let new = NewRole {
        description: Some("d".to_owned()),
        max_session_seconds: Some(7200),
        permissions_boundary: Some(EXECUTE.to_owned()),
        tags: tags.clone(),
        ..role("r")
    };
    model.create_role(&new).await.unwrap();
    let listed = model.roles().await.unwrap().remove(0);
    assert_eq!((listed.description.as_deref(), listed.max_session_seconds), (Some("d"), Some(7200)));
    assert_eq!((listed.permissions_boundary, listed.tags), (None, Tags::new()));
    let detail = model.role_details().await.unwrap().remove(0).role;
    assert_eq!((detail.description, detail.max_session_seconds), (None, None));
    assert_eq!((detail.permissions_boundary.as_deref(), detail.tags), (Some(EXECUTE), tags));
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html> and
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>
#[tokio::test(start_paused = true)]
async fn the_account_summary_tells_usage_and_quotas() {
    let model = Model::new();
    model.state().iam.quota = 1;
    model.create_role(&role("r")).await.unwrap();
    assert_eq!(code(model.create_role(&role("s")).await), "LimitExceeded");
    model.create_instance_profile("p", "/", &Tags::new()).await.unwrap();
    assert_eq!(code(model.create_instance_profile("q", "/", &Tags::new()).await), "LimitExceeded");
    let summary = model.account_summary().await.unwrap();
    let numbers = ["Roles", "RolesQuota", "InstanceProfiles", "InstanceProfilesQuota", "AttachedPoliciesPerRoleQuota"];
    assert_eq!(numbers.map(|key| summary[key]), [1, 1, 1, 1, 10]);
    let wide = trust(&json!({ "AWS": (0..300).map(|n| format!("{n:012}")).collect::<Vec<_>>() }));
    assert_eq!(code(model.update_trust("r", &wide).await), "LimitExceeded");
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>: DeleteRole needs no boundary removed, but
/// nothing in the way may be left; a profile may be deleted while instances carry it.
#[tokio::test(start_paused = true)]
async fn a_boundary_and_associations_are_not_in_the_way_of_a_deletion() {
    let (model, arn) = with_profile().await;
    model.put_boundary("r", EXECUTE).await.unwrap();
    model.associate_profile(Network::INSTANCES[0], &arn).await.unwrap();
    assert_eq!(code(model.delete_role("r").await), "DeleteConflict");
    model.remove_role_from_profile("p", "r").await.unwrap();
    model.delete_instance_profile("p").await.unwrap();
    model.delete_role("r").await.unwrap();
}
