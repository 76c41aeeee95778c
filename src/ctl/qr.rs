//! QR codes: on the terminal, as PNG, as SVG.
//!
//! On the terminal two modules stand in one cell as half blocks, in explicit black on white, so
//! that light and dark terminals scan alike. The level of error correction is the lowest: the code
//! stays small enough to stand on a screen of 80 by 24.

use fast_qr::convert::Builder;
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::{ECL, QRBuilder, QRCode};
use zeroize::Zeroizing;

use super::errors::{self, Trouble};
use super::output::text;

/// Light modules around a code on the terminal.
const MARGIN_TERMINAL: usize = 2;
/// Light modules around a code in a picture.
const MARGIN_PICTURE: usize = 4;
/// Pixels of a module.
const MODULE_PIXELS: usize = 8;
/// Black on white, whatever the terminal's colours are.
const BLACK_ON_WHITE: &str = "\u{1b}[38;2;0;0;0;48;2;255;255;255m";
/// White on black, for readers that want it so.
const WHITE_ON_BLACK: &str = "\u{1b}[38;2;255;255;255;48;2;0;0;0m";
/// The terminal's own colours again.
const RESET: &str = "\u{1b}[0m";

/// Dark and light modules with a margin.
struct Picture {
    code: Box<QRCode>,
    margin: usize,
}

impl Picture {
    fn new(clear: &str, margin: usize) -> Result<Self, Trouble> {
        let code = QRBuilder::new(clear).ecl(ECL::L).build();
        let code = code.map_err(|_| Trouble::new(errors::SOFTWARE, "this is too long for a QR"))?;
        Ok(Self {
            code: Box::new(code),
            margin,
        })
    }

    fn side(&self) -> usize {
        self.code.size + 2 * self.margin
    }

    /// Whether the module is dark; outside all is light.
    fn dark(&self, row: usize, column: usize) -> bool {
        let (Some(row), Some(column)) = (
            row.checked_sub(self.margin)
                .filter(|row| *row < self.code.size),
            column
                .checked_sub(self.margin)
                .filter(|column| *column < self.code.size),
        ) else {
            return false;
        };
        let module = self.code.data.get(row * self.code.size + column);
        module.is_some_and(|module| module.value())
    }
}

/// Draws for the terminal.
pub(super) fn terminal(
    clear: &str,
    ascii: bool,
    invert: bool,
) -> Result<Zeroizing<String>, Trouble> {
    let picture = Picture::new(clear, MARGIN_TERMINAL)?;
    let side = picture.side();
    let mut out = Zeroizing::new(String::with_capacity(side * side * 4));
    let step = if ascii { 1 } else { 2 };
    let colours = if invert {
        WHITE_ON_BLACK
    } else {
        BLACK_ON_WHITE
    };
    for row in (0..side).step_by(step) {
        if !ascii {
            out.push_str(colours);
        }
        for column in 0..side {
            let upper = picture.dark(row, column);
            let lower = picture.dark(row + 1, column);
            out.push_str(match (ascii, upper, lower) {
                (true, dark, _) => {
                    if dark == invert {
                        "##"
                    } else {
                        "  "
                    }
                }
                (false, true, true) => "█",
                (false, true, false) => "▀",
                (false, false, true) => "▄",
                (false, false, false) => " ",
            });
        }
        if !ascii {
            out.push_str(RESET);
        }
        out.push('\n');
    }
    Ok(out)
}

/// Columns that a drawn line takes, colours left out.
pub(super) fn columns(line: &str) -> usize {
    let mut plain = line.to_owned();
    for sequence in [BLACK_ON_WHITE, WHITE_ON_BLACK, RESET] {
        plain = plain.replace(sequence, "");
    }
    text::columns(&plain)
}

/// Draws a PNG in black and white.
pub(super) fn png(clear: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let picture = Picture::new(clear, MARGIN_PICTURE)?;
    let side = picture.side() * MODULE_PIXELS;
    let mut pixels = Zeroizing::new(Vec::with_capacity(side * side));
    for row in 0..side {
        for column in 0..side {
            let dark = picture.dark(row / MODULE_PIXELS, column / MODULE_PIXELS);
            pixels.push(if dark { 0 } else { 255 });
        }
    }
    let failed = |error: String| Trouble::new(errors::SOFTWARE, "no PNG was made").why(error);
    let pixels_side = u32::try_from(side).map_err(|error| failed(error.to_string()))?;
    let mut out = Zeroizing::new(Vec::new());
    let mut encoder = png::Encoder::new(&mut *out, pixels_side, pixels_side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&pixels)?;
        writer.finish()
    });
    written.map_err(|error| failed(error.to_string()))?;
    Ok(out)
}

/// Draws an SVG.
pub(super) fn svg(clear: &str) -> Result<Zeroizing<String>, Trouble> {
    let picture = Picture::new(clear, MARGIN_PICTURE)?;
    let drawn = SvgBuilder::default()
        .margin(MARGIN_PICTURE)
        .to_str(&picture.code);
    Ok(Zeroizing::new(drawn))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str =
        "otpauth://totp/mfad:demo?secret=KVKFKRCPNZQUYMLXOVYDSQKJKZDTSRLD&issuer=mfad";

    #[test]
    fn stands_on_a_screen() {
        let drawn = terminal(URI, false, false).unwrap();
        assert!(drawn.lines().count() <= 21, "{}", drawn.lines().count());
        assert!(drawn.lines().all(|line| columns(line) <= 41));
        assert!(drawn.lines().all(|line| line.starts_with(BLACK_ON_WHITE)));
    }

    #[test]
    fn ascii_has_no_escape() {
        let drawn = terminal(URI, true, false).unwrap();
        assert!(
            drawn
                .bytes()
                .all(|octet| octet == b'\n' || (32..127).contains(&octet))
        );
        let other = terminal(URI, true, true).unwrap();
        assert_ne!(*drawn, *other);
    }

    #[test]
    fn pictures_begin_as_they_should() {
        assert!(png(URI).unwrap().starts_with(b"\x89PNG\r\n"));
        assert!(svg(URI).unwrap().starts_with("<svg"));
    }
}
