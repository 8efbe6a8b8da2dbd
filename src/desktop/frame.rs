//! A picture of the desktop: pixels, and what is done to them before they leave the machine.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, OnceLock},
};

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
        webp::WebPEncoder,
    },
};

use super::{DesktopError, Point, Rect};

/// The order of the bytes of a pixel in memory. The fourth is always 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelOrder {
    /// As X11 and Windows deliver it.
    Bgra,
    Rgba,
}

/// An opaque colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Color {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
}

impl Color {
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Whether no channel differs by more than `tolerance`.
    pub fn is_near(self, other: Self, tolerance: u8) -> bool {
        self.red.abs_diff(other.red) <= tolerance
            && self.green.abs_diff(other.green) <= tolerance
            && self.blue.abs_diff(other.blue) <= tolerance
    }

    /// Brightness as all gray comparison here uses it, 0 to 255.
    pub fn gray(self) -> u8 {
        gray(self.red, self.green, self.blue)
    }
}

/// Brightness with the usual weights, in whole numbers so that every stage gets the same.
pub(super) fn gray(red: u8, green: u8, blue: u8) -> u8 {
    // The largest sum is 65408.
    let sum = 77 * u16::from(red) + 150 * u16::from(green) + 29 * u16::from(blue) + 128;
    sum.to_le_bytes()[1]
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// Why a text is no colour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a colour: write #rrggbb, such as #00a651")]
pub struct ColorError(String);

impl FromStr for Color {
    type Err = ColorError;

    fn from_str(text: &str) -> Result<Self, ColorError> {
        let wrong = || ColorError(text.to_owned());
        let digits =
            text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii()).ok_or_else(wrong)?;
        let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong());
        Ok(Self::new(channel(0)?, channel(2)?, channel(4)?))
    }
}

/// Pixels, eight bits a channel, rows packed without gaps. Cloning shares the pixels.
#[derive(Clone)]
pub struct Frame {
    width: u32,
    height: u32,
    order: PixelOrder,
    pixels: Arc<Vec<u8>>,
    hash: OnceLock<u64>,
}

impl Frame {
    /// Takes packed rows of four bytes a pixel. The fourth byte is set to 255. Errors when the length does not fit the size.
    pub fn new(width: u32, height: u32, order: PixelOrder, mut pixels: Vec<u8>) -> Result<Self, DesktopError> {
        if pixels.len() as u64 != u64::from(width) * u64::from(height) * 4 {
            let length = pixels.len();
            return Err(DesktopError::Capture(format!("{length} bytes are no picture of {width}x{height} pixels")));
        }
        for pixel in pixels.chunks_exact_mut(4) {
            pixel[3] = 255;
        }
        Ok(Self { width, height, order, pixels: Arc::new(pixels), hash: OnceLock::new() })
    }

    /// Of one colour.
    pub fn filled(width: u32, height: u32, color: Color) -> Self {
        let pixels = [color.red, color.green, color.blue, 255].repeat(width as usize * height as usize);
        Self { width, height, order: PixelOrder::Rgba, pixels: Arc::new(pixels), hash: OnceLock::new() }
    }

