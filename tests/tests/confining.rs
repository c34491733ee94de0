//! `beneath` and `ports`: a capability that opens the way to some paths and ports, tried by a tool that wants more; and
//! the other processes of its user, which no tool with a scope can reach.

use capwrap_tests::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Stdio;

const PYTHON: &str = "/usr/bin/python3";

/// What the attempts share: `attempt` prints the name and `ok` or the error.
const ATTEMPTS: &str = r#"
import ctypes, errno, os, signal, socket, stat, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    answer = libc.syscall(number, *[ctypes.c_long(one) if isinstance(one, int) else one for one in arguments])
    if answer < 0: raise OSError(ctypes.get_errno(), "")
    return answer
def attempt(name, act):
    try: act(); print(name, "ok")
    except OSError as error: print(name, errno.errorcode[error.errno])
def read(path): open(path, "rb").read(1)
def write(path): os.close(os.open(path, os.O_WRONLY))
def bind(kind, port, protocol=0, family=socket.AF_INET):
    s = socket.socket(family, kind, protocol)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
"#;

/// Runs the attempts as the member by this policy.
#[track_caller]
fn attempts(policy: &Policy, script: &str) -> BTreeMap<String, String> {
    let run = capwrap(&[&policy.name, "-I", "-S", "-c", &format!("{ATTEMPTS}{script}")]).run();
    assert!(run.ok(), "{run:?}");
    let line = |line: &str| line.split_once(' ').map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
    run.stdout.lines().filter_map(line).collect()
}

#[track_caller]
fn are(found: &BTreeMap<String, String>, wanted: &[(&str, &str)]) {
    let wanted: BTreeMap<_, _> =
        wanted.iter().map(|(name, outcome)| ((*name).to_owned(), (*outcome).to_owned())).collect();
    assert_eq!(*found, wanted);
}

/// A policy for python whose only grant has this scope; `more` stands at its end.
fn python(caps: &str, scope: &str, more: &str) -> Policy {
    Policy::new(&format!(
        "schema = 1\n[tool]\npath = \"{PYTHON}\"\n[allow]\ngroups = [\"capwrap\"]\n[[grant]]\ncaps = \"{caps}\"\n{scope}\n{more}\n"
    ))
}

#[test]
fn reading_beneath_a_path_opens_nothing_else() {
    let (logs, outside) = (ClosedFolder::new("/var/log", "reading"), ClosedFolder::new("/var/lib", "reading"));
    let (log, secret) = (logs.file("log"), outside.file("secret"));
    let shared = logs.folder("shared", 0o1777);
    symlink(&secret, format!("{}/link", logs.0)).unwrap();
    let closed = outside.folder("closed", 0o700);
    let script = format!(
        r#"
log, secret, logs, shared, closed = {log:?}, {secret:?}, {logs:?}, {shared:?}, {closed:?}
attempt("inside", lambda: read(log))
attempt("listing-inside", lambda: os.listdir(logs))
attempt("outside", lambda: read(secret))
attempt("shadow", lambda: read("/etc/shadow"))
attempt("root-link", lambda: read("/proc/self/root" + secret))
attempt("dot-dot", lambda: read(logs + "/../../.." + secret))
attempt("symlink", lambda: read(logs + "/link"))
def relative():
    os.chdir(logs); read("../../.." + secret)
attempt("relative", relative)
def reopened():
    place = os.open(secret, os.O_PATH); read(f"/proc/self/fd/{{place}}")
attempt("reopened", reopened)
def directory_reopened():
    place = os.open(closed, os.O_PATH); os.listdir(f"/proc/self/fd/{{place}}")
attempt("directory-reopened", directory_reopened)
attempt("listing-outside", lambda: os.listdir(closed))
attempt("hard-link", lambda: os.link(secret, shared + "/hard"))
def by_handle():
    class Handle(ctypes.Structure): _fields_ = [("bytes", ctypes.c_uint), ("kind", ctypes.c_int), ("data", ctypes.c_ubyte * 128)]
    handle, mount = Handle(128, 0), ctypes.c_int()
    call(303, -100, secret.encode(), ctypes.byref(handle), ctypes.byref(mount), 0)
    os.close(call(304, os.open(logs, os.O_RDONLY), ctypes.byref(handle), 0))
if os.uname().machine == "x86_64": attempt("by-handle", by_handle)
else: print("by-handle EPERM")
def mounted():
    call(libc_unshare, 0x10000000 | 0x20000)
    if libc.mount(b"/", shared.encode(), None, 4096, None): raise OSError(ctypes.get_errno(), "")
libc_unshare = 272 if os.uname().machine == "x86_64" else 97
attempt("bind-mount", mounted)
"#,
        logs = logs.0
    );
    let everywhere = python("cap_dac_read_search", "", "");
    let unconfined = attempts(&everywhere, &script);
    for name in ["outside", "shadow", "root-link", "dot-dot", "symlink", "relative", "reopened", "by-handle"] {
        assert_eq!(unconfined[name], "ok", "{name}: the attempt must succeed without a scope");
    }
    let beneath = python("cap_dac_read_search", &format!("beneath = \"{}\"", logs.0), "");
    let mut found = attempts(&beneath, &script);
    // fs.protected_hardlinks answers first where it is set.
    assert!(["EPERM", "EXDEV", "EACCES"].contains(&found.remove("hard-link").unwrap().as_str()));
    // A machine may forbid user namespaces.
    assert_ne!(found.remove("bind-mount").unwrap(), "ok");
    are(
        &found,
        &[
            ("inside", "ok"),
            ("listing-inside", "ok"),
            ("outside", "EACCES"),
            ("shadow", "EACCES"),
            ("root-link", "EACCES"),
            ("dot-dot", "EACCES"),
            ("symlink", "EACCES"),
            ("relative", "EACCES"),
            ("reopened", "EACCES"),
            ("directory-reopened", "EACCES"),
            ("listing-outside", "EACCES"),
            ("by-handle", "EPERM"),
        ],
    );
}

