//! Rules of sudo, and which of three answers stands for each command: a shipped policy, a policy that is to be learned, or
//! sudo itself.

use crate::analysis::other_way;
use anyhow::Result;
use capwrap_core::escapes;
use std::fmt;
use std::path::{Path, PathBuf};

/// One rule: who may run which commands as whom. Its aliases are expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The users and groups.
    pub users: Vec<Member>,
    /// The hosts on which it holds, as sudo writes them.
    pub hosts: Vec<Member>,
    /// The users as whom a command may run. None are named for root.
    pub run_as: Vec<Member>,
    /// Whether it names groups as which a command may run.
    pub names_groups: bool,
    /// Whether sudo asks for no password.
    pub no_password: bool,
    /// Whether the command may start no other program (NOEXEC).
    pub no_exec: bool,
    /// Further options that a policy does not have, by their names.
    pub options: Vec<String>,
    /// The commands.
    pub commands: Vec<Command>,
}

/// A user, a group or a host of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub who: Who,
    /// Whether the rule excludes it (`!`).
    pub negated: bool,
}

/// Who a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody, or every host.
    All,
    /// A user, or a host, by its name, or a user by number as in `#1001`.
    User(String),
    /// A group, by its name or by number.
    Group(String),
    /// Something that a policy cannot name, such as a netgroup, in sudo's notation.
    Other(String),
}

impl fmt::Display for Member {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "not " } else { "" };
        match &self.who {
            Who::All => write!(out, "{not}ALL"),
            Who::User(name) | Who::Other(name) => write!(out, "{not}{name}"),
            Who::Group(name) => write!(out, "{not}group {name}"),
        }
    }
}

/// A command of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The text: the program, and the arguments if sudo allows these alone.
    pub text: String,
    /// Whether the rule excludes it (`!`).
    pub negated: bool,
    /// The digests that the program must have, each with its algorithm, as sudo writes them.
    pub digests: Vec<(String, String)>,
}

/// What stands for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The shipped policy of this name.
    Shipped(String),
    /// A policy that is to be learned from this command.
    Learn(Vec<String>),
    /// Sudo, or something else that is no policy: the reason, and what is better.
    Sudo(String, Option<String>),
}

/// The answer for a command, with what is lost or must be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The answer.
    pub answer: Answer,
    /// What a policy says differently.
    pub remarks: Vec<String>,
    /// In what a policy would allow more than the rule does, or something else, in short phrases. Passwords do not count.
    pub wider: Vec<String>,
}

/// A shipped policy: its name and the paths of its tool.
pub type Shipped = (String, Vec<PathBuf>);

/// What the table of escapes says of a shell.
const SHELL: &str = "a shell";

/// Options that limit what a command may do or when, and that no policy has (sudoers(5), Option_Spec).
const LIMITS: [&str; 8] =
    ["apparmor_profile", "command_timeout", "intercept", "notafter", "notbefore", "role", "runchroot", "type"];

