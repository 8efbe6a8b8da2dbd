//! What is asked of an element by the patterns that it has.

use windows::{
    Win32::UI::Accessibility::{
        IUIAutomationElement, IUIAutomationExpandCollapsePattern, IUIAutomationInvokePattern,
        IUIAutomationLegacyIAccessiblePattern, IUIAutomationRangeValuePattern, IUIAutomationSelectionItemPattern,
        IUIAutomationTogglePattern, IUIAutomationValuePattern, UIA_E_TIMEOUT, UIA_ExpandCollapsePatternId,
        UIA_InvokePatternId, UIA_LegacyIAccessiblePatternId, UIA_RangeValuePatternId, UIA_SelectionItemPatternId,
        UIA_TogglePatternId, UIA_ValuePatternId,
    },
    core::{BSTR, Result as ComResult},
};

use super::pattern;
use crate::desktop::{DesktopError, ui::Act};

pub(super) fn perform(element: &IUIAutomationElement, act: &Act) -> Result<(), DesktopError> {
    let done = match act {
        Act::Invoke => invoke(element),
        // SAFETY: asks the element for it.
        Act::Focus => Some(unsafe { element.SetFocus() }),
        Act::SetValue(text) => set_value(element, text),
        Act::Select => select(element),
    };
    match done {
        Some(Ok(())) => Ok(()),
        // A button that opens a dialog may answer only when that closes: it was pressed.
        Some(Err(error)) if *act == Act::Invoke && error.code().0.cast_unsigned() == UIA_E_TIMEOUT => Ok(()),
        Some(Err(error)) => {
            Err(DesktopError::Refused(format!("the element did not {}: {}", act.name(), error.message())))
        }
        None => Err(DesktopError::Refused(format!("the element cannot {}", act.name()))),
    }
}

/// Its main action: what opens is opened, what is pressed is pressed, what switches is switched.
fn invoke(element: &IUIAutomationElement) -> Option<ComResult<()>> {
    // SAFETY: each asks the element for what it has said it can.
    unsafe {
        if let Some(presses) = pattern::<IUIAutomationInvokePattern>(element, UIA_InvokePatternId) {
            return Some(presses.Invoke());
        }
        if let Some(switches) = pattern::<IUIAutomationTogglePattern>(element, UIA_TogglePatternId) {
            return Some(switches.Toggle());
        }
        if let Some(opens) = pattern::<IUIAutomationExpandCollapsePattern>(element, UIA_ExpandCollapsePatternId) {
            return Some(opens.Expand());
        }
        if let Some(chosen) = select(element) {
            return Some(chosen);
        }
        let older: IUIAutomationLegacyIAccessiblePattern = pattern(element, UIA_LegacyIAccessiblePatternId)?;
        Some(older.DoDefaultAction())
    }
}

fn select(element: &IUIAutomationElement) -> Option<ComResult<()>> {
    let item: IUIAutomationSelectionItemPattern = pattern(element, UIA_SelectionItemPatternId)?;
    // SAFETY: asks the element for what it has said it can.
    Some(unsafe { item.Select() })
}

fn set_value(element: &IUIAutomationElement, text: &str) -> Option<ComResult<()>> {
    if let Some(field) = pattern::<IUIAutomationValuePattern>(element, UIA_ValuePatternId) {
        // SAFETY: the text is copied.
        return Some(unsafe { field.SetValue(&BSTR::from(text)) });
    }
    let slider: IUIAutomationRangeValuePattern = pattern(element, UIA_RangeValuePatternId)?;
    let number = text.trim().parse::<f64>().ok()?;
    // SAFETY: a number outside of its range is refused.
    Some(unsafe { slider.SetValue(number) })
}
