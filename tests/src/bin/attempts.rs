//! Attempts of a tool to use its capabilities: `attempts NAME…` makes each attempt in a process of its own, and prints
//! `NAME: ok`, `NAME: EPERM` (or another error), or `NAME: ended by SIGSYS`. What an attempt changes it takes back.
//!
//! `attempts --stay` is a process for other attempts: it makes a user namespace without ids and a mount namespace in which
//! `/var/log/below` is `/var/lib`, and waits in them.
//!
//! `attempts --ring polled|plain COMMAND…` sets up an io_uring, runs the command with it as standard input, and keeps it
//! until the command ends. A thread of the kernel's polls a polled one.

use nix::errno::Errno;
use std::ffi::CString;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The type that makes a packet socket of AF_INET, from before AF_PACKET.
const SOCK_PACKET: i32 = 10;

type Answer = Result<i64, Errno>;

/// The file that a tool with cap_dac_read_search reads where its scope lets it, and the one that it must not read.
const OPEN: &str = "/var/log/closed";
const CLOSED: &str = "/var/lib/closed";

/// The same file where [`mount_elsewhere`] mounts its folder: beneath the folder that a scope opens, because a domain ignores
/// what a mount hides (`is_access_to_paths_allowed`, security/landlock/fs.c).
const MOUNTED: &str = "/var/log/below/closed";

/// A setting of the network, which takes cap_net_admin alone.
const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

fn main() {
    if std::env::args().nth(1).is_some_and(|word| word == "--stay") {
        mount_elsewhere().expect("namespaces and a mount");
        wait_for_ever();
    }
    if std::env::args().nth(1).is_some_and(|word| word == "--ring") {
        std::process::exit(run_with_ring());
    }
    for name in std::env::args().skip(1) {
        // SAFETY: no other thread exists that could hold a lock.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let answer = attempt(&name);
            let said = answer.map_or_else(|errno| format!("{errno:?}"), |_| "ok".to_owned());
            println!("{name}: {said}");
            let _ = std::io::stdout().flush();
            std::process::exit(0);
        }
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            println!(
                "{name}: ended by {}",
                if signal == libc::SIGSYS { "SIGSYS".to_owned() } else { signal.to_string() }
            );
        }
    }
}

macro_rules! call {
    ($number:expr $(, $argument:expr)*) => {{
        // SAFETY: every pointer among the arguments points to what outlives the call, or is null.
        Errno::result(unsafe { libc::syscall($number $(, $argument)*) })
    }};
}

fn listen_on(port: u16) -> Answer {
    outcome(std::net::TcpListener::bind(("127.0.0.1", port)))
}

fn null() -> *const u8 {
    std::ptr::null()
}

