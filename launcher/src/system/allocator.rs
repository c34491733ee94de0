//! The launcher's memory.

use super::abort_handlers::or_exit;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};

/// An ordinary launch needs less than this altogether. It is part of the program, so it takes no call, and only those
/// pages of it that are used take memory.
const FIRST: usize = 256 * 1024;

/// What a mapping has at least. The largest policy needs 2.5 MiB beyond [`FIRST`].
const MAPPED: usize = 2 * HUGE;

/// The size of a huge page where an ordinary page has 4 KiB. Two of them take two page faults where 640 would be needed.
const HUGE: usize = 2 * 1024 * 1024;

/// Hands out one piece behind the other, and takes back only a piece that nothing follows. The launcher lives for less
/// than a millisecond, in which a C library's allocator would spend more on keeping account than it could save: the largest
/// policy takes as many pages with either. This allocator never returns null: if memory runs out, the process exits.
pub struct Allocator {
    memory: UnsafeCell<[u8; FIRST]>,
    first: Area,
    /// The last mapping, for what `first` has no room for.
    mapped: Area,
}

/// A part of the memory. Both addresses are 0 until the area has memory.
struct Area {
    /// The address of the next piece.
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: the launcher has one thread.
unsafe impl Sync for Allocator {}

impl Allocator {
    pub const fn new() -> Self {
        Self { memory: UnsafeCell::new([0; FIRST]), first: Area::new(), mapped: Area::new() }
    }

    /// Returns the next piece, or null if there is no more memory.
    fn take(&self, layout: Layout) -> *mut u8 {
        if self.first.end.get() == 0 {
            self.first.begin_at(self.memory.get().expose_provenance(), FIRST);
        }
        let piece = self.first.take(layout).or_else(|| self.mapped.take(layout));
        piece.or_else(|| self.map(layout).and_then(|()| self.mapped.take(layout))).unwrap_or(std::ptr::null_mut())
    }

    /// Asks the kernel for a mapping with room for the piece, of huge pages where the machine permits that.
    fn map(&self, layout: Layout) -> Option<()> {
        // The area begins less than `align` behind the beginning of the mapping, so it has room for the piece.
        let align = layout.align().max(HUGE);
        let length = layout.size().max(MAPPED).checked_add(align)?;
        let (protection, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: this makes a new mapping where the kernel has room, and touches no other.
        let mapping = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, private, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return None;
        }
        let end = mapping.expose_provenance() + length;
        let start = mapping.expose_provenance().next_multiple_of(align);
        // Without huge pages the launch takes longer, and nothing else changes. So the answer does not matter.
        // SAFETY: the range is part of the new mapping, and the advice does not change what is in it.
        unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(start), end - start, libc::MADV_HUGEPAGE) };
        self.mapped.begin_at(start, end - start);
        Some(())
    }

    /// Returns the area whose last piece this is, if there is one.
    fn ends_with(&self, piece: *mut u8, layout: Layout) -> Option<&Area> {
        [&self.first, &self.mapped].into_iter().find(|area| piece.addr() + layout.size() == area.next.get())
    }
}

impl Area {
    const fn new() -> Self {
        Self { next: Cell::new(0), end: Cell::new(0) }
    }

    fn begin_at(&self, start: usize, length: usize) {
        self.next.set(start);
        self.end.set(start + length);
    }

    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let piece = self.next.get().checked_next_multiple_of(layout.align())?;
        let end = piece.checked_add(layout.size()).filter(|end| *end <= self.end.get())?;
        self.next.set(end);
        Some(std::ptr::with_exposed_provenance_mut(piece))
    }
}

// SAFETY: no two pieces overlap, because an area's `next` passes only over memory that nobody has, and goes back only within
// the piece that ends there, when its owner gives up all or the end of it. The areas do not overlap either.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        or_exit(self.take(layout))
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let area = self.ends_with(piece, layout);
        if let Some(area) = area.filter(|area| size <= area.end.get() - piece.addr()) {
            area.next.set(piece.addr() + size);
            return piece;
        }
        if size <= layout.size() {
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
        if let Some(area) = self.ends_with(piece, layout) {
            area.next.set(piece.addr());
        }
    }
}
