//! The tool of the tests. It prints the capabilities and the environment that it got, as lines of `name value`.
//!
//!   witness                      say it
//!   witness wait                 say it, then wait until standard input ends
//!   witness exec PROGRAM ARGS…   become another program, or say `exec ERRNO`
//!   witness spawn PROGRAM ARGS…  start one and wait for it, or say `spawn ERRNO`
//!   witness version POLICY       end with 0 if all that was given is of one version of that policy
//!   witness exec-rule FILE N     execute FILE, a copy of the witness, in every combination of N capabilities
//!   witness setcap TEXT FILE     give the file these capabilities
//!   witness print-sets           print the sets that the rule of exec is about
//!   witness repeat-exec          call execveat as the launcher does, without knowing its number

use capwrap_tests::{exec_rule, versions};
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

fn main() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|first| first.to_str()) {
        Some("exec") => {
            let error = Command::new(&arguments[1]).args(&arguments[2..]).exec();
            println!("exec {}", error.raw_os_error().unwrap_or(0));
        }
        Some("spawn") => match Command::new(&arguments[1]).args(&arguments[2..]).status() {
            Ok(status) => println!("spawn ended {status}"),
            Err(error) => println!("spawn {}", error.raw_os_error().unwrap_or(0)),
        },
        Some("version") => std::process::exit(version(&arguments[1].to_string_lossy()).into()),
        Some("repeat-exec") => repeat_exec(),
        Some("setcap") => exec_rule::set_capabilities(&arguments[1].to_string_lossy(), Path::new(&arguments[2])),
        Some("exec-rule") => compare_with_rule(&arguments[1], &arguments[2]),
        Some(exec_rule::PRINT) => exec_rule::print_sets(),
        Some("wait") => {
            say();
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        }
        _ => say(),
    }
}

fn compare_with_rule(file: &OsStr, members: &OsStr) {
    match exec_rule::compare(Path::new(file), if members == "1" { 1 } else { 2 }) {
        Ok((count, different)) => {
            for line in &different {
                println!("{line}");
            }
            println!("{} of {count} as the rule says", count - different.len());
        }
        Err(error) => println!("not compared: {error}"),
    }
}

fn say() {
    for line in fs::read_to_string("/proc/self/status").unwrap_or_default().lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let shown =
            ["Name", "Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "NoNewPrivs", "Seccomp", "Cpus_allowed_list"];
        if shown.contains(&name) || name.starts_with("Cap") {
            println!("{name} {}", value.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    // SAFETY: both calls only read numbers of the process.
    let (securebits, at_secure) = unsafe { (libc::prctl(libc::PR_GET_SECUREBITS), libc::getauxval(libc::AT_SECURE)) };
    println!("Securebits {securebits:#x}");
    println!("AtSecure {at_secure}");
    say_inherited();
    for (number, argument) in std::env::args_os().enumerate() {
        println!("argv{number} {}", argument.as_bytes().escape_ascii());
    }
    let mut environment: Vec<_> = std::env::vars_os().collect();
    environment.sort();
    for (name, value) in environment {
        println!("env {}={}", name.as_bytes().escape_ascii(), value.as_bytes().escape_ascii());
    }
    let mut descriptors: Vec<(i32, String)> = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let target = fs::read_link(entry.path()).ok()?.display().to_string();
            // The descriptor that lists this directory is the witness's own.
            (!target.ends_with("/fd")).then_some((entry.file_name().to_str()?.parse().ok()?, target))
        })
        .collect();
    descriptors.sort();
    for (number, target) in descriptors {
        println!("fd {number} {target}");
    }
    for (number, name) in capwrap_core::policy::limits::RESOURCES.iter().enumerate() {
        let (soft, hard) = limit(number);
        println!("limit {name} {soft} {hard}");
    }
    println!("exe {}", fs::read_link("/proc/self/exe").unwrap_or_default().display());
    println!("cwd {}", std::env::current_dir().unwrap_or_default().display());
}

/// What a process has from whoever executed it, besides ids and capabilities.
fn say_inherited() {
    let zero: libc::c_ulong = 0;
    // SAFETY: these options take no pointer.
    let number = |option| unsafe { libc::prctl(option, zero, zero, zero, zero) };
    for (name, option) in [
        ("TimerSlack", libc::PR_GET_TIMERSLACK),
        ("ThpDisable", libc::PR_GET_THP_DISABLE),
        ("Dumpable", libc::PR_GET_DUMPABLE),
        ("KeepCaps", libc::PR_GET_KEEPCAPS),
        ("Mdwe", libc::PR_GET_MDWE),
        ("MemoryMerge", libc::PR_GET_MEMORY_MERGE),
    ] {
        println!("{name} {}", number(option));
    }
    for (name, option) in [
        ("TimeStampCounter", libc::PR_GET_TSC),
        ("Subreaper", libc::PR_GET_CHILD_SUBREAPER),
        ("DeathSignal", libc::PR_GET_PDEATHSIG),
    ] {
        let mut value: libc::c_int = -1;
        // SAFETY: these options write one int to the address.
        unsafe { libc::prctl(option, &raw mut value, zero, zero, zero) };
        println!("{name} {value}");
    }
    let timers = [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF].map(|timer| {
        let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
        let mut left = libc::itimerval { it_interval: never, it_value: never };
        // SAFETY: the kernel writes one itimerval.
        unsafe { libc::syscall(libc::SYS_getitimer, timer, &raw mut left) };
        left.it_value.tv_sec.to_string()
    });
    println!("Timers {}", timers.join(" "));
    let own_process = 1;
    // SAFETY: both calls only read numbers of the process.
    let (nice, io) =
        unsafe { (libc::getpriority(libc::PRIO_PROCESS, 0), libc::syscall(libc::SYS_ioprio_get, own_process, 0)) };
    println!("Nice {nice}");
    println!("IoPriority {io}");
    println!("OomScoreAdj {}", fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default().trim());
}

/// Whether everything that the process has belongs to the same version of this policy.
fn version(policy: &str) -> u8 {
    let version = std::env::var(versions::VARIABLE).ok().and_then(|version| version.parse().ok()).unwrap_or(0);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = |name| status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix(name)?.trim(), 16).ok());
    let sets = ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"].map(|name| set(name).unwrap_or(u64::MAX));
    let (files, _) = limit(libc::RLIMIT_NOFILE as usize);
    if versions::is_one(policy, version, sets, files) {
        return 0;
    }
    eprintln!("{policy} in version {version}: sets {sets:x?}, {files} files");
    versions::MIXED
}

/// The soft and the hard limit of a resource.
fn limit(number: usize) -> (u64, u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit writes one rlimit to `limit`. The number's type is not the same in each C library.
    unsafe { libc::getrlimit(number as _, &raw mut limit) };
    (limit.rlim_cur, limit.rlim_max)
}

/// Calls execveat in the form of the launcher's own call, with one wrong number after the other.
fn repeat_exec() {
    let argv = [c"true".as_ptr(), std::ptr::null()];
    let mut last = 0;
    for tag in (0..64).map(|bit| 1u64 << bit).chain([0, u64::MAX]) {
        // SAFETY: the strings and the array outlive the call, which the filter refuses; if the filter let it through,
        // the process would be another program.
        unsafe {
            libc::syscall(
                libc::SYS_execveat,
                libc::AT_FDCWD,
                c"/bin/true".as_ptr(),
                argv.as_ptr(),
                argv[1..].as_ptr(),
                0,
                tag,
            );
        }
        last = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    }
    println!("exec {last}");
}
