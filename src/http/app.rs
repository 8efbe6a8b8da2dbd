//! What every handler can reach.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::{
    bounds::{Place, Places},
    bulk_answers::BulkAnswers,
    documents::Library,
    notify::Guard,
    observe::Counters,
    problem::ApiResult,
    sessions::Sessions,
    tls::Tls,
};
use crate::{
    config::{ControllerSettings, LimitSettings, NotificationSettings},
    controller::Handle,
    time::Clock,
};

#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    handle: Handle,
    tls: Tls,
    limits: LimitSettings,
    notifications: NotificationSettings,
    metrics_open: bool,
    data_dir: PathBuf,
    counters: Counters,
    library: Library,
    sessions: Sessions,
    bulk_answers: BulkAnswers,
    streams: Places,
    waiting: Places,
    description: OnceLock<Bytes>,
}

impl App {
    pub fn new(handle: Handle, tls: Tls, settings: &ControllerSettings) -> Self {
        Self(Arc::new(Inner {
            handle,
            tls,
            limits: settings.limits,
            streams: Places::new(settings.limits.streams, "limits.streams"),
            waiting: Places::new(settings.limits.waiting, "limits.waiting"),
            notifications: settings.notifications.clone(),
            metrics_open: settings.metrics_open,
            data_dir: settings.data_dir.clone(),
            counters: Counters::default(),
            library: Library::default(),
            sessions: Sessions::default(),
            bulk_answers: BulkAnswers::default(),
            description: OnceLock::new(),
        }))
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.0.handle
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.0.handle.clock()
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.0.tls
    }

    pub(crate) fn limits(&self) -> &LimitSettings {
        &self.0.limits
    }

    pub(crate) fn notifications(&self) -> &NotificationSettings {
        &self.0.notifications
    }

    /// For a stream of events.
    pub(super) fn place_to_stream(&self) -> ApiResult<Place> {
        self.0.streams.take()
    }

    /// For a request that is held until there is something to say.
    pub(super) fn place_to_wait(&self) -> ApiResult<Place> {
        self.0.waiting.take()
    }

    /// Where notifications may go.
    pub(crate) fn guard(&self) -> Guard {
        Guard::new(&self.0.notifications)
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.0.data_dir
    }

    pub(crate) fn metrics_open(&self) -> bool {
        self.0.metrics_open
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    pub(crate) fn library(&self) -> &Library {
        &self.0.library
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(crate) fn bulk_answers(&self) -> &BulkAnswers {
        &self.0.bulk_answers
    }

    /// The API description as text: the same for the life of the process.
    pub(crate) fn description(&self) -> Bytes {
        let make = || super::openapi::describe(&super::routes()).to_string().into();
        self.0.description.get_or_init(make).clone()
    }
}
