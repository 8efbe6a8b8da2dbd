//! The control tree by UI Automation, which toolkits of every kind speak: one question brings the whole tree of a window, copied.
//!
//! What was copied is local; only acts, texts of documents and tables ask the application again. The system's own limits end what hangs.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::collections::{HashMap, VecDeque};

use windows::{
    Win32::{
        Foundation::HWND,
        System::{
            Com::{CLSCTX_INPROC_SERVER, COINIT_MULTITHREADED, CoCreateInstance, CoInitializeEx},
            Ole::{SafeArrayAccessData, SafeArrayDestroy, SafeArrayGetUBound, SafeArrayUnaccessData},
        },
        UI::Accessibility::{
            AutomationElementMode_Full, CUIAutomation8, IUIAutomation2, IUIAutomationCacheRequest,
            IUIAutomationElement, TreeScope_Subtree,
        },
    },
    core::Interface as _,
};

use crate::desktop::{
    DesktopError, Stopwatch,
    ui::{Act, Element, ElementId, Grid},
    windows::capture::Screen,
};

mod act;
mod copied;
mod table;

/// For the whole tree of one window, and for one act.
const ANSWER_MS: u32 = 3_000;

/// Marks the ids of these elements.
const MARK: &str = "uia:";

/// The way to ask, of this thread.
pub(super) struct Automation {
    system: IUIAutomation2,
    /// What is copied of each element.
    copied: IUIAutomationCacheRequest,
    /// Those of the last look, by their ids: what is acted on was seen before.
    seen: HashMap<String, IUIAutomationElement>,
}

impl Automation {
    /// `None` where this system has none.
    pub(super) fn open() -> Option<Self> {
        // SAFETY: makes objects of this thread, which stay with it. That it was prepared before is no error.
        let system: IUIAutomation2 = unsafe {
            let _ = CoInitializeEx(None, COINIT_MULTITHREADED);
            CoCreateInstance(&CUIAutomation8, None, CLSCTX_INPROC_SERVER).ok()?
        };
        // SAFETY: sets limits and says what to copy.
        let copied = unsafe {
            system.SetConnectionTimeout(ANSWER_MS).ok()?;
            system.SetTransactionTimeout(ANSWER_MS).ok()?;
            let request = system.CreateCacheRequest().ok()?;
            for property in copied::PROPERTIES {
                request.AddProperty(property).ok()?;
            }
            request.SetTreeScope(TreeScope_Subtree).ok()?;
            request.SetTreeFilter(&system.ControlViewCondition().ok()?).ok()?;
            request.SetAutomationElementMode(AutomationElementMode_Full).ok()?;
            request
        };
        Some(Self { system, copied, seen: HashMap::new() })
    }

    /// What was seen before is known no more.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
    }

    /// The tree of one window, parents before their children; their parents are places in this list. `None`: it tells of nothing inside.
    pub(super) fn tree(&mut self, window: HWND, pid: u32, screen: &Screen) -> Option<Vec<Element>> {
        // SAFETY: a window that is gone is an error.
        let root = unsafe { self.system.ElementFromHandleBuildCache(window, &self.copied) }.ok()?;
        let mut elements: Vec<Element> = Vec::new();
        // Level by level, so that what a limit cuts off is what lies deepest.
        let mut next = VecDeque::from([(root, None)]);
        while let Some((element, parent)) = next.pop_front() {
            if elements.len() >= super::MAX_ELEMENTS {
                break;
            }
            let Some(id) = runtime_id(&element) else { continue };
            let at = elements.len();
            let around = parent.map(|parent: usize| elements[parent].role);
            elements.push(copied::read(
                &element,
                ElementId { owner: pid.to_string(), object: id.clone() },
                (parent, around),
                screen,
                pid,
            ));
            // SAFETY: reads what was copied.
            if let Ok(children) = unsafe { element.GetCachedChildren() } {
                // SAFETY: as above; none is asked for beyond the end.
                let count = unsafe { children.Length() }.unwrap_or_default();
                next.extend((0..count).filter_map(|child| {
                    // SAFETY: as above.
                    Some((unsafe { children.GetElement(child) }.ok()?, Some(at)))
                }));
            }
            self.seen.insert(id, element);
        }
        (elements.len() > 1).then_some(elements)
    }

    pub(super) fn has(id: &ElementId) -> bool {
        id.object.starts_with(MARK)
    }

    pub(super) fn act(&self, id: &ElementId, what: &Act) -> Result<(), DesktopError> {
        act::perform(self.element(id)?, what)
    }

    pub(super) fn table(&self, id: &ElementId, rows: usize) -> Result<Option<Grid>, DesktopError> {
        Ok(table::read(self.element(id)?, rows, Stopwatch::start()))
    }

    fn element(&self, id: &ElementId) -> Result<&IUIAutomationElement, DesktopError> {
        let gone = || DesktopError::Refused("the element is gone".to_owned());
        self.seen.get(&id.object).ok_or_else(gone)
    }
}

/// The numbers by which the system tells elements apart.
fn runtime_id(element: &IUIAutomationElement) -> Option<String> {
    // SAFETY: the array is ours, read within its bounds and given back.
    unsafe {
        let array = element.GetRuntimeId().ok()?;
        let last = SafeArrayGetUBound(array, 1).ok()?;
        let mut data = std::ptr::null_mut();
        SafeArrayAccessData(array, &raw mut data).ok()?;
        let count = usize::try_from(last + 1).unwrap_or_default();
        let numbers = std::slice::from_raw_parts(data.cast::<i32>(), count).iter().map(ToString::to_string);
        let id = format!("{MARK}{}", numbers.collect::<Vec<_>>().join("."));
        let _ = SafeArrayUnaccessData(array);
        let _ = SafeArrayDestroy(array);
        Some(id)
    }
}

/// A pattern that an element has now.
fn pattern<P: windows::core::Interface>(
    element: &IUIAutomationElement,
    id: windows::Win32::UI::Accessibility::UIA_PATTERN_ID,
) -> Option<P> {
    // SAFETY: an element without it gives none.
    unsafe { element.GetCurrentPattern(id) }.ok()?.cast().ok()
}