    /// From a PNG, WebP or JPEG file. Transparency is lost: transparent pixels keep the colour they carry.
    pub fn decode(bytes: &[u8]) -> Result<Self, DesktopError> {
        let picture = image::load_from_memory(bytes)
            .map_err(|error| DesktopError::Capture(format!("not a picture that can be read: {error}")))?
            .to_rgba8();
        Self::new(picture.width(), picture.height(), PixelOrder::Rgba, picture.into_raw())
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    pub fn order(&self) -> PixelOrder {
        self.order
    }

    /// Bytes from one row to the next.
    pub fn stride(&self) -> usize {
        self.width as usize * 4
    }

    /// All pixels, row after row, four bytes each in [`Frame::order`].
    pub fn bytes(&self) -> &[u8] {
        &self.pixels
    }

    /// The whole picture, its corner at (0, 0).
    pub fn rect(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }

    /// A hash of size and pixels, to tell pictures apart. Computed once; not for security.
    pub fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| hash(&self.pixels, (u64::from(self.width) << 32) | u64::from(self.height)))
    }

    /// Whether both show the same, exactly.
    pub fn same_pixels(&self, other: &Self) -> bool {
        (self.width, self.height, self.order) == (other.width, other.height, other.order)
            && (Arc::ptr_eq(&self.pixels, &other.pixels) || self.pixels == other.pixels)
    }

    /// The smallest rectangle with all that differs; all of it where the sizes do. `None`: nothing does.
    pub fn changed_since(&self, before: &Self) -> Option<Rect> {
        if (self.width, self.height, self.order) != (before.width, before.height, before.order) {
            return Some(self.rect());
        }
        let [mut left, mut right, mut top, mut bottom] = [usize::MAX, 0, usize::MAX, 0];
        let stride = self.stride().max(1);
        let rows = self.pixels.chunks_exact(stride).zip(before.pixels.chunks_exact(stride));
        for (y, (row, other)) in rows.enumerate().filter(|(_, (row, other))| row != other) {
            let differs = |(one, two): (&[u8], &[u8])| one != two;
            let mut pixels = row.chunks_exact(4).zip(other.chunks_exact(4));
            left = left.min(pixels.clone().position(differs).unwrap_or(usize::MAX));
            right = right.max(pixels.rposition(differs).unwrap_or(0));
            (top, bottom) = (top.min(y), bottom.max(y));
        }
        let [x, y] = [left, top].map(|at| i32::try_from(at).ok());
        let [width, height] = [(left, right), (top, bottom)].map(|(from, to)| u32::try_from(to.wrapping_sub(from) + 1));
        Some(Rect::new(x?, y?, width.ok()?, height.ok()?))
    }

    /// `None` outside.
    pub fn pixel(&self, at: Point) -> Option<Color> {
        if !self.rect().contains(at) {
            return None;
        }
        let start = at.y.unsigned_abs() as usize * self.stride() + at.x.unsigned_abs() as usize * 4;
        let [first, green, third] = [self.pixels[start], self.pixels[start + 1], self.pixels[start + 2]];
        Some(match self.order {
            PixelOrder::Bgra => Color::new(third, green, first),
            PixelOrder::Rgba => Color::new(first, green, third),
        })
    }

    /// The part inside `rect`; `None` where they have nothing in common.
    pub fn crop(&self, rect: Rect) -> Option<Self> {
        let part = self.rect().intersect(&rect)?;
        let mut pixels = Vec::with_capacity(part.width as usize * part.height as usize * 4);
        for row in self.row_spans(part) {
            pixels.extend_from_slice(&self.pixels[row]);
        }
        let hash = OnceLock::new();
        Some(Self { width: part.width, height: part.height, order: self.order, pixels: Arc::new(pixels), hash })
    }

    /// Fills a rectangle with one colour: black for masks.
    pub fn fill(&mut self, rect: Rect, color: Color) {
        let Some(part) = self.rect().intersect(&rect) else { return };
        let pixel = match self.order {
            PixelOrder::Bgra => [color.blue, color.green, color.red, 255],
            PixelOrder::Rgba => [color.red, color.green, color.blue, 255],
        };
        let rows = self.row_spans(part);
        let pixels = Arc::make_mut(&mut self.pixels);
        for row in rows {
            pixels[row].chunks_exact_mut(4).for_each(|at| at.copy_from_slice(&pixel));
        }
        self.hash = OnceLock::new();
    }

    /// Blacks out what must not leave the machine.
    pub fn black_out(&mut self, rects: &[Rect]) {
        for rect in rects {
            self.fill(*rect, Color::default());
        }
    }

    /// Draws a frame of `thickness` pixels around `rect`, outside it as far as there is room.
    pub fn mark(&mut self, rect: Rect, color: Color, thickness: u32) {
        let outer = rect.grown(thickness);
        let [bottom, right] = [rect.bottom(), rect.right()];
        self.fill(Rect::new(outer.x, outer.y, outer.width, thickness), color);
        self.fill(Rect::new(outer.x, bottom, outer.width, thickness), color);
        self.fill(Rect::new(outer.x, outer.y, thickness, outer.height), color);
        self.fill(Rect::new(right, outer.y, thickness, outer.height), color);
    }

    /// Whether every pixel is (nearly) black, as a locked or disconnected session shows.
    pub fn is_black(&self) -> bool {
        self.pixels.chunks_exact(4).all(|pixel| pixel[0] <= 4 && pixel[1] <= 4 && pixel[2] <= 4)
    }

    /// The fastest lossless encoding.
    pub fn to_png(&self) -> Result<Vec<u8>, DesktopError> {
        let mut out = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Up);
        self.encode(encoder)?;
        Ok(out)
    }

    /// The smallest lossless encoding.
    pub fn to_webp(&self) -> Result<Vec<u8>, DesktopError> {
        let mut out = Vec::new();
        self.encode(WebPEncoder::new_lossless(&mut out))?;
        Ok(out)
    }

    /// With losses, quality 1 to 100.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, DesktopError> {
        let mut out = Vec::new();
        self.encode(JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100)))?;
        Ok(out)
    }

    fn encode(&self, encoder: impl ImageEncoder) -> Result<(), DesktopError> {
        let rgb = self.to_rgb();
        encoder
            .write_image(&rgb, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| DesktopError::Capture(format!("the picture cannot be encoded: {error}")))
    }

    /// The brightness of every pixel, row after row.
    pub fn to_gray(&self) -> Vec<u8> {
        let swap = self.order == PixelOrder::Bgra;
        let of =
            |pixel: &[u8]| if swap { gray(pixel[2], pixel[1], pixel[0]) } else { gray(pixel[0], pixel[1], pixel[2]) };
        self.pixels.chunks_exact(4).map(of).collect()
    }

    fn to_rgb(&self) -> Vec<u8> {
        let mut rgb = vec![0; self.pixels.len() / 4 * 3];
        let swap = self.order == PixelOrder::Bgra;
        for (to, from) in rgb.chunks_exact_mut(3).zip(self.pixels.chunks_exact(4)) {
            to.copy_from_slice(&if swap { [from[2], from[1], from[0]] } else { [from[0], from[1], from[2]] });
        }
        rgb
    }

    /// The byte ranges of the rows of `part`, which must lie inside.
    pub(super) fn row_spans(&self, part: Rect) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let stride = self.stride();
        let first = part.y.unsigned_abs() as usize * stride + part.x.unsigned_abs() as usize * 4;
        let length = part.width as usize * 4;
        (0..part.height as usize).map(move |row| first + row * stride..first + row * stride + length)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({}x{} {:?})", self.width, self.height, self.order)
    }
}

