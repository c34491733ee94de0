//! What is known about the places in the kernel that check capabilities, as data in four tables.
//!
//! A row of [`SITES`] states that a check means less than it seems to. A check that fits no row counts in full.
//! Functions have the names that kallsyms gives them. Several names in one group are the same place in different
//! releases, or its caller if a compiler inlines it. `sys_NAME` stands for the function by which a system call is entered,
//! which has another name on each architecture.

use crate::analysis::observation::{Credentials, Observation, Verdict};
use capwrap_core::Capability;
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::escapes;
use syscalls::Sysno;

/// Functions that only lead to `cap_capable`. The function that asks is further out.
pub const MACHINERY: &[&str] = &[
    "cap_capable",
    "cap_capable_helper",
    "security_capable",
    "ns_capable_common",
    "capable",
    "ns_capable",
    "ns_capable_noaudit",
    "ns_capable_setid",
    "ns_capable_cred",
    "has_capability",
    "has_capability_noaudit",
    "has_ns_capability",
    "has_ns_capability_noaudit",
    "capable_wrt_inode_uidgid",
    "inode_owner_or_capable",
    "in_group_or_capable",
    "file_ns_capable",
    "sk_capable",
    "sk_ns_capable",
    "sk_net_capable",
    "sockopt_capable",
    "sockopt_ns_capable",
    "netlink_capable",
    "netlink_net_capable",
    "netlink_ns_capable",
    "__netlink_ns_capable",
    "bpf_capable",
    "bpf_ns_capable",
    "bpf_net_capable",
    "bpf_token_capable",
    "perfmon_capable",
    "checkpoint_restore_ns_capable",
];

/// What precedes a system call's name in the functions by which it is entered (`__SYSCALL_DEFINEx` in
/// arch/*/include/asm/syscall_wrapper.h and include/linux/syscalls.h).
const ENTRIES: [&str; 7] =
    ["__x64_sys_", "__ia32_sys_", "__ia32_compat_sys_", "__arm64_sys_", "__riscv_sys_", "__se_sys_", "__do_sys_"];

/// Returns the system call that is entered by this function, on any architecture.
pub fn entered_call(function: &str) -> Option<&str> {
    ENTRIES.iter().find_map(|prefix| function.strip_prefix(prefix))
}

/// The meaning that a row of [`SITES`] gives to the checks that it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The check's failure has no effect on what the command wants to do.
    Speculative,
    /// The check asks about the credentials of another process.
    Foreign,
    /// The check counts, but this narrower capability would suffice.
    Narrower(Capability),
}

/// The system calls that a row applies to.
#[derive(Clone, Copy, Debug)]
pub enum Calls {
    /// All system calls, and checks outside a system call.
    Any,
    /// All system calls except these.
    Except(&'static [&'static str]),
}

/// The system calls one of whose arguments distinguishes checks: the name, the number of the argument from 0, and the bits
/// that count. The probe keeps these bits with each check, so they are few.
pub const ARGUMENTS: &[(Sysno, usize, u32)] = &[
    // The setgid bit of the mode. The older two are not on every architecture.
    #[cfg(target_arch = "x86_64")]
    (Sysno::chmod, 1, SET_GROUP_ID),
    (Sysno::fchmod, 1, SET_GROUP_ID),
    (Sysno::fchmodat, 2, SET_GROUP_ID),
    (Sysno::fchmodat2, 2, SET_GROUP_ID),
    // The signal.
    (Sysno::kill, 1, 0x7f),
    (Sysno::tkill, 1, 0x7f),
    (Sysno::tgkill, 2, 0x7f),
    // The name of the option; its level shows in the call site.
    (Sysno::setsockopt, 2, 0xff),
    // The operation.
    (Sysno::prctl, 0, 0xff),
    // The length of the message. Few messages are checked when they are sent, nearly all of netlink.
    (Sysno::sendto, 2, 0xffff),
    // What distinguishes the doors of a scope (capwrap_core::scope::table): the signal,
    (Sysno::rt_sigqueueinfo, 1, 0x7f),
    (Sysno::rt_tgsigqueueinfo, 2, 0x7f),
    (Sysno::pidfd_send_signal, 1, 0x7f),
    // the command or the request,
    (Sysno::bpf, 0, u32::MAX),
    (Sysno::fcntl, 1, u32::MAX),
    (Sysno::ioctl, 1, u32::MAX),
    (Sysno::keyctl, 0, u32::MAX),
    (Sysno::reboot, 2, u32::MAX),
    (Sysno::syslog, 0, u32::MAX),
    // the protocol, where the family shows in the call site,
    (Sysno::socket, 2, u32::MAX),
    // the new namespaces,
    (Sysno::clone, 0, 0x7e02_0000),
    (Sysno::unshare, 0, 0x7e02_0080),
    // and the clock.
    (Sysno::clock_nanosleep, 0, u32::MAX),
    (Sysno::timer_create, 0, u32::MAX),
    (Sysno::timerfd_create, 0, u32::MAX),
];

/// include/uapi/linux/stat.h
const SET_GROUP_ID: u32 = 0o2000;
/// include/uapi/asm-generic/socket.h: SO_DEBUG, SO_SNDBUFFORCE and SO_RCVBUFFORCE.
const DEBUG_OR_BUFFERS: &[u32] = &[1, 32, 33];
/// include/uapi/linux/netlink.h and rtnetlink.h: a struct nlmsghdr and a struct ifinfomsg.
const EMPTY_LINK_REQUEST: &[u32] = &[32];
/// include/uapi/linux/prctl.h: PR_CAPBSET_DROP and PR_SET_SECUREBITS.
const LOCK_DOWN: &[u32] = &[24, 28];

/// The files that the C library opens unasked, and the argument that the probe keeps for an openat(2) of them. It keeps the
/// argument only where the path is a constant beside the code that made the system call. A program that itself opens the
/// file, through the library's open, has its path somewhere else.
pub const LIBRARY_FILES: &[(&str, u32)] = &[("/etc/shadow", SHADOW)];

/// nss/nss_files: getspnam(3).
const SHADOW: u32 = 1;

/// Returns what the probe kept of the system call with this number, or `None` if it keeps nothing of it.
pub fn argument(number: i32, kept: u32) -> Option<u32> {
    let is_file = number == Sysno::openat.id() && kept != 0;
    (is_file || ARGUMENTS.iter().any(|(call, ..)| call.id() == number)).then_some(kept)
}

/// The argument of the system call for which a row applies.
#[derive(Clone, Copy, Debug)]
pub enum Argument {
    /// Every argument.
    Any,
    /// One of these values of the bits that [`ARGUMENTS`] keeps.
    Is(&'static [u32]),
    /// Every value except these, and one that is not known.
    IsNot(&'static [u32]),
}

/// The programs that a row applies to, by the names of their files. A name stands for all versions, as `python3.11` of
/// `python3`.
#[derive(Clone, Copy, Debug)]
pub enum Programs {
    /// All programs.
    Any,
    /// These programs, which go on if they are refused.
    Only(&'static [&'static str]),
    /// All programs except these, which end with an error or exist for nothing else, and except [`INTERPRETERS`].
    Except(&'static [&'static str]),
}

/// Programs that run other people's scripts. There a refusal is an exception, which ends the script. Programs that have many
/// tools in one file belong here too.
pub const INTERPRETERS: &[&str] = &[
    "R",
    "ash",
    "bash",
    "beam.smp",
    "busybox",
    "bun",
    "clisp",
    "coreutils",
    "csh",
    "csi",
    "dash",
    "deno",
    "dotnet",
    "expect",
    "fish",
    "gforth",
    "gosh",
    "guile",
    "java",
    "julia",
    "ksh",
    "ksh93",
    "lua",
    "luajit",
    "mksh",
    "mono",
    "node",
    "ocaml",
    "ocamlrun",
    "osh",
    "perl",
    "php",
    "pike",
    "posh",
    "pwsh",
    "pypy",
    "pypy3",
    "python",
    "python3",
    "racket",
    "ruby",
    "sash",
    "sbcl",
    "sh",
    "swipl",
    "tclsh",
    "tcsh",
    "toybox",
    "wish",
    "yash",
    "zsh",
];

