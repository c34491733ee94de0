//! The table of doors: through which system calls the kernel asks for each capability.

use crate::Capability;
use crate::text::tape::{Reader, Writer};
use std::sync::OnceLock;

/// One way to use a capability: a system call, or the part of one that [`Test`]s on its arguments describe.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The capability that the kernel asks for.
    pub capability: Capability,
    /// The names in a policy's `through` that open this row. The call's own name opens it too.
    pub doors: &'static [&'static str],
    /// The system call.
    pub call: &'static str,
    /// What must be true of the arguments, all of it. An empty list means every use of the call.
    pub when: &'static [Test],
    /// Where the kernel asks, as `file:function` of Linux 6.12 or of the release that is named beside it.
    pub source: &'static str,
    /// Whether a Landlock domain judges this use of the capability, by path or by port. A grant with `beneath` or
    /// `ports` leaves such a row open.
    pub judged_by_domain: bool,
}

/// A comparison of one argument of a system call. Classic BPF sees numbers alone, so nothing behind a pointer can be
/// compared. But for [`Test::NotNull`], only the low 32 bits count, because the kernel reads these arguments as 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// The argument, after masking, is one of the values.
    OneOf {
        /// The argument's place, from 0.
        argument: u8,
        /// What is kept of it.
        mask: u32,
        /// The values.
        values: Values,
    },
    /// The argument is none of the values.
    NoneOf {
        /// The argument's place, from 0.
        argument: u8,
        /// The values.
        values: Values,
    },
    /// One of the bits is set.
    AnyBit {
        /// The argument's place, from 0.
        argument: u8,
        /// The bits.
        bits: u32,
    },
    /// The argument is a pointer other than null, in its 64 bits.
    NotNull {
        /// The argument's place, from 0.
        argument: u8,
    },
}

/// The values that a [`Test`] compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// Values of the table.
    pub listed: &'static [u32],
    /// The value that a policy names after a door's colon.
    pub own: Option<u32>,
}

impl Values {
    /// Returns all values.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        self.listed.iter().copied().chain(self.own)
    }
}

/// What is known of one argument of a system call: some of its low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The argument's place, from 0.
    pub argument: u8,
    /// The bits that are known.
    pub bits: u32,
    /// Their value; the other bits are 0.
    pub value: u32,
}

impl Test {
    /// Returns whether the test can hold where this much is known.
    fn can_hold(self, known: Known) -> bool {
        match self {
            Self::OneOf { argument, mask, values } if argument == known.argument => {
                values.iter().any(|value| value & mask & known.bits == known.value & mask)
            }
            Self::NoneOf { argument, values } if argument == known.argument => {
                known.bits != u32::MAX || values.iter().all(|value| value != known.value)
            }
            Self::AnyBit { argument, bits } if argument == known.argument => {
                known.value & bits != 0 || bits & !known.bits != 0
            }
            _ => true,
        }
    }

    /// Returns whether what is known suffices to say that the test holds.
    fn must_hold(self, known: Known) -> bool {
        match self {
            Self::OneOf { argument, mask, values } => {
                argument == known.argument
                    && mask & !known.bits == 0
                    && values.iter().any(|value| value == known.value & mask)
            }
            Self::NoneOf { argument, values } => {
                argument == known.argument && known.bits == u32::MAX && values.iter().all(|value| value != known.value)
            }
            Self::AnyBit { argument, bits } => argument == known.argument && known.value & bits != 0,
            Self::NotNull { .. } => false,
        }
    }

    /// Returns the place of the argument that is compared, from 0.
    pub const fn argument(self) -> u8 {
        match self {
            Self::OneOf { argument, .. }
            | Self::NoneOf { argument, .. }
            | Self::AnyBit { argument, .. }
            | Self::NotNull { argument } => argument,
        }
    }

    /// Returns whether the test holds for these arguments. A pointer that is compared with null is 0 or 1 here.
    pub fn holds(self, arguments: &[u32; 6]) -> bool {
        let given = arguments[usize::from(self.argument())];
        match self {
            Self::OneOf { mask, values, .. } => values.iter().any(|value| value == given & mask),
            Self::NoneOf { values, .. } => values.iter().all(|value| value != given),
            Self::AnyBit { bits, .. } => given & bits != 0,
            Self::NotNull { .. } => given != 0,
        }
    }

    /// Returns whether no argument passes both tests. It may say no where that is so.
    fn excludes(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::OneOf { argument, mask, values },
                Self::OneOf { argument: at, mask: other_mask, values: others },
            ) => {
                let kept = mask & other_mask;
                argument == at && values.iter().all(|one| others.iter().all(|other| one & kept != other & kept))
            }
            (Self::OneOf { argument, mask: u32::MAX, values }, Self::NoneOf { argument: at, values: others })
            | (Self::NoneOf { argument: at, values: others }, Self::OneOf { argument, mask: u32::MAX, values }) => {
                argument == at && values.iter().all(|one| others.iter().any(|other| one == other))
            }
            _ => false,
        }
    }
}

impl Row {
    /// Returns whether one use of a call can be of both rows, as far as their tests say.
    pub fn meets(&self, other: &Self) -> bool {
        let excludes = |one: &Test| other.when.iter().any(|other| one.excludes(*other));
        self.call == other.call && !self.when.iter().any(excludes)
    }

    /// Returns whether a use of the call can be of this row, as far as one argument says.
    pub fn can_be(&self, known: Option<Known>) -> bool {
        known.is_none_or(|known| self.when.iter().all(|test| test.can_hold(known)))
    }

    /// Returns whether a use of the call is of this row for certain, by one argument or by none.
    pub fn must_be(&self, known: Option<Known>) -> bool {
        self.when.is_empty() || known.is_some_and(|known| self.when.iter().all(|test| test.must_hold(known)))
    }

    /// Returns the kernel's functions that ask, as far as the source names them.
    pub fn functions(&self) -> impl Iterator<Item = &'static str> {
        let function = |place: &'static str| place.split_once(':').and_then(|(_, named)| named.split(' ').next());
        self.source.split(", ").filter_map(function)
    }
}

const fn is(argument: u8, values: &'static [u32]) -> Test {
    masked(argument, u32::MAX, values)
}

const fn masked(argument: u8, mask: u32, values: &'static [u32]) -> Test {
    Test::OneOf { argument, mask, values: Values { listed: values, own: None } }
}

const fn is_not(argument: u8, values: &'static [u32]) -> Test {
    Test::NoneOf { argument, values: Values { listed: values, own: None } }
}

const fn bit(argument: u8, bits: u32) -> Test {
    Test::AnyBit { argument, bits }
}

const fn not_null(argument: u8) -> Test {
    Test::NotNull { argument }
}

/// A row whose only name is that of its call.
const fn row(capability: Capability, call: &'static str, when: &'static [Test], source: &'static str) -> Row {
    named(capability, &[], call, when, source)
}

/// A row that has names of its own.
const fn named(
    capability: Capability,
    doors: &'static [&'static str],
    call: &'static str,
    when: &'static [Test],
    source: &'static str,
) -> Row {
    Row { capability, doors, call, when, source, judged_by_domain: false }
}

const fn domain(row: Row) -> Row {
    Row { judged_by_domain: true, ..row }
}

const ANY: &[Test] = &[];

/// The part of socket(2)'s second argument that is the type (SOCK_TYPE_MASK, include/linux/net.h).
const TYPE: u32 = 0xf;
const INET: u32 = 2;
const INET6: u32 = 10;
const NETLINK: u32 = 16;
const PACKET: u32 = 17;
const STREAM: u32 = 1;
const RAW: u32 = 3;
const SEQPACKET: u32 = 5;
const DCCP: u32 = 6;
const SOCK_PACKET: u32 = 10;
const ICMP: u32 = 1;
const ICMPV6: u32 = 58;
const SOL_IP: u32 = 0;
const SOL_SOCKET: u32 = 1;
const SOL_TCP: u32 = 6;
const SOL_IPV6: u32 = 41;
const SOL_RAW: u32 = 255;
const SOL_NETLINK: u32 = 270;
const SOL_ALG: u32 = 279;

