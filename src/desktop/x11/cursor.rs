//! What the pointer looks like: by the name that toolkits give its picture, or as the watch of the X cursor font, which has none.

use x11rb::{
    connection::Connection as _,
    errors::{ConnectionError, ReplyError, ReplyOrIdError},
    protocol::{
        xfixes::{ConnectionExt as _, GetCursorImageAndNameReply},
        xproto::{ConnectionExt as _, CreateGCAux, ImageFormat, ImageOrder, Rectangle},
    },
};

use super::link::Link;
use crate::desktop::DesktopError;

/// Names of pictures that ask to wait: those of the X cursor font, of freedesktop themes, and the digests by which older toolkits
/// name them.
const BUSY: [&str; 10] = [
    WATCH,
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

const WATCH: &str = "watch";

/// The outline of the watch in the cursor font.
const WATCH_OUTLINE: u8 = 151;

/// The side of the sheet a glyph is drawn on; the font's are far smaller.
const SHEET: u16 = 64;

/// Where something is painted, by row.
type Shape = Vec<Vec<bool>>;

/// A picture that has no name and is not that watch may be anything, and counts as none of them.
pub(super) fn busy(link: &Link) -> Result<Option<String>, DesktopError> {
    let cursor = match cursor(link) {
        Err(ReplyError::ConnectionError(ConnectionError::UnsupportedExtension)) => return Ok(None),
        cursor => cursor?,
    };
    let name = String::from_utf8_lossy(&cursor.name).into_owned();
    if name.is_empty() {
        let shape = trimmed(&shape_of(&cursor));
        return Ok((!shape.is_empty() && shape == watch(link)?).then(|| WATCH.to_owned()));
    }
    Ok(BUSY.iter().any(|busy| name.eq_ignore_ascii_case(busy)).then_some(name))
}

fn cursor(link: &Link) -> Result<GetCursorImageAndNameReply, ReplyError> {
    // The server answers nothing else of this extension until it was told which version is spoken.
    link.connection.xfixes_query_version(4, 0)?.reply()?;
    link.connection.xfixes_get_cursor_image_and_name()?.reply()
}

fn shape_of(cursor: &GetCursorImageAndNameReply) -> Shape {
    let rows = cursor.cursor_image.chunks(usize::from(cursor.width.max(1)));
    rows.map(|row| row.iter().map(|argb| argb >> 24 != 0).collect()).collect()
}

/// As this server's own font has it. Empty where the font is not there.
fn watch(link: &Link) -> Result<Shape, DesktopError> {
    match drawn(link) {
        Ok(shape) => Ok(trimmed(&shape)),
        Err(ReplyOrIdError::X11Error(_)) => Ok(Shape::new()),
        Err(error) => Err(error.into()),
    }
}

fn drawn(link: &Link) -> Result<Shape, ReplyOrIdError> {
    let connection = &link.connection;
    let (font, sheet, pen) = (connection.generate_id()?, connection.generate_id()?, connection.generate_id()?);
    connection.open_font(font, b"cursor")?.check()?;
    connection.create_pixmap(1, sheet, link.root, SHEET, SHEET)?;
    connection.create_gc(pen, sheet, &CreateGCAux::new().foreground(0).font(font))?;
    connection.poly_fill_rectangle(sheet, pen, &[Rectangle { x: 0, y: 0, width: SHEET, height: SHEET }])?;
    connection.change_gc(pen, &x11rb::protocol::xproto::ChangeGCAux::new().foreground(1))?;
    // One item: how many characters, by how much they are moved, and the character.
    let middle = i16::try_from(SHEET / 2).unwrap_or_default();
    connection.poly_text8(sheet, pen, middle, middle, &[1, 0, WATCH_OUTLINE])?;
    let image = connection.get_image(ImageFormat::XY_PIXMAP, sheet, 0, 0, SHEET, SHEET, 1)?.reply();
    connection.free_gc(pen)?;
    connection.free_pixmap(sheet)?;
    connection.close_font(font)?;
    let data = image?.data;
    let least_first = connection.setup().bitmap_format_bit_order == ImageOrder::LSB_FIRST;
    // The sheet is as wide as two of the longest units, so that no row is padded, and bytes stand in the order of the bits.
    let bit = |byte: u8, at: u8| byte >> (if least_first { at } else { 7 - at }) & 1 == 1;
    let rows = data.chunks(usize::from(SHEET / 8));
    Ok(rows.map(|row| row.iter().flat_map(|byte| (0..8).map(move |at| bit(*byte, at))).collect()).collect())
}

/// Without the empty rows and columns around it.
fn trimmed(shape: &[Vec<bool>]) -> Shape {
    let painted: Vec<usize> = (0..shape.len()).filter(|row| shape[*row].contains(&true)).collect();
    let (Some(top), Some(bottom)) = (painted.first(), painted.last()) else { return Shape::new() };
    let columns = || shape[*top..=*bottom].iter();
    let left = columns().filter_map(|row| row.iter().position(|is| *is)).min().unwrap_or_default();
    let right = columns().filter_map(|row| row.iter().rposition(|is| *is)).max().unwrap_or_default();
    columns().map(|row| row[left..=right].to_vec()).collect()
}
