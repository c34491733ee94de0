//! Collects the facts. This is the only impure module of the doctor. A fact that cannot be read is recorded as such.

use crate::host::clock;
use crate::host::demands;
use crate::host::installed_file::{self, Installed};
use crate::host::journald::Journald;
use crate::host::landlock;
use crate::host::launcher_kernels;
use crate::host::mounts;
use crate::host::policy_facts::{self, Untried};
use crate::host::process::UserNamespace;
use crate::host::reading::{Reading, number, reading, text};
use crate::host::sysctl;
use crate::observe::probe;
use crate::output::error::reason;
use crate::store::{enabled, file_caps};
use crate::verbs::doctor::facts::{
    Enabled, Facts, Kernel, Launcher, LauncherFile, Log, Mounts, Policy, Records, Rights, Tried,
};
use crate::verbs::doctor::sysctls;
use capwrap_core::CapabilitySet;
use capwrap_core::capability::xattr::{ATTRIBUTE, Attribute};
use capwrap_core::decision::accounts;
use capwrap_core::decision::authorise::{Caller, LocalAccounts, authorise};
use capwrap_core::decision::facts::{Facts as LaunchFacts, KernelVersion};
use capwrap_core::decision::launcher_needs::{Kernels, needed_by_launcher};
use capwrap_core::decision::{Request, decide};
use capwrap_core::paths;
use capwrap_core::policy;
use capwrap_core::record::line::{FOLDER, HISTORY};
use capwrap_core::record::send::{RECORD_GROUP, RECORDER};
use capwrap_core::text::printable;
use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::os::linux::fs::MetadataExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// The BPF helpers that the probe needs to have the kernel name its functions, as the kernel's BTF spells them.
const NAMING_HELPERS: [&str; 3] = ["BPF_FUNC_snprintf", "BPF_FUNC_task_pt_regs", "BPF_FUNC_get_current_task_btf"];

/// Collects all facts.
pub fn look() -> Facts {
    let kernel = kernel();
    let rights = rights();
    let launcher = launcher(&rights);
    Facts {
        back_ends: probe::attempts()
            .into_iter()
            .map(|(back_end, outcome)| Tried { name: back_end.to_string(), outcome })
            .collect(),
        sysctls: sysctls::TABLE.iter().map(|row| (row.name, setting(row.name))).collect(),
        mounts: mounts(),
        kernel,
        rights,
        launcher,
    }
}

fn kernel() -> Kernel {
    let release = nix::sys::utsname::uname()
        .map_or_else(|_| "unknown".to_owned(), |system| system.release().to_string_lossy().into_owned());
    let btf = reading(std::fs::read("/sys/kernel/btf/vmlinux"));
    Kernel {
        version: KernelVersion::parse(&release),
        release,
        architecture: std::env::consts::ARCH,
        last_capability: number(text("/proc/sys/kernel/cap_last_cap")),
        names_functions: btf.is().is_some_and(|btf| NAMING_HELPERS.iter().all(|helper| mentions(btf, helper))),
        btf: btf.map(|btf| btf.len() as u64),
        shows_addresses: shows_addresses(),
        lockdown: text("/sys/kernel/security/lockdown"),
        security_modules: text("/sys/kernel/security/lsm"),
        landlock: landlock::abi(),
    }
}

/// Whether the BTF contains this string.
fn mentions(btf: &[u8], name: &str) -> bool {
    let with_ends: Vec<u8> = [&[0], name.as_bytes(), &[0]].concat();
    btf.windows(with_ends.len()).any(|window| window == with_ends)
}

fn shows_addresses() -> Reading<bool> {
    let file = reading(File::open("/proc/kallsyms"));
    // The first addresses can be 0 even where addresses are shown: they are offsets into each processor's data.
    file.map(|file| {
        BufReader::new(file).lines().map_while(Result::ok).any(|line| !line.starts_with("0000000000000000"))
    })
}

fn rights() -> Rights {
    let own = crate::host::process::rights(Path::new("/proc/self")).unwrap_or_default();
    let uid = nix::unistd::geteuid();
    Rights {
        uid: uid.as_raw(),
        user: nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name),
        effective: own.effective,
        permitted: own.permitted,
        bounding: own.bounding,
        no_new_privs: own.no_new_privs == Some(true),
        seccomp: own.seccomp,
        securebits: reading(rustix::thread::capabilities_secure_bits().map_err(io::Error::from))
            .map(|bits| bits.bits()),
        initial_namespace: reading(UserNamespace::of(Path::new("/proc/self"))).map(UserNamespace::is_initial),
        container: container(),
    }
}

