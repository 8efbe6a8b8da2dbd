//! What a workflow calls, by others too: whether it is there, comes to an end, and may be called.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fault::Fault;
use super::limits;
use super::model::{Call, Name, Place, Workflow};
use super::value::ValueTemplate;

/// The workflows behind the calls of one.
#[derive(Debug, Default)]
pub struct Called<'doc> {
    /// Each once, in the order in which they are come upon.
    pub workflows: Vec<&'doc Workflow>,
    pub missing: Vec<MissingWorkflow>,
    /// At the calls of the workflow that was looked at.
    pub faults: Vec<Fault>,
}

/// A workflow that is called and not at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingWorkflow {
    pub name: Name,
    /// The workflow with the call.
    pub by: Name,
    /// Of the call, in that one's document.
    pub place: Place,
}

/// Looks at everything that `root` calls. `find` gives a workflow by its name, where it is at hand; `root` need not be.
pub fn called<'doc>(root: &'doc Workflow, find: &dyn Fn(&Name) -> Option<&'doc Workflow>) -> Called<'doc> {
    let mut walk = Walk { root, find, heights: BTreeMap::new(), found: Called::default() };
    let mut chain = vec![&root.name];
    for (_, call) in root.calls() {
        if let Err((detail, suggestion)) = walk.visit(root, call, &mut chain) {
            walk.found.faults.push(fault(&call.place, detail, suggestion));
            chain.truncate(1);
        } else if let Some(callee) = find(&call.workflow) {
            walk.found.faults.extend(input_faults(call, callee));
        }
    }
    walk.found
}

fn fault(place: &Place, detail: String, suggestion: String) -> Fault {
    let Place { pointer, line, column } = place.clone();
    Fault { pointer, line, column, detail, suggestion: Some(suggestion) }
}

struct Walk<'doc, 'find> {
    root: &'doc Workflow,
    find: &'find dyn Fn(&Name) -> Option<&'doc Workflow>,
    /// How many workflows are called below one, at the most, each within the other.
    heights: BTreeMap<&'doc Name, usize>,
    found: Called<'doc>,
}

impl<'doc> Walk<'doc, '_> {
    fn visit(
        &mut self,
        by: &'doc Workflow,
        call: &'doc Call,
        chain: &mut Vec<&'doc Name>,
    ) -> Result<usize, (String, String)> {
        let name = &call.workflow;
        if chain.contains(&name) {
            let detail = format!("these calls never come to an end: {}", in_words(chain, name));
            return Err((detail, "leave one of them out, or repeat with `repeat` or `for_each`".to_owned()));
        }
        if chain.len() + self.heights.get(name).copied().unwrap_or_default() > limits::CALL_DEPTH {
            let detail =
                format!("workflows call one another more than {} deep: {}", limits::CALL_DEPTH, in_words(chain, name));
            return Err((detail, "put the steps of some of them into the one that calls".to_owned()));
        }
        if let Some(height) = self.heights.get(name) {
            return Ok(*height);
        }
        let Some(callee) = (self.find)(name) else {
            let place = call.place.clone();
            self.found.missing.push(MissingWorkflow { name: name.clone(), by: by.name.clone(), place });
            return Ok(0);
        };
        self.may_be_called(callee, chain)?;
        self.found.workflows.push(callee);
        if self.found.workflows.len() > limits::CALLED {
            let detail = format!("more than {} workflows are called, by others too", limits::CALLED);
            return Err((detail, "make several jobs of it".to_owned()));
        }
        chain.push(name);
        let mut height = 0;
        for (_, inner) in callee.calls() {
            height = height.max(self.visit(callee, inner, chain)? + 1);
        }
        chain.pop();
        self.heights.insert(name, height);
        Ok(height)
    }

    fn may_be_called(&self, callee: &Workflow, chain: &[&Name]) -> Result<(), (String, String)> {
        let through = if chain.len() > 1 { format!(" ({})", in_words(chain, &callee.name)) } else { String::new() };
        if callee.commits() {
            let detail = format!(
                "the workflow `{}`{through} has a commit and cannot be called: that commit would not be among this job's, and \
                 nobody would know whether it happened",
                callee.name
            );
            return Err((detail, "write the steps here that must not happen twice, or make a job of it".to_owned()));
        }
        if let Some(app) = callee.apps.iter().find(|app| !self.root.apps.contains(app)) {
            let detail = format!(
                "the workflow `{}`{through} needs the app `{app}`, which is not among the `apps` of this workflow",
                callee.name
            );
            return Err((detail, format!("add `{app}` there: its jobs go where these are")));
        }
        Ok(())
    }
}

/// `a → b → c`.
fn in_words(chain: &[&Name], last: &Name) -> String {
    let names: Vec<&str> = chain.iter().map(|name| name.as_str()).chain([last.as_str()]).collect();
    names.join(" → ")
}

