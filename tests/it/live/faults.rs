//! What can go wrong between the operator's process and AWS, and between it and the apiserver, generated: each request of an
//! object's life, from its creation by way of an edit to its deletion, with each trouble that such a request can meet. A
//! sample runs with all tests, everything by `make torture-live`.

use std::{
    collections::BTreeMap,
    fmt,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::FutureExt;
use serde::Serialize;
use serde_json::{Value, json};

use super::{ENDPOINT, FUNCTION, ROLE};
use crate::{
    support::{
        live::{
            Live,
            apiserver::{self, Apiserver},
            condition,
            fault::Fault,
            operator::Operator,
            proxy::{self, Call},
        },
        records,
    },
    torture::{extent::Extent, failure::text_of},
};

/// Of the plans, the sample has one in so many.
const STRIDE: u64 = 60;
/// Longer than any recovery takes, that from a create whose answer was lost included.
const PATIENCE: Duration = Duration::from_mins(4);
/// Another operator leads 2 seconds after the last was killed, and does what a user or a request wakes it for.
const FLAGS: &[&str] = &[
    "--lease-duration",
    "2s",
    "--lease-renew-deadline",
    "1500ms",
    "--lease-retry-period",
    "300ms",
    "--resync-interval",
    "1h",
];

/// What lives.
struct Case {
    kind: &'static str,
    name: &'static str,
    manifest: &'static str,
    /// What a user changes.
    edit: fn() -> Value,
}

#[tokio::test]
async fn endpoints_come_through() {
    let edit = || json!({ "spec": { "tags": { "stage": "test" }, "ipAddressType": "ipv4" } });
    all_plans_of(&Case { kind: "VpcEndpoint", name: "lambda", manifest: ENDPOINT, edit }).await;
}

#[tokio::test]
async fn roles_come_through() {
    let edit = || {
        let policies = ["AWSLambdaExecute"];
        json!({ "spec": { "tags": { "stage": "test" }, "description": "edited", "managedPolicies": policies } })
    };
    all_plans_of(&Case { kind: "InstanceRole", name: "client", manifest: ROLE, edit }).await;
}

#[tokio::test]
async fn functions_come_through() {
    let edit = || {
        let code = json!({ "inline": { "index.js": "exports.handler = async () => 'edited';\n" } });
        json!({ "spec": { "tags": { "stage": "test" }, "memorySize": 256, "code": code } })
    };
    all_plans_of(&Case { kind: "LambdaFunction", name: "hello", manifest: FUNCTION, edit }).await;
}

/// One trouble at one request of a life.
#[derive(Clone)]
struct Plan {
    kind: &'static str,
    operation: String,
    n: usize,
    trouble: Trouble,
}

/// On which way.
#[derive(Clone, Copy)]
enum Trouble {
    Aws(proxy::Trouble),
    Apiserver(apiserver::Trouble),
}

impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(trouble) => trouble.fmt(f),
            Self::Apiserver(trouble) => trouble.fmt(f),
        }
    }
}

/// By which a plan is told, and run again.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = self.operation.replace([' ', '/'], "-");
        write!(f, "live/{}/{operation}#{}/{:?}", self.kind, self.n, self.trouble)
    }
}

/// What became of a plan.
#[derive(Serialize)]
struct Verdict {
    plan: String,
    trouble: String,
    /// Whether the trouble came: how often AWS is asked while it works is not the same each time.
    came: bool,
    seconds: u64,
    calls: usize,
    failure: Option<String>,
}

/// All plans for a life of these requests to AWS and to the apiserver.
fn generate(kind: &'static str, calls: &[Call], operations: &[String]) -> Vec<Plan> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut plans = Vec::new();
    let mut add = |operation, troubles: Vec<Trouble>| {
        let n = counts.entry(operation).or_default();
        *n += 1;
        plans.extend(troubles.into_iter().map(|trouble| Plan {
            kind,
            operation: operation.to_owned(),
            n: *n,
            trouble,
        }));
    };
    for call in calls {
        let reads = ["Describe", "Get", "Head", "List"].iter().any(|verb| call.operation.starts_with(verb));
        let troubles = if reads { proxy::Trouble::READ } else { proxy::Trouble::WRITE };
        add(&call.operation, troubles.iter().copied().map(Trouble::Aws).collect());
    }
    for operation in operations {
        let troubles = match operation.split(' ').next() {
            Some("event") => apiserver::Trouble::EVENT,
            Some("get" | "list" | "watch") => apiserver::Trouble::READ,
            _ => apiserver::Trouble::WRITE,
        };
        add(operation, troubles.iter().copied().map(Trouble::Apiserver).collect());
    }
    plans
}

