//! QR codes out of pictures (PNG), as Google Authenticator shows them to move to another phone. The
//! picture is read here and not in mfad: the daemon parses no more than it must.
//!
//! What a picture may take is bounded before it is unpacked. The decoder's own copies are not wiped;
//! they go with this program, which lives for one command.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};
use rqrr::PreparedImage;
use zeroize::Zeroizing;

use super::home_files::grow;
use super::import;
use crate::ctl::errors::{self, Trouble};
use crate::ctl::remote::quoted;

/// What a PNG file begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// What a JPEG file begins with.
const JPEG: &[u8] = b"\xff\xd8\xff";
/// What stands before the path of a picture in a list.
const PICTURE: &str = "png:";
/// Most pixels of a picture: more than any screen has.
const PIXELS_MAX: u64 = 20_000_000;
/// Most octets that unpacking may take, besides the pixels.
const UNPACK_OCTETS_MAX: usize = 16 << 20;

/// Whether a file is a picture.
pub(super) fn is_png(file: &[u8]) -> bool {
    file.starts_with(PNG)
}

/// Refuses a photograph: it is not read, and can be turned into a picture that is.
pub(super) fn no_photograph(path: &str, file: &[u8]) -> Result<(), Trouble> {
    if !file.starts_with(JPEG) {
        return Ok(());
    }
    let what = format!("{path} is a JPEG, and pictures are to be PNG; nothing changed");
    let png = std::path::Path::new(path).with_extension("png");
    let (from, to) = (quoted(path), quoted(&png.to_string_lossy()));
    Err(Trouble::new(errors::BAD_DATA, what).doing(format!(
        "turn it into one, such as: convert {from} {to} (ImageMagick)"
    )))
}

/// What the codes of a picture say, one a line.
pub(super) fn codes(path: &str, file: &[u8]) -> Result<Zeroizing<String>, Trouble> {
    let texts = texts(path, file)?;
    let mut lines = Zeroizing::new(String::new());
    for text in &texts {
        grow(&mut lines, text);
        grow(&mut lines, "\n");
    }
    Ok(lines)
}

/// Puts the code of each picture that a list names (`png:PATH`) where its name stands; none: it names
/// no picture.
pub(super) fn gather(list: &str, warn: bool) -> Result<Option<Zeroizing<String>>, Trouble> {
    let path_of = |line: &str| {
        line.trim()
            .strip_prefix(PICTURE)
            .map(|path| path.trim().to_owned())
    };
    if !list.lines().any(|line| path_of(line).is_some()) {
        return Ok(None);
    }
    let mut whole = Zeroizing::new(String::new());
    for line in list.lines() {
        match path_of(line) {
            Some(path) => {
                let texts = texts(&path, &import::octets(&path, warn)?)?;
                let [text] = texts.as_slice() else {
                    let what = format!("{path} has {} QR codes; nothing changed", texts.len());
                    return Err(Trouble::new(errors::BAD_DATA, what)
                        .doing("cut it up, so that each picture has one"));
                };
                grow(&mut whole, text);
            }
            None => grow(&mut whole, line),
        }
        grow(&mut whole, "\n");
    }
    Ok(Some(whole))
}

fn texts(path: &str, file: &[u8]) -> Result<Vec<Zeroizing<String>>, Trouble> {
    let bad = |why: String| {
        let what = format!("no QR code was found in {path}; nothing changed");
        Err(Trouble::new(errors::BAD_DATA, what)
            .why(why)
            .doing("take a picture of the screen itself, as PNG, with the code as a whole"))
    };
    match read(file) {
        Ok(texts) if texts.is_empty() => bad("it has none that can be made out".to_owned()),
        Ok(texts) => Ok(texts),
        Err(why) => bad(why),
    }
}

