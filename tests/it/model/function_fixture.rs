//! A function on the model, for tests of what functions alone have.

use std::time::Duration;

use privatelink_operator::{cloud::lambda::Function, kinds::lambda_function::spec::LambdaFunction};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::model::Model;

use super::harness::{Given, NAMESPACE, Run, engine, give, identity};

/// The role that is given.
pub const ROLE: &str = "arn:aws:iam::123456789012:role/given";
/// Name of the function in AWS.
pub const FUNCTION: &str = "team-demo";

/// The least that a spec needs, with these fields beside it or instead; null takes a field out.
pub fn spec(fields: &Value) -> Value {
    let mut spec = json!({
        "runtime": "nodejs22.x",
        "handler": "index.handler",
        "code": { "inline": { "index.js": "exports.handler = async () => ({ statusCode: 200 });" } },
        "executionRole": { "arn": ROLE },
    });
    let object = spec.as_object_mut().unwrap();
    object.extend(fields.as_object().unwrap().clone());
    object.retain(|_, value| !value.is_null());
    spec
}

/// The model with a network and a role, long after both were made.
pub async fn model() -> Model {
    let model = Model::with_network();
    give(&model, Given::ExecutionRole).await;
    sleep(Duration::from_mins(2)).await;
    model
}

/// A user has created the object, and the operator has been started.
pub fn begin(model: Model, fields: &Value) -> Run<LambdaFunction> {
    let identity = identity("cluster-1", None);
    let engine = engine(&model, &identity);
    let before = model.content();
    let mut run = Run { model, engine, identity, uid: String::new(), before };
    run.create(&spec(fields));
    run
}

/// Makes a `ConfigMap` or Secret in the test object's namespace.
pub fn put<K: kube::Resource<DynamicType = ()>>(model: &Model, name: &str, mut object: Value) {
    object["kind"] = json!(K::kind(&()));
    object["apiVersion"] = json!("v1");
    if model.object::<K>(NAMESPACE, name).is_some() {
        model.user_edit::<K>(NAMESPACE, name, |live| {
            for field in ["data", "binaryData"] {
                live[field] = object[field].clone();
            }
        });
    } else {
        object["metadata"] = json!({});
        model.user_create::<K>(NAMESPACE, name, object);
    }
}

impl Run<LambdaFunction> {
    /// A user changes the spec.
    pub fn edit_spec(&self, edit: impl FnOnce(&mut Value)) {
        self.edit(|object| edit(&mut object["spec"]));
    }

    /// The function as AWS has it.
    pub fn function(&self) -> Function {
        self.model.only_function()
    }

    /// Its environment.
    pub fn environment(&self) -> Value {
        json!(self.function().settings.environment.unwrap().0)
    }

    /// The operations of AWS that were called since the call of this number, in their order.
    pub fn aws_calls_since(&self, first: usize) -> Vec<&'static str> {
        let calls = self.model.calls();
        let aws = calls.iter().skip(first).map(|call| call.operation).filter(|name| !name.contains(' '));
        aws.collect()
    }

    /// The writes to AWS since the call of this number, in their order.
    pub fn aws_writes_since(&self, first: usize) -> Vec<&'static str> {
        let writes = self.model.writes_since(first);
        writes.iter().map(|call| call.operation).filter(|name| !name.contains(' ')).collect()
    }

    /// Calls so far.
    pub fn mark(&self) -> usize {
        self.model.calls().len()
    }

    /// `reason: message` of the Ready condition.
    pub fn told(&self) -> String {
        let ready = self.ready();
        format!("{}: {}", ready["reason"].as_str().unwrap_or_default(), ready["message"].as_str().unwrap_or_default())
    }

    /// A field of the status.
    pub fn status(&self, field: &str) -> Value {
        self.object().map(|object| object["status"][field].clone()).unwrap_or_default()
    }
}
