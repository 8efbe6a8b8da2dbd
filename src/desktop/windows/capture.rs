//! The picture of the whole desktop, all monitors together, by GDI.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::{ptr, slice};

use windows::Win32::{
    Graphics::Gdi::{
        BI_RGB, BITMAPINFO, BITMAPINFOHEADER, BitBlt, CAPTUREBLT, CreateCompatibleDC, CreateDIBSection, DIB_RGB_COLORS,
        DeleteDC, DeleteObject, GdiFlush, GetDC, HBITMAP, HDC, HGDIOBJ, ReleaseDC, SRCCOPY, SelectObject,
    },
    UI::HiDpi::GetDpiForSystem,
    UI::WindowsAndMessaging::{
        GetSystemMetrics, SM_CXVIRTUALSCREEN, SM_CYVIRTUALSCREEN, SM_XVIRTUALSCREEN, SM_YVIRTUALSCREEN,
    },
};

use crate::desktop::{DesktopError, Frame, PixelOrder, Point, Rect};

/// Dots an inch that count as scale 1.0.
const PLAIN_DPI: f64 = 96.0;

/// All monitors as one. The system counts from the primary monitor's corner, we count from the whole's.
pub(super) struct Screen {
    left: i32,
    top: i32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Screen {
    pub(super) fn rect(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }

    pub(super) fn place_of(&self, x: i32, y: i32) -> Point {
        Point::new(x.saturating_sub(self.left), y.saturating_sub(self.top))
    }
}

pub(super) fn screen() -> Result<Screen, DesktopError> {
    // SAFETY: takes and gives numbers.
    let metric = |index| unsafe { GetSystemMetrics(index) };
    let size = |index| u32::try_from(metric(index)).ok().filter(|length| *length > 0);
    let (Some(width), Some(height)) = (size(SM_CXVIRTUALSCREEN), size(SM_CYVIRTUALSCREEN)) else {
        return Err(DesktopError::Unavailable("the session has no screen; connect to it, or attach a display".into()));
    };
    Ok(Screen { left: metric(SM_XVIRTUALSCREEN), top: metric(SM_YVIRTUALSCREEN), width, height })
}

/// Of the primary monitor, when this process began.
pub(super) fn scale() -> f64 {
    // SAFETY: gives a number.
    let dpi = unsafe { GetDpiForSystem() };
    if dpi > 0 { f64::from(dpi) / PLAIN_DPI } else { 1.0 }
}

/// A part of the desktop, which must lie inside.
pub(super) fn take(screen: &Screen, part: Rect) -> Result<Frame, DesktopError> {
    let canvas = Canvas::new(part.width, part.height)?;
    let pixels = canvas.copy(screen.left.saturating_add(part.x), screen.top.saturating_add(part.y))?;
    Frame::new(part.width, part.height, PixelOrder::Bgra, pixels)
}

/// A bitmap in memory that the screen is copied to.
struct Canvas {
    screen: HDC,
    memory: HDC,
    bitmap: HBITMAP,
    before: HGDIOBJ,
    bits: *const u8,
    width: i32,
    height: i32,
}

impl Canvas {
    fn new(width: u32, height: u32) -> Result<Self, DesktopError> {
        let (Ok(width), Ok(height)) = (i32::try_from(width), i32::try_from(height)) else {
            return Err(failed("a picture so large"));
        };
        let header = BITMAPINFOHEADER {
            biSize: u32::try_from(size_of::<BITMAPINFOHEADER>()).unwrap_or_default(),
            biWidth: width,
            // From the top down.
            biHeight: -height,
            biPlanes: 1,
            biBitCount: 32,
            biCompression: BI_RGB.0,
            ..BITMAPINFOHEADER::default()
        };
        let info = BITMAPINFO { bmiHeader: header, ..BITMAPINFO::default() };
        let mut bits = ptr::null_mut();
        // SAFETY: all pointers are to locals that outlive the calls; what is made is released in `drop`.
        unsafe {
            let screen = GetDC(None);
            let memory = CreateCompatibleDC(Some(screen));
            match CreateDIBSection(Some(screen), &raw const info, DIB_RGB_COLORS, &raw mut bits, None, 0) {
                Ok(bitmap) if !bits.is_null() => {
                    let before = SelectObject(memory, bitmap.into());
                    Ok(Self { screen, memory, bitmap, before, bits: bits.cast(), width, height })
                }
                _ => {
                    let _ = DeleteDC(memory);
                    ReleaseDC(None, screen);
                    Err(failed("memory for it"))
                }
            }
        }
    }

    fn copy(&self, x: i32, y: i32) -> Result<Vec<u8>, DesktopError> {
        let what = SRCCOPY | CAPTUREBLT;
        let bytes =
            usize::try_from(self.width).unwrap_or_default() * usize::try_from(self.height).unwrap_or_default() * 4;
        // SAFETY: the bitmap has `width` times `height` pixels of four bytes and lives as long as this.
        unsafe {
            BitBlt(self.memory, 0, 0, self.width, self.height, Some(self.screen), x, y, what)
                .map_err(|error| failed(&error.message()))?;
            let _ = GdiFlush();
            Ok(slice::from_raw_parts(self.bits, bytes).to_vec())
        }
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        // SAFETY: made in `new`, released once.
        unsafe {
            SelectObject(self.memory, self.before);
            let _ = DeleteObject(self.bitmap.into());
            let _ = DeleteDC(self.memory);
            ReleaseDC(None, self.screen);
        }
    }
}

fn failed(what: &str) -> DesktopError {
    DesktopError::Capture(format!("the system did not give {what}"))
}
