//! The font of statements: which letters it has, how wide they are, and where lines break.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider as _, charmap::Charmap};

static BYTES: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSansCondensed.ttf");
/// Shown for letters that the font does not have.
const UNKNOWN: char = '\u{fffd}';

/// The font, ready for use.
pub(super) struct Face {
    font: Font,
    letters: Charmap<'static>,
    metrics: GlyphMetrics<'static>,
    units: f32,
}

impl Face {
    /// `None`: the program was built with a broken font.
    pub(super) fn load() -> Option<Self> {
        let font = Font::new(BYTES.into(), 0)?;
        let reader = FontRef::new(BYTES).ok()?;
        let units = font.units_per_em();
        let metrics = reader.glyph_metrics(Size::unscaled(), LocationRef::default());
        Some(Self { font, letters: reader.charmap(), metrics, units })
    }

    pub(super) fn font(&self) -> Font {
        self.font.clone()
    }

    /// The glyphs of a text, one for each letter from left to right.
    pub(super) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let glyph = |(start, letter): (usize, char)| {
            let (id, width) = self.glyph(letter);
            let range = start..start.saturating_add(letter.len_utf8());
            KrillaGlyph::new(id, width, 0.0, 0.0, 0.0, range, None)
        };
        text.char_indices().map(glyph).collect()
    }

    /// How wide a text is, in sizes of the font.
    pub(super) fn width(&self, text: &str) -> f32 {
        text.chars().map(|letter| self.glyph(letter).1).sum()
    }

    /// A text in lines that are at most so wide. Lines break at blanks; in a word only where it is
    /// longer than a line.
    pub(super) fn wrap(&self, text: &str, width_max: f32) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        let mut width = 0.0;
        for word in text.split_inclusive(' ') {
            let word_width = self.width(word.trim_end());
            if width + word_width > width_max && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                width = 0.0;
            }
            for letter in word.chars() {
                let letter_width = self.glyph(letter).1;
                if width + letter_width > width_max && letter != ' ' {
                    lines.push(std::mem::take(&mut line));
                    width = 0.0;
                }
                line.push(letter);
                width += letter_width;
            }
        }
        lines.push(line);
        lines.iter_mut().for_each(|line| line.truncate(line.trim_end().len()));
        lines
    }

    fn glyph(&self, letter: char) -> (GlyphId, f32) {
        let id = self.letters.map(letter).or_else(|| self.letters.map(UNKNOWN));
        let id = id.unwrap_or(skrifa::GlyphId::NOTDEF);
        let advance = self.metrics.advance_width(id).unwrap_or(0.0);
        (GlyphId::new(id.to_u32()), advance / self.units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_wide_as_there_is_room() {
        let face = Face::load().unwrap();
        let wide = face.width("0000000000");
        let wrap = |text| face.wrap(text, wide);
        assert_eq!(wrap("short"), ["short"]);
        assert_eq!(wrap(""), [""]);
        assert_eq!(wrap("0000000 000"), ["0000000", "000"]);
        assert_eq!(wrap("00000000000000000000000"), ["0000000000", "0000000000", "000"]);
        for line in wrap(&"Ωmega and Привет to all of ".repeat(6)) {
            assert!(face.width(&line) <= wide, "{line}");
        }
    }

    #[test]
    fn every_letter_has_a_glyph() {
        let face = Face::load().unwrap();
        let (unknown, _) = face.glyph(UNKNOWN);
        assert_ne!(unknown.to_u32(), 0);
        assert_eq!(face.glyph('漢').0.to_u32(), unknown.to_u32());
        let digits = "0123456789".chars().map(|digit| face.glyph(digit).1);
        assert!(digits.clone().all(|width| Some(width) == digits.clone().next()), "for columns");
        for letter in "−·–äöüßéñçğşŁΩЖ€£¥".chars() {
            assert_ne!(face.glyph(letter).0.to_u32(), unknown.to_u32(), "{letter}");
        }
    }
}
