//! Lines about a user or group that a policy names and that the launcher does not know.

use crate::host::accounts::{Known, Names, Of};
use crate::output::finding::Line;
use crate::verbs::verify::judged::Judged;
use capwrap_core::text::shell;

/// A line about a name that the launcher does not know.
pub fn unknown(line: &str, of: Of, identity: &capwrap_core::policy::Identity, names: &Names) -> Option<Judged> {
    let word = of.word();
    let problem = Line::problem(line, format!("{word} {identity}"));
    match names.known(of, identity) {
        Known::Local(_) => None,
        Known::DirectoryServer(id) => Some(
            problem
                .means("only a directory server knows it, which the launcher never asks: it counts for nobody")
                .hint(format!("write \"#{id}\" in its place"))
                .into(),
        ),
        Known::Unknown => Some(
            problem
                .means("there is none of that name: it counts for nobody")
                .hint(match shell::argument(&identity.to_string()) {
                    Some(group) if of == Of::Group => format!("groupadd {group}, or correct the name"),
                    _ => "correct the name".to_owned(),
                })
                .into(),
        ),
    }
}
