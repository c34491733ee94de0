//! What a caller sets for a process before it becomes capwrap, and what the tool then finds. The page on the threat
//! model has the same as a table.

use capwrap_tests::recorder::{Running, SOCKET, on_an_empty_disk};
use capwrap_tests::*;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

fn number(words: &[&str]) -> u32 {
    done(&root(words).run()).trim().parse().unwrap()
}

/// Runs the launcher as the member, in a process that `prepare` has had first.
fn after(prepare: fn(), policy: &Policy) -> Run {
    let (uid, gid) = (number(&["id", "-u", MEMBER]), number(&["sh", "-c", "getent group capwrap | cut -d: -f3"]));
    let mut command = Command::new(CAPWRAP);
    command.arg(&policy.name).env_clear().current_dir("/").stdin(Stdio::null());
    // SAFETY: `prepare` and the others make system calls alone.
    unsafe {
        command.pre_exec(move || {
            if libc::setgroups(1, &raw const gid) != 0 || libc::setgid(gid) != 0 || libc::setuid(uid) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            prepare();
            Ok(())
        });
    }
    Run::of(&command.output().unwrap())
}

fn prctl(option: i32, argument: libc::c_ulong) -> i32 {
    // SAFETY: no option here takes a pointer.
    unsafe { libc::prctl(option, argument, 0 as libc::c_ulong, 0 as libc::c_ulong, 0 as libc::c_ulong) }
}

fn set_timer(which: i32, seconds: i64) {
    let value = libc::timeval { tv_sec: seconds, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: value, it_value: value };
    // SAFETY: the kernel reads one itimerval, and the C library's declaration of the first argument differs in type
    // alone.
    unsafe { libc::syscall(libc::SYS_setitimer, which, &raw const timer, 0) };
}

fn block(signal: i32) {
    // SAFETY: the set is local and made by sigemptyset.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

#[test]
fn a_caller_that_forbids_the_time_stamp_counter_ends_neither_the_launcher_nor_the_tool() {
    // The time of `until` is asked from the clock, and the loader of a dynamic tool reads the counter itself.
    let policy = Policy::witness("cap_net_raw", "until = 2999-01-01T00:00:00Z\n");
    let forbid = || assert_eq!(prctl(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV as libc::c_ulong), 0);
    if prctl(libc::PR_SET_TSC, libc::PR_TSC_ENABLE as libc::c_ulong) != 0 {
        println!("this machine has no such counter");
        return;
    }
    assert_eq!(after(forbid, &policy).witness().get("TimeStampCounter"), "1");
    let dynamic = Policy::tool("/usr/bin/date", "cap_net_raw", "");
    let run = after(forbid, &dynamic);
    assert!(run.ok() && !run.stdout.is_empty(), "{run:?}");
}

#[test]
fn no_timer_of_the_callers_reaches_the_tool() {
    let policy = Policy::witness("cap_net_raw", "");
    let run = after(
        || {
            for timer in [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF] {
                set_timer(timer, 1000);
            }
        },
        &policy,
    );
    assert_eq!(run.witness().get("Timers"), "0 0 0");
    // Without capwrap they do.
    let timed = "use Time::HiRes qw(setitimer ITIMER_REAL); setitimer(ITIMER_REAL, 1000); exec @ARGV";
    let plain = root(&["perl", "-e", timed, WITNESS]).run().witness();
    assert_ne!(plain.get("Timers").split(' ').next(), Some("0"));
}

#[test]
fn the_callers_word_that_pages_may_be_merged_does_not_reach_the_tool() {
    let policy = Policy::witness("cap_net_raw", "");
    let merge: fn() = || {
        prctl(libc::PR_SET_MEMORY_MERGE, 1);
    };
    let said = after(merge, &policy).witness();
    // -1 from a kernel without it.
    assert_ne!(said.get("MemoryMerge"), "1");
    let mut plain = Command::new(WITNESS);
    // SAFETY: one system call.
    unsafe {
        plain.pre_exec(move || {
            merge();
            Ok(())
        });
    }
    let without = Run::of(&plain.output().unwrap()).witness();
    assert!(["1", "-1"].contains(&without.get("MemoryMerge")), "{without:?}");
}

/// It would have been delivered before, had it not been blocked.
#[test]
fn a_signal_that_the_caller_left_pending_ends_the_launch_and_runs_no_tool() {
    let policy = Policy::witness("cap_net_raw", "");
    for signal in [libc::SIGTERM, libc::SIGALRM] {
        let run = match signal {
            libc::SIGTERM => after(
                || {
                    block(libc::SIGTERM);
                    // SAFETY: it takes a number.
                    unsafe { libc::raise(libc::SIGTERM) };
                },
                &policy,
            ),
            _ => after(
                || {
                    block(libc::SIGALRM);
                    // SAFETY: it takes a number.
                    unsafe { libc::raise(libc::SIGALRM) };
                },
                &policy,
            ),
        };
        assert_eq!((run.code, run.stdout.as_str()), (128 + signal, ""), "{run:?}");
    }
}

/// The kernel gives nothing to a process of which another could change the root directory meanwhile.
#[test]
fn a_launcher_that_shares_its_folder_with_another_process_is_refused_and_the_cause_named() {
    let policy = Policy::witness("cap_net_raw", "");
    let share = || {
        // SAFETY: without CLONE_VM the child has memory of its own, and it makes system calls alone. It ends with the
        // launcher.
        unsafe {
            if libc::syscall(libc::SYS_clone, libc::CLONE_FS | libc::SIGCHLD, 0, 0, 0, 0) == 0 {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0);
                loop {
                    libc::pause();
                }
            }
        }
    };
    after(share, &policy).refused(&["cap_net_raw", "the kernel did not give it", "CLONE_FS"]);
}

