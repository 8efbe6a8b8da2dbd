//! The log of what happened: in pages, and as a stream.

use serde_json::{Value, json};

use crate::support::{Client, Site, documents::job};

/// A stream of events, read one by one.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(client: &Client, path: &str, last: Option<u64>) -> Self {
        let mut call = client.get(path).header("accept", "text/event-stream");
        if let Some(last) = last {
            call = call.header("last-event-id", &last.to_string());
        }
        let response = call.open().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self { response, text: String::new() };
        let welcome = stream.block().await.expect("a welcome");
        assert!(welcome.starts_with(": welcome\nid: "), "{welcome}");
        stream
    }

    /// Up to the next empty line; none at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let piece = self.response.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The next event: its number and what it is.
    async fn event(&mut self) -> Option<(u64, Value)> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
            if let Some(data) = field("data: ") {
                let event: Value = serde_json::from_str(&data).unwrap();
                assert_eq!(field("event: ").as_deref(), event["type"].as_str());
                return Some((field("id: ").unwrap().parse().unwrap(), event));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_where_the_client_stopped_reading() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut stream = Stream::open(&admin, "/v1/events?type=job.*", None).await;
    admin.post("/v1/jobs").json(&job("0001")).send().await.is(201);
    let (first, event) = stream.event().await.unwrap();
    assert_eq!(event["type"], "job.submitted");
    assert_eq!(event["seq"], first);
    drop(stream);

    let second = admin.post("/v1/jobs").json(&job("0002")).send().await.is(201).json();
    let mut stream = Stream::open(&admin, "/v1/events?type=job.submitted", Some(first)).await;
    let (seq, event) = stream.event().await.unwrap();
    assert!(seq > first);
    assert_eq!(event["subject"], second["id"], "what came meanwhile is there, and nothing before it");
    let third = admin.post("/v1/jobs").json(&job("0003")).send().await.is(201).json();
    assert_eq!(stream.event().await.unwrap().1["subject"], third["id"], "and what comes later follows");
    admin
        .get("/v1/events")
        .header("accept", "text/event-stream")
        .header("last-event-id", "x")
        .send()
        .await
        .problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_controller() {
    let mut site = Site::start().await;
    let mut stream = Stream::open(&site.admin(), "/v1/events", None).await;
    site.stop().await;
    assert_eq!(stream.event().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_events_have_no_gaps_and_no_secrets() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    crate::support::Agent::join(&site, "vm-01").await;
    for mrn in ["0001", "0002", "0003"] {
        admin.post("/v1/jobs").json(&job(mrn)).send().await.is(201);
    }
    let mut all: Vec<Value> = Vec::new();
    let mut after = 0;
    loop {
        let page = admin.get(&format!("/v1/events?after={after}&limit=2")).send().await.is(200).json();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = next.parse().unwrap(),
            None => break,
        }
    }
    let numbers: Vec<u64> = all.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let token = all.iter().find(|event| event["type"] == "token.created").unwrap();
    assert_eq!(token["data"]["token"].get("digest"), None, "{token}");
    let joined = all.iter().find(|event| event["type"] == "machine.joined").unwrap();
    assert_eq!(joined["subject"], "vm-01");
    assert_eq!(joined["data"]["machine"]["facts"]["os"], "Debian GNU/Linux 12");
    assert_eq!(joined["data"]["machine"].get("identity"), None);
    let submitted = all.iter().find(|event| event["type"] == "job.submitted").unwrap();
    assert_eq!(submitted["data"]["job"]["spec"].get("input"), None, "{submitted}");

    let only = admin.get("/v1/events?type=workflow.stored&subject=workflow/register").send().await.is(200).json();
    assert_eq!(only["items"].as_array().unwrap().len(), 1);
    assert_eq!(only["items"][0]["subject"], json!("workflow/register"));
    let of_machine = admin.get("/v1/events?type=machine.joined&subject=vm-01").send().await.is(200).json();
    assert_eq!(of_machine["items"].as_array().unwrap().len(), 1, "people know machines by their names");
}