#[test]
fn the_system_stays_readable_and_what_the_policy_adds() {
    let (logs, added) = (ClosedFolder::new("/var/log", "preset"), ClosedFolder::new("/var/lib", "preset"));
    let file = added.file("added");
    let script = format!(
        "attempt('etc', lambda: read('/etc/passwd'))\nattempt('null', lambda: write('/dev/null'))\n\
         attempt('proc', lambda: read('/proc/self/status'))\nattempt('added', lambda: read({file:?}))\n\
         import subprocess\nattempt('program', lambda: subprocess.run(['/bin/true'], check=True))\n"
    );
    let beneath = format!("beneath = \"{}\"", logs.0);
    let all = [("etc", "ok"), ("null", "ok"), ("proc", "ok"), ("program", "ok")];
    let policy = python("cap_dac_read_search", &beneath, "");
    are(&attempts(&policy, &script), &[&all[..], &[("added", "EACCES")]].concat());
    let policy = python("cap_dac_read_search", &beneath, &format!("[scope]\nreadable = \"{}\"", added.0));
    are(&attempts(&policy, &script), &[&all[..], &[("added", "ok")]].concat());
}

#[test]
fn of_a_large_folder_of_etc_the_open_files_stay_readable_and_the_closed_one_is_not() {
    let place = ClosedFolder::new("/etc", "large");
    fs::set_permissions(&place.0, fs::Permissions::from_mode(0o755)).unwrap();
    // More names than one call of getdents64(2) returns.
    let script = format!(
        "attempt('open', lambda: [read('{0}/a file with a long name {{}}'.format(one)) for one in range(500)])\n\
         attempt('deep', lambda: read('{0}/deep/b/c'))\nattempt('closed', lambda: read('{0}/closed'))\n",
        place.0
    );
    for number in 0..500 {
        fs::write(format!("{}/a file with a long name {number}", place.0), "x").unwrap();
    }
    fs::create_dir_all(format!("{}/deep/b", place.0)).unwrap();
    fs::write(format!("{}/deep/b/c", place.0), "x").unwrap();
    place.file("closed");
    let policy = |scope: &str| python("cap_dac_read_search", scope, "");
    are(&attempts(&policy(""), &script), &[("open", "ok"), ("deep", "ok"), ("closed", "ok")]);
    let scoped = attempts(&policy("beneath = \"/var/log\""), &script);
    are(&scoped, &[("open", "ok"), ("deep", "ok"), ("closed", "EACCES")]);
}

#[test]
fn overriding_modes_beneath_a_path_changes_nothing_else() {
    let (own, outside) = (ClosedFolder::new("/srv", "writing"), ClosedFolder::new("/var/lib", "writing"));
    let (mine, secret) = (own.file("mine"), outside.file("secret"));
    let script = format!(
        r#"
own, outside, mine, secret = {own:?}, {outside:?}, {mine:?}, {secret:?}
attempt("write", lambda: write(mine))
attempt("truncate", lambda: os.truncate(mine, 0))
attempt("make", lambda: os.mkdir(own + "/new"))
attempt("move", lambda: os.rename(mine, own + "/new/moved"))
attempt("remove", lambda: os.remove(own + "/new/moved"))
attempt("write-outside", lambda: write(secret))
attempt("read-outside", lambda: read(secret))
attempt("truncate-outside", lambda: os.truncate(secret, 0))
attempt("make-outside", lambda: os.mkdir(outside + "/new"))
attempt("remove-outside", lambda: os.remove(secret))
attempt("move-in", lambda: os.rename(secret, own + "/secret"))
attempt("passwd", lambda: write("/etc/passwd"))
attempt("null", lambda: write("/dev/null"))
attempt("sysctl", lambda: write("/proc/sys/kernel/core_pattern"))
"#,
        own = own.0,
        outside = outside.0
    );
    let policy = python("cap_dac_override", &format!("beneath = \"{}\"", own.0), "");
    let found = attempts(&policy, &script);
    for name in ["write", "truncate", "make", "move", "remove", "null"] {
        assert_eq!(found[name], "ok", "{name}");
    }
    let refused = |name: &&str| ["EACCES", "EXDEV"].contains(&found[*name].as_str());
    for name in [
        "write-outside",
        "read-outside",
        "truncate-outside",
        "make-outside",
        "remove-outside",
        "move-in",
        "passwd",
        "sysctl",
    ] {
        assert!(refused(&name), "{name}: {}", found[name]);
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), ClosedFolder::LINE);
    let found = attempts(&python("cap_dac_override", "", ""), &script);
    assert_eq!((found["truncate-outside"].as_str(), found["passwd"].as_str()), ("ok", "ok"));
}

