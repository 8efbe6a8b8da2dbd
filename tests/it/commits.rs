//! The life of a commit: intended, settled, found out about by a later attempt, or decided by a person; and what is told meanwhile.

use serde_json::{Value, json};

use crate::support::{
    Agent, Answer, Client, Site,
    documents::{self, job},
};

fn step() -> Value {
    json!({ "path": "steps/1", "id": "save", "action": "key" })
}

fn intent(can_settle: bool) -> Value {
    json!({ "kind": "intent", "step": step(), "key": null, "vars": { "receipt": "R-1" }, "can_settle": can_settle })
}

fn settled(done: bool) -> Value {
    json!({ "kind": "settled", "step": step(), "key": null, "done": done, "vars": {} })
}

struct Scene {
    site: Site,
    admin: Client,
    agent: Agent,
}

impl Scene {
    async fn start() -> Self {
        let site = Site::start().await;
        let admin = site.admin();
        let mut document = documents::register();
        document["retry"] = json!({ "attempts": 2, "backoff": "10ms", "categories": ["machine_lost", "assertion"] });
        admin.put("/v1/workflows/register").json(&document).send().await.is(201);
        let mut agent = Agent::join(&site, "vm-01").await;
        agent.poll(0).await;
        Self { site, admin, agent }
    }

