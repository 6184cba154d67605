//! Specs that nobody thought of: each field that a definition has, with each of the values at the edge of what its schema allows,
//! put into an object that is ready. Whatever the apiserver accepts must neither end a pass by a defect nor leave the
//! object stalled without the field at fault, and when the spec is put back, AWS must hold what it held. A sample
//! runs with all tests, everything by `make torture-live`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Map, Value, json};

use super::{
    ENDPOINT, FUNCTION, ROLE,
    faults::{content_of, is_ready},
};
use crate::{
    support::live::{Live, condition, operator::Operator},
    torture::extent::Extent,
};

/// Of the specs, the sample has one in so many.
const STRIDE: u64 = 12;
/// What is neither ready nor stalled by then waits for something.
const SETTLES: Duration = Duration::from_secs(4);
/// So deep in a value that is made, each field is tried with one value only.
const DEEP: usize = 2;
/// What LocalStack does not put back: it ignores `ResetPolicy`.
const NOT_PUT_BACK: &str = "VpcEndpoint/policy";

#[tokio::test]
async fn endpoints_survive_any_spec() {
    survives("VpcEndpoint", ENDPOINT).await;
}

#[tokio::test]
async fn roles_survive_any_spec() {
    survives("InstanceRole", ROLE).await;
}

#[tokio::test]
async fn functions_survive_any_spec() {
    survives("LambdaFunction", FUNCTION).await;
}

async fn survives(kind: &'static str, manifest: &str) {
    let live = Live::begin("fuzz").await;
    let mut operator = live.operator(&["--resync-interval", "1h"]).await;
    let object: Value = serde_saphyr::from_str(&live.network.fill(manifest)).unwrap();
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let fuzz = Fuzz { live: &live, kind, name, object };
    fuzz.begin_anew().await;
    let content = fuzz.content().await;
    let (extent, mut accepted, mut failures) = (Extent::wanted(), 0, BTreeMap::new());
    let specs = variants(&schema_of(kind), &fuzz.object["spec"]);
    let all = specs.len();
    for (change, spec) in specs {
        let id = format!("fuzz/{kind}{change}");
        if id.contains(NOT_PUT_BACK) || !extent.includes(&id, STRIDE) || fuzz.apply(&spec, true).await.is_err() {
            continue;
        }
        accepted += 1;
        let began = Instant::now();
        if let Err(failure) = fuzz.try_out(&spec, &content).await {
            eprintln!("{id}: {failure}");
            failures.insert(id.clone(), failure);
            fuzz.begin_anew().await;
        }
        eprintln!("{id} {:.1} s", began.elapsed().as_secs_f64());
        assert!(operator.is_running(), "{id} has ended the operator:\n{}", operator.log());
    }
    eprintln!("{kind}: {accepted} of {all} specs were accepted and tried, {} failed", failures.len());
    assert!(accepted > 0, "the apiserver has accepted none of the specs that were to be tried");
    assert_no_defect(&operator);
    assert!(failures.is_empty(), "{failures:#?}");
    live.end().await;
    operator.kill().await;
}

fn assert_no_defect(operator: &Operator) {
    let log = operator.log();
    let defects: Vec<_> = log.lines().filter(|line| line.contains("panicked") || line.contains("a defect")).collect();
    assert!(defects.is_empty(), "{defects:#?}");
}

/// One object whose spec is changed and put back.
struct Fuzz<'a> {
    live: &'a Live,
    kind: &'static str,
    name: String,
    object: Value,
}

impl Fuzz<'_> {
    async fn apply(&self, spec: &Value, dry: bool) -> Result<(), kube::Error> {
        let mut object = self.object.clone();
        object["spec"] = spec.clone();
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let params = PatchParams { dry_run: dry, ..PatchParams::apply("it").force() };
        self.live.api(self.kind).patch(&self.name, &params, &Patch::Apply(&object)).await.map(drop)
    }

    /// As it was in the beginning, from nothing.
    async fn begin_anew(&self) {
        if !self.live.get(self.kind, &self.name).await.is_null() {
            self.live.patch(self.kind, &self.name, json!({ "spec": { "deletionPolicy": "Delete" } })).await;
            self.live.delete(self.kind, &self.name).await;
        }
        self.apply(&self.object["spec"], false).await.unwrap();
        self.live.ready(self.kind, &self.name).await;
    }

    async fn content(&self) -> Value {
        content_of(self.live, &self.live.get(self.kind, &self.name).await).await
    }

    async fn try_out(&self, spec: &Value, content: &Value) -> Result<(), String> {
        self.apply(spec, false).await.map_err(|error| error.to_string())?;
        self.settled().await?;
        if let Err(error) = self.apply(&self.object["spec"], false).await {
            // What can be set once only goes back with the object.
            eprintln!("  is not to be put back: {error}");
            self.begin_anew().await;
            return Ok(());
        }
        let object = self.until(is_ready, Duration::from_mins(2)).await;
        if !is_ready(&object) {
            return Err(format!("put back, it does not become ready: {:#}", object["status"]["conditions"]));
        }
        let found = self.content().await;
        if found == *content { Ok(()) } else { Err(format!("put back, AWS holds {found}, not {content}")) }
    }

    /// It comes to something that a user can do something about.
    async fn settled(&self) -> Result<(), String> {
        let settles = |object: &Value| {
            is_ready(object) || (is_current(object) && condition(object, "Stalled")["status"] == "True")
        };
        let object = self.until(settles, SETTLES).await;
        let (ready, stalled) = (condition(&object, "Ready"), condition(&object, "Stalled"));
        let message = ready["message"].as_str().unwrap_or_default();
        if message.is_empty() {
            return Err(format!("it says nothing: {:#}", object["status"]["conditions"]));
        }
        if stalled["status"] == "True" && !message.contains("spec.") {
            return Err(format!("it is stalled without a field: {message}"));
        }
        Ok(())
    }

    /// The object once it is so, or when the time is over.
    async fn until(&self, so: impl Fn(&Value) -> bool, patience: Duration) -> Value {
        let began = Instant::now();
        let mut poll = tokio::time::interval(Duration::from_millis(100));
        loop {
            poll.tick().await;
            let object = self.live.get(self.kind, &self.name).await;
            if so(&object) || began.elapsed() > patience {
                return object;
            }
        }
    }
}

