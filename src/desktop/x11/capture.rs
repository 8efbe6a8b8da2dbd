//! The picture of the screen: through shared memory where the server can, else over the connection.

use std::{fs::File, os::fd::OwnedFd, os::unix::fs::FileExt};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use x11rb::{
    connection::{Connection, RequestConnection},
    protocol::{
        shm::{self, ConnectionExt as _},
        xproto::{ConnectionExt as _, Drawable, ImageFormat, ImageOrder},
    },
};

use super::link::Link;
use crate::desktop::{DesktopError, Frame, PixelOrder, Rect};

/// All planes.
const ALL: u32 = !0;

/// What is kept from one picture to the next.
pub(super) struct Capture {
    order: PixelOrder,
    shared: Shared,
}

enum Shared {
    /// Memory of both, so many bytes.
    Segment {
        segment: shm::Seg,
        memory: File,
        bytes: u64,
    },
    NotYet,
    /// The server cannot, or is on another machine.
    Never,
}

impl Capture {
    pub(super) fn new(link: &Link) -> Result<Self, DesktopError> {
        let able = link.connection.extension_information(shm::X11_EXTENSION_NAME)?.is_some()
            && link
                .connection
                .shm_query_version()?
                .reply()
                .is_ok_and(|version| (version.major_version, version.minor_version) >= (1, 2));
        Ok(Self { order: order(link)?, shared: if able { Shared::NotYet } else { Shared::Never } })
    }

    /// A part of the screen, which must lie inside.
    pub(super) fn take(&mut self, link: &Link, part: Rect) -> Result<Frame, DesktopError> {
        let pixels = match self.through_memory(link, part) {
            Ok(Some(pixels)) => pixels,
            Ok(None) => over_the_connection(link, part)?,
            Err(error @ DesktopError::Unavailable(_)) => return Err(error),
            Err(_) => {
                self.shared = Shared::Never;
                over_the_connection(link, part)?
            }
        };
        Frame::new(part.width, part.height, self.order, pixels)
    }

    fn through_memory(&mut self, link: &Link, part: Rect) -> Result<Option<Vec<u8>>, DesktopError> {
        let bytes = u64::from(part.width) * u64::from(part.height) * 4;
        if matches!(&self.shared, Shared::Segment { bytes: have, .. } if *have < bytes) {
            self.detach(link)?;
        }
        if matches!(self.shared, Shared::NotYet) {
            self.shared = attach(link, bytes)?;
        }
        let Shared::Segment { segment, memory, .. } = &self.shared else { return Ok(None) };
        let ((x, y), (width, height)) = wire(part)?;
        link.connection
            .shm_get_image(link.root, x, y, width, height, ALL, ImageFormat::Z_PIXMAP.into(), *segment, 0)?
            .reply()?;
        let mut pixels = vec![0; usize::try_from(bytes).map_err(|_| too_large())?];
        memory.read_exact_at(&mut pixels, 0).map_err(|error| DesktopError::Capture(error.to_string()))?;
        Ok(Some(pixels))
    }

    fn detach(&mut self, link: &Link) -> Result<(), DesktopError> {
        if let Shared::Segment { segment, .. } = std::mem::replace(&mut self.shared, Shared::NotYet) {
            link.connection.shm_detach(segment)?;
        }
        Ok(())
    }
}

fn attach(link: &Link, bytes: u64) -> Result<Shared, DesktopError> {
    let failed = |error: &dyn std::fmt::Display| DesktopError::Capture(format!("no shared memory: {error}"));
    let memory = File::from(memfd_create("deskfleet-frame", MemfdFlags::CLOEXEC).map_err(|error| failed(&error))?);
    ftruncate(&memory, bytes).map_err(|error| failed(&error))?;
    let theirs = OwnedFd::from(memory.try_clone().map_err(|error| failed(&error))?);
    let segment = link.connection.generate_id().map_err(|error| failed(&error))?;
    link.connection.shm_attach_fd(segment, theirs, false)?.check()?;
    Ok(Shared::Segment { segment, memory, bytes })
}

fn over_the_connection(link: &Link, part: Rect) -> Result<Vec<u8>, DesktopError> {
    let ((x, y), (width, height)) = wire(part)?;
    let reply = link.connection.get_image(ImageFormat::Z_PIXMAP, link.root, x, y, width, height, ALL)?.reply()?;
    Ok(reply.data)
}

/// The screen as it is now: it may have been resized.
pub(super) fn screen(link: &Link) -> Result<Rect, DesktopError> {
    let root: Drawable = link.root;
    let geometry = link.connection.get_geometry(root)?.reply()?;
    Ok(Rect::new(0, 0, geometry.width.into(), geometry.height.into()))
}

/// The order of the bytes of a pixel, where we can read it.
fn order(link: &Link) -> Result<PixelOrder, DesktopError> {
    let setup = link.connection.setup();
    let screen = setup.roots.iter().find(|screen| screen.root == link.root);
    let format = screen.and_then(|screen| setup.pixmap_formats.iter().find(|format| format.depth == screen.root_depth));
    let visual = screen.and_then(|screen| {
        let mut visuals = screen.allowed_depths.iter().flat_map(|depth| &depth.visuals);
        visuals.find(|visual| visual.visual_id == screen.root_visual)
    });
    let little = setup.image_byte_order == ImageOrder::LSB_FIRST;
    match (format, visual) {
        (Some(format), Some(visual)) if little && format.bits_per_pixel == 32 => {
            match (visual.red_mask, visual.green_mask, visual.blue_mask) {
                (0x00ff_0000, 0xff00, 0xff) => Ok(PixelOrder::Bgra),
                (0xff, 0xff00, 0x00ff_0000) => Ok(PixelOrder::Rgba),
                _ => Err(unsupported()),
            }
        }
        _ => Err(unsupported()),
    }
}

fn unsupported() -> DesktopError {
    DesktopError::Unsupported {
        what: "a screen without 24 bits of colour in 32".into(),
        instead: "set the X server's depth to 24".into(),
    }
}

/// Corner and size as the protocol has them.
type Wire = ((i16, i16), (u16, u16));

fn wire(part: Rect) -> Result<Wire, DesktopError> {
    let sixteen = || {
        let corner = (i16::try_from(part.x).ok()?, i16::try_from(part.y).ok()?);
        Some((corner, (u16::try_from(part.width).ok()?, u16::try_from(part.height).ok()?)))
    };
    sixteen().ok_or_else(too_large)
}

fn too_large() -> DesktopError {
    DesktopError::Capture("the screen is larger than the X protocol can tell".into())
}
