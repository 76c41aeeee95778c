//! What somebody sends to the metrics listener, in whatever pieces.

use std::io::{Read, Result, Write};

use mfad::server::metrics::{READS_MAX, REQUEST_OCTETS_MAX, answer};

/// A scraper: sends pieces, keeps what it gets.
struct Scraper<'a> {
    left: &'a [u8],
    piece: usize,
    reads: usize,
    read: usize,
    got: Vec<u8>,
}

impl Read for Scraper<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let octets = self.piece.min(self.left.len()).min(into.len());
        let (part, rest) = self.left.split_at(octets);
        into[..octets].copy_from_slice(part);
        self.left = rest;
        self.reads += 1;
        self.read += octets;
        Ok(octets)
    }
}

impl Write for Scraper<'_> {
    fn write(&mut self, octets: &[u8]) -> Result<usize> {
        self.got.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A request; the first octet says in what pieces.
pub fn request(octets: &[u8]) {
    let (piece, left) = octets.split_first().unwrap_or((&0, &[]));
    let mut scraper = Scraper {
        left,
        piece: usize::from(*piece) * 8 + 1,
        reads: 0,
        read: 0,
        got: Vec::new(),
    };
    answer(&mut scraper, &|| "mfad_up 1\n# EOF\n".to_owned()).unwrap();
    assert!(scraper.reads <= READS_MAX && scraper.read <= REQUEST_OCTETS_MAX);
    let text = String::from_utf8(scraper.got).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
    assert_eq!(
        body, "mfad_up 1\n# EOF\n",
        "something of the request came back"
    );
}
