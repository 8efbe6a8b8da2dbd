//! One history: everybody in one queue of what happens when, and nothing else that moves.

#[path = "people.rs"]
mod people;
#[path = "post.rs"]
mod post;
#[path = "power.rs"]
mod power;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use crate::{
    agent::{Agent, Wish},
    books::Books,
    errands::Errand,
    faults::{Fault, Moment, Off},
    history::{History, LOOKS_EVERY_MS},
    network::{Caller, Network, Parcel},
    plan::Plan,
    rng::Rng,
    site::{Answer, Call, Site, Who},
};

const POLL_PATIENCE_MS: u64 = 30_000;
const CALL_PATIENCE_MS: u64 = 10_000;
/// In a kind world everything is over within this time.
const CALM_MS: u64 = 1_200_000;

#[derive(Debug)]
enum Happening {
    Agent(usize),
    AgentStarts(usize),
    Parcel(Parcel),
    Engine,
    SwitchedOn,
    Errand(usize),
    NewWork,
    Fault(Fault),
    Beat,
    Calm,
    /// A restore raises the generation; later somebody puts the file from before it back by hand.
    GenerationRaised,
    WoundBack(Vec<u8>),
    Over,
}

/// Ordered by time, then by when it was planned.
struct Planned(u64, u64, Happening);

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

struct Pending {
    errand: Errand,
    tries: u64,
    sent_ms: u64,
    done: bool,
}

pub(crate) struct World {
    plan: Plan,
    rng: Rng,
    now_ms: u64,
    planned: BinaryHeap<Reverse<Planned>>,
    planned_count: u64,
    /// When each agent, and the engine, is looked after next. What was planned for later is void.
    agents_due: Vec<Option<u64>>,
    engine_due: Option<u64>,
    site: Site,
    network: Network,
    agents: Vec<Agent>,
    errands: Vec<Pending>,
    /// Which call a handler under way answers.
    flights: BTreeMap<u64, u64>,
    last_flight: u64,
    orders: u64,
    /// The engine ends this way at its next commit.
    crash: Option<(Moment, Off)>,
    calm: bool,
    on_since_ms: u64,
    steps: u64,
    books: Books,
    post: post::Post,
    pub(crate) history: History,
}