fn is_current(object: &Value) -> bool {
    condition(object, "Ready")["observedGeneration"] == object["metadata"]["generation"]
}

/// The schema of a kind's spec.
fn schema_of(kind: &str) -> Value {
    let crd = privatelink_operator::kinds::crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    serde_json::to_value(schema).unwrap()["properties"]["spec"].clone()
}

/// The spec with one change each, and what is changed.
fn variants(schema: &Value, spec: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    vary(schema, Some(spec), "", &mut |path, value| {
        let mut changed = spec.clone();
        let id = if let Some(value) = value {
            let text: String = value.to_string().chars().take(80).collect();
            put(&mut changed, path, value);
            format!("{path}={text}")
        } else {
            remove(&mut changed, path);
            format!("{path} removed")
        };
        found.push((id, changed));
    });
    found
}

/// Tells each change of this value and of what is in it.
fn vary(schema: &Value, value: Option<&Value>, path: &str, tell: &mut impl FnMut(&str, Option<Value>)) {
    if !path.is_empty() {
        if value.is_some() {
            tell(path, None);
        }
        for sample in samples(schema, 0) {
            if Some(&sample) != value {
                tell(path, Some(sample));
            }
        }
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let present = value.and_then(|value| value.get(name));
        // What is in something that is not there is among the samples of that.
        if value.is_some() {
            vary(inner, present, &format!("{path}/{name}"), tell);
        }
    }
    if let Some(first) = value.and_then(|value| value.get(0)) {
        vary(&schema["items"], Some(first), &format!("{path}/0"), tell);
    }
}

/// Values at the edge of what a schema allows, some of them beyond.
fn samples(schema: &Value, depth: usize) -> Vec<Value> {
    if let Some(values) = schema["enum"].as_array() {
        return values.clone();
    }
    let mut samples = match schema["type"].as_str().unwrap_or_default() {
        "string" => vec![json!("x"), json!(""), json!("0"), json!("*"), json!("Ä €"), json!("a".repeat(300))],
        "boolean" => vec![json!(true), json!(false)],
        "integer" => integers(schema),
        "array" => arrays(&schema["items"], depth),
        "object" => objects(schema, depth),
        _ => vec![json!("x"), json!({ "x": "x" })],
    };
    if depth > DEEP {
        samples.truncate(1);
    }
    samples
}

fn integers(schema: &Value) -> Vec<Value> {
    let edges = ["minimum", "maximum"].into_iter().filter_map(|edge| schema[edge].as_f64());
    let around = edges.flat_map(|edge| [edge - 1.0, edge, edge + 1.0]);
    let mut all: Vec<i64> = around.map(|number| format!("{number}").parse().expect("an edge is whole")).collect();
    all.extend([0, 1, i64::from(i32::MAX)]);
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(Value::from).collect()
}

fn arrays(items: &Value, depth: usize) -> Vec<Value> {
    let samples = samples(items, depth + 1);
    let twice = samples.first().map(|first| json!([first, first]));
    samples.iter().map(|sample| json!([sample])).chain([json!([])]).chain(twice).collect()
}

fn objects(schema: &Value, depth: usize) -> Vec<Value> {
    let first = |schema: &Value| samples(schema, depth + 1).into_iter().next().unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else {
        let value = first(&schema["additionalProperties"]);
        return vec![
            json!({ "x": value }),
            json!({}),
            json!({ "aws:x": value }),
            json!({ "privatelink.dev/uid": value }),
        ];
    };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let least: Map<String, Value> = required.map(|name| (name.to_owned(), first(&properties[name]))).collect();
    let with_each = properties.iter().flat_map(|(name, inner)| {
        let least = &least;
        samples(inner, depth + 1).into_iter().map(move |sample| {
            let mut object = least.clone();
            object.insert(name.clone(), sample);
            Value::Object(object)
        })
    });
    std::iter::once(Value::Object(least.clone())).chain(with_each).collect()
}

/// Sets what a JSON pointer leads to, the parent of which is there.
fn put(object: &mut Value, path: &str, value: Value) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    match object.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
}

fn remove(object: &mut Value, path: &str) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    match object.pointer_mut(parent).unwrap() {
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        parent => drop(parent.as_object_mut().unwrap().remove(name)),
    }
}

#[test]
fn each_field_is_varied() {
    let schema = json!({ "type": "object", "properties": {
        "size": { "type": "integer", "minimum": 1.0, "maximum": 8.0 },
        "terms": { "type": "array", "items": { "type": "object", "properties": { "id": { "type": "string" } } } },
    } });
    let ids: Vec<_> = variants(&schema, &json!({ "terms": [{ "id": "a" }] })).into_iter().map(|(id, _)| id).collect();
    for id in ["/size=0", "/size=9", "/terms removed", "/terms=[]", "/terms/0 removed", "/terms/0/id removed"] {
        assert!(ids.contains(&id.to_owned()), "{id} is not in {ids:#?}");
    }
}