fn attempt(name: &str) -> Answer {
    match name {
        "fork" => child_of(libc::SIGCHLD as u64),
        "thread" => std::thread::spawn(|| 0).join().map_err(|_| Errno::EAGAIN),
        "exec" => outcome(std::process::Command::new("/bin/true").status()),
        "open" => open("/etc/passwd", libc::O_RDONLY),
        "size-of-pipe" => {
            let (reads, _writes) = pipe();
            let mut count = 0_i32;
            call!(libc::SYS_ioctl, reads.as_raw_fd(), 0x541b_u64, &raw mut count)
        }
        "perf" => perf().map(|event| event.as_raw_fd().into()),
        "perf-enable" => call!(libc::SYS_ioctl, perf()?.as_raw_fd(), 0x2400_u64, 0),
        "bpf-map" => bpf(0, &[1, 4, 4, 4]),
        "bpf-next-program" => match bpf(11, &[0, 0]) {
            Err(Errno::ENOENT) => Ok(0),
            answer => answer,
        },
        "bpf-program" => program(),
        "mount" => in_folder(|folder| {
            let mounted = call!(libc::SYS_mount, c"none".as_ptr(), folder, c"tmpfs".as_ptr(), 0_u64, null());
            call!(libc::SYS_umount2, folder, libc::MNT_DETACH).and(mounted)
        }),
        "fsopen" => call!(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0),
        "clone-tree" => call!(libc::SYS_open_tree, libc::AT_FDCWD, c"/usr".as_ptr(), 1),
        "open-tree" => call!(libc::SYS_open_tree, libc::AT_FDCWD, c"/usr".as_ptr(), 0),
        "unshare" => call!(libc::SYS_unshare, libc::CLONE_NEWUTS),
        "clone-uts" => child_of((libc::CLONE_NEWUTS | libc::SIGCHLD) as u64),
        "clone3-uts" => {
            let mut arguments = [0_u64; 11];
            arguments[0] = libc::CLONE_NEWUTS as u64;
            arguments[4] = libc::SIGCHLD as u64;
            ended(call!(libc::SYS_clone3, &raw const arguments, 88))
        }
        "setns" => {
            let own = std::fs::File::open("/proc/self/ns/uts").map_err(|_| Errno::ENOENT)?;
            call!(libc::SYS_setns, own.as_raw_fd(), libc::CLONE_NEWUTS)
        }
        "hostname" => {
            let own = nix_hostname();
            call!(libc::SYS_sethostname, own.as_ptr(), own.as_bytes().len())
        }
        "swapoff" => call!(libc::SYS_swapoff, c"/nonexistent".as_ptr()),
        "fanotify" => call!(libc::SYS_fanotify_init, 4, 0),
        "freeze" => {
            let proc = std::fs::File::open("/proc").map_err(|_| Errno::ENOENT)?;
            call!(libc::SYS_ioctl, proc.as_raw_fd(), 0xc004_5877_u64, 0)
        }
        "attribute" => call!(libc::SYS_setxattr, c"/nonexistent".as_ptr(), c"trusted.x".as_ptr(), c"1".as_ptr(), 1, 0),
        "ring" => call!(libc::SYS_io_uring_setup, 4, [0_u64; 15].as_mut_ptr()),
        "ring-of-others" => call!(libc::SYS_io_uring_enter, -1, 0, 0, 0, null(), 0),
        "new-call" => call!(1000),
        "trace" => in_a_child(|child| call!(libc::SYS_ptrace, libc::PTRACE_SEIZE, child, 0_u64, 0_u64)),
        "read-memory" => in_a_child(|child| {
            let mut byte = 0_u8;
            let mine = [(&raw mut byte) as usize, 1];
            let theirs = [(&raw const byte) as usize, 1];
            call!(libc::SYS_process_vm_readv, child, mine.as_ptr(), 1_u64, theirs.as_ptr(), 1_u64, 0_u64)
        }),
        "take-descriptor" => in_a_child(|child| {
            let process = call!(libc::SYS_pidfd_open, child, 0)?;
            call!(libc::SYS_pidfd_getfd, process, 0, 0)
        }),
        "write-memory" => in_a_child(|child| {
            let byte = 0_u8;
            rewrite_memory(child, (&raw const byte) as usize)
        }),
        "write-memory-of-others" => rewrite_memory(target(), stack_of(target()).unwrap_or(0)),
        "memory-of-others" => open(&format!("/proc/{}/mem", target()), libc::O_RDWR),
        "trace-of-others" => call!(libc::SYS_ptrace, libc::PTRACE_SEIZE, target(), 0_u64, 0_u64),
        "descriptor-of-others" => {
            let process = call!(libc::SYS_pidfd_open, target(), 0)?;
            call!(libc::SYS_pidfd_getfd, process, 0, 0)
        }
        "packet" => socket(libc::AF_PACKET, libc::SOCK_RAW, 0x300),
        "packet-cloexec" => socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0x300),
        "packet-old" => socket(libc::AF_INET, SOCK_PACKET, 0x300),
        "packet-high-argument" => {
            call!(libc::SYS_socket, 0xdead_beef_0000_0011_u64, 3_u64 | 1 << 63, 0x300)
        }
        "packet-pair" => {
            let mut pair = [0_i32; 2];
            call!(libc::SYS_socketpair, libc::AF_PACKET, libc::SOCK_RAW, 0x300, pair.as_mut_ptr())
        }
        "packet-by-ring" => packet_by_ring(),
        // Of the ring that the caller passed.
        "packet-by-ring-passed" => passed_ring()?.make(PACKET, true),
        "packet-by-polled-ring" => passed_ring()?.make(PACKET, false),
        "socket-by-polled-ring" => passed_ring()?.make((libc::AF_INET, libc::SOCK_STREAM), false),
        "wake-ring-passed" => call!(libc::SYS_io_uring_enter, 0, 0, 0, WAKE, null(), 0),
        "lend-to-ring-passed" => call!(libc::SYS_io_uring_register, 0, REGISTER_PERSONALITY, null(), 0),
        "ring-left-open" => call!(libc::SYS_fcntl, LEFT_OPEN, libc::F_GETFD),
        "packet-high-number" => raw::high_number(),
        "packet-x32" => raw::x32(),
        "packet-i386" => raw::i386(),
        "xdp" => socket(44, libc::SOCK_RAW, 0),
        "icmp" => echo(),
        "icmp6" => socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6),
        "tcp" => socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP),
        "any" => socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW),
        "tcp6" => socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_TCP),
        "own-header" => option(socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)?, libc::SOL_IP, 3),
        "own-header6" => option(socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6)?, libc::SOL_IPV6, 36),
        "own-header6-raw" => option(socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6)?, 255, 36),
        "old-headers6" => {
            // struct cmsghdr: its length in 64 bits, SOL_IPV6, IPV6_HOPOPTS; then a header of 8 bytes that holds nothing.
            let [length, kind] = [24_u64.to_ne_bytes(), [41, 0, 0, 0, 54, 0, 0, 0]];
            let control = [length, kind, [0, 0, 1, 4, 0, 0, 0, 0]].concat();
            let socket = socket(libc::AF_INET6, libc::SOCK_DGRAM, 0)?;
            call!(libc::SYS_setsockopt, socket, libc::SOL_IPV6, 6, control.as_ptr(), control.len())
        }
        "ipsec" => ipsec(libc::AF_INET, libc::SOL_IP, 17),
        "ipsec6" => ipsec(libc::AF_INET6, libc::SOL_IPV6, 35),
        "line-discipline" => {
            // SLIP, on a terminal of its own: TIOCSETD.
            let terminal = open("/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY)?;
            let slip = 1_i32;
            call!(libc::SYS_ioctl, terminal, 0x5423_u64, &raw const slip)
        }
        "smc" => {
            let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
            call!(libc::SYS_setsockopt, socket, libc::SOL_TCP, libc::TCP_ULP, c"smc".as_ptr(), 3)
        }
        "block" => {
            // FIBMAP: where the first block of a file is.
            let mut block = 0_i32;
            call!(libc::SYS_ioctl, open("/proc/self/exe", libc::O_RDONLY)?, 1_u64, &raw mut block)
        }
        "mark" => option(socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?, libc::SOL_SOCKET, libc::SO_MARK),
        "reuse" => option(socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?, libc::SOL_SOCKET, libc::SO_REUSEADDR),
        "bind-443" => listen_on(443),
        "bind-444" => listen_on(444),
        "bind-8443" => listen_on(8443),
        "bind-any" => listen_on(0),
        "udp" => socket(libc::AF_INET, libc::SOCK_DGRAM, 0),
        "make-null" => make_device(1, 3),
        "make-memory" => make_device(1, 1),
        "make-pipe" => make_node(libc::S_IFIFO, 0),
        "hang-up" => call!(libc::SYS_kill, target(), libc::SIGHUP),
        "terminate" => call!(libc::SYS_kill, target(), libc::SIGTERM),
        "group-33" => call!(libc::SYS_setgid, 33),
        "group-42" => call!(libc::SYS_setgid, 42),
        "forged-group" => forged_group(),
        "map-of-a-child" => map_of_a_child("gid_map"),
        "user-map-of-a-child" => map_of_a_child("uid_map"),
        "map-of-others" => write_map(target(), "gid_map"),
        "user-map-of-others" => write_map(target(), "uid_map"),
        "user-33" => call!(libc::SYS_setuid, 33),
        "user-42" => call!(libc::SYS_setuid, 42),
        "forward" => rewrite(FORWARD),
        "forward-by-root-link" => rewrite(&format!("/proc/self/root{FORWARD}")),
        "forward-reopened" => reopened(FORWARD, libc::O_RDONLY, rewrite),
        "forward-by-place" => reopened(FORWARD, libc::O_PATH, rewrite),
        "read" => open(OPEN, libc::O_RDONLY),
        "read-outside" => open(CLOSED, libc::O_RDONLY),
        "read-by-root-link" => open(&format!("/proc/self/root{CLOSED}"), libc::O_RDONLY),
        "read-by-dot-dot" => open("/var/log/../lib/closed", libc::O_RDONLY),
        "read-by-link" => in_folder(|folder| {
            let link = path_in(folder, b"/link")?;
            call!(libc::SYS_symlinkat, c"/var/lib/closed".as_ptr(), libc::AT_FDCWD, link.as_ptr())?;
            open(&link.to_string_lossy(), libc::O_RDONLY)
        }),
        "read-reopened" => reopened(CLOSED, libc::O_PATH, |path| open(path, libc::O_RDONLY)),
        "read-by-handle" => by_handle(),
        "read-by-mount" => {
            let helper = child_that_waits_after(mount_elsewhere)?;
            let answer = open(&format!("/proc/{helper}/root{MOUNTED}"), libc::O_RDONLY);
            let _ = call!(libc::SYS_kill, helper, libc::SIGKILL);
            answer
        }
        "read-by-mount-of-others" => open(&format!("/proc/{}/root{MOUNTED}", target()), libc::O_RDONLY),
        "read-log" => call!(libc::SYS_syslog, 10, null(), 0),
        "clear-log" => call!(libc::SYS_syslog, 7, null(), 0),
        _ => panic!("no attempt {name}"),
    }
}

