//! Every field of `InstanceRole`: set at creation, changed, repaired after drift, and taken out again.

use privatelink_operator::{
    cloud::guardrails::Guardrails, engine::reconcile::Outcome, kinds::instance_role::spec::InstanceRole,
};
use serde_json::{Value, json};

use crate::support::model::{
    Model, State,
    ec2::Network,
    iam::{ProfileRecord, RoleRecord},
    replica::Lag,
};

use super::harness::Run;

const EXECUTE: &str = "arn:aws:iam::aws:policy/AWSLambdaExecute";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

/// One field, as a user and as AWS sees it.
struct Field {
    /// The rest of the spec.
    base: fn() -> Value,
    /// The field at creation, and what AWS then has.
    set: (fn() -> Value, &'static str),
    /// The field after an edit, and what AWS then has.
    change: (fn() -> Value, &'static str),
    /// What somebody else does to it.
    drift: fn(&mut State),
    /// What AWS has once the field has left the spec.
    removed: &'static str,
    /// What AWS has of it.
    look: fn(&State) -> String,
}

/// One module for each field, with one test for each thing that happens to it. The first word is the field's name.
macro_rules! fields {
    ($($module:ident $name:literal = $field:expr;)+) => {$(
        mod $module {
            use super::*;

            #[tokio::test(start_paused = true)]
            async fn create() {
                created($name, &$field).await;
            }

            #[tokio::test(start_paused = true)]
            async fn update() {
                updated($name, &$field).await;
            }

            #[tokio::test(start_paused = true)]
            async fn drift() {
                drifted($name, &$field).await;
            }

            #[tokio::test(start_paused = true)]
            async fn remove() {
                removed($name, &$field).await;
            }
        }
    )+};
}

async fn created(name: &str, field: &Field) -> Run<InstanceRole> {
    let mut spec = (field.base)();
    spec[name] = (field.set.0)();
    let mut run = Run::on(Model::with_network(), Guardrails::default(), false, &spec);
    run.expect(Outcome::Converged).await;
    assert_eq!(seen(&run, field), field.set.1, "{}", run.story());
    run
}

async fn updated(name: &str, field: &Field) {
    let mut run = created(name, field).await;
    run.edit(|object| object["spec"][name] = (field.change.0)());
    run.expect(Outcome::Converged).await;
    assert_eq!(seen(&run, field), field.change.1, "{}", run.story());
}

async fn drifted(name: &str, field: &Field) {
    let mut run = created(name, field).await;
    (field.drift)(&mut run.model.state());
    assert_ne!(seen(&run, field), field.set.1, "the drift is one");
    run.expect(Outcome::Converged).await;
    assert_eq!(seen(&run, field), field.set.1, "{}", run.story());
}

async fn removed(name: &str, field: &Field) {
    let mut run = created(name, field).await;
    run.edit(|object| drop(object["spec"].as_object_mut().unwrap().remove(name)));
    run.expect(Outcome::Converged).await;
    assert_eq!(seen(&run, field), field.removed, "{}", run.story());
    let mark = run.model.calls().len();
    run.restart();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.model.writes_since(mark), [], "a write at rest");
}

fn seen(run: &Run<InstanceRole>, field: &Field) -> String {
    (field.look)(&run.model.state())
}

fn role(state: &State) -> &RoleRecord {
    state.iam.roles.current("team-demo").expect("the role exists")
}

fn change_role(state: &mut State, change: impl FnOnce(&mut RoleRecord)) {
    let mut record = role(state).clone();
    change(&mut record);
    state.iam.roles.put("team-demo", Some(record), Lag::NONE);
}

fn profiles(state: &State) -> Vec<ProfileRecord> {
    state.iam.profiles.all().map(|(_, record)| record.clone()).collect()
}

fn associations(state: &State) -> String {
    let live = state.ec2.associations.all().filter(|(_, record)| record.ended_at.is_none());
    let all = live.map(|(_, record)| {
        let name = record.association.profile_arn.rsplit('/').next().unwrap_or_default();
        format!("{} {name}", record.association.instance_id)
    });
    all.collect::<Vec<_>>().join(", ")
}

fn nothing() -> Value {
    json!({})
}

fn document(action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
}

fn trusted(state: &State) -> String {
    let document: Value = serde_json::from_str(&role(state).role.trust_policy).unwrap();
    document["Statement"][0]["Principal"].to_string()
}

fn by_account(account: &str, external_id: &str) -> Value {
    json!({ "policy": { "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": account },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": external_id } },
    }] } })
}

