//! Lists, a page at a time.

/// Which end of time a list begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// `after` is the `next` of the page before; `limit` is at least 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<Cursor> {
    pub after: Option<Cursor>,
    pub limit: usize,
    pub order: Order,
}

/// A page may hold fewer rows than asked for, even none, and still have a `next`: one page reads a bounded number of rows, of
/// which few may fit the filter. The list ends where `next` is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<Row, Cursor> {
    pub items: Vec<Row>,
    pub next: Option<Cursor>,
}