/// Programs that exist to run something, or themselves, in real time, and those that end if they may not. All others would
/// like to, above all what plays sound and keeps time.
const REAL_TIME: &[&str] = &[
    "chrt",
    "corosync",
    "cyclicdeadline",
    "cyclictest",
    "deadline_test",
    "hackbench",
    "hwlatdetect",
    "jackd",
    "jackdbus",
    "oslat",
    "pd",
    "puredata",
    "pi_stress",
    "pip_stress",
    "pmqtest",
    "ptsematest",
    "queuelat",
    "rt-app",
    "rt-migrate-test",
    "rteval",
    "rtla",
    "rtkit-daemon",
    "schedtool",
    "sigwaittest",
    "signaltest",
    "ssdd",
    "start-stop-daemon",
    "stress-ng",
    "svsematest",
    "tuna",
    "uclampset",
];

/// Programs that go through all processes of the machine and are content with what everybody may see of them. userdel and
/// usermod look whether a process has the user (shadow, lib/user_busy.c).
pub const PROCESS_LISTS: &[&str] = &[
    "atop",
    "btm",
    "btop",
    "collectl",
    "conky",
    "glances",
    "gotop",
    "htop",
    "inxi",
    "killall",
    "killall5",
    "lslocks",
    "monit",
    "neofetch",
    "nmon",
    "pgrep",
    "pidof",
    "pidstat",
    "pidwait",
    "pkill",
    "procs",
    "prometheus-node-exporter",
    "ps",
    "pscap",
    "pstree",
    "skill",
    "slay",
    "systemd-analyze",
    "systemd-cgls",
    "systemd-cgtop",
    "systemd-detect-virt",
    "top",
    "userdel",
    "usermod",
    "w",
    "whowatch",
];

/// Programs that exist to run something with other groups. All others that give up their groups alone, and stay the user that
/// they are, only would like to have less (sshd before it listens, webfsd).
pub const GROUP_CHANGERS: &[&str] = &[
    "capsh",
    "chpst",
    "chroot",
    "conmon",
    "crun",
    "doas",
    "envuidgid",
    "gosu",
    "login",
    "newgrp",
    "nsenter",
    "podman",
    "runc",
    "runuser",
    "s6-applyuidgid",
    "s6-setuidgid",
    "setpriv",
    "setuidgid",
    "sg",
    "softlimit",
    "start-stop-daemon",
    "su",
    "su-exec",
    "sudo",
    "systemd-nspawn",
    "unshare",
];

/// Programs that begin a session, check a password or change an account, and report it to the kernel's audit.
pub const ACCOUNTS: &[&str] = &[
    "atd",
    "chage",
    "chfn",
    "chgpasswd",
    "chpasswd",
    "chsh",
    "cron",
    "crond",
    "cupsd",
    "dbus-daemon",
    "expiry",
    "faillock",
    "gdm-session-worker",
    "gpasswd",
    "groupadd",
    "groupdel",
    "groupmems",
    "groupmod",
    "grpck",
    "grpconv",
    "hwclock",
    "lightdm",
    "login",
    "newgrp",
    "newusers",
    "passwd",
    "pkexec",
    "polkit-agent-helper-1",
    "proftpd",
    "pure-ftpd",
    "pwck",
    "pwconv",
    "runuser",
    "saslauthd",
    "screen",
    "sddm-helper",
    "smbd",
    "sshd",
    "sshd-session",
    "su",
    "sudo",
    "systemd",
    "systemd-executor",
    "unix_chkpwd",
    "useradd",
    "userdel",
    "usermod",
    "vlock",
    "vsftpd",
    "xrdp-sesman",
];

/// The condition on the whole run under which a row applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The row always applies.
    Any,
    /// No process of the run changed its user ids.
    UsersUnchanged,
    /// No process of the run changed its group ids.
    GroupsUnchanged,
    /// The policy runs the tool with `no_new_privs`.
    NoNewPrivileges,
}

/// One row of [`SITES`].
#[derive(Debug)]
pub struct Site {
    /// Groups of functions. The call site must contain one function of each group.
    pub functions: &'static [&'static [&'static str]],
    /// The names of the function that asks; an empty list matches any function.
    pub asking_function: &'static [&'static str],
    /// The capabilities that are asked for; an empty list matches any capability.
    pub capabilities: &'static [Capability],
    /// The kernel's answer, if it matters.
    pub verdict: Option<Verdict>,
    /// The kind of credentials, if it matters.
    pub credentials: Option<Credentials>,
    /// The system calls in which the check happens.
    pub calls: Calls,
    /// The argument of the system call.
    pub argument: Argument,
    /// The programs in which it happens.
    pub programs: Programs,
    /// The first release (major, minor) to which the row applies.
    pub since: (u32, u32),
    /// The first release to which the row no longer applies.
    pub until: (u32, u32),
    /// The condition on the run.
    pub given: Given,
    /// The meaning of a check that fits.
    pub meaning: Meaning,
    /// The fact, as a phrase of at most 64 characters for people.
    pub why: &'static str,
}

/// A row that fits every check. The other rows state only how they differ from it.
const ROW: Site = Site {
    functions: &[],
    asking_function: &[],
    capabilities: &[],
    verdict: None,
    credentials: None,
    calls: Calls::Any,
    argument: Argument::Any,
    programs: Programs::Any,
    since: (0, 0),
    until: (u32::MAX, 0),
    given: Given::Any,
    meaning: Meaning::Speculative,
    why: "",
};

const NO_AUDIT: &[&str] = &["has_capability_noaudit", "has_ns_capability_noaudit"];

