//! The numbers of the system calls that the table of doors names.

use crate::text::tape::{Reader, Writer};
use std::sync::OnceLock;

/// An architecture whose filters this crate compiles, on whatever architecture it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
    /// 64-bit RISC-V.
    Riscv64,
}

impl Architecture {
    /// Every architecture that capwrap supports.
    pub const ALL: [Self; 3] = [Self::X86_64, Self::Aarch64, Self::Riscv64];

    /// The architecture that this code was compiled for, if a filter can be made for it.
    pub const HERE: Option<Self> = if cfg!(target_arch = "x86_64") {
        Some(Self::X86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(Self::Aarch64)
    } else if cfg!(target_arch = "riscv64") {
        Some(Self::Riscv64)
    } else {
        None
    };

    /// Returns the number by which seccomp names the architecture (`AUDIT_ARCH_…`, linux/audit.h).
    pub const fn audit_number(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::Aarch64 => 0xc000_00b7,
            Self::Riscv64 => 0xc000_00f3,
        }
    }
}

/// The number of the youngest system call that the table of doors was compared with: fchroot. All
/// architectures count alike from 403 on (scripts/syscall.tbl). A scope answers a younger call with ENOSYS.
pub const YOUNGEST: u32 = 472;
/// The release with which the table was compared.
pub const YOUNGEST_SINCE: &str = "7.3";

/// One system call and its numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// The name that the kernel gives it.
    pub name: &'static str,
    x86_64: Option<u16>,
    generic: Option<u16>,
}

impl Call {
    /// Returns every call that the table of doors names, in the order of their names.
    pub fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Call>> = OnceLock::new();
        ALL.get_or_init(|| Reader::of(&TAPE).rows(read).collect())
    }

    /// Returns the calls that name a path and that no row of the table is about, in the order of their names. The learner's
    /// watch alone wants them, and they are untouched ([`UNTOUCHED`]).
    pub fn of_paths() -> &'static [Self] {
        static OF_PATHS: OnceLock<Vec<Call>> = OnceLock::new();
        OF_PATHS.get_or_init(|| Reader::of(&PATH_TAPE).rows(read).collect())
    }

    /// Returns the call of that name, if the table of doors names it.
    pub fn named(name: &str) -> Option<&'static Self> {
        let calls = Self::all();
        calls.binary_search_by(|call| call.name.cmp(name)).ok().map(|at| &calls[at])
    }

    /// Returns the call of that name, if it is one of [`Call::all`] or of [`Call::of_paths`].
    pub fn numbered(name: &str) -> Option<&'static Self> {
        Self::named(name).or_else(|| Self::of_paths().iter().find(|call| call.name == name))
    }

    /// Returns the call's number, if the architecture has the call.
    pub fn number(&self, architecture: Architecture) -> Option<u32> {
        let number = match architecture {
            Architecture::X86_64 => self.x86_64,
            Architecture::Aarch64 | Architecture::Riscv64 => self.generic,
        };
        number.map(u32::from)
    }
}

const fn call(name: &'static str, x86_64: Option<u16>, generic: Option<u16>) -> Call {
    Call { name, x86_64, generic }
}

const fn same(name: &'static str, number: u16) -> Call {
    call(name, Some(number), Some(number))
}

/// [`CALLS`] as bytes: a launch without a scope does not pay for it.
static TAPE: [u8; write::<0>(CALLS).length] = write::<{ write::<0>(CALLS).length }>(CALLS).bytes;
/// [`PATH_CALLS`] as bytes.
static PATH_TAPE: [u8; write::<0>(PATH_CALLS).length] = write::<{ write::<0>(PATH_CALLS).length }>(PATH_CALLS).bytes;

/// What stands for no number.
const NONE: u32 = u32::MAX;

const fn write<const LENGTH: usize>(calls: &[Call]) -> Writer<LENGTH> {
    let mut to = Writer::new();
    let mut at = 0;
    while at < calls.len() {
        to.text(calls[at].name);
        to.number(or_none(calls[at].x86_64));
        to.number(or_none(calls[at].generic));
        at += 1;
    }
    to
}

const fn or_none(number: Option<u16>) -> u32 {
    match number {
        Some(number) => number as u32,
        None => NONE,
    }
}

