//! The chart's alert rules and dashboard against the metrics that there are, and against the documentation.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::docs::{anchor, read};

const RULES: &str = "charts/privatelink-operator/rules/privatelink-operator.yaml";
const DASHBOARD: &str = "charts/privatelink-operator/dashboards/privatelink-operator.json";

/// Name and type of the metrics in the table of docs/operating.md, with their labels. That they are those of a running
/// operator is tested by `live::metrics`.
pub fn documented() -> BTreeMap<String, (String, Vec<String>)> {
    let page = read("docs/operating.md");
    let rows = page.lines().filter_map(|line| {
        let (metric, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let type_ = rest.split(" | ").next().filter(|type_| ["counter", "gauge", "histogram"].contains(type_))?;
        let (name, labels) = metric.trim_end_matches('}').split_once('{').unwrap_or((metric, ""));
        let labels = labels.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect();
        Some((name.to_owned(), (type_.to_owned(), labels)))
    });
    rows.collect()
}

/// The names of metrics in a PromQL expression: words that are not followed by a bracket, outside of strings, selectors
/// and lists of labels.
fn metrics_of(expression: &str) -> Vec<String> {
    const KEYWORDS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "inf"];
    const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
    let mut names = Vec::new();
    let mut rest = expression;
    while let Some(c) = rest.chars().next() {
        let word: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "_:".contains(*c)).collect();
        let after = rest[word.len()..].trim_start();
        if word.is_empty() {
            let closing = match c {
                '"' => Some('"'),
                '{' => Some('}'),
                '[' => Some(']'),
                _ => None,
            };
            let skipped = closing.and_then(|closing| rest[1..].find(closing)).map_or(c.len_utf8(), |end| end + 2);
            rest = &rest[skipped..];
        } else if LISTS.contains(&word.as_str()) && after.starts_with('(') {
            rest = &after[after.find(')').expect("a list ends")..];
        } else {
            let is_name = !word.starts_with(|c: char| c.is_ascii_digit()) && !KEYWORDS.contains(&word.as_str());
            if is_name && !after.starts_with('(') && !LISTS.contains(&word.as_str()) {
                names.push(word.clone());
            }
            rest = &rest[word.len()..];
        }
    }
    names
}

/// Panics unless the expression is of metrics that there are.
fn check(place: &str, expression: &str) {
    let documented = documented();
    let found = metrics_of(expression);
    assert!(!found.is_empty(), "{place}: no metric in {expression}");
    for name in found {
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let is_histogram = of_histogram.is_some_and(|name| documented.get(name).is_some_and(|m| m.0 == "histogram"));
        let is_plain = documented.get(&name).is_some_and(|(type_, _)| type_ != "histogram");
        assert!(is_histogram || is_plain, "{place}: there is no metric {name}: {expression}");
    }
}

#[test]
fn names_are_told_from_the_rest_of_an_expression() {
    let expression = "histogram_quantile(0.5, sum by (controller, le) (rate(a_bucket{job=~\"$job\", b=\"c\"}[5m]))) \
                      / scalar(3 * max(d)) or vector(0) and on (pod) e > 1";
    assert_eq!(metrics_of(expression), ["a_bucket", "d", "e"]);
}

#[test]
fn each_alert_is_of_metrics_that_there_are_and_leads_to_what_to_do() {
    let rules: Value = serde_saphyr::from_str(&read(RULES)).unwrap();
    let guide = read("docs/troubleshooting.md");
    let tests = read("tests/rules/privatelink-operator.yaml");
    let alerts: Vec<_> =
        rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(alerts.len() >= 8, "{alerts:?}");
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        check(name, alert["expr"].as_str().unwrap());
        for text in ["summary", "description"] {
            assert!(alert["annotations"][text].as_str().is_some_and(|text| text.len() > 20), "{name} has no {text}");
        }
        let runbook = alert["annotations"]["runbook_url"].as_str().unwrap();
        let heading = runbook.split_once("/docs/troubleshooting.md#").expect("it leads into the guide").1;
        let section = guide.lines().position(|line| anchor(line).as_deref() == Some(heading));
        assert!(section.is_some(), "{name}: docs/troubleshooting.md has no heading {heading}");
        assert!(guide.contains(&format!("`{name}`")), "docs/troubleshooting.md does not name {name}");
        let cases = tests.split("- name: ").filter(|case| case.contains(&format!("alertname=\"{name}\"")));
        let cases: String = cases.collect();
        let fires = cases.contains(&format!("ALERTS{{alertname=\"{name}\", alertstate=\"firing\", "));
        let quiet = cases.lines().any(|line| line.contains(name) && line.contains("exp_samples: []"));
        assert!(
            fires && (quiet || cases.matches("exp_samples").count() > 1),
            "{name} lacks a case that fires or one that does not"
        );
    }
}

#[test]
fn each_panel_is_of_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let mut queries = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        if panel["type"] == "row" {
            continue;
        }
        assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{title} has no description");
        for target in panel["targets"].as_array().unwrap() {
            check(title, target["expr"].as_str().unwrap());
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            queries += 1;
        }
    }
    assert!(queries > 20, "{queries}");
}
