use std::sync::Arc;

use futures::{FutureExt, TryFutureExt};

use super::*;
use crate::{
    cloud::sdk::replay::{Answer, Replay, ok, query_error},
    engine::fence,
};

fn iam(answers: impl IntoIterator<Item = Answer>) -> (SdkIam, Arc<Replay>) {
    let replay = Replay::new(answers);
    (SdkIam::new(&replay.config(), replay.caller(), &fence::tests::open()), replay)
}

fn gone() -> Answer {
    query_error(404, "NoSuchEntity", "The role with name r cannot be found.")
}

/// `{"a+b": "100% é"}`
const ENCODED: &str = "%7B%22a+b%22%3A%20%22100%25%20%C3%A9%22%7D";
const DECODED: &str = r#"{"a+b": "100% é"}"#;

const PROFILE: &str = "<Path>/p/</Path><InstanceProfileName>p</InstanceProfileName>\
    <InstanceProfileId>AIPA</InstanceProfileId><Arn>arn:p</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>\
    <Roles><member><Path>/</Path><RoleName>r</RoleName><RoleId>AROA</RoleId><Arn>arn:r</Arn>\
    <CreateDate>2026-01-01T00:00:00Z</CreateDate></member></Roles>";

fn profile() -> InstanceProfile {
    InstanceProfile {
        name: "p".to_owned(),
        arn: "arn:p".to_owned(),
        id: "AIPA".to_owned(),
        path: "/p/".to_owned(),
        roles: vec!["r".to_owned()],
        tags: Tags::new(),
    }
}

#[tokio::test]
async fn a_role() {
    let (iam, _) = iam([
        ok(&format!(
            "<GetRoleResponse><GetRoleResult><Role><Path>/</Path><RoleName>r</RoleName><RoleId>AROA</RoleId>\
             <Arn>arn:r</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>\
             <AssumeRolePolicyDocument>{ENCODED}</AssumeRolePolicyDocument><Description>d</Description>\
             <MaxSessionDuration>3600</MaxSessionDuration><PermissionsBoundary>\
             <PermissionsBoundaryArn>arn:b</PermissionsBoundaryArn></PermissionsBoundary>\
             <Tags><member><Key>k</Key><Value>v</Value></member></Tags></Role></GetRoleResult></GetRoleResponse>"
        )),
        gone(),
    ]);
    let role = Role {
        name: "r".to_owned(),
        arn: "arn:r".to_owned(),
        id: "AROA".to_owned(),
        path: "/".to_owned(),
        description: Some("d".to_owned()),
        max_session_seconds: Some(3600),
        trust_policy: DECODED.to_owned(),
        permissions_boundary: Some("arn:b".to_owned()),
        tags: Tags::from([("k".to_owned(), "v".to_owned())]),
    };
    assert_eq!(iam.role("r").await, Ok(Some(role)));
    assert_eq!(iam.role("r").await, Ok(None));
}

#[tokio::test]
async fn inline_policies_are_read_page_by_page_and_decoded() {
    let names = |name: &str, more: &str| {
        ok(&format!(
            "<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames><member>{name}</member></PolicyNames>\
             {more}</ListRolePoliciesResult></ListRolePoliciesResponse>"
        ))
    };
    let document = |document: &str| {
        ok(&format!(
            "<GetRolePolicyResponse><GetRolePolicyResult><RoleName>r</RoleName><PolicyName>x</PolicyName>\
             <PolicyDocument>{document}</PolicyDocument></GetRolePolicyResult></GetRolePolicyResponse>"
        ))
    };
    let (iam, replay) = iam([
        names("a", "<IsTruncated>true</IsTruncated><Marker>m</Marker>"),
        names("b", "<IsTruncated>false</IsTruncated>"),
        document(ENCODED),
        document("%7B%7D"),
    ]);
    let policies = BTreeMap::from([("a".to_owned(), DECODED.to_owned()), ("b".to_owned(), "{}".to_owned())]);
    assert_eq!(iam.inline_policies("r").await, Ok(policies));
    assert!(replay.bodies()[1].contains("Marker=m"));
}

#[tokio::test]
async fn policies_that_vanish_while_listed_are_a_fault() {
    let (iam, _) = iam([
        ok("<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames><member>a</member></PolicyNames>\
            </ListRolePoliciesResult></ListRolePoliciesResponse>"),
        gone(),
    ]);
    assert_eq!(iam.inline_policies("r").await.unwrap_err().operation, "GetRolePolicy");
}