/// The sign of a container that its manager left, if there is one. No sign is certain.
fn container() -> Option<String> {
    if let Reading::Is(manager) = text("/run/systemd/container") {
        return Some(format!("/run/systemd/container says {manager}"));
    }
    if let Some(sign) = ["/run/.containerenv", "/.dockerenv"].into_iter().find(|sign| Path::new(sign).exists()) {
        return Some(format!("{sign} is there"));
    }
    let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let sign = ["docker", "kubepods", "libpod", "containerd", "lxc"].into_iter().find(|sign| cgroup.contains(sign))?;
    Some(format!("the cgroup's path speaks of {sign}"))
}

fn setting(name: &str) -> Reading {
    // Some settings hold several numbers with tabs between.
    sysctl::read(name).map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn mounts() -> Mounts {
    let all = match mounts::here() {
        Ok(all) => Reading::Is(all),
        Err(error) => Reading::Unreadable(error.to_string()),
    };
    let tracefs = all.is().and_then(|all| mounts::of_kind(all, "tracefs"));
    let prefix = Path::new(paths::PREFIX);
    Mounts {
        tracefs: tracefs.map_or(Reading::Absent, |mount| reading(std::fs::read_dir(&mount.place)).map(drop)),
        prefix: prefix.to_path_buf(),
        prefix_nosuid: reading(statvfs(prefix).map_err(io::Error::from))
            .map(|file_system| file_system.flags().contains(FsFlags::ST_NOSUID)),
        prefix_attributes: match xattr::get(prefix, ATTRIBUTE) {
            Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => Reading::Is(false),
            other => reading(other).map(|_| true),
        },
        all,
    }
}

fn launcher(rights: &Rights) -> Launcher {
    let path = file_caps::installed();
    let fit = launcher_kernels::look();
    let policies = match enabled::names() {
        Ok(names) if names.is_empty() && !Path::new(paths::POLICIES).exists() => Reading::Absent,
        Ok(names) => Reading::Is(names.into_iter().map(|name| policy(name, rights, fit.kernels)).collect()),
        Err(error) => Reading::Unreadable(error.root_cause().to_string()),
    };
    Launcher {
        file: reading(std::fs::metadata(&path)).map(|about| launcher_as_it_is(&path, &about)),
        path,
        policies,
        any_kernel: fit.any_because,
        accounts: reading(std::fs::read("/etc/passwd")).map(drop),
        log: log(),
        journald: Journald::here(),
        record_group: accounts::group_id(&local("/etc/group"), RECORD_GROUP),
        recorder: listens(RECORDER),
        history: listens(HISTORY),
        record_members: record_members(),
        records: records(),
    }
}

fn launcher_as_it_is(path: &Path, about: &std::fs::Metadata) -> LauncherFile {
    let bytes = xattr::get(path, ATTRIBUTE).map_err(|error| reason(&error));
    let attribute = bytes.and_then(|bytes| {
        bytes.map(|bytes| Attribute::decode(&bytes)).transpose().map_err(|malformed| malformed.to_string())
    });
    let found = attribute.as_ref().ok().and_then(Option::as_ref);
    LauncherFile {
        in_command: Installed::look(path).ok().and_then(|found| found.in_command()),
        uid: about.st_uid(),
        gid: about.st_gid(),
        mode: about.st_mode(),
        marked_otherwise: found
            .is_some_and(|found| found.capabilities.effective || !found.capabilities.inheritable.is_empty()),
        root_id: found.and_then(|found| found.root_id),
        permitted: attribute
            .map(|attribute| attribute.map_or(CapabilitySet::EMPTY, |found| found.capabilities.permitted)),
    }
}

fn policy(name: String, rights: &Rights, kernels: Kernels) -> Enabled {
    let read = enabled::read(&enabled::path(&name)).map_err(|error| format!("{error:#}"));
    Enabled { read: read.map(|policy| weigh(&name, &policy, rights, kernels)), name }
}

fn weigh(name: &str, policy: &policy::Policy, rights: &Rights, kernels: Kernels) -> Policy {
    let local = LocalAccounts {
        passwd: std::fs::read_to_string("/etc/passwd").unwrap_or_default(),
        group: std::fs::read_to_string("/etc/group").unwrap_or_default(),
    };
    let caller = Caller {
        uid: rights.uid,
        gid: nix::unistd::getegid().as_raw(),
        groups: nix::unistd::getgroups().unwrap_or_default().into_iter().map(nix::unistd::Gid::as_raw).collect(),
    };
    let now = clock::now();
    // The demand for a reason concerns each launch, so the check passes some reason.
    let allowed = authorise(&policy.allow, &caller, &local, now, Some("doctor"));
    let user = rights.user.clone().unwrap_or_else(|| format!("#{}", rights.uid));
    let facts = policy_facts::of(policy, None, Untried::SaysYes);
    let takes = |uid0| {
        let Ok(machine) = &facts else { return CapabilitySet::EMPTY };
        let facts = LaunchFacts {
            uid0,
            // These are the bits of noroot and of its lock.
            root_is_confined: rights.securebits.is().is_some_and(|bits| bits & 3 == 3),
            bounding: rights.bounding,
            ..machine.clone()
        };
        let decision = decide(policy, &facts, &[], &Request::default()).ok();
        decision.map_or(CapabilitySet::EMPTY, |decision| decision.passed.union(decision.borrowed_set()))
    };
    Policy {
        needs: needed_by_launcher(policy, kernels),
        unreadable: facts.as_ref().err().map(|error| format!("{error:#}")),
        takes: takes(rights.uid == 0),
        takes_of_users: takes(false),
        tool: installed_file::first(&policy.tool.paths).cloned(),
        paths: policy.tool.paths.clone(),
        beyond_kernel: landlock::abi().is().and_then(|abi| {
            let gap = landlock::enforced(policy, facts.as_ref().ok()?, *abi)?.refused_for?;
            Some((gap.to_string(), gap.hint()))
        }),
        audit_required: policy.allow.audit_required,
        allowed: allowed.map(drop).map_err(|denial| (denial.to_string(), denial.hint(name, &user))),
        demands: demands::of_policy(policy)
            .iter()
            .filter(|one| !one.is_met())
            .map(|one| one.line(format!("demand of {name}")))
            .collect(),
    }
}

/// A file of accounts, or nothing where it cannot be read.
fn local(path: &str) -> String {
    std::fs::read(path).map_or_else(|_| String::new(), |text| String::from_utf8_lossy(&text).into_owned())
}

/// The users in the group by which the recorder knows the launcher. Nobody is to be in it.
fn record_members() -> Vec<String> {
    let (passwd, group) = (local("/etc/passwd"), local("/etc/group"));
    let members = accounts::group_id(&group, RECORD_GROUP).map(|gid| accounts::members(&passwd, &group, gid));
    members.unwrap_or_default().iter().map(|account| printable::text(account.name)).collect()
}

fn records() -> Reading<Records> {
    reading(std::fs::symlink_metadata(FOLDER)).map(|about| Records {
        uid: about.st_uid(),
        gid: about.st_gid(),
        mode: about.st_mode(),
        recorder: accounts::user_id(&local("/etc/passwd"), "capwrap-recorder"),
        readers: accounts::group_id(&local("/etc/group"), "adm"),
    })
}

/// Whether a socket of the recorder's is there. None is of the kind that is tried, so the kernel refuses the connection
/// and says whether a process has the socket (unix_find_other of net/unix/af_unix.c): the recorder notices nothing. A
/// caller who may not connect learns only that the file is there.
fn listens(path: &str) -> Reading<()> {
    match std::fs::symlink_metadata(path) {
        Ok(about) if about.file_type().is_socket() => {}
        Ok(_) => return Reading::Unreadable(format!("{path} is no socket")),
        Err(error) => return reading(Err(error)),
    }
    let tried = UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    match tried.err().map(|error| error.kind()) {
        Some(ErrorKind::ConnectionRefused) => Reading::Absent,
        _ => Reading::Is(()),
    }
}

/// The log that takes the launcher's records, if one listens.
fn log() -> Reading<Log> {
    let Ok(socket) = UnixDatagram::unbound() else { return Reading::Absent };
    let mut refused = Reading::Absent;
    for (path, log) in [("/run/systemd/journal/socket", Log::Journal), ("/dev/log", Log::Syslog)] {
        match socket.connect(path) {
            Ok(()) => return Reading::Is(log),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {}
            Err(error) => refused = Reading::Unreadable(format!("{path}: {}", reason(&error))),
        }
    }
    refused
}
