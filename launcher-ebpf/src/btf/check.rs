//! One check: is it one of those asked for, what was asked, and where it goes.

use crate::counting::{count, lose};
use crate::kernel::{Address, current, load, load_current, offset, peek, setting};
use crate::maps::{EVENTS, LISTED, TRACKED};
use crate::{executable, ids, process, relation, site};
use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::BPF_RB_NO_WAKEUP;
use aya_ebpf::helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_ktime_get_ns, generated};
use capwrap_ebpf::{CREDENTIALS_OTHER, CREDENTIALS_OVERRIDDEN, CREDENTIALS_OWN, Check, Event, Executable, lost, scope};

/// What the kernel was asked, and answered.
pub struct Asked {
    pub credentials: Address,
    pub target: Address,
    pub capability: u32,
    pub options: u8,
    pub denied: bool,
}

/// Takes the check if it is one of those asked for.
#[inline(always)]
pub fn take(context: &impl EbpfContext, asked: &Asked) {
    let ids = bpf_get_current_pid_tgid();
    let process = (ids >> 32) as u32;
    if setting!(events) == 0 {
        let Some(tracked) = TRACKED.get_ptr_mut(process) else { return };
        // SAFETY: checked not to be null. Whoever writes it is an exec of this very process.
        let tracked = unsafe { &*tracked };
        let check = describe(context, asked, process, tracked.executable);
        // Those of others say nothing of the process: access(2) and overlayfs override its own.
        if check.credentials == CREDENTIALS_OWN {
            // As plain loads: one read by bpf_probe_read_kernel takes longer than the eight of them.
            ids::compare(&ids::each(|at| load(asked.credentials, at)), &tracked.ids);
        }
        count(&check);
    } else if is_asked_for(process) && (setting!(denied_only) == 0 || asked.denied) {
        let check = describe(context, asked, process, executable::current());
        emit(check, ids as u32, asked);
    }
}

#[inline(always)]
fn is_asked_for(process: u32) -> bool {
    // SAFETY: asks for a pointer alone.
    let tracked = || TRACKED.get_ptr(process).is_some();
    match setting!(scope) {
        scope::ALL => process::own_id() != setting!(observer),
        scope::TRACKED => tracked(),
        scope::LISTED => tracked() || LISTED.get_ptr(process::own_id()).is_some(),
        scope::CGROUP => {
            // SAFETY: the helper has no precondition.
            let at_level = unsafe { generated::bpf_get_current_ancestor_cgroup_id(setting!(cgroup_level) as i32) };
            at_level == setting!(cgroup) && process::own_id() != setting!(observer)
        }
        _ => false,
    }
}

#[inline(always)]
fn describe(context: &impl EbpfContext, asked: &Asked, process: u32, executable: Executable) -> Check {
    let task = current();
    let system_call = system_call(task);
    Check {
        site: site::of(context, system_call, asked.capability),
        executable,
        process,
        target_namespace: load(asked.target, offset!(user_namespace_inum)),
        system_call,
        capability: asked.capability as u8,
        denied: u8::from(asked.denied),
        options: asked.options,
        relation: relation::of(asked.credentials, asked.target),
        credentials: credentials(task, asked.credentials),
        zero: [0; 7],
    }
}

#[inline(always)]
fn credentials(task: Address, asked: Address) -> u8 {
    let subjective: Address = load_current::<usize>(task, offset!(task_cred)) as Address;
    let objective: Address = load_current::<usize>(task, offset!(task_real_cred)) as Address;
    if asked == objective {
        CREDENTIALS_OWN
    } else if asked == subjective {
        CREDENTIALS_OVERRIDDEN
    } else {
        CREDENTIALS_OTHER
    }
}

// include/linux/sched.h: none of these is in a system call of its own.
const PF_IO_WORKER: u32 = 0x10;
const PF_USER_WORKER: u32 = 0x4000;
const PF_KTHREAD: u32 = 0x20_0000;

/// The number of the system call that the task is in, -1 for none.
#[inline(always)]
fn system_call(task: Address) -> i32 {
    if setting!(recent) == 0
        || load::<u32>(task, offset!(task_flags)) & (PF_IO_WORKER | PF_USER_WORKER | PF_KTHREAD) != 0
    {
        return -1;
    }
    // SAFETY: the task is the running one, as bpf_get_current_task_btf gave it.
    let registers = unsafe { generated::bpf_task_pt_regs(task.cast_mut().cast()) } as Address;
    load::<u64>(registers, offset!(pt_regs_system_call)) as i32
}

#[inline(always)]
fn emit(check: Check, thread: u32, asked: &Asked) {
    let Some(mut event) = EVENTS.reserve::<Event>(0) else { return lose(lost::EVENTS) };
    event.write(Event {
        // SAFETY: the helper has no precondition.
        time: unsafe { bpf_ktime_get_ns() },
        check,
        thread,
        user: peek(asked.credentials, offset!(cred_uid)).unwrap_or(u32::MAX),
        name: bpf_get_current_comm().unwrap_or([0; 16]),
    });
    // Whoever reads looks every few milliseconds by itself.
    event.submit(BPF_RB_NO_WAKEUP.into());
}