/// All rows, the most frequent first. The first row that fits a check applies.
///
/// Some checks have no row because the kernel behaves differently without the capability: kallsyms (cap_syslog),
/// listmount, the BPF verifier (cap_perfmon), setgroups to the same groups (refused without cap_setgid), epoll's
/// EPOLLWAKEUP.
///
/// Some checks come before the kernel compares what makes the capability unnecessary: a limit, an owner, a list that is
/// open to all. If such a check passes, it does not show whether the capability was needed. It counts as speculative
/// here, because most programs do not need it, and the report lists it as possible. `--minimize` finds out.
pub const SITES: &[Site] = &[
    // mm/util.c, security/commoncap.c: a process with the capability may also use the last 3 % of memory. The kernel
    // asks at every mmap, and 14 times in one clone.
    Site {
        functions: &[&["cap_vm_enough_memory", "security_vm_enough_memory_mm", "__vm_enough_memory"]],
        capabilities: &[Capability::SYS_ADMIN],
        why: "memory overcommit: only the last reserve depends on it",
        ..ROW
    },
    // security/commoncap.c, cap_inh_is_capped: the kernel asks before it compares the sets. The answer matters only to
    // a process that makes more inheritable than it is permitted.
    Site {
        functions: &[&["cap_capset", "security_capset", "sys_capset"]],
        capabilities: &[Capability::SETPCAP],
        why: "asked at every capset, whatever it sets",
        ..ROW
    },
    // kernel/sys.c: the kernel asks for the capability first, and compares the ids only if it is lacking (setresuid and
    // setresgid until 6.3, 659c0ce1cb9e). setreuid, setregid, setfsuid and setfsgid compare first.
    Site {
        functions: &[&["__sys_setuid", "sys_setuid", "__sys_setresuid", "sys_setresuid"]],
        capabilities: &[Capability::SETUID],
        verdict: Some(Verdict::Granted),
        given: Given::UsersUnchanged,
        why: "asked before the ids are compared, and none changed",
        ..ROW
    },
    Site {
        functions: &[&["__sys_setgid", "sys_setgid", "__sys_setresgid", "sys_setresgid"]],
        capabilities: &[Capability::SETGID],
        verdict: Some(Verdict::Granted),
        given: Given::GroupsUnchanged,
        why: "asked before the ids are compared, and none changed",
        ..ROW
    },
    // A refused check looks the same for a change that failed and for a call that changed nothing. Every tool that
    // drops setuid root makes such a call. Not granting cap_setuid is the lesser harm.
    Site {
        functions: &[&["__sys_setuid", "sys_setuid", "__sys_setresuid", "sys_setresuid"]],
        capabilities: &[Capability::SETUID],
        verdict: Some(Verdict::Denied),
        why: "asked before the ids are compared; a refusal shows nothing",
        ..ROW
    },
    Site {
        functions: &[&["__sys_setgid", "sys_setgid", "__sys_setresgid", "sys_setresgid"]],
        capabilities: &[Capability::SETGID],
        verdict: Some(Verdict::Denied),
        why: "asked before the ids are compared; a refusal shows nothing",
        ..ROW
    },
    // fs/open.c, access_override_creds: the kernel asks with the real ids, and for users other than root with no
    // effective capability. Only faccessat2 with AT_EACCESS asks with the process's own credentials.
    Site {
        functions: &[&["do_faccessat", "sys_access", "sys_faccessat"]],
        verdict: Some(Verdict::Denied),
        calls: Calls::Except(&["faccessat2"]),
        why: "access(2) asks as if without capabilities",
        ..ROW
    },
    Site {
        functions: &[&["do_faccessat", "sys_faccessat2"]],
        verdict: Some(Verdict::Denied),
        credentials: Some(Credentials::Overridden),
        why: "access(2) asks as if without capabilities",
        ..ROW
    },
    // fs/proc/array.c calls ptrace_may_access without audit for every process that ps checks.
    Site {
        functions: &[&["do_task_stat"]],
        capabilities: &[Capability::SYS_PTRACE],
        why: "only the addresses in /proc/PID/stat depend on it",
        ..ROW
    },
    // net/sysctl_net.c, kernel/ucount.c, kernel/pid_namespace.c, ipc/ipc_sysctl.c: the kernel asks at every access
    // below /proc/sys/net, user and kernel, although all users may read there.
    Site {
        functions: &[&["net_ctl_permissions", "set_permissions", "pid_table_root_permissions", "ipc_permissions"]],
        capabilities: &[
            Capability::NET_ADMIN,
            Capability::SYS_RESOURCE,
            Capability::SYS_ADMIN,
            Capability::CHECKPOINT_RESTORE,
        ],
        calls: Calls::Except(&["write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile", "splice"]),
        why: "asked whoever opens or reads a setting",
        ..ROW
    },
    // iproute2, ip/iplink.c, iplink_have_newlink: `ip link show` too sends an empty RTM_NEWLINK, to learn whether the kernel
    // knows it. Refused is an answer like any other. Whatever changes something goes by sendmsg (lib/libnetlink.c), or is
    // longer (`ip addr flush`).
    Site {
        functions: &[
            &["rtnetlink_rcv_msg", "rtnl_link_get_net_capable", "rtnl_newlink"],
            &["__sys_sendto", "sys_sendto"],
        ],
        capabilities: &[Capability::NET_ADMIN],
        argument: Argument::Is(EMPTY_LINK_REQUEST),
        programs: Programs::Only(&["ip"]),
        why: "ip only asks whether the kernel knows a request",
        ..ROW
    },
    // fs/proc/base.c, proc_pid_attr_open: the file opens whatever the check of the process says (ps, pstree).
    Site { functions: &[&["proc_pid_attr_open"]], why: "opening /proc/PID/attr throws the answer away", ..ROW },
    // mm/mincore.c, can_do_mincore: who neither owns the file nor may write it sees all pages as in memory.
    Site {
        functions: &[&["can_do_mincore", "do_mincore", "sys_mincore"]],
        why: "only what mincore(2) shows of a file depends on it",
        ..ROW
    },
    // fs/namei.c, may_open; fs/fcntl.c, setfl: O_NOATIME on a file of others is refused. Programs that read many files
    // (restic, tar) open them again without it. Who does not is rare: a program of its own that insists, or a script.
    Site {
        asking_function: &["may_open", "do_open", "path_openat", "setfl", "do_fcntl"],
        capabilities: &[Capability::FOWNER],
        programs: Programs::Except(&[]),
        why: "O_NOATIME, without which programs open the file again",
        ..ROW
    },
    // fs/attr.c, fs/posix_acl.c: the kernel asks at every change of the mode of a file of a foreign group, whether or not
    // the mode has the setgid bit. Who asked for this bit does not get it otherwise, and chmod(2) does not say so.
    // Writing to a setuid file asks at another place.
    Site {
        functions: &[&["setattr_prepare", "inode_change_ok", "setattr_copy", "posix_acl_update_mode"]],
        capabilities: &[Capability::FSETID],
        argument: Argument::IsNot(&[SET_GROUP_ID]),
        why: "only whether the setgid bit stays depends on it",
        ..ROW
    },
    // fs/proc/task_mmu.c: without the capability, the numbers of page frames read as 0.
    Site {
        functions: &[&["pagemap_open", "pagemap_read"]],
        capabilities: &[Capability::SYS_ADMIN],
        why: "only page frame numbers in /proc/PID/pagemap depend on it",
        ..ROW
    },
    // drivers/pci/pci-sysfs.c: without the capability a program reads the standard part alone (lspci -vv, lshw).
    Site {
        functions: &[&["pci_read_config", "pci_user_read_config_dword"]],
        capabilities: &[Capability::SYS_ADMIN],
        why: "only how much of a device's configuration shows depends on it",
        ..ROW
    },
    // drivers/tty/serial/serial_core.c, /proc/tty/driver/serial (sadc).
    Site {
        functions: &[&["uart_proc_show", "uart_line_info"]],
        capabilities: &[Capability::SYS_ADMIN],
        why: "only the counters of serial lines depend on it",
        ..ROW
    },
    // drivers/tty/vt/vt_ioctl.c: the kernel asks at every ioctl of a console that is not the process's own, before it
    // checks which one it is. Asking for the size or the active console takes no capability (stty, fgconsole).
    Site {
        functions: &[&["vt_ioctl"]],
        capabilities: &[Capability::SYS_TTY_CONFIG],
        programs: Programs::Except(&[
            "Xorg",
            "chvt",
            "deallocvt",
            "kbd_mode",
            "kbdrate",
            "loadkeys",
            "openvt",
            "setfont",
            "setleds",
            "weston",
        ]),
        why: "asked at every ioctl of a console",
        ..ROW
    },
    // fs/attr.c, may_setattr: to set the times of a file to now, being allowed to write it is enough (touch).
    Site {
        asking_function: &["may_setattr"],
        capabilities: &[Capability::FOWNER],
        why: "asked before the right to write is checked",
        ..ROW
    },
    // What follows was refused to real programs, which went on. sed -i, vim and gzip give a copy its owner; tar, dpkg,
    // logrotate and all that write the tables of accounts (shadow, lib/commonio.c, create_backup) stop if they cannot. cp -p goes on, but the owner is what it was asked for.
    Site {
        functions: &[&["sys_fchown", "ksys_fchown"]],
        capabilities: &[Capability::CHOWN],
        programs: Programs::Except(&[
            "bsdtar",
            "chage",
            "chfn",
            "chgpasswd",
            "chown",
            "chpasswd",
            "chsh",
            "cp",
            "cpio",
            "crontab",
            "dpkg",
            "gpasswd",
            "groupadd",
            "groupdel",
            "groupmems",
            "groupmod",
            "grpck",
            "grpconv",
            "grpunconv",
            "install",
            "logrotate",
            "mv",
            "newusers",
            "passwd",
            "pwck",
            "pwconv",
            "pwunconv",
            "tar",
            "useradd",
            "userdel",
            "usermod",
        ]),
        why: "the owner of a copy: most programs leave it as it is",
        ..ROW
    },
    // perl -i and ruby -i (doio.c, io.c, argf_next_argv). Their scripts change an owner by the file's name.
    Site {
        functions: &[&["sys_fchown", "ksys_fchown"]],
        capabilities: &[Capability::CHOWN],
        programs: Programs::Only(&["perl", "ruby"]),
        why: "the owner of what is edited in place: it is left as it is",
        ..ROW
    },
    // These give the copy its owner by its name (gawk with -i inplace). A daemon that changes the owner of a socket or a folder
    // by its name stops if it cannot (gunicorn, nginx), and chown(1) exists for it.
    Site {
        functions: &[&["do_fchownat", "sys_fchownat", "sys_chown"]],
        capabilities: &[Capability::CHOWN],
        programs: Programs::Only(&[
            "brotli", "compress", "dos2unix", "gawk", "lzop", "patch", "pbzip2", "pigz", "zstd",
        ]),
        why: "the owner of a copy: the program leaves it as it is",
        ..ROW
    },
    // screen.c: it gives the terminal that it opened to the user, as login does.
    Site {
        functions: &[&["do_fchownat", "sys_fchownat", "sys_chown"]],
        capabilities: &[Capability::CHOWN],
        programs: Programs::Only(&["screen"]),
        why: "the owner of a new terminal: the program leaves it as it is",
        ..ROW
    },
    // kill(2): signal 0 asks whether a process exists, and a refusal answers that it does. `kill -0` is there for the
    // answer, and scripts take a refusal for an absence. So are pkill -0 and killall -0, which send other signals otherwise.
    Site {
        functions: &[&["check_kill_permission", "kill_ok_by_cred"]],
        capabilities: &[Capability::KILL],
        argument: Argument::Is(&[0]),
        programs: Programs::Except(&["kill", "killall", "pkill", "skill"]),
        why: "signal 0 only asks whether a process exists",
        ..ROW
    },
    // kernel/signal.c, __kill_pgrp_info: one process of the group that may be signalled is enough. Programs end their whole
    // group, of which a part has another user by then (socat, dhcpcd).
    Site {
        functions: &[&["__kill_pgrp_info", "kill_pgrp_info"]],
        capabilities: &[Capability::KILL],
        programs: Programs::Except(&["kill", "killall", "pkill", "start-stop-daemon"]),
        why: "a signal to a group: one process that takes it is enough",
        ..ROW
    },
    // socket(7): who may not exceed the limit sets as large a buffer as everybody may (systemd, udev, libnl). SO_DEBUG
    // makes the kernel keep a trace, which nobody reads (inetd -d).
    Site {
        functions: &[&["sk_setsockopt", "sock_setsockopt"]],
        capabilities: &[Capability::NET_ADMIN],
        argument: Argument::Is(DEBUG_OR_BUFFERS),
        programs: Programs::Except(&[]),
        why: "a buffer above the limit: programs take a smaller one",
        ..ROW
    },
    // libcap-ng's capng_apply(3) and capng_lock(3) give up what they may, and these daemons go on. Who makes a sandbox
    // insists.
    Site {
        functions: &[&["cap_task_prctl", "cap_prctl_drop"]],
        capabilities: &[Capability::SETPCAP],
        argument: Argument::Is(LOCK_DOWN),
        programs: Programs::Only(&[
            "auditd",
            "dbus-daemon",
            "fapolicyd",
            "iceccd",
            "irqbalance",
            "knotd",
            "ladvd",
            "openvpn",
            "ovs-vswitchd",
            "ovsdb-server",
            "smartd",
            "usbguard-daemon",
            "virtiofsd",
        ]),
        why: "giving up the bounding set: the program runs without it",
        ..ROW
    },
    // atop, earlyoom and cpulimit would like a better priority and run without it. clockdiff ends.
    Site {
        functions: &[&["set_one_prio", "can_nice"]],
        capabilities: &[Capability::SYS_NICE],
        programs: Programs::Except(&["chpst", "chrt", "clockdiff", "nice", "renice", "schedtool", "start-stop-daemon"]),
        why: "a better priority: most programs run without it",
        ..ROW
    },
    // What plays sound asks for real time by itself, and plays without it (ecasound, fluidsynth, mpd, pipewire, pulseaudio).
    // Users ask jackd -R, pd -rt, chrt and cyclictest for it.
    Site {
        functions: &[&["__sched_setscheduler", "sys_sched_setscheduler", "sys_sched_setattr"]],
        capabilities: &[Capability::SYS_NICE],
        programs: Programs::Except(REAL_TIME),
        why: "real time: most programs run without it",
        ..ROW
    },
    Site {
        functions: &[&["__set_oom_adj", "oom_score_adj_write", "oom_adj_write"]],
        capabilities: &[Capability::SYS_RESOURCE],
        programs: Programs::Except(&["choom", "dd", "tee"]),
        why: "safety from the OOM killer: most programs run without it",
        ..ROW
    },
    // podman, atop, bpftrace and perf raise a limit if they may. eCapture, bpfman and tracee stop if they may not.
    Site {
        functions: &[&["do_prlimit"]],
        capabilities: &[Capability::SYS_RESOURCE],
        programs: Programs::Except(&["bpfman", "bpfman-rpc", "ecapture", "prlimit", "tracee"]),
        why: "a higher limit: most programs run without it",
        ..ROW
    },
    // perf lists the BPF programs that are loaded, and the mappings of all processes, and records without them. bpftool
    // and debuggers stop.
    Site {
        functions: &[&["bpf_obj_get_next_id", "bpf_prog_get_fd_by_id", "__sys_bpf", "sys_bpf"]],
        capabilities: &[Capability::BPF, Capability::SYS_ADMIN, Capability::PERFMON],
        programs: Programs::Only(&["perf"]),
        why: "the names of loaded BPF programs; perf records without",
        ..ROW
    },
    Site {
        functions: &[&["mm_access", "ptrace_may_access", "__ptrace_may_access"]],
        capabilities: &[Capability::SYS_PTRACE],
        calls: Calls::Except(&["ptrace", "perf_event_open"]),
        programs: Programs::Only(&["perf"]),
        why: "the mappings of others' processes; perf records without",
        ..ROW
    },
    // What these programs show of all processes they show without it too; of others' processes they leave out a column, an
    // argument or a line. lsof, fuser, ss -p, pmap and lsns exist for what is asked for here.
    Site {
        functions: &[&["mm_access", "ptrace_may_access", "__ptrace_may_access"]],
        capabilities: &[Capability::SYS_PTRACE],
        programs: Programs::Only(PROCESS_LISTS),
        why: "details of others' processes; the list is shown without them",
        ..ROW
    },
    Site {
        asking_function: &["generic_permission", "inode_permission"],
        capabilities: &[Capability::DAC_READ_SEARCH],
        programs: Programs::Only(PROCESS_LISTS),
        why: "others' /proc/PID; the list is shown without them",
        ..ROW
    },
    // kernel/audit.c: programs with PAM, and those of shadow, report to the kernel's audit what a user did. They go on if
    // an ordinary user may not (PAM's libpam/pam_audit.c, shadow's lib/audit_help.c).
    Site {
        functions: &[&["audit_receive_msg", "audit_netlink_ok", "audit_receive"]],
        capabilities: &[Capability::AUDIT_WRITE],
        programs: Programs::Only(ACCOUNTS),
        why: "a record of a login or an account; programs go on without",
        ..ROW
    },
    Site {
        functions: &[&["kallsyms_show_value"]],
        capabilities: &[Capability::SYSLOG],
        programs: Programs::Only(&["perf"]),
        why: "the names of kernel functions; perf records without",
        ..ROW
    },
    // fs/proc/fd.c, proc_fd_permission: a process that may not be dumped does not own its /proc/self/fd, and the kernel asks
    // before it sees that the process reads its own. Many programs close all descriptors there (gpg, sudo, daemons).
    // Who reads others' descriptors exists for that.
    Site {
        functions: &[&["proc_fd_permission"]],
        capabilities: &[Capability::DAC_READ_SEARCH, Capability::DAC_OVERRIDE],
        programs: Programs::Except(&[
            "bpftool", "cat", "cp", "criu", "dd", "find", "fuser", "head", "ls", "lsfd", "lsof", "nethogs", "netstat",
            "readlink", "realpath", "ss", "stat", "tail", "tee", "tree", "wc",
        ]),
        why: "asked before it is seen that the folder is its own",
        ..ROW
    },
    // fs/namei.c, safe_hardlink_source: the kernel asks before it compares the owner. git links its own files, which are
    // read-only.
    Site {
        functions: &[&["may_linkat", "safe_hardlink_source"]],
        capabilities: &[Capability::DAC_READ_SEARCH, Capability::DAC_OVERRIDE],
        programs: Programs::Only(&["git"]),
        why: "asked before the owner of what is linked is compared",
        ..ROW
    },
    // gdb and gdbserver open /proc/PID/mem for writing, and what else describes a process. What it may not open it does without, or by
    // ptrace (gdb/nat/linux-procfs.c, linux-nat.c).
    Site {
        asking_function: &["generic_permission", "inode_permission", "may_open"],
        capabilities: &[Capability::DAC_READ_SEARCH, Capability::DAC_OVERRIDE],
        programs: Programs::Only(&["gdb", "gdbserver"]),
        why: "others' /proc/PID, without which gdb uses ptrace",
        ..ROW
    },
    // util-linux, libmount/src/tab_update.c: the folder of notes about mounts, which need not be there. libblkid/src/save.c: the
    // folder of what it knows of disks, which whatever looks for a disk by its name makes.
    Site {
        functions: &[&["vfs_mkdir"]],
        capabilities: &[Capability::DAC_OVERRIDE],
        programs: Programs::Only(&[
            "blkid",
            "debugfs",
            "dump",
            "dumpe2fs",
            "e2fsck",
            "e2label",
            "findfs",
            "fsck",
            "mke2fs",
            "mount",
            "quotacheck",
            "quotaoff",
            "quotaon",
            "resize2fs",
            "swapoff",
            "swapon",
            "tune2fs",
            "umount",
        ]),
        why: "a folder of notes in /run, which the program does without",
        ..ROW
    },
    // iptables, iptables/xtables-save.c and nft-shared.c: the commands of nftables look into /proc/net/ip_tables_names for
    // rules of the older kind, about which they warn.
    Site {
        asking_function: &["generic_permission", "inode_permission", "may_open"],
        capabilities: &[Capability::DAC_READ_SEARCH],
        programs: Programs::Only(&["xtables-nft-multi"]),
        why: "whether there are rules of the older kind",
        ..ROW
    },
    // A key that lets others control dhcp6c (wide-dhcpv6, dhcp6c.c), and the password that unlocks screen (screen.c, getspnam).
    // Without them both go on.
    Site {
        asking_function: &["generic_permission", "inode_permission", "may_open"],
        capabilities: &[Capability::DAC_READ_SEARCH],
        programs: Programs::Only(&["dhcp6c", "screen"]),
        why: "a key or a password, which the program does without",
        ..ROW
    },
    // perl, pp_sys.c, pp_gpwent: getpwnam and getpwuid look into /etc/shadow too (getspnam), for the field of the password alone.
    // What a script opens by its name is no constant of the C library. getent, passwd and chage exist for this file.
    Site {
        functions: &[
            &["generic_permission", "inode_permission", "may_open"],
            &["path_openat", "do_filp_open", "do_sys_openat2", "do_sys_open", "sys_openat"],
        ],
        capabilities: &[Capability::DAC_READ_SEARCH, Capability::DAC_OVERRIDE],
        argument: Argument::Is(&[SHADOW]),
        programs: Programs::Only(&["perl"]),
        why: "getpwnam looks into /etc/shadow, and perl goes on without",
        ..ROW
    },
    // vim gives what it writes the mode and the owner of the file, as far as it may.
    Site {
        asking_function: &["setattr_prepare", "inode_change_ok"],
        capabilities: &[Capability::FOWNER],
        programs: Programs::Only(&["vim", "vim.basic", "vim.gtk3", "vim.nox", "vim.tiny"]),
        why: "the mode of a copy: vim leaves it as it is",
        ..ROW
    },
    // ngircd, ngircd.c, NGIRCd_Init: it would like to become nobody, and notes that it may not. dhcpcd, privsep.c, ps_dropprivs:
    // its processes would like to be another user in an empty root.
    Site {
        functions: &[&["sys_setgroups", "sys_setgroups16", "__sys_setgid", "sys_setgid", "__sys_setuid", "sys_setuid"]],
        capabilities: &[Capability::SETUID, Capability::SETGID],
        programs: Programs::Only(&["dhcpcd", "ngircd"]),
        why: "becoming another user, without which the program goes on",
        ..ROW
    },
    Site {
        functions: &[&["sys_chroot"]],
        capabilities: &[Capability::SYS_CHROOT],
        programs: Programs::Only(&["dhcpcd"]),
        why: "an empty root, without which the program goes on",
        ..ROW
    },
    // atop, various.c, regainrootprivs: between two samples it would like to be root again, which it is only if its file is
    // setuid root. So would ettercap where it changes the settings of a device.
    Site {
        functions: &[&["__sys_setresuid", "sys_setresuid"]],
        capabilities: &[Capability::SETUID],
        programs: Programs::Only(&["atop", "atopsar", "ettercap"]),
        why: "being root again, without which the program goes on",
        ..ROW
    },
    // vsftpd, sysdeputil.c, vsf_sysutil_fork_isolate_all_failok: it isolates the process of a session as far as it may.
    Site {
        functions: &[&["copy_namespaces"]],
        capabilities: &[Capability::SYS_ADMIN],
        programs: Programs::Only(&["vsftpd"]),
        why: "namespaces for a session, without which the program goes on",
        ..ROW
    },
    // fs/proc/base.c, proc_pid_get_link: what a process executes, and its root and current folder. Many programs compare
    // /proc/1/root with their own root, and take a refusal for "no chroot" (libparted, udevadm, systemctl). Reading the link
    // instead of what it leads to asks at another place. Who finds processes by their program, or looks into them, exists for
    // that.
    Site {
        functions: &[&["proc_pid_get_link"], &["vfs_statx", "vfs_fstatat", "vfs_stat"]],
        capabilities: &[Capability::SYS_PTRACE],
        programs: Programs::Except(&[
            "[",
            "criu",
            "find",
            "fuser",
            "ischroot",
            "killproc",
            "ls",
            "lsfd",
            "lsns",
            "lsof",
            "nsenter",
            "pidofproc",
            "realpath",
            "start-stop-daemon",
            "stat",
            "test",
        ]),
        why: "whether it runs in a chroot: a refusal is taken for no",
        ..ROW
    },
    // libdevmapper, libdm/ioctl/libdm-iface.c, _create_control: the device by which it speaks with the kernel is made where it
    // is missing. The kernel makes it in /dev.
    Site {
        functions: &[&["vfs_mknod"]],
        capabilities: &[Capability::MKNOD],
        programs: Programs::Only(&[
            "blkdeactivate",
            "cryptsetup",
            "dmeventd",
            "dmsetup",
            "dmstats",
            "integritysetup",
            "kpartx",
            "lvm",
            "multipath",
            "multipathd",
            "parted",
            "veritysetup",
        ]),
        why: "the device mapper's device, which the kernel makes",
        ..ROW
    },
    // mm/mlock.c: the kernel asks when the limit is exceeded. These lock what they can.
    Site {
        functions: &[&["do_mlock", "sys_mlock", "sys_mlockall"]],
        capabilities: &[Capability::IPC_LOCK],
        programs: Programs::Only(&["ecasound", "varnishd"]),
        why: "locked memory, without which the program goes on",
        ..ROW
    },
    // fs/exec.c: the kernel executes a file that cannot be read all the same.
    Site {
        functions: &[&["would_dump"]],
        capabilities: &[Capability::DAC_READ_SEARCH, Capability::DAC_OVERRIDE],
        why: "only whether the process may be dumped depends on it",
        ..ROW
    },
    // fs/pipe.c, alloc_pipe_info: over a soft limit a new pipe is smaller. F_SETPIPE_SZ asks at another place.
    Site {
        functions: &[&["alloc_pipe_info"]],
        capabilities: &[Capability::SYS_RESOURCE, Capability::SYS_ADMIN],
        why: "only how large a new pipe is depends on it",
        ..ROW
    },
    // io_uring/io_uring.c: a process with the capability is not charged for the rings' memory.
    Site {
        functions: &[&["io_uring_setup", "io_uring_create", "sys_io_uring_setup"]],
        capabilities: &[Capability::IPC_LOCK],
        why: "only whether the rings count against memlock depends on it",
        ..ROW
    },
    // mm/mmap.c, mlock_future_ok (MAP_LOCKED, after mlockall); ipc/shm.c, SHM_LOCK (inlined in ksys_shmctl on 5.4).
    // mlock itself compares first.
    Site {
        functions: &[&[
            "mlock_future_ok",
            "mlock_future_check",
            "do_mmap",
            "do_brk_flags",
            "shmctl_do_lock",
            "ksys_shmctl",
        ]],
        capabilities: &[Capability::IPC_LOCK],
        why: "asked before the memlock limit is checked",
        ..ROW
    },
    // kernel/events/core.c, perf_check_permission: the kernel asks before it checks the rights over the process. The
    // same function asks about whole CPUs, when a user excludes the kernel from what is counted. Before "perf/core:
    // Take over CAP_SYS_PTRACE creds to CAP_PERFMON capability" the kernel did not ask here, but the decisive check was
    // in the same place (Linux 5.4).
    Site {
        asking_function: &["sys_perf_event_open", "perf_check_permission"],
        capabilities: &[Capability::PERFMON, Capability::SYS_ADMIN],
        since: (5, 9),
        why: "asked before one's rights over the process are checked",
        ..ROW
    },
    // kernel/sched/core.c: the kernel asked for every user before it checked whether the user wants more (Linux 5.10).
    // Since "sched: only perform capability check on privileged operation" it asks last (Linux 6.1).
    Site {
        asking_function: &["__sched_setscheduler"],
        capabilities: &[Capability::SYS_NICE],
        until: (6, 0),
        why: "asked before it is checked whether more is wanted",
        ..ROW
    },
    // net/ipv4/tcp.c: TCP_CONGESTION asks before it checks the algorithm, and most algorithms are open to all. On 5.10
    // the function is inlined in tcp_setsockopt.
    Site {
        functions: &[&["do_tcp_setsockopt", "tcp_setsockopt", "tcp_set_congestion_control"]],
        capabilities: &[Capability::NET_ADMIN],
        why: "asked before the congestion control is checked",
        ..ROW
    },
    // net/ipv4/inet_diag.c, udp_diag.c, raw_diag.c and net/packet/diag.c contain what `ss` lists.
    Site {
        functions: &[&[
            "inet_diag_dump_icsk",
            "inet_diag_dump_one_icsk",
            "__inet_diag_dump",
            "inet_diag_dump",
            "inet_sk_diag_fill",
            "tcp_diag_dump",
            "udp_dump",
            "udp_dump_one",
            "udp_diag_dump",
            "udp_diag_dump_one",
            "raw_diag_dump",
            "raw_diag_dump_one",
            "mptcp_diag_dump",
            "mptcp_diag_dump_one",
            "packet_diag_dump",
        ]],
        capabilities: &[Capability::NET_ADMIN],
        why: "only the marks and filters in a list of sockets depend on it",
        ..ROW
    },
    // net/core/dev_ioctl.c, dev_load: a process named an interface that does not exist. Calls that change an interface
    // ask through ns_capable.
    Site {
        functions: &[&["dev_load", "dev_ioctl"], &["capable"]],
        capabilities: &[Capability::NET_ADMIN, Capability::SYS_MODULE],
        why: "no such interface: may its module be loaded?",
        ..ROW
    },
    // net/vmw_vsock/af_vsock.c: only VMCI checks this flag.
    Site {
        functions: &[&["__vsock_create"]],
        capabilities: &[Capability::NET_ADMIN],
        why: "marks a vsock as trusted, which few transports check",
        ..ROW
    },
    // fs/xattr.c, fs/ext4/xattr_trusted.c: reading an attribute asks again, in xattr_permission.
    Site {
        functions: &[&[
            "simple_xattr_list",
            "shmem_listxattr",
            "kernfs_iop_listxattr",
            "ext4_xattr_trusted_list",
            "ext2_xattr_trusted_list",
            "xfs_xattr_put_listent",
            "jffs2_trusted_listxattr",
            "ovl_listxattr",
        ]],
        capabilities: &[Capability::SYS_ADMIN],
        why: "only whether trusted.* names are listed depends on it",
        ..ROW
    },
    // lib/vsprintf.c, %pK with kernel.kptr_restrict = 1. kallsyms asks at another place.
    Site {
        functions: &[&["restricted_pointer"]],
        capabilities: &[Capability::SYSLOG],
        why: "only kernel addresses in a text depend on it",
        ..ROW
    },
    // security/selinux/hooks.c: the kernel asks for the raw form of a context that the loaded policy does not know.
    Site {
        functions: &[&["selinux_inode_getsecurity"]],
        capabilities: &[Capability::MAC_ADMIN],
        why: "only contexts unknown to the loaded policy depend on it",
        ..ROW
    },
    // security/integrity/ima/ima_policy.c
    Site {
        functions: &[&["ima_match_rules", "ima_match_policy"]],
        capabilities: &[Capability::SETUID, Capability::SETGID],
        why: "the integrity rules choose which ids to check",
        ..ROW
    },
    // arch/x86/net/bpf_jit_comp.c (d4e89d212d40), arch/arm64/net/bpf_jit_comp.c
    Site {
        functions: &[&["do_jit", "bpf_int_jit_compile", "build_epilogue", "build_bhb_mitigation"]],
        capabilities: &[Capability::SYS_ADMIN],
        why: "spares a BPF program a Spectre mitigation",
        ..ROW
    },
    // kernel/bpf/syscall.c: without the capability the instructions are left out of what it reports of a program. Who has the
    // descriptor of another's program holds cap_sys_admin, which serves here too.
    Site {
        functions: &[&["bpf_prog_get_info_by_fd", "bpf_obj_get_info_by_fd"]],
        capabilities: &[Capability::BPF, Capability::PERFMON, Capability::SYS_ADMIN],
        why: "only whether a BPF program's instructions are shown",
        ..ROW
    },
    // kernel/bpf/arraymap.c: the kernel asks in bpf_bypass_spec_v1 for every array map.
    Site {
        functions: &[&["array_map_alloc"]],
        capabilities: &[Capability::PERFMON, Capability::SYS_ADMIN],
        why: "spares a BPF array a Spectre mitigation",
        ..ROW
    },
    // fs/proc/base.c: the answer decides how low the score may be set again later. Lowering it asks before, audited.
    Site {
        functions: &[&["__set_oom_adj", "oom_score_adj_write", "oom_adj_write"], NO_AUDIT],
        capabilities: &[Capability::SYS_RESOURCE],
        why: "only how low oom_score_adj may go later depends on it",
        ..ROW
    },
    // fs/xfs: the kernel asks whether the new owner's quota may be exceeded.
    Site {
        functions: &[
            &["xfs_setattr_nonsize", "xfs_vn_setattr", "xfs_fileattr_set", "xfs_ioctl_setattr_get_trans"],
            NO_AUDIT,
        ],
        capabilities: &[Capability::FOWNER],
        why: "only whether a quota may be exceeded depends on it",
        ..ROW
    },
    // fs/xfs/xfs_fsmap.c
    Site {
        functions: &[&["xfs_getfsmap", "xfs_ioc_getfsmap"], NO_AUDIT],
        capabilities: &[Capability::SYS_ADMIN],
        why: "only how much a map of the disk shows depends on it",
        ..ROW
    },
    // security/keys/keyctl.c: until 6.6 (and its backports) the kernel asked before it compared the owner.
    Site {
        functions: &[&["keyctl_setperm_key", "keyctl_chown_key"]],
        capabilities: &[Capability::SYS_ADMIN],
        until: (6, 6),
        why: "asked before the key's owner is compared",
        ..ROW
    },
    // ipc/mqueue.c, mq_attr_ok: the answer decides which of two limits applies.
    Site {
        functions: &[&["mq_attr_ok", "mqueue_get_inode"]],
        capabilities: &[Capability::SYS_RESOURCE],
        why: "asked before the queue's size is compared with its limit",
        ..ROW
    },
    // kernel/seccomp.c, security/landlock/syscalls.c: the kernel asks for a process that has not set no_new_privs.
    Site {
        functions: &[&[
            "seccomp_prepare_filter",
            "seccomp_prepare_user_filter",
            "seccomp_set_mode_filter",
            "do_seccomp",
            "landlock_restrict_self",
            "sys_landlock_restrict_self",
        ]],
        capabilities: &[Capability::SYS_ADMIN],
        given: Given::NoNewPrivileges,
        why: "not asked under no_new_privs, which the policy sets",
        ..ROW
    },
    // kernel/capability.c: the kernel asks about the tracer's credentials, at the exec of the traced process.
    Site {
        functions: &[&["ptracer_capable"]],
        capabilities: &[Capability::SYS_PTRACE],
        meaning: Meaning::Foreign,
        why: "asked of the tracer",
        ..ROW
    },
    // block/ioprio.c (9d3a39a5f1e4, 94c4b4fd25e6): the kernel asks for cap_sys_admin first, for older security
    // policies.
    Site {
        functions: &[&["ioprio_check_cap", "set_task_ioprio", "sys_ioprio_set"]],
        capabilities: &[Capability::SYS_ADMIN],
        since: (5, 10),
        meaning: Meaning::Narrower(Capability::SYS_NICE),
        why: "a real-time I/O priority",
        ..ROW
    },
    // net/caif/caif_socket.c
    Site {
        functions: &[&["caif_create"]],
        capabilities: &[Capability::SYS_ADMIN],
        meaning: Meaning::Narrower(Capability::NET_ADMIN),
        why: "a CAIF socket",
        ..ROW
    },
];