fn ended(child: Answer) -> Answer {
    match child {
        Ok(0) => std::process::exit(0),
        Ok(child) => call!(libc::SYS_wait4, child, null(), 0, null()),
        Err(errno) => Err(errno),
    }
}

fn child_of(flags: u64) -> Answer {
    // The low bits of the first argument are the signal; no new stack, as for fork.
    let answer = call!(libc::SYS_clone, flags, 0_u64, 0_u64, 0_u64, 0_u64);
    if answer == Ok(0) {
        // SAFETY: the child ends at once, and runs nothing of the parent's at exit.
        unsafe { libc::_exit(0) };
    }
    ended(answer)
}

/// Runs an attempt on a child that waits, and ends it.
fn in_a_child(attempt: impl Fn(i32) -> Answer) -> Answer {
    // SAFETY: the child calls pause alone.
    let child = unsafe { libc::fork() };
    if child == 0 {
        wait_for_ever();
    }
    let answer = attempt(child);
    // Its own child needs no capability, but a scope may close this signal.
    let _ = call!(libc::SYS_kill, child, libc::SIGKILL);
    answer
}

/// The process that some attempts are about. Its number stands in the environment.
fn target() -> i32 {
    std::env::var("TARGET").ok().and_then(|text| text.parse().ok()).expect("TARGET is a process")
}