/// Returns the answer for a command of a rule that is not excluded. `excluded` holds the commands that any rule excludes.
///
/// # Errors
/// The list of tools that are better run another way cannot be read.
pub fn judge(rule: &Rule, command: &Command, shipped: &[Shipped], excluded: &[&Command]) -> Result<Judged> {
    let (program, arguments) = program_of(&command.text);
    let other =
        |why: String, instead| Judged { answer: Answer::Sudo(why, instead), remarks: Vec::new(), wider: Vec::new() };
    let sudo = |why: &str| Ok(other(why.to_owned(), None));
    if let Some(why) = not_as_root(rule) {
        return sudo(&why);
    }
    match program.as_str() {
        "ALL" => {
            let excludes = rule.commands.iter().any(|command| command.negated);
            return sudo(match excludes {
                true => "it is every command, and so root; what the rule excludes can be copied to another name",
                false => "it is every command, and so root",
            });
        }
        "sudoedit" => return sudo("it edits a file as root: an access control list or a group of the file does, too"),
        "list" => return sudo("it only lists what sudo allows"),
        program if !program.starts_with('/') => return sudo("it is no path of a program"),
        program if program.ends_with('/') => return sudo("it is every program of a folder"),
        program if program.contains(['*', '?', '[', '^']) => return sudo("it is a pattern of programs"),
        _ => {}
    }
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut remarks = remarks(rule, command, arguments.as_deref());
    let has_path = |(_, paths): &&Shipped| paths.iter().any(|path| path == Path::new(&program));
    let has_name = |(_, paths): &&Shipped| paths.iter().any(|path| path.file_name().is_some_and(|one| *one == *name));
    let mut wider = wider(rule, command, arguments.as_deref());
    if let Some(other) = excluded.iter().find(|other| covers(&other.text, &program)) {
        let what = format!("a rule excludes {}, and a policy excludes nothing", other.text);
        remarks.push(what.clone());
        wider.push(what);
    }
    if let Some((policy, paths)) = shipped.iter().find(has_path).or_else(|| shipped.iter().find(has_name)) {
        if !paths.iter().any(|path| path == Path::new(&program)) {
            remarks.push(format!("the policy is for {}: name this path with --path {program}", paths[0].display()));
        }
        if !paths.iter().any(|path| in_usr(path) == in_usr(Path::new(&program))) {
            wider.push(format!("it is for {}", paths[0].display()));
        }
        return Ok(Judged { answer: Answer::Shipped(policy.clone()), remarks, wider });
    }
    if let Some(found) = other_way::of(&name)? {
        return Ok(other(found.why, Some(found.instead)));
    }
    match escapes::of(&name) {
        Some(escape) if escape.how == SHELL => return sudo("it runs every command of its caller's, and so is root"),
        Some(escape) => remarks.push(format!(
            "it can be made to run something else ({}): with sudo that is root, and with a policy as much as it grants",
            escape.how
        )),
        None => {}
    }
    let words = match &arguments {
        Some(arguments) if !is_pattern(arguments) => arguments.split_whitespace().map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Ok(Judged { answer: Answer::Learn([vec![program], words].concat()), remarks, wider })
}

/// In what a policy for the program would allow more than this one command of the rule.
fn wider(rule: &Rule, command: &Command, arguments: Option<&str>) -> Vec<String> {
    let mut wider = Vec::new();
    if arguments.is_some() {
        wider.push("any arguments".to_owned());
    }
    if rule.hosts.iter().any(|host| host.who != Who::All || host.negated) {
        wider.push("any host".to_owned());
    }
    if rule.no_exec {
        wider.push("other programs, which NOEXEC forbids".to_owned());
    }
    let is_limit = |option: &&String| LIMITS.contains(&option.split('=').next().unwrap_or_default());
    wider.extend(rule.options.iter().filter(is_limit).map(|option| format!("no {option}")));
    let is_known = |(algorithm, digest): &(String, String)| sha256(algorithm, digest).is_some();
    if !command.digests.is_empty() && !command.digests.iter().any(is_known) {
        wider.push("any file, for want of a SHA-256".to_owned());
    }
    wider
}

/// Returns whether what sudo takes for a command may be this program. A pattern counts from its first sign on.
fn covers(text: &str, program: &str) -> bool {
    let (other, _) = program_of(text);
    match other.find(['*', '?', '[', '^']) {
        Some(at) => program.starts_with(&other[..at]),
        None if other.ends_with('/') => program.starts_with(&other),
        None => other == "ALL" || in_usr(Path::new(&other)) == in_usr(Path::new(program)),
    }
}

/// Returns a path below /usr, where /bin and /sbin lead (usrmerge).
fn in_usr(path: &Path) -> PathBuf {
    let leads = ["/bin", "/sbin", "/lib"].iter().any(|folder| path.starts_with(folder));
    if leads { Path::new("/usr").join(path.strip_prefix("/").unwrap_or(path)) } else { path.to_owned() }
}

/// Why the command does not run as root, if it does not.
fn not_as_root(rule: &Rule) -> Option<String> {
    let is_root = |member: &&Member| matches!(&member.who, Who::User(name) if name == "root" || name == "#0");
    let listed = || rule.run_as.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if rule.run_as.is_empty() {
        return rule
            .names_groups
            .then(|| "it runs as its caller with another group: capwrap changes no group".to_owned());
    }
    let takes_root = rule.run_as.iter().any(|member| !member.negated && (member.who == Who::All || is_root(&member)));
    if takes_root && !rule.run_as.iter().any(|member| member.negated && is_root(&member)) {
        return None;
    }
    Some(format!("it runs as {}, and not as root: capwrap runs a tool as its caller", listed()))
}

/// Returns the program of a command, and its arguments if there are some. A backslash takes the meaning from what follows
/// (sudoers(5)).
fn program_of(text: &str) -> (String, Option<String>) {
    let mut program = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => program.extend(rest.next()),
            ' ' | '\t' => return (program, Some(rest.as_str().trim().to_owned()).filter(|rest| !rest.is_empty())),
            other => program.push(other),
        }
    }
    (program, None)
}

