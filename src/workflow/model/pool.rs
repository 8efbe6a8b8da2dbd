//! `kind: pool`.

use super::scalar::Name;

#[derive(Clone, Debug)]
pub struct Pool {
    pub name: Name,
    pub description: Option<String>,
    /// Kept ready on its machines ahead of work.
    pub apps: Vec<Name>,
    /// What a machine's desktop must be like. `None`: anything.
    pub display: Option<Display>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Display {
    pub width: u32,
    pub height: u32,
    /// 1.0 is 96 DPI. `None`: any.
    pub scale: Option<f64>,
}
