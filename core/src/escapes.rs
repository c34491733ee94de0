//! Tools that can be made to start other programs or to run their caller's code, and how this is done.
//!
//! Sources: the tools' man pages, and the public list GTFOBins.

use crate::policy::{Children, Policy};
use crate::text::tape::{Reader, Writer};
use std::path::PathBuf;

/// A tool, by the name of its file, and how it runs other code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escape {
    /// The name of the file.
    pub tool: &'static str,
    /// How the tool starts programs or runs its caller's code.
    pub how: &'static str,
    /// Whether the tool runs the caller's code in its own process, which no filter on execve can prevent.
    pub within: bool,
}

const fn starts(tool: &'static str, how: &'static str) -> Escape {
    Escape { tool, how, within: false }
}

const fn runs(tool: &'static str, how: &'static str) -> Escape {
    Escape { tool, how, within: true }
}

/// The tools, sorted by name.
const ESCAPES: [Escape; 97] = [
    runs("apache2", "modules of a configuration of the caller's; CGI programs"),
    starts("arpwatch", "reports by sendmail"),
    runs("awk", "a program of the caller's, with system()"),
    runs("bash", "a shell"),
    starts("borg", "--rsh, BORG_PASSCOMMAND"),
    starts("bpfman", "bpfman-ns"),
    starts("bpfman-rpc", "bpfman-ns"),
    runs("bpftrace", "a program of the caller's; with --unsafe system()"),
    runs("busybox", "a shell, and most other tools"),
    starts("capsh", "-- starts a shell"),
    starts("chronyd", "mailonchange starts sendmail"),
    starts("chroot", "starts a program"),
    starts("chrt", "starts a program"),
    runs("dash", "a shell"),
    starts("debugfs", "starts a pager"),
    starts("dmesg", "-H starts a pager, and that a shell"),
    starts("dmsetup", "--exec"),
    starts("dnsmasq", "--dhcp-script"),
    starts("docker", "starts containers with the host's files"),
    runs("ed", "!COMMAND"),
    runs("emacs", "M-! and Lisp"),
    starts("env", "starts a program"),
    starts("find", "-exec"),
    starts("flock", "starts a program"),
    runs("gawk", "a program of the caller's, with system()"),
    runs("gdb", "shell, !, run, and Python"),
    starts("git", "-p starts a pager; hooks; !COMMAND in aliases"),
    runs("haproxy", "Lua of a configuration of the caller's; external checks"),
    runs("hping3", "Tcl of the caller's"),
    starts("iftop", "! starts a shell"),
    starts("ionice", "starts a program"),
    starts("ip", "netns exec, vrf exec"),
    starts("ip6tables-save", "--modprobe"),
    starts("iptables-save", "--modprobe"),
    starts("ipvsadm", "modprobe"),
    runs("irb", "Ruby of the caller's"),
    starts("journalctl", "starts a pager, and that a shell"),
    runs("ksh", "a shell"),
    starts("less", "!COMMAND, v"),
    runs("lighttpd", "modules of a configuration of the caller's; CGI programs"),
    starts("logrotate", "postrotate scripts of a configuration of the caller's"),
    starts("ltrace", "starts a program"),
    runs("lua", "Lua of the caller's"),
    starts("man", "starts a pager, and that a shell"),
    runs("mawk", "a program of the caller's, with system()"),
    starts("more", "!COMMAND, v"),
    starts("mount", "helpers, mount.TYPE"),
    runs("mysql", "\\! COMMAND"),
    runs("named", "plugins of a configuration of the caller's"),
    starts("nano", "^R^X, and spell checkers"),
    runs("nc.traditional", "-e"),
    starts("ncat", "-e, -c"),
    runs("nginx", "modules and Perl of a configuration of the caller's"),
    starts("nice", "starts a program"),
    runs("nmap", "--script runs Lua of the caller's"),
    runs("node", "JavaScript of the caller's"),
    starts("nohup", "starts a program"),
    starts("nsenter", "starts a program"),
    runs("openssl", "engines and providers: libraries of the caller's"),
    runs("openvpn", "plugins of a configuration of the caller's, and scripts"),
    runs("perf", "record CMD, scripts, --dlfilter: libraries of the caller's"),
    runs("perl", "Perl of the caller's"),
    runs("php", "PHP of the caller's"),
    starts("pidstat", "-e starts a program"),
    starts("podman", "starts containers"),
    starts("prlimit", "starts a program"),
    runs("psql", "\\! COMMAND"),
    runs("python3", "Python of the caller's"),
    starts("restic", "--password-command, -o sftp.command"),
    starts("rsync", "-e COMMAND"),
    runs("ruby", "Ruby of the caller's"),
    starts("run-parts", "starts programs"),
    runs("scapy", "Python of the caller's"),
    starts("screen", "starts a shell"),
    starts("script", "starts a shell"),
    runs("sed", "e, w, and -i"),
    starts("setpriv", "starts a program"),
    runs("sh", "a shell"),
    starts("socat", "EXEC:, SYSTEM:"),
    starts("ssh", "-o ProxyCommand"),
    starts("strace", "starts a program; -o '|COMMAND'"),
    runs("stunnel", "engines of a configuration of the caller's; exec"),
    starts("systemctl", "starts a pager, and that a shell"),
    starts("tar", "--checkpoint-action=exec=, -I"),
    starts("taskset", "starts a program"),
    starts("tc", "exec bpf"),
    starts("tcpdump", "-z COMMAND"),
    starts("time", "starts a program"),
    starts("timeout", "starts a program"),
    starts("tmux", "starts a shell"),
    starts("trafgen", "-p starts the preprocessor of C"),
    runs("unbound", "modules of a configuration of the caller's"),
    starts("unshare", "starts a program"),
    runs("vim", ":!COMMAND, and scripts"),
    starts("watch", "starts a program"),
    starts("xargs", "starts a program"),
    runs("zsh", "a shell"),
];