fn nix_hostname() -> CString {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    CString::new(name.trim()).unwrap_or_default()
}

fn in_folder(attempt: impl Fn(*const libc::c_char) -> Answer) -> Answer {
    let folder = std::env::temp_dir().join(format!("capwrap-attempt-{}", std::process::id()));
    std::fs::create_dir(&folder).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
    let name = CString::new(folder.to_string_lossy().into_owned()).map_err(|_| Errno::EINVAL)?;
    let answer = attempt(name.as_ptr());
    let _ = std::fs::remove_dir_all(&folder);
    answer
}

/// Sends a message with the group 42 as that of its sender (SCM_CREDENTIALS, unix(7)).
fn forged_group() -> Answer {
    let mut pair = [0_i32; 2];
    call!(libc::SYS_socketpair, libc::AF_UNIX, libc::SOCK_DGRAM, 0, pair.as_mut_ptr())?;
    option(pair[1].into(), libc::SOL_SOCKET, libc::SO_PASSCRED)?;
    // SAFETY: these take nothing and cannot fail.
    let (process, user) = unsafe { (libc::getpid() as u32, libc::getuid()) };
    // A `struct cmsghdr` of 28 bytes, which begins with its length in 64 bits, and a `struct ucred`.
    let control: [u32; 8] = [28, 0, libc::SOL_SOCKET as u32, libc::SCM_CREDENTIALS as u32, process, user, 42, 0];
    let mut byte = 0_u8;
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: numbers and pointers, for which zero is a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_ptr().cast_mut().cast();
    message.msg_controllen = 28;
    call!(libc::SYS_sendmsg, pair[0], &raw const message, 0)
}

