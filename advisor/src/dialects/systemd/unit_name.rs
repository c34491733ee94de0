//! What follows from a unit's name (systemd.unit(5)).

use std::borrow::Cow;
use std::path::Path;

/// The types of units that start processes, and the section of each with the settings of its processes.
const TYPES: [(&str, &str); 4] = [("service", "Service"), ("socket", "Socket"), ("mount", "Mount"), ("swap", "Swap")];

/// The types of units that start none. None of their sections says anything about processes.
const OTHER_TYPES: [&str; 7] = ["timer", "path", "target", "slice", "scope", "device", "automount"];

/// The sections whose settings apply to processes (systemd.exec(5)).
pub const SECTIONS: [&str; 4] = [TYPES[0].1, TYPES[1].1, TYPES[2].1, TYPES[3].1];

/// Whether a word can be the name of a unit that starts processes.
pub fn is_name(word: &str) -> bool {
    !word.contains('/') && split(word).is_some_and(|(stem, kind)| !stem.is_empty() && section_of(kind).is_some())
}

/// Whether a file with this name is a unit of any type.
pub fn is_file_of_unit(name: &str) -> bool {
    split(name).is_some_and(|(_, kind)| section_of(kind).is_some() || OTHER_TYPES.contains(&kind))
}

/// Returns the name of the unit to which a unit file or a drop-in belongs. A drop-in belongs to the unit whose name its
/// folder has. The name is empty if the path does not show it.
pub fn of_path(path: &str) -> &str {
    let path = Path::new(path);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).and_then(|folder| folder.to_str());
    let of_folder = folder.and_then(|folder| folder.strip_suffix(".d"));
    let candidates = [Some(name), of_folder.filter(|_| name.ends_with(".conf"))];
    candidates.into_iter().flatten().find(|name| is_file_of_unit(name)).unwrap_or_default()
}

/// Returns the sections of this unit that apply to processes. A unit whose type is not known may have any of them.
pub fn sections(name: &str) -> &'static [&'static str] {
    let own = split(name).and_then(|(_, kind)| TYPES.iter().position(|(own, _)| *own == kind));
    match own {
        Some(at) => &SECTIONS[at..=at],
        None if is_file_of_unit(name) => &[],
        None => &SECTIONS,
    }
}

fn section_of(kind: &str) -> Option<&'static str> {
    TYPES.iter().find(|(own, _)| *own == kind).map(|(_, section)| *section)
}

fn split(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.')
}

/// Returns `x@.service` for `x@i.service`.
pub fn template(name: &str) -> Option<String> {
    let (stem, kind) = split(name)?;
    let (prefix, _) = stem.split_once('@')?;
    Some(format!("{prefix}@.{kind}"))
}

/// Replaces the specifiers of a unit's setting (systemd.unit(5), "Specifiers"). It returns the text with the specifiers
/// that depend on more than the unit's name, and whether there are any.
pub fn expanded(text: &str, name: &str) -> (String, bool) {
    let stem = split(name).map_or(name, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').map_or((stem, None), |(prefix, own)| (prefix, Some(own)));
    // The instance of a template is not known, and that of a unit without one is empty.
    let instance = match instance {
        Some(own) => Some(own).filter(|own| !own.is_empty()),
        None => (!name.is_empty()).then_some(""),
    };
    let last = prefix.rsplit('-').next().unwrap_or_default();
    let (mut whole, mut is_open) = (String::new(), false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            whole.push(letter);
            continue;
        }
        let specifier = letters.next();
        let known = |part: &'static str| Some(Cow::Borrowed(part));
        let of_name = |part| (!name.is_empty()).then_some(part);
        let value = match specifier {
            Some('%') => known("%"),
            // The service manager of the system runs as root.
            Some('u' | 'g') => known("root"),
            Some('U' | 'G') => known("0"),
            Some('h') => known("/root"),
            Some('n') => of_name(Cow::Borrowed(name)),
            Some('N') => of_name(Cow::Borrowed(stem)),
            Some('p') => of_name(Cow::Borrowed(prefix)),
            Some('P') => of_name(Cow::Owned(unescaped(prefix))),
            Some('j') => of_name(Cow::Borrowed(last)),
            Some('J') => of_name(Cow::Owned(unescaped(last))),
            Some('i') => instance.map(Cow::Borrowed),
            Some('I') => instance.map(|own| Cow::Owned(unescaped(own))),
            _ => None,
        };
        match value {
            Some(value) => whole.push_str(&value),
            None => {
                whole.push('%');
                whole.extend(specifier);
                is_open = true;
            }
        }
    }
    (whole, is_open)
}

/// Reverses systemd-escape(1): `-` stands for `/`, and `\x2d` for a byte.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let byte = rest.strip_prefix("\\x").and_then(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok());
        match (byte, letter) {
            (Some(byte), _) => bytes.push(byte),
            (None, '-') => bytes.push(b'/'),
            (None, letter) => bytes.extend(letter.to_string().bytes()),
        }
        rest = if byte.is_some() { &rest[4..] } else { &rest[letter.len_utf8()..] };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_unit_whose_name_it_or_its_folder_has() {
        assert_eq!(of_path("/etc/systemd/system/a@.service"), "a@.service");
        assert_eq!(of_path("a.socket.d/x.conf"), "a.socket");
        assert_eq!(of_path("/tmp/x.conf"), "");
        assert_eq!(sections("a.socket"), ["Socket"]);
        assert_eq!(sections("a.timer"), [""; 0]);
        assert_eq!(sections("").len(), 4);
    }

    #[test]
    fn what_the_name_says_is_put_in_and_what_the_machine_says_is_left() {
        let of = |text| expanded(text, "a-b\\x2dc@u-x.service");
        assert_eq!(of("%n|%N|%p|%i|%j|%%").0, "a-b\\x2dc@u-x.service|a-b\\x2dc@u-x|a-b\\x2dc|u-x|b\\x2dc|%");
        assert_eq!(of("%P|%I|%J|%u|%U"), ("a/b-c|u/x|b-c|root|0".to_owned(), false));
        assert_eq!(of("%H-%"), ("%H-%".to_owned(), true));
        assert_eq!(expanded("%i", "a@.service"), ("%i".to_owned(), true));
        assert_eq!(expanded("%i", "a.service"), (String::new(), false));
        assert_eq!(expanded("%i%u", ""), ("%iroot".to_owned(), true));
    }
}