#[tokio::test]
async fn details_of_all_roles() {
    let page = |more: &str| {
        ok(&format!(
            "<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult>\
             <RoleDetailList><member><Path>/</Path><RoleName>r</RoleName><RoleId>AROA</RoleId><Arn>arn:r</Arn>\
             <AssumeRolePolicyDocument>{ENCODED}</AssumeRolePolicyDocument>\
             <InstanceProfileList><member>{PROFILE}</member></InstanceProfileList>\
             <RolePolicyList><member><PolicyName>a</PolicyName><PolicyDocument>{ENCODED}</PolicyDocument></member>\
             </RolePolicyList><AttachedManagedPolicies><member><PolicyName>m</PolicyName><PolicyArn>arn:m</PolicyArn>\
             </member></AttachedManagedPolicies></member></RoleDetailList>{more}\
             </GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>"
        ))
    };
    let (iam, replay) = iam([page("<IsTruncated>true</IsTruncated><Marker>m</Marker>"), page("")]);
    let detail = RoleDetail {
        role: Role {
            name: "r".to_owned(),
            arn: "arn:r".to_owned(),
            id: "AROA".to_owned(),
            path: "/".to_owned(),
            trust_policy: DECODED.to_owned(),
            ..Role::default()
        },
        inline_policies: BTreeMap::from([("a".to_owned(), DECODED.to_owned())]),
        attached_policies: BTreeSet::from(["arn:m".to_owned()]),
        instance_profiles: vec![profile()],
    };
    assert_eq!(iam.role_details().await, Ok(vec![detail.clone(), detail]));
    let body = replay.bodies().remove(0);
    assert!(body.contains("Filter.member.1=Role") && body.contains("MaxItems=100"), "{body}");
}

#[tokio::test]
async fn managed_policies_of_aws_and_of_the_account_come_in_one_list() {
    let (iam, replay) = iam([ok("<ListPoliciesResponse><ListPoliciesResult/></ListPoliciesResponse>")]);
    iam.managed_policies().await.unwrap();
    let body = replay.bodies().remove(0);
    assert!(body.contains("Scope=All&") && body.contains("MaxItems=1000"), "{body}");
}

#[tokio::test]
async fn the_account_summary_has_usage_and_quotas() {
    let entry = |key: &str, value: u32| format!("<entry><key>{key}</key><value>{value}</value></entry>");
    let map = [entry("Roles", 998), entry("RolesQuota", 1000)].concat();
    let (iam, _) = iam([ok(&format!(
        "<GetAccountSummaryResponse><GetAccountSummaryResult><SummaryMap>{map}</SummaryMap></GetAccountSummaryResult>\
         </GetAccountSummaryResponse>"
    ))]);
    let summary = iam.account_summary().await.unwrap();
    assert_eq!(summary, BTreeMap::from([("Roles".to_owned(), 998), ("RolesQuota".to_owned(), 1000)]));
}

#[tokio::test]
async fn what_is_gone_needs_no_removal() {
    let replay = Replay::always(gone());
    let iam = SdkIam::new(&replay.config(), replay.caller(), &fence::tests::open());
    let keys = BTreeSet::from(["k".to_owned()]);
    for removal in [
        iam.delete_role("r"),
        iam.delete_boundary("r"),
        iam.untag_role("r", &keys),
        iam.detach_policy("r", "arn:m"),
        iam.delete_inline_policy("r", "a"),
        iam.delete_instance_profile("p"),
        iam.remove_role_from_profile("p", "r"),
        iam.untag_instance_profile("p", &keys),
    ] {
        assert_eq!(removal.await, Ok(()));
    }
    assert_eq!(iam.instance_profile("p").await, Ok(None));
    assert_eq!(iam.instance_profiles_for_role("r").await, Ok(Vec::new()));
    assert_eq!(iam.attach_policy("r", "arn:m").await.unwrap_err().code, "NoSuchEntity");
}

#[tokio::test(start_paused = true)]
async fn writes_are_sent_once_and_reads_three_times() {
    let replay = Replay::always(Answer::Http(500, None, String::new()));
    let iam = SdkIam::new(&replay.config(), replay.caller(), &fence::tests::open());
    let (new, keys) = (NewRole::default(), BTreeSet::from(["k".to_owned()]));
    let tags = Tags::from([("k".to_owned(), "v".to_owned())]);
    for write in [
        iam.create_role(&new).map_ok(drop).boxed(),
        iam.delete_role("r"),
        iam.update_trust("r", "{}"),
        iam.update_role("r", "d", 3600),
        iam.put_boundary("r", "arn:b"),
        iam.delete_boundary("r"),
        iam.tag_role("r", &tags),
        iam.untag_role("r", &keys),
        iam.attach_policy("r", "arn:m"),
        iam.detach_policy("r", "arn:m"),
        iam.put_inline_policy("r", "a", "{}"),
        iam.delete_inline_policy("r", "a"),
        iam.create_instance_profile("p", "/", &tags).map_ok(drop).boxed(),
        iam.delete_instance_profile("p"),
        iam.tag_instance_profile("p", &tags),
        iam.untag_instance_profile("p", &keys),
        iam.add_role_to_profile("p", "r"),
        iam.remove_role_from_profile("p", "r"),
    ] {
        assert_eq!(replay.attempts(write).await, 1);
    }
    for read in [
        iam.role("r").map_ok(drop).boxed(),
        iam.attached_policies("r").map_ok(drop).boxed(),
        iam.inline_policies("r").map_ok(drop).boxed(),
        iam.managed_policies().map_ok(drop).boxed(),
        iam.roles().map_ok(drop).boxed(),
        iam.account_summary().map_ok(drop).boxed(),
        iam.instance_profile("p").map_ok(drop).boxed(),
        iam.instance_profiles_for_role("r").map_ok(drop).boxed(),
        iam.role_details().map_ok(drop).boxed(),
    ] {
        assert_eq!(replay.attempts(read).await, 3);
    }
}
