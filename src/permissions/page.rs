//! The tables of `docs/iam-policy.md`.

use crate::{cloud::operation::Operation, generated::splice};

use super::{
    besides::{BESIDES, Besides},
    extra::{Extra, extras},
    policy,
    scope::{Scope, scopes},
};

const BEGIN: &str = "<!-- generated from the operations in use by `make crds`: begin -->";

/// The page with its generated part made anew; `None` if it has no place for one.
pub fn update(page: &str) -> Option<String> {
    splice(page, BEGIN, &markdown().ok()?)
}

fn markdown() -> Result<String, serde_json::Error> {
    let besides: String = BESIDES.iter().map(besides_row).collect();
    let extras: Vec<String> = extras().iter().map(extra_section).collect::<Result<_, _>>()?;
    Ok(format!(
        "## Operations\n\n| operation | IAM action | statements |\n|---|---|---|\n{}\n\
         ## Asked for besides\n\n| action | asked by | when | statement | source |\n|---|---|---|---|---|\n{besides}\n\
         ## Not in the policy\n\nWhat only some installations need. Add these to `Statement`.\n\n{}\n",
        operations(),
        extras.join("\n"),
    ))
}

/// A row for each operation, by the statement that allows it.
fn operations() -> String {
    let all = || Operation::ALL.iter().copied();
    let granted = Scope::ALL.iter().flat_map(|scope| all().filter(move |of| scopes(*of).first() == Some(scope)));
    let free = all().filter(|of| scopes(*of).is_empty());
    granted.chain(free).map(operation_row).collect()
}

fn operation_row(operation: Operation) -> String {
    let action = operation.action().map_or_else(|| "none needed".to_owned(), |action| format!("`{action}`"));
    let statements: Vec<String> = scopes(operation).iter().map(|scope| format!("`{}`", scope.sid())).collect();
    format!("| {} | {action} | {} |\n", operation.name(), statements.join(", "))
}

fn besides_row(besides: &Besides) -> String {
    let actions: Vec<String> = besides.actions.iter().map(|action| format!("`{action}`")).collect();
    let asked_by: Vec<&str> = besides.asked_by.iter().map(|operation| operation.name()).collect();
    let Besides { when, scope, page, .. } = besides;
    let sid = scope.sid();
    format!("| {} | {} | {when} | `{sid}` | [AWS]({page}) |\n", actions.join(", "), asked_by.join(", "))
}

fn extra_section(extra: &Extra) -> Result<String, serde_json::Error> {
    let statements: Vec<String> =
        extra.statements.iter().map(serde_json::to_string_pretty).collect::<Result<_, _>>()?;
    let Extra { title, text, page, .. } = extra;
    Ok(format!("### {title}\n\n{text} ([AWS]({page}))\n\n```json\n{}\n```\n", statements.join(",\n")))
}

/// The text of `docs/iam-policy.json`.
pub fn json() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&policy()).map(|text| text + "\n")
}