fn is_pattern(arguments: &str) -> bool {
    arguments.starts_with('^') || arguments.contains(['*', '?', '[', '\\', '"'])
}

fn remarks(rule: &Rule, command: &Command, arguments: Option<&str>) -> Vec<String> {
    let mut remarks = Vec::new();
    match arguments {
        Some("\"\"") => remarks.push("sudo allows no argument; a policy allows any".to_owned()),
        Some(arguments) => {
            remarks.push(format!(
                "sudo allows only the arguments {arguments}; a policy allows any, and grants by them (when)"
            ));
        }
        None => {}
    }
    for (algorithm, digest) in &command.digests {
        remarks.push(match sha256(algorithm, digest) {
            Some(_) => "sudo pins the file: so does --pin, and a policy that --write makes".to_owned(),
            None => format!("sudo pins the file by {algorithm}: a policy knows SHA-256 alone (--pin)"),
        });
    }
    let limited = rule.hosts.iter().any(|host| host.who != Who::All);
    if limited {
        let hosts: Vec<String> = rule.hosts.iter().map(ToString::to_string).collect();
        remarks.push(format!("the rule holds on {}: enable the policy there alone", hosts.join(", ")));
    }
    if !rule.no_password {
        remarks.push("sudo asks for a password; capwrap asks for none (reason = true asks for a reason)".to_owned());
    }
    if rule.no_exec {
        remarks.push("NOEXEC is children = \"none\" in a policy".to_owned());
    }
    if !rule.options.is_empty() {
        remarks.push(format!("a policy does not have: {}", rule.options.join(", ")));
    }
    remarks
}

/// Returns a digest in hexadecimal, if it is a SHA-256. Sudo takes hexadecimal and Base64 (sudoers(5), Digest_Spec).
pub fn sha256(algorithm: &str, digest: &str) -> Option<String> {
    if algorithm != "sha256" {
        return None;
    }
    if digest.len() == 64 && digest.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Some(digest.to_lowercase());
    }
    let bytes = base64(digest.trim_end_matches('='))?;
    (bytes.len() == 32).then(|| capwrap_core::text::hex::encode(&bytes))
}

/// Decodes Base64 without its padding (RFC 4648, 4).
fn base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for digit in text.chars() {
        bits = bits << 6 | u32::try_from(DIGITS.find(digit)?).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Those of a rule whom a policy can name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The users.
    pub users: Vec<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// Why a policy cannot say the same, if it cannot.
    pub but: Option<String>,
}

