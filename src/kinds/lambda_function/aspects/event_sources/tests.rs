use serde_json::{Value, json};

use super::{
    super::{Observed, Step as AspectsStep, plan, testing::Pass},
    *,
};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:q";
const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/s";

fn mapping(source_arn: &str, state: &str, ours: bool) -> ObservedMapping {
    let settings = MappingSettings {
        enabled: Some(state == "Enabled"),
        batch_size: Some(7),
        filters: Some(vec!["{}".to_owned()]),
        ..settings::defaults(source_arn)
    };
    let mapping = Mapping {
        uuid: format!("uuid of {source_arn}"),
        arn: "arn:m".to_owned(),
        source_arn: source_arn.to_owned(),
        function_arn: "arn:aws:lambda:eu-west-1:123456789012:function:f".to_owned(),
        state: state.to_owned(),
        settings,
    };
    ObservedMapping { mapping, ours }
}

fn observed(event_sources: Vec<ObservedMapping>) -> Observed {
    Observed { event_sources, settled: true, ..Observed::default() }
}

fn queue(fields: &Value) -> Value {
    let mut source = json!({ "arn": QUEUE });
    source.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "eventSources": [source] })
}

fn applied(settings: &Value) -> Value {
    json!({ "eventSources": [{ "arn": QUEUE, "uuid": "u", "state": "Enabled", "appliedSettings": settings }] })
}

#[test]
fn a_mapping_is_made_changed_and_taken_back() {
    let update = |what: &str| Some(format!("update the event source mapping of {QUEUE}: {what}"));
    for (fields, before, expected) in [
        (json!({}), json!([]), None),
        (json!({ "batchSize": 7, "filters": ["{}"], "enabled": true }), json!([]), None),
        (json!({ "batchSize": 8 }), json!([]), update("batchSize 8")),
        (json!({ "filters": [] }), json!([]), update("filters")),
        (
            json!({ "enabled": false, "maximumConcurrency": 2 }),
            json!([]),
            update("enabled false, maximumConcurrency 2"),
        ),
        (json!({}), json!(["batchSize", "filters", "maximumConcurrency"]), update("batchSize 10, filters")),
    ] {
        let pass = Pass::new(queue(&fields), applied(&before), observed(vec![mapping(QUEUE, "Enabled", true)]));
        assert_eq!(pass.told(), expected.into_iter().collect::<Vec<_>>(), "{fields} {before}");
    }
    let stream = json!({ "eventSources": [{ "arn": STREAM, "startingPosition": "LATEST", "batchSize": 5 }] });
    let pass = Pass::new(stream, json!({}), observed(Vec::new()));
    assert_eq!(pass.told(), [format!("create an event source mapping of {STREAM} for function f")]);
    let recorded = json!({ "eventSources": [{ "arn": STREAM, "appliedSettings": ["batchSize"] }] });
    assert_eq!(pass.recorded(), recorded, "without its id, which AWS gives");
    let Plan::Act(steps) = plan::plan(&pass.view(), "sha", "rev") else { panic!("nothing to do") };
    let [AspectsStep::EventSource(Step::Create(new))] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!(new.tags.keys().collect::<Vec<_>>(), ["privatelink.dev/uid"]);
    assert_eq!(new.starting_position.as_deref(), Some("LATEST"));
}

#[test]
fn what_is_left_over_goes_and_what_is_not_ours_is_claimed_first() {
    let pass = |spec: Value, ours| Pass::new(spec, json!({}), observed(vec![mapping(QUEUE, "Enabled", ours)]));
    let none = json!({ "eventSources": [] });
    assert_eq!(pass(none, true).told(), [format!("delete the event source mapping of {QUEUE}")]);
    let claimed = pass(queue(&json!({ "batchSize": 8 })), false);
    assert_eq!(claimed.told(), [format!("tag the event source mapping uuid of {QUEUE} of {QUEUE} as ours")]);
    assert_eq!(claimed.reported(), json!({}), "what is not ours yet is not recorded");
}