/// Two capabilities of which either suffices, in the order in which the kernel asks for them.
pub struct EitherOr {
    /// The capability that the kernel asks for first. It opens less.
    pub narrow: Capability,
    /// The capability that the kernel asks for if the first is lacking. It opens more.
    pub broad: Capability,
    /// The functions that ask for both; an empty list stands for every one that asks for the narrow capability.
    pub asking_function: &'static [&'static str],
}

/// The pairs for which the kernel asks the narrow capability first. Pairs with the broad one first are rows of
/// [`SITES`] with [`Meaning::Narrower`], because there the check for the narrow one appears only if the broad one is
/// lacking.
pub const EITHER_OR: &[EitherOr] = &[
    // fs/namei.c, generic_permission: the broad capability permits everything that the narrow one permits, but writing
    // asks only for the broad one. Opening by handle asks for the narrow one alone.
    EitherOr {
        narrow: Capability::DAC_READ_SEARCH,
        broad: Capability::DAC_OVERRIDE,
        asking_function: &["generic_permission", "inode_permission"],
    },
    // include/linux/capability.h, kernel/bpf/token.c
    EitherOr { narrow: Capability::BPF, broad: Capability::SYS_ADMIN, asking_function: &[] },
    EitherOr { narrow: Capability::PERFMON, broad: Capability::SYS_ADMIN, asking_function: &[] },
    EitherOr { narrow: Capability::CHECKPOINT_RESTORE, broad: Capability::SYS_ADMIN, asking_function: &[] },
    // kernel/bpf/syscall.c, bpf_net_capable. BPF_PROG_QUERY asks for the narrow one alone before 6.9, within __sys_bpf.
    EitherOr {
        narrow: Capability::NET_ADMIN,
        broad: Capability::SYS_ADMIN,
        asking_function: &["bpf_prog_load", "bpf_prog_attach", "map_create", "bpf_net_capable"],
    },
    // kernel/fork.c, fs/pipe.c, net/unix: past a limit the kernel asks for either.
    EitherOr {
        narrow: Capability::SYS_RESOURCE,
        broad: Capability::SYS_ADMIN,
        asking_function: &[
            "copy_process",
            "alloc_pipe_info",
            "pipe_set_size",
            "pipe_is_unprivileged_user",
            "unix_attach_fds",
            "too_many_unix_fds",
        ],
    },
    // net/core/sock.c and net/ipv4/ip_sockglue.c: SO_MARK (5.17), SO_PRIORITY, IP_TRANSPARENT
    EitherOr {
        narrow: Capability::NET_RAW,
        broad: Capability::NET_ADMIN,
        asking_function: &[
            "sk_setsockopt",
            "sock_setsockopt",
            "do_ip_setsockopt",
            "ip_setsockopt",
            "do_ipv6_setsockopt",
            "ipv6_setsockopt",
        ],
    },
];