/// Than what is planned already.
fn is_sooner(planned: Option<u64>, at_ms: u64) -> bool {
    planned.is_none_or(|planned| at_ms < planned)
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut rng = Rng::new(plan.seed ^ 0xfeed);
        let mut site = Site::new(plan.seed, Plan::settings());
        crate::scene::set(&mut site, plan.agents);
        let agents: Vec<_> =
            (0..plan.agents).map(|number| Agent::new(number, Rng::new(rng.next()), plan.luck)).collect();
        let network = Network::new(&plan, Rng::new(rng.next()));
        let history = History::new();
        Self {
            plan,
            rng,
            now_ms: 0,
            planned: BinaryHeap::new(),
            planned_count: 0,
            agents_due: vec![None; agents.len()],
            engine_due: None,
            site,
            network,
            agents,
            errands: Vec::new(),
            flights: BTreeMap::new(),
            last_flight: 0,
            orders: 0,
            crash: None,
            calm: false,
            on_since_ms: 0,
            steps: 0,
            books: Books::default(),
            post: post::Post::default(),
            history,
        }
    }

    /// Plays the history to its end. What is against the rules is in `history.wrong`.
    pub(crate) fn play(&mut self) {
        self.begin();
        while let Some(Reverse(Planned(at_ms, _, happening))) = self.planned.pop() {
            self.pass_until(at_ms);
            if matches!(happening, Happening::Over) {
                return;
            }
            if matches!(happening, Happening::Beat) && self.is_over() {
                break;
            }
            self.happen(happening);
            self.serve();
            let wrong = self.books.take_wrong();
            self.history.invariants(wrong);
            if !self.history.wrong.is_empty() {
                return;
            }
        }
        self.look_at_the_end();
    }

    fn begin(&mut self) {
        let rough_ms = self.plan.rough_ms;
        for agent in 0..self.plan.agents {
            let at_ms = self.rng.below(2_000);
            self.at(at_ms, Happening::AgentStarts(agent));
        }
        for _ in 0..self.plan.jobs {
            let at_ms = self.rng.below(rough_ms * 2 / 3);
            self.at(at_ms, Happening::NewWork);
        }
        for _ in 0..self.plan.faults {
            let at_ms = self.rng.between(2_000, rough_ms);
            let fault = Fault::any(&mut self.rng, self.plan.agents);
            self.at(at_ms, Happening::Fault(fault));
        }
        self.at(rough_ms, if self.plan.winds_back { Happening::GenerationRaised } else { Happening::Calm });
        self.at(0, Happening::Beat);
    }

    fn at(&mut self, at_ms: u64, happening: Happening) {
        self.planned_count += 1;
        self.planned.push(Reverse(Planned(at_ms.max(self.now_ms), self.planned_count, happening)));
    }

    fn plan_agent(&mut self, agent: usize, at_ms: u64) {
        if is_sooner(self.agents_due[agent], at_ms) {
            self.agents_due[agent] = Some(at_ms);
            self.at(at_ms, Happening::Agent(agent));
        }
    }

    pub(crate) fn plan_engine(&mut self, at_ms: u64) {
        if is_sooner(self.engine_due, at_ms) {
            self.engine_due = Some(at_ms);
            self.at(at_ms, Happening::Engine);
        }
    }

    fn pass_until(&mut self, at_ms: u64) {
        let passed = at_ms.saturating_sub(self.now_ms);
        self.site.clock.advance(Duration::from_millis(passed));
        self.now_ms = self.now_ms.max(at_ms);
    }

    fn is_over(&self) -> bool {
        let end_ms = self.plan.rough_ms + CALM_MS;
        let open = |fleet: &deskfleet::fleet::Fleet| {
            fleet.jobs().any(|job| !matches!(job.state, deskfleet::fleet::JobState::Blocked { .. }))
        };
        let told = |fleet: &deskfleet::fleet::Fleet| fleet.pending_messages(&post::channel()) == 0;
        let idle = self.site.fleet().is_some_and(|fleet| !open(fleet) && told(fleet));
        self.calm && (self.now_ms >= end_ms || (idle && self.errands.iter().all(|pending| pending.done)))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Agent(agent) => {
                if self.agents_due[agent].take_if(|due| *due <= self.now_ms).is_some() {
                    self.agent_round(agent);
                }
            }
            Happening::AgentStarts(agent) => self.start_agent(agent),
            Happening::Parcel(parcel) => self.deliver(parcel),
            Happening::Engine => {
                if self.engine_due.take_if(|due| *due <= self.now_ms).is_some() {
                    self.engine();
                }
            }
            Happening::SwitchedOn => self.switch_on(),
            Happening::Errand(errand) => self.run_errand(errand),
            Happening::NewWork => self.new_work(),
            Happening::Fault(fault) => self.fail(fault),
            Happening::Beat => {
                self.at(self.now_ms + LOOKS_EVERY_MS, Happening::Beat);
                self.look_at_leases();
                self.post();
                if self.site.due_in().is_some_and(|due| due.is_zero()) {
                    self.engine();
                }
            }
            Happening::Calm => self.become_calm(),
            Happening::GenerationRaised => self.raise_generation(),
            Happening::WoundBack(image) => self.wind_back(image),
            Happening::Over => {}
        }
    }

    fn look_at_leases(&mut self) {
        let Some(fleet) = self.site.fleet() else { return };
        let alone_ms = self.now_ms - self.on_since_ms;
        let gone =
            |agent: &&Agent| agent.off_for_ms(self.now_ms).is_some_and(|off| off.min(alone_ms) > self.plan.gone_ms());
        let gone: Vec<_> = self.agents.iter().filter(gone).map(|agent| agent.name.clone()).collect();
        self.history.leases(self.now_ms, fleet, &gone);
    }

    // Agents.

    fn start_agent(&mut self, agent: usize) {
        if !self.agents[agent].is_on() {
            self.history.note(self.now_ms, &format!("agent {agent} starts"));
            self.agents[agent].start(self.now_ms);
            self.agent_round(agent);
        }
    }

    fn agent_round(&mut self, agent: usize) {
        let stopped_until_ms = self.agents[agent].stopped_until_ms;
        if self.now_ms < stopped_until_ms {
            return self.plan_agent(agent, stopped_until_ms);
        }
        for wish in self.agents[agent].round(self.now_ms, &mut self.books) {
            self.grant(agent, wish);
        }
        if let Some(next_ms) = self.agents[agent].next_ms() {
            self.plan_agent(agent, next_ms.max(self.now_ms + 1));
        }
    }

    fn grant(&mut self, agent: usize, wish: Wish) {
        match wish {
            Wish::Poll(poll) => {
                let call = self.machine_call(agent, "/agent/v1/poll", &poll);
                self.agents[agent].poll = Some(self.send(Caller::Poll(agent), &call, POLL_PATIENCE_MS));
            }
            Wish::Report(report) => {
                self.history.note(self.now_ms, &format!("agent {agent} reports {report:?}"));
                let call = self.machine_call(agent, "/agent/v1/report", &report);
                self.agents[agent].report = Some(self.send(Caller::Report(agent), &call, CALL_PATIENCE_MS));
            }
            Wish::AbandonPoll => {}
            Wish::Touch(touch) => {
                self.history.note(self.now_ms, &format!("agent {agent} touches {touch:?}"));
                let seen = self.agents[agent].generation_seen();
                let name = self.agents[agent].name.clone();
                self.history.touched(&name, touch, seen, self.site.fleet());
            }
            Wish::Settled(attempt, success) => self.history.settled(attempt, success),
        }
    }

    fn machine_call(&self, agent: usize, path: &str, body: &impl serde::Serialize) -> Call {
        let who = Who::Machine(self.agents[agent].certificate);
        Call { who, method: "POST", path: path.to_owned(), key: None, body: serde_json::to_vec(body).unwrap() }
    }

    // Messages.

    fn send(&mut self, caller: Caller, call: &Call, patience_ms: u64) -> u64 {
        let (number, parcels) = self.network.send(caller, call, patience_ms, self.now_ms);
        for (at_ms, parcel) in parcels {
            self.at(at_ms, Happening::Parcel(parcel));
        }
        number
    }

    fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Request { number, call } => {
                self.last_flight += 1;
                if self.site.ask(self.last_flight, call) {
                    self.flights.insert(self.last_flight, number);
                } else {
                    self.at(self.now_ms + 5, Happening::Parcel(Parcel::GiveUp { number }));
                }
            }
            Parcel::Answer { number, answer } => self.ended(number, Some(&answer)),
            Parcel::GiveUp { number } => {
                let handlers: Vec<u64> =
                    self.flights.iter().filter(|(_, call)| **call == number).map(|(flight, _)| *flight).collect();
                // The connection breaks, or something between keeps it open for nobody.
                if !handlers.is_empty() && self.rng.per_mille(500) {
                    for flight in handlers {
                        self.site.hang_up(flight);
                    }
                }
                self.ended(number, None);
            }
        }
    }

    fn ended(&mut self, number: u64, answer: Option<&Answer>) {
        let Some(caller) = self.network.end(number) else { return };
        let now_ms = self.now_ms;
        match caller {
            Caller::Poll(agent) if self.agents[agent].poll == Some(number) => {
                if let Some(late) = self.agents[agent].poll_answered(answer, now_ms) {
                    let call = self.machine_call(agent, "/agent/v1/report", &late);
                    self.send(Caller::Late(agent), &call, CALL_PATIENCE_MS);
                }
                self.agent_round(agent);
            }
            Caller::Report(agent) if self.agents[agent].report == Some(number) => {
                if let Some(attempt) = self.agents[agent].report_answered(answer, now_ms) {
                    self.history.result_refused(attempt);
                }
                self.agent_round(agent);
            }
            Caller::Late(agent) => {
                let again =
                    self.agents[agent].late.clone().filter(|_| answer.is_none_or(|answer| answer.status >= 500));
                if let Some(report) = again {
                    let call = self.machine_call(agent, "/agent/v1/report", &report);
                    self.send(Caller::Late(agent), &call, CALL_PATIENCE_MS);
                }
            }
            Caller::Errand(errand) => self.errand_answered(errand, answer),
            Caller::Poll(_) | Caller::Report(_) => {}
        }
    }

    /// Handlers and engine go on until nobody has anything to do now.
    fn serve(&mut self) {
        while self.site.is_anybody_woken() {
            for (flight, answer) in self.site.serve() {
                if self.post_reported(flight, answer.status) {
                    continue;
                }
                let Some(number) = self.flights.remove(&flight) else { continue };
                self.history.note(self.now_ms, &format!("call {number} is answered {}", answer.status));
                if let Some((at_ms, parcel)) = self.network.answer(number, answer, self.now_ms) {
                    self.at(at_ms, Happening::Parcel(parcel));
                }
            }
            if self.site.has_queued() {
                // A moment in which others may join the batch.
                if self.rng.per_mille(200) {
                    let at_ms = self.now_ms + self.rng.between(1, 20);
                    return self.plan_engine(at_ms);
                }
                self.engine();
            }
        }
    }

    // Faults.

    fn fail(&mut self, fault: Fault) {
        if self.calm {
            return;
        }
        self.history.note(self.now_ms, &format!("{fault:?}"));
        match fault {
            Fault::Crash(Moment::Now, off) if self.site.is_on() => self.ends(off),
            Fault::Crash(moment, off) if self.site.is_on() => self.crash = Some((moment, off)),
            Fault::Crash(..) => {}
            Fault::DiskError { after_operations } => {
                self.site.disk.fail_in(after_operations, crate::disk::Failing::Once);
            }
            Fault::DiskFull => self.site.fill_disk(),
            Fault::ClockSet { by_ms } => self.site.clock.set_wall(by_ms),
            Fault::Stopped { agent, for_ms } => self.agents[agent].stopped_until_ms = self.now_ms + for_ms,
            Fault::Killed { agent, back_in_ms } => {
                self.agents[agent].kill(self.now_ms);
                self.at(self.now_ms + back_in_ms, Happening::AgentStarts(agent));
            }
            Fault::CutOff { agent, for_ms } => self.network.cut_off(agent, self.now_ms + for_ms),
            Fault::LineFails { for_ms } => {
                let busy: Vec<usize> = (0..self.agents.len()).filter(|agent| self.agents[*agent].is_busy()).collect();
                let Some(agent) = self.rng.pick(&busy).copied() else { return };
                self.network.slow_down(agent, self.now_ms + for_ms);
                let cut = Fault::CutOff { agent, for_ms: 20_000 };
                self.at(self.now_ms + for_ms, Happening::Fault(cut));
            }
            Fault::Mode { agent, mode, now } => {
                let machine = self.agents[agent].name.to_string();
                self.begin_errand(Errand::Mode { machine, mode, now }, 0);
            }
        }
    }

    /// From here on nothing fails, and what was taken out is put back.
    fn become_calm(&mut self) {
        self.history.note(self.now_ms, "calm");
        self.calm = true;
        self.crash = None;
        self.network.become_kind();
        self.site.disk.set_full(false);
        self.site.disk.mend();
        self.at(self.now_ms, Happening::SwitchedOn);
        for agent in 0..self.agents.len() {
            self.agents[agent].become_lucky();
            self.agents[agent].stopped_until_ms = 0;
            self.at(self.now_ms, Happening::AgentStarts(agent));
            self.plan_agent(agent, self.now_ms);
            let machine = self.agents[agent].name.to_string();
            // A second time once nothing from before can be under way any more.
            for in_ms in [3_000, 60_000] {
                let machine = machine.clone();
                self.begin_errand(Errand::Mode { machine, mode: "activate", now: false }, in_ms);
            }
        }
        for job in self.history.acknowledged() {
            self.begin_errand(Errand::Look { job }, 5_000);
        }
    }
}
