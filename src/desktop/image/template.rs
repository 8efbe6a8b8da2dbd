//! A picture to be found, read once and prepared for every stage.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    io::Cursor,
    sync::OnceLock,
};

use image::{ImageReader, Limits, RgbaImage, imageops};

use super::{
    exact::Needle,
    pattern::Pattern,
    plane::{Channel, Plane},
    pyramid::{DEEPEST, worst_of},
};
use crate::desktop::{Color, Frame, PixelOrder, Point};

/// Longest side of a template.
const MAX_SIDE: u32 = 8192;

/// Why a picture is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("not a picture that can be read (PNG, WebP or JPEG): {0}")]
    Unreadable(String),
    #[error("every pixel of the picture is transparent: nothing is left to look for")]
    Transparent,
    #[error("a scale of {0} leaves nothing of the picture, or makes it larger than {MAX_SIDE} pixels")]
    Scale(String),
}

/// A picture to be found. Pixels that are not fully opaque do not matter.
pub struct Template {
    picture: RgbaImage,
    id: u64,
    /// `None`: of one colour.
    channel: Option<Channel>,
    pattern: Pattern,
    /// At half the size, and at half of that, and so on.
    smaller: [OnceLock<Option<Pattern>>; DEEPEST],
    /// What it scores at those sizes where it lies worst to their grid.
    worst: [OnceLock<f64>; DEEPEST],
    needles: [OnceLock<Needle>; 2],
}

impl Template {
    /// From a PNG, WebP or JPEG file.
    pub fn decode(bytes: &[u8]) -> Result<Self, TemplateError> {
        let unreadable = |error: &dyn fmt::Display| TemplateError::Unreadable(error.to_string());
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        let mut reader =
            ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| unreadable(&error))?;
        reader.limits(limits);
        Self::of(reader.decode().map_err(|error| unreadable(&error))?.to_rgba8())
    }

    /// A part of the screen, cut out earlier.
    pub fn from_frame(frame: &Frame) -> Result<Self, TemplateError> {
        let bytes = match frame.order() {
            PixelOrder::Rgba => frame.bytes().to_vec(),
            PixelOrder::Bgra => {
                frame.bytes().chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0], 255]).collect()
            }
        };
        let picture = RgbaImage::from_raw(frame.width(), frame.height(), bytes).ok_or(TemplateError::Transparent)?;
        Self::of(picture)
    }

    fn of(picture: RgbaImage) -> Result<Self, TemplateError> {
        let cares: Vec<bool> = picture.pixels().map(|pixel| pixel[3] == 255).collect();
        if !cares.contains(&true) {
            return Err(TemplateError::Transparent);
        }
        let pattern = |channel: Channel| {
            let values = picture.pixels().map(|pixel| channel.of([pixel[0], pixel[1], pixel[2]])).collect();
            let (width, height) = (picture.width() as usize, picture.height() as usize);
            Pattern::new(Plane { width, height, values }, &cares)
        };
        let gray = pattern(Channel::Gray);
        let (channel, pattern) = if gray.is_flat() {
            let colours = [Channel::Red, Channel::Green, Channel::Blue].map(|channel| (channel, pattern(channel)));
            let most = colours.into_iter().max_by_key(|(_, pattern)| pattern.energy);
            most.filter(|(_, pattern)| !pattern.is_flat())
                .map_or((None, gray), |(channel, pattern)| (Some(channel), pattern))
        } else {
            (Some(Channel::Gray), gray)
        };
        let mut hasher = DefaultHasher::new();
        (picture.dimensions(), picture.as_raw()).hash(&mut hasher);
        Ok(Self {
            id: hasher.finish(),
            picture,
            channel,
            pattern,
            smaller: Default::default(),
            worst: Default::default(),
            needles: Default::default(),
        })
    }

    pub fn width(&self) -> u32 {
        self.picture.width()
    }

    pub fn height(&self) -> u32 {
        self.picture.height()
    }

    /// Of a single colour: it is found, but it says little.
    pub fn is_flat(&self) -> bool {
        self.channel.is_none()
    }

    /// The same picture at another size.
    pub fn scaled(&self, scale: f64) -> Result<Self, TemplateError> {
        let wrong = || TemplateError::Scale(scale.to_string());
        let side = |length: u32| {
            let scaled = (f64::from(length) * scale).round();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "inside 1 to 8192 by the check"
            )]
            (scaled >= 1.0 && scaled <= f64::from(MAX_SIDE)).then_some(scaled as u32).ok_or_else(wrong)
        };
        let filter = imageops::FilterType::CatmullRom;
        Self::of(imageops::resize(&self.picture, side(self.width())?, side(self.height())?, filter))
    }

    /// The same for the same picture.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn channel(&self) -> Option<Channel> {
        self.channel
    }

    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Halved so many times, at most [`DEEPEST`]; `None` where nothing is left to compare.
    pub(super) fn smaller(&self, depth: usize) -> Option<&Pattern> {
        let Some(last) = depth.checked_sub(1) else { return Some(&self.pattern) };
        self.smaller[last].get_or_init(|| self.smaller(last)?.halved()).as_ref()
    }

    /// What it scores halved so many times where it lies worst to the grid.
    pub(super) fn worst_at(&self, depth: usize) -> f64 {
        let (Some(last), Some(smaller)) = (depth.checked_sub(1), self.smaller(depth)) else { return 1.0 };
        *self.worst[last].get_or_init(|| worst_of(&self.pattern.plane, smaller, depth))
    }

    pub(super) fn needle(&self, order: PixelOrder) -> &Needle {
        let which = match order {
            PixelOrder::Bgra => 0,
            PixelOrder::Rgba => 1,
        };
        self.needles[which].get_or_init(|| Needle::new(&self.pattern.runs, order, |at| self.color(at)))
    }

    /// The colour of a pixel inside.
    pub(super) fn color(&self, at: Point) -> Color {
        let pixel = self.picture.get_pixel(at.x.unsigned_abs(), at.y.unsigned_abs());
        Color::new(pixel[0], pixel[1], pixel[2])
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({}x{})", self.width(), self.height())
    }
}
