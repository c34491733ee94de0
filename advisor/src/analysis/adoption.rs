//! Makes a policy of what a file's own capabilities give to those who may execute the file.

use crate::analysis::access_list::Executors;
use crate::analysis::capability_risk;
use crate::output::error::hinted;
use anyhow::{Error, Result, anyhow};
use capwrap_core::CapabilitySet;
use capwrap_core::capability::xattr::Attribute;
use capwrap_core::text::{printable, shell};
use std::path::Path;
use toml_edit::Value;

/// What is known about the file.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'f> {
    /// Its path, as a policy is to name it.
    pub path: &'f Path,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits, with setuid and setgid.
    pub mode: u32,
    /// Its file capabilities.
    pub attribute: Option<&'f Attribute>,
    /// Whether it begins with `#!`.
    pub is_script: bool,
}

/// Returns the capabilities that everybody who may execute the file gets from it, which are what a policy has to grant.
///
/// # Errors
/// A policy cannot stand for what the file has.
pub fn granted(file: &Candidate) -> Result<CapabilitySet> {
    let path = printable::text(file.path);
    let in_command = shell::path(file.path);
    let with = |what: String, hint: Option<String>| match hint {
        Some(hint) => hinted(what, hint),
        None => anyhow!(what),
    };
    let learn = in_command.as_ref().map(|path| format!("find out what it needs: capwrap --learn {path}"));
    if file.mode & 0o4000 != 0 {
        let owner = if file.uid == 0 { "root".to_owned() } else { format!("uid {}", file.uid) };
        return Err(with(format!("{path} is setuid {owner}: its own program decides what its callers may do"), learn));
    }
    if file.mode & 0o2000 != 0 {
        return Err(anyhow!("{path} is setgid: a launch by capwrap gives no group, so the tool would lose it"));
    }
    let Some(attribute) = file.attribute else {
        return Err(with(format!("{path} has no file capabilities, so there is nothing to adopt"), learn));
    };
    let has = attribute.to_string();
    if let Some(root) = attribute.root_id {
        return Err(anyhow!(
            "{path} has {has}: its capabilities count only in user namespaces whose root is uid {root}, where a policy \
             of this machine does not apply"
        ));
    }
    let capabilities = attribute.capabilities;
    let set_aside = in_command.map(|path| format!("learn a policy, and then take them away: setcap -r {path}"));
    if capabilities.permitted.is_empty() {
        return Err(with(
            format!(
                "{path} has {has}: they are inheritable, so the file gives them to nobody who does not hold them already"
            ),
            set_aside,
        ));
    }
    if !capabilities.effective {
        return Err(with(
            format!(
                "{path} has {has}, without the effective bit: the tool raises each when it needs it, and with a policy it \
                 would hold all of them from its start"
            ),
            set_aside,
        ));
    }
    if file.is_script {
        return Err(anyhow!("{path} has {has} and is a script: exec ignores them, so nobody has anything from them"));
    }
    if file.uid != 0 {
        return Err(with(
            format!("{path} belongs to uid {}, who can change it and would keep what a policy grants", file.uid),
            shell::path(file.path).map(|path| format!("check what it is, then run: chown root {path}")),
        ));
    }
    Ok(capabilities.permitted)
}

/// Those whom the policy is to allow, as policies name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The users.
    pub users: Vec<String>,
    /// The groups.
    pub groups: Vec<String>,
}

impl Allowed {
    /// Whether nobody is named.
    pub const fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }
}

/// The error that a policy cannot name those who may execute the file, unless the command names them.
pub fn nobody_named(path: &Path, executors: &Executors) -> Error {
    let shown = printable::text(path);
    let again = shell::path(path).map_or_else(String::new, |path| format!("capwrap adopt {path} "));
    if executors.others {
        hinted(
            format!("everybody may execute {shown}, and a policy names those whom it allows"),
            format!("name them, and nobody else has its capabilities then: {again}--group GROUP"),
        )
    } else {
        hinted(
            format!("nobody but root may execute {shown}"),
            format!("name whom the policy is to allow: {again}--group GROUP"),
        )
    }
}