impl EitherOr {
    /// Whether the broad capability would serve for this check, which asks for the narrow one.
    pub fn is_choice(&self, observation: &Observation) -> bool {
        observation.capability == self.narrow
            && (self.asking_function.is_empty()
                || asking_function(&observation.call_site).is_some_and(|one| self.asking_function.contains(&one)))
    }
}

/// Returns the function that asked: the first function of the call site that is not [`MACHINERY`].
pub fn asking_function(call_site: &[String]) -> Option<&str> {
    beyond_machinery(call_site).first().map(|function| plain(function))
}

/// Returns the call site without the functions that only lead to `cap_capable`.
pub fn beyond_machinery(call_site: &[String]) -> &[String] {
    let machinery = call_site.iter().take_while(|function| MACHINERY.contains(&plain(function))).count();
    &call_site[machinery..]
}

/// Returns a function's name without the suffix that compilers append for a copy, as in `ksys_read.constprop.0`.
pub fn plain(function: &str) -> &str {
    function.split('.').next().unwrap_or(function)
}

/// Returns whether a function is one of these, as the tables write names.
pub fn is_one_of(function: &str, names: &[&str]) -> bool {
    let function = plain(function);
    let entered = entered_call(function);
    names.iter().any(|name| *name == function || entered.is_some_and(|call| name.strip_prefix("sys_") == Some(call)))
}