/// bpf(2) commands that take a path: OBJ_PIN and OBJ_GET.
const BPF_PINNED: &[u32] = &[6, 7];
/// bpf(2) commands that read what is loaded: PROG_GET_NEXT_ID, MAP_LOOKUP_ELEM and their like (linux/bpf.h).
const BPF_LOOK: &[u32] = &[1, 4, 7, 11, 12, 13, 14, 15, 16, 19, 20, 23, 24, 30, 31];
/// Commands that make maps and change their content.
const BPF_MAP: &[u32] = &[0, 2, 3, 18, 21, 22, 25, 26, 27];
/// Both, so that [`is_not`] of them is what loads and attaches programs, in newer kernels too.
const BPF_WITHOUT_PROGRAMS: &[u32] =
    &[0, 1, 2, 3, 4, 7, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 30, 31];

/// Requests of ioctl(2) that ask for no capability in any driver that answers them: terminals' state and size, pipes,
/// FIOCLEX, FIONBIO, cloning of files, FIEMAP, names and addresses of network devices, namespaces' relations. TIOCSTI,
/// TIOCLINUX and FIBMAP are not among them.
const HARMLESS: &[u32] = &[
    0x0002,
    0x5401,
    0x5402,
    0x5403,
    0x5404,
    0x5405,
    0x5406,
    0x5407,
    0x5408,
    0x5409,
    0x540a,
    0x540b,
    0x540f,
    0x5410,
    0x5411,
    0x5413,
    0x5414,
    0x541b,
    0x5420,
    0x5421,
    0x5422,
    0x5429,
    0x5441,
    0x5450,
    0x5451,
    0x5452,
    0x5460,
    0x8905,
    0x8910,
    0x8912,
    0x8913,
    0x8915,
    0x8917,
    0x8919,
    0x891b,
    0x891d,
    0x8921,
    0x8927,
    0x8933,
    0xb701,
    0xb702,
    0xb703,
    0xb704,
    0x402c_542b,
    0x402c_542c,
    0x402c_542d,
    0x4004_5431,
    0x4004_9409,
    0x4020_940d,
    0x8004_5430,
    0x8008_6601,
    0x801c_581f,
    0x802c_542a,
    0xc020_660b,
];
/// Requests of network devices and sockets that read (linux/sockios.h). SIOCETHTOOL is not among them: its command lies
/// behind a pointer.
const READS_DEVICE: &[u32] = &[
    0x8901, 0x8902, 0x8903, 0x8904, 0x8905, 0x8906, 0x8907, 0x8910, 0x8912, 0x8913, 0x8915, 0x8917, 0x8919, 0x891b,
    0x891d, 0x8921, 0x8927, 0x8929, 0x8933, 0x8935, 0x8938, 0x8942, 0x894b, 0x8954, 0x8970, 0x89b1,
];
const SIOCETHTOOL: u32 = 0x8946;
/// Requests of perf_event_open(2)'s descriptors (linux/perf_event.h).
const PERF: &[u32] = &[
    0x2400,
    0x2401,
    0x2402,
    0x2403,
    0x2405,
    0x4004_2408,
    0x4004_2409,
    0x4008_2404,
    0x4008_2406,
    0x4008_240b,
    0x8008_2407,
    0xc008_240a,
];
/// Requests of virtual terminals that read (linux/kd.h, linux/vt.h).
const READS_TERMINAL: &[u32] = &[0x4b33, 0x4b35, 0x4b3b, 0x4b44, 0x4b46, 0x4b60, 0x5600, 0x5601, 0x5603];
/// CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. A new user namespace asks for nothing,
/// and everything in it counts in it alone; but each attack surface that it opens is one that the capability would.
const NEW_NAMESPACE: u32 = 0x7e02_0080;
/// Without CLONE_NEWTIME, whose bit is a signal number to clone(2).
pub const CLONE_NAMESPACE: u32 = 0x7e02_0000;
/// With SO_IP_SET (83), by which iptables looks for a set.
const IPTABLES: &[u32] = &[64, 65, 66, 67, 83, 96, 97, 128, 129, 130, 131];
const MULTICAST_ROUTING: &[u32] = &[200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212];
const IPVS: &[u32] = &[1152, 1153, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1162, 1163, 1164, 1165];

/// Returns every system call, or part of one, that is answered differently for a process with a capability.
pub fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| Reader::of(&TAPE).rows(Reader::row).filter_map(|mut row| read_row(&mut row)).collect())
}

/// Returns the rows that are about the capability. Only these are read, because a launch is about a few capabilities.
pub fn rows_of(capability: Capability) -> &'static [Row] {
    static ROWS: OnceLock<Vec<OnceLock<Vec<Row>>>> = OnceLock::new();
    let read = || {
        let rows = Reader::of(&TAPE).rows(Reader::row);
        let mine = rows.filter(|row| row.clone().byte() == Some(capability.number()));
        mine.filter_map(|mut row| read_row(&mut row)).collect()
    };
    let by_number = ROWS.get_or_init(|| Capability::all().map(|_| OnceLock::new()).collect());
    by_number[usize::from(capability.number())].get_or_init(read)
}

/// [`TABLE`] as bytes: a launch without a scope does not pay for it.
static TAPE: [u8; write_table::<0>().length] = write_table::<{ write_table::<0>().length }>().bytes;

const fn write_table<const LENGTH: usize>() -> Writer<LENGTH> {
    let mut to = Writer::new();
    let mut at = 0;
    while at < TABLE.len() {
        let mut counted = Writer::<0>::new();
        write_row(&TABLE[at], &mut counted);
        to.row(counted.length);
        write_row(&TABLE[at], &mut to);
        at += 1;
    }
    to
}

/// The capability comes first, so that the rows of others can be skipped.
const fn write_row<const LENGTH: usize>(row: &Row, to: &mut Writer<LENGTH>) {
    to.byte(row.capability.number());
    to.byte(row.judged_by_domain as u8);
    to.text(row.call);
    to.text(row.source);
    to.length(row.doors.len());
    let mut door = 0;
    while door < row.doors.len() {
        to.text(row.doors[door]);
        door += 1;
    }
    to.length(row.when.len());
    let mut test = 0;
    while test < row.when.len() {
        write_test(&row.when[test], to);
        test += 1;
    }
}

const fn write_test<const LENGTH: usize>(test: &Test, to: &mut Writer<LENGTH>) {
    to.byte(test.argument());
    match test {
        Test::OneOf { mask, values, .. } => {
            to.byte(0);
            to.number(*mask);
            write_values(values, to);
        }
        Test::NoneOf { values, .. } => {
            to.byte(1);
            write_values(values, to);
        }
        Test::AnyBit { bits, .. } => {
            to.byte(2);
            to.number(*bits);
        }
        Test::NotNull { .. } => to.byte(3),
    }
}

const fn write_values<const LENGTH: usize>(values: &Values, to: &mut Writer<LENGTH>) {
    assert!(values.own.is_none(), "a policy's own value is in no row");
    to.length(values.listed.len());
    let mut at = 0;
    while at < values.listed.len() {
        to.number(values.listed[at]);
        at += 1;
    }
}

fn read_row(from: &mut Reader) -> Option<Row> {
    Some(Row {
        capability: Capability::from_number(from.byte()?)?,
        judged_by_domain: from.byte()? != 0,
        call: from.text()?,
        source: from.text()?,
        doors: from.list(Reader::text)?.leak(),
        when: from.list(read_test)?.leak(),
    })
}

fn read_test(from: &mut Reader) -> Option<Test> {
    let argument = from.byte()?;
    Some(match from.byte()? {
        0 => Test::OneOf { argument, mask: from.number()?, values: read_values(from)? },
        1 => Test::NoneOf { argument, values: read_values(from)? },
        2 => Test::AnyBit { argument, bits: from.number()? },
        _ => Test::NotNull { argument },
    })
}

fn read_values(from: &mut Reader) -> Option<Values> {
    Some(Values { listed: from.list(Reader::number)?.leak(), own: None })
}

