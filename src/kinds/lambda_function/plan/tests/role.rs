//! The role that is made for a function.

use super::*;

#[test]
fn an_owned_role_comes_first_and_goes_last() {
    let creating = desired(json!({ "executionRole": { "create": { "managedPolicies": ["AWSLambdaExecute"] } } }));
    let (mut model, mut status) = (Model::default(), LambdaFunctionStatus::default());
    assert_eq!(
        model.converge(&mut status, &creating),
        ["apply InstanceRole default/hello-execution", "create function default-hello (nodejs22.x, index.handler)",]
    );
    assert_eq!(status.owned_role.as_deref(), Some("hello-execution"));
    assert_eq!(
        model.converge(&mut status, &desired(json!({ "executionRole": { "create": {} } }))),
        ["apply InstanceRole default/hello-execution"]
    );
    assert_eq!(
        model.converge(&mut status, &desired(json!({}))),
        [
            format!("update the configuration of function default-hello: executionRole {ROLE}").as_str(),
            "delete InstanceRole default/hello-execution",
        ]
    );
}

#[test]
fn an_owned_role_is_waited_for() {
    let desired = desired(json!({ "executionRole": { "create": {} } }));
    let Role::Owned(owned) = &desired.role else { panic!() };
    let with = |change: fn(&mut Value)| {
        let mut object = owned.manifest.clone();
        change(&mut object);
        told(decide(LambdaFunctionStatus::default(), &desired, &Model { role: Some(object), ..Model::default() }))
    };
    for (change, expected) in [
        (
            (|_| {}) as fn(&mut Value),
            "InstanceRoleNotReady: spec.executionRole.create: InstanceRole default/hello-execution has no ARN yet",
        ),
        (
            |role| role["metadata"]["deletionTimestamp"] = json!("now"),
            "InstanceRoleNotReady: spec.executionRole.create: InstanceRole default/hello-execution is being deleted; while a function runs with it, it stays",
        ),
        (
            |role| role["metadata"]["ownerReferences"][0]["uid"] = json!("uid-0"),
            "InstanceRoleNotReady: spec.executionRole.create: InstanceRole default/hello-execution belongs to an \
             earlier object of this name and is about to be deleted",
        ),
        (
            |role| role["metadata"]["ownerReferences"] = json!([]),
            "InstanceRoleNotOwned: spec.executionRole.create: InstanceRole default/hello-execution exists and was \
             not made for this function; delete it, or name it in spec.executionRole.instanceRoleRef",
        ),
    ] {
        assert_eq!(with(change), expected);
    }
}

#[test]
fn a_role_that_is_not_ours_is_not_deleted() {
    let desired = desired(json!({}));
    let mut model = Model::with(&desired);
    model.role = Some(json!({ "metadata": { "name": "hello-execution", "uid": "x" }, "spec": {} }));
    assert_eq!(decide(LambdaFunctionStatus::default(), &desired, &model), Plan::Converged);
}