/// Gives the id 42 to a user namespace of a child (user_namespaces(7)).
fn map_of_a_child(map: &str) -> Answer {
    let child = call!(libc::SYS_clone, (libc::CLONE_NEWUSER | libc::SIGCHLD) as u64, 0_u64, 0_u64, 0_u64, 0_u64)?;
    if child == 0 {
        wait_for_ever();
    }
    let written = write_map(child as i32, map);
    let _ = call!(libc::SYS_kill, child, libc::SIGKILL);
    written
}

/// Gives the id 42 to the user namespace of a process, which has no ids yet.
fn write_map(process: i32, map: &str) -> Answer {
    let map = std::fs::OpenOptions::new().write(true).open(format!("/proc/{process}/{map}"));
    outcome(map.and_then(|mut map| map.write_all(b"0 42 1")))
}

/// Writes what a file has into it.
fn rewrite(path: &str) -> Answer {
    let content = std::fs::read(FORWARD).map_err(|_| Errno::ENOENT)?;
    let file = std::fs::OpenOptions::new().write(true).open(path);
    outcome(file.and_then(|mut file| file.write_all(&content)))
}

fn outcome<T>(result: std::io::Result<T>) -> Answer {
    result.map(|_| 0).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

fn open(path: &str, flags: i32) -> Answer {
    let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
    call!(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags)
}

/// Opens a file in one way, and then by its descriptor in another one.
fn reopened(path: &str, flags: i32, then: impl Fn(&str) -> Answer) -> Answer {
    let opened = open(path, flags)?;
    then(&format!("/proc/self/fd/{opened}"))
}

/// Opens the closed file by a handle, which names no path (open_by_handle_at(2)).
fn by_handle() -> Answer {
    // A `struct file_handle`: the number of bytes, the type, and the bytes.
    let mut handle = [0_u32; 34];
    handle[0] = 128;
    let (path, mut mount) = (CString::new(CLOSED).map_err(|_| Errno::EINVAL)?, 0_i32);
    let handle = handle.as_mut_ptr();
    call!(libc::SYS_name_to_handle_at, libc::AT_FDCWD, path.as_ptr(), handle, &raw mut mount, 0)?;
    let folder = open("/var/log", libc::O_RDONLY | libc::O_DIRECTORY)?;
    call!(libc::SYS_open_by_handle_at, folder, handle, libc::O_RDONLY)
}

/// Makes namespaces of users and mounts, in which a folder that a scope opens is one that it does not open.
fn mount_elsewhere() -> Answer {
    call!(libc::SYS_unshare, libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
    call!(
        libc::SYS_mount,
        c"/var/lib".as_ptr(),
        c"/var/log/below".as_ptr(),
        null(),
        libc::MS_BIND | libc::MS_REC,
        null()
    )
}

/// Starts a child that does this and waits, and returns its number after it did.
fn child_that_waits_after(act: impl Fn() -> Answer) -> Answer {
    let (reads, writes) = pipe();
    // SAFETY: no other thread exists that could hold a lock.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let answer = act().map_or_else(|errno| errno as i32, |_| 0);
        let _ = call!(libc::SYS_write, writes.as_raw_fd(), &raw const answer, 4);
        wait_for_ever();
    }
    let mut answer = 0_i32;
    call!(libc::SYS_read, reads.as_raw_fd(), &raw mut answer, 4)?;
    if answer != 0 {
        let _ = call!(libc::SYS_kill, child, libc::SIGKILL);
        return Err(Errno::from_raw(answer));
    }
    Ok(child.into())
}

fn wait_for_ever() -> ! {
    loop {
        // SAFETY: pause takes nothing.
        unsafe { libc::pause() };
    }
}

/// Writes a byte of another process's memory, as it was read where that is possible.
fn rewrite_memory(process: i32, address: usize) -> Answer {
    let mut byte = 0_u8;
    let mine = [(&raw mut byte) as usize, 1];
    let theirs = [address, 1];
    let _ = call!(libc::SYS_process_vm_readv, process, mine.as_ptr(), 1_u64, theirs.as_ptr(), 1_u64, 0_u64);
    call!(libc::SYS_process_vm_writev, process, mine.as_ptr(), 1_u64, theirs.as_ptr(), 1_u64, 0_u64)
}

/// Where the stack of another process begins, if that may be known.
fn stack_of(process: i32) -> Option<usize> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let stack = maps.lines().find(|line| line.ends_with("[stack]"))?;
    usize::from_str_radix(stack.split_once('-')?.0, 16).ok()
}

