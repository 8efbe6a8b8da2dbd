//! `read_table`: the rows of a grid.

use super::scalar::Language;
use super::target::Target;

#[derive(Clone, Debug)]
pub struct ReadTable {
    pub from: Target,
    /// The columns wanted, by their headings. Empty: all of them.
    pub columns: Vec<String>,
    /// `None`: all of them, of which there may be [`crate::workflow::limits::TABLE_ROWS`].
    pub max_rows: Option<u32>,
    /// Of what is read off the screen.
    pub language: Language,
}