/// The error that the file's access control list keeps a user out, whom a group that it lets in may have as a member.
pub fn denied(path: &Path, user: &str) -> Error {
    let again = shell::path(path).map_or_else(String::new, |path| format!("capwrap adopt {path} "));
    hinted(
        format!(
            "the access control list of {} keeps user {} out and lets groups in, and a policy excludes nobody",
            printable::text(path),
            printable::text(user)
        ),
        format!("name whom the policy is to allow: {again}--user USER"),
    )
}

/// The policy's text.
pub fn text(name: &str, path: &str, has: &Attribute, granted: CapabilitySet, allowed: &Allowed) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let list = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "# `capwrap adopt` made this policy from the capabilities that the tool's file had, {has}.\n\
         # `capwrap disable {name}` gives them back to the file.\n\n\
         schema  = 1\nsummary = {}\n\n[tool]\npath = {}\n\n[allow]\n",
        quoted(&format!("{name}, with what its file capabilities gave it")),
        quoted(path)
    );
    for (key, names) in [("users", &allowed.users), ("groups", &allowed.groups)] {
        if !names.is_empty() {
            text += &format!("{key} = [{}]\n", list(names));
        }
    }
    text += "\n";
    for capability in granted.iter() {
        text += &format!("# {capability} opens: {}\n", capability_risk::of(capability).opens);
    }
    let caps: Vec<String> = granted.iter().map(|capability| capability.name().to_owned()).collect();
    text += &format!("[[grant]]\ncaps = [{}]\nwhy  = {}\n", list(&caps), quoted(&format!("the file had {has}")));
    text += "\n# A program that the tool starts had none of these capabilities. Now it could have them too, so the tool starts none.\n\
             # Where it must, children = \"any\" passes them on, and deliver = \"inheritable\" does not.\n\
             [exec]\nchildren = \"none\"\n";
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::policy::{FileCapabilities, Policy};

    fn attribute(text: &str, root_id: Option<u32>) -> Attribute {
        Attribute { capabilities: FileCapabilities::parse(text).unwrap(), root_id }
    }

    fn candidate(attribute: Option<&Attribute>) -> Candidate<'_> {
        Candidate { path: Path::new("/usr/bin/t"), uid: 0, mode: 0o755, attribute, is_script: false }
    }

    #[test]
    fn what_a_policy_cannot_stand_for_is_refused_with_the_reason() {
        let ep = attribute("cap_net_raw=ep", None);
        let set = CapabilitySet::parse("net_raw").unwrap();
        assert_eq!(granted(&candidate(Some(&ep))).unwrap(), set);
        assert_eq!(granted(&candidate(Some(&attribute("cap_net_raw=eip", None)))).unwrap(), set);
        let own = candidate(Some(&ep));
        for (file, because) in [
            (candidate(None), "has no file capabilities"),
            (candidate(Some(&attribute("cap_net_raw=ep", Some(1000)))), "whose root is uid 1000"),
            (candidate(Some(&attribute("cap_net_raw=ei", None))), "they are inheritable"),
            (candidate(Some(&attribute("cap_net_raw=p", None))), "without the effective bit"),
            (Candidate { mode: 0o4755, ..own }, "is setuid root"),
            (Candidate { mode: 0o2755, ..own }, "is setgid"),
            (Candidate { is_script: true, ..own }, "is a script"),
            (Candidate { uid: 7, ..own }, "belongs to uid 7"),
        ] {
            let error = granted(&file).unwrap_err().to_string();
            assert!(error.starts_with("/usr/bin/t ") && error.contains(because), "{error}");
        }
    }

    #[test]
    fn the_text_is_a_policy_that_grants_the_set_to_those_who_are_named() {
        let has = attribute("cap_net_raw,cap_syslog=ep", None);
        let allowed = Allowed { users: vec!["#1001".to_owned()], groups: vec!["wireshark".to_owned()] };
        let set = CapabilitySet::parse("net_raw,syslog").unwrap();
        let policy = Policy::read(&text("t", "/usr/bin/t \"q\"", &has, set, &allowed)).unwrap();
        assert_eq!((policy.grantable(), policy.grants.len()), (set, 1));
        assert_eq!(policy.tool.paths, [Path::new("/usr/bin/t \"q\"")]);
        let names =
            |names: &[capwrap_core::policy::Identity]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((names(&policy.allow.users), names(&policy.allow.groups)), (allowed.users, allowed.groups));
    }
}