#[test]
fn what_is_under_way_is_waited_for() {
    for state in ["Creating", "Enabling", "Disabling", "Updating", "Deleting"] {
        let expected = [format!("EventSourcePending: the event source mapping uuid of {QUEUE} of {QUEUE} is {state}")];
        for spec in [queue(&json!({ "batchSize": 8 })), json!({ "eventSources": [] })] {
            let pass = Pass::new(spec, json!({}), observed(vec![mapping(QUEUE, state, true)]));
            assert_eq!(pass.told(), expected);
            assert!(matches!(plan::plan_delete(&pass.view()), Some(Plan::Wait { .. })));
        }
    }
    for state in ["Enabled", "Disabled"] {
        let pass = Pass::new(queue(&json!({})), json!({}), observed(vec![mapping(QUEUE, state, true)]));
        assert_eq!(pass.told(), [""; 0]);
        assert!(matches!(plan::plan_delete(&pass.view()), Some(Plan::Act(steps)) if steps.len() == 1));
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>: there is no token, so what may
/// have been made is not given up before a look can be believed.
#[test]
fn a_mapping_that_may_turn_up_yet_is_waited_for() {
    let begun = json!({ "eventSources": [{ "arn": QUEUE }] });
    let deleted = json!({ "eventSources": [{ "arn": QUEUE, "uuid": "u", "state": "Deleting" }] });
    for (status, settled, waits) in [(&begun, false, true), (&begun, true, false), (&deleted, false, false)] {
        let nothing = Observed { settled, ..Observed::default() };
        let pass = Pass::new(json!({}), status.clone(), nothing);
        assert_eq!(matches!(plan::plan_delete(&pass.view()), Some(Plan::Wait { .. })), waits, "{status} {settled}");
        assert_eq!(pass.told().len(), usize::from(waits));
        assert_eq!(pass.reported() == json!({}), !waits, "it is remembered while it may turn up");
    }
}

#[test]
fn the_status_tells_id_state_and_what_was_applied() {
    let pass = Pass::new(
        queue(&json!({ "batchSize": 7 })),
        applied(&json!(["filters", "maximumConcurrency"])),
        observed(vec![mapping(QUEUE, "Disabled", true)]),
    );
    let expected = |settings: Value| {
        let uuid = format!("uuid of {QUEUE}");
        json!({ "eventSources": [{ "arn": QUEUE, "uuid": uuid, "state": "Disabled", "appliedSettings": settings }] })
    };
    assert_eq!(pass.reported(), expected(json!(["filters", "maximumConcurrency"])), "there is something to take back");
    let settled = Pass::new(queue(&json!({ "batchSize": 7 })), json!({}), pass.observed);
    assert_eq!(settled.reported(), expected(json!(["batchSize"])));
}

#[test]
fn mappings_are_of_a_function_without_a_qualifier() {
    let of = |function_arn: &str| {
        let mapping = Mapping { function_arn: function_arn.to_owned(), ..Mapping::default() };
        is_of(&mapping, "f")
    };
    assert!(of("arn:aws:lambda:eu-west-1:123456789012:function:f"));
    assert!(!of("arn:aws:lambda:eu-west-1:123456789012:function:f:live"));
    assert!(!of("arn:aws:lambda:eu-west-1:123456789012:function:g"));
}

#[test]
fn a_sweep_looks_at_the_sources_of_the_spec_whatever_their_order() {
    let (one, two) = (mapping(QUEUE, "Enabled", true).mapping, mapping(STREAM, "Enabled", true).mapping);
    let of = |mappings: &[&Mapping]| digest([QUEUE, STREAM].into_iter(), mappings.iter().copied());
    assert_eq!(of(&[&one, &two]), of(&[&two, &one]));
    assert_ne!(of(&[&one, &two]), of(&[&one]));
    assert_ne!(of(&[&one]), of(&[&Mapping { state: "Disabled".to_owned(), ..one.clone() }]));
    let foreign = Mapping { source_arn: "arn:other".to_owned(), ..one.clone() };
    assert_eq!(of(&[&one]), of(&[&one, &foreign]));
}
