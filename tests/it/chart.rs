//! The chart's values: each does something, none is taken that does not exist or makes no sense, and its page lists them all.
//! What the objects look like is told by charts/privatelink-operator/tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use clap::CommandFactory;
use privatelink_operator::cli::Cli;
use serde_json::{Map, Value, json};

use crate::support::live::release::chart;

/// (value, another value for it, what else it takes to see a difference)
const CHANGES: &[(&str, &str, &str)] = &[
    ("clusterId", r#""other""#, "{}"),
    ("region", r#""eu-west-1""#, "{}"),
    ("awsEndpointUrl", r#""http://192.0.2.1:4566""#, "{}"),
    ("awsRates", r#"{"lambda":5}"#, "{}"),
    ("watchNamespaces", r#"["team"]"#, "{}"),
    ("secretNamespaces", r#"["team"]"#, "{}"),
    ("resyncInterval", r#""1h""#, "{}"),
    ("consistencyWindow", r#""1s""#, "{}"),
    ("concurrency", "4", "{}"),
    ("takeOverFrom", r#""4f0c2f1e-0000-4000-8000-000000000000""#, "{}"),
    ("log.format", r#""text""#, "{}"),
    ("log.level", r#""debug""#, "{}"),
    ("guardrails.permissionsBoundary", r#""arn:aws:iam::123456789012:policy/boundary""#, "{}"),
    ("guardrails.rolePathPrefix", r#""/tenants/""#, "{}"),
    ("guardrails.allowedManagedPolicies", r#"["arn:aws:iam::aws:policy/*"]"#, "{}"),
    ("guardrails.allowedExecutionRoles", r#"["arn:aws:iam::123456789012:role/x"]"#, "{}"),
    ("guardrails.allowedTrustServices", r#"["ec2.amazonaws.com"]"#, "{}"),
    ("guardrails.allowAdoption", "true", "{}"),
    ("guardrails.allowProfileReplace", "true", "{}"),
    ("guardrails.requireAllowTag", "true", "{}"),
    ("caBundle.configMapName", r#""authorities""#, "{}"),
    ("caBundle.secretName", r#""authorities""#, "{}"),
    ("caBundle.key", r#""bundle.pem""#, r#"{"caBundle":{"secretName":"authorities"}}"#),
    ("crds.enabled", "false", "{}"),
    ("crds.keep", "false", "{}"),
    ("leaderElection.leaseDuration", r#""30s""#, "{}"),
    ("leaderElection.renewDeadline", r#""12s""#, "{}"),
    ("leaderElection.retryPeriod", r#""4s""#, "{}"),
    ("replicas", "3", "{}"),
    ("image.repository", r#""registry.example/operator""#, "{}"),
    ("image.tag", r#""v2""#, "{}"),
    ("image.digest", r#""sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef""#, "{}"),
    ("image.pullPolicy", r#""Always""#, "{}"),
    ("imagePullSecrets", r#"[{"name":"registry"}]"#, "{}"),
    ("nameOverride", r#""other""#, "{}"),
    ("fullnameOverride", r#""other""#, "{}"),
    ("serviceAccount.create", "false", "{}"),
    ("serviceAccount.name", r#""other""#, "{}"),
    ("serviceAccount.annotations", r#"{"eks.amazonaws.com/role-arn":"arn:aws:iam::123456789012:role/x"}"#, "{}"),
    ("env", r#"[{"name":"A","value":"b"}]"#, "{}"),
    ("extraArgs", r#"["--concurrency=4"]"#, "{}"),
    ("resources.requests.cpu", r#""1""#, "{}"),
    ("resources.requests.memory", r#""1Gi""#, "{}"),
    ("resources.limits.memory", r#""1Gi""#, "{}"),
    ("podLabels", r#"{"team":"a"}"#, "{}"),
    ("podAnnotations", r#"{"note":"a"}"#, "{}"),
    ("priorityClassName", r#""system-cluster-critical""#, "{}"),
    ("nodeSelector", r#"{"kubernetes.io/arch":"arm64"}"#, "{}"),
    ("tolerations", r#"[{"operator":"Exists"}]"#, "{}"),
    ("affinity", r#"{"nodeAffinity":{}}"#, "{}"),
    ("topologySpreadConstraints", "[]", "{}"),
    ("terminationGracePeriodSeconds", "30", "{}"),
    ("podDisruptionBudget.enabled", "false", "{}"),
    ("podDisruptionBudget.maxUnavailable", r#""50%""#, "{}"),
    ("networkPolicy.enabled", "false", "{}"),
    ("networkPolicy.metricsFrom", r#"[{"podSelector":{}}]"#, "{}"),
    ("networkPolicy.kubernetesPorts", "[8443]", "{}"),
    ("networkPolicy.extraEgress", r#"[{"ports":[{"port":3128}]}]"#, "{}"),
    ("metrics.service.enabled", "false", "{}"),
    ("metrics.service.port", "9090", "{}"),
    ("metrics.service.annotations", r#"{"note":"a"}"#, "{}"),
    ("metrics.serviceMonitor.enabled", "true", "{}"),
    ("metrics.serviceMonitor.labels", r#"{"release":"a"}"#, MONITORED),
    ("metrics.serviceMonitor.interval", r#""1m""#, MONITORED),
    ("metrics.serviceMonitor.scrapeTimeout", r#""5s""#, MONITORED),
    ("metrics.prometheusRule.enabled", "true", "{}"),
    ("metrics.prometheusRule.labels", r#"{"release":"a"}"#, MONITORED),
    ("metrics.dashboard.enabled", "true", "{}"),
    ("metrics.dashboard.labels", r#"{"grafana_dashboard":"2"}"#, MONITORED),
    ("metrics.dashboard.annotations", r#"{"folder":"AWS"}"#, MONITORED),
];

const MONITORED: &str =
    r#"{"metrics":{"serviceMonitor":{"enabled":true},"prometheusRule":{"enabled":true},"dashboard":{"enabled":true}}}"#;

/// Maps whose keys are the user's.
const FREE: &[&str] = &[
    "affinity",
    "metrics.dashboard.annotations",
    "metrics.dashboard.labels",
    "metrics.prometheusRule.labels",
    "metrics.service.annotations",
    "metrics.serviceMonitor.labels",
    "nodeSelector",
    "podAnnotations",
    "podLabels",
    "resources.limits",
    "resources.requests",
    "serviceAccount.annotations",
];

/// (value, what it may not be)
const WRONG: &[(&str, &str)] = &[
    ("clusterId", r#""has spaces""#),
    ("region", r#""Tokyo""#),
    ("awsEndpointUrl", r#""192.0.2.1:4566""#),
    ("watchNamespaces", r#"["Team"]"#),
    ("secretNamespaces", r#"["a","a"]"#),
    ("resyncInterval", r#""5""#),
    ("consistencyWindow", "60"),
    ("concurrency", "0"),
    ("awsRates", r#"{"lamda":5}"#),
    ("awsRates", r#"{"lambda":0}"#),
    ("concurrency", "513"),
    ("log.format", r#""xml""#),
    ("guardrails.permissionsBoundary", r#""boundary""#),
    ("guardrails.rolePathPrefix", r#""tenants""#),
    ("guardrails.allowAdoption", r#""yes""#),
    ("caBundle", r#"{"configMapName":"a","secretName":"b"}"#),
    ("leaderElection.leaseDuration", r#""long""#),
    ("replicas", "-1"),
    ("image.digest", r#""sha256:short""#),
    ("image.pullPolicy", r#""Sometimes""#),
    ("imagePullSecrets", r#"["registry"]"#),
    ("topologySpreadConstraints", r#"[{"maxSkew":1}]"#),
    ("podDisruptionBudget.maxUnavailable", r#""half""#),
    ("metrics.service.port", "70000"),
    ("metrics.serviceMonitor.interval", r#""often""#),
];

#[test]
fn every_value_changes_what_is_rendered() {
    let values = values();
    let mut untested = leaves(&values);
    let mut rendered = BTreeMap::new();
    for (path, other, with) in CHANGES {
        let before = merged(json!({ "clusterId": "demo" }), parse(with));
        let after = merged(before.clone(), at(path, parse(other)));
        let before = rendered.entry(with).or_insert_with(|| render(&before).unwrap());
        assert_ne!(*before, render(&after).unwrap(), "{path} changes nothing");
        untested.retain(|leaf| leaf != path && !leaf.starts_with(&format!("{path}.")));
    }
    assert_eq!(untested, Vec::<String>::new(), "values that no row of this test changes");
}

#[test]
fn an_unknown_value_is_refused_at_every_depth() {
    let mut objects = vec![String::new()];
    objects.extend(branches(&values()));
    let closed = objects.iter().filter(|path| !FREE.contains(&path.as_str()));
    for path in closed.clone() {
        let unknown = if path.is_empty() { "unknown".to_owned() } else { format!("{path}.unknown") };
        let error = render(&merged(json!({ "clusterId": "demo" }), at(&unknown, json!(1)))).unwrap_err();
        assert!(error.contains("'unknown' not allowed"), "{path}: {error}");
    }
    assert!(closed.count() > 10);
    render(&json!({ "clusterId": "demo", "global": { "whatever": 1 } })).expect("global is the umbrella chart's");
}

#[test]
fn wrong_values_are_refused_with_their_name() {
    // What resources are made of is for the apiserver to judge.
    let typed = leaves(&values()).into_iter().filter(|path| !path.starts_with("resources."));
    let wrong_types = typed.map(|path| {
        let wrong = if FREE.contains(&path.as_str()) { json!(["unknown"]) } else { json!({ "unknown": [] }) };
        (path, wrong)
    });
    let wrong_values = WRONG.iter().map(|(path, wrong)| ((*path).to_owned(), parse(wrong)));
    for (path, wrong) in wrong_types.chain(wrong_values) {
        let rendered = render(&merged(json!({ "clusterId": "demo" }), at(&path, wrong.clone())));
        let Err(error) = rendered else { panic!("{path} may be {wrong}") };
        assert!(error.contains(&format!("/{}", path.replace('.', "/"))), "{path}: {error}");
    }
}

/// Flags that the chart has no value for: the port is the same in every pod.
const FIXED: &[&str] = &["http-address"];

#[test]
fn every_flag_of_the_operator_has_a_value() {
    let operator = Cli::command();
    let flags = operator.find_subcommand("run").unwrap().get_arguments();
    // What has a variable is given by that.
    let flags = flags.filter(|flag| flag.get_env().is_none()).filter_map(clap::Arg::get_long);
    let expected: BTreeSet<String> = flags.filter(|flag| !FIXED.contains(flag)).map(str::to_owned).collect();
    let all = fs::read_to_string(chart().join("tests/values/all.yaml")).unwrap();
    let rendered = render(&serde_saphyr::from_str(&all).unwrap()).unwrap();
    let arguments = rendered.lines().filter_map(|line| line.trim().strip_prefix("- "));
    let flags = arguments.filter_map(|argument| argument.trim_matches('"').strip_prefix("--"));
    let given: BTreeSet<String> = flags.map(|flag| flag.split('=').next().unwrap_or(flag).to_owned()).collect();
    assert_eq!(given, expected);
}

#[test]
fn the_page_of_the_chart_lists_every_value() {
    let page = fs::read_to_string(chart().join("README.md")).unwrap();
    let table = table(&fs::read_to_string(chart().join("values.yaml")).unwrap(), &values());
    assert!(page.contains(&table), "the table of charts/privatelink-operator/README.md is to be\n{table}");
}

/// What Helm makes of these values, or says against them.
fn render(values: &Value) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), values.to_string()).unwrap();
    let mut helm = Command::new("helm");
    helm.args(["template", "x"]).arg(chart()).arg("--values").arg(file.path());
    let output = helm.output().expect("helm is on the PATH; run the tests by `make test`");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn values() -> Value {
    serde_saphyr::from_str(&fs::read_to_string(chart().join("values.yaml")).unwrap()).unwrap()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// `a.b` and a value as `{a: {b: value}}`.
fn at(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |inner, key| Value::Object(Map::from_iter([(key.to_owned(), inner)])))
}

fn merged(mut into: Value, from: Value) -> Value {
    match (&mut into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                let merged = into.remove(&key).map_or(value.clone(), |before| merged(before, value));
                into.insert(key, merged);
            }
        }
        (into, from) => *into = from,
    }
    into
}

/// The paths of values that have no values in them.
fn leaves(values: &Value) -> Vec<String> {
    paths(values).into_iter().filter(|(_, value)| !is_branch(value)).map(|(path, _)| path).collect()
}

/// The paths of values that have values in them, and of free maps.
fn branches(values: &Value) -> Vec<String> {
    paths(values).into_iter().filter(|(_, value)| value.is_object()).map(|(path, _)| path).collect()
}

fn is_branch(value: &Value) -> bool {
    value.as_object().is_some_and(|object| !object.is_empty())
}

fn paths(values: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (key, value) in values.as_object().into_iter().flatten() {
        found.push((key.clone(), value));
        found.extend(paths(value).into_iter().map(|(path, value)| (format!("{key}.{path}"), value)));
    }
    found
}

/// The table of all values: what stands after `# --` above each, and its default.
fn table(text: &str, values: &Value) -> String {
    let mut rows = vec!["| value | default | meaning |".to_owned(), "|---|---|---|".to_owned()];
    let (mut above, mut comment): (Vec<&str>, String) = Default::default();
    for line in text.lines() {
        let depth = (line.len() - line.trim_start().len()) / 2;
        let line = line.trim();
        if let Some(begin) = line.strip_prefix("# -- ") {
            begin.clone_into(&mut comment);
        } else if let Some(more) = line.strip_prefix("# ").filter(|_| !comment.is_empty()) {
            comment.extend([" ", more]);
        } else if let Some((key, _)) = line.split_once(':').filter(|_| !line.starts_with(['#', '-'])) {
            above.truncate(depth);
            above.push(key);
            if !comment.is_empty() {
                let default = values.pointer(&format!("/{}", above.join("/"))).unwrap();
                rows.push(format!("| `{}` | `{default}` | {} |", above.join("."), comment.replace('|', "\\|")));
                comment.clear();
            }
        }
    }
    rows.join("\n")
}
