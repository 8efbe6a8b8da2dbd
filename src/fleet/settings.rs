//! Every limit and period the fleet goes by, with its default.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Of a lease, counted at the agent from sending.
    pub ttl: Duration,
    /// What the controller waits longer than the agent.
    pub ttl_margin: Duration,
    pub offer_timeout: Duration,
    /// A machine not heard for so long is offline.
    pub offline_after: Duration,
    /// How long a machine that declined a job is not offered it again.
    pub decline_cool_down: Duration,
    /// So many declines block a job.
    pub max_declines: u32,
    /// So long after the agent was started anew, one poll of the start before may still arrive.
    pub late_poll: Duration,
    /// Of the last eight polls, so many with numbers that were passed already are no accident.
    pub max_stale_polls: u32,
    /// Nor is a number so far behind.
    pub max_poll_gap: u64,
    /// How long a machine may take to stop; after it renewals no longer lengthen its lease.
    pub stop_grace: Duration,
    /// From accepting an offer until the apps are ready.
    pub prepare_limit: Duration,
    /// What an attempt gets beyond its own limit before it is stopped from here: the agent stops it itself, with evidence.
    pub timeout_grace: Duration,
    /// What a step gets beyond the time the agent said it takes.
    pub stuck_grace: Duration,
    pub max_open_jobs: usize,
    pub max_batch_items: usize,
    pub max_machines: usize,
    pub max_documents: usize,
    pub max_tokens: usize,
    /// Labels of a job or machine, required labels, files of a job.
    pub max_entries: usize,
    /// Of a `key`, an idempotency key, a label or a reason.
    pub max_text_chars: usize,
    pub max_artifacts_per_attempt: u32,
    /// Of the variables kept with a commit, as JSON.
    pub max_vars_bytes: u64,
    /// Items of all keyed loops of a job.
    pub max_loop_items: u32,
    /// Of the result of one item.
    pub max_result_bytes: u64,
    /// Of the keys and results of all items of a job: an offer carries them all.
    pub max_results_bytes: u64,
    /// Steps of one report.
    pub max_steps_per_report: usize,
    /// Waiting through so many placements is worth one level of priority.
    pub ageing_placements: u64,
    /// A job's `key` stays taken so long after it succeeded.
    pub unique_for: Duration,
    /// An idempotency key is kept so long after its job settled.
    pub idempotency_kept: Duration,
    /// Messages that may wait for one subscriber; beyond it the oldest are given up.
    pub max_pending_messages: usize,
    /// The wait after the first failed attempt at a message; doubled with each further one.
    pub first_retry: Duration,
    pub longest_retry: Duration,
    /// A message that has not arrived for so long is given up.
    pub give_up: Duration,
    /// Timers handled by one `Tick`.
    pub max_timers_per_tick: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self {
            ttl: Duration::from_secs(30),
            ttl_margin: Duration::from_secs(2),
            offer_timeout: Duration::from_secs(5),
            offline_after: Duration::from_secs(45),
            decline_cool_down: Duration::from_secs(60),
            max_declines: 5,
            late_poll: Duration::from_secs(10),
            max_stale_polls: 3,
            max_poll_gap: 32,
            stop_grace: Duration::from_secs(60),
            prepare_limit: Duration::from_secs(900),
            timeout_grace: Duration::from_secs(30),
            stuck_grace: Duration::from_secs(120),
            max_open_jobs: 100_000,
            max_batch_items: 10_000,
            max_machines: 10_000,
            max_documents: 10_000,
            max_tokens: 10_000,
            max_entries: 64,
            max_text_chars: 256,
            max_artifacts_per_attempt: 2_000,
            max_vars_bytes: 256 << 10,
            max_loop_items: 10_000,
            max_result_bytes: 16 << 10,
            max_results_bytes: 4 << 20,
            max_steps_per_report: 1_000,
            ageing_placements: 10,
            unique_for: 365 * day,
            idempotency_kept: day,
            max_pending_messages: 10_000,
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_secs(3_600),
            give_up: 3 * day,
            max_timers_per_tick: 1_000,
        }
    }
}
