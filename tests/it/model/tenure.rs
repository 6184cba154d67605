//! What the end of a tenure means to a pass: no step begins.

use privatelink_operator::{
    cloud::guardrails::Guardrails,
    engine::{reconcile::Outcome, tenure::Tenure},
    kinds::instance_role::spec::InstanceRole,
};
use serde_json::json;

use crate::support::model::Model;

use super::harness::{NAME, NAMESPACE, Run, engine, engine_in};

#[tokio::test(start_paused = true)]
async fn no_step_begins_after_the_tenure_and_the_next_leader_takes_it() {
    let mut run = Run::<InstanceRole>::on(Model::with_network(), Guardrails::default(), false, &json!({}));
    let tenure = Tenure::default();
    let leaving = engine_in::<InstanceRole>(&run.model, &run.identity, Guardrails::default(), tenure.clone());
    tenure.end();
    assert_eq!(leaving.pass(NAMESPACE, NAME).await.outcome, Outcome::Waiting);
    assert_eq!(run.model.content(), run.before, "AWS is as it was");
    assert_eq!(run.ready()["reason"], "Progressing");
    assert_eq!(run.model.events(), []);

    run.engine = engine(&run.model, &run.identity);
    run.expect(Outcome::Converged).await;
}