    async fn submit(&self, mrn: &str) -> String {
        let mut body = job(mrn);
        body["key"] = json!(mrn);
        self.admin.post("/v1/jobs").json(&body).send().await.is(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// Takes the next job up to its first step.
    async fn begin(&mut self) -> Value {
        let offer = self.agent.offer().await;
        self.agent.begin(&offer).await;
        offer
    }

    async fn job(&self, id: &str) -> Value {
        self.admin.get(&format!("/v1/jobs/{id}")).send().await.is(200).json()
    }

    async fn explain(&self, id: &str) -> Value {
        self.admin.get(&format!("/v1/jobs/{id}/explain")).send().await.is(200).json()
    }

    /// Its agent is started anew: what it held is lost.
    async fn lose(&mut self) {
        self.agent.start_again();
        self.agent.poll(0).await;
    }

    async fn review(&self, id: &str, body: Value) -> Answer {
        self.admin.post(&format!("/v1/jobs/{id}/review")).json(&body).send().await
    }

    /// A job whose commit nobody can find out about.
    async fn under_review(&mut self, mrn: &str) -> String {
        let id = self.submit(mrn).await;
        let offer = self.begin().await;
        self.agent.report(&offer, &intent(false)).send().await.is(200);
        self.lose().await;
        assert_eq!(self.job(&id).await["state"], "needs_review");
        id
    }
}

fn effects(job: &Value) -> Vec<&str> {
    job["attempts"].as_array().unwrap().iter().map(|attempt| attempt["effect"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_intended_and_verified_and_shown_at_every_turn() {
    let mut scene = Scene::start().await;
    let id = scene.submit("0001").await;
    let offer = scene.begin().await;
    assert_eq!(scene.job(&id).await["phase"], "executing");
    scene.agent.report(&offer, &intent(true)).send().await.is(200);
    let job = scene.job(&id).await;
    assert_eq!(
        (&job["state"], &job["phase"], effects(&job)),
        (&json!("running"), &json!("committing"), vec!["unknown"])
    );
    let told = scene.explain(&id).await;
    let summary = told["summary"].as_str().unwrap();
    assert!(summary.contains("must not happen twice") && summary.contains("`vm-01`"), "{told}");
    scene.agent.report(&offer, &settled(true)).send().await.is(200);
    let job = scene.job(&id).await;
    assert_eq!((&job["phase"], effects(&job)), (&json!("executing"), vec!["committed"]));
    scene.agent.succeed(&offer, json!({ "receipt": "R-1" })).await;
    let job = scene.job(&id).await;
    assert_eq!((&job["state"], effects(&job)), (&json!("succeeded"), vec!["committed"]));
    let events = scene.admin.get(&format!("/v1/jobs/{id}/events")).send().await.is(200).text().to_owned();
    assert!(events.contains("attempt.intent_recorded") && events.contains("attempt.effect_settled"), "{events}");
    assert!(!events.contains("R-1"), "variables are not in events: {events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_attempt_finds_out_what_became_of_it_and_goes_on() {
    let mut scene = Scene::start().await;
    let id = scene.submit("0001").await;
    let offer = scene.begin().await;
    scene.agent.report(&offer, &intent(true)).send().await.is(200);
    scene.lose().await;
    let job = scene.job(&id).await;
    assert_eq!((&job["attempts"][0]["outcome"], effects(&job)[0]), (&json!("lost"), "unknown"));
    scene.agent.report(&offer, &settled(true)).send().await.problem(409, "lease_lost");

    let path = format!("/v1/jobs/{id}/events");
    let events = scene.admin.get(&path).send().await.is(200).json();
    let late = events["items"].as_array().unwrap().iter().find(|event| event["type"] == "attempt.late_report");
    assert_eq!(
        late.map(|event| &event["data"]["commit"]["done"]),
        Some(&json!(true)),
        "kept, and nothing changed by it"
    );

    let next = scene.begin().await;
    let resume = &next["resume"];
    assert_eq!((&next["number"], &resume["settle"]["step"]), (&json!(2), &step()));
    assert_eq!((&resume["settle_only"], &resume["vars"]), (&json!(false), &json!({ "receipt": "R-1" })));
    let success = json!({ "kind": "complete", "result": { "outcome": "succeeded", "output": null }, "steps": [], "readiness": {} });
    let number = scene.agent.last_report(&next) + 1;
    scene.agent.report_numbered(&next, number, &success).send().await.problem(409, "conflict");
    scene.agent.report(&next, &settled(true)).send().await.is(200);
    let number = scene.agent.last_report(&next) + 1;
    scene.agent.report_numbered(&next, number, &intent(true)).send().await.problem(409, "conflict");
    scene.agent.succeed(&next, json!({ "receipt": "R-1" })).await;
    let job = scene.job(&id).await;
    assert_eq!((&job["state"], effects(&job)), (&json!("succeeded"), vec!["committed", "none"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_after_a_commit_is_never_replayed() {
    let mut scene = Scene::start().await;
    let id = scene.submit("0001").await;
    let offer = scene.begin().await;
    scene.agent.report(&offer, &intent(true)).send().await.is(200);
    scene.agent.report(&offer, &settled(true)).send().await.is(200);
    scene.agent.fail(&offer, "assertion", json!([])).await;
    let job = scene.job(&id).await;
    assert_eq!((&job["state"], &job["failure"]["effect"]), (&json!("failed"), &json!("committed")));
    assert!(job["failure"]["message"].as_str().unwrap().contains("save (steps/1, key)"), "{job}");
    let retry = |body: Value| scene.admin.post(&format!("/v1/jobs/{id}/retry")).json(&body);
    retry(json!({})).send().await.problem(409, "wrong_state");
    let forced = retry(json!({ "force": true, "note": "taken back by hand" })).send().await.is(201).json();
    assert_eq!(forced["retry_of"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_what_nobody_can_find_out() {
    let mut scene = Scene::start().await;
    let id = scene.under_review("0001").await;
    let job = scene.job(&id).await;
    assert_eq!((&job["failure"]["category"], &job["failure"]["effect"]), (&json!("machine_lost"), &json!("unknown")));
    let told = scene.explain(&id).await;
    assert!(told["summary"].as_str().unwrap().contains("a person has to decide"), "{told}");
    assert!(told["changes"][0].as_str().unwrap().contains("review it"), "{told}");
    scene.admin.post(&format!("/v1/jobs/{id}/cancel")).send().await.problem(409, "wrong_state");
    let mut same = documents::job("0001");
    same["key"] = json!("0001");
    scene.admin.post("/v1/jobs").json(&same).send().await.problem(409, "duplicate_key");

    let viewer = scene.site.role("viewer").await;
    let decide = json!({ "decision": "succeed" });
    viewer.post(&format!("/v1/jobs/{id}/review")).json(&decide).send().await.problem(403, "forbidden");
    scene.review(&id, json!({ "decision": "maybe" })).await.problem(422, "invalid");
    let unsaid = scene.review(&id, json!({ "decision": "retry" })).await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&unsaid), ["/note"]);

    let done = scene.review(&id, json!({ "decision": "succeed", "note": "it is in the books" })).await.is(200).json();
    assert_eq!(
        (&done["state"], &done["failure"], effects(&done)),
        (&json!("succeeded"), &Value::Null, vec!["committed"])
    );
    assert_eq!(
        (&done["reviews"][0]["decision"], &done["reviews"][0]["note"]),
        (&json!("succeed"), &json!("it is in the books"))
    );
    for decision in ["succeed", "fail"] {
        let again = scene.review(&id, json!({ "decision": decision })).await.problem(409, "wrong_state");
        let detail = again["detail"].as_str().unwrap();
        assert!(detail.contains("succeeded") && detail.contains("review"), "{detail}");
    }
    assert_eq!(scene.job(&id).await, done, "the second decision has changed nothing");
    scene.admin.post("/v1/jobs").json(&same).send().await.problem(409, "duplicate_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn sent_on_by_a_person_it_is_done_again_and_failed_it_stays_undone() {
    let mut scene = Scene::start().await;
    let id = scene.under_review("0001").await;
    let sent_on =
        scene.review(&id, json!({ "decision": "retry", "note": "it is not in the books" })).await.is(200).json();
    assert!(sent_on["state"] == "queued" || sent_on["state"] == "running", "{sent_on}");
    let offer = scene.begin().await;
    assert_eq!((&offer["job"], &offer["resume"]["settle"]), (&json!(id), &Value::Null));
    scene.review(&id, json!({ "decision": "fail" })).await.problem(409, "wrong_state");
    scene.agent.report(&offer, &intent(false)).send().await.is(200);
    // A commit that nothing verifies is proved by the success behind it.
    scene.agent.succeed(&offer, json!({ "receipt": "R-1" })).await;
    let job = scene.job(&id).await;
    assert_eq!((&job["state"], &job["reviews"][0]["decision"]), (&json!("succeeded"), &json!("retry")));
    assert_eq!(effects(&job), ["unknown", "committed"]);

    let id = scene.under_review("0002").await;
    let failed = scene.review(&id, json!({ "decision": "fail", "note": "entered by hand" })).await.is(200).json();
    assert_eq!(failed["state"], "failed");
    assert!(failed["failure"]["message"].as_str().unwrap().contains("entered by hand"), "{failed}");
    let fresh = scene.submit("0003").await;
    let problem = scene.review(&fresh, json!({ "decision": "succeed" })).await.problem(409, "wrong_state");
    assert!(problem["detail"].as_str().unwrap().contains("only a job that needs a review"), "{problem}");
    scene.review("job_00000000000000000000000000", json!({ "decision": "fail" })).await.problem(404, "not_found");
}