async fn all_plans_of(case: &Case) {
    let live = Live::begin("faults").await;
    let mut course = Life::begin(&live, None).await;
    let content = course.run(case).await;
    let plans = generate(case.kind, &course.calls(), &course.operations());
    course.operator.kill().await;
    let extent = Extent::wanted();
    let (mut verdicts, generated) = (Vec::new(), plans.len());
    for plan in plans.into_iter().filter(|plan| extent.includes(&plan.to_string(), STRIDE)) {
        let began = Instant::now();
        let mut course = Life::begin(&live, Some(&plan)).await;
        let result = AssertUnwindSafe(course.run(case)).catch_unwind().await;
        let failure = match &result {
            Ok(found) if *found == content => None,
            Ok(found) => Some(format!("AWS came to hold {found}, not {content}")),
            Err(panic) => Some(text_of(&**panic)),
        };
        let verdict = Verdict {
            plan: plan.to_string(),
            trouble: format!("{:?}", plan.trouble),
            came: course.trouble_came(),
            seconds: began.elapsed().as_secs(),
            calls: course.calls().len(),
            failure,
        };
        eprintln!("{} {} s{}", verdict.plan, verdict.seconds, if verdict.came { "" } else { ", did not come" });
        records::record("live-plans.jsonl", &verdict);
        let failed = verdict.failure.is_some();
        verdicts.push(verdict);
        course.operator.kill().await;
        if failed {
            break;
        }
    }
    let met = verdicts.iter().filter(|verdict| verdict.came).count();
    eprintln!("{}: {} of {generated} plans run, {met} of them with their trouble", case.kind, verdicts.len());
    if let Some(failed) = verdicts.iter().find(|verdict| verdict.failure.is_some()) {
        panic!("{}: {}", failed.plan, failed.failure.as_deref().unwrap_or_default());
    }
    live.end().await;
}

/// One object's life, with an operator that is started again whenever it has been killed.
struct Life<'a> {
    live: &'a Live,
    apiserver: Apiserver,
    operator: Operator,
    /// Requests to AWS that were made for the object, by operators that are dead.
    before: Vec<Call>,
    /// How many requests the running operator had made before there was the object.
    mark: usize,
    /// The same for requests to the apiserver, which one proxy counts for all operators.
    operations_mark: usize,
    /// Whether the operator that the trouble was for is dead.
    killed: bool,
}

impl<'a> Life<'a> {
    async fn begin(live: &'a Live, plan: Option<&Plan>) -> Self {
        live.forget_lease().await;
        let apiserver = Apiserver::start(live.release.kubeconfig()).await;
        let operator = spawn(live, &apiserver);
        operator.ready().await;
        if let Some(Plan { operation, n, trouble, .. }) = plan {
            let (operation, n, process) = (operation.clone(), *n, operator.pid());
            match *trouble {
                Trouble::Aws(trouble) => {
                    operator.proxy().fault().set(Fault { operation, n, trouble, operator: process });
                }
                Trouble::Apiserver(trouble) => {
                    apiserver.fault().set(Fault { operation, n, trouble, operator: process });
                }
            }
        }
        let (mark, operations_mark) = (operator.calls().len(), apiserver.operations().len());
        Self { live, apiserver, operator, before: Vec::new(), mark, operations_mark, killed: false }
    }

    /// What AWS holds once the object is ready with its edit. Then it is deleted, and AWS must hold nothing.
    async fn run(&mut self, case: &Case) -> Value {
        let Case { kind, name, .. } = *case;
        let live = self.live;
        live.applied(case.manifest).await;
        self.until("Ready", async || is_ready(&live.get(kind, name).await)).await;
        live.patch(kind, name, (case.edit)()).await;
        self.until("Ready after the edit", async || is_ready(&live.get(kind, name).await)).await;
        let content = content_of(live, &live.get(kind, name).await).await;
        live.begin_deletion(kind, name).await;
        self.until("gone", async || live.get(kind, name).await.is_null()).await;
        // The role that was made for a function is deleted after it, as an object of its own.
        self.until("gone from AWS", async || live.aws.owned(&live.namespace).await.is_empty()).await;
        content
    }