fn read(from: &mut Reader) -> Option<Call> {
    let name = from.text()?;
    let number = |from: &mut Reader| Some(u16::try_from(from.number()?).ok());
    Some(Call { name, x86_64: number(from)?, generic: number(from)? })
}

/// The calls: for each its number on x86-64, and its number on 64-bit Arm and RISC-V, which share one list.
///
/// The sources are `arch/x86/entry/syscalls/syscall_64.tbl` and `scripts/syscall.tbl` (before 6.11
/// `include/uapi/asm-generic/unistd.h`) of Linux 7.3.
const CALLS: &[Call] = &[
    call("acct", Some(163), Some(89)),
    call("add_key", Some(248), Some(217)),
    call("adjtimex", Some(159), Some(171)),
    call("bind", Some(49), Some(200)),
    call("bpf", Some(321), Some(280)),
    call("capset", Some(126), Some(91)),
    call("chmod", Some(90), None),
    call("chown", Some(92), None),
    call("chroot", Some(161), Some(51)),
    call("clock_adjtime", Some(305), Some(266)),
    call("clock_nanosleep", Some(230), Some(115)),
    call("clock_settime", Some(227), Some(112)),
    call("clone", Some(56), Some(220)),
    same("clone3", 435),
    call("delete_module", Some(176), Some(106)),
    call("execve", Some(59), Some(221)),
    call("execveat", Some(322), Some(281)),
    call("fanotify_init", Some(300), Some(262)),
    call("fanotify_mark", Some(301), Some(263)),
    call("fchmod", Some(91), Some(52)),
    call("fchmodat", Some(268), Some(53)),
    same("fchmodat2", 452),
    call("fchown", Some(93), Some(55)),
    call("fchownat", Some(260), Some(54)),
    same("fchroot", 472),
    call("fcntl", Some(72), Some(25)),
    same("file_setattr", 469),
    call("finit_module", Some(313), Some(273)),
    call("fremovexattr", Some(199), Some(16)),
    same("fsconfig", 431),
    call("fsetxattr", Some(190), Some(7)),
    same("fsmount", 432),
    same("fsopen", 430),
    same("fspick", 433),
    call("futimesat", Some(261), None),
    call("get_robust_list", Some(274), Some(100)),
    call("getsockopt", Some(55), Some(209)),
    call("init_module", Some(175), Some(105)),
    same("io_uring_enter", 426),
    same("io_uring_register", 427),
    same("io_uring_setup", 425),
    call("ioctl", Some(16), Some(29)),
    call("ioperm", Some(173), None),
    call("iopl", Some(172), None),
    call("ioprio_set", Some(251), Some(30)),
    call("kcmp", Some(312), Some(272)),
    call("kexec_file_load", Some(320), Some(294)),
    call("kexec_load", Some(246), Some(104)),
    call("keyctl", Some(250), Some(219)),
    call("kill", Some(62), Some(129)),
    call("lchown", Some(94), None),
    call("linkat", Some(265), Some(37)),
    same("listmount", 458),
    same("listns", 470),
    call("lookup_dcookie", Some(212), Some(18)),
    call("lremovexattr", Some(198), Some(15)),
    call("lsetxattr", Some(189), Some(6)),
    same("lsm_set_self_attr", 460),
    call("madvise", Some(28), Some(233)),
    call("mbind", Some(237), Some(235)),
    call("memfd_create", Some(319), Some(279)),
    call("migrate_pages", Some(256), Some(238)),
    call("mknod", Some(133), None),
    call("mknodat", Some(259), Some(33)),
    call("mlock", Some(149), Some(228)),
    call("mlock2", Some(325), Some(284)),
    call("mlockall", Some(151), Some(230)),
    call("mmap", Some(9), Some(222)),
    call("mount", Some(165), Some(40)),
    same("mount_setattr", 442),
    same("move_mount", 429),
    call("move_pages", Some(279), Some(239)),
    call("mq_open", Some(240), Some(180)),
    call("msgctl", Some(71), Some(187)),
    call("msgget", Some(68), Some(186)),
    call("msgrcv", Some(70), Some(188)),
    call("msgsnd", Some(69), Some(189)),
    call("open_by_handle_at", Some(304), Some(265)),
    same("open_tree", 428),
    same("open_tree_attr", 467),
    call("perf_event_open", Some(298), Some(241)),
    same("pidfd_getfd", 438),
    same("pidfd_send_signal", 424),
    call("pivot_root", Some(155), Some(41)),
    call("prctl", Some(157), Some(167)),
    call("prlimit64", Some(302), Some(261)),
    same("process_madvise", 440),
    same("process_mrelease", 448),
    call("process_vm_readv", Some(310), Some(270)),
    call("process_vm_writev", Some(311), Some(271)),
    call("ptrace", Some(101), Some(117)),
    call("quotactl", Some(179), Some(60)),
    same("quotactl_fd", 443),
    call("reboot", Some(169), Some(142)),
    call("removexattr", Some(197), Some(14)),
    same("removexattrat", 466),
    call("rt_sigqueueinfo", Some(129), Some(138)),
    call("rt_tgsigqueueinfo", Some(297), Some(240)),
    call("sched_setaffinity", Some(203), Some(122)),
    call("sched_setattr", Some(314), Some(274)),
    call("sched_setparam", Some(142), Some(118)),
    call("sched_setscheduler", Some(144), Some(119)),
    call("semctl", Some(66), Some(191)),
    call("semget", Some(64), Some(190)),
    call("semop", Some(65), Some(193)),
    call("semtimedop", Some(220), Some(192)),
    call("sendmmsg", Some(307), Some(269)),
    call("sendmsg", Some(46), Some(211)),
    call("setdomainname", Some(171), Some(162)),
    call("setfsgid", Some(123), Some(152)),
    call("setfsuid", Some(122), Some(151)),
    call("setgid", Some(106), Some(144)),
    call("setgroups", Some(116), Some(159)),
    call("sethostname", Some(170), Some(161)),
    call("setns", Some(308), Some(268)),
    call("setpriority", Some(141), Some(140)),
    call("setregid", Some(114), Some(143)),
    call("setresgid", Some(119), Some(149)),
    call("setresuid", Some(117), Some(147)),
    call("setreuid", Some(113), Some(145)),
    call("setrlimit", Some(160), Some(164)),
    call("setsockopt", Some(54), Some(208)),
    call("settimeofday", Some(164), Some(170)),
    call("setuid", Some(105), Some(146)),
    call("setxattr", Some(188), Some(5)),
    same("setxattrat", 463),
    call("shmat", Some(30), Some(196)),
    call("shmctl", Some(31), Some(195)),
    call("shmget", Some(29), Some(194)),
    call("socket", Some(41), Some(198)),
    same("statmount", 457),
    call("swapoff", Some(168), Some(225)),
    call("swapon", Some(167), Some(224)),
    call("syslog", Some(103), Some(116)),
    call("tgkill", Some(234), Some(131)),
    call("timer_create", Some(222), Some(107)),
    call("timerfd_create", Some(283), Some(85)),
    call("tkill", Some(200), Some(130)),
    call("umount2", Some(166), Some(39)),
    call("unshare", Some(272), Some(97)),
    call("userfaultfd", Some(323), Some(282)),
    call("utime", Some(132), None),
    call("utimensat", Some(280), Some(88)),
    call("utimes", Some(235), None),
    call("vhangup", Some(153), Some(58)),
];

