//! The scene before the first act: documents stored, machines joined, a token for everybody.

use std::collections::BTreeMap;

use deskfleet::{
    fleet::{Certificate, Command, CreateJoinToken, CreateToken, JoinMachine, Principal, Role},
    ids::{Digest, Json},
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    errands::WORKFLOWS,
    history::ATTEMPTS,
    site::{Call, SECRET, Site, Who},
};

/// Who is told of jobs.
pub(crate) const CHANNEL: &str = "ops";

/// How long after Save the application may show it first, where its document says so.
pub(crate) const LATE_MS: u64 = 15_000;

pub(crate) fn set(site: &mut Site, agents: usize) {
    site.execute(Command::CreateToken(CreateToken {
        name: "everybody".to_owned(),
        role: Role::Admin,
        team: "default".parse().unwrap(),
        digest: Digest::of(SECRET.as_bytes()),
        expires_at: None,
        by: Principal::System,
    }));
    for (number, workflow) in (1..).zip(WORKFLOWS) {
        let steps = steps_of(workflow, number);
        let document = json!({
            "kind": "workflow", "name": workflow, "timeout": "60s", "steps": steps,
            "input": { "type": "object" },
            "retry": { "attempts": ATTEMPTS, "backoff": "2s", "max_backoff": "8s" },
        });
        store(site, format!("/v1/workflows/{workflow}"), &document);
    }
    let channel = json!({
        "kind": "channel", "name": CHANNEL, "events": ["job.*"],
        "webhook": { "url": "https://example.org/", "secret": "whsec_c2ltdWxhdGVkc2ltdWxhdGVkc2ltdWxh" },
    });
    store(site, format!("/v1/channels/{CHANNEL}"), &channel);
    let secret = Digest::of(b"join");
    site.execute(Command::CreateJoinToken(CreateJoinToken {
        pool: "default".parse().unwrap(),
        uses: None,
        digest: secret,
        expires_at: None,
        by: Principal::System,
    }));
    for number in 0..agents {
        let name = format!("vm-{number}");
        let certificate = Certificate { digest: Digest::of(name.as_bytes()), not_after: Timestamp::from_ms(u64::MAX) };
        site.execute(Command::JoinMachine(JoinMachine {
            token: secret,
            name: name.parse().unwrap(),
            pool: None,
            labels: BTreeMap::new(),
            identity: name,
            certificate,
            facts: Json::new("{}"),
        }));
    }
}

fn store(site: &mut Site, path: String, document: &Value) {
    let body = serde_json::to_vec(document).unwrap();
    let answer = site.ask_now(Call { who: Who::Person, method: "PUT", path, key: None, body });
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
}

/// Those that save do it in the middle.
fn steps_of(workflow: &str, number: usize) -> Vec<Value> {
    let key = json!({ "key": "Return" });
    match workflow {
        "post-order" => {
            let settle = json!({ "after": format!("{LATE_MS}ms"), "done": { "window": "Order" } });
            let save = json!({ "key": "ctrl+s", "commit": true, "verify": { "window": "Saved" }, "settle": settle });
            vec![key.clone(), save, key]
        }
        "enter-visits" => {
            let settle = json!({ "done": { "window": "Visit" } });
            let save = json!({ "key": "ctrl+s", "commit": true, "verify": { "window": "Saved" }, "settle": settle });
            let each = json!({ "in": ["mon", "tue", "wed"], "key": "item", "on_error": "continue", "steps": [save] });
            vec![key.clone(), json!({ "for_each": each }), key]
        }
        "pay-invoice" => vec![key.clone(), json!({ "key": "ctrl+p", "commit": true }), key],
        _ => vec![key; number * number],
    }
}
