//! Carries out what the session orders.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{Assembled, Running, Shell, assemble, control::Control, desk::Assignment, desk::Work, images_of};
use crate::{
    agent::{
        disk::Label,
        runner::Stop,
        session::{Ended, IntentAnswer, Order},
        tape::Tape,
    },
    wire::agent::{Offer, PoolApps},
    workflow::App,
};

/// How long a picture may take until nobody waits for it any more.
const PICTURE_WITHIN: Duration = Duration::from_secs(30);

impl Shell {
    pub(super) fn obey(&mut self) {
        while let Some(order) = self.session.next_order() {
            match order {
                Order::RememberGeneration(generation) => {
                    if let Err(error) = self.identity_dir.remember_generation(generation) {
                        tracing::error!(%error, generation, "the store's generation is not remembered on disk");
                    }
                }
                Order::Prepare(offer) => self.begin(offer),
                Order::Execute => {
                    if let Some(running) = &self.running {
                        running.control.go();
                    }
                }
                Order::Intent(answer) => self.answer_intent(answer),
                Order::Stop(stop) => self.stop_running(stop),
                Order::Fence => {
                    tracing::warn!("the lease is gone: the desktop is let go");
                    self.desktop.fence();
                    self.stop_running(Stop::LeaseLost);
                }
                Order::Settled(attempt) | Order::Dropped(attempt) => {
                    self.running = None;
                    self.spool.settle(attempt);
                    self.uploads.notify_one();
                }
                Order::AbandonPoll => self.abandon_poll(),
                Order::Screenshot { request } => self.picture(request),
                Order::Watch(apps) => self.fetch_apps(*apps),
            }
        }
        self.share_lease();
    }

    fn answer_intent(&mut self, answer: IntentAnswer) {
        let acts = answer == IntentAnswer::Act;
        let waits = self.running.as_ref().is_some_and(|running| running.control.answer_intent(answer));
        if acts && !waits {
            self.session.not_acted();
        }
    }

    pub(super) fn stop_running(&mut self, stop: Stop) {
        if let Some(running) = &self.running {
            running.control.stop(stop);
        }
    }

    /// Fetches what the attempt needs; the desktop's thread gets it whole.
    fn begin(&mut self, offer: Box<Offer>) {
        let tape = Tape::start(self.clock.clone());
        tracing::info!(job = %offer.job, attempt = %offer.attempt, workflow = %offer.workflow.name, "an attempt begins");
        let control = Arc::new(Control::new(self.clock.clone()));
        self.running = Some(Running {
            control: Arc::clone(&control),
            spool: None,
            steps_told: 0,
            working: false,
            plan: None,
            tape,
        });
        self.share_lease();
        let (link, blobs, data_dir, display) = (self.link.clone(), self.blobs.clone(), self.data_dir(), self.display);
        self.assembling = Some(tokio::spawn(async move {
            let stores = assemble::Stores { link: &link, blobs: &blobs, data_dir: &data_dir, control: &control };
            let assembled = assemble::assemble(&offer, display, &stores).await;
            (offer, assembled.map(Box::new))
        }));
    }

    pub(super) fn assembled(&mut self, offer: &Offer, assembled: Assembled) {
        let label = Label { job: offer.job, attempt: offer.attempt, epoch: offer.epoch, incarnation: self.incarnation };
        let spool = self.spool.begin(label).map_err(assemble::AssembleError::Disk);
        let both = assembled.and_then(|assembled| Ok((assembled, spool?)));
        let Some(running) = &mut self.running else { return };
        match both {
            Ok((assembled, spool)) => {
                running.spool = Some(spool.clone());
                running.working = true;
                let (plan, work) = *assembled;
                running.plan = Some(plan.clone());
                let assignment = Assignment {
                    plan,
                    desktop: self.desktop.for_lease(),
                    control: Arc::clone(&running.control),
                    spool,
                    uploads: Arc::clone(&self.uploads),
                    work,
                    tape: running.tape.clone(),
                    recorded: self.settings.recording,
                };
                self.ask_desk(Work::Attempt(Box::new(assignment)));
            }
            Err(assemble::AssembleError::Stopped(stop)) => {
                let readiness = self.session.readiness().clone();
                self.session.ended(Ended::Stopped(stop), readiness);
            }
            Err(error) => {
                tracing::warn!(job = %offer.job, %error, "the job is declined");
                self.session.prepared(Err((error.to_string(), Vec::new())));
            }
        }
    }

    /// While an attempt runs its thread takes the picture, because it knows what must be masked.
    fn picture(&self, request: String) {
        let (reply, picture) = oneshot::channel();
        match &self.running {
            Some(running) if running.working && self.session.may_touch_until().is_some() => {
                running.control.want_picture(reply);
            }
            _ => self.ask_desk(Work::Picture(reply)),
        }
        let link = self.link.clone();
        tokio::spawn(async move {
            let picture = match tokio::time::timeout(PICTURE_WITHIN, picture).await {
                Ok(Ok(picture)) => picture,
                _ => Err("the desktop was busy".to_owned()),
            };
            match picture {
                Ok(webp) => {
                    if let Err(error) = link.get().put_screenshot(&request, webp).await {
                        tracing::warn!(%error, "a picture that was asked for is not sent");
                    }
                }
                Err(reason) => tracing::warn!(reason, "a picture that was asked for can't be taken"),
            }
        });
    }

    /// The apps of the pool changed: their images are fetched before they are looked at.
    fn fetch_apps(&mut self, apps: PoolApps) {
        self.display = apps.display;
        let (link, blobs, data_dir) = (self.link.clone(), self.blobs.clone(), self.data_dir());
        let control = Control::new(self.clock.clone());
        if let Some(before) = self.watching.take() {
            before.abort();
        }
        self.watching = Some(tokio::spawn(async move {
            let mut parsed: Vec<Arc<App>> = Vec::new();
            for document in &apps.apps {
                match assemble::app_of(document) {
                    Ok(app) => parsed.push(app),
                    Err(error) => tracing::error!(%error, "an app of the pool is not watched"),
                }
            }
            let stores = assemble::Stores { link: &link, blobs: &blobs, data_dir: &data_dir, control: &control };
            if let Err(error) = assemble::fetch_images(&images_of(&parsed), &stores).await {
                tracing::warn!(%error, "the images of the pool's apps are not all here");
            }
            parsed
        }));
    }
}