/// A caller can stop and continue the launcher at every moment, which interrupts calls with a time limit (signal(7)): here
/// that to the recorder.
#[test]
fn a_launcher_that_is_stopped_and_continued_again_and_again_launches_as_decided() {
    on_an_empty_disk("16m", || {
        let policy = Policy::witness("cap_net_raw", "audit = \"required\"");
        let recorder = Running::start(&[], SOCKET);
        for round in 0..20 {
            let mut command = capwrap(&[&policy.name]).command();
            let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
            let pid = child.id() as i32;
            let pause = std::time::Duration::from_micros(37 * (round % 7));
            // The answer comes late, so that the launcher waits for it while it is stopped.
            recorder.signal("STOP");
            for time in 0..60 {
                if time == 40 {
                    recorder.signal("CONT");
                }
                for signal in [libc::SIGSTOP, libc::SIGWINCH, libc::SIGCONT] {
                    // SAFETY: it takes numbers, and the child is not waited for yet.
                    unsafe { libc::kill(pid, signal) };
                    std::thread::sleep(pause);
                }
            }
            let mut said = String::new();
            std::io::Read::read_to_string(child.stdout.as_mut().unwrap(), &mut said).unwrap();
            assert!(child.wait().unwrap().success(), "{said}");
            assert_eq!(Witness::read(&said).sets(), [mask("net_raw"); 4]);
        }
    });
}

#[test]
fn an_exception_for_tracers_that_the_caller_declared_is_taken_back() {
    let policy = Policy::witness("cap_net_raw", "");
    let log = format!("/tmp/capwrap-tracer-{}", std::process::id());
    let run = root(&["strace", "-qq", "-e", "trace=prctl", "-o", &log, "-u", MEMBER, CAPWRAP, &policy.name]).run();
    run.witness();
    let calls = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    assert!(calls.contains("prctl(PR_SET_PTRACER, 0"), "{calls}");
}

/// What the caller may also set later, or can only make stricter, and what the tool's work does not depend on.
#[test]
fn what_a_caller_may_choose_for_any_process_stays_as_it_is() {
    let policy = Policy::witness("cap_net_raw", "");
    let run = after(
        || {
            // After the change of ids its files below /proc would be root's.
            prctl(libc::PR_SET_DUMPABLE, 1);
            // SAFETY: all of them take numbers or local memory.
            unsafe {
                libc::setpriority(libc::PRIO_PROCESS, 0, 7);
                let mut cpus: libc::cpu_set_t = std::mem::zeroed();
                libc::CPU_SET(0, &mut cpus);
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const cpus);
                let (own_process, idle) = (1, 3 << 13);
                libc::syscall(libc::SYS_ioprio_set, own_process, 0, idle);
                let adjustment = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY);
                libc::write(adjustment, c"500".as_ptr().cast(), 3);
                libc::close(adjustment);
            }
            prctl(libc::PR_SET_TIMERSLACK, 123_456);
            prctl(libc::PR_SET_THP_DISABLE, 1);
            prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        },
        &policy,
    );
    let said = run.witness();
    assert_eq!(said.sets(), [mask("net_raw"); 4]);
    for (name, value) in [
        ("Nice", "7"),
        ("Cpus_allowed_list", "0"),
        ("IoPriority", "24576"),
        ("OomScoreAdj", "500"),
        ("TimerSlack", "123456"),
        ("ThpDisable", "1"),
        ("Subreaper", "1"),
    ] {
        assert_eq!(said.get(name), value, "{name}");
    }
}

#[test]
fn a_refusal_to_map_writable_memory_executable_stays_and_hurts_nobody() {
    let deny = || {
        prctl(libc::PR_SET_MDWE, libc::PR_MDWE_REFUSE_EXEC_GAIN as libc::c_ulong);
    };
    let policy = Policy::witness("cap_net_raw", "");
    let said = after(deny, &policy).witness();
    let known = std::thread::spawn(|| prctl(libc::PR_GET_MDWE, 0)).join().unwrap() >= 0;
    assert_eq!(said.get("Mdwe"), if known { "1" } else { "-1" });
    assert_eq!(said.sets(), [mask("net_raw"); 4]);
}

#[test]
fn nothing_that_exec_itself_takes_away_is_there() {
    let policy = Policy::witness("cap_net_raw", "");
    let run = after(
        || {
            prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong);
            prctl(libc::PR_SET_DUMPABLE, 0);
            prctl(libc::PR_SET_KEEPCAPS, 1);
        },
        &policy,
    );
    let said = run.witness();
    assert_eq!((said.get("DeathSignal"), said.get("Dumpable"), said.get("KeepCaps")), ("0", "1", "0"));
}
