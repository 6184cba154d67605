//! Nobody gets round what the administrator allows: not with an `InstanceRole`, not with a `LambdaFunction`'s `create`,
//! not with its `arn`.

use std::collections::BTreeSet;

use privatelink_operator::{
    cloud::{
        guardrails::Guardrails,
        iam::{Iam, NewRole},
        ownership::Tags,
    },
    engine::reconcile::{Engine, Outcome},
    kinds::{instance_role::spec::InstanceRole, lambda_function::spec::LambdaFunction},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::model::{Model, ec2::Network};

use super::harness::{NAME, NAMESPACE, Run, engine_within, identity};

const EXECUTE: &str = "arn:aws:iam::aws:policy/AWSLambdaExecute";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

/// All roles of the account, in words.
fn roles(model: &Model) -> Vec<String> {
    let state = model.state();
    let all = state.iam.roles.all().map(|(_, record)| {
        let role = &record.role;
        let boundary = role.permissions_boundary.as_deref().unwrap_or("unbounded");
        format!("{}{} {boundary} {:?}", role.path, role.name, record.attached)
    });
    all.collect()
}

async fn by_role(guardrails: &Guardrails, spec: &Value, outcome: Outcome) -> Run<InstanceRole> {
    let mut run = Run::<InstanceRole>::on(Model::with_network(), guardrails.clone(), false, spec);
    run.expect(outcome).await;
    if outcome == Outcome::Refused {
        assert_eq!(run.ready()["reason"], "NotAllowed", "{}", run.ready());
        assert_eq!(roles(&run.model), [""; 0], "nothing is made of a spec that is refused");
    }
    run
}

/// A function with this execution role, and the roles that come of it, for a while.
async fn by_function(guardrails: &Guardrails, execution_role: &Value) -> (Model, Value) {
    let model = Model::with_network();
    let trust = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let given =
        NewRole { name: "admin".into(), path: "/".into(), trust_policy: trust.to_string(), ..NewRole::default() };
    model.create_role(&given).await.unwrap();
    sleep(std::time::Duration::from_mins(1)).await;
    let identity = identity("cluster-1", None);
    let functions: Engine<LambdaFunction> = engine_within(&model, &identity, guardrails.clone());
    let roles: Engine<InstanceRole> = engine_within(&model, &identity, guardrails.clone());
    let spec = json!({
        "runtime": "nodejs22.x",
        "handler": "index.handler",
        "code": { "inline": { "index.js": "exports.handler = async () => 1;" } },
        "executionRole": execution_role,
    });
    let object =
        json!({ "apiVersion": "privatelink.dev/v1alpha1", "kind": "LambdaFunction", "metadata": {}, "spec": spec });
    model.user_create::<LambdaFunction>(NAMESPACE, NAME, object);
    for _ in 0..40 {
        functions.pass(NAMESPACE, NAME).await;
        for (namespace, name) in model.names::<InstanceRole>() {
            roles.pass(&namespace, &name).await;
        }
        sleep(std::time::Duration::from_secs(2)).await;
    }
    let made = model.names::<InstanceRole>();
    let status = made.first().and_then(|(namespace, name)| model.object::<InstanceRole>(namespace, name));
    let status =
        status.or_else(|| model.object::<LambdaFunction>(NAMESPACE, NAME)).unwrap_or_default()["status"].clone();
    (model, status)
}

fn functions(model: &Model) -> usize {
    model.holdings().iter().filter(|held| held.starts_with("function ")).count()
}

/// Refused, and what AWS holds is the administrator's role alone.
fn assert_refused(model: &Model, status: &Value, names: &str) {
    let ready = status["conditions"].as_array().unwrap().iter().find(|condition| condition["type"] == "Ready").unwrap();
    assert_eq!(ready["reason"], "NotAllowed", "{ready}");
    assert!(ready["message"].as_str().unwrap().contains(names), "{ready}");
    assert_eq!(roles(model), ["/admin unbounded {}"]);
    assert_eq!(functions(model), 0);
}

const ADMIN: &str = "arn:aws:iam::123456789012:role/admin";

#[tokio::test(start_paused = true)]
async fn a_forced_boundary_is_on_every_role() {
    let guardrails = Guardrails { permissions_boundary: Some(READ_ONLY.into()), ..Guardrails::default() };
    let mut run = by_role(&guardrails, &json!({}), Outcome::Converged).await;
    assert_eq!(roles(&run.model), [format!("/team-demo {READ_ONLY} {{}}")]);
    run.model.state().iam.roles.current("team-demo").unwrap();
    run.model.delete_boundary("team-demo").await.unwrap();
    run.expect(Outcome::Converged).await;
    assert_eq!(roles(&run.model), [format!("/team-demo {READ_ONLY} {{}}")], "it comes back");
    by_role(&guardrails, &json!({ "permissionsBoundary": EXECUTE }), Outcome::Refused).await;

    let (model, _) = by_function(&guardrails, &json!({ "create": {} })).await;
    assert_eq!(functions(&model), 1);
    assert!(
        roles(&model).iter().all(|role| role.contains(READ_ONLY) || role.starts_with("/admin ")),
        "{:?}",
        roles(&model)
    );
    let (model, status) = by_function(&guardrails, &json!({ "create": { "permissionsBoundary": EXECUTE } })).await;
    assert_refused(&model, &status, "spec.permissionsBoundary");
    let (model, status) = by_function(&guardrails, &json!({ "arn": ADMIN })).await;
    assert_refused(&model, &status, "--allowed-execution-roles");
}

#[tokio::test(start_paused = true)]
async fn a_path_prefix_is_on_every_role_and_profile() {
    let guardrails = Guardrails { role_path_prefix: Some("/app/".into()), ..Guardrails::default() };
    let run = by_role(&guardrails, &json!({}), Outcome::Converged).await;
    assert_eq!(roles(&run.model), ["/app/team-demo unbounded {}"]);
    let profiles: BTreeSet<String> =
        run.model.state().iam.profiles.all().map(|(_, record)| record.profile.path.clone()).collect();
    assert_eq!(profiles, BTreeSet::from(["/app/".to_owned()]));
    by_role(&guardrails, &json!({ "path": "/" }), Outcome::Refused).await;
    by_role(&guardrails, &json!({ "path": "/application/" }), Outcome::Refused).await;
    by_role(&guardrails, &json!({ "instanceProfile": { "path": "/x/" } }), Outcome::Refused).await;

    let (model, _) = by_function(&guardrails, &json!({ "create": {} })).await;
    assert_eq!(functions(&model), 1);
    assert!(
        roles(&model).iter().all(|role| role.starts_with("/app/") || role.starts_with("/admin ")),
        "{:?}",
        roles(&model)
    );
    let (model, status) = by_function(&guardrails, &json!({ "arn": ADMIN })).await;
    assert_refused(&model, &status, "--allowed-execution-roles");
}

#[tokio::test(start_paused = true)]
async fn only_allowed_managed_policies_are_attached() {
    let guardrails = Guardrails { allowed_managed_policies: vec!["*/AWSLambda*".into()], ..Guardrails::default() };
    by_role(&guardrails, &json!({ "managedPolicies": ["AWSLambdaExecute"] }), Outcome::Converged).await;
    by_role(&guardrails, &json!({ "managedPolicies": ["AmazonS3ReadOnlyAccess"] }), Outcome::Refused).await;
    by_role(&guardrails, &json!({ "managedPolicies": [READ_ONLY] }), Outcome::Refused).await;

    let create = |policy: &str| json!({ "create": { "managedPolicies": [policy] } });
    let (model, _) = by_function(&guardrails, &create("AWSLambdaBasicExecutionRole")).await;
    assert_eq!(functions(&model), 1);
    let (model, status) = by_function(&guardrails, &create("AmazonS3ReadOnlyAccess")).await;
    assert_refused(&model, &status, "spec.managedPolicies");
    let (model, status) = by_function(&guardrails, &json!({ "arn": ADMIN })).await;
    assert_refused(&model, &status, "--allowed-execution-roles");
}

#[tokio::test(start_paused = true)]
async fn only_allowed_services_are_trusted() {
    let guardrails = Guardrails { allowed_trust_services: vec!["ec2.amazonaws.com".into()], ..Guardrails::default() };
    by_role(&guardrails, &json!({}), Outcome::Converged).await;
    by_role(&guardrails, &json!({ "trust": { "services": ["ecs.amazonaws.com"] } }), Outcome::Refused).await;
    for principal in [json!("*"), json!({ "AWS": "123456789012" }), json!({ "Service": "ecs.amazonaws.com" })] {
        let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
        let trust = json!({ "policy": { "Version": "2012-10-17", "Statement": [statement] } });
        by_role(&guardrails, &json!({ "trust": trust }), Outcome::Refused).await;
    }
    let (model, status) = by_function(&guardrails, &json!({ "create": {} })).await;
    assert_refused(&model, &status, "spec.trust");
    let (model, status) = by_function(&guardrails, &json!({ "arn": ADMIN })).await;
    assert_refused(&model, &status, "--allowed-execution-roles");
}

#[tokio::test(start_paused = true)]
async fn only_allowed_roles_run_functions() {
    let allowing =
        |pattern: &str| Guardrails { allowed_execution_roles: vec![pattern.into()], ..Guardrails::default() };
    let (model, status) = by_function(&allowing("arn:aws:iam::*:role/app/*"), &json!({ "arn": ADMIN })).await;
    assert_refused(&model, &status, "--allowed-execution-roles");
    let (model, _) = by_function(&allowing("arn:aws:iam::*:role/adm*"), &json!({ "arn": ADMIN })).await;
    assert_eq!(functions(&model), 1);
    let bounded = Guardrails { permissions_boundary: Some(READ_ONLY.into()), ..allowing(ADMIN) };
    let (model, _) = by_function(&bounded, &json!({ "arn": ADMIN })).await;
    assert_eq!(functions(&model), 1, "what the administrator names is allowed");
}

async fn with_foreign(
    guardrails: &Guardrails,
    allow_adoption: bool,
    tags: Tags,
    attach: bool,
    spec: &Value,
) -> Run<InstanceRole> {
    let model = Model::with_network();
    let trust = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let foreign = NewRole {
        name: "legacy".into(),
        path: "/".into(),
        trust_policy: trust.to_string(),
        tags,
        ..NewRole::default()
    };
    model.create_role(&foreign).await.unwrap();
    if attach {
        model.attach_policy("legacy", READ_ONLY).await.unwrap();
    }
    Run::on(model, guardrails.clone(), allow_adoption, spec)
}

#[tokio::test(start_paused = true)]
async fn adoption_needs_the_spec_the_administrator_and_where_asked_for_the_tag() {
    let none = Guardrails::default();
    let tag = Guardrails { require_allow_tag: true, ..none.clone() };
    let adopt = json!({ "roleName": "legacy", "adoptionPolicy": "Adopt" });
    let allowed = |namespace: &str| Tags::from([("privatelink.dev/allow".to_owned(), format!("it/{namespace}"))]);
    for (guardrails, allow, tags, spec, outcome, reason) in [
        (&none, false, Tags::new(), &adopt, Outcome::Refused, "AdoptionNotAllowed"),
        (&none, true, Tags::new(), &json!({ "roleName": "legacy" }), Outcome::Refused, "AlreadyExists"),
        (&none, true, Tags::new(), &adopt, Outcome::Converged, "Available"),
        (&tag, true, Tags::new(), &adopt, Outcome::Refused, "NotAllowed"),
        (&tag, true, allowed("other"), &adopt, Outcome::Refused, "NotAllowed"),
        (&tag, true, allowed("team"), &adopt, Outcome::Converged, "Available"),
    ] {
        let mut run = with_foreign(guardrails, allow, tags, false, spec).await;
        let before = run.model.content();
        run.expect(outcome).await;
        assert_eq!(run.ready()["reason"], reason);
        if outcome == Outcome::Refused {
            assert_eq!(run.model.content(), before, "nothing is touched");
        }
    }
}

/// Adoption is no way round the other limits either.
#[tokio::test(start_paused = true)]
async fn what_is_adopted_must_lie_within_the_limits_and_gets_the_boundary() {
    let adopt = |more: Value| {
        let mut spec = json!({ "roleName": "legacy", "adoptionPolicy": "Adopt" });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let prefix = Guardrails { role_path_prefix: Some("/app/".into()), ..Guardrails::default() };
    let policies = Guardrails { allowed_managed_policies: vec!["*/AWSLambda*".into()], ..Guardrails::default() };
    for (guardrails, spec) in [
        (&prefix, adopt(json!({}))),
        (&policies, adopt(json!({}))),
        (&policies, adopt(json!({ "managedPolicies": [], "foreignPolicies": "Keep" }))),
    ] {
        let mut run = with_foreign(guardrails, true, Tags::new(), true, &spec).await;
        let before = run.model.content();
        run.expect(Outcome::Refused).await;
        assert_eq!(run.ready()["reason"], "NotAllowed");
        assert_eq!(run.model.content(), before, "nothing is touched");
    }
    let mut run = with_foreign(&policies, true, Tags::new(), true, &adopt(json!({ "managedPolicies": [] }))).await;
    run.expect(Outcome::Converged).await;
    assert_eq!(roles(&run.model), ["/legacy unbounded {}"]);
    let boundary = Guardrails { permissions_boundary: Some(EXECUTE.into()), ..Guardrails::default() };
    let mut run = with_foreign(&boundary, true, Tags::new(), true, &adopt(json!({}))).await;
    run.expect(Outcome::Converged).await;
    assert_eq!(roles(&run.model), [format!("/legacy {EXECUTE} {{{READ_ONLY:?}}}")]);
}

#[tokio::test(start_paused = true)]
async fn instances_without_the_tag_are_not_touched_where_it_is_asked_for() {
    let guardrails = Guardrails { require_allow_tag: true, ..Guardrails::default() };
    let spec = json!({ "instances": [{ "id": Network::INSTANCES[0] }] });
    by_role(&guardrails, &spec, Outcome::Refused).await;
    let model = Model::with_network();
    let tag = ("privatelink.dev/allow".to_owned(), "it/team".to_owned());
    model.state().ec2.instances.get_mut(Network::INSTANCES[0]).unwrap().tags.extend([tag]);
    let mut run = Run::<InstanceRole>::on(model, guardrails, false, &spec);
    run.expect(Outcome::Converged).await;
}