fn path_in(folder: *const libc::c_char, name: &[u8]) -> Result<CString, Errno> {
    // SAFETY: it is the C string of `in_folder`.
    let folder = unsafe { std::ffi::CStr::from_ptr(folder) };
    CString::new([folder.to_bytes(), name].concat()).map_err(|_| Errno::EINVAL)
}

fn make_node(kind: u32, device: u64) -> Answer {
    in_folder(|folder| {
        let node = path_in(folder, b"/node")?;
        call!(libc::SYS_mknodat, libc::AT_FDCWD, node.as_ptr(), kind | 0o600, device)
    })
}

fn make_device(major: u32, minor: u32) -> Answer {
    make_node(libc::S_IFCHR, libc::makedev(major, minor))
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0_i32; 2];
    // SAFETY: `ends` has room for two descriptors, which nothing else owns afterwards.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

fn perf() -> Result<OwnedFd, Errno> {
    // A software event (type 1, config 0) of the first processor, for all processes.
    let mut attributes = [0_u32; 32];
    (attributes[0], attributes[1]) = (1, 128);
    let event = call!(libc::SYS_perf_event_open, attributes.as_ptr(), -1, 0, -1, 0)?;
    // SAFETY: the kernel returned a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(event as i32) })
}

fn bpf(command: i32, words: &[u32]) -> Answer {
    let mut attributes = [0_u32; 32];
    attributes[..words.len()].copy_from_slice(words);
    call!(libc::SYS_bpf, command, attributes.as_ptr(), 128)
}

/// Loads a program for kprobes that returns 0.
fn program() -> Answer {
    let instructions: [u64; 2] = [0xb7, 0x95];
    let mut attributes = [0_u64; 16];
    // prog_type 2 and two instructions; then pointers to these and to the licence.
    attributes[0] = 2 | 2 << 32;
    attributes[1] = instructions.as_ptr() as u64;
    attributes[2] = c"GPL".as_ptr() as u64;
    call!(libc::SYS_bpf, 5, attributes.as_ptr(), 128)
}

fn socket(family: i32, kind: i32, protocol: i32) -> Answer {
    call!(libc::SYS_socket, family, kind, protocol)
}

fn option(socket: i64, level: i32, name: i32) -> Answer {
    let one = 1_i32;
    call!(libc::SYS_setsockopt, socket, level, name, &raw const one, 4)
}

/// Sets a policy of IPsec for one socket: it sends nothing but plain packets (struct xfrm_userpolicy_info).
fn ipsec(family: i32, level: i32, option: i32) -> Answer {
    let mut policy = [0_u8; 168];
    // The family of the selector; no limit of bytes and packets; the direction XFRM_POLICY_OUT.
    policy[40..42].copy_from_slice(&(family as u16).to_ne_bytes());
    policy[56..88].fill(0xff);
    policy[160] = 1;
    let socket = socket(family, libc::SOCK_DGRAM, 0)?;
    call!(libc::SYS_setsockopt, socket, level, option, policy.as_ptr(), policy.len())
}

