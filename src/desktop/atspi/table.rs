//! The rows of a table, cell by cell as its application tells them.

use super::{
    bus::{self, Bus},
    node::{self, Address, property},
};
use crate::desktop::ui::Grid;

const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const TABLE: &str = "org.a11y.atspi.Table";
const TEXT: &str = "org.a11y.atspi.Text";

/// Of a sheet more would be asked for than anybody filled.
const MAX_COLUMNS: i32 = 100;

/// A table with more rows than this is a sheet: it ends where a row is empty.
const SHEET_ROWS: i32 = 20_000;

/// Rows asked for together.
const TOGETHER: i32 = 16;

/// `None` where the element has no rows and columns.
pub(super) async fn read(bus: &Bus, to: (&str, &str), rows: usize) -> Option<Grid> {
    let count = async |name: &str| property(bus, to, TABLE, name).await?.downcast_ref::<i32>().ok();
    let (total, width) = (count("NRows").await?, count("NColumns").await?.min(MAX_COLUMNS));
    if width <= 0 {
        return None;
    }
    let columns = bus::all((0..width).map(|column| heading(bus, to, column))).await;
    let mut grid = Grid { columns, rows: Vec::new() };
    let wanted = total.min(i32::try_from(rows).unwrap_or(i32::MAX));
    let mut from = 0;
    while from < wanted {
        let until = wanted.min(from.saturating_add(TOGETHER));
        let places = (from..until).flat_map(|row| (0..width).map(move |column| (row, column)));
        let cells = bus::all(places.map(|place| cell(bus, to, place))).await;
        for row in cells.chunks(usize::try_from(width).ok()?) {
            if total > SHEET_ROWS && row.iter().all(String::is_empty) {
                return Some(grid);
            }
            grid.rows.push(row.to_vec());
        }
        from = until;
    }
    Some(grid)
}

async fn heading(bus: &Bus, to: (&str, &str), column: i32) -> String {
    let told: Option<String> = bus.call(to, TABLE, "GetColumnDescription", &column).await;
    if let Some(told) = told.filter(|told| !told.trim().is_empty()) {
        return told;
    }
    let header: Option<Address> = bus.call(to, TABLE, "GetColumnHeader", &column).await;
    match header {
        Some((owner, object)) => text(bus, (&owner, &object)).await,
        None => String::new(),
    }
}

async fn cell(bus: &Bus, to: (&str, &str), place: (i32, i32)) -> String {
    let cell: Option<Address> = bus.call(to, TABLE, "GetAccessibleAt", &place).await;
    match cell {
        Some((owner, object)) => text(bus, (&owner, &object)).await,
        None => String::new(),
    }
}

/// What a cell shows: its text, else its name, else that of what is in it.
async fn text(bus: &Bus, to: (&str, &str)) -> String {
    if let Some(text) = shown(bus, to).await {
        return text;
    }
    let inside = node::children(bus, to).await.unwrap_or_default();
    let mut texts = Vec::new();
    for (owner, object) in inside.iter().take(8) {
        texts.extend(shown(bus, (owner, object)).await);
    }
    texts.join(" ")
}

async fn shown(bus: &Bus, to: (&str, &str)) -> Option<String> {
    let text: Option<String> = bus.call(to, TEXT, "GetText", &(0_i32, -1_i32)).await;
    if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
        return Some(text);
    }
    let name = property(bus, to, ACCESSIBLE, "Name").await?.downcast_ref::<String>().ok()?;
    (!name.trim().is_empty()).then_some(name)
}