const TABLE: &[Row] = {
    use Capability as C;
    &[
        domain(row(C::DAC_OVERRIDE, "open_by_handle_at", ANY, "fs/fhandle.c:handle_to_path")),
        row(C::DAC_READ_SEARCH, "open_by_handle_at", ANY, "fs/fhandle.c:may_decode_fh"),
        row(C::DAC_READ_SEARCH, "ioctl", &[is(1, &[0xd000_9412, 0x9412])], "fs/btrfs/ioctl.c:btrfs_ioctl_ino_lookup"),
        row(C::DAC_READ_SEARCH, "linkat", &[bit(4, 0x1000)], "fs/namei.c:path_init"),
        // Landlock has no say in what is pinned in a BPF file system.
        row(C::DAC_OVERRIDE, "bpf", &[is(0, BPF_PINNED)], "kernel/bpf/inode.c:bpf_obj_do_get"),
        row(C::DAC_READ_SEARCH, "bpf", &[is(0, BPF_PINNED)], "kernel/bpf/inode.c:bpf_obj_do_get"),
        row(C::CHOWN, "chown", ANY, "fs/attr.c:chown_ok"),
        row(C::CHOWN, "lchown", ANY, "fs/attr.c:chown_ok"),
        row(C::CHOWN, "fchown", ANY, "fs/attr.c:chown_ok"),
        row(C::CHOWN, "fchownat", ANY, "fs/attr.c:chown_ok"),
        row(C::FOWNER, "chmod", ANY, "fs/attr.c:setattr_prepare"),
        row(C::FOWNER, "fchmod", ANY, "fs/attr.c:setattr_prepare"),
        row(C::FOWNER, "fchmodat", ANY, "fs/attr.c:setattr_prepare"),
        row(C::FOWNER, "fchmodat2", ANY, "fs/attr.c:setattr_prepare"),
        row(C::FOWNER, "utime", ANY, "fs/attr.c:setattr_prepare"),
        row(C::FOWNER, "utimes", ANY, "fs/attr.c:setattr_prepare"),
        row(C::FOWNER, "futimesat", ANY, "fs/attr.c:setattr_prepare"),
        row(C::FOWNER, "utimensat", ANY, "fs/attr.c:setattr_prepare"),
        row(C::FOWNER, "setxattr", ANY, "fs/posix_acl.c:vfs_set_acl"),
        row(C::FOWNER, "lsetxattr", ANY, "fs/posix_acl.c:vfs_set_acl"),
        row(C::FOWNER, "fsetxattr", ANY, "fs/posix_acl.c:vfs_set_acl"),
        row(C::FOWNER, "setxattrat", ANY, "fs/posix_acl.c:vfs_set_acl (6.13)"),
        row(C::FOWNER, "removexattr", ANY, "fs/posix_acl.c:vfs_remove_acl"),
        row(C::FOWNER, "lremovexattr", ANY, "fs/posix_acl.c:vfs_remove_acl"),
        row(C::FOWNER, "fremovexattr", ANY, "fs/posix_acl.c:vfs_remove_acl"),
        row(C::FOWNER, "removexattrat", ANY, "fs/posix_acl.c:vfs_remove_acl (6.13)"),
        row(C::FOWNER, "ioctl", &[is(1, &[0x4008_6602, 0x401c_5820])], "fs/ioctl.c:vfs_fileattr_set"),
        row(C::FOWNER, "file_setattr", ANY, "fs/file_attr.c:vfs_fileattr_set (6.17)"),
        row(C::FSETID, "chmod", &[bit(1, 0x400)], "fs/attr.c:setattr_prepare"),
        row(C::FSETID, "fchmod", &[bit(1, 0x400)], "fs/attr.c:setattr_prepare"),
        row(C::FSETID, "fchmodat", &[bit(2, 0x400)], "fs/attr.c:setattr_prepare"),
        row(C::FSETID, "fchmodat2", &[bit(2, 0x400)], "fs/attr.c:setattr_prepare"),
        row(C::KILL, "kill", ANY, "kernel/signal.c:kill_ok_by_cred"),
        row(C::KILL, "tkill", ANY, "kernel/signal.c:kill_ok_by_cred"),
        row(C::KILL, "tgkill", ANY, "kernel/signal.c:kill_ok_by_cred"),
        row(C::KILL, "rt_sigqueueinfo", ANY, "kernel/signal.c:kill_ok_by_cred"),
        row(C::KILL, "rt_tgsigqueueinfo", ANY, "kernel/signal.c:kill_ok_by_cred"),
        row(C::KILL, "pidfd_send_signal", ANY, "kernel/signal.c:kill_ok_by_cred"),
        row(C::KILL, "perf_event_open", ANY, "kernel/events/core.c:perf_check_permission"),
        named(C::KILL, &["perf_event_open"], "ioctl", &[is(1, PERF)], "kernel/events/core.c:perf_ioctl"),
        row(C::KILL, "ioctl", &[is(1, &[0x4b4e])], "drivers/tty/vt/vt_ioctl.c:vt_k_ioctl"),
        // SCM_CREDENTIALS with the ids of others, which lie behind a pointer.
        row(C::SETGID, "sendmsg", ANY, "net/core/scm.c:scm_check_creds"),
        named(C::SETGID, &["sendmsg"], "sendmmsg", ANY, "net/core/scm.c:scm_check_creds"),
        row(C::SETUID, "sendmsg", ANY, "net/core/scm.c:scm_check_creds"),
        named(C::SETUID, &["sendmsg"], "sendmmsg", ANY, "net/core/scm.c:scm_check_creds"),
        row(C::SETGID, "setgid", ANY, "kernel/sys.c:__sys_setgid"),
        row(C::SETGID, "setregid", ANY, "kernel/sys.c:__sys_setregid"),
        row(C::SETGID, "setresgid", ANY, "kernel/sys.c:__sys_setresgid"),
        row(C::SETGID, "setfsgid", ANY, "kernel/sys.c:__sys_setfsgid"),
        row(C::SETGID, "setgroups", ANY, "kernel/groups.c:may_setgroups"),
        row(C::SETUID, "setuid", ANY, "kernel/sys.c:__sys_setuid"),
        row(C::SETUID, "setreuid", ANY, "kernel/sys.c:__sys_setreuid"),
        row(C::SETUID, "setresuid", ANY, "kernel/sys.c:__sys_setresuid"),
        row(C::SETUID, "setfsuid", ANY, "kernel/sys.c:__sys_setfsuid"),
        row(C::SETUID, "keyctl", &[is(0, &[22])], "security/keys/persistent.c:keyctl_get_persistent"),
        named(C::SETPCAP, &["prctl:bounding"], "prctl", &[is(0, &[24])], "security/commoncap.c:cap_prctl_drop"),
        named(C::SETPCAP, &["prctl:securebits"], "prctl", &[is(0, &[28])], "security/commoncap.c:cap_task_prctl"),
        row(C::SETPCAP, "capset", ANY, "security/commoncap.c:cap_capset"),
        row(C::LINUX_IMMUTABLE, "ioctl", &[is(1, &[0x4008_6602, 0x401c_5820])], "fs/ioctl.c:fileattr_set_prepare"),
        row(C::LINUX_IMMUTABLE, "file_setattr", ANY, "fs/file_attr.c:fileattr_set_prepare (6.17)"),
        domain(row(C::NET_BIND_SERVICE, "bind", ANY, "net/ipv4/af_inet.c:__inet_bind")),
        // MPTCP (262), SCTP (132) and SMC: the domain sees TCP alone (Landlock's hook_socket_bind).
        named(
            C::NET_BIND_SERVICE,
            &["socket:other-protocols"],
            "socket",
            &[is(0, &[INET, INET6]), masked(1, TYPE, &[STREAM]), is_not(2, &[0, 6])],
            "net/mptcp/protocol.c:mptcp_bind",
        ),
        named(
            C::NET_BIND_SERVICE,
            &["socket:other-protocols"],
            "socket",
            &[is(0, &[INET, INET6]), masked(1, TYPE, &[SEQPACKET])],
            "net/sctp/socket.c:sctp_do_bind",
        ),
        // DCCP (until 6.15).
        named(
            C::NET_BIND_SERVICE,
            &["socket:other-protocols"],
            "socket",
            &[is(0, &[INET, INET6]), masked(1, TYPE, &[DCCP])],
            "net/ipv4/af_inet.c:__inet_bind",
        ),
        // L2CAP of AF_BLUETOOTH, whose channels are ports.
        named(
            C::NET_BIND_SERVICE,
            &["socket:other-protocols"],
            "socket",
            &[is(0, &[31]), is(2, &[0])],
            "net/bluetooth/l2cap_sock.c:l2cap_validate_bredr_psm",
        ),
        // AF_VSOCK and AF_SMC, and the families of radio amateurs and of MCTP, whose services have no port.
        named(
            C::NET_BIND_SERVICE,
            &["socket:other-protocols"],
            "socket",
            &[is(0, &[6, 11, 40, 43, 45])],
            "net/vmw_vsock/af_vsock.c:__vsock_bind_connectible, net/smc/af_smc.c:smc_bind, net/netrom/af_netrom.c:nr_bind, \
             net/rose/af_rose.c:rose_bind, net/mctp/af_mctp.c:mctp_bind",
        ),
        // TCP_ULP makes a socket of SMC of one of TCP, before it is bound (commit d7cd421da9da, 5.17).
        named(
            C::NET_BIND_SERVICE,
            &["socket:other-protocols"],
            "setsockopt",
            &[is(1, &[SOL_TCP]), is(2, &[31])],
            "net/smc/af_smc.c:smc_ulp_init",
        ),
        row(
            C::NET_BROADCAST,
            "setsockopt",
            &[is(1, &[SOL_NETLINK]), is(2, &[8])],
            "net/netlink/af_netlink.c:netlink_setsockopt",
        ),
        named(C::NET_ADMIN, &["netlink:route"], "socket", NETLINK_ROUTE, "net/core/rtnetlink.c:rtnetlink_rcv_msg"),
        named(C::NET_ADMIN, &["netlink:diag"], "socket", NETLINK_DIAG, "net/core/sock_diag.c:sock_diag_rcv_msg"),
        named(C::NET_ADMIN, &["netlink:xfrm"], "socket", NETLINK_XFRM, "net/xfrm/xfrm_user.c:xfrm_user_rcv_msg"),
        named(
            C::NET_ADMIN,
            &["netlink:netfilter"],
            "socket",
            NETLINK_NETFILTER,
            "net/netfilter/nfnetlink.c:nfnetlink_rcv",
        ),
        named(
            C::NET_ADMIN,
            &["netlink:generic"],
            "socket",
            NETLINK_GENERIC,
            "net/netlink/genetlink.c:genl_family_rcv_msg",
        ),
        named(
            C::NET_ADMIN,
            &["netlink:other"],
            "socket",
            &[is(0, &[NETLINK]), is_not(2, &[0, 4, 6, 12, 16])],
            "net/netlink/af_netlink.c:netlink_bind",
        ),
        named(C::NET_ADMIN, &["socket:key"], "socket", &[is(0, &[15])], "net/key/af_key.c:pfkey_create"),
        named(
            C::NET_ADMIN,
            &["socket:bluetooth", "socket:other"],
            "socket",
            &[is(0, &[31])],
            "net/bluetooth/hci_sock.c:hci_sock_ioctl, net/bluetooth/hci_sock.c:hci_sock_bind, \
             net/bluetooth/hidp/sock.c:do_hidp_sock_ioctl",
        ),
        // AX.25, NET/ROM, ATM, CAN, Phonet, IEEE 802.15.4, CAIF and QRTR.
        named(
            C::NET_ADMIN,
            &["socket:other"],
            "socket",
            &[is(0, &[3, 6, 8, 20, 29, 35, 36, 37, 42])],
            "net/ax25/af_ax25.c:ax25_bind, net/atm/resources.c:atm_dev_ioctl, net/qrtr/af_qrtr.c:qrtr_port_assign",
        ),
        named(C::NET_ADMIN, &["sockopt:mark"], "setsockopt", SO_MARK, "net/core/sock.c:sk_setsockopt"),
        named(C::NET_ADMIN, &["sockopt:priority"], "setsockopt", SO_PRIORITY, "net/core/sock.c:sk_setsockopt"),
        named(
            C::NET_ADMIN,
            &["sockopt:buffers"],
            "setsockopt",
            &[is(1, &[SOL_SOCKET]), is(2, &[32, 33])],
            "net/core/sock.c:sk_setsockopt",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:busy-poll"],
            "setsockopt",
            &[is(1, &[SOL_SOCKET]), is(2, &[46, 69, 70])],
            "net/core/sock.c:sk_setsockopt",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:busy-poll"],
            "ioctl",
            &[is(1, &[0x4008_8a01])],
            "fs/eventpoll.c:ep_eventpoll_bp_ioctl",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:other"],
            "setsockopt",
            &[is(1, &[SOL_SOCKET]), is(2, &[1, 61])],
            "net/core/sock.c:sk_setsockopt",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:transparent"],
            "setsockopt",
            IP_TRANSPARENT,
            "net/ipv4/ip_sockglue.c:do_ip_setsockopt",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:transparent"],
            "setsockopt",
            IPV6_TRANSPARENT,
            "net/ipv6/ipv6_sockglue.c:do_ipv6_setsockopt",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:iptables"],
            "setsockopt",
            &[is(1, &[SOL_IP, SOL_IPV6]), is(2, IPTABLES)],
            "net/ipv4/netfilter/ip_tables.c:do_ipt_set_ctl, net/bridge/netfilter/ebtables.c:do_ebt_set_ctl",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:iptables"],
            "getsockopt",
            &[is(1, &[SOL_IP, SOL_IPV6]), is(2, IPTABLES)],
            "net/ipv4/netfilter/ip_tables.c:do_ipt_get_ctl",
        ),
        // IP_IPSEC_POLICY and IP_XFRM_POLICY, by which a socket sends past the policies of IPsec, and those of IPv6.
        named(
            C::NET_ADMIN,
            &["sockopt:ipsec"],
            "setsockopt",
            &[is(1, &[SOL_IP]), is(2, &[16, 17])],
            "net/ipv4/ip_sockglue.c:do_ip_setsockopt",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:ipsec"],
            "setsockopt",
            &[is(1, &[SOL_IPV6]), is(2, &[34, 35])],
            "net/ipv6/ipv6_sockglue.c:do_ipv6_setsockopt",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:multicast-routing"],
            "setsockopt",
            &[is(1, &[SOL_IP, SOL_IPV6]), is(2, MULTICAST_ROUTING)],
            "net/ipv4/ipmr.c:ip_mroute_setsockopt",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:ipvs"],
            "setsockopt",
            &[is(1, &[SOL_IP]), is(2, IPVS)],
            "net/netfilter/ipvs/ip_vs_ctl.c:do_ip_vs_set_ctl",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:ipvs"],
            "getsockopt",
            &[is(1, &[SOL_IP]), is(2, IPVS)],
            "net/netfilter/ipvs/ip_vs_ctl.c:do_ip_vs_get_ctl",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:tcp"],
            "setsockopt",
            &[is(1, &[SOL_TCP]), is(2, &[13, 19])],
            "net/ipv4/tcp.c:do_tcp_setsockopt",
        ),
        named(
            C::NET_ADMIN,
            &["sockopt:ipv6"],
            "setsockopt",
            &[is(1, &[SOL_IPV6]), is(2, &[27, 32])],
            "net/ipv6/anycast.c:ipv6_sock_ac_join, net/ipv6/ip6_flowlabel.c:ipv6_flowlabel_get",
        ),
        named(
            C::NET_ADMIN,
            &["ioctl:net"],
            "ioctl",
            &[masked(1, 0xff00, &[0x8900]), is_not(1, READS_DEVICE), is_not(1, &[SIOCETHTOOL])],
            "net/core/dev_ioctl.c:dev_ioctl",
        ),
        named(C::NET_ADMIN, &["ioctl:ethtool"], "ioctl", &[is(1, &[SIOCETHTOOL])], "net/ethtool/ioctl.c:dev_ethtool"),
        named(
            C::NET_ADMIN,
            &["ioctl:wireless"],
            "ioctl",
            &[masked(1, 0xff00, &[0x8b00])],
            "net/wireless/wext-core.c:wext_ioctl_dispatch",
        ),
        // TIOCSETD: SLIP and its like make a network device of a terminal.
        named(
            C::NET_ADMIN,
            &["ioctl:line-discipline"],
            "ioctl",
            &[is(1, &[0x5423])],
            "drivers/net/slip/slip.c:slip_open",
        ),
        named(
            C::NET_ADMIN,
            &["ioctl:tun"],
            "ioctl",
            &[is(1, &[0x4004_54ca, 0x4004_54cb, 0x4004_54cc, 0x4004_54cd, 0x4004_54ce])],
            "drivers/net/tun.c:tun_set_iff",
        ),
        row(C::NET_ADMIN, "bpf", ANY, "kernel/bpf/syscall.c:bpf_prog_load"),
        named(C::NET_RAW, &["socket:packet"], "socket", &[is(0, &[PACKET])], "net/packet/af_packet.c:packet_create"),
        // The kernel takes socket(AF_INET, SOCK_PACKET) for a packet socket (net/socket.c:__sock_create).
        named(
            C::NET_RAW,
            &["socket:packet"],
            "socket",
            &[is(0, &[INET]), masked(1, TYPE, &[SOCK_PACKET])],
            "net/packet/af_packet.c:packet_create",
        ),
        named(
            C::NET_RAW,
            &["socket:raw-icmp", "socket:raw"],
            "socket",
            &[is(0, &[INET]), masked(1, TYPE, &[RAW]), is(2, &[ICMP])],
            "net/ipv4/af_inet.c:inet_create",
        ),
        named(
            C::NET_RAW,
            &["socket:raw-icmp", "socket:raw"],
            "socket",
            &[is(0, &[INET6]), masked(1, TYPE, &[RAW]), is(2, &[ICMPV6])],
            "net/ipv6/af_inet6.c:inet6_create",
        ),
        named(
            C::NET_RAW,
            &["socket:raw"],
            "socket",
            &[is(0, &[INET]), masked(1, TYPE, &[RAW]), is_not(2, &[ICMP])],
            "net/ipv4/af_inet.c:inet_create",
        ),
        named(
            C::NET_RAW,
            &["socket:raw"],
            "socket",
            &[is(0, &[INET6]), masked(1, TYPE, &[RAW]), is_not(2, &[ICMPV6])],
            "net/ipv6/af_inet6.c:inet6_create",
        ),
        // IP_HDRINCL and IPV6_HDRINCL ask for nothing: they make one raw socket send every protocol.
        named(
            C::NET_RAW,
            &["socket:raw"],
            "setsockopt",
            &[is(1, &[SOL_IP]), is(2, &[3])],
            "net/ipv4/ip_sockglue.c:do_ip_setsockopt",
        ),
        named(
            C::NET_RAW,
            &["socket:raw"],
            "setsockopt",
            &[is(1, &[SOL_IPV6, SOL_RAW]), is(2, &[36])],
            "net/ipv6/raw.c:do_rawv6_setsockopt",
        ),
        named(C::NET_RAW, &["socket:xdp"], "socket", &[is(0, &[44])], "net/xdp/xsk.c:xsk_create"),
        named(C::NET_RAW, &["socket:bluetooth", "socket:other"], "socket", &[is(0, &[31])], "net/bluetooth"),
        named(
            C::NET_RAW,
            &["socket:other"],
            "socket",
            &[is(0, &[3, 5, 26, 29, 34, 36, 39, 45])],
            "net/ax25, appletalk, llc, can, ieee802154, nfc and mctp, and drivers/isdn/mISDN/socket.c:base_sock_create",
        ),
        named(C::NET_RAW, &["sockopt:mark"], "setsockopt", SO_MARK, "net/core/sock.c:sk_setsockopt"),
        named(C::NET_RAW, &["sockopt:priority"], "setsockopt", SO_PRIORITY, "net/core/sock.c:sk_setsockopt"),
        named(
            C::NET_RAW,
            &["sockopt:device"],
            "setsockopt",
            &[is(1, &[SOL_SOCKET]), is(2, &[25, 62])],
            "net/core/sock.c:sock_setbindtodevice",
        ),
        named(
            C::NET_RAW,
            &["sockopt:transparent"],
            "setsockopt",
            IP_TRANSPARENT,
            "net/ipv4/ip_sockglue.c:do_ip_setsockopt",
        ),
        named(
            C::NET_RAW,
            &["sockopt:transparent"],
            "setsockopt",
            IPV6_TRANSPARENT,
            "net/ipv6/ipv6_sockglue.c:do_ipv6_setsockopt",
        ),
        named(
            C::NET_RAW,
            &["sockopt:options"],
            "setsockopt",
            &[is(1, &[SOL_IP]), is(2, &[4])],
            "net/ipv4/ip_options.c:__ip_options_compile",
        ),
        named(
            C::NET_RAW,
            &["sockopt:options"],
            "setsockopt",
            &[is(1, &[SOL_IPV6]), is(2, &[6, 54, 55, 57, 59])],
            "net/ipv6/ipv6_sockglue.c:ipv6_set_opt_hdr",
        ),
        row(C::IPC_LOCK, "mlock", ANY, "mm/mlock.c:do_mlock"),
        row(C::IPC_LOCK, "mlock2", ANY, "mm/mlock.c:do_mlock"),
        row(C::IPC_LOCK, "mlockall", ANY, "mm/mlock.c:mlockall"),
        row(
            C::IPC_LOCK,
            "mmap",
            &[bit(3, 0x4_2000)],
            "mm/mmap.c:mlock_future_ok, fs/hugetlbfs/inode.c:can_do_hugetlb_shm",
        ),
        row(C::IPC_LOCK, "shmget", &[bit(2, 0x800)], "fs/hugetlbfs/inode.c:can_do_hugetlb_shm"),
        row(C::IPC_LOCK, "memfd_create", &[bit(1, 0x4)], "fs/hugetlbfs/inode.c:can_do_hugetlb_shm"),
        row(C::IPC_LOCK, "shmctl", &[is(1, &[11, 12])], "ipc/shm.c:shmctl_do_lock"),
        named(C::IPC_OWNER, &["shm"], "shmat", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["shm"], "shmctl", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["shm"], "shmget", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["msg"], "msgget", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["msg"], "msgsnd", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["msg"], "msgrcv", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["msg"], "msgctl", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["sem"], "semget", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["sem"], "semop", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["sem"], "semtimedop", ANY, "ipc/util.c:ipcperms"),
        named(C::IPC_OWNER, &["sem"], "semctl", ANY, "ipc/util.c:ipcperms"),
        row(C::SYS_MODULE, "init_module", ANY, "kernel/module/main.c:may_init_module"),
        row(C::SYS_MODULE, "finit_module", ANY, "kernel/module/main.c:may_init_module"),
        row(C::SYS_MODULE, "delete_module", ANY, "kernel/module/main.c:delete_module"),
        row(C::SYS_RAWIO, "iopl", ANY, "arch/x86/kernel/ioport.c:iopl"),
        row(C::SYS_RAWIO, "ioperm", ANY, "arch/x86/kernel/ioport.c:ksys_ioperm"),
        row(
            C::SYS_RAWIO,
            "ioctl",
            &[is_not(1, HARMLESS)],
            "drivers/scsi/scsi_ioctl.c, fs/ioctl.c:ioctl_fibmap, and drivers",
        ),
        row(C::SYS_CHROOT, "chroot", ANY, "fs/open.c:chroot"),
        row(C::SYS_CHROOT, "fchroot", ANY, "fs/open.c:fchroot (7.3)"),
        row(C::SYS_CHROOT, "setns", &[is(1, &[0, 0x2_0000])], "fs/namespace.c:mntns_install"),
        row(C::SYS_PTRACE, "ptrace", ANY, "kernel/ptrace.c:ptrace_attach"),
        row(C::SYS_PTRACE, "process_vm_readv", ANY, "mm/process_vm_access.c:process_vm_rw_core"),
        row(C::SYS_PTRACE, "process_vm_writev", ANY, "mm/process_vm_access.c:process_vm_rw_core"),
        row(C::SYS_PTRACE, "pidfd_getfd", ANY, "kernel/pid.c:__pidfd_fget"),
        row(C::SYS_PTRACE, "kcmp", ANY, "kernel/kcmp.c:kcmp"),
        row(C::SYS_PTRACE, "get_robust_list", ANY, "kernel/futex/syscalls.c:get_robust_list"),
        row(C::SYS_PTRACE, "process_madvise", ANY, "mm/madvise.c:process_madvise"),
        row(C::SYS_PTRACE, "process_mrelease", ANY, "mm/oom_kill.c:process_mrelease"),
        row(C::SYS_PTRACE, "move_pages", ANY, "mm/migrate.c:find_mm_struct"),
        row(C::SYS_PTRACE, "migrate_pages", ANY, "mm/mempolicy.c:kernel_migrate_pages"),
        row(C::SYS_PTRACE, "perf_event_open", ANY, "kernel/events/core.c:perf_check_permission"),
        named(C::SYS_PTRACE, &["perf_event_open"], "ioctl", &[is(1, PERF)], "kernel/events/core.c:perf_ioctl"),
        row(C::SYS_PTRACE, "userfaultfd", ANY, "fs/userfaultfd.c:userfaultfd_syscall_allowed"),
        row(C::SYS_PTRACE, "setns", ANY, "kernel/nsproxy.c:validate_nsset"),
        row(C::SYS_PACCT, "acct", ANY, "kernel/acct.c:acct"),
        row(C::SYS_ADMIN, "mount", ANY, "fs/namespace.c:may_mount"),
        row(C::SYS_ADMIN, "umount2", ANY, "fs/namespace.c:may_mount"),
        row(C::SYS_ADMIN, "pivot_root", ANY, "fs/namespace.c:may_mount"),
        row(C::SYS_ADMIN, "fsopen", ANY, "fs/fsopen.c:fsopen"),
        row(C::SYS_ADMIN, "fspick", ANY, "fs/fsopen.c:fspick"),
        row(C::SYS_ADMIN, "fsconfig", ANY, "fs/fsopen.c:vfs_cmd_create"),
        row(C::SYS_ADMIN, "fsmount", ANY, "fs/namespace.c:fsmount"),
        row(C::SYS_ADMIN, "move_mount", ANY, "fs/namespace.c:may_mount"),
        row(C::SYS_ADMIN, "open_tree", &[bit(2, 1)], "fs/namespace.c:open_tree"),
        row(C::SYS_ADMIN, "open_tree_attr", ANY, "fs/namespace.c:open_tree_attr (6.15)"),
        row(C::SYS_ADMIN, "mount_setattr", ANY, "fs/namespace.c:mount_setattr"),
        row(C::SYS_ADMIN, "statmount", ANY, "fs/namespace.c:do_statmount"),
        row(C::SYS_ADMIN, "listmount", ANY, "fs/namespace.c:do_listmount"),
        row(C::SYS_ADMIN, "listns", ANY, "kernel/nscommon.c:may_see_all_namespaces (6.19)"),
        row(C::SYS_ADMIN, "setns", ANY, "kernel/nsproxy.c:setns, kernel/pid_namespace.c:pidns_install"),
        row(C::SYS_ADMIN, "unshare", &[bit(0, NEW_NAMESPACE)], "kernel/nsproxy.c:unshare_nsproxy_namespaces"),
        row(C::SYS_ADMIN, "clone", &[bit(0, CLONE_NAMESPACE)], "kernel/nsproxy.c:copy_namespaces"),
        row(C::SYS_ADMIN, "sethostname", ANY, "kernel/sys.c:sethostname"),
        row(C::SYS_ADMIN, "setdomainname", ANY, "kernel/sys.c:setdomainname"),
        row(C::SYS_ADMIN, "swapon", ANY, "mm/swapfile.c:swapon"),
        row(C::SYS_ADMIN, "swapoff", ANY, "mm/swapfile.c:swapoff"),
        row(C::SYS_ADMIN, "quotactl", ANY, "fs/quota/quota.c:check_quotactl_permission"),
        row(C::SYS_ADMIN, "quotactl_fd", ANY, "fs/quota/quota.c:check_quotactl_permission"),
        named(C::SYS_ADMIN, &["bpf:look"], "bpf", &[is(0, BPF_LOOK)], "kernel/bpf/syscall.c:__sys_bpf"),
        named(C::SYS_ADMIN, &["bpf:map"], "bpf", &[is(0, BPF_MAP)], "kernel/bpf/syscall.c:map_create"),
        named(
            C::SYS_ADMIN,
            &["bpf:program"],
            "bpf",
            &[is_not(0, BPF_WITHOUT_PROGRAMS)],
            "kernel/bpf/syscall.c:bpf_prog_load",
        ),
        row(C::SYS_ADMIN, "perf_event_open", ANY, "kernel/events/core.c:perf_event_open"),
        named(C::SYS_ADMIN, &["perf_event_open"], "ioctl", &[is(1, PERF)], "kernel/events/core.c:perf_ioctl"),
        row(C::SYS_ADMIN, "fanotify_init", ANY, "fs/notify/fanotify/fanotify_user.c:fanotify_init"),
        row(C::SYS_ADMIN, "fanotify_mark", &[bit(1, 0x110)], "fs/notify/fanotify/fanotify_user.c:do_fanotify_mark"),
        named(C::SYS_ADMIN, &["syslog:read"], "syslog", SYSLOG_READ, "kernel/printk/printk.c:check_syslog_permissions"),
        named(
            C::SYS_ADMIN,
            &["syslog:clear"],
            "syslog",
            SYSLOG_CLEAR,
            "kernel/printk/printk.c:check_syslog_permissions",
        ),
        named(
            C::SYS_ADMIN,
            &["syslog:console"],
            "syslog",
            SYSLOG_CONSOLE,
            "kernel/printk/printk.c:check_syslog_permissions",
        ),
        row(C::SYS_ADMIN, "lookup_dcookie", ANY, "fs/dcookies.c:do_lookup_dcookie (until 6.6)"),
        row(C::SYS_ADMIN, "keyctl", &[is(0, &[4, 5, 7, 21])], "security/keys/keyctl.c:keyctl_chown_key"),
        // A trusted key with the option pcrlock; keyctl(2) asks for it where it updates one.
        row(C::SYS_ADMIN, "add_key", ANY, "security/keys/trusted-keys/trusted_tpm1.c:pcrlock"),
        named(
            C::SYS_ADMIN,
            &["keyctl:update"],
            "keyctl",
            &[is(0, &[2])],
            "security/keys/trusted-keys/trusted_tpm1.c:pcrlock",
        ),
        named(C::SYS_ADMIN, &["prctl:mm"], "prctl", &[is(0, &[35])], "kernel/sys.c:prctl_set_mm_map"),
        // ALG_SET_DRBG_ENTROPY of AF_ALG.
        named(
            C::SYS_ADMIN,
            &["sockopt:generator"],
            "setsockopt",
            &[is(1, &[SOL_ALG]), is(2, &[6])],
            "crypto/algif_rng.c:rng_setentropy",
        ),
        row(C::SYS_ADMIN, "ioprio_set", ANY, "block/ioprio.c:ioprio_check_cap"),
        row(C::SYS_ADMIN, "madvise", &[is(2, &[100, 101])], "mm/madvise.c:madvise_inject_error"),
        row(C::SYS_ADMIN, "process_madvise", &[is(3, &[100, 101])], "mm/madvise.c:madvise_inject_error"),
        row(C::SYS_ADMIN, "ptrace", &[is(0, &[0x420c, 0x420d])], "kernel/seccomp.c:get_nth_filter"),
        row(C::SYS_ADMIN, "setxattr", ANY, "fs/xattr.c:xattr_permission"),
        row(C::SYS_ADMIN, "lsetxattr", ANY, "fs/xattr.c:xattr_permission"),
        row(C::SYS_ADMIN, "fsetxattr", ANY, "fs/xattr.c:xattr_permission"),
        row(C::SYS_ADMIN, "setxattrat", ANY, "fs/xattr.c:xattr_permission (6.13)"),
        row(C::SYS_ADMIN, "removexattr", ANY, "fs/xattr.c:xattr_permission"),
        row(C::SYS_ADMIN, "lremovexattr", ANY, "fs/xattr.c:xattr_permission"),
        row(C::SYS_ADMIN, "fremovexattr", ANY, "fs/xattr.c:xattr_permission"),
        row(C::SYS_ADMIN, "removexattrat", ANY, "fs/xattr.c:xattr_permission (6.13)"),
        row(C::SYS_ADMIN, "open_by_handle_at", ANY, "fs/fhandle.c:may_decode_fh (6.11)"),
        row(C::SYS_ADMIN, "msgctl", &[is(1, &[0, 1])], "ipc/util.c:ipcctl_obtain_check"),
        row(C::SYS_ADMIN, "semctl", &[is(2, &[0, 1])], "ipc/util.c:ipcctl_obtain_check"),
        row(C::SYS_ADMIN, "shmctl", &[is(1, &[0, 1])], "ipc/util.c:ipcctl_obtain_check"),
        row(
            C::SYS_ADMIN,
            "ioctl",
            &[is_not(1, HARMLESS)],
            "fs/ioctl.c:ioctl_fsfreeze, drivers/tty/tty_io.c:tiocsti, block/ioctl.c:blkdev_common_ioctl, and drivers",
        ),
        named(C::SYS_ADMIN, &["socket:caif"], "socket", &[is(0, &[37])], "net/caif/caif_socket.c:caif_create"),
        named(
            C::SYS_ADMIN,
            &["netlink:uevent"],
            "socket",
            &[is(0, &[NETLINK]), is(2, &[15])],
            "lib/kobject_uevent.c:uevent_net_rcv",
        ),
        named(
            C::SYS_BOOT,
            &["reboot:reboot"],
            "reboot",
            &[is(2, &[0x0123_4567, 0xa1b2_c3d4])],
            "kernel/reboot.c:reboot",
        ),
        named(C::SYS_BOOT, &["reboot:halt"], "reboot", &[is(2, &[0xcdef_0123])], "kernel/reboot.c:reboot"),
        named(C::SYS_BOOT, &["reboot:power-off"], "reboot", &[is(2, &[0x4321_fedc])], "kernel/reboot.c:reboot"),
        named(C::SYS_BOOT, &["reboot:ctrl-alt-del"], "reboot", &[is(2, &[0, 0x89ab_cdef])], "kernel/reboot.c:reboot"),
        named(C::SYS_BOOT, &["reboot:suspend"], "reboot", &[is(2, &[0xd000_fce2])], "kernel/reboot.c:reboot"),
        named(C::SYS_BOOT, &["reboot:kexec"], "reboot", &[is(2, &[0x4558_4543])], "kernel/reboot.c:reboot"),
        row(
            C::SYS_BOOT,
            "reboot",
            &[is_not(
                2,
                &[0x0123_4567, 0xa1b2_c3d4, 0xcdef_0123, 0x4321_fedc, 0, 0x89ab_cdef, 0xd000_fce2, 0x4558_4543],
            )],
            "kernel/reboot.c:reboot",
        ),
        row(C::SYS_BOOT, "kexec_load", ANY, "kernel/kexec_core.c:kexec_load_permitted"),
        row(C::SYS_BOOT, "kexec_file_load", ANY, "kernel/kexec_core.c:kexec_load_permitted"),
        row(C::SYS_NICE, "setpriority", ANY, "kernel/sys.c:set_one_prio_perm"),
        row(C::SYS_NICE, "sched_setscheduler", ANY, "kernel/sched/syscalls.c:user_check_sched_setscheduler"),
        row(C::SYS_NICE, "sched_setparam", ANY, "kernel/sched/syscalls.c:user_check_sched_setscheduler"),
        row(C::SYS_NICE, "sched_setattr", ANY, "kernel/sched/syscalls.c:user_check_sched_setscheduler"),
        row(C::SYS_NICE, "sched_setaffinity", ANY, "kernel/sched/syscalls.c:sched_setaffinity"),
        row(C::SYS_NICE, "ioprio_set", ANY, "block/ioprio.c:ioprio_check_cap"),
        row(C::SYS_NICE, "migrate_pages", ANY, "mm/mempolicy.c:kernel_migrate_pages"),
        row(C::SYS_NICE, "move_pages", &[bit(5, 4)], "mm/migrate.c:kernel_move_pages"),
        row(C::SYS_NICE, "mbind", &[bit(5, 4)], "mm/mempolicy.c:do_mbind"),
        row(C::SYS_NICE, "process_madvise", ANY, "mm/madvise.c:process_madvise"),
        row(C::SYS_RESOURCE, "setrlimit", ANY, "kernel/sys.c:do_prlimit"),
        row(C::SYS_RESOURCE, "prlimit64", &[not_null(2)], "kernel/sys.c:do_prlimit"),
        named(C::SYS_RESOURCE, &["prctl:mm"], "prctl", &[is(0, &[35])], "kernel/sys.c:prctl_set_mm"),
        named(C::SYS_RESOURCE, &["prctl:io-flusher"], "prctl", &[is(0, &[57])], "kernel/sys.c:prctl"),
        named(C::SYS_RESOURCE, &["fcntl:pipe-size"], "fcntl", &[is(1, &[1031])], "fs/pipe.c:pipe_set_size"),
        row(C::SYS_RESOURCE, "msgctl", &[is(1, &[1])], "ipc/msg.c:msgctl_down"),
        row(C::SYS_RESOURCE, "mq_open", ANY, "ipc/mqueue.c:mqueue_get_inode"),
        row(C::SYS_TIME, "clock_settime", ANY, "kernel/time/posix-timers.c:clock_settime"),
        row(C::SYS_TIME, "settimeofday", ANY, "security/commoncap.c:cap_settime"),
        row(C::SYS_TIME, "adjtimex", ANY, "kernel/time/timekeeping.c:timekeeping_validate_timex"),
        row(C::SYS_TIME, "clock_adjtime", ANY, "kernel/time/timekeeping.c:timekeeping_validate_timex"),
        named(
            C::SYS_TIME,
            &["ioctl:rtc"],
            "ioctl",
            &[masked(1, 0xff00, &[0x7000]), is_not(1, &[0x8024_7009])],
            "drivers/rtc/dev.c:rtc_dev_ioctl",
        ),
        row(C::SYS_TTY_CONFIG, "vhangup", ANY, "fs/open.c:vhangup"),
        named(
            C::SYS_TTY_CONFIG,
            &["ioctl:terminal"],
            "ioctl",
            &[masked(1, 0xff00, &[0x4b00, 0x5600]), is_not(1, READS_TERMINAL)],
            "drivers/tty/vt/vt_ioctl.c:vt_k_ioctl, drivers/tty/vt/keyboard.c:vt_do_kdskled",
        ),
        domain(row(C::MKNOD, "mknod", &[masked(1, 0xf000, &[0x2000, 0x6000])], "fs/namei.c:vfs_mknod")),
        domain(row(C::MKNOD, "mknodat", &[masked(2, 0xf000, &[0x2000, 0x6000])], "fs/namei.c:vfs_mknod")),
        named(C::LEASE, &["fcntl:lease"], "fcntl", &[is(1, &[1024])], "fs/locks.c:generic_setlease"),
        // FAN_ENABLE_AUDIT.
        row(C::AUDIT_WRITE, "fanotify_init", &[bit(0, 0x40)], "fs/notify/fanotify/fanotify_user.c:fanotify_init"),
        named(C::AUDIT_WRITE, &["netlink:audit"], "socket", NETLINK_AUDIT, "kernel/audit.c:audit_netlink_ok"),
        named(C::AUDIT_CONTROL, &["netlink:audit"], "socket", NETLINK_AUDIT, "kernel/audit.c:audit_netlink_ok"),
        named(C::AUDIT_READ, &["netlink:audit"], "socket", NETLINK_AUDIT, "kernel/audit.c:audit_multicast_bind"),
        row(C::SETFCAP, "setxattr", ANY, "security/commoncap.c:cap_convert_nscap"),
        row(C::SETFCAP, "lsetxattr", ANY, "security/commoncap.c:cap_convert_nscap"),
        row(C::SETFCAP, "fsetxattr", ANY, "security/commoncap.c:cap_convert_nscap"),
        row(C::SETFCAP, "setxattrat", ANY, "security/commoncap.c:cap_convert_nscap (6.13)"),
        row(C::SETFCAP, "removexattr", ANY, "security/commoncap.c:cap_inode_removexattr"),
        row(C::SETFCAP, "lremovexattr", ANY, "security/commoncap.c:cap_inode_removexattr"),
        row(C::SETFCAP, "fremovexattr", ANY, "security/commoncap.c:cap_inode_removexattr"),
        row(C::SETFCAP, "removexattrat", ANY, "security/commoncap.c:cap_inode_removexattr (6.13)"),
        row(C::MAC_ADMIN, "lsm_set_self_attr", ANY, "security/lsm_syscalls.c:lsm_set_self_attr"),
        named(
            C::SYSLOG,
            &["syslog:read"],
            "syslog",
            SYSLOG_READ,
            "kernel/printk/printk.c:check_syslog_permissions, kernel/printk/printk.c:devkmsg_open",
        ),
        named(C::SYSLOG, &["syslog:clear"], "syslog", SYSLOG_CLEAR, "kernel/printk/printk.c:check_syslog_permissions"),
        named(
            C::SYSLOG,
            &["syslog:console"],
            "syslog",
            SYSLOG_CONSOLE,
            "kernel/printk/printk.c:check_syslog_permissions",
        ),
        row(C::WAKE_ALARM, "timer_create", &[is(0, &[8, 9])], "kernel/time/alarmtimer.c:alarm_timer_create"),
        row(C::WAKE_ALARM, "timerfd_create", &[is(0, &[8, 9])], "fs/timerfd.c:timerfd_create"),
        row(C::WAKE_ALARM, "clock_nanosleep", &[is(0, &[8, 9])], "kernel/time/alarmtimer.c:alarm_timer_nsleep"),
        row(C::PERFMON, "perf_event_open", ANY, "kernel/events/core.c:perf_event_open"),
        named(C::PERFMON, &["perf_event_open"], "ioctl", &[is(1, PERF)], "kernel/events/core.c:perf_ioctl"),
        named(C::PERFMON, &["bpf:look"], "bpf", &[is(0, BPF_LOOK)], "kernel/bpf/syscall.c:__sys_bpf"),
        named(C::PERFMON, &["bpf:map"], "bpf", &[is(0, BPF_MAP)], "kernel/bpf/syscall.c:map_create"),
        named(
            C::PERFMON,
            &["bpf:program"],
            "bpf",
            &[is_not(0, BPF_WITHOUT_PROGRAMS)],
            "kernel/bpf/syscall.c:bpf_prog_load",
        ),
        row(C::PERFMON, "ioctl", &[is(1, &[0x4010_6476])], "drivers/gpu/drm/i915/i915_perf.c:i915_perf_open_ioctl"),
        named(C::BPF, &["bpf:look"], "bpf", &[is(0, BPF_LOOK)], "kernel/bpf/syscall.c:__sys_bpf"),
        named(C::BPF, &["bpf:map"], "bpf", &[is(0, BPF_MAP)], "kernel/bpf/syscall.c:map_create"),
        named(
            C::BPF,
            &["bpf:program"],
            "bpf",
            &[is_not(0, BPF_WITHOUT_PROGRAMS)],
            "kernel/bpf/syscall.c:bpf_prog_load",
        ),
        named(
            C::BPF,
            &["sockopt:attach-bpf"],
            "setsockopt",
            &[is(1, &[SOL_SOCKET]), is(2, &[50, 52])],
            "net/core/filter.c:sk_attach_bpf",
        ),
        named(C::CHECKPOINT_RESTORE, &["prctl:mm"], "prctl", &[is(0, &[35])], "kernel/sys.c:prctl_set_mm_map"),
        row(C::CHECKPOINT_RESTORE, "ptrace", &[is(0, &[0x420c, 0x420d])], "kernel/seccomp.c:get_nth_filter"),
    ]
};

