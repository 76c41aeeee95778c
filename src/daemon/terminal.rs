//! The person at the terminal, or the lines of a pipe in their place.
//!
//! Questions go to `/dev/tty`, so that the standard output stays a result. A secret is read without
//! echo; one that is shown appears on the alternate screen, which is wiped afterwards and leaves
//! nothing to scroll back to. Without a terminal the lines of the standard input are the answers,
//! read octet by octet so that no more of it lies in memory than was asked for.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroize;

use crate::secret::{Secret, SecretBytes};

/// Longest line that is read, in octets.
pub const LINE_OCTETS_MAX: usize = 4_096;

/// What a terminal sends for Ctrl-C while nobody takes it for a signal.
const CTRL_C: u8 = 3;

/// Switches to the alternate screen and clears it.
const SCREEN_ON: &str = "\x1b[?1049h\x1b[2J\x1b[H";
/// Clears the alternate screen and what can be scrolled back to, and leaves it.
const SCREEN_OFF: &str = "\x1b[2J\x1b[3J\x1b[H\x1b[?1049l";

/// Ctrl-C was pressed instead of an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Whoever can be asked.
pub trait Ask {
    /// There is a person at a terminal.
    fn is_terminal(&self) -> bool;

    /// Asks for a line that may be seen.
    ///
    /// # Errors
    /// The input has ended, the line is too long, or what the system said.
    fn line(&mut self, question: &str) -> io::Result<String>;

    /// Asks for a line that may not be seen.
    ///
    /// # Errors
    /// As [`Self::line`].
    fn secret(&mut self, question: &str) -> io::Result<SecretBytes>;

    /// Shows a secret until Enter is pressed; does nothing without a terminal.
    ///
    /// # Errors
    /// What the system said.
    fn show(&mut self, text: &Secret<String>) -> io::Result<()>;
}

/// This process' terminal, or its standard input.
pub struct Terminal {
    input: File,
    /// Where questions go; none: nobody is asked, lines are read.
    questions: Option<File>,
}

impl Terminal {
    /// Looks whether somebody sits there.
    ///
    /// # Errors
    /// The standard input cannot be used.
    pub fn find() -> io::Result<Self> {
        let input = io::stdin();
        if input.is_terminal()
            && let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty")
        {
            let questions = Some(terminal.try_clone()?);
            return Ok(Self {
                input: terminal,
                questions,
            });
        }
        let input = File::from(input.as_fd().try_clone_to_owned()?);
        Ok(Self {
            input,
            questions: None,
        })
    }

    fn question(&mut self, text: &str) -> io::Result<()> {
        let Some(terminal) = &mut self.questions else {
            return Ok(());
        };
        terminal.write_all(text.as_bytes())?;
        terminal.flush()
    }
}

impl Ask for Terminal {
    fn is_terminal(&self) -> bool {
        self.questions.is_some()
    }

    fn line(&mut self, question: &str) -> io::Result<String> {
        self.question(question)?;
        let line = read_line(&mut self.input)?;
        Ok(String::from_utf8_lossy(line.expose()).into_owned())
    }

    fn secret(&mut self, question: &str) -> io::Result<SecretBytes> {
        self.question(question)?;
        if self.questions.is_none() {
            return read_line(&mut self.input);
        }
        let silence = Silence::over(&self.input)?;
        let line = read_line(&mut self.input);
        drop(silence);
        self.question("\n")?;
        line
    }

    fn show(&mut self, text: &Secret<String>) -> io::Result<()> {
        if self.questions.is_none() {
            return Ok(());
        }
        self.question(SCREEN_ON)?;
        self.question(text.expose())?;
        self.question("\n\nEnter wipes this screen. ")?;
        let silence = Silence::over(&self.input);
        let read = read_line(&mut self.input);
        drop(silence);
        self.question(SCREEN_OFF)?;
        read.map(drop)
    }
}

/// The terminal without echo, for as long as this lives.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn over(terminal: &File) -> io::Result<Self> {
        let terminal = terminal.try_clone()?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        // Ctrl-C must not end the process while the terminal is silent: it would stay so. It ends
        // the line instead.
        silent
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ISIG);
        if let Some(end) = silent
            .control_chars
            .get_mut(SpecialCharacterIndices::VEOL as usize)
        {
            *end = CTRL_C;
        }
        // What was typed before the question is not the answer to it.
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}

/// Reads up to a line end, which is not part of the line.
fn read_line(input: &mut impl Read) -> io::Result<SecretBytes> {
    // Never reallocated, so no copy of a secret stays behind.
    let mut line = Vec::with_capacity(LINE_OCTETS_MAX);
    let mut octet = [0];
    let ended = loop {
        match input.read(&mut octet) {
            Ok(0) => break line.is_empty(),
            Ok(_) if octet == *b"\n" => break false,
            Ok(_) if octet == [CTRL_C] => {
                line.zeroize();
                return Err(io::Error::other(Interrupted));
            }
            Ok(_) if line.len() == LINE_OCTETS_MAX => {
                line.zeroize();
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the line is too long",
                ));
            }
            Ok(_) => line.extend_from_slice(&octet),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                line.zeroize();
                return Err(error);
            }
        }
    };
    octet.zeroize();
    if ended {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the input has ended",
        ));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(SecretBytes::new(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_one_line_and_no_more() {
        let mut input: &[u8] = b"s3cret\r\n\nlast";
        assert!(read_line(&mut input).unwrap().equals(b"s3cret"));
        assert!(read_line(&mut input).unwrap().equals(b""));
        assert!(read_line(&mut input).unwrap().equals(b"last"));
        let ended = read_line(&mut input).err().unwrap();
        assert_eq!(ended.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let endless = vec![b'x'; LINE_OCTETS_MAX + 1];
        let error = read_line(&mut endless.as_slice()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(read_line(&mut &endless[..LINE_OCTETS_MAX]).is_ok());
    }
}