/// Four independent lanes of multiply and rotate, so that 8 MB take about a millisecond.
fn hash(bytes: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| (state ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let word = |bytes: &[u8]| {
        let mut all = [0; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(all)
    };
    let mut lanes = [seed, seed ^ 1, seed ^ 2, seed ^ 3];
    let chunks = bytes.chunks_exact(32);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, part) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            *lane = mix(*lane, word(part));
        }
    }
    for part in rest.chunks(8) {
        lanes[0] = mix(lanes[0], word(part));
    }
    lanes.iter().fold(bytes.len() as u64, |all, lane| mix(mix(all, *lane), lane >> 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Color = Color::new(250, 10, 20);

    fn gradient(width: u32, height: u32, order: PixelOrder) -> Frame {
        let pixels = (0..width * height).flat_map(|n| [n.to_le_bytes()[0], n.to_le_bytes()[1], 7, 0]).collect();
        Frame::new(width, height, order, pixels).unwrap()
    }

    #[test]
    fn both_pixel_orders_show_the_same_colours() {
        let bgra = Frame::new(1, 1, PixelOrder::Bgra, vec![20, 10, 250, 0]).unwrap();
        let rgba = Frame::new(1, 1, PixelOrder::Rgba, vec![250, 10, 20, 9]).unwrap();
        assert_eq!(bgra.pixel(Point::new(0, 0)), Some(RED));
        assert_eq!(rgba.pixel(Point::new(0, 0)), Some(RED));
        assert_eq!(bgra.to_png().unwrap(), rgba.to_png().unwrap());
        assert_eq!(rgba.pixel(Point::new(1, 0)), None);
    }

    #[test]
    fn lossless_encodings_bring_every_pixel_back() {
        let frame = gradient(37, 11, PixelOrder::Bgra);
        for encoded in [frame.to_png().unwrap(), frame.to_webp().unwrap()] {
            let back = Frame::decode(&encoded).unwrap();
            for (x, y) in [(0, 0), (36, 10), (5, 7)] {
                assert_eq!(back.pixel(Point::new(x, y)), frame.pixel(Point::new(x, y)));
            }
        }
    }

    #[test]
    fn a_mask_is_black_and_the_clone_made_before_is_not() {
        let mut frame = gradient(20, 10, PixelOrder::Bgra);
        let before = frame.clone();
        frame.black_out(&[Rect::new(-5, -5, 8, 7), Rect::new(100, 100, 4, 4)]);
        assert_eq!(frame.pixel(Point::new(2, 1)), Some(Color::default()));
        assert_ne!(frame.pixel(Point::new(3, 1)), Some(Color::default()));
        assert_ne!(before.pixel(Point::new(2, 1)), Some(Color::default()));
        assert_ne!(frame.hash(), before.hash());
        assert!(!frame.same_pixels(&before));
    }

    #[test]
    fn a_crop_keeps_the_part_inside() {
        let frame = gradient(20, 10, PixelOrder::Rgba);
        let part = frame.crop(Rect::new(15, -2, 10, 5)).unwrap();
        assert_eq!((part.width(), part.height()), (5, 3));
        assert_eq!(part.pixel(Point::new(4, 2)), frame.pixel(Point::new(19, 2)));
        assert!(frame.crop(Rect::new(20, 0, 5, 5)).is_none());
    }

    #[test]
    fn a_mark_frames_the_place_and_leaves_it_readable() {
        let mut frame = gradient(20, 20, PixelOrder::Bgra);
        let inside = frame.pixel(Point::new(5, 5));
        frame.mark(Rect::new(5, 5, 4, 4), RED, 2);
        assert_eq!(frame.pixel(Point::new(5, 5)), inside);
        for (x, y) in [(3, 3), (4, 6), (9, 9), (10, 3), (7, 10)] {
            assert_eq!(frame.pixel(Point::new(x, y)), Some(RED), "({x}, {y})");
        }
        assert_ne!(frame.pixel(Point::new(11, 5)), Some(RED));
        frame.mark(Rect::new(-4, -4, 100, 100), RED, 3);
    }

    #[test]
    fn what_changed_is_told_as_one_rectangle() {
        let before = gradient(20, 10, PixelOrder::Rgba);
        assert_eq!(before.changed_since(&before.clone()), None);
        let mut after = before.clone();
        after.fill(Rect::new(3, 2, 1, 1), RED);
        assert_eq!(after.changed_since(&before), Some(Rect::new(3, 2, 1, 1)));
        after.fill(Rect::new(0, 7, 1, 1), RED);
        after.fill(Rect::new(19, 9, 1, 1), RED);
        assert_eq!(after.changed_since(&before), Some(Rect::new(0, 2, 20, 8)));
        assert_eq!(after.changed_since(&gradient(10, 20, PixelOrder::Rgba)), Some(after.rect()));
        let nothing = Frame::filled(0, 0, RED);
        assert_eq!(nothing.changed_since(&nothing.clone()), None);
    }

    #[test]
    fn wrong_lengths_and_colours_are_told() {
        assert!(Frame::new(2, 2, PixelOrder::Rgba, vec![0; 15]).is_err());
        assert_eq!("#00A651".parse(), Ok(Color::new(0, 166, 81)));
        for wrong in ["00a651", "#00a65", "#00a65x", "#ß0a65"] {
            assert!(wrong.parse::<Color>().is_err(), "{wrong}");
        }
        assert!(Color::new(10, 10, 10).is_near(Color::new(15, 5, 10), 5));
        assert!(!Color::new(10, 10, 10).is_near(Color::new(16, 5, 10), 5));
    }

    #[test]
    fn one_changed_bit_changes_the_hash() {
        let frame = gradient(33, 5, PixelOrder::Bgra);
        for at in [0, 300, 33 * 5 * 4 - 2] {
            let mut bytes = frame.bytes().to_vec();
            bytes[at] ^= 1;
            assert_ne!(Frame::new(33, 5, PixelOrder::Bgra, bytes).unwrap().hash(), frame.hash());
        }
        assert!(!frame.is_black());
        assert!(Frame::filled(4, 4, Color::new(3, 2, 1)).is_black());
    }
}
