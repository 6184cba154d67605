//! One role with all that its spec can say, on real components: as it is made, changed, renamed and taken away.

use serde_json::json;

use crate::support::live::{Live, eventually};

const WHOLE: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: InstanceRole
metadata: { name: whole }
spec:
  path: /app/
  description: Reads a bucket
  maxSessionDurationSeconds: 7200
  permissionsBoundary: arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess
  trust:
    policy:
      Version: '2012-10-17'
      Statement:
        - { Effect: Allow, Principal: { Service: ec2.amazonaws.com }, Action: sts:AssumeRole }
        - Effect: Allow
          Principal: { AWS: '000000000000' }
          Action: sts:AssumeRole
          Condition: { StringEquals: { sts:ExternalId: a+b%20c } }
  managedPolicies: [AmazonSSMManagedInstanceCore]
  inlinePolicies:
    read:
      Version: '2012-10-17'
      Statement: [{ Effect: Allow, Action: s3:GetObject, Resource: 'arn:aws:s3:::bucket/a+b%20c/*' }]
  instances: [{ id: $instance }]
  tags: { team: a, stage: test }
";

#[tokio::test]
async fn a_whole_role_is_made_changed_renamed_and_taken_away() {
    let live = Live::begin("role-whole").await;
    let operator = live.operator(&[]).await;
    live.applied(WHOLE).await;
    let object = live.ready("InstanceRole", "whole").await;
    let status = &object["status"];
    let name = status["roleName"].as_str().unwrap().to_owned();
    let role = live.aws.iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
    assert_eq!(
        (role.path(), role.description(), role.max_session_duration()),
        ("/app/", Some("Reads a bucket"), Some(7200))
    );
    assert!(role.permissions_boundary().is_some());
    assert!(role.assume_role_policy_document().unwrap().contains("a%2Bb%2520c"), "what is sent is what is kept");
    assert_eq!(status["instancesAssociated"], "1/1");
    assert_eq!(status["instances"][0]["state"], "associated");
    assert_eq!(tag(&live, &name, "team").await.as_deref(), Some("a"));
    let first = association(&live).await;

    live.patch(
        "InstanceRole",
        "whole",
        json!({ "spec": {
        "description": null,
        "maxSessionDurationSeconds": null,
        "permissionsBoundary": null,
        "tags": { "team": "b" },
        "instanceProfile": { "name": format!("{name}-2") },
    } }),
    )
    .await;
    live.wait("InstanceRole", "whole", "renamed", |object| {
        object["status"]["instanceProfileName"] == format!("{name}-2")
    })
    .await;
    let object = live.ready("InstanceRole", "whole").await;
    assert_eq!(object["status"]["instancesAssociated"], "1/1");
    let role = live.aws.iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
    assert_eq!((role.description().unwrap_or_default(), role.max_session_duration()), ("", Some(3600)));
    assert!(role.permissions_boundary().is_none());
    assert_eq!(tag(&live, &format!("{name}-2"), "team").await.as_deref(), Some("b"));
    assert!(
        live.aws.iam.get_instance_profile().instance_profile_name(&name).send().await.is_err(),
        "the old one is gone"
    );
    let second = association(&live).await;
    assert_ne!(first, second, "one association took the place of the other");

    live.patch(
        "InstanceRole",
        "whole",
        json!({ "spec": {
        "trust": { "policy": null, "services": ["ec2.amazonaws.com", "ssm.amazonaws.com"] },
        "permissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "tags": { "team": null, "owner": "b" },
    } }),
    )
    .await;
    live.ready("InstanceRole", "whole").await;
    let role = live.aws.iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
    assert!(role.assume_role_policy_document().unwrap().contains("ssm.amazonaws.com"));
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    assert_eq!(boundary, Some("arn:aws:iam::aws:policy/ReadOnlyAccess"));
    assert_eq!(tag(&live, &format!("{name}-2"), "team").await, None);
    assert_eq!(tag(&live, &format!("{name}-2"), "owner").await.as_deref(), Some("b"));

    live.aws.iam.update_role().role_name(&name).description("theirs").max_session_duration(3600).send().await.unwrap();
    live.patch("InstanceRole", "whole", json!({ "spec": { "description": "ours" } })).await;
    eventually(async || {
        let role = live.aws.iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
        role.description() == Some("ours")
    })
    .await
    .expect("the description is set again");
    live.ready("InstanceRole", "whole").await;
    live.aws.iam.update_role().role_name(&name).description("theirs").max_session_duration(3600).send().await.unwrap();
    eventually(async || {
        let role = live.aws.iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
        role.description() == Some("ours")
    })
    .await
    .expect("a sweep sees what others made of it");
    live.end().await;
    drop(operator);
}

/// A tag of an instance profile.
async fn tag(live: &Live, profile: &str, key: &str) -> Option<String> {
    let answer = live.aws.iam.get_instance_profile().instance_profile_name(profile).send().await.unwrap();
    let profile = answer.instance_profile.unwrap();
    profile.tags().iter().find(|tag| tag.key() == key).map(|tag| tag.value().to_owned())
}

/// Profile and id of the association of the test's instance.
async fn association(live: &Live) -> (String, String) {
    let answer = live.aws.ec2.describe_iam_instance_profile_associations().send().await.unwrap();
    let instance = live.network.fill("$instance");
    let all = answer.iam_instance_profile_associations();
    let found = all.iter().find(|association| association.instance_id() == Some(&instance)).unwrap();
    let arn = found.iam_instance_profile().and_then(|profile| profile.arn()).unwrap_or_default();
    (arn.to_owned(), found.association_id().unwrap_or_default().to_owned())
}