/// [`Call::of_paths`]. The sources are those of [`CALLS`].
const PATH_CALLS: &[Call] = &[
    call("creat", Some(85), None),
    call("link", Some(86), None),
    call("mkdir", Some(83), None),
    call("mkdirat", Some(258), Some(34)),
    call("open", Some(2), None),
    call("openat", Some(257), Some(56)),
    same("openat2", 437),
    call("rename", Some(82), None),
    call("renameat", Some(264), Some(38)),
    call("renameat2", Some(316), Some(276)),
    call("rmdir", Some(84), None),
    call("symlink", Some(88), None),
    call("symlinkat", Some(266), Some(36)),
    call("truncate", Some(76), Some(45)),
    call("unlink", Some(87), None),
    call("unlinkat", Some(263), Some(35)),
];

/// Every other call of the three architectures, in the order of their names, without those that the kernel no longer
/// answers and those for old file systems and libraries (sysfs, uselib, ustat). No row of the table is about them.
#[rustfmt::skip]
pub const UNTOUCHED: &[&str] = &[
    "accept", "accept4", "access", "alarm", "arch_prctl", "brk", "cachestat", "capget", "chdir", "clock_getres",
    "clock_gettime", "close", "close_range", "connect", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
    "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fdatasync", "fgetxattr",
    "file_getattr", "flistxattr", "flock", "fork", "fstat", "fstatfs", "fsync", "ftruncate", "futex", "futex_requeue",
    "futex_wait", "futex_waitv", "futex_wake", "get_mempolicy", "getcpu", "getcwd", "getdents", "getdents64", "getegid",
    "geteuid", "getgid", "getgroups", "getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid",
    "getpriority", "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "getsockname", "gettid",
    "gettimeofday", "getuid", "getxattr", "getxattrat", "inotify_add_watch", "inotify_init", "inotify_init1",
    "inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit",
    "ioprio_get", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lgetxattr", "link",
    "listen", "listxattr", "listxattrat", "llistxattr", "lseek", "lsm_get_self_attr", "lsm_list_modules", "lstat",
    "map_shadow_stack", "membarrier", "memfd_secret", "mincore", "mkdir", "mkdirat", "modify_ldt", "mprotect",
    "mq_getsetattr", "mq_notify", "mq_timedreceive", "mq_timedsend", "mq_unlink", "mremap", "mseal", "msync", "munlock",
    "munlockall", "munmap", "name_to_handle_at", "nanosleep", "newfstatat", "open", "openat", "openat2", "pause",
    "personality", "pidfd_open", "pipe", "pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll",
    "pread64", "preadv", "preadv2", "pselect6", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
    "readlinkat", "readv", "recvfrom", "recvmmsg", "recvmsg", "remap_file_pages", "rename", "renameat", "renameat2",
    "request_key", "restart_syscall", "riscv_flush_icache", "riscv_hwprobe", "rmdir", "rseq", "rseq_slice_yield", "rt_sigaction",
    "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
    "sched_rr_get_interval", "sched_yield", "seccomp", "select", "sendfile", "sendto",
    "set_mempolicy", "set_mempolicy_home_node", "set_robust_list", "set_tid_address", "setitimer", "setpgid", "setsid",
    "shmdt", "shutdown", "sigaltstack", "signalfd", "signalfd4", "socketpair", "splice", "stat", "statfs", "statx",
    "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tee", "time", "timer_delete",
    "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_gettime", "timerfd_settime", "times", "truncate",
    "umask", "uname", "unlink", "unlinkat", "uprobe", "uretprobe", "vfork", "vmsplice", "wait4", "waitid", "write", "writev",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seccomps_number_of_an_architecture_is_that_of_its_programs_with_the_bits_for_64_bit_and_little_endian() {
        // __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE (linux/audit.h)
        let bits = 0xc000_0000;
        let programs = [libc::EM_X86_64, libc::EM_AARCH64, libc::EM_RISCV];
        let numbers = programs.map(|program| bits | u32::from(program));
        assert_eq!(Architecture::ALL.map(Architecture::audit_number), numbers);
    }

    #[test]
    fn the_calls_are_read_as_they_are_written_here() {
        assert_eq!(Call::of_paths(), PATH_CALLS);
        assert_eq!(Call::all(), CALLS);
    }

    #[test]
    fn each_call_is_in_one_of_the_lists() {
        assert!(UNTOUCHED.is_sorted_by(|a, b| a < b));
        assert!(UNTOUCHED.iter().all(|name| Call::named(name).is_none()));
        assert!(PATH_CALLS.iter().all(|call| UNTOUCHED.contains(&call.name)));
    }

    #[test]
    fn the_calls_are_sorted_and_no_two_have_the_same_number() {
        assert!(CALLS.is_sorted_by(|a, b| a.name < b.name));
        for architecture in Architecture::ALL {
            let mut numbers: Vec<_> = CALLS.iter().filter_map(|call| call.number(architecture)).collect();
            let all = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), all, "{architecture:?}");
            assert!(numbers.iter().all(|number| *number <= YOUNGEST));
        }
    }
}