/// Sends an ICMP echo request to this machine, and waits for the reply.
fn echo() -> Answer {
    let socket = socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)?;
    // Type 8, its checksum, no number.
    let request = [8_u8, 0, 0xf7, 0xff, 0, 0, 0, 0];
    let mut address = [0_u8; 16];
    address[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    call!(libc::SYS_sendto, socket, request.as_ptr(), 8, 0, address.as_ptr(), 16)?;
    let mut reply = [0_u8; 128];
    for _ in 0..100 {
        call!(libc::SYS_recvfrom, socket, reply.as_mut_ptr(), reply.len(), 0, null(), null())?;
        // Behind a header of 20 bytes: an echo reply.
        if reply[20] == 0 {
            return Ok(0);
        }
    }
    Err(Errno::ETIMEDOUT)
}

/// Opens a packet socket by IORING_OP_SOCKET, past a filter that sees socket(2) alone.
fn packet_by_ring() -> Answer {
    let mut parameters = [0_u32; 30];
    let descriptor = call!(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr())?;
    Ring { descriptor, parameters }.make(PACKET, true)
}

const PACKET: (i32, i32) = (libc::AF_PACKET, libc::SOCK_RAW);

/// IORING_ENTER_SQ_WAKEUP and IORING_REGISTER_PERSONALITY, linux/io_uring.h.
const WAKE: u32 = 2;
const REGISTER_PERSONALITY: u32 = 9;

/// A descriptor at which the ring is too, and which the caller does not close.
const LEFT_OPEN: i32 = 9;

/// An io_uring, and what io_uring_setup(2) wrote about it. struct io_uring_params: sq_off begins at byte 40 (head, tail, mask,
/// entries, flags, dropped, array), cq_off at 80.
struct Ring {
    descriptor: i64,
    parameters: [u32; 30],
}

/// The variable in which the numbers of a ring are passed.
const RING: &str = "RING";

/// Returns the ring that is standard input.
fn passed_ring() -> Result<Ring, Errno> {
    let numbers = std::env::var(RING).map_err(|_| Errno::ENOSYS)?;
    let numbers: Vec<u32> = numbers.split(' ').filter_map(|number| number.parse().ok()).collect();
    Ok(Ring { descriptor: 0, parameters: numbers.try_into().map_err(|_| Errno::EINVAL)? })
}