/// What is certain to be wrong with the input of a call, whatever its templates yield.
fn input_faults(call: &Call, callee: &Workflow) -> Vec<Fault> {
    let empty = BTreeMap::new();
    let given = match &call.input {
        None => &empty,
        Some(ValueTemplate::Map(given)) => given,
        Some(_) => return Vec::new(),
    };
    let schema = callee.input.schema();
    let filled = callee.input.with_defaults(&Value::Object(serde_json::Map::new()));
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let missing = required.filter(|name| !given.contains_key(*name) && filled.get(name).is_none());
    let missing = missing.map(|name| {
        let detail = format!("the workflow `{}` needs `{name}` in its input", callee.name);
        fault(&call.place, detail, format!("write it below `input` of the `call`: {{ {name}: … }}"))
    });
    let unknown = callee.input.properties().into_iter().flat_map(|known| {
        let unknown = given.keys().filter(move |name| !known.contains(*name));
        unknown.map(|name| {
            let detail = format!("the workflow `{}` has no `{name}` in its input", callee.name);
            fault(&call.place, detail, "leave it out, or declare it there".to_owned())
        })
    });
    missing.chain(unknown).collect()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::workflow::model::Document;

    fn look(text: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
        let (documents, faults) = parse(text.trim_end_matches("---\n").as_bytes());
        assert!(faults.is_empty(), "{faults:?}");
        let workflows: Vec<&Workflow> = documents.iter().filter_map(Document::as_workflow).collect();
        let find = |name: &Name| workflows.iter().copied().find(|one| one.name == *name);
        let found = called(workflows[0], &find);
        (
            found.workflows.iter().map(|one| one.name.to_string()).collect(),
            found.missing.iter().map(|one| format!("{} by {} at {}", one.name, one.by, one.place.pointer)).collect(),
            found.faults.iter().map(ToString::to_string).collect(),
        )
    }

    fn calling(name: &str, callees: &[&str]) -> String {
        let calls: Vec<String> = callees.iter().map(|callee| format!("{{ call: {{ workflow: {callee} }} }}")).collect();
        format!("kind: workflow\nname: {name}\nsteps: [ {{ sleep: 1s }}, {} ]\n---\n", calls.join(", "))
    }

    #[test]
    fn each_is_found_once_and_what_is_missing_is_told_with_its_place() {
        let text = calling("a", &["b", "c"]) + &calling("b", &["c", "d"]) + &calling("c", &["d"]);
        let (found, missing, faults) = look(&text);
        assert_eq!(found, ["b", "c"]);
        assert_eq!(missing, ["d by c at /steps/1/call/workflow", "d by b at /steps/2/call/workflow"]);
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn what_calls_itself_is_told_with_the_whole_way() {
        let (_, _, faults) = look(&calling("a", &["a"]));
        assert!(faults[0].contains("never come to an end: a → a"), "{faults:?}");
        let (_, _, faults) = look(&(calling("a", &["b"]) + &calling("b", &["c"]) + &calling("c", &["b"])));
        assert!(faults[0].contains("never come to an end: a → b → c → b"), "{faults:?}");
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn calls_go_so_deep_and_no_deeper_also_where_a_short_way_leads_there_first() {
        let line = |depth: usize, first: &[&str]| {
            let names: Vec<String> = (0..=depth).map(|at| format!("w{at}")).collect();
            let mut text = calling("w0", &[first, &["w1"]].concat());
            for pair in names[1..].windows(2) {
                text += &calling(&pair[0], &[&pair[1]]);
            }
            text + &format!("kind: workflow\nname: w{depth}\nsteps: [ {{ sleep: 1s }} ]\n")
        };
        assert_eq!(look(&line(limits::CALL_DEPTH, &[])).2, Vec::<String>::new());
        for first in [&[][..], &["w5"]] {
            let (_, _, faults) = look(&line(limits::CALL_DEPTH + 1, first));
            assert!(faults.len() == 1 && faults[0].contains("more than 8 deep"), "{faults:?}");
        }
    }

    #[test]
    fn a_workflow_that_commits_or_needs_another_app_is_not_called() {
        let commits = "kind: workflow\nname: c\nsteps: [ { key: F5, commit: true, verify: { window: x } } ]\n---\n";
        let (_, _, faults) = look(&(calling("a", &["b"]) + &calling("b", &["c"]) + commits));
        assert!(faults[0].contains("`c` (a → b → c) has a commit"), "{faults:?}");
        let app = "kind: workflow\nname: b\napp: ledger\nsteps: [ { key: F5 } ]\n";
        let (_, _, faults) = look(&(calling("a", &["b"]) + app));
        assert!(faults[0].contains("`b` needs the app `ledger`") && faults[0].contains("add `ledger`"), "{faults:?}");
    }

    #[test]
    fn an_input_that_cannot_fit_is_told() {
        let find = "kind: workflow\nname: find\ninput: { type: object, required: [mrn, how], properties: { mrn: { type: string }, \
             how: { default: id } } }\nsteps: [ { sleep: 1s } ]\n";
        let with = |input: &str| {
            look(&format!("kind: workflow\nname: a\ninput: {{ additionalProperties: true }}\nsteps: [ {{ call: {{ workflow: find{input} }} }} ]\n---\n{find}")).2
        };
        assert_eq!(with(", input: { mrn: \"{{ input.x }}\" }"), Vec::<String>::new());
        assert_eq!(with(", input: \"{{ input }}\""), Vec::<String>::new());
        assert!(with("")[0].contains("needs `mrn`"));
        assert!(with(", input: { mrn: a, name: b }")[0].contains("has no `name`"));
    }
}