/// Returns whom a policy is to name. Root runs every tool of an enabled policy, and needs no name.
pub fn named(rule: &Rule) -> Named {
    let mut named = Named::default();
    for member in &rule.users {
        match (&member.who, member.negated) {
            (_, true) => named.but = Some(format!("a policy cannot exclude anybody, and the rule says {member}")),
            (Who::All, false) => named.but = Some("the rule is for everybody, and a policy names its users".to_owned()),
            (Who::Other(name), false) => named.but = Some(format!("a policy cannot name {name}")),
            (Who::User(name), false) if name == "root" || name == "#0" => {}
            (Who::User(name), false) => named.users.push(name.clone()),
            (Who::Group(name), false) => named.groups.push(name.clone()),
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(who: Who, negated: bool) -> Member {
        Member { who, negated }
    }

    fn user(name: &str) -> Member {
        member(Who::User(name.to_owned()), false)
    }

    fn answer(rule: &Rule, text: &str) -> Answer {
        let shipped = [("tcpdump".to_owned(), vec![PathBuf::from("/usr/bin/tcpdump")])];
        judge(rule, &Command { text: text.to_owned(), ..Command::default() }, &shipped, &[]).unwrap().answer
    }

    #[test]
    fn each_command_has_one_of_the_three_answers() {
        let rule = Rule::default();
        for text in ["/usr/bin/tcpdump", "/usr/sbin/tcpdump -i lo", "/opt/tcpdump *"] {
            assert_eq!(answer(&rule, text), Answer::Shipped("tcpdump".to_owned()), "{text}");
        }
        let learn = |words: &[&str]| Answer::Learn(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(answer(&rule, "/usr/sbin/no-such -t -u"), learn(&["/usr/sbin/no-such", "-t", "-u"]));
        assert_eq!(answer(&rule, "/usr/sbin/no-such [a-z]*"), learn(&["/usr/sbin/no-such"]));
        assert_eq!(answer(&rule, "/usr/my\\ tools/no-such"), learn(&["/usr/my tools/no-such"]));
        for (text, because) in [
            ("ALL", "every command"),
            ("sudoedit /etc/motd", "edits a file"),
            ("list", "only lists"),
            ("/sbin/", "every program of a folder"),
            ("/usr/bin/tcp*", "a pattern of programs"),
            ("^/usr/.*$", "no path"),
            ("/usr/sbin/smartctl", "cap_sys_rawio"),
            ("/bin/bash", "so is root"),
        ] {
            let found = answer(&rule, text);
            assert!(matches!(&found, Answer::Sudo(why, _) if why.contains(because)), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_command_that_does_not_run_as_root_stays_with_sudo() {
        let root = [vec![], vec![user("root")], vec![user("www-data"), user("#0")], vec![member(Who::All, false)]];
        for run_as in root {
            let rule = Rule { run_as, ..Rule::default() };
            assert!(matches!(answer(&rule, "/usr/bin/tcpdump"), Answer::Shipped(_)), "{rule:?}");
        }
        let without_root = vec![member(Who::All, false), Member { negated: true, ..user("root") }];
        for run_as in [vec![user("www-data")], without_root] {
            let rule = Rule { run_as, ..Rule::default() };
            assert!(matches!(answer(&rule, "/usr/bin/tcpdump"), Answer::Sudo(..)), "{rule:?}");
        }
        let group = Rule { names_groups: true, ..Rule::default() };
        assert!(matches!(answer(&group, "/usr/bin/tcpdump"), Answer::Sudo(..)));
    }

    #[test]
    fn what_a_policy_says_differently_is_remarked() {
        let rule =
            Rule { hosts: vec![user("web1")], no_exec: true, options: vec!["setenv".to_owned()], ..Rule::default() };
        let digests = vec![("sha256".to_owned(), "0".repeat(64)), ("sha512".to_owned(), "x".to_owned())];
        let command = Command { text: "/usr/bin/x \"\"".to_owned(), negated: false, digests };
        let remarks = judge(&rule, &command, &[], &[]).unwrap().remarks.join("\n");
        for part in ["no argument", "so does --pin", "SHA-256 alone", "holds on web1", "password", "children", "setenv"]
        {
            assert!(remarks.contains(part), "{part}: {remarks}");
        }
        let silent = Rule { no_password: true, hosts: vec![member(Who::All, false)], ..Rule::default() };
        let command = Command { text: "/usr/bin/x".to_owned(), ..Command::default() };
        assert_eq!(judge(&silent, &command, &[], &[]).unwrap().remarks, Vec::<String>::new());
    }

    #[test]
    fn where_a_policy_would_allow_more_than_the_rule_it_is_said() {
        let shipped = [("tcpdump".to_owned(), vec![PathBuf::from("/usr/bin/tcpdump")])];
        let command = |text: &str| Command { text: text.to_owned(), ..Command::default() };
        let wider = |rule: &Rule, one: &Command, excluded: &[&Command]| {
            judge(rule, one, &shipped, excluded).unwrap().wider.join(", ")
        };
        let all = Rule { hosts: vec![member(Who::All, false)], ..Rule::default() };
        let tcpdump = command("/usr/bin/tcpdump");
        assert_eq!(wider(&all, &tcpdump, &[&command("/usr/bin/strace"), &command("/usr/sbin/")]), "");
        assert_eq!(wider(&all, &command("/bin/tcpdump"), &[]), "");
        for text in ["/usr/bin/tcpdump -i lo", "/usr/bin/tcpdump \"\""] {
            assert_eq!(wider(&all, &command(text), &[]), "any arguments");
        }
        assert_eq!(wider(&all, &command("/opt/tcpdump"), &[]), "it is for /usr/bin/tcpdump");
        for excluded in ["/usr/bin/tcpdump -w *", "/bin/tcpdump", "ALL", "/usr/bin/", "/usr/*/tcpdump", "^.*$"] {
            assert!(wider(&all, &tcpdump, &[&command(excluded)]).contains("excludes nothing"), "{excluded}");
        }
        let digests = vec![("sha512".to_owned(), "x".to_owned())];
        assert!(wider(&all, &Command { digests, ..tcpdump.clone() }, &[]).contains("any file"));
        let options = ["setenv", "notafter=20300101", "command_timeout=5"].map(str::to_owned).to_vec();
        for (rule, more) in [
            (Rule { options, ..all.clone() }, "no notafter=20300101, no command_timeout=5"),
            (Rule { no_exec: true, ..all.clone() }, "other programs, which NOEXEC forbids"),
            (Rule { hosts: vec![user("web1")], ..all }, "any host"),
        ] {
            assert_eq!(wider(&rule, &tcpdump, &[]), more);
        }
    }

    #[test]
    fn a_digest_is_read_in_both_notations() {
        // printf %s abc | sha256sum; printf %s abc | openssl dgst -sha256 -binary | base64
        let hexadecimal = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let base64 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        for digest in [hexadecimal, base64, &hexadecimal.to_uppercase()] {
            assert_eq!(sha256("sha256", digest).as_deref(), Some(hexadecimal));
        }
        assert!(sha256("sha512", hexadecimal).is_none() && sha256("sha256", "abc!").is_none());
    }

    #[test]
    fn a_policy_names_users_and_groups_and_says_whom_it_cannot_name() {
        let rule = |users| Rule { users, ..Rule::default() };
        let group = member(Who::Group("netops".to_owned()), false);
        let all = named(&rule(vec![user("alice"), group.clone(), user("root")]));
        assert_eq!(all, Named { users: vec!["alice".to_owned()], groups: vec!["netops".to_owned()], but: None });
        for other in
            [Member { negated: true, ..user("bob") }, member(Who::All, false), member(Who::Other("+g".into()), false)]
        {
            assert!(named(&rule(vec![group.clone(), other.clone()])).but.is_some(), "{other}");
        }
    }
}
