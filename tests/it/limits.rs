//! What comes from outside has a limit: at it everything goes, one beyond is refused with its code, and nothing has changed.

use deskfleet::ids::Digest;
use serde_json::{Value, json};

use crate::support::{
    Agent, Answer, Client, Site,
    client::Call,
    documents::{self, job},
};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

/// The refusal has the code, and no event came of it.
async fn refused(site: &Site, call: Call, status: u16, code: &str) -> Value {
    let before = site.handle().stats().newest_event;
    let problem = call.send().await.problem(status, code);
    assert_eq!(site.handle().stats().newest_event, before, "nothing has changed");
    problem
}

/// JSON of exactly so many bytes: white space fills it up.
fn filled(body: &Value, bytes: usize) -> String {
    let text = body.to_string();
    let room = " ".repeat(bytes - text.len());
    text + &room
}

fn with_headers(client: &Client, count: usize, value: &str) -> Call {
    let named = (0..count).map(|number| format!("x-{number}"));
    named.fold(client.get("/v1/whoami"), |call, name| call.header(&name, value))
}

/// What a request of this client has by itself: headers, and bytes of them. Learnt from a refusal, which tells both.
async fn own_headers(client: &Client) -> (usize, usize) {
    let told = with_headers(client, 70, "y").send().await.problem(431, "headers_too_large");
    let numbers: Vec<usize> =
        told["detail"].as_str().unwrap().split(' ').filter_map(|word| word.parse().ok()).take(2).collect();
    let added: usize = (0..70).map(|number| format!("x-{number}y").len()).sum();
    (numbers[0] - 70, numbers[1] - added)
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_addresses() {
    let site = Site::start().await;
    let over_http2 = Client::over_http2(&site.url(), &site.file("ca.pem")).with_token(&site.file("admin.token"));
    for client in [site.admin(), over_http2] {
        let (own, own_bytes) = own_headers(&client).await;
        with_headers(&client, 64 - own, "y").send().await.is(200);
        refused(&site, with_headers(&client, 65 - own, "y"), 431, "headers_too_large").await;
        let room = 32 * 1_024 - own_bytes - "x-0".len();
        with_headers(&client, 1, &"y".repeat(room)).send().await.is(200);
        refused(&site, with_headers(&client, 1, &"y".repeat(room + 1)), 431, "headers_too_large").await;

        let start = "/v1/jobs?label.site=";
        let filler = |bytes: usize| format!("{start}{}", "n".repeat(bytes - start.len()));
        client.get(&filler(8_192)).send().await.is(200);
        refused(&site, client.get(&filler(8_193)), 414, "address_too_long").await;
    }
    // Far beyond, the server itself closes: there is no room for more.
    let admin = site.admin();
    assert_eq!(with_headers(&admin, 200, "y").open().await.status(), 431);
    let huge = with_headers(&admin, 1, &"y".repeat(200_000)).try_open().await;
    // A client that is still writing may find the connection closed before it has read why.
    let hung_up = |error: &reqwest::Error| error.is_request() && !error.is_connect() && !error.is_timeout();
    assert!(huge.as_ref().map_or_else(hung_up, |answer| answer.status() == 431), "{huge:?}");
    admin.get("/v1/whoami").send().await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies() {
    let sizes = [("limits.body_bytes", "64KiB"), ("limits.batch_bytes", "128KiB"), ("limits.blob_bytes", "1MiB")];
    let site = Site::with(&sizes).await.with_documents().await;
    let admin = site.admin();
    let batch = json!({ "items": [job("0002")] });
    for (path, body, limit) in [("/v1/jobs", job("0001"), 64 << 10), ("/v1/batches", batch, 128 << 10)] {
        let call = |bytes| admin.post(path).body("application/json", filled(&body, bytes));
        call(limit).send().await.is(201);
        refused(&site, call(limit + 1), 413, "too_large").await;
    }
    let (at, over) = (vec![7u8; 1 << 20], vec![7u8; (1 << 20) + 1]);
    let put = |content: &[u8]| {
        let path = format!("/v1/blobs/{}", Digest::of(content));
        (admin.put(&path).body("application/octet-stream", content.to_vec()), path)
    };
    put(&at).0.send().await.is(201);
    let (call, path) = put(&over);
    refused(&site, call, 413, "too_large").await;
    admin.get(&path).send().await.problem(404, "not_found");

    let form = |content: &[u8]| {
        let file = reqwest::multipart::Part::bytes(content.to_vec()).file_name("r.pdf");
        admin
            .post("/v1/jobs")
            .form(reqwest::multipart::Form::new().text("job", job("0003").to_string()).part("r.pdf", file))
    };
    form(&at).send().await.is(201);
    refused(&site, form(&over), 413, "too_large").await;
    let files = |count: usize| {
        let form = reqwest::multipart::Form::new().text("job", job("0004").to_string());
        let parts = (0..count).map(|number| format!("{number}.txt"));
        admin.post("/v1/jobs").form(parts.fold(form, |form, name| form.text(name, "x")))
    };
    files(64).send().await.is(201);
    refused(&site, files(65), 413, "too_large").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait() {
    let site = Site::with(&[("limits.waiting", "2")]).await.with_documents().await;
    let admin = site.admin();
    let mut body = job("0001");
    body["run_at"] = json!("1h");
    let id = admin.post("/v1/jobs").json(&body).send().await.is(201).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/jobs/{id}?wait=50s");
    let held: Vec<_> = (0..2).map(|_| tokio::spawn(admin.get(&path).send())).collect();
    until(|| site.handle().stats().waiters == 2).await;
    let told = refused(&site, admin.get(&path), 503, "overloaded").await;
    assert!(told["detail"].as_str().unwrap().contains("`limits.waiting`"), "{told}");
    refused(&site, admin.post("/v1/jobs?wait=1s").json(&job("0002")), 503, "overloaded").await;
    refused(&site, admin.get("/v1/machines/vm-01/screenshot?fresh"), 503, "overloaded").await;
    admin.post("/v1/jobs").json(&job("0002")).send().await.is(201);
    admin.post(&format!("/v1/jobs/{id}/cancel")).send().await.is(200);
    for answer in held {
        assert_eq!(answer.await.unwrap().is(200).json()["state"], "cancelled");
    }
    admin.get(&path).send().await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_events() {
    let site = Site::with(&[("limits.streams", "2")]).await;
    let admin = site.admin();
    let open = || admin.get("/v1/events").header("accept", "text/event-stream").open();
    let (one, two) = (open().await, open().await);
    assert_eq!((one.status().as_u16(), two.status().as_u16()), (200, 200));
    let third = admin.get("/v1/events").header("accept", "text/event-stream");
    let told = refused(&site, third, 503, "overloaded").await;
    assert!(told["detail"].as_str().unwrap().contains("`limits.streams`"), "{told}");
    admin.get("/v1/events").send().await.is(200);
    drop(one);
    while open().await.status() != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_of_one_machine() {
    let site = Site::start().await.with_documents().await;
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    let mut held = Vec::new();
    for count in 1..=16 {
        held.push(tokio::spawn(agent.poll_call(20_000, None).send()));
        until(|| site.handle().stats().parked_polls == count).await;
    }
    refused(&site, agent.poll_call(20_000, None), 503, "overloaded").await;
    Agent::join(&site, "vm-02").await.poll(0).await;
    let id = site.admin().post("/v1/jobs").json(&job("0001")).send().await.is(201).json()["id"].clone();
    for answer in held {
        // Whichever of the two machines has it: who waits is answered, at the latest when its time is over.
        let told = answer.await.unwrap().is(200).json();
        assert!(told["offer"].is_null() || told["offer"]["job"] == id, "{told}");
    }
    agent.poll(0).await;
}

async fn until(mut is: impl FnMut() -> bool) {
    while !is() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_bulk_requests() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let batch = |count: usize| {
        let items: Vec<Value> =
            (0..count).map(|_| json!({ "workflow": "register", "input": { "mrn": "0001" }, "run_at": "9h" })).collect();
        admin.post("/v1/batches").json(&json!({ "items": items }))
    };
    refused(&site, batch(10_001), 422, "invalid").await;
    let made = batch(10_000).send().await.is(201).json();
    let bulk = |dry_run: bool| {
        let body = json!({ "action": "cancel", "filter": { "state": "scheduled" }, "dry_run": dry_run });
        admin.post("/v1/jobs/bulk").json(&body)
    };
    assert_eq!(bulk(true).send().await.is(200).json()["matched"], 10_000);
    let mut later = job("0002");
    later["run_at"] = json!("9h");
    let one = admin.post("/v1/jobs").json(&later).send().await.is(201).json();
    for dry_run in [true, false] {
        let problem = refused(&site, bulk(dry_run), 422, "invalid").await;
        assert_eq!(Answer::pointers(&problem), ["/filter"], "{problem}");
    }
    admin.post(&format!("/v1/jobs/{}/cancel", one["id"].as_str().unwrap())).send().await.is(200);
    assert_eq!(bulk(true).send().await.is(200).json()["matched"], 10_000);
    // All of them at once, as one of their batch: ten thousand commits would prove no more.
    let batch = made["id"].as_str().unwrap();
    admin.post(&format!("/v1/batches/{batch}/cancel")).send().await.is(200);
}

/// One request at its limit, and one beyond.
struct Edge {
    what: &'static str,
    at: Call,
    passes: u16,
    over: Call,
    status: u16,
    code: &'static str,
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_counts_and_pages() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let submit = |field: &str, value: Value| {
        let mut body = job("0001");
        body[field] = value;
        admin.post("/v1/jobs").json(&body)
    };
    let many = |count: usize| Value::Object((0..count).map(|number| (format!("l{number}"), json!("x"))).collect());
    let receivers =
        |count: usize| json!(vec![json!({ "url": "https://hooks.example.org/x", "secret": SECRET }); count]);
    let with_key =
        |chars: usize| admin.post("/v1/jobs").json(&job("0001")).header("idempotency-key", &"k".repeat(chars));
    let workflow = |field: &str, value: Value| {
        let mut document = documents::register();
        document[field] = value;
        admin.put("/v1/workflows/register").json(&document)
    };
    let steps = |count: usize| json!(vec![json!({ "key": "Tab" }); count]);
    let source = |bytes: usize| {
        admin.put("/v1/workflows/register").body("application/yaml", filled(&documents::register(), bytes))
    };
    let reason =
        |chars: usize| admin.post("/v1/workflows/register/pause").json(&json!({ "reason": "r".repeat(chars) }));
    let deep = |levels: usize| {
        let nested = (0..levels).fold(json!(1), |inner, _| json!([inner]));
        submit("input", json!({ "mrn": nested }))
    };
    let edge = |what, (passes, at), (status, code, over)| Edge { what, at, passes, over, status, code };
    let invalid = |over| (422, "invalid", over);
    let edges = [
        edge("a key", (201, submit("key", json!("k".repeat(256)))), invalid(submit("key", json!("k".repeat(257))))),
        edge("an Idempotency-Key", (201, with_key(256)), invalid(with_key(257))),
        edge("labels", (201, submit("labels", many(64))), invalid(submit("labels", many(65)))),
        edge("required labels", (201, submit("require", many(64))), invalid(submit("require", many(65)))),
        edge("receivers", (201, submit("notify", receivers(8))), invalid(submit("notify", receivers(9)))),
        edge("a priority", (201, submit("priority", json!(100))), invalid(submit("priority", json!(101)))),
        edge("a page", (200, admin.get("/v1/jobs?limit=500")), invalid(admin.get("/v1/jobs?limit=501"))),
        edge(
            "attempts",
            (201, workflow("retry", json!({ "attempts": 100 }))),
            invalid(workflow("retry", json!({ "attempts": 101 }))),
        ),
        edge("a run time", (201, workflow("timeout", json!("365d"))), invalid(workflow("timeout", json!("366d")))),
        edge("steps", (201, workflow("steps", steps(1_000))), invalid(workflow("steps", steps(1_001)))),
        edge("a document", (201, source(1 << 20)), invalid(source((1 << 20) + 1))),
        edge("a reason", (200, reason(256)), invalid(reason(257))),
    ];
    for Edge { what, at, passes, over, status, code } in edges {
        let answer = at.send().await;
        assert_eq!(answer.status.as_u16(), passes, "{what}: {}", answer.text());
        let before = site.handle().stats().newest_event;
        let answer = over.send().await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (status, &json!(code)),
            "{what}: {}",
            answer.text()
        );
        assert_eq!(site.handle().stats().newest_event, before, "{what}: nothing has changed");
    }
    // Within the depth the schema has the word, which wants a text; beyond it nobody looks.
    let shallow = deep(63).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&shallow), ["/input/mrn"]);
    let too_deep = deep(64).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&too_deep), ["/input"], "{too_deep}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_may_be_of_each_kind() {
    let few = [
        ("limits.queue", "2"),
        ("limits.machines", "1"),
        ("limits.documents", "3"),
        ("limits.tokens", "3"),
        ("limits.batch_items", "2"),
    ];
    let site = Site::with(&few).await.with_documents().await;
    let admin = site.admin();
    let items = |count: usize| admin.post("/v1/batches").json(&json!({ "items": vec![job("0001"); count] }));
    refused(&site, items(3), 422, "invalid").await;
    items(2).send().await.is(201);
    refused(&site, admin.post("/v1/jobs").json(&job("0002")), 503, "overloaded").await;

    Agent::join(&site, "vm-01").await;
    let (_, request) = crate::support::agent::key_and_request();
    let second = crate::support::agent::join_request(&site.file("join.token"), "vm-02", &request);
    refused(&site, site.nobody().post("/agent/v1/join").json(&second), 429, "quota_exceeded").await;

    for number in 0..2 {
        let pool = json!({ "kind": "pool", "name": format!("p{number}") });
        admin.put(&format!("/v1/pools/p{number}")).json(&pool).send().await.is(201);
    }
    let pool = admin.put("/v1/pools/more").json(&json!({ "kind": "pool", "name": "more" }));
    refused(&site, pool, 429, "quota_exceeded").await;

    for (path, body) in
        [("/v1/tokens", json!({ "name": "t", "role": "viewer" })), ("/v1/join-tokens", json!({ "pool": "default" }))]
    {
        let there = admin.get(path).send().await.is(200).json()["items"].as_array().unwrap().len();
        for _ in there..3 {
            admin.post(path).json(&body).send().await.is(201);
        }
        refused(&site, admin.post(path).json(&body), 429, "quota_exceeded").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_tells() {
    let small = [
        ("limits.artifacts_per_attempt", "2"),
        ("limits.vars_bytes", "1KiB"),
        ("limits.loop_items", "64"),
        ("limits.result_bytes", "1KiB"),
        ("limits.results_bytes", "64KiB"),
        ("limits.blob_bytes", "1MiB"),
    ];
    let site = Site::with(&small).await.with_documents().await;
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    site.admin().post("/v1/jobs").json(&job("0001")).send().await.is(201);
    let offer = agent.offer().await;
    agent.begin(&offer).await;
    let step = |number: u64, artifacts: &Value| crate::support::agent::step(number, "steps/0", artifacts);
    let steps =
        |count: u64| json!({ "kind": "steps", "steps": (1..=count).map(|n| step(n, &json!([]))).collect::<Vec<_>>() });
    let pictures = |count: usize| {
        let picture = |number: usize| json!({ "name": format!("{number}.webp"), "sha256": "0".repeat(64), "bytes": 1, "content_type": "image/webp" });
        let named: Vec<Value> = (0..count).map(|number| picture(10 * count + number)).collect();
        json!({ "kind": "steps", "steps": [step(1_001, &json!(named))] })
    };
    let text = |bytes: usize| json!("v".repeat(bytes - 2));
    let item =
        |number: usize, bytes: usize| json!({ "key": format!("{number:03}"), "state": "done", "result": text(bytes) });
    let items = |items: Vec<Value>| json!({ "kind": "loop", "path": "steps/0", "total": null, "items": items });
    let intent = |bytes: usize| {
        // `{"a":"…"}` around it.
        let vars = json!({ "a": "v".repeat(bytes - 8) });
        json!({ "kind": "intent", "step": { "path": "steps/1", "id": null, "action": "key" }, "key": null, "vars": vars, "can_settle": false })
    };
    // 64 results of 1,021 bytes and their keys of 3 make 64 KiB.
    let full: Vec<Value> = (0..64).map(|number| item(number, 1_021)).collect();
    let edges = [
        ("steps of a report", steps(1_000), steps(1_001), 422, "invalid"),
        ("the result of an item", items(vec![item(0, 1_024)]), items(vec![item(0, 1_025)]), 422, "invalid"),
        ("all results of a job", items(full), items(vec![item(0, 1_022)]), 422, "invalid"),
        ("variables", intent(1_024), intent(1_025), 422, "invalid"),
    ];
    // What is beyond is left out, and the attempt goes on.
    for (more, kept) in [(2, 2), (1, 2)] {
        agent.report(&offer, &pictures(more)).send().await.is(200);
        let path = format!("/v1/jobs/{}/artifacts", offer["job"].as_str().unwrap());
        let list = site.admin().get(&path).send().await.is(200).json();
        assert_eq!(list["items"].as_array().unwrap().len(), kept, "{list:#}");
    }
    for (what, at, over, status, code) in edges {
        let answer = agent.report(&offer, &at).send().await;
        assert_eq!(answer.status.as_u16(), 200, "{what}: {}", answer.text());
        let number = agent.last_report(&offer) + 1;
        let before = site.handle().stats().newest_event;
        let answer = agent.report_numbered(&offer, number, &over).send().await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (status, &json!(code)),
            "{what}: {}",
            answer.text()
        );
        assert_eq!(site.handle().stats().newest_event, before, "{what}: nothing has changed");
    }
    let one_more = items(vec![json!({ "key": "064", "state": "failed", "result": null })]);
    let number = agent.last_report(&offer) + 1;
    refused(&site, agent.report_numbered(&offer, number, &one_more), 422, "invalid").await;
    let upload = |content: Vec<u8>| {
        let call = agent.client.put(&format!("/agent/v1/blobs/{}", Digest::of(&content)));
        call.body("image/webp", content)
            .header("deskfleet-job", offer["job"].as_str().unwrap())
            .header("deskfleet-attempt", offer["attempt"].as_str().unwrap())
            .header("deskfleet-epoch", &offer["epoch"].to_string())
    };
    upload(vec![1; 1 << 20]).send().await.is(200);
    refused(&site, upload(vec![1; (1 << 20) + 1]), 413, "too_large").await;
}
