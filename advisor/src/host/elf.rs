//! What the file of a program says to the dynamic loader: the loader itself, the libraries, and where they are
//! (elf(5)).
//!
//! The file may be anybody's and hold anything. What is read of it is bounded, and nothing in it makes the reader
//! panic.

use object::elf::{DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, FileHeader32, FileHeader64, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{FileKind, ReadCache, ReadRef};
use object::{Endianness, StringTable};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loading {
    /// The dynamic loader (PT_INTERP). A program without one is static.
    pub loader: Option<OsString>,
    /// The libraries that it needs (DT_NEEDED).
    pub needed: Vec<OsString>,
    /// The entries of its search paths, as they are written.
    pub paths: Vec<(Tag, OsString)>,
}

/// The kind of a search path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// DT_RPATH, which the loader ignores where there is a DT_RUNPATH.
    Rpath,
    /// DT_RUNPATH.
    Runpath,
}

/// The largest part of a file that is read at once, in bytes: far more than any loader's path or dynamic section has.
const MOST: u64 = 1 << 20;

/// As many entries of a dynamic section are read.
const MOST_ENTRIES: usize = 4096;

/// Reads it; `None` for a file that is no ELF file, or a broken one, which no kernel or loader takes.
pub fn read(file: File) -> Option<Loading> {
    of(&ReadCache::new(file))
}

fn of<'data, R: ReadRef<'data>>(data: R) -> Option<Loading> {
    match FileKind::parse(data).ok()? {
        FileKind::Elf64 => of_class::<FileHeader64<Endianness>, R>(data),
        FileKind::Elf32 => of_class::<FileHeader32<Endianness>, R>(data),
        _ => None,
    }
}

fn of_class<'data, E: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(data: R) -> Option<Loading> {
    let header = E::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    let mut loading = Loading::default();
    for segment in segments.iter().filter(|segment| segment.p_filesz(endian).into() <= MOST) {
        if let Ok(Some(path)) = segment.interpreter(endian, data) {
            loading.loader = Some(OsString::from_vec(path.to_vec()));
        }
        if let Ok(Some(entries)) = segment.dynamic(endian, data) {
            dynamic::<E, R>(entries, segments, endian, data, &mut loading);
        }
    }
    Some(loading)
}

/// The dynamic section. Its strings lie at an address, which the segments translate to a place in the file.
fn dynamic<'data, E: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    entries: &[E::Dyn],
    segments: &[E::ProgramHeader],
    endian: Endianness,
    data: R,
    loading: &mut Loading,
) {
    let tag = |entry: &E::Dyn| -> i64 { entry.d_tag(endian).into() };
    let used = || entries.iter().take(MOST_ENTRIES).take_while(|entry| tag(entry) != DT_NULL);
    let value = |wanted: i64| used().find(|entry| tag(entry) == wanted).map(|entry| entry.d_val(endian).into());
    let Some((address, size)) = value(DT_STRTAB).zip(value(DT_STRSZ)) else { return };
    let Some(start) = in_file::<E>(segments, endian, address) else { return };
    let Some(end) = start.checked_add(size) else { return };
    let strings = StringTable::new(data, start, end);
    let mut rpaths = Vec::new();
    for entry in used() {
        let text = || {
            let offset = u32::try_from(entry.d_val(endian).into()).ok()?;
            strings.get(offset).ok().map(<[u8]>::to_vec)
        };
        match tag(entry) {
            DT_NEEDED => loading.needed.extend(text().map(OsString::from_vec)),
            DT_RUNPATH => loading.paths.extend(text().iter().flat_map(|text| split(Tag::Runpath, text))),
            DT_RPATH => rpaths.extend(text().iter().flat_map(|text| split(Tag::Rpath, text))),
            _ => {}
        }
    }
    if loading.paths.is_empty() {
        loading.paths = rpaths;
    }
}

fn split(tag: Tag, text: &[u8]) -> Vec<(Tag, OsString)> {
    // An empty path has no entries; an empty entry of a path is the working directory.
    let entries = text.split(|byte| *byte == b':').filter(|_| !text.is_empty());
    entries.map(|entry| (tag, OsString::from_vec(entry.to_vec()))).collect()
}

fn in_file<E: FileHeader<Endian = Endianness>>(
    segments: &[E::ProgramHeader],
    endian: Endianness,
    address: u64,
) -> Option<u64> {
    segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD).find_map(|segment| {
        let into = address.checked_sub(segment.p_vaddr(endian).into())?;
        (into < segment.p_filesz(endian).into()).then(|| segment.p_offset(endian).into().checked_add(into))?
    })
}

