//! Handles one check: decides whether it is one that user space asked for, describes it, and passes
//! it on.

use crate::counting::{count, lose};
use crate::kernel::{Address, current, load, load_current, offset, peek, setting};
use crate::maps::{EVENTS, LISTED, TRACKED};
use crate::{argument, executable, ids, outcome, process, relation, site, user_stack};
use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::BPF_RB_NO_WAKEUP;
use aya_ebpf::helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_ktime_get_ns, generated};
use capwrap_ebpf::{CREDENTIALS_OTHER, CREDENTIALS_OVERRIDDEN, CREDENTIALS_OWN, Check, Event, Executable, lost, scope};

/// The question that the kernel was asked, and its answer.
pub struct Asked {
    pub credentials: Address,
    pub target: Address,
    pub capability: u32,
    pub options: u8,
    pub denied: bool,
}

/// Takes the check if it is one that user space asked for.
#[inline(always)]
pub fn take(context: &impl EbpfContext, asked: &Asked) {
    let ids = bpf_get_current_pid_tgid();
    let process = (ids >> 32) as u32;
    if setting!(events) == 0 {
        let Some(tracked) = TRACKED.get_ptr_mut(process) else { return };
        // SAFETY: the pointer is not null, and only an exec of this very process writes to the
        // value.
        let tracked = unsafe { &*tracked };
        let check = describe(context, asked, process, tracked.executable);
        // Other credentials show nothing about the process: access(2) and overlayfs override its
        // own.
        if check.credentials == CREDENTIALS_OWN {
            // Eight plain loads take less time than one read with bpf_probe_read_kernel.
            ids::compare(&ids::each(|at| load(asked.credentials, at)), &tracked.ids);
        }
        count(&check);
    } else if is_asked_for(process) && (setting!(denied_only) == 0 || asked.denied) {
        let check = describe(context, asked, process, executable::current());
        // Without the system call's number, a thread of the kernel may wait in vain.
        if setting!(outcomes) != 0 && (setting!(recent) == 0 || check.system_call >= 0) {
            outcome::expect(ids);
        }
        emit(context, check, ids as u32, asked);
    }
}

#[inline(always)]
fn is_asked_for(process: u32) -> bool {
    // SAFETY: this only gets a pointer.
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
    let (system_call, argument) = system_call(task);
    Check {
        site: site::of(context, system_call, asked.capability),
        executable,
        process,
        target_namespace: load(asked.target, offset!(user_namespace_inum)),
        system_call,
        argument,
        capability: asked.capability as u8,
        denied: u8::from(asked.denied),
        options: asked.options,
        relation: relation::of(asked.credentials, asked.target),
        credentials: credentials(task, asked.credentials),
        zero: [0; 3],
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

// These are the flags of include/linux/sched.h. A task with one of them is in no system call of its
// own.
const PF_IO_WORKER: u32 = 0x10;
const PF_USER_WORKER: u32 = 0x4000;
const PF_KTHREAD: u32 = 0x20_0000;

/// Returns the number of the system call that the task is in, with its argument, or -1 if it is in none, or in one of a
/// 32-bit program.
#[inline(always)]
fn system_call(task: Address) -> (i32, u32) {
    if setting!(recent) == 0
        || load::<u32>(task, offset!(task_flags)) & (PF_IO_WORKER | PF_USER_WORKER | PF_KTHREAD) != 0
    {
        return (-1, 0);
    }
    // SAFETY: the task is the running one, which bpf_get_current_task_btf returned.
    let registers = unsafe { generated::bpf_task_pt_regs(task.cast_mut().cast()) } as Address;
    if u32::from(load::<u16>(registers, setting!(mode_register))) & setting!(mode_mask) != setting!(mode_native) {
        return (-1, 0);
    }
    // The register has eight bytes on some architectures, and four on others.
    let number = load::<u32>(registers, setting!(call_register)) as i32;
    (number, argument::of(number, registers))
}

#[inline(always)]
fn emit(context: &impl EbpfContext, check: Check, thread: u32, asked: &Asked) {
    // SAFETY: the helper has no precondition.
    let time = unsafe { bpf_ktime_get_ns() };
    if setting!(user_stack) != 0
        && let Some(stack) = user_stack::of(context, time, thread)
    {
        output(stack);
    }
    output(&Event {
        time,
        check,
        thread,
        user: peek(asked.credentials, offset!(cred_uid)).unwrap_or(u32::MAX),
        name: bpf_get_current_comm().unwrap_or([0; 16]),
    });
}

/// Passes a record on to user space.
#[inline(always)]
pub fn output<T: 'static>(record: &T) {
    // The reader polls every few milliseconds, so it needs no wakeup.
    if EVENTS.output::<T>(record, BPF_RB_NO_WAKEUP.into()).is_err() {
        lose(lost::EVENTS);
    }
}
