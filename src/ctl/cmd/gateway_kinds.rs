//! What to enter on a gateway of each kind, and the stanza that fits it.
//!
//! None of these texts was run against the product by this project yet; each says so. What was
//! really tested moves out of [`UNTESTED`] together with its version.

/// Kinds that have a text.
pub(super) const KINDS: &[&str] = &[
    "ocserv",
    "strongswan",
    "openvpn",
    "opnsense",
    "fortigate",
    "asa",
    "paloalto",
    "mikrotik",
    "pam_radius",
    "other",
];

/// Said above a text that nobody has run.
const UNTESTED: &str = "from the vendor's manual, not tested";

/// The stanza for `gateways.d`.
pub(super) fn stanza(name: &str, address: &str, kind: &str, secret_path: &str) -> String {
    let (first_factor, passcode, remark) = factors(kind);
    format!(
        "# {kind}. Made by `mfactl gateway new`; see mfad.toml(5).\n\
         [gateway.{name}]\n\
         addresses = [\"{address}\"]\n\
         secret_file = \"{secret_path}\"\n\
         # {remark}\n\
         first_factor = \"{first_factor}\"\n\
         passcode = \"{passcode}\"\n"
    )
}

/// First factor, form of the passcode, and why.
fn factors(kind: &str) -> (&'static str, &'static str, &'static str) {
    match kind {
        "asa" | "paloalto" => (
            "gateway",
            "otp",
            "The gateway checks the password first and asks mfad for the code alone.",
        ),
        "pam_radius" => (
            "gateway",
            "otp",
            "pam_unix checks the password before (requisite); mfad the code alone.",
        ),
        _ => (
            "pin",
            "pin+otp",
            "One field: the PIN, then the code, with nothing between.",
        ),
    }
}

/// What to enter on the gateway.
pub(crate) fn entry(kind: &str, server: &str, secret: &str) -> String {
    let text = match kind {
        "ocserv" => OCSERV,
        "strongswan" => STRONGSWAN,
        "openvpn" => OPENVPN,
        "opnsense" => OPNSENSE,
        "fortigate" => FORTIGATE,
        "asa" => ASA,
        "paloalto" => PALOALTO,
        "mikrotik" => MIKROTIK,
        "pam_radius" => PAM_RADIUS,
        _ => OTHER,
    };
    let text = text.replace("SERVER", server).replace("SECRET", secret);
    format!("Enter this on the gateway ({kind}; {UNTESTED}):\n{text}")
}

const OCSERV: &str = "\
\x20 /etc/ocserv/ocserv.conf
      auth = \"radius[config=/etc/radcli/radiusclient.conf]\"
  /etc/radcli/radiusclient.conf
      authserver SERVER:1812
      servers /etc/radcli/servers
  /etc/radcli/servers
      SERVER  SECRET
  then  systemctl restart ocserv
  radcli before 1.5.0 sends no Message-Authenticator: upgrade it.
";

const STRONGSWAN: &str = "\
\x20 /etc/strongswan.d/charon/eap-radius.conf
      eap-radius {
        servers {
          mfad {
            address = SERVER
            auth_port = 1812
            secret = SECRET
          }
        }
      }
  IKEv1 with XAuth: rightauth2 = xauth-radius (plugin xauth-eap is not needed).
  EAP methods other than PAP inside cannot carry a code that mfad can check.
";

const OPENVPN: &str = "\
\x20 /etc/openvpn/server.conf
      plugin /usr/lib/openvpn/radiusplugin.so /etc/openvpn/radius.conf
      reneg-sec 0
  /etc/openvpn/radius.conf
      server
      {
        acctport=1813
        authport=1812
        name=SERVER
        retry=1
        wait=10
        sharedsecret=SECRET
      }
  reneg-sec 0: else the code is asked for again each hour. Most builds of the
  plugin send no Message-Authenticator: then keep both on one host or in a
  tunnel, and add `require_message_authenticator = false` to the stanza.
";

const OPNSENSE: &str = "\
\x20 System > Access > Servers > Add
      Type                RADIUS
      Hostname            SERVER
      Shared secret       SECRET
      Services offered    Authentication
      Authentication port 1812
      Authentication timeout 10
  then choose it as backend of the VPN server, and test it under
  System > Access > Tester. The protocol is PAP.
";

const FORTIGATE: &str = "\
\x20 config user radius
    edit \"mfad\"
      set server \"SERVER\"
      set secret SECRET
      set auth-type pap
      set timeout 10
    next
  end
  Without `auth-type pap` it tries MS-CHAPv2 first, in which no code can be
  checked.
";

const ASA: &str = "\
\x20 aaa-server MFAD protocol radius
  aaa-server MFAD (inside) host SERVER
    key SECRET
    authentication-port 1812
    timeout 10
  tunnel-group VPN general-attributes
    authentication-server-group DIRECTORY
    secondary-authentication-server-group MFAD use-primary-username
  The directory checks the password; the second field carries the code alone.
";

const PALOALTO: &str = "\
\x20 Device > Server Profiles > RADIUS > Add
      Authentication Protocol  PAP
      Timeout                  10
      Retries                  1
      Server                   SERVER, port 1812
      Secret                   SECRET
  Device > Authentication Profile: type RADIUS, this server profile.
  With GlobalProtect the code is a second factor after the directory.
";

const MIKROTIK: &str = "\
\x20 /radius add service=ppp,ipsec address=SERVER secret=SECRET \\
      authentication-port=1812 timeout=10s
  /ppp aaa set use-radius=yes
  Allow pap only in the PPP profile or server: in MS-CHAPv2 no code can be
  checked.
";

const PAM_RADIUS: &str = "\
\x20 /etc/pam_radius_auth.conf (mode 0600)
      SERVER:1812  SECRET  10
  /etc/pam.d/sshd
      auth  requisite  pam_unix.so
      auth  required   pam_radius_auth.so prompt=Code force_prompt
  `requisite` matters: with `sufficient` a right password alone would do.
";

const OTHER: &str = "\
      server    SERVER, UDP port 1812
      secret    SECRET
      protocol  PAP (not CHAP, not MS-CHAPv2: a code cannot be checked in them)
      timeout   10 s, at most 1 retry
      Message-Authenticator in every request, if it can be switched on
";
