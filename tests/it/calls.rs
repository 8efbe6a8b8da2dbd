//! Workflows that call others: held against what is stored, pinned with the job, and sent along with it.

use serde_json::{Value, json};

use crate::support::{Agent, Answer, Client, Site};

fn find(step: &Value) -> Value {
    json!({ "kind": "workflow", "name": "find", "input": { "type": "object", "required": ["mrn"], "properties": { "mrn": {} } },
            "steps": [step], "output": { "count": 1 } })
}

fn look() -> Value {
    json!({ "kind": "workflow", "name": "look", "steps": [
        { "key": "F3" }, { "call": { "workflow": "find", "input": { "mrn": "1" } }, "as": "found" }
    ] })
}

async fn put(admin: &Client, document: &Value) -> Answer {
    admin.put(&format!("/v1/workflows/{}", document["name"].as_str().unwrap())).json(document).send().await
}

async fn submit(admin: &Client, workflow: &str) -> Answer {
    admin.post("/v1/jobs").json(&json!({ "workflow": workflow })).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_keeps_the_versions_of_what_it_calls() {
    let site = Site::start().await;
    let admin = site.admin();
    let problem = put(&admin, &look()).await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/steps/1/call/workflow"], "{problem}");
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("no workflow `find`"), "{problem}");

    put(&admin, &find(&json!({ "key": "F5" }))).await.is(201);
    put(&admin, &look()).await.is(201);
    let outer = json!({ "kind": "workflow", "name": "outer", "steps": [{ "call": { "workflow": "look" } }] });
    put(&admin, &outer).await.is(201);
    let first = submit(&admin, "outer").await.is(201).json();
    assert_eq!(first["calls"], json!({ "find": 1, "look": 1 }));
    put(&admin, &find(&json!({ "key": "F6" }))).await.is(201);
    let second = submit(&admin, "look").await.is(201).json();
    assert_eq!(second["calls"], json!({ "find": 2 }));

    let mut agent = Agent::join(&site, "vm-01").await;
    let offer = agent.offer().await;
    assert_eq!((&offer["job"], offer["workflows"].as_array().map(Vec::len)), (&first["id"], Some(2)));
    let sent = &offer["workflows"][0];
    assert_eq!(
        (&sent["name"], &sent["version"], &sent["content"]["steps"][0]),
        (&json!("find"), &json!(1), &json!({ "key": "F5" }))
    );
    admin.delete("/v1/workflows/find").send().await.problem(409, "conflict");
    agent.begin(&offer).await;
    agent.fail(&offer, "business", json!([])).await;

    let id = first["id"].as_str().unwrap();
    let retry = admin.post(&format!("/v1/jobs/{id}/retry")).send().await.is(201).json();
    assert_eq!(retry["calls"], first["calls"], "as its workflow and apps");
    let offer = agent.offer().await;
    assert_eq!(offer["workflows"][0]["content"]["steps"][0], json!({ "key": "F6" }), "the second job");
    assert_eq!(offer["workflow"]["name"], "look");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_called_is_refused_where_it_is_written_and_where_it_is_submitted() {
    let site = Site::start().await;
    let admin = site.admin();
    put(&admin, &find(&json!({ "key": "F5" }))).await.is(201);
    put(&admin, &look()).await.is(201);
    let detail = |problem: &Value| problem["errors"][0]["detail"].as_str().unwrap().to_owned();

    let problem = put(&admin, &find(&json!({ "call": { "workflow": "look" } }))).await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/steps/0/call/workflow"]);
    assert!(detail(&problem).contains("find → look → find"), "{problem}");

    // Nobody who stores it need know who calls it.
    put(&admin, &find(&json!({ "key": "ctrl+s", "commit": true, "verify": { "window": "Saved" } }))).await.is(201);
    let problem = submit(&admin, "look").await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/workflow"]);
    assert!(detail(&problem).contains("`find` (look → find), which has a commit"), "{problem}");
    assert!(detail(&put(&admin, &look()).await.problem(422, "invalid")).contains("has a commit"));

    let app = json!({ "kind": "app", "name": "editor", "launch": { "command": ["xterm"] }, "process": "xterm" });
    admin.put("/v1/apps/editor").json(&app).send().await.is(201);
    let mut with_app = find(&json!({ "key": "F5" }));
    with_app["app"] = json!("editor");
    put(&admin, &with_app).await.is(201);
    let problem = submit(&admin, "look").await.problem(422, "invalid");
    assert!(detail(&problem).contains("add `editor` to the apps"), "{problem}");
    let mut caller = look();
    assert!(detail(&put(&admin, &caller).await.problem(422, "invalid")).contains("add `editor` there"));
    caller["apps"] = json!(["editor"]);
    put(&admin, &caller).await.is(201);
    let jobs = json!({ "items": [{ "workflow": "look" }, { "workflow": "find", "input": { "mrn": "1" } }] });
    admin.post("/v1/batches").json(&jobs).send().await.is(201);
}