/// Files for tests.
#[cfg(test)]
pub mod samples {
    /// A 64-bit program of these words: a loader, what it needs, and its DT_RUNPATH or DT_RPATH.
    pub fn program(loader: &str, needed: &[&str], tag: i64, path: Option<&str>) -> Vec<u8> {
        const HEADERS: u64 = 64 + 3 * 56;
        let mut strings = vec![0];
        let mut put = |text: &str| {
            let at = strings.len() as u64;
            strings.extend(text.bytes().chain([0]));
            at
        };
        let mut entries: Vec<(i64, u64)> = needed.iter().map(|name| (object::elf::DT_NEEDED, put(name))).collect();
        entries.extend(path.map(|path| (tag, put(path))));
        let dynamic_at = HEADERS;
        let dynamic_size = (entries.len() as u64 + 3) * 16;
        let strings_at = dynamic_at + dynamic_size;
        let loader_at = strings_at + strings.len() as u64;
        entries.extend([(object::elf::DT_STRTAB, 0x1000 + strings_at)]);
        entries.extend([(object::elf::DT_STRSZ, strings.len() as u64), (object::elf::DT_NULL, 0)]);
        let total = loader_at + loader.len() as u64 + 1;
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        for half in [3_u16, 62] {
            file.extend(half.to_le_bytes());
        }
        file.extend(1_u32.to_le_bytes());
        for long in [0_u64, 64, 0] {
            file.extend(long.to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        for half in [64_u16, 56, 3, 64, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        for (kind, at, size) in
            [(1_u32, 0, total), (2, dynamic_at, dynamic_size), (3, loader_at, loader.len() as u64 + 1)]
        {
            file.extend(kind.to_le_bytes());
            file.extend(4_u32.to_le_bytes());
            for long in [at, 0x1000 + at, 0x1000 + at, size, size, 8] {
                file.extend(long.to_le_bytes());
            }
        }
        for (tag, value) in entries {
            file.extend(tag.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file.extend(strings);
        file.extend(loader.bytes().chain([0]));
        file
    }
}

#[cfg(test)]
mod tests {
    use super::samples::program;
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        program(
            "/lib64/ld-linux-x86-64.so.2",
            &["libc.so.6", "./libx.so"],
            DT_RUNPATH,
            Some("/usr/lib:$ORIGIN/../lib:"),
        )
    }

    #[test]
    fn what_the_loader_is_told_is_read_as_it_is_written() {
        let found = of(&*sample()).unwrap();
        assert_eq!(found.loader.unwrap(), "/lib64/ld-linux-x86-64.so.2");
        assert_eq!(found.needed, ["libc.so.6", "./libx.so"]);
        let paths = ["/usr/lib", "$ORIGIN/../lib", ""].map(|path| (Tag::Runpath, OsString::from(path)));
        assert_eq!(found.paths, paths);
        let rpath = program("", &[], DT_RPATH, Some("lib"));
        assert_eq!(of(&*rpath).unwrap().paths, [(Tag::Rpath, OsString::from("lib"))]);
    }

    #[test]
    fn a_real_program_needs_the_c_library_and_a_script_needs_nothing() {
        let found = read(File::open("/usr/bin/env").unwrap()).unwrap();
        assert!(found.loader.is_some_and(|loader| loader.to_string_lossy().contains("ld")));
        assert!(found.needed.iter().any(|name| name.to_string_lossy().starts_with("libc.")), "{:?}", found.needed);
        assert_eq!(read(File::open("/etc/passwd").unwrap()), None);
        assert_eq!(read(File::open("/dev/null").unwrap()), None);
    }

    #[test]
    fn no_cut_of_a_file_makes_reading_panic() {
        let file = sample();
        for length in 0..file.len() {
            let _ = of(&file[..length]);
        }
    }

    #[test]
    fn a_hole_of_a_terabyte_is_not_read_into_memory() {
        let mut file = sample();
        // The dynamic segment and the strings claim all of the file, which is a hole.
        let huge = (1_u64 << 40).to_le_bytes();
        for at in [64 + 32, 64 + 56 + 32, 64 + 2 * 56 + 32] {
            file[at..at + 8].copy_from_slice(&huge);
        }
        let sparse = tempfile::tempfile().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&sparse, &file, 0).unwrap();
        sparse.set_len(1 << 40).unwrap();
        assert_eq!(read(sparse), Some(Loading::default()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn no_changed_bytes_make_reading_panic(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
            wide in proptest::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..3),
        ) {
            let mut file = sample();
            for (at, byte) in changes {
                let at = at.index(file.len());
                file[at] = byte;
            }
            for (at, value) in wide {
                let at = at.index(file.len() - 8);
                file[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            let slice = of(&*file);
            // From a file it is the same.
            let copy = tempfile::tempfile().unwrap();
            std::os::unix::fs::FileExt::write_all_at(&copy, &file, 0).unwrap();
            prop_assert_eq!(read(copy).is_some(), slice.is_some());
        }

        #[test]
        fn no_random_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), class in 1_u8..3) {
            let mut file = b"\x7fELF\0\x01\x01".to_vec();
            file[4] = class;
            file.extend(bytes);
            let _ = of(&*file);
        }
    }
}
