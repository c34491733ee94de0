//! Step 1 hardens the process itself, before it reads anything that the caller chose.

use crate::refusal::{OrRefuse, Refusal};
use crate::system::{abort_handlers, arguments, capabilities, descriptors, personality, prctl};

/// Refuses an empty argument vector, allows the time stamp counter, opens missing standard descriptors, clears the
/// effective set, and sets the default personality.
pub fn secure() -> Result<(), Refusal> {
    abort_handlers::end_panics_in_refusals();
    // Before anything asks a clock.
    prctl::allow_time_stamp_counter().or_refuse(|| "allow the time stamp counter")?;
    descriptors::open_missing_standard().or_refuse(|| "open a standard descriptor that was closed")?;
    capabilities::clear_effective()?;
    personality::make_plain().or_refuse(|| "make the personality plain")?;
    // CVE-2021-4034: without arguments, pkexec took its environment for its arguments. Newer
    // kernels put an empty string there instead (commit dcd46d897adb). capwrap never chooses a
    // policy by this name.
    match arguments::all().first() {
        Some(own_name) if !own_name.is_empty() => Ok(()),
        _ => Err(Refusal::new("started without a name of its own (an empty argv)")),
    }
}
