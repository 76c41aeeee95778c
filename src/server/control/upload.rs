//! A file on its way in, piece by piece: kept for the connection that hands it over, wiped with it.
//!
//! One at a time in the whole daemon, so that what they may take of its memory is known.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::control::import::UPLOAD_OCTETS_MAX;
use crate::domain::refusal::{Code, Refusal};
use crate::secret::SecretBytes;

/// The file of one connection.
pub(super) struct Upload {
    place: Arc<Semaphore>,
    held: Option<Held>,
}

/// What has been handed over, and the one place for it.
pub(super) struct Held {
    pieces: Vec<SecretBytes>,
    octets: usize,
    _place: OwnedSemaphorePermit,
}

impl Upload {
    /// Nothing yet; `place` has one permit for all connections.
    pub(super) const fn new(place: Arc<Semaphore>) -> Self {
        Self { place, held: None }
    }

    /// Takes the next piece; gives the octets there are now.
    pub(super) fn add(&mut self, piece: SecretBytes) -> Result<usize, Refusal> {
        if self.held.is_none() {
            let place = Arc::clone(&self.place).try_acquire_owned().map_err(|_| {
                Refusal::new(Code::Busy, "another import is under way; nothing changed")
                    .doing("wait for its end")
            })?;
            self.held = Some(Held {
                pieces: Vec::new(),
                octets: 0,
                _place: place,
            });
        }
        let held = self.held.as_mut();
        let octets = held.as_ref().map_or(0, |held| held.octets) + piece.expose().len();
        match held {
            Some(held) if octets <= UPLOAD_OCTETS_MAX => {
                // Nothing takes no place: a file is not made of endless empty pieces.
                if !piece.expose().is_empty() {
                    held.pieces.push(piece);
                }
                held.octets = octets;
                Ok(octets)
            }
            _ => {
                self.held = None;
                let most = UPLOAD_OCTETS_MAX >> 20;
                let what = format!("the file is longer than {most} MiB; nothing changed");
                Err(Refusal::new(Code::Arg, what).doing("import it in several parts"))
            }
        }
    }

    /// Takes what was handed over, for the call that makes use of it.
    pub(super) fn take(&mut self) -> Result<Held, Refusal> {
        self.held.take().ok_or_else(|| {
            Refusal::new(Code::Arg, "no file was handed over on this connection")
                .doing("call org.mfad.Daemon.Upload first, as `mfactl` does")
        })
    }
}

impl Held {
    /// The whole file.
    pub(super) fn whole(&mut self) -> SecretBytes {
        let mut whole = Zeroizing::new(Vec::with_capacity(self.octets));
        for piece in self.pieces.drain(..) {
            whole.extend_from_slice(piece.expose());
        }
        SecretBytes::new(std::mem::take(&mut *whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(octets: usize) -> SecretBytes {
        SecretBytes::new(vec![b'x'; octets])
    }

    #[test]
    fn one_at_a_time_until_it_is_gone() {
        let place = Arc::new(Semaphore::new(1));
        let mut first = Upload::new(Arc::clone(&place));
        let mut second = Upload::new(Arc::clone(&place));
        assert_eq!(first.add(piece(3)).unwrap(), 3);
        assert_eq!(second.add(piece(1)).unwrap_err().code, Code::Busy);
        assert_eq!(first.add(SecretBytes::copy_of(b"yz")).unwrap(), 5);
        let mut held = first.take().unwrap();
        assert_eq!(held.whole().expose(), b"xxxyz");
        assert_eq!(second.add(piece(1)).unwrap_err().code, Code::Busy);
        drop(held);
        assert_eq!(second.add(piece(1)).unwrap(), 1);
        drop(second);
        assert_eq!(first.add(piece(2)).unwrap(), 2, "with its connection");
    }

    #[test]
    fn one_octet_too_many_gives_all_of_it_up() {
        let mut upload = Upload::new(Arc::new(Semaphore::new(1)));
        assert_eq!(
            upload.add(piece(UPLOAD_OCTETS_MAX)).unwrap(),
            UPLOAD_OCTETS_MAX
        );
        assert_eq!(upload.add(piece(1)).unwrap_err().code, Code::Arg);
        assert!(upload.take().is_err(), "nothing is left to import");
        assert_eq!(upload.add(piece(1)).unwrap(), 1);
    }
}
