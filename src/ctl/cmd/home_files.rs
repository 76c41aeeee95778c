//! The files that an import of tokens is put together from: those of home directories.

use zeroize::Zeroizing;

use super::import;
use crate::ctl::errors::{self, Trouble};

/// Puts the files of a list, `USER:PATH` a line, into lines as
/// [`Source::GoogleAuthenticator`](crate::token::import::owned::Source) has them; each stands where
/// its path stands in the list.
pub(super) fn gather(list: &str, warn: bool) -> Result<Zeroizing<String>, Trouble> {
    let mut whole = Zeroizing::new(String::new());
    for (text, number) in list.lines().map(str::trim).zip(1_u64..) {
        if !text.is_empty() && !text.starts_with('#') {
            let Some((user, path)) = text.split_once(':') else {
                let what = format!("line {number} is not USER:PATH; nothing changed");
                return Err(Trouble::new(errors::BAD_DATA, what)
                    .doing("write a login name, a colon and the path of that person's file"));
            };
            let file = import::read(path.trim(), warn)?;
            let mut line = Zeroizing::new(String::with_capacity(user.len() + file.len() + 1));
            line.push_str(user);
            line.push(':');
            for (at, part) in file.lines().enumerate() {
                if at > 0 {
                    line.push('\t');
                }
                line.push_str(part);
            }
            grow(&mut whole, &line);
        }
        grow(&mut whole, "\n");
    }
    Ok(whole)
}

/// Adds to a text; one that has to move is wiped where it was.
pub(super) fn grow(text: &mut Zeroizing<String>, more: &str) {
    if text.capacity() - text.len() < more.len() {
        let room = 2 * (text.len() + more.len());
        let mut moved = Zeroizing::new(String::with_capacity(room));
        moved.push_str(text);
        *text = moved;
    }
    text.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_stands_where_its_path_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let a = file("a", "GEZD\n\" TOTP_AUTH\n12345678\n");
        let b = file("b", "GEZE\r\n\" HOTP_COUNTER 1");
        let list = format!("# all of them\nalice:{a}\n\n bob : {b}\n");
        let gathered = gather(&list, false).unwrap();
        assert_eq!(
            *gathered,
            "\nalice:GEZD\t\" TOTP_AUTH\t12345678\n\nbob :GEZE\t\" HOTP_COUNTER 1\n"
        );
        assert_eq!(gather("alice\n", false).unwrap_err().exit, errors::BAD_DATA);
        let missing = gather("alice:/nowhere\n", false).unwrap_err();
        assert_eq!(missing.exit, errors::NO_INPUT);
    }

    #[test]
    fn grows_without_end() {
        let mut text = Zeroizing::new(String::new());
        for _ in 0..1_000 {
            grow(&mut text, "abc");
        }
        assert_eq!(text.len(), 3_000);
    }
}