/// [`ESCAPES`] as bytes: a launch does not pay for what explains one.
static TAPE: [u8; write::<0>().length] = write::<{ write::<0>().length }>().bytes;

const fn write<const LENGTH: usize>() -> Writer<LENGTH> {
    let mut to = Writer::new();
    let mut at = 0;
    while at < ESCAPES.len() {
        to.text(ESCAPES[at].tool);
        to.text(ESCAPES[at].how);
        to.byte(ESCAPES[at].within as u8);
        at += 1;
    }
    to
}

fn escapes() -> impl Iterator<Item = Escape> {
    Reader::of(&TAPE).rows(|from| Some(Escape { tool: from.text()?, how: from.text()?, within: from.byte()? != 0 }))
}

/// Returns the name of a program's file without the version at its end: `perl` for `perl5.36`, `python` for `python3.11`.
pub fn without_version(name: &str) -> &str {
    name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
}

/// The row for a tool, if its name is known. `python3.11` has the row of `python3`.
pub fn of(tool: &str) -> Option<Escape> {
    let bare = without_version(tool);
    let find = |name: &str| escapes().find(|escape| escape.tool == name);
    find(tool).or_else(|| find(bare)).or_else(|| tool.starts_with("python3").then(|| find("python3")).flatten())
}

/// The first of a policy's tools that has a row, by the name of its file.
pub fn of_any(paths: &[PathBuf]) -> Option<(String, Escape)> {
    let names = paths.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    names.into_iter().find_map(|tool| of(&tool).map(|escape| (tool, escape)))
}

/// Returns what fails under a policy whose tool may start no other program, at least in some launch: the program is
/// then refused with EPERM, and capwrap is gone by that time. It returns nothing for a tool that has no row.
pub fn what_fails(policy: &Policy) -> Option<String> {
    let with = match policy.exec.children {
        Children::Any => return None,
        Children::None => "",
        Children::WhenUnprivileged => " in a launch that passes capabilities",
    };
    let (tool, escape) = of_any(&policy.tool.paths)?;
    let within = if escape.within { "; code that runs within it is not stopped" } else { "" };
    Some(format!("what {tool} starts fails with EPERM{with}: {}{within}", escape.how))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_named_where_the_tool_may_start_nothing() {
        let of = |tool: &str, children: &str| {
            let text = format!(
                "schema = 1\ntool = {{ path = \"/usr/bin/{tool}\" }}\nallow = {{ users = [\"root\"] }}\nexec = {{ children = \"{children}\" }}\n"
            );
            what_fails(&Policy::read(&text).unwrap())
        };
        assert_eq!(of("tcpdump", "none").unwrap(), "what tcpdump starts fails with EPERM: -z COMMAND");
        assert!(of("strace", "when-unprivileged").unwrap().contains("in a launch that passes capabilities"));
        assert!(of("gdb", "none").unwrap().ends_with("; code that runs within it is not stopped"));
        assert_eq!(of("tcpdump", "any"), None);
        assert_eq!(of("ping", "none"), None);
    }

    #[test]
    fn the_tools_are_sorted_each_once_and_say_how() {
        assert!(escapes().eq(ESCAPES));
        assert!(ESCAPES.windows(2).all(|pair| pair[0].tool < pair[1].tool));
        assert!(ESCAPES.iter().all(|escape| !escape.how.is_empty()));
    }

    #[test]
    fn a_version_in_the_name_hides_no_tool() {
        for name in ["python3", "python3.11", "perl5.36", "vim"] {
            assert!(of(name).is_some(), "{name}");
        }
        assert!(of("ping").is_none());
    }
}
