//! The launcher's memory.

use super::abort_handlers::or_exit;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};

/// An ordinary launch needs less than this altogether. It is part of the program, so it takes no call, and only those
/// pages of it that are used take memory.
const FIRST: usize = 256 * 1024;

/// What is asked of the kernel at a time when that is used up.
const MORE: usize = 256 * 1024;

/// Hands out one piece behind the other, and takes back only the piece that it handed out last. The launcher lives for less
/// than a millisecond, in which a C library's allocator would spend more on keeping account than it could save: the largest
/// policy takes as many pages with either. This allocator never returns null: if memory runs out, the process exits.
pub struct Allocator {
    first: UnsafeCell<[u8; FIRST]>,
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: the launcher has one thread.
unsafe impl Sync for Allocator {}

impl Allocator {
    pub const fn new() -> Self {
        Self { first: UnsafeCell::new([0; FIRST]), next: Cell::new(0), end: Cell::new(0) }
    }

    /// Returns the next piece, or null if there is no more memory.
    fn take(&self, layout: Layout) -> *mut u8 {
        if self.end.get() == 0 {
            self.go_on_at(self.first.get().expose_provenance(), FIRST);
        }
        if let Some(piece) = self.take_here(layout) {
            return piece;
        }
        // A mapping begins at a page, so the alignment takes less than itself.
        let Some(length) = layout.size().checked_add(layout.align()).map(|length| length.max(MORE)) else {
            return std::ptr::null_mut();
        };
        let (protection, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // A launch that needs more than the first memory uses most of the next, and a fault for each page would take
        // longer. A large piece may stay half empty.
        let flags = if length == MORE { private | libc::MAP_POPULATE } else { private };
        // SAFETY: this makes a new mapping where the kernel has room, and touches no other.
        let mapping = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return std::ptr::null_mut();
        }
        self.go_on_at(mapping.expose_provenance(), length);
        self.take_here(layout).unwrap_or(std::ptr::null_mut())
    }

    fn go_on_at(&self, start: usize, length: usize) {
        self.next.set(start);
        self.end.set(start + length);
    }

    fn take_here(&self, layout: Layout) -> Option<*mut u8> {
        let piece = self.next.get().checked_next_multiple_of(layout.align())?;
        let end = piece.checked_add(layout.size()).filter(|end| *end <= self.end.get())?;
        self.next.set(end);
        Some(std::ptr::with_exposed_provenance_mut(piece))
    }

    fn is_last(&self, piece: *mut u8, layout: Layout) -> bool {
        piece.addr() + layout.size() == self.next.get()
    }
}

// SAFETY: no two pieces overlap, because `next` passes only over memory that nobody has, and goes back only to the beginning
// of the piece that ends there, when its owner gives that up.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        or_exit(self.take(layout))
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size <= layout.size() {
            return piece;
        }
        if self.is_last(piece, layout) && size <= self.end.get() - piece.addr() {
            self.next.set(piece.addr() + size);
            return piece;
        }
        // SAFETY: GlobalAlloc's contract, which the caller keeps, is that `size` is not 0 and fits with this alignment. The
        // new piece is another one, and longer.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            std::ptr::copy_nonoverlapping(piece, new, layout.size());
            new
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        if self.is_last(piece, layout) {
            self.next.set(piece.addr());
        }
    }
}