/// The texts of the codes that a picture has.
///
/// # Errors
/// Why it cannot be read, or one of its codes.
pub fn read(file: &[u8]) -> Result<Vec<Zeroizing<String>>, String> {
    let grey = unpacked(file)?;
    let at = |x, y| grey.octets.get(y * grey.width + x).copied().unwrap_or(255);
    let mut image = PreparedImage::prepare_from_greyscale(grey.width, grey.height, at);
    let grids = image.detect_grids().into_iter();
    let decoded = grids.map(|grid| grid.decode().map(|(_, text)| Zeroizing::new(text)));
    decoded
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

/// Pixels from black to white, one an octet, row by row.
struct Grey {
    width: usize,
    height: usize,
    octets: Zeroizing<Vec<u8>>,
}

fn unpacked(file: &[u8]) -> Result<Grey, String> {
    let limits = Limits {
        bytes: UNPACK_OCTETS_MAX,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (width, height) = (reader.info().width, reader.info().height);
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(format!(
            "it has more than {} million pixels",
            PIXELS_MAX / 1_000_000
        ));
    }
    let size = reader.output_buffer_size().unwrap_or_default();
    let mut pixels = Zeroizing::new(vec![0; size]);
    let frame = reader.next_frame(&mut pixels);
    let frame = frame.map_err(|error| error.to_string())?;
    if frame.bit_depth != BitDepth::Eight {
        return Err("its pixels are of no known kind".to_owned());
    }
    let octets = pixels.get(..frame.buffer_size()).unwrap_or_default();
    let grey = match frame.color_type {
        ColorType::Grayscale => octets.to_vec(),
        ColorType::GrayscaleAlpha => each(octets, |[grey, alpha]| on_white(grey, alpha)),
        ColorType::Rgb => each(octets, |[red, green, blue]| mean(red, green, blue)),
        ColorType::Rgba => each(octets, |[red, green, blue, alpha]| {
            on_white(mean(red, green, blue), alpha)
        }),
        ColorType::Indexed => return Err("its pixels are of no known kind".to_owned()),
    };
    let side = |side: u32| usize::try_from(side).unwrap_or_default();
    Ok(Grey {
        width: side(frame.width),
        height: side(frame.height),
        octets: Zeroizing::new(grey),
    })
}

fn each<const N: usize>(octets: &[u8], grey: impl Fn([u8; N]) -> u8) -> Vec<u8> {
    let (pixels, _) = octets.as_chunks::<N>();
    pixels.iter().map(|pixel| grey(*pixel)).collect()
}

fn mean(red: u8, green: u8, blue: u8) -> u8 {
    let sum = u16::from(red) + u16::from(green) + u16::from(blue);
    u8::try_from(sum / 3).unwrap_or(u8::MAX)
}

fn on_white(grey: u8, alpha: u8) -> u8 {
    let (grey, alpha) = (u16::from(grey), u16::from(alpha));
    u8::try_from((grey * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::qr;

    const URI: &str = "otpauth://totp/vpn:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    /// A picture of one colour.
    fn plain(width: u32, height: u32) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_depth(BitDepth::One);
        let mut writer = encoder.write_header().unwrap();
        let row = usize::try_from(width.div_ceil(8)).unwrap();
        let pixels = vec![255; row * usize::try_from(height).unwrap()];
        writer.write_image_data(&pixels).unwrap();
        drop(writer);
        file
    }

    #[test]
    fn what_mfactl_draws_is_read_back() {
        let drawn = qr::png(URI).unwrap();
        assert!(is_png(&drawn));
        assert_eq!(*codes("a.png", &drawn).unwrap(), format!("{URI}\n"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, &*drawn).unwrap();
        let list = format!("# parts\npng:{}\nx\n", path.display());
        let gathered = gather(&list, false).unwrap().unwrap();
        assert_eq!(*gathered, format!("# parts\n{URI}\nx\n"));
        assert!(gather("otpauth://x\n", false).unwrap().is_none());
    }

    #[test]
    fn pictures_in_colour_are_seen_on_white() {
        assert_eq!(
            (on_white(0, 255), on_white(0, 0), on_white(90, 255)),
            (0, 255, 90)
        );
        assert_eq!(
            each(&[0, 30, 60, 9, 9, 9, 1], |[a, b, c]| mean(a, b, c)),
            [30, 9]
        );
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_refused() {
        let drawn = qr::png(URI).unwrap();
        for file in [
            &b"\x89PNG\r\n\x1a\n"[..],
            &drawn[..drawn.len() / 2],
            &plain(20, 20),
            &plain(20_000, 1_001),
        ] {
            let trouble = texts("a.png", file).unwrap_err();
            assert_eq!(trouble.exit, errors::BAD_DATA, "{trouble:?}");
        }
        let many = texts("a.png", &plain(20_000, 1_001)).unwrap_err();
        assert!(
            many.why.as_ref().unwrap().contains("million pixels"),
            "{many:?}"
        );
    }
}
