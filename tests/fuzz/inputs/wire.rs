//! The types of the contract, as JSON: what is read is written and read again as the same.

use std::fmt::Debug;

use deskfleet::wire::{
    agent::{JoinAnswer, JoinRequest, PollAnswer, PollRequest, RenewRequest, Report, ReportAnswer},
    batch::BatchRequest,
    document::PauseRequest,
    job::{Job, JobRequest, RetryRequest},
    machine::{Machine, MachinePatch, ModeRequest},
    problem::Problem,
    step::StepReport,
    token::{JoinTokenRequest, TokenRequest},
};
use serde_json::Value;

pub(crate) fn try_out(data: &[u8]) {
    for read in [
        round::<JobRequest>,
        round::<BatchRequest>,
        round::<RetryRequest>,
        round::<PauseRequest>,
        round::<TokenRequest>,
        round::<JoinTokenRequest>,
        round::<MachinePatch>,
        round::<ModeRequest>,
        round::<JoinRequest>,
        round::<RenewRequest>,
        round::<PollRequest>,
        round::<Report>,
        round::<StepReport>,
        round::<JoinAnswer>,
        round::<PollAnswer>,
        round::<ReportAnswer>,
        round::<Job>,
        round::<Machine>,
        round::<Problem>,
    ] {
        read(data);
    }
}

fn round<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(data) else { return };
    let written = serde_json::to_value(&read).expect("what was read can be written");
    let again: T = serde_json::from_value(written.clone()).expect("what was written can be read");
    let rewritten: Value = serde_json::to_value(&again).expect("and written again");
    assert_eq!(written, rewritten, "it is the same when it has travelled");
}
