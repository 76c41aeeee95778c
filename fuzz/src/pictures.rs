//! Pictures of QR codes: PNG files whose sums are right, and codes with damage.

use mfad::ctl::codes_of_picture;
use mfad::qr::Picture;

use super::octets::Octets;

/// Types of chunks, and one that nobody knows.
const CHUNKS: [&[u8; 4]; 10] = [
    b"IDAT", b"PLTE", b"tRNS", b"IEND", b"IHDR", b"gAMA", b"iCCP", b"zTXt", b"acTL", b"xxXx",
];
/// Most octets that a QR code holds (version 40, the lowest correction), and thrice that in UTF-8.
const TEXT_OCTETS_MAX: usize = 3 * 2_953;
/// Most modules of a code that is damaged, and of the picture of them.
const DAMAGE_MAX: usize = 64;

/// A picture by what its first octet says: a file as it stands, one of chunks, or a drawn code.
pub fn picture(octets: &[u8]) {
    let mut from = Octets(octets);
    let file = match from.octet() & 3 {
        0 => from.0.to_vec(),
        1 | 2 => chunks(&mut from),
        _ => damaged(&mut from),
    };
    let texts = codes_of_picture(&file).unwrap_or_default();
    assert!(texts.iter().all(|text| text.len() <= TEXT_OCTETS_MAX));
}

/// A header, and chunks of these types with these contents.
fn chunks(from: &mut Octets<'_>) -> Vec<u8> {
    let mut header = Vec::new();
    for _ in 0..2 {
        header.extend(u32::from(from.number()).to_be_bytes());
    }
    header.extend(from.array::<5>());
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(b"IHDR", &header, &mut file);
    while !from.is_empty() {
        let kind = CHUNKS[usize::from(from.octet()) % CHUNKS.len()];
        let part = from.part();
        match kind {
            b"IDAT" => chunk(kind, &stored(part), &mut file),
            _ => chunk(kind, part, &mut file),
        }
    }
    chunk(b"IEND", &[], &mut file);
    file
}

/// The code of a text, grey as the octets want it in some places.
fn damaged(from: &mut Octets<'_>) -> Vec<u8> {
    let pixels_each = usize::from(from.octet() & 3) + 1;
    let Ok(picture) = Picture::new(&from.text(), 4) else {
        return Vec::new();
    };
    let side = picture.side();
    let dark = (0..side * side).map(|at| picture.dark(at / side, at % side));
    let mut grey: Vec<u8> = dark.map(|dark| if dark { 0 } else { 255 }).collect();
    for _ in 0..DAMAGE_MAX {
        if from.is_empty() {
            break;
        }
        let at = usize::from(from.number()) % grey.len();
        grey[at] ^= from.octet();
    }
    let rows = (0..side).flat_map(|row| std::iter::repeat_n(row, pixels_each));
    let mut lines = Vec::new();
    for row in rows {
        lines.push(0);
        let line = &grey[row * side..][..side];
        lines.extend(
            line.iter()
                .flat_map(|grey| std::iter::repeat_n(*grey, pixels_each)),
        );
    }
    let pixels = u32::try_from(side * pixels_each).unwrap().to_be_bytes();
    let header = [&pixels[..], &pixels, &[8, 0, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(b"IHDR", &header, &mut file);
    chunk(b"IDAT", &stored(&lines), &mut file);
    chunk(b"IEND", &[], &mut file);
    file
}

fn chunk(kind: &[u8; 4], data: &[u8], file: &mut Vec<u8>) {
    file.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    let summed = file.len();
    file.extend(kind);
    file.extend(data);
    let sum = crc(&file[summed..]);
    file.extend(sum.to_be_bytes());
}

/// A stream of zlib that packs nothing (RFC 1950, RFC 1951 s3.2.4).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap();
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (low, high) = data.iter().fold((1_u32, 0_u32), |(low, high), octet| {
        let low = (low + u32::from(*octet)) % 65_521;
        (low, (high + low) % 65_521)
    });
    stream.extend((high << 16 | low).to_be_bytes());
    stream
}

/// The sum behind a chunk (PNG, annex D).
fn crc(data: &[u8]) -> u32 {
    let sum = data.iter().fold(u32::MAX, |sum, octet| {
        (0..8).fold(sum ^ u32::from(*octet), |sum, _| {
            let carry = if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
            sum >> 1 ^ carry
        })
    });
    !sum
}
