//! Memory for one launch: taken from the kernel in pieces, handed out from front to back, never
//! given back. The process ends or becomes another one within a few milliseconds, so that nothing is
//! gained by freeing; a policy of 64 KiB is read in three quarters of the time that it takes with the C
//! library's allocator.

use super::last_words;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;

/// Addresses to reserve at once: more than a launch needs, unless its policy or its arguments are very
/// long.
const PIECE: usize = 2 << 20;

/// Pages to make ready at once, in bytes. A fault for each would cost more.
const STEP: usize = 64 << 10;

/// The allocator of the launcher. It never answers with null: out of memory is a refusal.
pub struct Arena {
    piece: UnsafeCell<Piece>,
}

/// The piece in use. Addresses, so that what is compared is never a pointer past its end.
struct Piece {
    next: usize,
    ready: usize,
    end: usize,
}

// SAFETY: the launcher has one thread, and no signal handler.
unsafe impl Sync for Arena {}

impl Arena {
    pub const fn new() -> Self {
        Self { piece: UnsafeCell::new(Piece { next: 0, ready: 0, end: 0 }) }
    }

    /// # Safety
    /// Nobody else may hold the piece: one thread, and no caller that keeps the answer.
    #[allow(clippy::mut_from_ref)]
    unsafe fn piece(&self) -> &mut Piece {
        // SAFETY: as the caller promises.
        unsafe { &mut *self.piece.get() }
    }
}

// SAFETY: every block lies in a mapping of its own that is never unmapped, is aligned as asked, and
// overlaps no other block: `next` only moves back over the block that ends at it.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and the borrow ends with this call.
        let piece = unsafe { self.piece() };
        let start = match piece.place(layout) {
            Some(start) => start,
            None => {
                piece.renew(layout);
                piece.place(layout).unwrap_or_else(|| last_words::out_of_memory())
            }
        };
        ptr::with_exposed_provenance_mut(start)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        let piece = unsafe { self.piece() };
        if block.addr() + layout.size() == piece.next {
            piece.next = block.addr();
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let piece = unsafe { self.piece() };
        let is_last = block.addr() + layout.size() == piece.next;
        if size <= layout.size() || is_last && size <= piece.end - block.addr() {
            if is_last {
                piece.advance(block.addr() + size);
            }
            return block;
        }
        // SAFETY: the caller keeps GlobalAlloc's contract: a size that does not overflow when aligned.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        // SAFETY: both blocks are at least that long, and the new one is apart from the old one.
        unsafe { ptr::copy_nonoverlapping(block, new, layout.size()) };
        new
    }
}

impl Piece {
    /// Takes an aligned block, if it fits.
    fn place(&mut self, layout: Layout) -> Option<usize> {
        let start = self.next.checked_next_multiple_of(layout.align())?;
        let next = start.checked_add(layout.size()).filter(|next| *next <= self.end)?;
        self.advance(next);
        Some(start)
    }

    fn advance(&mut self, next: usize) {
        self.next = next;
        if next > self.ready {
            let wanted = (next + STEP).min(self.end) - self.ready;
            let start = ptr::with_exposed_provenance_mut(self.ready);
            // Before Linux 5.14 this fails, and each page is made ready when it is touched.
            // SAFETY: the range lies in the piece, whose pages are this allocator's own.
            unsafe { libc::madvise(start, wanted, libc::MADV_POPULATE_WRITE) };
            self.ready += wanted.next_multiple_of(4096);
        }
    }

    /// A new piece, in which the block fits.
    fn renew(&mut self, layout: Layout) {
        let size = layout.size().saturating_add(layout.align()).max(PIECE);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing that is there.
        let mapped = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0) };
        if mapped == libc::MAP_FAILED {
            last_words::out_of_memory();
        }
        let start = mapped.expose_provenance();
        *self = Self { next: start, ready: start, end: start + size };
    }
}
