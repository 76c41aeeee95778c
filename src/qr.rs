//! QR codes, and the pictures of them.
//!
//! The level of error correction is the lowest: the code stays small enough to stand on a screen of
//! 80 by 24.

use fast_qr::convert::Builder;
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::{ECL, QRBuilder, QRCode};
use zeroize::Zeroizing;

/// Light modules around a code in a picture.
const MARGIN: usize = 4;
/// Pixels of a module.
const MODULE_PIXELS: usize = 8;

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// It does not fit into a QR code.
    #[error("this is too long for a QR code")]
    TooLong,
    /// The picture could not be written.
    #[error("no PNG was made: {0}")]
    Png(String),
}

/// Dark and light modules with a margin.
pub struct Picture {
    code: Box<QRCode>,
    margin: usize,
}

impl Picture {
    /// The code of a text, with so many light modules around it.
    ///
    /// # Errors
    /// [`DrawError::TooLong`].
    pub fn new(clear: &str, margin: usize) -> Result<Self, DrawError> {
        let code = QRBuilder::new(clear).ecl(ECL::L).build();
        Ok(Self {
            code: Box::new(code.map_err(|_| DrawError::TooLong)?),
            margin,
        })
    }

    /// Modules of a side, the margin included.
    #[must_use]
    pub const fn side(&self) -> usize {
        self.code.size + 2 * self.margin
    }

    /// Whether the module is dark; outside all is light.
    #[must_use]
    pub fn dark(&self, row: usize, column: usize) -> bool {
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

/// Draws a PNG in black and white.
///
/// # Errors
/// [`DrawError`].
pub fn png(clear: &str) -> Result<Zeroizing<Vec<u8>>, DrawError> {
    let picture = Picture::new(clear, MARGIN)?;
    let side = picture.side() * MODULE_PIXELS;
    let mut pixels = Zeroizing::new(Vec::with_capacity(side * side));
    for row in 0..side {
        for column in 0..side {
            let dark = picture.dark(row / MODULE_PIXELS, column / MODULE_PIXELS);
            pixels.push(if dark { 0 } else { 255 });
        }
    }
    let failed = |error: String| DrawError::Png(error);
    let pixels_side = u32::try_from(side).map_err(|error| failed(error.to_string()))?;
    let mut out = Zeroizing::new(Vec::with_capacity(side * side));
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
///
/// # Errors
/// [`DrawError::TooLong`].
pub fn svg(clear: &str) -> Result<Zeroizing<String>, DrawError> {
    let picture = Picture::new(clear, MARGIN)?;
    let drawn = SvgBuilder::default().margin(MARGIN).to_str(&picture.code);
    Ok(Zeroizing::new(drawn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_begin_as_they_should() {
        let uri = "otpauth://totp/mfad:demo?secret=KVKFKRCPNZQUYMLXOVYDSQKJKZDTSRLD&issuer=mfad";
        assert!(png(uri).unwrap().starts_with(b"\x89PNG\r\n"));
        assert!(svg(uri).unwrap().starts_with("<svg"));
        assert_eq!(png(&"x".repeat(5000)), Err(DrawError::TooLong));
    }
}