#[test]
fn devices_are_made_beneath_the_path_alone() {
    let (own, other) = (ClosedFolder::new("/srv", "devices"), ClosedFolder::new("/var/lib", "devices"));
    for place in [&own, &other] {
        fs::set_permissions(&place.0, fs::Permissions::from_mode(0o1777)).unwrap();
    }
    let script = format!(
        "def make(place): os.mknod(place + '/null', stat.S_IFCHR, os.makedev(1, 3))\n\
         attempt('inside', lambda: make({own:?}))\nattempt('outside', lambda: make({other:?}))\n\
         attempt('file', lambda: open({other:?} + '/file', 'x').close())\n",
        own = own.0,
        other = other.0
    );
    let policy = python("cap_mknod", &format!("beneath = \"{}\"", own.0), "");
    are(&attempts(&policy, &script), &[("inside", "ok"), ("outside", "EACCES"), ("file", "ok")]);
}

#[test]
fn a_tool_with_a_scope_cannot_reach_the_other_processes_of_its_user() {
    let mut other = user(MEMBER, &["/bin/sleep", "60"]).command().stdout(Stdio::null()).spawn().unwrap();
    let of_it = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", other.id())).unwrap();
    while of_it("comm") != "sleep\n" || !of_it("maps").contains("[stack]") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let maps = of_it("maps");
    let stack = maps.lines().find(|line| line.ends_with("[stack]")).and_then(|line| line.split_once('-')).unwrap().0;
    let script = format!(
        r#"
pid = {}
numbers = dict(x86_64=(101, 310, 311, 312), aarch64=(117, 270, 271, 272), riscv64=(117, 270, 271, 272))[os.uname().machine]
class Part(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(8)
here, there = Part(ctypes.addressof(buffer), 8), Part(0x{stack}, 8)
def memory(): os.close(os.open(f"/proc/{{pid}}/mem", os.O_RDWR))
def take(): os.close(call(438, os.pidfd_open(pid), 0, 0))
attempt("memory", memory)
attempt("read", lambda: call(numbers[1], pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
attempt("write", lambda: call(numbers[2], pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
attempt("take", take)
attempt("compare", lambda: call(numbers[3], pid, pid, 1, 0, 0))
attempt("environment", lambda: read(f"/proc/{{pid}}/environ"))
def attach(): call(numbers[0], 16, pid, 0, 0); os.waitpid(pid, 0x40000000); call(numbers[0], 17, pid, 0, 0)
attempt("trace", attach)
"#,
        other.id()
    );
    let raw = python("cap_net_raw", "through = \"socket:raw-icmp\"", "");
    let scoped = attempts(&raw, &script);
    let unscoped = attempts(&python("cap_net_raw", "", ""), &script);
    other.kill().unwrap();
    other.wait().unwrap();
    for name in ["memory", "environment"] {
        assert_eq!((unscoped[name].as_str(), scoped[name].as_str()), ("ok", "EACCES"), "{name}");
    }
    for name in ["read", "write", "take", "compare", "trace"] {
        assert_eq!((unscoped[name].as_str(), scoped[name].as_str()), ("ok", "EPERM"), "{name}");
    }
}

#[test]
fn a_port_of_the_scope_can_be_bound_and_no_other() {
    let script = r#"
attempt("443", lambda: bind(socket.SOCK_STREAM, 443))
attempt("443-ipv6", lambda: bind(socket.SOCK_STREAM, 443, family=socket.AF_INET6))
attempt("any", lambda: bind(socket.SOCK_STREAM, 0))
attempt("22", lambda: bind(socket.SOCK_STREAM, 22))
attempt("22-ipv6", lambda: bind(socket.SOCK_STREAM, 22, family=socket.AF_INET6))
attempt("mptcp", lambda: bind(socket.SOCK_STREAM, 22, 262))
attempt("sctp", lambda: bind(socket.SOCK_STREAM, 22, 132))
attempt("dccp", lambda: bind(6, 22, 33))
attempt("l2cap", lambda: socket.socket(31, socket.SOCK_SEQPACKET, 0))
attempt("udp", lambda: bind(socket.SOCK_DGRAM, 53))
"#;
    let policy = python("cap_net_bind_service", "ports = \"tcp/443\"", "");
    let run = |policy: &Policy| {
        let words = [CAPWRAP, &policy.name, "-I", "-S", "-c", &format!("{ATTEMPTS}{script}")];
        let run = user(MEMBER, &words)
            .under(&["unshare", "--net", "--", "sh", "-c", "ip link set lo up; exec \"$@\"", "sh"])
            .run();
        assert!(run.ok(), "{run:?}");
        run.stdout
    };
    let found = run(&policy);
    for line in ["443 ok", "any ok", "22 EACCES", "mptcp EPERM", "sctp EPERM", "dccp EPERM", "l2cap EPERM"] {
        assert!(found.lines().any(|found| found == line), "{line}: {found}");
    }
    assert!(!found.contains("22-ipv6 ok"), "{found}");
    // What the book says: Landlock knows TCP alone.
    assert!(found.contains("udp ok"), "{found}");
    assert!(run(&python("cap_net_bind_service", "", "")).contains("\n22 ok\n"));
}

/// Landlock sees TCP alone, and the filter sees only the sockets that the tool makes itself.
#[test]
fn a_socket_of_the_callers_that_the_scope_does_not_let_the_tool_make_is_refused() {
    let bind = "import socket; s = socket.socket(fileno=0); s.bind((\"127.0.0.1\", 22)); print(s.getsockname()[1])";
    let with_socket = |policy: &Policy, socket: &str, at: u8| {
        let words = format!("[{CAPWRAP:?}, {:?}, \"-I\", \"-S\", \"-c\", {bind:?}]", policy.name);
        let caller = format!(
            "import os, socket; s = socket.socket({socket}); os.dup2(s.fileno(), {at}); os.execv({CAPWRAP:?}, {words})"
        );
        user(MEMBER, &[PYTHON, "-I", "-S", "-c", &caller])
            .under(&["unshare", "--net", "--", "sh", "-c", "ip link set lo up; exec \"$@\"", "sh"])
            .run()
    };
    let policy = python("cap_net_bind_service", "ports = \"tcp/443\"", "");
    for (socket, at) in [("2, 1, 262", 0), ("10, 1, 262", 1), ("40, 1, 0", 2)] {
        let run = with_socket(&policy, socket, at);
        assert_eq!(run.code, 125, "{socket}: {run:?}");
        // Its message goes to the socket where that is standard error.
        assert!(
            at == 2 || run.stderr.contains("is a socket that the scope of its policy does not let it make"),
            "{run:?}"
        );
    }
    let tcp = with_socket(&policy, "2, 1, 0", 0);
    assert!(tcp.stderr.contains("PermissionError"), "{tcp:?}");
    assert!(with_socket(&policy, "2, 2, 0", 0).stdout.contains("22"));
    assert!(with_socket(&python("cap_net_bind_service", "", ""), "2, 1, 262", 0).stdout.contains("22"));
}

#[test]
fn a_kernel_that_only_says_that_it_confined_the_tool_is_not_believed() {
    let policy = Policy::new(&format!(
        "schema = 1\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n[[grant]]\ncaps = \"cap_net_raw\"\nthrough = \"socket:raw-icmp\"\n"
    ));
    let injected = |inject: &str| {
        let call = inject.split_once(':').unwrap().0;
        let (trace, inject) = (format!("trace={call}"), format!("inject={inject}"));
        root(&["strace", "-qq", "-u", MEMBER, "-o", "/dev/null", "-e", &trace, "-e", &inject, CAPWRAP, &policy.name])
            .run()
    };
    injected("landlock_restrict_self:retval=0")
        .refused(&["the kernel did not put the process into the Landlock domain"]);
    let none = injected("landlock_create_ruleset:error=EOPNOTSUPP");
    none.refused(&["this kernel has no Landlock", "hint: add landlock to the kernel's parameter lsm="]);
    assert!(capwrap(&[&policy.name]).run().ok());
}

#[test]
fn a_kernel_that_sees_less_is_refused_or_the_policy_takes_what_is_possible() {
    let place = ClosedFolder::new("/srv", "gaps");
    let policy = |scope: &str, more: &str| {
        Policy::new(&format!(
            "schema = 1\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n[[grant]]\n{scope}\n{more}\n"
        ))
    };
    let with_abi = |policy: &Policy, abi: u32| {
        // The first call asks for the version; those after it are the kernel's own.
        let inject = format!("inject=landlock_create_ruleset:retval={abi}:when=1");
        let words =
            ["strace", "-qq", "-u", MEMBER, "-o", "/dev/null", "-e", "trace=landlock_create_ruleset", "-e", &inject];
        root(&[&words[..], &[CAPWRAP, &policy.name]].concat()).run()
    };
    let writing = format!("caps = \"cap_dac_override\"\nbeneath = \"{}\"", place.0);
    let ports = "caps = \"cap_net_bind_service\"\nports = \"tcp/443\"";
    let lenient = "[scope]\nenforce = \"if-possible\"";
    for (scope, abi, said) in [(writing.as_str(), 2, "truncate(2)"), (ports, 3, "`ports` confines nothing")] {
        with_abi(&policy(scope, ""), abi).refused(&[
            "has a scope that cannot be enforced",
            said,
            "enforce = \"if-possible\"",
        ]);
        let run = with_abi(&policy(scope, lenient), abi);
        assert!(run.ok(), "{run:?}");
    }
}

/// Runs a script of attempts as the member in a network of its own.
#[track_caller]
fn in_own_network(policy: &Policy, script: &str) -> BTreeMap<String, String> {
    let words = [CAPWRAP, &policy.name, "-I", "-S", "-c", &format!("{ATTEMPTS}{script}")];
    let run = user(MEMBER, &words).under(&["unshare", "--net", "--"]).run();
    assert!(run.ok(), "{run:?}");
    let pair = |line: &str| line.split_once(' ').map(|(name, said)| (name.to_owned(), said.to_owned()));
    run.stdout.lines().filter_map(pair).collect()
}

#[test]
fn cap_net_admin_for_routes_writes_no_setting_of_the_network() {
    let script = r#"
def rewrite(path): open(path, "w").write("1")
def kept():
    first = os.open("/proc/sys/net/ipv4/ip_forward", os.O_RDONLY)
    rewrite("/proc/self/fd/%d" % first)
def from_folder():
    folder = os.open("/proc/sys/net", os.O_PATH)
    os.write(os.open("ipv4/ip_forward", os.O_WRONLY, dir_fd=folder), b"1")
def link_up():
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    s.bind((0, 0))
    import struct
    body = struct.pack("=BxHiII", 0, 0, 1, 1, 1)
    s.send(struct.pack("=IHHII", 16 + len(body), 16, 5, 1, 0) + body)
    code = struct.unpack("=i", s.recv(4096)[16:20])[0]
    if code: raise OSError(-code, "")
attempt("forward", lambda: rewrite("/proc/sys/net/ipv4/ip_forward"))
attempt("by-root-link", lambda: rewrite("/proc/self/root/proc/sys/net/ipv4/ip_forward"))
attempt("by-descriptor", kept)
attempt("by-folder", from_folder)
attempt("route", link_up)
attempt("read", lambda: read("/proc/sys/net/ipv4/ip_forward"))
attempt("file", lambda: rewrite("/tmp/capwrap-scope-%d" % os.getpid()))
os.unlink("/tmp/capwrap-scope-%d" % os.getpid())
attempt("null", lambda: rewrite("/dev/null"))
"#;
    let ways = ["forward", "by-root-link", "by-descriptor", "by-folder"];
    let others = [("route", "ok"), ("read", "ok"), ("file", "ok"), ("null", "ok")];
    for (scope, answer) in [("", "ok"), ("through = \"netlink:route\"", "EACCES")] {
        let found = in_own_network(&python("cap_net_admin", scope, ""), script);
        are(&found, &[&ways.map(|way| (way, answer))[..], &others].concat());
    }
}

#[test]
fn cap_setgid_for_one_group_gives_no_other_group_to_a_namespace_or_a_message() {
    // The group of /etc/shadow is the aim.
    let script = r#"
import struct
def helper():
    reads, writes = os.pipe()
    done, release = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(release)
        call(272, 0x10000000)  # unshare(CLONE_NEWUSER) of x86-64
        os.write(writes, b"x")
        os.read(done, 1)
        os._exit(0)
    os.close(done)
    os.read(reads, 1)
    return child, release
def of_a_child():
    child, release = helper()
    try: os.write(os.open("/proc/%d/gid_map" % child, os.O_WRONLY), b"0 42 1")
    finally:
        os.close(release)
        os.waitpid(child, 0)
def forged():
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("iii", os.getpid(), os.getuid(), 42))])
def become(group):
    child = os.fork()
    if child == 0:
        try: os.setgid(group); os._exit(0)
        except OSError as error: os._exit(error.errno)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code: raise OSError(code, "")
attempt("map-of-a-child", of_a_child)
attempt("forged", forged)
attempt("group-33", lambda: become(33))
attempt("group-42", lambda: become(42))
"#
    .replace("call(272,", if cfg!(target_arch = "x86_64") { "call(272," } else { "call(97," });
    let free = attempts(&python("cap_setgid", "", ""), &script);
    let scoped = attempts(&python("cap_setgid", "through = \"setgid:33\"", ""), &script);
    are(&free, &["map-of-a-child", "forged", "group-33", "group-42"].map(|way| (way, "ok")));
    let refused = [("map-of-a-child", "EACCES"), ("forged", "EPERM"), ("group-33", "ok"), ("group-42", "EPERM")];
    are(&scoped, &refused);
}

#[test]
fn a_procfs_elsewhere_is_as_closed_as_proc() {
    let place = ClosedFolder::new("/srv", "procfs");
    fs::set_permissions(&place.0, fs::Permissions::from_mode(0o755)).unwrap();
    let (procfs, beside) = (place.folder("proc", 0o755), place.folder("open", 0o777));
    let script = format!(
        "{ATTEMPTS}\ndef rewrite(path): open(path, 'w').write('1')\n\
         attempt('forward', lambda: rewrite('{procfs}/sys/net/ipv4/ip_forward'))\n\
         attempt('beside', lambda: rewrite('{beside}/file'))\nattempt('other', lambda: rewrite('/dev/null'))\n"
    );
    let mounted = format!("mount -t proc none {procfs}; exec \"$@\"");
    let launched = |scope: &str, more: &str| {
        let policy = python("cap_net_admin", scope, more);
        user(MEMBER, &[CAPWRAP, &policy.name, "-I", "-S", "-c", &script])
            .under(&["unshare", "--mount", "--net", "--", "sh", "-c", &mounted, "sh"])
            .run()
    };
    assert_eq!(launched("", "").stdout, "forward ok\nbeside ok\nother ok\n");
    let scope = "through = \"netlink:route\"";
    assert_eq!(launched(scope, "").stdout, "forward EACCES\nbeside ok\nother ok\n");
    let writes = format!(
        "[[grant]]\ncaps = [\"cap_dac_override\"]\nbeneath = \"{beside}\"\n[scope]\nwritable = \"{}\"\n",
        place.0
    );
    launched(scope, &writes).refused(&[&format!("can be used through {procfs}"), "hint: name a narrower path"]);
}

#[test]
fn a_path_that_another_user_could_lead_elsewhere_confines_nothing_and_is_refused() {
    let folder = ClosedFolder::new("/srv", "led");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    let home = folder.folder("home", 0o755);
    let member = nix::unistd::User::from_name(MEMBER).unwrap().unwrap();
    chown(&home, Some(member.uid.as_raw()), None).unwrap();
    fs::create_dir(format!("{home}/data")).unwrap();
    let beneath = |path: &str| python("cap_dac_read_search", &format!("beneath = \"{path}\""), "");
    let refused = capwrap(&[&beneath(&format!("{home}/data")).name, "-V"]).run();
    refused.refused(&["cannot confine a capability to", &format!("{home} belongs to uid {}", member.uid)]);
    let verified = |path: &str| root(&[CAPWRAP, "verify", "--json", &beneath(path).name]).run();
    let found = verified(&format!("{home}/data"));
    assert!(found.code == 1 && found.stdout.contains("capwrap refuses the launch: "), "{found:?}");
    let missing = verified(&format!("{}/missing", folder.0));
    assert!(
        missing.ok() && missing.stdout.contains("does not exist, and the scope opens nothing there"),
        "{missing:?}"
    );
    // Its owner may change what lies in it, but not lead its own path elsewhere.
    assert!(capwrap(&[&beneath(&home).name, "-V"]).run().ok());
    // A path that does not exist opens nothing.
    assert!(capwrap(&[&beneath(&format!("{}/missing", folder.0)).name, "-V"]).run().ok());
}

#[test]
fn what_a_domain_would_end_is_refused() {
    let tracing = python("cap_net_raw", "through = \"socket:raw-icmp\"", "[[grant]]\ncaps = \"cap_sys_ptrace\"");
    capwrap(&[&tracing.name, "-V"]).run().refused(&["a scope ends cap_sys_ptrace"]);
    let enable = root(&[CAPWRAP, "enable", &tracing.name]).run();
    assert!(!enable.ok() && enable.stderr.contains("a scope ends cap_sys_ptrace"), "{enable:?}");
    let mounting = python("cap_sys_admin", "through = \"mount\"", "");
    capwrap(&[&mounting.name, "-V"]).run().refused(&["a scope ends mounting"]);
    let overriding = python("cap_dac_read_search", "beneath = \"/var/log\"", "[[grant]]\ncaps = \"cap_dac_override\"");
    capwrap(&[&overriding.name, "-V"]).run().refused(&["cap_dac_override counts everywhere"]);
}

#[test]
fn a_launch_without_scopes_asks_nothing_of_landlock() {
    let log = format!("/tmp/capwrap-confining-{}", std::process::id());
    let calls = |policy: &Policy| {
        assert!(root(&["strace", "-qq", "-u", MEMBER, "-o", &log, CAPWRAP, &policy.name]).run().ok());
        let text = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        text
    };
    let counts = |text: &str| ["landlock_", "fork(", "clone", "get_robust_list"].map(|call| text.matches(call).count());
    let without = calls(&Policy::witness("cap_dac_read_search", ""));
    assert_eq!(counts(&without), [0; 4]);
    let with = Policy::new(&format!(
        "schema = 1\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n[[grant]]\ncaps = \"cap_dac_read_search\"\nbeneath = \"/var/log\"\n"
    ));
    assert_ne!(counts(&calls(&with))[0], 0);
}

/// The launcher makes its memory readable for the process that it starts outside the domain, and takes that back.
#[test]
fn the_launcher_can_be_looked_into_only_while_it_proves_its_domain() {
    let policy = python("cap_net_raw", "through = \"socket:raw-icmp\"", "");
    let log = format!("/tmp/capwrap-proving-{}", std::process::id());
    let trace = "trace=prctl,clone,get_robust_list,landlock_restrict_self,kill,wait4,execveat";
    let words = ["strace", "-qq", "-u", MEMBER, "-o", &log, "-e", trace, CAPWRAP, &policy.name, "-c", "pass"];
    assert!(root(&words).run().ok());
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let named = |line: &str| line.contains("DUMPABLE") || !line.starts_with("prctl(");
    let lines: Vec<&str> = text.lines().filter(|line| named(line)).collect();
    let proof = [
        ("prctl(PR_GET_DUMPABLE", ""),
        ("prctl(PR_SET_DUMPABLE, SUID_DUMP_USER", "= 0"),
        ("clone(", ""),
        ("get_robust_list(", "= 0"),
        ("landlock_restrict_self(", "= 0"),
        ("get_robust_list(", "EPERM"),
        ("kill(", "= 0"),
        ("wait4(", ""),
        ("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE", "= 0"),
        ("execveat(", ""),
    ];
    let at = lines.iter().position(|line| line.contains("PR_GET_DUMPABLE")).unwrap_or_else(|| panic!("{text}"));
    for (line, (call, answer)) in lines[at..].iter().zip(proof) {
        assert!(line.starts_with(call) && line.contains(answer), "{call} {answer}: {text}");
    }
    assert!(lines.len() >= at + proof.len(), "{text}");
}

/// Who kills the launcher while it proves its domain finds no process that keeps its capabilities.
#[test]
fn a_launcher_that_is_killed_during_the_proof_leaves_no_process() {
    let policy = python("cap_net_raw", "through = \"socket:raw-icmp\"", "");
    let delay = "inject=landlock_restrict_self:delay_enter=60s";
    let words =
        ["-u", MEMBER, "-o", "/dev/null", "-e", "trace=landlock_restrict_self", "-e", delay, CAPWRAP, &policy.name];
    let mut strace = std::process::Command::new("strace").args(words).arg("-V").spawn().unwrap();
    let child = |of: u32| -> Option<u32> {
        fs::read_to_string(format!("/proc/{of}/task/{of}/children")).ok()?.split_whitespace().next()?.parse().ok()
    };
    let within_10_seconds = |mut is_so: Box<dyn FnMut() -> bool + '_>| {
        (0..1000).any(|_| is_so() || (std::thread::sleep(std::time::Duration::from_millis(10)), false).1)
    };
    let (mut launcher, mut outside) = (0, 0);
    assert!(within_10_seconds(Box::new(|| {
        launcher = child(strace.id()).unwrap_or_default();
        outside = child(launcher).unwrap_or_default();
        outside != 0
    })));
    assert_eq!(fs::read_to_string(format!("/proc/{outside}/comm")).unwrap(), "capwrap\n");
    assert!(root(&["kill", "-KILL", &launcher.to_string()]).run().ok());
    // strace would keep the launcher from ending for as long as it delays the call.
    strace.kill().unwrap();
    strace.wait().unwrap();
    assert!(within_10_seconds(Box::new(|| !fs::exists(format!("/proc/{outside}")).unwrap())));
}

/// A namespace of the caller's, in which a closed folder is mounted onto an allowed one, and a process outside that has
/// its working directory or its standard input there.
#[test]
fn a_working_directory_or_a_stream_on_a_mount_of_another_namespace_is_refused() {
    let (logs, outside) = (ClosedFolder::new("/var/log", "mounted"), ClosedFolder::new("/var/lib", "mounted"));
    outside.file("secret");
    fs::set_permissions(&logs.0, PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(&outside.0, PermissionsExt::from_mode(0o755)).unwrap();
    let below = logs.folder("below", 0o755);
    let policy = python("cap_dac_read_search", &format!("beneath = {:?}", logs.0), "");
    let launch = |words: &str| format!("{CAPWRAP} {} -I -S -c 'print(open({words}).read(6))'", policy.name);
    let caller = |launch: &str, without: &[&str]| {
        let script = format!(
            "unshare --user --map-root-user --mount sh -c 'mount --bind {0} {below} && cd {below} && echo && sleep 60' > ready & \
             sleeper=$!; for i in $(seq 100); do [ -s ready ] && break; sleep 0.1; done; \
             inside=/proc/$(pgrep -P $sleeper sh || echo $sleeper)/cwd; {launch}; code=$?; pkill -P $sleeper; kill $sleeper; exit $code",
            outside.0
        );
        let folder = InHome::new(MEMBER);
        user(MEMBER, &["sh", "-c", &script]).under(without).dir(&folder.0).run()
    };
    // Where the kernel has no statmount(2), or a container's filter does not know it, the table of mounts says the same.
    let refusing = |answer: &'static str| vec![PYTHON, "-I", "-S", "-c", WITHOUT_STATMOUNT, answer];
    for without in [vec![], refusing("ENOSYS"), refusing("EPERM")] {
        let run = caller(&format!("cd $inside && {}", launch("\"secret\"")), &without);
        let words = ["the working directory", "a mount of another namespace"];
        assert!(run.code == 125 && words.iter().all(|word| run.stderr.contains(word)), "{without:?} {run:?}");
        let run = caller(&format!("cd / && {} < $inside", launch("\"/dev/stdin/secret\"")), &without);
        let words = ["standard input", "a mount of another namespace"];
        assert!(run.code == 125 && words.iter().all(|word| run.stderr.contains(word)), "{without:?} {run:?}");
        // What lies on mounts of its own is passed, and pipes are.
        let own = format!("cd /tmp && echo | {} < /etc/passwd | cat", launch("\"/dev/stdin\""));
        let run = user(MEMBER, &["sh", "-c", &own]).under(&without).run();
        assert_eq!(run.stdout, "root:x\n", "{without:?} {run:?}");
    }
}

/// Runs a command under a filter that answers statmount(2) with an error.
const WITHOUT_STATMOUNT: &str = r"
import ctypes, errno, os, struct, sys
lines = [(0x20, 0, 0, 0), (0x15, 0, 1, 457), (6, 0, 0, 0x50000 | getattr(errno, sys.argv[1])), (6, 0, 0, 0x7fff0000)]
program = ctypes.create_string_buffer(b''.join(struct.pack('=HBBI', *line) for line in lines))
head = struct.pack('HxxxxxxP', len(lines), ctypes.addressof(program))
if ctypes.CDLL(None, use_errno=True).prctl(22, 2, head): raise OSError(ctypes.get_errno(), '')
os.execvp(sys.argv[2], sys.argv[2:])
";

/// A folder of the caller's below /etc is not opened: the caller could put a link there while capwrap looks into it.
#[test]
fn the_preset_opens_nothing_that_is_not_roots_alone() {
    let logs = ClosedFolder::new("/var/log", "alone");
    let folder = format!("/etc/capwrap-tests-{}-alone", std::process::id());
    fs::create_dir(&folder).unwrap();
    fs::write(format!("{folder}/open"), "open").unwrap();
    let member = nix::unistd::User::from_name(MEMBER).unwrap().unwrap();
    let script = format!("attempt('roots', lambda: read({folder:?} + '/open'))");
    let policy = python("cap_dac_read_search", &format!("beneath = {:?}", logs.0), "");
    let roots = attempts(&policy, &script);
    chown(&folder, Some(member.uid.as_raw()), None).unwrap();
    let others = attempts(&policy, &script);
    fs::remove_dir_all(&folder).unwrap();
    are(&roots, &[("roots", "ok")]);
    are(&others, &[("roots", "EACCES")]);
}

/// Whoever asks what a policy gives reads what its scopes leave of that.
#[test]
fn what_shows_a_policy_shows_its_scopes() {
    let text = format!(
        "schema = 1\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n\
         [[grant]]\ncaps = \"cap_sys_admin\"\nthrough = \"perf_event_open\"\n\
         [[grant]]\ncaps = \"cap_dac_read_search\"\nbeneath = \"/var/log\"\n\
         [[grant]]\ncaps = \"cap_net_bind_service\"\nports = \"tcp/443\"\n"
    );
    let policy = Policy::new(&text);
    let scopes = ["through perf_event_open", "beneath /var/log", "ports tcp/443"];
    for words in [&["enable", &policy.name][..], &["list", "--all", "--long"], &["explain", &policy.name]] {
        let run = root(&[&[CAPWRAP], words].concat()).run();
        assert!(run.ok() && scopes.iter().all(|scope| run.stdout.contains(scope)), "{words:?}: {run:?}");
    }
    let listed = capwrap(&["list", "--json"]).run();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let own = listed["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == policy.name.as_str()).unwrap();
    let capabilities = ["cap_sys_admin", "cap_dac_read_search", "cap_net_bind_service"];
    for ((shown, capability), scope) in own["scopes"].as_array().unwrap().iter().zip(capabilities).zip(scopes) {
        assert_eq!(*shown, serde_json::json!({ "capabilities": [capability], "scope": scope }));
    }
    assert_eq!(own["scopes"].as_array().unwrap().len(), 3);
    let explained = capwrap(&["explain", "--json", &policy.name]).run();
    let explained: serde_json::Value = serde_json::from_str(&explained.stdout).unwrap();
    let shown = explained["granted"].as_array().unwrap().iter().map(|grant| grant["scope"][0].as_str().unwrap());
    assert!(shown.zip(scopes).all(|(shown, scope)| shown.starts_with(scope)), "{explained}");
    // Its scope is still root: a note of lint says it, and caps says what each scope leaves.
    let linted = capwrap(&["lint", &policy.path.to_string_lossy()]).run();
    assert!(linted.stdout.contains("cap_sys_admin amounts to root"), "{linted:?}");
    let harmless = Policy::new(&text.replace("perf_event_open", "sethostname"));
    let linted = capwrap(&["lint", &harmless.path.to_string_lossy()]).run();
    assert!(!linted.stdout.contains("cap_sys_admin amounts to root"), "{linted:?}");
    let caps = capwrap(&["caps", "sys_admin"]).run();
    assert!(
        ["strong by system calls", "SCM_CREDENTIALS", "perf_event_open"].iter().all(|said| caps.stdout.contains(said))
    );
    let doctor = root(&[CAPWRAP, "doctor"]).run();
    assert!(doctor.stdout.lines().any(|line| line.trim_start().starts_with("scopes ")), "{doctor:?}");
}
