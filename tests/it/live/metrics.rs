//! /metrics of a running operator: what is documented is there and nothing else, and it stays bounded.

use std::collections::{BTreeMap, BTreeSet};

use super::{ENDPOINT, FUNCTION, ROLE};
use crate::{
    monitoring::documented,
    support::live::{Live, eventually, operator::Operator},
};

/// One series: its name without a histogram's suffix, and its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    metric: String,
    labels: Vec<(String, String)>,
}

/// All series, and the type of each metric.
fn parse(text: &str) -> (BTreeSet<Series>, BTreeMap<String, String>) {
    let types: BTreeMap<String, String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, type_)| (name.to_owned(), type_.to_owned()))
        .collect();
    let series = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let series = line.rsplit_once(' ').expect("a value follows").0;
        let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
        let suffixed = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let metric = suffixed.filter(|name| types.contains_key(*name)).unwrap_or(name).to_owned();
        assert!(types.contains_key(&metric), "{metric} has no type");
        let labels = labels.split("\",").filter_map(|label| label.split_once("=\""));
        let labels = labels.map(|(label, value)| (label.to_owned(), value.trim_end_matches('"').to_owned()));
        Series { metric, labels: labels.filter(|(label, _)| label != "le").collect() }
    });
    (series.collect(), types)
}

#[tokio::test]
async fn what_is_documented_is_there_and_nothing_else() {
    let live = Live::begin("metrics").await;
    let operator = live.operator(&["--resync-interval", "1s"]).await;
    live.applied(ENDPOINT).await;
    live.ready("VpcEndpoint", "lambda").await;
    let swept =
        async || operator.metrics().await.contains("privatelink_inventory_objects{controller=\"VpcEndpoint\"} 1");
    eventually(swept).await.expect("a sweep sees the endpoint");

    let text = operator.metrics().await;
    let (series, types) = parse(&text);
    let documented = documented();
    for (name, (type_, labels)) in &documented {
        assert_eq!(types.get(name), Some(type_), "{name} is documented, and not served as a {type_}");
        let of_metric = series.iter().find(|series| &series.metric == name);
        let served = of_metric.unwrap_or_else(|| panic!("{name} has no series")).labels.iter().map(|(label, _)| label);
        assert!(
            served.clone().eq(labels),
            "{name}: documented are {labels:?}, served {:?}",
            served.collect::<Vec<_>>()
        );
    }
    let undocumented: Vec<_> = types.keys().filter(|name| !documented.contains_key(*name)).collect();
    assert!(undocumented.is_empty(), "docs/operating.md has no row for {undocumented:?}");

    let build = format!("privatelink_operator_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&build), "{text}");
    let resident = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    let resident: u64 = resident.unwrap().parse().unwrap();
    assert!((1 << 20..1 << 30).contains(&resident), "{resident}");
    if let Ok(records) = std::env::var("PRIVATELINK_RECORDS") {
        std::fs::write(std::path::Path::new(&records).join("metrics.txt"), &text).unwrap();
    }
    live.end().await;
}

/// What does not count AWS's or Kubernetes' answers, which come as they come.
fn of_objects(text: &str) -> BTreeSet<Series> {
    let (series, _) = parse(text);
    series.into_iter().filter(|s| !s.metric.starts_with("aws_api_") && !s.metric.starts_with("rest_client_")).collect()
}

async fn come_and_go(live: &Live, operator: &Operator, suffix: &str) -> BTreeSet<Series> {
    let (role, endpoint, function) = (format!("client{suffix}"), format!("lambda{suffix}"), format!("hello{suffix}"));
    live.applied(&ROLE.replace("name: client", &format!("name: {role}"))).await;
    live.applied(&ENDPOINT.replace("name: lambda }", &format!("name: {endpoint} }}"))).await;
    live.applied(&FUNCTION.replace("name: hello", &format!("name: {function}"))).await;
    let objects = [("LambdaFunction", &function), ("VpcEndpoint", &endpoint), ("InstanceRole", &role)];
    for (kind, name) in objects {
        live.ready(kind, name).await;
    }
    let counted = async || {
        let text = operator.metrics().await;
        let ready = |kind, objects| {
            let (condition, status, reason) = ("Ready", "True", "Available");
            text.contains(&format!(
                "privatelink_resources{{controller=\"{kind}\",condition=\"{condition}\",status=\"{status}\",reason=\"{reason}\"}} {objects}"
            ))
        };
        // The function has a role of its own.
        ready("VpcEndpoint", 1) && ready("LambdaFunction", 1) && ready("InstanceRole", 2)
    };
    eventually(counted).await.expect("they are counted as they stand");
    let text = operator.metrics().await;
    for name in [&live.namespace, &live.network.vpc, &role, &endpoint, &function] {
        assert!(!text.contains(&format!("\"{name}")), "a label names {name}");
    }
    for (kind, name) in objects {
        live.delete(kind, name).await;
    }
    eventually(async || !operator.metrics().await.contains("privatelink_resources{"))
        .await
        .expect("the series of the objects go with them");
    of_objects(&operator.metrics().await)
}

#[tokio::test]
async fn series_go_with_their_objects() {
    let live = Live::begin("series").await;
    let operator = live.operator(&[]).await;
    let swept = async || {
        let text = operator.metrics().await;
        text.matches("privatelink_inventory_objects{").count() == 3
    };
    eventually(swept).await.expect("each kind is swept");
    let before = of_objects(&operator.metrics().await);
    let first = come_and_go(&live, &operator, "-first").await;
    assert_eq!(first, before, "objects leave no series behind");
    assert_eq!(come_and_go(&live, &operator, "-again").await, before);
    live.end().await;
}

#[tokio::test]
async fn drift_and_time_to_ready_are_measured() {
    let live = Live::begin("measured").await;
    let operator = live.operator(&[]).await;
    live.applied(ENDPOINT).await;
    let before = live.ready("VpcEndpoint", "lambda").await["status"]["id"].clone();
    live.aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(before.as_str().unwrap()).send().await.unwrap();
    live.wait("VpcEndpoint", "lambda", "a new endpoint", |object| object["status"]["id"] != before).await;
    live.ready("VpcEndpoint", "lambda").await;
    let has =
        |text: &str, metric: &str| text.lines().any(|line| line == format!("{metric}{{controller=\"VpcEndpoint\"}} 1"));
    let counted = async || {
        let text = operator.metrics().await;
        [
            "privatelink_drift_detected_total",
            "privatelink_drift_repaired_total",
            "privatelink_time_to_ready_seconds_count",
        ]
        .iter()
        .all(|metric| has(&text, metric))
    };
    eventually(counted).await.expect("the drift is counted as found and repaired, and the object once as new");
    let told = async || live.events("lambda").await.iter().any(|(reason, _)| reason == "DriftRepaired");
    eventually(told).await.expect("an Event says that it was drift");
    live.delete("VpcEndpoint", "lambda").await;
    let gone = async || has(&operator.metrics().await, "privatelink_deletion_duration_seconds_count");
    eventually(gone).await.expect("the deletion is measured");
    live.end().await;
}
