//! The tables of routes in documents are the routes that are served, with the role each needs.

use std::collections::BTreeSet;

use deskfleet::http::{route::Access, routes};
use regex::Regex;

use crate::{assert_clean, docs::documents};

const KINDS: [&str; 4] = ["apps", "workflows", "pools", "channels"];

/// `GET /v1/jobs viewer`; routes of agents have no role.
fn served() -> BTreeSet<String> {
    let role = |access: Access| match access {
        Access::Anyone => "anyone".to_owned(),
        Access::Metrics => "viewer".to_owned(),
        Access::Role(role) => format!("{role:?}").to_lowercase(),
        Access::JoinToken | Access::Machine | Access::ExpiredMachine => String::new(),
    };
    routes().iter().map(|route| format!("{} {} {}", route.method, route.path, role(route.access))).collect()
}

/// Rows that begin with a route in a code span; of those beyond `/agent/` the second column is the role.
fn told(text: &str) -> BTreeSet<String> {
    let row = Regex::new(r"(?m)^\| `([A-Z]+) (/[^`]*)` \| ([a-z]*)").unwrap_or_else(|error| panic!("{error}"));
    let mut told = BTreeSet::new();
    for captures in row.captures_iter(text) {
        let (method, path) = (&captures[1], &captures[2]);
        let role = if path.starts_with("/agent/") { "" } else { &captures[3] };
        if path.contains("{kind}") {
            told.extend(KINDS.map(|kind| format!("{method} {} {role}", path.replace("{kind}", kind))));
        } else {
            told.insert(format!("{method} {path} {role}"));
        }
    }
    told
}

fn findings(told: &BTreeSet<String>, served: &BTreeSet<String>) -> Vec<String> {
    let invented = told.difference(served).map(|row| format!("docs tell of a route that is not served so: {row}"));
    let untold = served.difference(told).map(|row| format!("no table in docs has the route: {row}"));
    invented.chain(untold).collect()
}

#[test]
fn documents_tell_of_every_route_with_its_role() {
    let told = documents().iter().flat_map(|(_, text)| told(text)).collect();
    assert_clean(&findings(&told, &served()));
}

#[test]
fn a_route_that_is_told_wrongly_or_not_at_all_is_found() {
    let text = "| `GET /v1/jobs` | admin | |\n| `POST /agent/v1/poll` | the heartbeat |\n";
    let served = BTreeSet::from(["GET /v1/jobs viewer".to_owned(), "POST /agent/v1/poll ".to_owned()]);
    assert_eq!(findings(&told(text), &served).len(), 2);
}
