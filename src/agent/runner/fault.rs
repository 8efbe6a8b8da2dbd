//! Why a step ended early.

use crate::{
    desktop::{DesktopError, Frame, ProcessError, Rect},
    wire::{
        failure::FailureContext,
        job::{Category, StepRef},
        step::ArtifactRef,
    },
    workflow::{self, TemplateError},
};

/// Somebody outside says stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The job was cancelled.
    Cancelled,
    /// The lease is gone: nothing more may be touched.
    LeaseLost,
    /// The agent is ending.
    Shutdown,
}

/// What went wrong, for a person.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) category: Category,
    pub(super) message: String,
    /// Places to be marked on the picture.
    pub(super) marks: Vec<Rect>,
    /// What the screen showed when it was decided; else the picture is taken afterwards.
    pub(super) frame: Option<Frame>,
    /// Set once the step that failed has been reported.
    pub(super) reported: Option<Reported>,
    /// The call that did not come back.
    pub(super) hangs: Option<String>,
    /// The title of a window that does not answer.
    pub(super) silent: Option<String>,
    /// Whether the window in front answers, where it was asked.
    pub(super) front_answers: Option<bool>,
}

/// The step that failed and its evidence.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    pub(super) step: StepRef,
    pub(super) artifacts: Vec<ArtifactRef>,
    pub(super) context: Box<FailureContext>,
}

/// Why the engine leaves a step before its end.
#[derive(Clone, Debug)]
pub(super) enum Break {
    Stop(Stop),
    Fault(Box<Fault>),
    /// The attempt's time is over: neither `retries` nor `continue_on_error` helps.
    Limit(Box<Fault>),
}

impl Fault {
    pub(super) fn new(category: Category, message: impl Into<String>) -> Self {
        Self {
            category,
            message: message.into(),
            marks: Vec::new(),
            frame: None,
            reported: None,
            hangs: None,
            silent: None,
            front_answers: None,
        }
    }

    pub(super) fn seen(mut self, frame: Option<Frame>, marks: Vec<Rect>) -> Self {
        self.frame = frame;
        self.marks = marks;
        self
    }
}

impl From<Fault> for Break {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// Shorthand for the many places that fail with a category and a message.
pub(super) fn fault<T>(category: Category, message: impl Into<String>) -> Result<T, Break> {
    Err(Fault::new(category, message).into())
}

impl From<DesktopError> for Break {
    fn from(error: DesktopError) -> Self {
        let category = match &error {
            DesktopError::Fenced => return Self::Stop(Stop::LeaseLost),
            DesktopError::Key(_) | DesktopError::Untypable(_) => Category::InvalidWorkflow,
            DesktopError::WindowGone(_) | DesktopError::OutsideDesktop { .. } => Category::TargetNotFound,
            DesktopError::Refused(_) => Category::Assertion,
            DesktopError::Process(_) | DesktopError::Unsupported { .. } => Category::Agent,
            _ => Category::Desktop,
        };
        let mut fault = Fault::new(category, error.to_string());
        if let DesktopError::Hung { call, .. } = &error {
            fault.hangs = Some(format!("the desktop did not answer {call}"));
        }
        fault.into()
    }
}

impl From<ProcessError> for Break {
    fn from(error: ProcessError) -> Self {
        let category = match &error {
            ProcessError::Fenced { .. } => return Self::Stop(Stop::LeaseLost),
            ProcessError::TimedOut { .. } => Category::Timeout,
            _ => Category::Agent,
        };
        Fault::new(category, error.to_string()).into()
    }
}

impl From<TemplateError> for Break {
    fn from(error: TemplateError) -> Self {
        Fault::new(Category::InvalidWorkflow, error.to_string()).into()
    }
}

/// The same word in both vocabularies.
pub(super) fn category(category: workflow::Category) -> Category {
    match category {
        workflow::Category::Business => Category::Business,
        workflow::Category::AppNotReady => Category::AppNotReady,
        workflow::Category::AppCrashed => Category::AppCrashed,
        workflow::Category::Desktop => Category::Desktop,
        workflow::Category::TargetNotFound => Category::TargetNotFound,
        workflow::Category::Assertion => Category::Assertion,
        workflow::Category::Timeout => Category::Timeout,
        workflow::Category::Credential => Category::Credential,
        workflow::Category::MachineLost => Category::MachineLost,
        workflow::Category::Agent => Category::Agent,
        workflow::Category::InvalidWorkflow => Category::InvalidWorkflow,
        workflow::Category::Deadline => Category::Deadline,
        workflow::Category::Cancelled => Category::Cancelled,
    }
}
