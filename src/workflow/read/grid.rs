//! Reader of `read_table`.

use super::Reader;
use super::fields::Fields;
use super::target::transpose;
use crate::workflow::limits;
use crate::workflow::model::ReadTable;
use crate::workflow::node::Node;

impl Reader {
    pub(super) fn read_table(&mut self, node: &Node) -> Option<ReadTable> {
        if node.as_text().is_some() {
            return self.target(node).and(None);
        }
        let mut fields = Fields::new(node, "`read_table`", self)?;
        let from = fields.require("from", "`read_table`", self).and_then(|node| self.target(node));
        let columns = fields.take("columns").map(|node| self.columns(node));
        let max_rows = fields.take("max_rows").map(|node| self.count(node, 1, limits::TABLE_ROWS));
        let language = fields.take("lang").map(|node| self.language(node));
        fields.finish("`read_table`", &[], self);
        Some(ReadTable {
            from: from?,
            columns: transpose(columns)?.unwrap_or_default(),
            max_rows: transpose(max_rows)?,
            language: transpose(language)?.unwrap_or_default(),
        })
    }

    /// Headings, each once.
    fn columns(&mut self, node: &Node) -> Option<Vec<String>> {
        let columns = self.each(node, "`columns`", limits::TABLE_COLUMNS, |reader, item| {
            let name = reader.prose(item)?;
            if name.trim().is_empty() {
                reader.fault(item, "a heading may not be empty");
                return None;
            }
            Some(name.trim().to_owned())
        })?;
        if columns.is_empty() {
            self.fault_with(node, "`columns` names at least one heading", "leave it out to read all columns");
            return None;
        }
        let twice = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name));
        if let Some((_, name)) = twice {
            self.fault(node, format!("the column `{name}` stands twice"));
            return None;
        }
        Some(columns)
    }
}

#[cfg(test)]
mod tests {
    use crate::workflow::{Action, parse_one};

    #[test]
    fn a_table_is_read_whole_or_by_its_headings() {
        let read = |step: &str| {
            let text = format!("kind: workflow\nname: w\nsteps:\n  - read_table: {step}\n");
            let document = parse_one(text.as_bytes()).map_err(|faults| format!("{faults:?}"))?;
            match document.as_workflow().unwrap().steps[0].action.clone() {
                Action::ReadTable(table) => Ok(table),
                other => Err(format!("{other:?}")),
            }
        };
        let table = read("{ from: { ui: { role: table } }, columns: [MRN, Name], max_rows: 40 }").unwrap();
        assert_eq!((table.columns.len(), table.max_rows), (2, Some(40)));
        for (wrong, told) in [
            ("{ from: { window: W }, columns: [] }", "leave it out"),
            ("{ from: { window: W }, columns: [A, A] }", "stands twice"),
            ("{ from: { window: W }, max_rows: 0 }", "max_rows"),
            ("{ columns: [A] }", "needs `from`"),
            ("Patients", "bare string"),
        ] {
            let fault = read(wrong).unwrap_err();
            assert!(fault.contains(told), "{wrong}: {fault}");
        }
    }
}
