//! Roles by groups of the host, through the socket that systemd has made.

use crate::installed::{Installed, blocks, commands};

/// Users of the container and the groups that each of them is in.
const PEOPLE: [(&str, &str); 6] = [
    ("bob", ""),
    ("vera", "mfad,mfad-viewer"),
    ("oscar", "mfad,mfad-operator"),
    ("ada", "mfad,mfad-admin"),
    // May connect, and has no role.
    ("carl", "mfad"),
    // Has a role, and may not connect.
    ("dora", "mfad-admin"),
];

fn with_people() -> Option<Installed> {
    let here = Installed::boot()?;
    for (name, groups) in PEOPLE {
        here.machine.does(&format!("useradd --user-group {name}"));
        if !groups.is_empty() {
            here.machine.does(&format!("usermod -aG {groups} {name}"));
        }
    }
    // Step 6: each `groups` under the table that is there.
    let tables = blocks(6)[0].clone();
    let lines: Vec<&str> = tables.lines().collect();
    for table in lines.chunks(2) {
        let header = table[0].replace('[', "\\[").replace(']', "\\]");
        let file = "/etc/mfad/mfad.toml";
        here.machine
            .does(&format!("sed -i '/^{header}$/a {}' {file}", table[1]));
    }
    here.machine.does(&commands(6, 1));
    Some(here)
}

#[test]
fn roles_follow_from_groups_of_the_host() {
    let Some(here) = with_people() else {
        return;
    };
    let whoami = |user: &str| here.machine.tries_as(user, "mfactl whoami");
    for (user, role, through) in [
        ("root", "ADMIN", "uid 0"),
        ("mfad", "ADMIN", "uid "),
        ("ada", "ADMIN", "group mfad-admin"),
        ("oscar", "OPERATOR", "group mfad-operator"),
        ("bob", "SUPPORT", "group mfad-support"),
        ("vera", "VIEWER", "group mfad-viewer"),
    ] {
        let said = whoami(user);
        assert!(said.success, "{user}: {}", said.text);
        let role = format!(": role {role} through {through}");
        assert!(words(&said.text).contains(&role), "{user}: {}", said.text);
        assert!(here.machine.tries_as(user, "mfactl status").success);
    }
    for user in ["carl", "dora"] {
        for command in ["mfactl whoami", "mfactl status"] {
            let said = here.machine.tries_as(user, command);
            assert!(!said.success, "{user}: {}", said.text);
        }
    }
    let admin = "mfactl user add eve";
    for user in ["vera", "bob", "oscar", "carl", "dora"] {
        let said = here.machine.tries_as(user, admin);
        assert!(!said.success, "{user}: {}", said.text);
    }
    let said = here.machine.tries_as("ada", admin);
    assert!(said.success, "{}", said.text);
}

#[test]
fn nobody_borrows_a_role() {
    let Some(here) = with_people() else {
        return;
    };
    let as_whom = |options: &str| {
        here.machine
            .tries(&format!("setpriv {options} mfactl whoami"))
    };
    // The uid that stands for anybody gets none, whatever its groups.
    let nobody = as_whom("--reuid=65534 --regid=mfad --groups=mfad,mfad-admin");
    assert!(!nobody.success, "{}", nobody.text);
    // root in a namespace of one's own, where the host lets people have one, is still oneself.
    let rooted = here
        .machine
        .tries_as("bob", "unshare --user --map-root-user mfactl whoami");
    assert!(
        words(&rooted.text).contains(": role SUPPORT through ")
            || rooted.text.starts_with("unshare: "),
        "{}",
        rooted.text
    );
    // The groups of the process count, not those that its user might have.
    let grouped = as_whom("--reuid=vera --regid=vera --groups=mfad");
    assert!(!grouped.success, "{}", grouped.text);
}

#[test]
fn the_socket_and_its_folder_are_roots() {
    let Some(here) = with_people() else {
        return;
    };
    let ask = "stat -c '%n %A %U %G' /run/mfad /run/mfad/control";
    let expected = "/run/mfad drwxr-xr-x root root\n/run/mfad/control srw-rw---- root mfad";
    for again in [
        "true",
        "systemctl restart mfad",
        "systemctl restart mfad-control.socket mfad",
    ] {
        here.machine.does(again);
        assert_eq!(here.machine.does(ask), expected, "after {again}");
    }
    // Nobody gets in while it is made anew, nor anything into its place.
    let race = "end=$(($(date +%s) + 4))
         while [ $(date +%s) -lt $end ]; do
           if mfactl whoami >/dev/null 2>&1; then echo in; fi
           if ln -s /dev/null /run/mfad/control 2>/dev/null; then echo made; fi
         done";
    let got = std::thread::scope(|scope| {
        let racer = scope.spawn(|| here.machine.tries_as("dora", race));
        for _ in 0..5 {
            here.machine
                .does("systemctl restart mfad-control.socket mfad; systemctl reset-failed");
        }
        racer.join().unwrap()
    });
    assert!(got.success && got.text.is_empty(), "{}", got.text);
    // Not even mfad itself can put another in its place.
    for user in ["mfad", "ada"] {
        let said = here
            .machine
            .tries_as(user, "mv /run/mfad/control /run/mfad/other");
        assert!(!said.success, "{user}: {}", said.text);
    }
}

/// A text on one line: where it is broken depends on how long the name of this machine is.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