const NETLINK_ROUTE: &[Test] = &[is(0, &[NETLINK]), is(2, &[0])];
const NETLINK_DIAG: &[Test] = &[is(0, &[NETLINK]), is(2, &[4])];
const NETLINK_XFRM: &[Test] = &[is(0, &[NETLINK]), is(2, &[6])];
const NETLINK_AUDIT: &[Test] = &[is(0, &[NETLINK]), is(2, &[9])];
const NETLINK_NETFILTER: &[Test] = &[is(0, &[NETLINK]), is(2, &[12])];
const NETLINK_GENERIC: &[Test] = &[is(0, &[NETLINK]), is(2, &[16])];
/// With SO_RCVMARK (75), which asked from 6.0 to 6.14.
const SO_MARK: &[Test] = &[is(1, &[SOL_SOCKET]), is(2, &[36, 75])];
const SO_PRIORITY: &[Test] = &[is(1, &[SOL_SOCKET]), is(2, &[12])];
const IP_TRANSPARENT: &[Test] = &[is(1, &[SOL_IP]), is(2, &[19])];
const IPV6_TRANSPARENT: &[Test] = &[is(1, &[SOL_IPV6]), is(2, &[75])];
/// Open, close, read, and sizes (SYSLOG_ACTION_…, include/linux/syslog.h).
const SYSLOG_READ: &[Test] = &[is(0, &[0, 1, 2, 3, 9, 10])];
const SYSLOG_CLEAR: &[Test] = &[is(0, &[4, 5])];
const SYSLOG_CONSOLE: &[Test] = &[is_not(0, &[0, 1, 2, 3, 4, 5, 9, 10])];