impl Ring {
    /// Makes a socket by the ring, which this process submits itself or another one polls.
    fn make(&self, (family, kind): (i32, i32), submits: bool) -> Answer {
        const SOCKET: u8 = 45;
        let Self { descriptor, parameters } = self;
        let map = |size: u32, offset: u64| {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            call!(libc::SYS_mmap, 0_u64, size, protection, libc::MAP_SHARED | libc::MAP_POPULATE, *descriptor, offset)
        };
        let (entries, tail, mask, array) = (parameters[0], parameters[11], parameters[12], parameters[16]);
        let queue = map(array + entries * 4, 0)? as usize;
        let submission = map(entries * 64, 0x1000_0000)? as *mut u8;
        let (completions, ends, completion) = (parameters[1], parameters[21], parameters[25]);
        let answers = map(completion + completions * 16, 0x0800_0000)? as usize;
        let ended = || {
            // SAFETY: the kernel mapped as much as the parameters say, and writes this number as a whole.
            unsafe { ((answers + ends as usize) as *const u32).read_volatile() }
        };
        let before = ended();
        // SAFETY: as above, and nobody else uses it meanwhile.
        unsafe {
            let tail = (queue + tail as usize) as *mut u32;
            let mask = ((queue + mask as usize) as *const u32).read_volatile();
            let (last, place) = (tail.read_volatile(), (tail.read_volatile() & mask) as usize);
            let submission = submission.add(place * 64);
            std::ptr::write_bytes(submission, 0, 64);
            submission.write(SOCKET);
            submission.add(4).cast::<i32>().write(family);
            submission.add(8).cast::<u64>().write(kind as u64);
            ((queue + array as usize) as *mut u32).add(place).write_volatile(place as u32);
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
            tail.write_volatile(last.wrapping_add(1));
        }
        if submits {
            call!(libc::SYS_io_uring_enter, *descriptor, 1, 1, 1, null(), 0)?;
        }
        for _ in 0..500 {
            if ended() != before {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        if ended() == before {
            return Err(Errno::ETIMEDOUT);
        }
        let place = before % completions;
        // SAFETY: as above; the result is the third word of a completion.
        let result = unsafe { ((answers + (completion + place * 16) as usize + 8) as *const i32).read_volatile() };
        if result < 0 { Err(Errno::from_raw(-result)) } else { Ok(result.into()) }
    }
}

/// Sets up a ring, runs the command with it, and returns the exit code of that.
fn run_with_ring() -> i32 {
    const POLLED: u32 = 2; // IORING_SETUP_SQPOLL
    const FLAGS: usize = 2;
    const MILLISECONDS_OF_POLLING: usize = 4;
    let mut words = std::env::args().skip(2);
    let is_polled = words.next().is_some_and(|kind| kind == "polled");
    let mut parameters = [0_u32; 30];
    if is_polled {
        (parameters[FLAGS], parameters[MILLISECONDS_OF_POLLING]) = (POLLED, 1);
    }
    let ring = call!(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr());
    let ring = ring.unwrap_or_else(|errno| panic!("io_uring_setup: {errno}"));
    let numbers: Vec<String> = parameters.iter().map(u32::to_string).collect();
    for place in [0, LEFT_OPEN] {
        assert_eq!(call!(libc::SYS_dup3, ring, place, 0), Ok(place.into()));
    }
    let mut command = std::process::Command::new(words.next().expect("a command"));
    let mut child = command.args(words).env(RING, numbers.join(" ")).spawn().expect("the command starts");
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code().unwrap_or(1);
        }
        if is_polled {
            // Its thread sleeps where there is nothing to do.
            assert_eq!(call!(libc::SYS_io_uring_enter, ring, 0, 0, WAKE, null(), 0), Ok(0));
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Calls that the C library does not make.
#[cfg(target_arch = "x86_64")]
mod raw {
    use super::Answer;
    use nix::errno::Errno;
    use std::arch::asm;

    /// socket(AF_PACKET, SOCK_RAW, 0) by this number.
    fn packet(number: u64) -> Answer {
        let answer: i64;
        // SAFETY: socket(2) touches no memory.
        unsafe {
            asm!("syscall", inlateout("rax") number => answer, in("rdi") 17, in("rsi") 3, in("rdx") 0,
                 out("rcx") _, out("r11") _, options(nostack));
        }
        outcome_of(answer)
    }

    fn outcome_of(answer: i64) -> Answer {
        if answer < 0 { Err(Errno::from_raw(-answer as i32)) } else { Ok(answer) }
    }

    pub fn high_number() -> Answer {
        packet(0xffff_ffff_0000_0000 | libc::SYS_socket as u64)
    }

    pub fn x32() -> Answer {
        packet(0x4000_0000 | libc::SYS_socket as u64)
    }

    /// By the number of 32-bit programs, 359.
    pub fn i386() -> Answer {
        let answer: i64;
        // SAFETY: socket(2) touches no memory. rbx, which the compiler keeps for itself, is put back.
        unsafe {
            asm!("xchg {family}, rbx", "int 0x80", "xchg {family}, rbx", family = inout(reg) 17_u64 => _,
                 inlateout("rax") 359_u64 => answer, in("rcx") 3, in("rdx") 0,
                 out("r8") _, out("r9") _, out("r10") _, out("r11") _);
        }
        outcome_of(i64::from(answer as i32))
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod raw {
    use super::Answer;
    use nix::errno::Errno;

    /// The numbers of this architecture have no high half, and it has no other ABI of 64 bits.
    pub fn high_number() -> Answer {
        Err(Errno::EPERM)
    }

    pub fn x32() -> Answer {
        Err(Errno::ENOSYS)
    }

    pub fn i386() -> Answer {
        Err(Errno::ENOSYS)
    }
}
