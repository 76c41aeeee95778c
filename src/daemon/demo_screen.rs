//! The texts of the demo: its configuration, the file a second terminal reads, the QR code with what
//! stands beside it.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use fast_qr::QRCode;
use fast_qr::qr::QRBuilder;

/// The demo's one gateway. A real one may be too old to sign its requests, and is to be seen working
/// before it is made to.
pub(super) fn gateway(address: IpAddr, real: bool) -> String {
    format!(
        "[gateway.demo-vpn]\n\
         addresses = [\"{address}\"]\n\
         secret_file = \"gateways.d/demo-vpn.secret\"\n\
         require_message_authenticator = {}\n\
         first_factor = \"pin\"\n\
         passcode = \"pin+otp\"\n",
        !real
    )
}

/// The demo's mfad.toml.
#[must_use]
pub(super) fn config(folder: &Path, auth: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "# Made by mfad --demo; goes with it.\n\
         node = \"demo\"\n\
         \n[store]\n\
         folder = \"{folder}/state\"\n\n\
         [key]\n\
         file = \"{folder}/key\"\n\n\
         [radius]\n\
         listen = [\"{auth}\"]\n\n\
         [control]\n\
         socket = \"{folder}/control\"\n\n\
         [enroll]\n\
         issuer = \"mfad demo\"\n"
    )
}

/// What `. env` gives a second terminal: the socket, `mfactl`, `demo-login`.
#[must_use]
pub(super) fn environment(folder: &Path, auth: SocketAddr, secret: &str) -> String {
    let folder = folder.display();
    let beside = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.display().to_string()))
        .unwrap_or_default();
    format!(
        "export MFAD_SOCKET='{folder}/control'\n\
         if [ -x '{beside}/mfactl' ]; then PATH='{beside}':$PATH; export PATH\n\
         else mfactl() {{ cargo run -q --release --bin mfactl -- \"$@\"; }}; fi\n\
         demo_login() {{\n\
         \x20 printf 'PIN and code: '; read -r p\n\
         \x20 echo \"User-Name=demo,User-Password=$p,Message-Authenticator=0x00\" |\n\
         \x20   radclient -x {auth} auth '{secret}'\n\
         }}\n\
         alias demo-login=demo_login\n"
    )
}

/// The QR code of an otpauth URI with instructions to its right; the seed in groups for typing.
#[must_use]
pub(super) fn beside_qr(uri: &str, seed: &str, ascii: bool) -> String {
    let groups: Vec<String> = seed
        .as_bytes()
        .chunks(4)
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    let typed: Vec<String> = groups.chunks(4).map(|line| line.join(" ")).collect();
    let mut beside = vec![
        String::new(),
        "Scan this with any authenticator".to_owned(),
        "app on your phone.".to_owned(),
        String::new(),
        "It holds a TOTP seed made for".to_owned(),
        "this demo a moment ago.".to_owned(),
        String::new(),
        "Cannot scan? Type it in:".to_owned(),
    ];
    beside.extend(typed);
    beside.push("time based, 6 digits".to_owned());
    if !ascii {
        beside.push(String::new());
        beside.push("QR looks broken? Your font needs".to_owned());
        beside.push("half blocks:  mfad --demo --ascii".to_owned());
    }
    let Ok(qr) = QRBuilder::new(uri.as_bytes()).ecl(fast_qr::ECL::L).build() else {
        return beside.join("\n") + "\n";
    };
    let lines = if ascii {
        ascii_lines(&qr)
    } else {
        half_block_lines(&qr)
    };
    let mut text = String::new();
    for at in 0..lines.len().max(beside.len()) {
        let left = lines.get(at).map_or("", String::as_str);
        let right = beside.get(at).map_or("", String::as_str);
        text.push_str(format!("{left}  {right}").trim_end());
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Dark or light at a place; light outside, two modules of quiet zone.
fn dark(qr: &QRCode, x: usize, y: usize) -> bool {
    let (Some(x), Some(y)) = (x.checked_sub(QUIET), y.checked_sub(QUIET)) else {
        return false;
    };
    x < qr.size
        && y < qr.size
        && qr
            .data
            .get(y * qr.size + x)
            .is_some_and(|module| module.value())
}

const QUIET: usize = 2;

/// Two modules a sign, light ones drawn: right on a dark terminal, and phones read either.
fn half_block_lines(qr: &QRCode) -> Vec<String> {
    let side = qr.size + 2 * QUIET;
    let sign = |x: usize, y: usize| match (dark(qr, x, y), dark(qr, x, y + 1)) {
        (false, false) => '█',
        (false, true) => '▀',
        (true, false) => '▄',
        (true, true) => ' ',
    };
    (0..side.div_ceil(2))
        .map(|row| (0..side).map(|x| sign(x, row * 2)).collect())
        .collect()
}

fn ascii_lines(qr: &QRCode) -> Vec<String> {
    let side = qr.size + 2 * QUIET;
    let line = |y| {
        (0..side)
            .map(|x| if dark(qr, x, y) { "  " } else { "##" })
            .collect()
    };
    (0..side).map(line).collect()
}
