//! What each capability permits, and how close it comes to root.

use capwrap_core::{Capability, CapabilitySet};

/// What a process can reach with one capability and nothing else, on a system without a security module that forbids
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Closeness {
    /// It permits one thing, and nothing follows from that.
    Narrow,
    /// It permits much that concerns others: their data, their service, their traffic.
    Wide,
    /// It leads to root if the system has a suitable weakness, and many systems do.
    Near,
    /// It always leads to root, in a few steps.
    Root,
}

impl Closeness {
    /// Returns the word that tables use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Wide => "wide",
            Self::Near => "near root",
            Self::Root => "root",
        }
    }
}

/// One row of [`MEANINGS`].
pub struct Meaning {
    /// What the capability permits, in a few words.
    pub opens: &'static str,
    /// How close it comes to root.
    pub closeness: Closeness,
    /// The steps from the capability to root, or to its effect on others. The text is empty if there are none.
    pub escalation: &'static str,
}

const fn means(opens: &'static str, closeness: Closeness, escalation: &'static str) -> Meaning {
    Meaning { opens, closeness, escalation }
}

use Closeness::{Narrow, Near, Root, Wide};

/// What each capability means, at the index that is its number.
///
/// Sources: capabilities(7); the kernel's callers of `capable` and `ns_capable` in Linux 6.18; "False Boundaries and
/// Arbitrary Code Execution" (grsecurity, 2011) for the escalations.
pub const MEANINGS: [Meaning; 41] = [
    means("change the owner and group of any file", Root, "chown /etc/shadow to oneself and write a password into it"),
    means("read, write and execute any file past its mode", Root, "write /etc/shadow or a file in /etc/sudoers.d"),
    means(
        "read any file, list any directory, open by handle",
        Near,
        "read password hashes and root's private keys; open_by_handle_at(2) leaves a container (\"shocker\", 2014)",
    ),
    means(
        "act as the owner of any file: chmod, ACLs, times, sticky directories",
        Root,
        "chmod a file of root's that is executed or trusted, as /etc/shadow, and write it",
    ),
    means(
        "keep setuid and setgid bits when a file changes; set setgid for foreign groups",
        Narrow,
        "a setuid file that one may write stays setuid when it is changed; systems have none of those",
    ),
    means("signal any process", Wide, "stop the loggers and guards of others"),
    means(
        "take any group id; map any group into a user namespace",
        Root,
        "join group shadow, disk or docker: read the hashes, write the disk, start a container",
    ),
    means("take any user id; map any user into a user namespace", Root, "setuid(0)"),
    means(
        "drop from the bounding set, add to the inheritable set from it, set securebits",
        Near,
        "adds the whole bounding set to one's inheritable set: a file marked with inheritable capabilities then has them",
    ),
    means("set and clear the immutable and append-only flags", Wide, "undoes what protects logs and pinned files"),
    means("bind ports below 1024", Narrow, "a freed port of a trusted service can be taken"),
    means("listen to netlink messages of every network namespace", Narrow, ""),
    means(
        "configure interfaces, routes, firewalls, tunnels, traffic control",
        Wide,
        "redirects and reads this network namespace's traffic; opens much kernel code (nf_tables) that has had holes to root",
    ),
    means(
        "raw and packet sockets: see and forge traffic",
        Wide,
        "reads passwords that pass unencrypted; forges packets as any host",
    ),
    means("lock memory past RLIMIT_MEMLOCK, use huge pages", Narrow, "takes memory from all others"),
    means("use any System V IPC object", Wide, "reads and changes shared memory of any process that uses it"),
    means("load and remove kernel modules", Root, "a module is the kernel"),
    means(
        "I/O ports, /dev/mem, raw commands to disks, mapping at address 0",
        Root,
        "writes physical memory or disks; opening the devices takes their file mode too",
    ),
    means(
        "chroot, and setns into mount namespaces together with cap_sys_admin",
        Near,
        "a folder of one's own as / shows setuid programs a forged /etc/passwd and library path",
    ),
    means(
        "trace and change any process, read its memory and descriptors",
        Root,
        "writes code into a process of root's",
    ),
    means(
        "turn process accounting on and off",
        Wide,
        "writes what every user runs into a file of its own, or ends the record",
    ),
    means(
        "mount, quotas, namespaces, and most of what has no capability of its own",
        Root,
        "mounts a file system or binds a file over /etc/passwd; a mount with setuid programs",
    ),
    means(
        "reboot, and load another kernel",
        Root,
        "kexec_load(2) starts a kernel of its own, where lockdown or signatures do not forbid it",
    ),
    means("raise priority, real-time scheduling, affinity of any process", Wide, "starves all other processes"),
    means(
        "raise resource limits, use reserved disk blocks, override quotas",
        Wide,
        "uses up what is reserved for root; sets the limits of any process, so that it fails",
    ),
    means("set the clocks", Wide, "expired certificates and tickets are valid again; logs have false times"),
    means(
        "vhangup, and configure virtual terminals",
        Near,
        "changes the console's keys (KDSKBSENT): an administrator's keystrokes type another command",
    ),
    means(
        "make device files",
        Root,
        "a device file of the disk or of /dev/mem in a folder of one's own, on a file system that is not nodev",
    ),
    means("hold leases on any file", Narrow, "delays for some seconds whoever opens it"),
    means("write to the audit log", Wide, "forges records of what others did"),
    means("configure the audit system", Wide, "turns off the record of what happens"),
    means(
        "give files capabilities; make uid 0 of a user namespace out of root",
        Root,
        "gives a copy of a shell all capabilities: setcap all=ep",
    ),
    means("ignore Smack's rules", Near, "nothing without Smack; with it all that Smack forbids"),
    means("change the policy of AppArmor and Smack", Near, "takes away the confinement of any program"),
    means(
        "read and clear the kernel's log; see kernel addresses",
        Wide,
        "the addresses are what an exploit of the kernel lacks",
    ),
    means("set timers that wake the system", Narrow, ""),
    means("keep the system from suspending", Narrow, "empties a battery"),
    means("read the audit log by netlink", Wide, "reads what all others do, with their arguments"),
    means(
        "perf events and tracing, of the kernel and of all processes",
        Near,
        "reads registers, stacks and, with cap_bpf, any memory of any process and of the kernel: passwords, keys",
    ),
    means(
        "load BPF programs and maps",
        Near,
        "with cap_perfmon reads all memory, with cap_net_admin changes traffic; the verifier has had holes to root",
    ),
    means(
        "checkpoint and restore: choose pids, open what others have mapped (/proc/PID/map_files)",
        Wide,
        "takes the pid that another process is about to have, and so its place with who trusts pids",
    ),
];

