//! Jobs that may not run side by side, whatever machines are free.

use serde_json::json;

use crate::support::{Agent, Answer, Site, documents};

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_open_on_one_desktop_at_a_time() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut register = documents::register();
    register["concurrency"] = json!({ "key": "{{ input.mrn }}", "max": 1 });
    admin.put("/v1/workflows/register").json(&register).send().await.is(201);
    let (mut one, mut two) = (Agent::join(&site, "vm-01").await, Agent::join(&site, "vm-02").await);
    let submit = async |mrn: &str| admin.post("/v1/jobs").json(&documents::job(mrn)).send().await.is(201).json();
    let (first, second, other) = (submit("0001").await, submit("0001").await, submit("0002").await);
    assert_eq!(second["concurrency"], json!({ "key": "0001", "max": 1 }));
    let (held, beside) = (one.offer().await, two.offer().await);
    assert_eq!((&held["job"], &beside["job"]), (&first["id"], &other["id"]));
    two.begin(&beside).await;
    two.succeed(&beside, json!({ "receipt": "R-0002" })).await;
    let waiting = format!("/v1/jobs/{}", second["id"].as_str().unwrap());
    assert_eq!(admin.get(&waiting).send().await.is(200).json()["state"], "queued", "with a machine that is free");
    one.begin(&held).await;
    one.succeed(&held, json!({ "receipt": "R-0001" })).await;
    assert_eq!(admin.get(&waiting).send().await.is(200).json()["state"], "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_gives_no_key_is_refused_with_the_reason() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut register = documents::register();
    register["concurrency"] = json!({ "key": "{{ input.mrn | replace('0', '') }}", "max": 2 });
    admin.put("/v1/workflows/register").json(&register).send().await.is(201);
    let problem = admin.post("/v1/jobs").json(&documents::job("0000")).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/input"], "{problem}");
    let wrong = admin.post("/v1/jobs").json(&documents::job("x")).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&wrong), ["/input/mrn"], "{wrong}");
}
