//! Checks a policy against this machine: its file, its tool's path, the users and groups that it names, and the time.

use crate::analysis::findings::found::{Found, Severity};
use crate::analysis::policy_places::{Places, Step};
use crate::host::accounts::{Known, Names, Of};
use crate::host::clock;
use crate::host::foreign_code;
use crate::host::installed_file::Installed;
use crate::host::records::last_use::{self, LastUses};
use crate::host::tool_faults::{self, About, ToolRefusal};
use crate::host::writable_path;
use capwrap_core::paths;
use capwrap_core::policy::{Identity, Policy};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// The findings for which the launcher would refuse the file itself, if it is the file of an enabled policy.
pub fn file(path: &Path) -> Vec<Found> {
    let is_enabled =
        path.parent().and_then(|folder| folder.canonicalize().ok()) == Path::new(paths::POLICIES).canonicalize().ok();
    let Some(about) = is_enabled.then(|| Installed::look(path).ok()).flatten() else { return Vec::new() };
    // A command is printed only where its path can mean nothing but this file.
    let error = |message: String, command: &str| {
        let found = Found::new(Severity::Error, "file", 0..0, message);
        match about.in_command() {
            Some(path) => found.hint(format!("{command} {path}")),
            None => found,
        }
    };
    let mut found = Vec::new();
    if about.uid != 0 {
        found.push(error(format!("the file belongs to uid {}", about.uid), "chown root"));
    }
    if about.mode & 0o022 != 0 {
        found.push(error(format!("others can write the file (mode {:04o})", about.mode), "chmod go-w"));
    }
    found.extend(unused(path));
    found
}

/// An enabled policy that is older than 90 days and that nobody has used since. Nothing is said where the recorder's files
/// do not reach back so far.
fn unused(path: &Path) -> Option<Found> {
    let name = path.file_stem()?.to_str()?.to_owned();
    let long_ago = last_use::long_ago(clock::now());
    let changed = path.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    if changed.as_micros() >= u128::from(long_ago) {
        return None;
    }
    let uses = LastUses::since(long_ago, std::slice::from_ref(&name));
    let is_unused = uses.reaches(long_ago) && uses.of(&name).is_none();
    let message = "nobody has used this policy for 90 days, by the records that are kept";
    is_unused.then(|| Found::new(Severity::Note, "unused", 0..0, message).hint(format!("capwrap disable {name}")))
}

/// The findings on this machine.
pub fn all(policy: &Policy, places: &Places) -> Vec<Found> {
    let mut found = Vec::new();
    let key = |table, key| places.span(&[Step::Key(table), Step::Key(key)]);
    let names = Names::read();
    let owner = names.local(Of::User, &policy.tool.owner).unwrap_or(0);
    for path in &policy.tool.paths {
        // A tool that is not installed has no directories to check.
        for weakness in writable_path::weaknesses(path, owner).unwrap_or_default() {
            let message =
                format!("{weakness}: another file can be put in the tool's place, and capwrap refuses to launch it");
            found.push(Found::warning("writable-place", key("tool", "path"), message));
        }
    }
    // The directories were reported already, and unknown names are reported below.
    let refusals = tool_faults::all(policy, &names).into_iter().filter(|one| one.about == About::Tool);
    for ToolRefusal { why, hint, .. } in refusals {
        let message = format!("{why}: capwrap refuses to launch it");
        let warning = Found::warning("refused-tool", key("tool", "path"), message);
        found.push(match hint {
            Some(hint) => warning.hint(hint),
            None => warning,
        });
    }
    found.extend(
        tool_faults::given(policy, &names)
            .map(|note| Found::new(Severity::Note, "given-by-file", key("tool", "path"), note)),
    );
    found.extend(foreign_code::of_machine(policy, &names).into_iter().map(|one| Found::of_code(one, places)));
    let tool = [
        (Of::User, Some(&policy.tool.owner), key("tool", "owner")),
        (Of::Group, policy.tool.group.as_ref(), key("tool", "group")),
    ];
    found.extend(tool.into_iter().filter_map(|(of, identity, span)| unknown(of, identity?, span, &names)));
    for (of, identities, word) in
        [(Of::User, &policy.allow.users, "users"), (Of::Group, &policy.allow.groups, "groups")]
    {
        let spans = places.strings(&[Step::Key("allow"), Step::Key(word)]);
        for (number, identity) in identities.iter().enumerate() {
            let span = spans.get(number).map_or_else(|| key("allow", word), |(_, span)| span.clone());
            found.extend(unknown(of, identity, span, &names));
        }
    }
    let now = clock::now();
    let span = || key("allow", "temporary");
    for entry in &policy.allow.temporary {
        found.extend(unknown(Of::User, &entry.user, span(), &names));
        if entry.left(now).is_none() {
            let message = format!("what was granted to user {} ended at {}", entry.user, entry.written);
            found.push(Found::warning("grant-ended", span(), message).hint("capwrap revoke --ended"));
        }
    }
    if policy.allow.until.is_some_and(|until| until <= now) {
        found.push(Found::warning("until-passed", key("allow", "until"), "this has passed: nobody may run the tool"));
    }
    found
}

fn unknown(of: Of, identity: &Identity, span: std::ops::Range<usize>, names: &Names) -> Option<Found> {
    let word = of.word();
    match names.known(of, identity) {
        Known::Local(_) => None,
        Known::DirectoryServer(id) => Some(
            Found::warning(
                "unknown-name",
                span,
                format!("only a directory server knows the {word} {identity}, and the launcher never asks one"),
            )
            .hint(format!("\"#{id}\"")),
        ),
        Known::Unknown => {
            let found = Found::warning(
                "unknown-name",
                span,
                format!("there is no {word} {identity} here: it counts for nobody"),
            );
            Some(match names.nearest(of, identity) {
                Some(near) => found.hint(format!("did you mean {near:?}?")),
                None => found,
            })
        }
    }
}
