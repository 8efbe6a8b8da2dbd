//! Rows and columns of an element that has them.

use std::time::Duration;

use windows::Win32::UI::Accessibility::{
    IUIAutomationElement, IUIAutomationElementArray, IUIAutomationGridPattern, IUIAutomationTablePattern,
    IUIAutomationValuePattern, UIA_GridPatternId, UIA_TablePatternId, UIA_ValuePatternId,
};

use super::pattern;
use crate::desktop::{Stopwatch, ui::Grid};

/// For a table of thousands of rows.
const LIMIT: Duration = Duration::from_mins(1);

/// The first rows; `None` where it tells of none, or not within the limit.
pub(super) fn read(element: &IUIAutomationElement, rows: usize, watch: Stopwatch) -> Option<Grid> {
    let grid: IUIAutomationGridPattern = pattern(element, UIA_GridPatternId)?;
    // SAFETY: asks for numbers.
    let (height, width) = unsafe { (grid.CurrentRowCount().ok()?, grid.CurrentColumnCount().ok()?) };
    let wanted = i32::try_from(rows).unwrap_or(i32::MAX).min(height);
    let mut read = Vec::new();
    for row in 0..wanted {
        watch.left(LIMIT)?;
        // SAFETY: row and column lie inside of the table.
        let cell = |column| unsafe { grid.GetItem(row, column) }.ok().map(|cell| shown(&cell)).unwrap_or_default();
        read.push((0..width).map(cell).collect());
    }
    let columns = headings(element).unwrap_or_default();
    let names = (0..usize::try_from(width).ok()?).map(|at| columns.get(at).cloned().unwrap_or_default());
    Some(Grid { columns: names.collect(), rows: read })
}

fn headings(element: &IUIAutomationElement) -> Option<Vec<String>> {
    let table: IUIAutomationTablePattern = pattern(element, UIA_TablePatternId)?;
    // SAFETY: gives a list of its own.
    let headings: IUIAutomationElementArray = unsafe { table.GetCurrentColumnHeaders() }.ok()?;
    // SAFETY: none is asked for beyond the end.
    unsafe {
        let count = headings.Length().ok()?;
        let name = |at| Some(headings.GetElement(at).ok()?.CurrentName().ok()?.to_string());
        Some((0..count).map(|at| name(at).unwrap_or_default()).collect())
    }
}

/// What it holds, else its name.
fn shown(cell: &IUIAutomationElement) -> String {
    let value = pattern::<IUIAutomationValuePattern>(cell, UIA_ValuePatternId);
    // SAFETY: asks for texts.
    unsafe {
        let held = value.and_then(|value| value.CurrentValue().ok()).map(|held| held.to_string());
        let name = || cell.CurrentName().map(|name| name.to_string()).unwrap_or_default();
        held.filter(|held| !held.is_empty()).unwrap_or_else(name)
    }
}