/// Returns the row that applies to a check on this kernel. `given` decides each condition on the run.
pub fn site(observation: &Observation, kernel: KernelVersion, given: impl Fn(Given) -> bool) -> Option<&'static Site> {
    SITES.iter().find(|site| site.fits(observation, kernel) && given(site.given))
}

/// Returns the row about a script that applies to a check of its interpreter: one that names the script as a program which goes
/// on.
pub fn site_of_script(observation: &Observation, script: &str, kernel: KernelVersion) -> Option<&'static Site> {
    let by_name = Observation { executable: script.to_owned(), ..observation.clone() };
    SITES.iter().find(|site| {
        matches!(site.programs, Programs::Only(_))
            && site.meaning == Meaning::Speculative
            && site.given == Given::Any
            && site.fits(&by_name, kernel)
    })
}

impl Site {
    fn fits(&self, observation: &Observation, kernel: KernelVersion) -> bool {
        let release = (kernel.major, kernel.minor);
        let holds_one_of = |group: &&[&str]| observation.call_site.iter().any(|function| is_one_of(function, group));
        (self.capabilities.is_empty() || self.capabilities.contains(&observation.capability))
            && self.verdict.is_none_or(|verdict| verdict == observation.verdict)
            && self.credentials.is_none_or(|credentials| credentials == observation.credentials)
            && self.calls.hold(observation.system_call.as_deref())
            && self.argument.holds(observation.argument)
            && self.programs.hold(&observation.executable)
            && self.since <= release
            && release < self.until
            && self.functions.iter().all(holds_one_of)
            && (self.asking_function.is_empty()
                || asking_function(&observation.call_site).is_some_and(|one| is_one_of(one, self.asking_function)))
    }
}

