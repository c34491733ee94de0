//! What the start of a position-independent program relocates, such as tables of functions, need not be written again.
//! musl leaves it writable in a static program (it seals shared objects alone, `ldso/dynlink.c`), so the launcher seals it.

use super::abort_handlers::say_and_exit;
use libc::{c_int, c_void, dl_phdr_info, size_t};

/// Makes the segment PT_GNU_RELRO read-only, or ends the process as a refusal does.
pub fn make_read_only() {
    // SAFETY: `seal` has the signature that dl_iterate_phdr(3) calls, and uses no data.
    if unsafe { libc::dl_iterate_phdr(Some(seal), std::ptr::null_mut()) } != SEALED {
        say_and_exit(b"capwrap: cannot start: its relocated data could not be made read-only\n");
    }
}

const SEALED: c_int = 1;
const FAILED: c_int = -1;

/// Seals the segment of this object. 0 is returned where an object has none: the next one is asked for then, and a static
/// program is the only one.
// SAFETY: dl_iterate_phdr(3) alone calls it, with the address of a description that is valid during the call.
unsafe extern "C" fn seal(object: *mut dl_phdr_info, _size: size_t, _data: *mut c_void) -> c_int {
    // SAFETY: the description is valid, as the caller promises.
    let (base, first, count) = unsafe { ((*object).dlpi_addr, (*object).dlpi_phdr, (*object).dlpi_phnum) };
    // SAFETY: so many program headers of this program are at that address.
    let headers = unsafe { std::slice::from_raw_parts(first, count.into()) };
    let Some(segment) = headers.iter().find(|header| header.p_type == libc::PT_GNU_RELRO) else { return 0 };
    // SAFETY: this only reads what the kernel passed to the process.
    let page = unsafe { libc::getauxval(libc::AT_PAGESZ) } as usize;
    if !page.is_power_of_two() {
        return FAILED;
    }
    // The linker may have aligned the end for smaller pages than this machine's. What begins a page that is not wholly
    // in the segment stays writable.
    let (start, end) =
        (base as usize + segment.p_vaddr as usize, base as usize + (segment.p_vaddr + segment.p_memsz) as usize);
    let (start, end) = (start & !(page - 1), end & !(page - 1));
    // SAFETY: by the linker's word nothing in this segment is written after the relocation, which is done before main.
    match unsafe { libc::mprotect(std::ptr::with_exposed_provenance_mut(start), end - start, libc::PROT_READ) } {
        0 => SEALED,
        _ => FAILED,
    }
}
