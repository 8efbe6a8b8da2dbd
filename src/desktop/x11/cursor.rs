//! What the pointer looks like, by the name that toolkits give its picture.

use x11rb::{
    errors::{ConnectionError, ReplyError},
    protocol::xfixes::ConnectionExt as _,
};

use super::link::Link;
use crate::desktop::DesktopError;

/// Names of pictures that ask to wait: those of the X cursor font, of freedesktop themes, and the digests by which older toolkits
/// name them.
const BUSY: [&str; 10] = [
    "watch",
    "wait",
    "progress",
    "left_ptr_watch",
    "half-busy",
    "busy",
    "00000000000000020006000e7e9ffc3f",
    "08e8e1c95fe2fc01f976f1e063a24ccd",
    "3ecb610c1bf2410f44200f48c40d3599",
    "0426c94ea35c87780ff01dc239897213",
];

/// A picture without a name may be anything, and counts as none of them.
pub(super) fn busy(link: &Link) -> Result<Option<String>, DesktopError> {
    match name(link) {
        Ok(name) => Ok(BUSY.iter().any(|busy| name.eq_ignore_ascii_case(busy)).then_some(name)),
        Err(ReplyError::ConnectionError(ConnectionError::UnsupportedExtension)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn name(link: &Link) -> Result<String, ReplyError> {
    // The server answers nothing else of this extension until it was told which version is spoken.
    link.connection.xfixes_query_version(4, 0)?.reply()?;
    let cursor = link.connection.xfixes_get_cursor_image_and_name()?.reply()?;
    Ok(String::from_utf8_lossy(&cursor.name).into_owned())
}