impl Calls {
    fn hold(self, call: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Except(names) => !call.is_some_and(|call| names.contains(&call)),
        }
    }
}

impl Argument {
    fn holds(self, seen: Option<u32>) -> bool {
        match self {
            Self::Any => true,
            Self::Is(values) => seen.is_some_and(|seen| values.contains(&seen)),
            Self::IsNot(values) => !seen.is_some_and(|seen| values.contains(&seen)),
        }
    }
}

impl Programs {
    fn hold(self, executable: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => is_program(executable, names),
            Self::Except(names) => !is_program(executable, names) && !is_program(executable, INTERPRETERS),
        }
    }
}

/// Whether the executable is one of these programs, by its file's name. A name stands for all versions.
pub fn is_program(executable: &str, names: &[&str]) -> bool {
    let name = executable.rsplit('/').next().unwrap_or(executable);
    names.contains(&name) || names.contains(&escapes::without_version(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_files_name_in_every_version() {
        let except = Programs::Except(&["nice"]);
        for (executable, holds) in
            [("/usr/bin/atop", true), ("/usr/bin/nice", false), ("/usr/bin/python3.11", false), ("/bin/dash", false)]
        {
            assert_eq!(except.hold(executable), holds, "{executable}");
        }
        assert!(Programs::Only(&["perf"]).hold("/usr/bin/perf"));
        assert!(!Programs::Only(&["perf"]).hold("/usr/bin/atop"));
    }

    #[test]
    fn an_argument_that_is_not_known_fits_only_the_rows_that_exclude_one() {
        for (argument, seen, holds) in [
            (Argument::Any, None, true),
            (Argument::Is(&[0]), Some(0), true),
            (Argument::Is(&[0]), Some(9), false),
            (Argument::Is(&[0]), None, false),
            (Argument::IsNot(&[SET_GROUP_ID]), Some(SET_GROUP_ID), false),
            (Argument::IsNot(&[SET_GROUP_ID]), Some(0), true),
            (Argument::IsNot(&[SET_GROUP_ID]), None, true),
        ] {
            assert_eq!(argument.holds(seen), holds, "{argument:?} {seen:?}");
        }
    }

    #[test]
    fn the_values_of_an_argument_are_within_the_bits_that_are_kept() {
        for (call, at, mask) in ARGUMENTS {
            assert!(*at < 6 && *mask != 0 && argument(call.id(), 0) == Some(0), "{call}");
            assert_eq!(ARGUMENTS.iter().filter(|(other, ..)| other == call).count(), 1, "{call}");
        }
        let kept = ARGUMENTS.iter().fold(0, |all, (.., mask)| all | mask);
        for site in SITES {
            let (Argument::Is(values) | Argument::IsNot(values)) = site.argument else { continue };
            assert!(values.iter().all(|value| value & !kept == 0), "{site:?}");
        }
    }

    #[test]
    fn every_row_says_where_and_why_in_a_phrase_that_fits_a_table() {
        for site in SITES {
            assert!(!site.functions.is_empty() || !site.asking_function.is_empty(), "{site:?}");
            assert!(site.functions.iter().all(|group| !group.is_empty()), "{site:?}");
            assert!((10..=64).contains(&site.why.len()), "{:?} has {} characters", site.why, site.why.len());
            assert!(site.since < site.until, "{site:?}");
        }
    }

    #[test]
    fn the_narrow_half_of_a_pair_is_further_from_root() {
        for pair in EITHER_OR {
            let rank = crate::analysis::capability_risk::rank;
            assert!(rank(pair.narrow) > rank(pair.broad), "{} {}", pair.narrow, pair.broad);
        }
    }

    #[test]
    fn the_entry_of_a_system_call_is_known_on_every_architecture() {
        for function in [
            "__x64_sys_capset",
            "__ia32_sys_capset",
            "__arm64_sys_capset",
            "__riscv_sys_capset",
            "__do_sys_capset.isra.0",
        ] {
            assert!(is_one_of(function, &["cap_capset", "sys_capset"]), "{function}");
        }
        assert!(is_one_of("__ia32_compat_sys_setsockopt", &["sys_setsockopt"]));
        for function in ["__x64_sys_capget", "__sys_capset", "capset", "__x64_sys_", "__x64_sys_sys_capset"] {
            assert!(!is_one_of(function, &["cap_capset", "sys_capset"]), "{function}");
        }
        let rows = SITES.iter().flat_map(|site| site.functions.iter().copied().flatten().chain(site.asking_function));
        for name in rows {
            assert_eq!(entered_call(name), None, "{name} is of one architecture alone");
        }
    }

    #[test]
    fn the_telling_function_is_the_first_beyond_the_machinery() {
        let site = |functions: &[&str]| functions.iter().map(|&function| function.to_owned()).collect::<Vec<_>>();
        for (functions, expected) in [
            (&["security_capable", "ns_capable", "generic_permission", "may_open"][..], Some("generic_permission")),
            (&["ns_capable_common.part.0", "capable", "__set_oom_adj.isra.0"], Some("__set_oom_adj")),
            (&["cap_vm_enough_memory", "security_vm_enough_memory_mm"], Some("cap_vm_enough_memory")),
            (&["capable"], None),
            (&[], None),
        ] {
            assert_eq!(asking_function(&site(functions)), expected, "{functions:?}");
        }
    }
}
