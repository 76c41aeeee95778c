//! A QR code as a part of the page, so that no picture is fetched from anywhere.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder};
use mfad::secret::Secret;

/// Light modules around the code.
const MARGIN: usize = 4;

/// A code: what it holds is a secret, so the drawing is one.
pub(crate) struct Qr {
    /// Modules of a side, margin included.
    pub(crate) side: usize,
    /// Of an SVG path: one square for each dark module.
    pub(crate) path: Secret<String>,
}

/// Draws `text`; none: it is too long.
pub(crate) fn draw(text: &str) -> Option<Qr> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    // As long as it can get, so that it grows nowhere.
    let mut path = Secret::new(String::with_capacity(code.size * code.size * 16));
    for (at, module) in code.data.iter().take(code.size * code.size).enumerate() {
        if module.value() {
            let (column, row) = (at % code.size + MARGIN, at / code.size + MARGIN);
            let _ = write!(path.expose_mut(), "M{column} {row}h1v1h-1z");
        }
    }
    Some(Qr {
        side: code.size + 2 * MARGIN,
        path,
    })
}