/// A part of a door that a policy names by a number or a word: `kill:HUP`, `setuid:33`, `mknod:1:3`.
#[derive(Debug)]
pub struct Parameter {
    /// The capability.
    pub capability: Capability,
    /// What stands before the colon.
    pub prefix: &'static str,
    /// How the part after the colon is read.
    pub kind: ParameterKind,
    /// The calls, each with the arguments that must have the value.
    pub calls: &'static [(&'static str, &'static [u8])],
}

/// How the part after the colon of a [`Parameter`] is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A signal, as `HUP`, `SIGHUP` or `1`.
    Signal,
    /// A user or group id. An argument may also be -1, which leaves the id alone.
    Id,
    /// A device, as `MAJOR:MINOR` for a character device or `b:MAJOR:MINOR` for a block device. The first argument
    /// holds the mode, the second the device.
    Device,
}

/// Every [`Parameter`].
pub const PARAMETERS: &[Parameter] = &[
    Parameter {
        capability: Capability::KILL,
        prefix: "kill",
        kind: ParameterKind::Signal,
        calls: &[
            ("kill", &[1]),
            ("tkill", &[1]),
            ("tgkill", &[2]),
            ("rt_sigqueueinfo", &[1]),
            ("rt_tgsigqueueinfo", &[2]),
            ("pidfd_send_signal", &[1]),
        ],
    },
    Parameter {
        capability: Capability::SETUID,
        prefix: "setuid",
        kind: ParameterKind::Id,
        calls: &[("setuid", &[0]), ("setreuid", &[0, 1]), ("setresuid", &[0, 1, 2]), ("setfsuid", &[0])],
    },
    Parameter {
        capability: Capability::SETGID,
        prefix: "setgid",
        kind: ParameterKind::Id,
        calls: &[("setgid", &[0]), ("setregid", &[0, 1]), ("setresgid", &[0, 1, 2]), ("setfsgid", &[0])],
    },
    Parameter {
        capability: Capability::MKNOD,
        prefix: "mknod",
        kind: ParameterKind::Device,
        calls: &[("mknod", &[1, 2]), ("mknodat", &[2, 3])],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_are_read_as_they_are_written_here() {
        assert_eq!(rows(), TABLE);
        for capability in Capability::all() {
            let mine = TABLE.iter().filter(|row| row.capability == capability);
            assert!(rows_of(capability).iter().eq(mine), "{capability}");
        }
    }
}
