//! QR codes: on the terminal, and as pictures by [`crate::qr`].
//!
//! On the terminal two modules stand in one cell as half blocks, in explicit black on white, so
//! that light and dark terminals scan alike.

use zeroize::Zeroizing;

use super::errors::{self, Trouble};
use super::output::text;
use crate::qr::{self, DrawError, Picture};

/// Light modules around a code on the terminal.
const MARGIN_TERMINAL: usize = 2;
/// Black on white, whatever the terminal's colours are.
const BLACK_ON_WHITE: &str = "\u{1b}[38;2;0;0;0;48;2;255;255;255m";
/// White on black, for readers that want it so.
const WHITE_ON_BLACK: &str = "\u{1b}[38;2;255;255;255;48;2;0;0;0m";
/// The terminal's own colours again.
const RESET: &str = "\u{1b}[0m";

/// Draws for the terminal.
pub(super) fn terminal(
    clear: &str,
    ascii: bool,
    invert: bool,
) -> Result<Zeroizing<String>, Trouble> {
    let picture = Picture::new(clear, MARGIN_TERMINAL).map_err(|error| trouble(&error))?;
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
    qr::png(clear).map_err(|error| trouble(&error))
}

/// Draws an SVG.
pub(super) fn svg(clear: &str) -> Result<Zeroizing<String>, Trouble> {
    qr::svg(clear).map_err(|error| trouble(&error))
}

fn trouble(error: &DrawError) -> Trouble {
    Trouble::new(errors::SOFTWARE, error.to_string())
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
}
