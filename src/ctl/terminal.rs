//! Asking on the terminal, with and without echo, and the alternate screen.
//!
//! Lines are read sign by sign with the terminal's own editing and signals off, so that Ctrl-C
//! comes as a sign: the echo is always switched on again, and the command can say that nothing
//! changed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use nix::sys::termios::{self, LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use zeroize::Zeroizing;

use super::errors::{self, Trouble};

/// Longest line that is taken, in octets.
const LINE_OCTETS_MAX: usize = 1024;

/// The terminal itself, whatever standard input and output are.
pub(super) struct Terminal {
    device: File,
    alternate: bool,
}

impl Terminal {
    /// Opens it.
    pub(super) fn open() -> Result<Self, Trouble> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/tty");
        let device = device.map_err(|error| {
            Trouble::new(errors::USAGE, "there is no terminal to ask").why(error.to_string())
        })?;
        Ok(Self {
            device,
            alternate: false,
        })
    }

    /// Writes to it.
    pub(super) fn write(&mut self, text: &str) {
        let _ = self.device.write_all(text.as_bytes());
        let _ = self.device.flush();
    }

    /// Asks for a line that may be seen.
    pub(super) fn ask(&mut self, question: &str) -> Result<String, Trouble> {
        let line = self.line(question, true)?;
        Ok(line.trim().to_owned())
    }

    /// Asks for a line that nobody may see.
    pub(super) fn ask_hidden(&mut self, question: &str) -> Result<Zeroizing<String>, Trouble> {
        self.line(question, false)
    }

    fn line(&mut self, question: &str, echo: bool) -> Result<Zeroizing<String>, Trouble> {
        let before = self.raw()?;
        self.write(question);
        let line = self.signs(echo);
        let _ = termios::tcsetattr(&self.device, SetArg::TCSADRAIN, &before);
        self.write("\n");
        line
    }

    /// Switches editing, echo and signals off, and drops what was typed before the question stood
    /// there; returns how it was.
    fn raw(&self) -> Result<Termios, Trouble> {
        let failed = |error: nix::Error| {
            Trouble::new(errors::USAGE, "the terminal cannot be used").why(error.to_string())
        };
        let before = termios::tcgetattr(&self.device).map_err(failed)?;
        let mut raw = before.clone();
        raw.local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::IEXTEN);
        for (index, value) in [
            (SpecialCharacterIndices::VMIN, 1),
            (SpecialCharacterIndices::VTIME, 0),
        ] {
            if let Some(place) = raw.control_chars.get_mut(index as usize) {
                *place = value;
            }
        }
        termios::tcsetattr(&self.device, SetArg::TCSAFLUSH, &raw).map_err(failed)?;
        Ok(before)
    }

    fn signs(&mut self, echo: bool) -> Result<Zeroizing<String>, Trouble> {
        let mut line = Zeroizing::new(Vec::with_capacity(LINE_OCTETS_MAX));
        loop {
            let mut octet = [0];
            match self.device.read(&mut octet) {
                Ok(0) => return Err(Trouble::interrupted()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Trouble::interrupted()),
            }
            let [octet] = octet;
            match octet {
                b'\r' | b'\n' => break,
                0x03 | 0x1c => return Err(Trouble::interrupted()),
                0x04 if line.is_empty() => return Err(Trouble::interrupted()),
                0x08 | 0x7f => {
                    if erase(&mut line) && echo {
                        self.write("\u{8} \u{8}");
                    }
                }
                0x15 => {
                    while erase(&mut line) {
                        if echo {
                            self.write("\u{8} \u{8}");
                        }
                    }
                }
                0..=0x1f => {}
                _ if line.len() >= LINE_OCTETS_MAX => {}
                octet => {
                    line.push(octet);
                    if echo {
                        let _ = self.device.write_all(&[octet]);
                    }
                }
            }
        }
        let text = std::str::from_utf8(&line)
            .map_err(|_| Trouble::usage("that is not UTF-8"))?
            .to_owned();
        Ok(Zeroizing::new(text))
    }

    /// Goes to the alternate screen, which leaves nothing behind.
    pub(super) fn enter_alternate(&mut self) {
        self.write("\u{1b}[?1049h\u{1b}[2J\u{1b}[H");
        self.alternate = true;
    }

    /// Wipes the alternate screen and comes back.
    pub(super) fn leave_alternate(&mut self) {
        if self.alternate {
            self.write("\u{1b}[2J\u{1b}[3J\u{1b}[H\u{1b}[?1049l");
            self.alternate = false;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave_alternate();
    }
}

/// Takes the last sign away; says whether there was one.
fn erase(line: &mut Vec<u8>) -> bool {
    let mut erased = false;
    while let Some(octet) = line.pop() {
        erased = true;
        // Octets that go on a sign of UTF-8 begin with the bits 10.
        if octet & 0xc0 != 0x80 {
            break;
        }
    }
    erased
}
