//! `-H HOST`: the same command there, by ssh; the login there is the identity.

use std::io::IsTerminal;
use std::process::Command;

use super::errors::{self, Trouble};

/// The host that was named.
pub(super) fn host(args: &[String]) -> Option<String> {
    split(args).map(|(host, _)| host)
}

/// The host, and the arguments without it.
fn split(args: &[String]) -> Option<(String, Vec<String>)> {
    let mut host = None;
    let mut rest = Vec::new();
    let mut all = args.iter();
    while let Some(arg) = all.next() {
        match arg.as_str() {
            "-H" | "--host" => host = all.next().cloned(),
            "--" => {
                rest.push(arg.clone());
                rest.extend(all.by_ref().cloned());
            }
            other => match other
                .strip_prefix("--host=")
                .or_else(|| other.strip_prefix("-H"))
            {
                Some(name) => host = Some(name.to_owned()),
                None => rest.push(arg.clone()),
            },
        }
    }
    host.map(|host| (host, rest))
}

/// Runs the rest of the command line there.
pub(super) fn run(host: &str, args: &[String]) -> Result<u8, Trouble> {
    let (_, rest) = split(args).unwrap_or_default();
    if host.is_empty() || host.starts_with('-') {
        return Err(Trouble::usage(format!("`{host}` is no host")));
    }
    let line: Vec<String> = std::iter::once("mfactl".to_owned())
        .chain(rest.iter().map(|arg| quoted(arg)))
        .collect();
    let mut ssh = Command::new("ssh");
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        ssh.arg("-t");
    }
    let status = ssh.arg("--").arg(host).arg(line.join(" ")).status();
    let status = status.map_err(|error| {
        Trouble::new(errors::UNAVAILABLE, "ssh cannot be started").why(error.to_string())
    })?;
    match status.code() {
        Some(255) => Err(Trouble::new(
            errors::UNAVAILABLE,
            format!("{host} cannot be reached by ssh"),
        )),
        Some(code) => Ok(u8::try_from(code).unwrap_or(errors::SOFTWARE)),
        None => Ok(errors::INTERRUPTED),
    }
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_./:=@,+%".contains(sign);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_host_out_and_quotes_the_rest() {
        let args = ["user", "-H", "bob@mfa1", "unlock", "a b"].map(str::to_owned);
        let (host, rest) = split(&args).unwrap();
        assert_eq!(host, "bob@mfa1");
        assert_eq!(rest, ["user", "unlock", "a b"]);
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("alice"), "alice");
    }
}
