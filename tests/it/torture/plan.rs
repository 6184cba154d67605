//! Plans: one trouble at one call of one scenario of one case. They are generated from a run in which nothing goes wrong:
//! each call that it makes, with each trouble that such a call can meet.

use std::{collections::BTreeMap, fmt};

use crate::support::model::{
    Call,
    script::{Point, Trouble},
};

use super::scenario::Scenario;

/// What goes wrong in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Name of the case, with its kind: `VpcEndpoint/interface_endpoint`.
    pub of: String,
    /// What the object goes through.
    pub scenario: Scenario,
    /// At which call.
    pub point: Point,
    /// What.
    pub trouble: Trouble,
}

/// By which a plan is told, and run again.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.of, self.scenario, self.point, self.trouble.name())
    }
}

/// All plans for a run that made these calls.
pub fn generate(of: &str, scenario: Scenario, calls: &[Call]) -> Vec<Plan> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut plans = Vec::new();
    for call in calls {
        let n = counts.entry(call.operation).or_default();
        *n += 1;
        let point = Point { operation: call.operation, n: *n };
        for &trouble in Trouble::of(call.operation, call.write) {
            plans.push(Plan { of: of.to_owned(), scenario, point: point.clone(), trouble });
        }
    }
    plans
}

#[test]
fn each_call_meets_each_of_its_troubles_once() {
    let call = |operation, write| Call { operation, write, effect: write };
    let calls = [call("CreateRole", true), call("GetRole", false), call("GetRole", false), call("write status", true)];
    let plans = generate("InstanceRole/role", Scenario::Create, &calls);
    let mut ids: Vec<_> = plans.iter().map(ToString::to_string).collect();
    assert!(ids.contains(&"InstanceRole/role/create/GetRole#2/stale".to_owned()));
    assert!(ids.contains(&"InstanceRole/role/create/write-status#1/conflict".to_owned()));
    let all = Trouble::AWS_WRITE.len() + 2 * Trouble::AWS_READ.len() + Trouble::CLUSTER_WRITE.len();
    assert_eq!(ids.len(), all);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "no two plans share an id");
}