/// Returns what this capability means.
pub fn of(capability: Capability) -> &'static Meaning {
    &MEANINGS[usize::from(capability.number())]
}

/// All capabilities, the one closest to root first. Learning removes capabilities in this order to try whether the
/// command works without them.
const CLOSEST_FIRST: [&str; 41] = [
    "cap_sys_admin",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_ptrace",
    "cap_dac_override",
    "cap_setuid",
    "cap_setgid",
    "cap_setfcap",
    "cap_chown",
    "cap_fowner",
    "cap_mknod",
    "cap_sys_boot",
    "cap_mac_admin",
    "cap_mac_override",
    "cap_dac_read_search",
    "cap_setpcap",
    "cap_sys_chroot",
    "cap_sys_tty_config",
    "cap_bpf",
    "cap_perfmon",
    "cap_checkpoint_restore",
    "cap_net_admin",
    "cap_syslog",
    "cap_kill",
    "cap_net_raw",
    "cap_audit_control",
    "cap_linux_immutable",
    "cap_ipc_owner",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_nice",
    "cap_sys_pacct",
    "cap_audit_read",
    "cap_audit_write",
    "cap_fsetid",
    "cap_ipc_lock",
    "cap_lease",
    "cap_net_bind_service",
    "cap_block_suspend",
    "cap_wake_alarm",
    "cap_net_broadcast",
];

/// Returns the rank of a capability among all. Rank 0 is closest to root.
pub fn rank(capability: Capability) -> usize {
    CLOSEST_FIRST.iter().position(|name| *name == capability.name()).unwrap_or(CLOSEST_FIRST.len())
}

/// Returns the capabilities of a set that each lead to root alone.
pub fn root_alone(set: CapabilitySet) -> CapabilitySet {
    set.iter().filter(|one| of(*one).closeness == Root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_has_a_rank_that_its_closeness_agrees_with() {
        let mut ranked: Vec<Capability> = Capability::all().collect();
        ranked.sort_by_key(|one| rank(*one));
        assert_eq!(rank(ranked[40]), 40, "one has no rank, or two have one");
        assert!(ranked.windows(2).all(|pair| of(pair[0]).closeness >= of(pair[1]).closeness));
        assert_eq!(rank(Capability::SYS_ADMIN), 0);
    }

    #[test]
    fn what_leads_to_root_says_how() {
        for capability in Capability::all() {
            let meaning = of(capability);
            assert!(!meaning.opens.is_empty(), "{capability}");
            assert!(meaning.closeness < Near || !meaning.escalation.is_empty(), "{capability}");
        }
    }

    #[test]
    fn those_that_are_root_by_themselves_are_picked_out_of_a_set() {
        let set = CapabilitySet::parse("net_raw,setuid,sys_admin,bpf").unwrap();
        assert_eq!(root_alone(set), CapabilitySet::parse("setuid,sys_admin").unwrap());
    }
}
