//! Text off a picture by the system's own reader (`Windows.Media.Ocr`), in the languages that are installed.

use windows::{
    Globalization::Language,
    Graphics::Imaging::{BitmapPixelFormat, SoftwareBitmap},
    Media::Ocr::{OcrEngine, OcrWord},
    Storage::Streams::DataWriter,
    core::{HSTRING, Result as SystemResult},
};

use crate::desktop::{
    Frame, Point,
    ocr::{self, Line, Word},
};

/// The system does not say how sure it is.
const CONFIDENCE: f32 = 1.0;

/// As documents name languages, and as the system does.
const TAGS: [(&str, &str); 24] = [
    ("ces", "cs"),
    ("chi_sim", "zh-Hans"),
    ("chi_tra", "zh-Hant"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", "en"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("hun", "hu"),
    ("ita", "it"),
    ("jpn", "ja"),
    ("kor", "ko"),
    ("nld", "nl"),
    ("nor", "nb"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("slk", "sk"),
    ("spa", "es"),
    ("swe", "sv"),
    ("tur", "tr"),
    ("ukr", "uk"),
];

/// What stands on a part of the screen whose corner is at `origin`. `None`: it is no picture for this reader, or none of these languages
/// is installed.
pub(super) fn read(part: &Frame, origin: Point, languages: &str) -> Option<Vec<Line>> {
    let engine = languages.split('+').find_map(engine_of)?;
    let prepared = ocr::prepared(part);
    let longest = OcrEngine::MaxImageDimension().ok()?;
    if prepared.width().max(prepared.height()) > longest {
        return None;
    }
    let size = [prepared.width(), prepared.height()].map(i32::try_from);
    let [Ok(width), Ok(height)] = size else { return None };
    recognised(&engine, prepared.as_raw(), (width, height), origin).ok()
}

fn engine_of(language: &str) -> Option<OcrEngine> {
    let tag = TAGS.iter().find(|(name, _)| *name == language).map_or(language, |(_, tag)| *tag);
    let language = Language::CreateLanguage(&HSTRING::from(tag)).ok()?;
    OcrEngine::TryCreateFromLanguage(&language).ok()
}

fn recognised(engine: &OcrEngine, gray: &[u8], (width, height): (i32, i32), origin: Point) -> SystemResult<Vec<Line>> {
    let pixels: Vec<u8> = gray.iter().flat_map(|gray| [*gray, *gray, *gray, u8::MAX]).collect();
    let writer = DataWriter::new()?;
    writer.WriteBytes(&pixels)?;
    let bitmap =
        SoftwareBitmap::CreateCopyFromBuffer(&writer.DetachBuffer()?, BitmapPixelFormat::Bgra8, width, height)?;
    let told = engine.RecognizeAsync(&bitmap)?.join()?;
    let mut lines = Vec::new();
    for line in told.Lines()? {
        let words: SystemResult<Vec<Word>> = line.Words()?.into_iter().map(|found| word(&found, origin)).collect();
        lines.push(Line { words: words? });
    }
    Ok(lines)
}

fn word(found: &OcrWord, origin: Point) -> SystemResult<Word> {
    let rect = found.BoundingRect()?;
    let rect = ocr::on_screen([rect.X, rect.Y, rect.Width, rect.Height].map(whole), origin);
    Ok(Word { text: found.Text()?.to_string(), rect, confidence: CONFIDENCE })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places in a picture that fits in memory")]
fn whole(length: f32) -> u32 {
    length.max(0.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::Color;

    #[test]
    fn without_a_reader_of_a_language_nothing_is_read() {
        let frame = Frame::filled(40, 20, Color::new(255, 255, 255));
        assert_eq!(read(&frame, Point::default(), "xxx"), None);
        assert!(TAGS.is_sorted());
    }
}
