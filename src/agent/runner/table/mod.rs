//! Tables: rows as their application tells them, else read off the screen page by page.

mod columns;
mod pages;

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    fault::{Break, Fault, fault},
    find::Hit,
    look::Look,
    run::Runner,
};
use crate::{
    desktop::{
        DesktopError,
        ui::{Element, Grid},
    },
    wire::job::Category,
    workflow::{ReadTable, limits},
};

/// What tells rows and columns of itself.
const TABLES: [&str; 4] = ["table", "treegrid", "grid", "tree"];

impl Runner<'_> {
    /// A list of rows, each an object of texts by the headings.
    pub(super) fn read_table(&mut self, table: &ReadTable, timeout: Duration) -> Result<Value, Break> {
        let hit = self.seek(&table.from, timeout)?;
        let most = table.max_rows.unwrap_or(limits::TABLE_ROWS);
        // One more, to know whether all were read.
        let asked = most as usize + usize::from(table.max_rows.is_none());
        let grid = match self.grid_told(&hit, asked)? {
            Some(grid) => grid,
            None => self.grid_read(&hit, table, asked)?,
        };
        if grid.rows.len() > most as usize {
            let message = format!("the table has more than {most} rows: say with `max_rows` how many are wanted");
            return fault(Category::Assertion, message);
        }
        let columns = chosen(&grid.columns, &table.columns)
            .map_err(|message| Fault::new(Category::TargetNotFound, self.quote(&message)).seen(None, vec![hit.rect]))?;
        let row = |cells: &Vec<String>| {
            let cell = |at: usize| Value::String(cells.get(at).cloned().unwrap_or_default());
            Value::Object(columns.iter().map(|(name, at)| (name.clone(), cell(*at))).collect::<Map<_, _>>())
        };
        Ok(Value::Array(grid.rows.iter().map(row).collect()))
    }

    /// `None` where no application tells of a table there.
    fn grid_told(&mut self, hit: &Hit, rows: usize) -> Result<Option<Grid>, Break> {
        let Some(element) = self.table_at(hit)? else { return Ok(None) };
        self.go_on()?;
        match self.world.desktop().table(&element.id, rows) {
            Ok(grid) => Ok(grid),
            Err(DesktopError::Unsupported { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The table it is, lies in or has in it.
    fn table_at(&mut self, hit: &Hit) -> Result<Option<Element>, Break> {
        let Some(scene) = self.scene_if_any(&mut Look::default())? else { return Ok(None) };
        let is_table = |at: &usize| TABLES.contains(&scene.get(*at).role);
        if let Some(element) = &hit.element
            && let Some(at) = scene.all().find(|at| scene.get(*at).id == element.id)
        {
            let around = std::iter::once(at).chain(scene.chain(at)).find(|at| is_table(at));
            let inside = scene.all().filter(is_table).find(|table| scene.chain(*table).any(|up| up == at));
            return Ok(around.or(inside).map(|at| scene.get(at).clone()));
        }
        let mut there = scene.all().filter(is_table).filter(|at| {
            let middle = scene.shown(*at).map(|rect| rect.center());
            middle.is_some_and(|middle| hit.rect.contains(middle))
        });
        match (there.next(), there.next()) {
            (Some(at), None) => Ok(Some(scene.get(at).clone())),
            (None, _) => Ok(None),
            (Some(_), Some(_)) => {
                fault(Category::TargetNotFound, format!("there are several tables in {}; name one by `ui`", hit.what))
            }
        }
    }
}

/// The columns wanted, each with its place among those that are there.
fn chosen(there: &[String], wanted: &[String]) -> Result<Vec<(String, usize)>, String> {
    if wanted.is_empty() {
        return Ok(named(there).into_iter().zip(0..).collect());
    }
    let place = |name: &String| {
        let at = there.iter().position(|heading| heading.trim().eq_ignore_ascii_case(name));
        at.map(|at| (name.clone(), at)).ok_or_else(|| {
            let headings: Vec<String> = there.iter().map(|heading| format!("\"{}\"", heading.trim())).collect();
            format!("the table has no column \"{name}\"; it has {}", headings.join(", "))
        })
    };
    wanted.iter().map(place).collect()
}

/// Every column by a name of its own: what has no heading, or one that stands before, is numbered from 1.
fn named(headings: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (at, heading) in headings.iter().enumerate() {
        let heading = heading.trim();
        let is_free = !heading.is_empty() && !names.iter().any(|name| name == heading);
        names.push(if is_free { heading.to_owned() } else { format!("column_{}", at + 1) });
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn columns_are_chosen_by_their_headings_and_named_once() {
        let there = texts(&["MRN", " Name ", "", "Name"]);
        let all: Vec<String> = chosen(&there, &[]).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(all, ["MRN", "Name", "column_3", "column_4"]);
        assert_eq!(chosen(&there, &texts(&["name", "MRN"])).unwrap(), [("name".to_owned(), 1), ("MRN".to_owned(), 0)]);
        assert!(chosen(&there, &texts(&["Age"])).unwrap_err().contains("it has \"MRN\", \"Name\""));
    }
}