    /// Asks again and again until the answer is yes, and sees to it that there is an operator.
    async fn until(&mut self, what: &str, mut yes: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut poll = tokio::time::interval(Duration::from_millis(100));
        while !yes().await {
            assert!(Instant::now() < deadline, "it was to become {what}; the operator's log:\n{}", self.operator.log());
            if !self.operator.is_running() {
                self.before = self.calls();
                self.mark = 0;
                self.killed = true;
                self.operator = spawn(self.live, &self.apiserver);
            }
            poll.tick().await;
        }
    }

    /// The requests to AWS since there was the object.
    fn calls(&self) -> Vec<Call> {
        let running = self.operator.calls().split_off(self.mark);
        self.before.iter().cloned().chain(running).collect()
    }

    /// The requests to the apiserver since there was the object, and the events that it has shown.
    fn operations(&self) -> Vec<String> {
        self.apiserver.operations().split_off(self.operations_mark)
    }

    /// Whether the trouble that was planned has come.
    fn trouble_came(&self) -> bool {
        self.killed || !(self.operator.proxy().fault().is_set() || self.apiserver.fault().is_set())
    }
}

fn spawn(live: &Live, apiserver: &Apiserver) -> Operator {
    let mut command = live.release.command();
    command.env("KUBECONFIG", apiserver.kubeconfig());
    Operator::spawn_with(command, FLAGS)
}

/// Whether it is ready with its present spec.
pub fn is_ready(object: &Value) -> bool {
    let ready = condition(object, "Ready");
    ready["status"] == "True" && ready["observedGeneration"] == object["metadata"]["generation"]
}

/// What AWS holds of the namespace, by an outsider's reads, without what differs from one life to the next.
pub async fn content_of(live: &Live, object: &Value) -> Value {
    let text = |field: &str| object["status"][field].as_str().unwrap_or_default().to_owned();
    let mut owned: Vec<_> = live.aws.owned(&live.namespace).await;
    for name in owned.iter_mut().filter(|name| name.starts_with("vpce-")) {
        "endpoint".clone_into(name);
    }
    owned.sort();
    let facts = match object["kind"].as_str().unwrap_or_default() {
        "VpcEndpoint" => {
            let answer = live.aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(text("id")).send().await.unwrap();
            let endpoint = &answer.vpc_endpoints()[0];
            let tags = endpoint.tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap()));
            json!({ "tags": without_uid(tags), "subnets": endpoint.subnet_ids().len(), "groups": endpoint.groups().len() })
        }
        "InstanceRole" => {
            let name = text("roleName");
            let role = live.aws.iam.get_role().role_name(&name).send().await.unwrap().role.unwrap();
            let attached = live.aws.iam.list_attached_role_policies().role_name(&name).send().await.unwrap();
            let mut attached: Vec<_> =
                attached.attached_policies().iter().map(|policy| policy.policy_name().unwrap().to_owned()).collect();
            attached.sort();
            let tags = role.tags().iter().map(|tag| (tag.key(), tag.value()));
            let associations = live.aws.ec2.describe_iam_instance_profile_associations().send().await.unwrap();
            let instances: Vec<_> = associations
                .iam_instance_profile_associations()
                .iter()
                .filter(|known| known.instance_id() == Some(&live.network.instance))
                .map(|known| known.iam_instance_profile().and_then(|profile| profile.arn()).map(str::to_owned))
                .collect();
            json!({
                "description": role.description().unwrap_or_default(),
                "tags": without_uid(tags),
                "attached": attached,
                "instances": instances,
            })
        }
        _ => {
            let answer = live.aws.lambda.get_function().function_name(text("functionName")).send().await.unwrap();
            let tags = answer.tags().into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
            let configuration = answer.configuration().unwrap();
            json!({
                "tags": without_uid(tags),
                "memory": configuration.memory_size(),
                "code": configuration.code_sha256(),
                "role": configuration.role(),
            })
        }
    };
    json!({ "owned": owned, "facts": facts })
}

/// The tags without the uid of the object, which is another in each life.
fn without_uid<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let kept = tags.filter(|(key, _)| *key != "privatelink.dev/uid");
    kept.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