fn tagged(tags: &privatelink_operator::cloud::ownership::Tags) -> String {
    let tags = tags.iter().filter(|(key, _)| !key.starts_with("privatelink.dev/"));
    tags.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fields! {
    description "description" = Field {
        base: nothing,
        set: (|| json!("one"), "one"),
        change: (|| json!("two"), "two"),
        drift: |state| change_role(state, |record| record.role.description = None),
        removed: "",
        look: |state| role(state).role.description.clone().unwrap_or_default(),
    };
    max_session "maxSessionDurationSeconds" = Field {
        base: || json!({ "description": "stays" }),
        set: (|| json!(7200), "7200 stays"),
        change: (|| json!(43200), "43200 stays"),
        drift: |state| change_role(state, |record| record.role.max_session_seconds = Some(3600)),
        removed: "3600 stays",
        look: |state| {
            let role = &role(state).role;
            format!("{} {}", role.max_session_seconds.unwrap(), role.description.as_deref().unwrap_or_default())
        },
    };
    permissions_boundary "permissionsBoundary" = Field {
        base: nothing,
        set: (|| json!(EXECUTE), EXECUTE),
        change: (|| json!(READ_ONLY), READ_ONLY),
        drift: |state| change_role(state, |record| record.role.permissions_boundary = Some(READ_ONLY.to_owned())),
        removed: "",
        look: |state| role(state).role.permissions_boundary.clone().unwrap_or_default(),
    };
    trust_services "trust" = Field {
        base: nothing,
        set: (|| json!({ "services": ["ec2.amazonaws.com", "lambda.amazonaws.com"] }), TWO_SERVICES),
        change: (|| json!({ "services": ["lambda.amazonaws.com"] }), r#"{"Service":"lambda.amazonaws.com"}"#),
        drift: |state| change_role(state, |record| record.role.trust_policy = record.role.trust_policy.replace("lambda", "ecs")),
        removed: r#"{"Service":"ec2.amazonaws.com"}"#,
        look: trusted,
    };
    trust_policy "trust" = Field {
        base: nothing,
        set: (|| by_account("111111111111", "x"), r#"{"AWS":"111111111111"} "x""#),
        change: (|| by_account("111111111111", "y"), r#"{"AWS":"111111111111"} "y""#),
        drift: |state| change_role(state, |record| record.role.trust_policy = record.role.trust_policy.replace(r#""x""#, r#""X""#)),
        removed: r#"{"Service":"ec2.amazonaws.com"} null"#,
        look: |state| {
            let document: Value = serde_json::from_str(&role(state).role.trust_policy).unwrap();
            format!("{} {}", trusted(state), document["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"])
        },
    };
    managed_policies "managedPolicies" = Field {
        base: nothing,
        set: (|| json!(["AWSLambdaExecute"]), "[AWSLambdaExecute]"),
        change: (|| json!([READ_ONLY, "AWSLambdaRole"]), "[AmazonS3ReadOnlyAccess][AWSLambdaRole]"),
        drift: |state| change_role(state, |record| record.attached = [READ_ONLY.to_owned()].into()),
        removed: "",
        look: |state| role(state).attached.iter().map(|arn| format!("[{}]", arn.rsplit('/').next().unwrap())).collect::<Vec<_>>().concat(),
    };
    inline_policies "inlinePolicies" = Field {
        base: nothing,
        set: (|| json!({ "a": document("s3:GetObject") }), "a=s3:GetObject"),
        change: (|| json!({ "a": document("s3:PutObject"), "b": document("s3:*") }), "a=s3:PutObject,b=s3:*"),
        drift: |state| change_role(state, |record| {
            let foreign = record.inline["a"].replace("Get", "Put");
            record.inline.insert("foreign".to_owned(), foreign);
        }),
        removed: "",
        look: |state| {
            let policies = role(state).inline.iter().map(|(name, document)| {
                let document: Value = serde_json::from_str(document).unwrap();
                format!("{name}={}", document["Statement"][0]["Action"].as_str().unwrap())
            });
            policies.collect::<Vec<_>>().join(",")
        },
    };
    instance_profile "instanceProfile" = Field {
        base: || json!({ "instances": [{ "id": Network::INSTANCES[0] }] }),
        set: (|| json!({ "name": "one" }), "one(team-demo) i-0a one"),
        change: (|| json!({ "name": "two" }), "two(team-demo) i-0a two"),
        drift: |state| {
            for mut record in profiles(state) {
                record.profile.roles.clear();
                state.iam.profiles.put(&record.profile.name.clone(), Some(record), Lag::NONE);
            }
        },
        removed: "team-demo(team-demo) i-0a team-demo",
        look: |state| {
            let profiles = profiles(state).into_iter().map(|record| format!("{}({})", record.profile.name, record.profile.roles.join(",")));
            format!("{} {}", profiles.collect::<Vec<_>>().join(","), associations(state))
        },
    };
    instances "instances" = Field {
        base: nothing,
        set: (|| json!([{ "tags": { "app": "client" } }]), "i-0a team-demo"),
        change: (|| json!([{ "id": Network::INSTANCES[1] }]), "i-0b team-demo"),
        drift: |state| {
            let all: Vec<_> = state.ec2.associations.all().map(|(id, record)| (id.clone(), record.clone())).collect();
            for (id, mut record) in all {
                record.ended_at = Some(tokio::time::Instant::now());
                state.ec2.associations.put(&id, Some(record), Lag::NONE);
            }
        },
        removed: "",
        look: associations,
    };
    tags "tags" = Field {
        base: nothing,
        set: (|| json!({ "team": "a", "stage": "test" }), "stage=test,team=a stage=test,team=a"),
        change: (|| json!({ "Team": "b" }), "Team=b Team=b"),
        drift: |state| change_role(state, |record| drop(record.role.tags.remove("team"))),
        removed: " ",
        look: |state| format!("{} {}", tagged(&role(state).role.tags), tagged(&profiles(state)[0].profile.tags)),
    };
}

const TWO_SERVICES: &str = r#"{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]}"#;

/// The field says what may be removed, so that what is removed is its test: by a list, by itself, or not at all.
#[tokio::test(start_paused = true)]
async fn foreign_policies_stay_or_go_as_the_field_says() {
    for (policies, foreign, stays, deletable) in [
        (json!(["AWSLambdaExecute"]), Value::Null, false, true),
        (json!(["AWSLambdaExecute"]), json!("Remove"), false, true),
        (json!(["AWSLambdaExecute"]), json!("Keep"), true, false),
        (Value::Null, Value::Null, true, false),
        (Value::Null, json!("Remove"), true, true),
        (Value::Null, json!("Keep"), true, false),
    ] {
        let mut spec = json!({ "managedPolicies": policies, "foreignPolicies": foreign });
        spec.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let mut run = Run::<InstanceRole>::on(Model::with_network(), Guardrails::default(), false, &spec);
        run.expect(Outcome::Converged).await;
        change_role(&mut run.model.state(), |record| record.attached.extend([READ_ONLY.to_owned()]));
        run.expect(Outcome::Converged).await;
        assert_eq!(role(&run.model.state()).attached.contains(READ_ONLY), stays, "{spec}");
        run.delete();
        if !deletable {
            for _ in 0..20 {
                let pass = run.engine.pass(super::harness::NAMESPACE, super::harness::NAME).await;
                assert_eq!(pass.outcome, Outcome::Waiting, "{spec}");
            }
            let message = run.ready()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(READ_ONLY) && message.contains("foreignPolicies"), "{message}");
            assert!(role(&run.model.state()).attached.contains(READ_ONLY), "nothing foreign is removed");
            change_role(&mut run.model.state(), |record| record.attached.retain(|arn| arn != READ_ONLY));
        }
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    }
}
