//! Reads the text of a policy file into a [`Policy`].

use crate::capability::setcap_text::NotationError;
use crate::decision::condition::{Comparison, Condition};
use crate::decision::probe::Probe;
use crate::policy::demand::{Demand, Need, Prepare};
use crate::policy::error::Lines;
use crate::policy::limits::RESOURCES;
use crate::policy::section::{Fault, Section, absolute_path, capability, choice, unknown_capability};
use crate::policy::*;
use crate::schema::{self, Wrong};
use toml::de::{DeTable, DeValue};

/// What `end` calls the first argument that is neither an option nor the value of one.
const OPERAND: &str = "operand";

/// The keys of `[exec]`.
const EXEC_KEYS: [&str; 7] = ["deliver", "no_new_privs", "children", "bounding", "argv0", "env", "limits"];

impl Policy {
    /// Reads the text of a policy file.
    ///
    /// # Errors
    /// The first fault of the text: TOML that does not parse, an unknown key, a value of the wrong
    /// type, an unknown name, or settings that contradict each other.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_BYTES {
            return Err(PolicyError::new("", 0..0, format!("larger than {} KiB", MAX_BYTES / 1024)));
        }
        let document = DeTable::parse(text).map_err(|error| {
            PolicyError::new(text, error.span().unwrap_or(0..0), format!("not TOML: {}", one_line(error.message())))
        })?;
        // A later schema can have other keys, and the error would otherwise be about those.
        read_schema(text, document.get_ref())?;
        let lines = Lines::of(text);
        let root = Section::new(
            text,
            &lines,
            "the policy",
            0..0,
            document.get_ref(),
            &[
                "schema",
                "summary",
                "docs",
                "tool",
                "allow",
                "grant",
                "scope",
                "demand",
                "optional",
                "arguments",
                "exec",
                "file",
                "container",
            ],
        )?;
        let scope = read_scope::rules(&root)?;
        let policy = Self {
            summary: root.string("summary")?.unwrap_or_default().to_owned(),
            docs: root.string("docs")?.map(str::to_owned),
            tool: tool(&root)?,
            allow: allow(&root)?,
            grants: grants(&root, scope.enforce)?,
            scope,
            demands: demands(&root)?,
            optional: optional(&root)?,
            arguments: arguments(&root)?,
            exec: exec(&root)?,
            file: file(&root)?,
            container: container(&root)?,
        };
        refuse_scope_without_no_new_privs(&root, &policy)?;
        Ok(policy)
    }
}

fn read_schema(text: &str, root: &DeTable<'_>) -> Result<(), PolicyError> {
    let Some(value) = root.get("schema") else {
        let error = PolicyError::new(text, 0..0, "no `schema`: which format is this?");
        return Err(error.with_hint("write `schema = 1` on its first line"));
    };
    let wrong = match value.get_ref() {
        DeValue::Integer(number) => match schema::check(number.as_str()) {
            Ok(()) => return Ok(()),
            Err(wrong) => wrong,
        },
        _ => Wrong::NoNumber,
    };
    Err(PolicyError::new(text, value.span(), wrong.to_string()).with_hint(match wrong {
        Wrong::Newer => "install the capwrap that the policy was written for, or write the policy for `schema = 1`",
        _ => "write `schema = 1`",
    }))
}

fn tool(root: &Section) -> Result<Tool, PolicyError> {
    let known = ["path", "sha256", "owner", "group", "mode", "script"];
    let Some(section) = root.section("tool", "[tool]", &known)? else {
        return Err(root.whole("no [tool]: which file is run?").with_hint("write [tool] with `path = \"/…\"`"));
    };
    let paths = section.list("path", absolute_path)?;
    if paths.is_empty() {
        return Err(section.whole("[tool] without `path`: which file is run?"));
    }
    Ok(Tool {
        paths,
        sha256: section.one("sha256", digest)?,
        owner: section.one("owner", identity)?.unwrap_or(Identity::Id(0)),
        group: section.one("group", identity)?,
        mode: section.one("mode", mode_bits)?,
        script: section.boolean("script", false)?,
    })
}

fn allow(root: &Section) -> Result<Allow, PolicyError> {
    let nobody = "nobody is allowed";
    let hint = "write [allow] with `groups = [\"capwrap\"]`, or `users = [\"root\"]` for root alone";
    let known = ["users", "groups", "temporary", "until", "reason", "audit"];
    let Some(section) = root.section("allow", "[allow]", &known)? else {
        return Err(root.whole(nobody).with_hint(hint));
    };
    let allow = Allow {
        users: section.list("users", identity)?,
        groups: section.list("groups", identity)?,
        temporary: temporary(&section)?,
        until: until(&section)?.map(|(until, _)| until),
        reason: section.boolean("reason", false)?,
        audit_required: choice(&section, "audit", &[("optional", false), ("required", true)])?,
    };
    if !allow.names_somebody_for_good() && allow.temporary.is_empty() {
        return Err(section.whole(nobody).with_hint(hint));
    }
    Ok(allow)
}

fn temporary(allow: &Section) -> Result<Vec<Temporary>, PolicyError> {
    let name = "[[allow.temporary]]";
    let known = ["user", "until", "reason", "by"];
    let read = |section: &Section| {
        let Some(user) = section.one("user", identity)? else {
            return Err(section.whole(format!("{name} without `user`: who may run the tool?")));
        };
        let Some((until, written)) = until(section)? else {
            return Err(section
                .whole(format!("{name} without `until`: when does it end?"))
                .with_hint("write until = 2027-01-31T00:00:00Z, or name the user in `users`"));
        };
        let text = |key| Ok(section.string(key)?.map(str::to_owned));
        Ok(Temporary { line: section.line(), user, until, written, reason: text("reason")?, by: text("by")? })
    };
    allow.sections("temporary", name, &known)?.iter().map(read).collect()
}

/// An instant, in seconds since 1970 and as it is written.
fn until(section: &Section) -> Result<Option<(i64, String)>, PolicyError> {
    let Some(value) = section.get("until") else { return Ok(None) };
    let DeValue::Datetime(datetime) = value.get_ref() else {
        return Err(section
            .wrong_type(value, "until", "a date and time")
            .with_hint("write it without quotes, as in 2027-01-31T00:00:00Z"));
    };
    instant::unix_seconds(datetime).map(|seconds| Some((seconds, datetime.to_string()))).ok_or_else(|| {
        section
            .error(value.span(), "`until` names no instant without its time and its offset")
            .with_hint("write it as in 2027-01-31T00:00:00Z")
    })
}

fn grants(root: &Section, enforce: Enforce) -> Result<Vec<Grant>, PolicyError> {
    let others = ["mode", "caps", "when", "unless", "why"];
    root.sections("grant", "[[grant]]", &[&others[..], &GrantScope::KEYS].concat())?
        .iter()
        .map(|section| {
            let caps = section.capabilities("caps")?;
            Ok(Grant {
                line: section.line(),
                modes: section.list("mode", mode_name)?,
                caps,
                when: conditions(section)?,
                scope: read_scope::of_grant(section, caps, enforce)?,
                why: section.string("why")?.map(str::to_owned),
            })
        })
        .collect()
}

/// seccomp(2) and landlock_restrict_self(2): both need no_new_privs or CAP_SYS_ADMIN.
fn refuse_scope_without_no_new_privs(root: &Section, policy: &Policy) -> Result<(), PolicyError> {
    if policy.exec.no_new_privs || policy.grants.iter().all(|grant| grant.scope.is_empty()) {
        return Ok(());
    }
    let exec = root.section("exec", "[exec]", &EXEC_KEYS)?;
    let message = "a grant has a scope, and no_new_privs = false does not allow one";
    Err(exec.as_ref().unwrap_or(root).whole(message).with_hint("leave no_new_privs out"))
}

fn demands(root: &Section) -> Result<Vec<Demand>, PolicyError> {
    let others = ["unprivileged", "mode", "when", "unless", "why", "hint", "prepare"];
    root.sections("demand", "[[demand]]", &[&Need::KEYS[..], &others].concat())?
        .iter()
        .map(|section| {
            let need = need(section)?;
            let why = match section.string("why")? {
                Some(why) if !why.trim().is_empty() => why.to_owned(),
                _ => return Err(section.whole("a demand without `why`: what does the tool need it for?")),
            };
            Ok(Demand {
                line: section.line(),
                unprivileged: unprivileged(section, &need)?,
                modes: section.list("mode", mode_name)?,
                when: conditions(section)?,
                why,
                hint: section.string("hint")?.map(str::to_owned),
                prepare: prepare(section, &need)?,
                need,
            })
        })
        .collect()
}

/// What a demand is about: the one key of [`Need::KEYS`] that it has.
fn need(demand: &Section) -> Result<Need, PolicyError> {
    let mut given = demand.entries().into_iter().filter(|(key, _)| Need::KEYS.contains(&key.get_ref().as_ref()));
    let Some((key, value)) = given.next() else {
        return Err(demand
            .whole("a demand of nothing")
            .with_hint("write one of uid0 = true, readable = \"/…\", writable = \"/…\" and mounted = { type = \"…\", path = \"/…\" }"));
    };
    if let Some((other, _)) = given.next() {
        let message = format!("a demand of both `{}` and `{}`", key.get_ref(), other.get_ref());
        return Err(demand.error(other.span(), message).with_hint("write a [[demand]] for each of them"));
    }
    let path = |section: &Section, key: &str| {
        let Some(path) = section.one(key, absolute_path)? else {
            return Err(section.whole(format!("`mounted` without `{key}`")));
        };
        Ok(path)
    };
    match key.get_ref().as_ref() {
        "uid0" => match value.get_ref() {
            DeValue::Boolean(true) => Ok(Need::Uid0),
            DeValue::Boolean(false) => Err(demand
                .error(value.span(), "a demand of `uid0 = false`, which says nothing")
                .with_hint("write uid0 = true, or leave the demand out")),
            _ => Err(demand.wrong_type(value, "uid0", "true")),
        },
        "readable" => Ok(Need::Readable(path(demand, "readable")?)),
        "writable" => Ok(Need::Writable(path(demand, "writable")?)),
        _ => {
            let wanted = "write mounted = { type = \"tracefs\", path = \"/sys/kernel/tracing\" }";
            let section = demand.section("mounted", "mounted", &["type", "path"]);
            let section = section.map_err(|error| error.with_hint(wanted))?;
            let Some(section) = section else { return Err(demand.whole("a demand of nothing")) };
            let Some(kind) = section.one("type", file_system_type)? else {
                return Err(section.whole("`mounted` without `type`").with_hint(wanted));
            };
            Ok(Need::Mounted { kind, path: path(&section, "path")? })
        }
    }
}

fn unprivileged(demand: &Section, need: &Need) -> Result<bool, PolicyError> {
    match demand.get("unprivileged") {
        Some(value) if !need.is_about_access() => {
            let message = format!("`unprivileged` beside `{}`, which no capability makes true", need.key());
            Err(demand.error(value.span(), message).with_hint("leave `unprivileged` out"))
        }
        _ => demand.boolean("unprivileged", false),
    }
}

fn prepare(demand: &Section, need: &Need) -> Result<Option<Prepare>, PolicyError> {
    let Some(section) = demand.section("prepare", "prepare", &["directory", "mode"])? else { return Ok(None) };
    if !need.is_about_access() {
        let message = format!("`prepare` beside `{}`, which a directory does not make true", need.key());
        return Err(section.whole(message).with_hint("leave `prepare` out"));
    }
    let example = "write prepare = { directory = \"/run/NAME\", mode = \"0750\" }";
    match (section.one("directory", plain_path)?, section.one("mode", mode_of_prepared)?) {
        (Some(directory), Some(mode)) => Ok(Some(Prepare { directory, mode })),
        (None, _) => Err(section.whole("`prepare` without `directory`").with_hint(example)),
        (_, None) => Err(section.whole("`prepare` without `mode`").with_hint(example)),
    }
}

/// What must hold for a grant or a demand: each key of `when`, and of `unless` none.
fn conditions(grant: &Section) -> Result<Vec<Condition>, PolicyError> {
    let unless = table(grant, "unless")?.into_iter().map(|condition| Condition::Unless(Box::new(condition)));
    Ok(table(grant, "when")?.into_iter().chain(unless).collect())
}

fn table(grant: &Section, name: &'static str) -> Result<Vec<Condition>, PolicyError> {
    let known =
        ["kernel", "kernel_has", "kernel_lacks", "sysctl", "probe", "subcommand", "option", "value", "arg", "uid0"];
    let Some(section) = grant.section(name, name, &known)? else { return Ok(Vec::new()) };
    let mut conditions = Vec::new();
    for (key, value) in section.entries() {
        let key = key.get_ref().as_ref();
        conditions.push(match key {
            "kernel" => Condition::Kernel(section.list(key, version)?),
            "kernel_has" => Condition::KernelHas(section.list(key, capability)?),
            "kernel_lacks" => Condition::KernelLacks(section.list(key, capability)?),
            "probe" => Condition::Probe(section.list(key, probe)?),
            "subcommand" => Condition::Subcommand(section.list(key, word)?),
            "arg" => Condition::Argument(section.list(key, word)?),
            "uid0" => Condition::Uid0(section.boolean(key, true)?),
            "option" => {
                Condition::Option { names: section.list(key, option_name)?, values: section.list("value", word)? }
            }
            "value" if section.get("option").is_some() => continue,
            "value" => return Err(section.error(value.span(), "`value` without `option`: the value of what?")),
            _ => {
                conditions.extend(sysctls(&section)?);
                continue;
            }
        });
    }
    Ok(conditions)
}

fn sysctls(when: &Section) -> Result<Vec<Condition>, PolicyError> {
    let Some(value) = when.get("sysctl") else { return Ok(Vec::new()) };
    let DeValue::Table(table) = value.get_ref() else {
        return Err(when
            .wrong_type(value, "sysctl", "a table")
            .with_hint("write sysctl = { \"kernel.perf_event_paranoid\" = \">2\" }"));
    };
    table
        .iter()
        .map(|(name, value)| {
            sysctl_name(name.get_ref()).map_err(|fault| when.fault(name.span(), fault))?;
            Ok(Condition::Sysctl {
                name: name.get_ref().to_string(),
                values: when.list_of(value, "sysctl", comparison)?,
            })
        })
        .collect()
}

fn optional(root: &Section) -> Result<std::option::Option<Optional>, PolicyError> {
    root.section("optional", "[optional]", &["caps", "why"])?
        .map(|section| {
            Ok(Optional {
                line: section.line(),
                caps: section.capabilities("caps")?,
                why: section.string("why")?.map(str::to_owned),
            })
        })
        .transpose()
}

fn arguments(root: &Section) -> Result<std::option::Option<ArgumentRules>, PolicyError> {
    root.section("arguments", "[arguments]", &["with_value", "end"])?
        .map(|section| {
            let end = section.list("end", |text| match text {
                OPERAND => Ok(None),
                _ => option_name(text).map(Some).map_err(|fault| fault.with_hint(format!("or write {OPERAND:?}"))),
            })?;
            Ok(ArgumentRules {
                with_value: section.list("with_value", option_name)?,
                ends_at_operand: end.contains(&None),
                end: end.into_iter().flatten().collect(),
            })
        })
        .transpose()
}

fn exec(root: &Section) -> Result<Exec, PolicyError> {
    let Some(section) = root.section("exec", "[exec]", &EXEC_KEYS)? else { return Ok(Exec::default()) };
    let exec = Exec {
        deliver: choice(
            &section,
            "deliver",
            &[("ambient", Delivery::Ambient), ("inheritable", Delivery::Inheritable)],
        )?,
        no_new_privs: section.boolean("no_new_privs", true)?,
        children: choice(
            &section,
            "children",
            &[("any", Children::Any), ("none", Children::None), ("when-unprivileged", Children::WhenUnprivileged)],
        )?,
        bounding: choice(&section, "bounding", &[("keep", Bounding::Keep), ("drop", Bounding::Drop)])?,
        argv0: choice(&section, "argv0", &[("path", Argv0::Path), ("name", Argv0::Name)])?,
        env: environment(&section)?,
        limits: limits(&section)?,
    };
    if exec.children != Children::Any && !exec.no_new_privs {
        // seccomp(2): to install a filter, a process needs no_new_privs or CAP_SYS_ADMIN.
        return Err(section
            .whole("`children` is a seccomp filter unless it is \"any\", and no_new_privs = false does not allow one")
            .with_hint("leave no_new_privs out"));
    }
    Ok(exec)
}

impl Default for Exec {
    fn default() -> Self {
        Self {
            deliver: Delivery::Ambient,
            no_new_privs: true,
            children: Children::Any,
            bounding: Bounding::Keep,
            argv0: Argv0::Path,
            env: EnvironmentRules::default(),
            limits: Vec::new(),
        }
    }
}

fn environment(exec: &Section) -> Result<EnvironmentRules, PolicyError> {
    let Some(section) = exec.section("env", "env", &["keep", "set"])? else { return Ok(EnvironmentRules::default()) };
    let set = match section.get("set").map(|value| (value, value.get_ref())) {
        None => Vec::new(),
        Some((_, DeValue::Table(table))) => table
            .iter()
            .map(|(name, value)| {
                let name_read = variable(name.get_ref()).map_err(|fault| section.fault(name.span(), fault))?;
                Ok((name_read, section.as_string(value, "set")?.to_owned()))
            })
            .collect::<Result<_, PolicyError>>()?,
        Some((value, _)) => return Err(section.wrong_type(value, "set", "a table")),
    };
    Ok(EnvironmentRules { keep: section.list("keep", variable)?, set })
}

fn limits(exec: &Section) -> Result<Vec<(Resource, Limit)>, PolicyError> {
    let Some(section) = exec.section("limits", "limits", &RESOURCES)? else { return Ok(Vec::new()) };
    section
        .entries()
        .into_iter()
        .filter_map(|(name, value)| Resource::parse(name.get_ref()).map(|resource| (resource, value)))
        .map(|(resource, value)| match value.get_ref() {
            DeValue::String(text) if text == "unlimited" => Ok((resource, Limit::UNLIMITED)),
            DeValue::Integer(number) => match u64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) if number < u64::MAX => Ok((resource, Limit(number))),
                _ => Err(section.error(value.span(), format!("`{}` is no limit", resource.name()))),
            },
            _ => Err(section.wrong_type(value, resource.name(), "a number or \"unlimited\"")),
        })
        .collect()
}

fn file(root: &Section) -> Result<Option<FileCapabilities>, PolicyError> {
    let Some(section) = root.section("file", "[file]", &["caps"])? else { return Ok(None) };
    match section.one("caps", file_capabilities)? {
        Some(caps) => Ok(Some(caps)),
        None => Err(section.whole("[file] without `caps` says nothing")),
    }
}

fn container(root: &Section) -> Result<Option<Container>, PolicyError> {
    root.section("container", "[container]", &["image", "mounts", "pid", "net"])?
        .map(|section| {
            Ok(Container {
                image: section.string("image")?.map(str::to_owned),
                mounts: section.list("mounts", word)?,
                pid: section.string("pid")?.map(str::to_owned),
                net: section.string("net")?.map(str::to_owned),
            })
        })
        .transpose()
}

fn word(text: &str) -> Result<String, Fault> {
    Ok(text.to_owned())
}

/// A path that stands in a line of tmpfiles.d(5) for itself, where blanks, quotes, `%` and `\\` mean something else.
fn plain_path(text: &str) -> Result<PathBuf, Fault> {
    let path = absolute_path(text)?;
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._+-@:,=".contains(c));
    // A repeated or a last slash would make one directory look like two.
    if !is_plain || path.components().collect::<PathBuf>().as_os_str() != text {
        return Err(Fault::new("a directory that a line of tmpfiles.d cannot name as it is")
            .with_hint("letters, digits and ._+-@:,= between single slashes"));
    }
    Ok(path)
}

/// The mode of a directory that `enable --prepare` makes.
fn mode_of_prepared(text: &str) -> Result<u32, Fault> {
    let mode = mode_bits(text)?;
    if mode & 0o7002 != 0 {
        return Err(Fault::new(
            "a mode that lets everybody write, or that is more than the permissions of the directory",
        )
        .with_hint("write it as in \"0750\", or \"0770\" if the group is to write"));
    }
    Ok(mode)
}

fn file_system_type(text: &str) -> Result<String, Fault> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        Ok(text.to_owned())
    } else {
        Err(Fault::new("no type of a file system")
            .with_hint("write it as /proc/filesystems lists it, as in \"tracefs\""))
    }
}

fn digest(text: &str) -> Result<[u8; 32], Fault> {
    crate::text::hex::decode(text)
        .ok_or_else(|| Fault::new("no SHA-256: 64 hexadecimal digits").with_hint("write what `sha256sum` prints"))
}

impl Identity {
    /// Reads a name, or a number as in `#1001`; `None` if a policy could not have it.
    pub fn parse(text: &str) -> Option<Self> {
        identity(text).ok()
    }
}

fn identity(text: &str) -> Result<Identity, Fault> {
    let bad = || Fault::new("no name of a user or group").with_hint("write a name, or a number as in \"#1001\"");
    match text.strip_prefix('#') {
        // (uid_t)-1 means "leave it unchanged" to setresuid(2) and chown(2), so no user has it.
        Some(number) => match number.parse::<u32>() {
            Ok(id) if id != u32::MAX && number.chars().all(|c| c.is_ascii_digit()) => Ok(Identity::Id(id)),
            _ => Err(bad()),
        },
        None if text.is_empty() || text.contains(|c: char| c.is_control() || c.is_whitespace() || c == ':') => {
            Err(bad())
        }
        None => Ok(Identity::Name(text.to_owned())),
    }
}

fn mode_bits(text: &str) -> Result<u32, Fault> {
    match u32::from_str_radix(text, 8) {
        Ok(bits) if bits <= 0o7777 && text.chars().all(|c| c.is_digit(8)) => Ok(bits),
        _ => Err(Fault::new("no mode").with_hint("write it in octal, as in \"0750\"")),
    }
}

fn mode_name(text: &str) -> Result<String, Fault> {
    if is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(Fault::new("no name of a mode").with_hint("letters, digits and ._+-"))
    }
}

fn option_name(text: &str) -> Result<String, Fault> {
    if text.len() > 1 && text.starts_with('-') && text != "--" && !text.contains('=') {
        Ok(text.to_owned())
    } else {
        Err(Fault::new("no name of an option").with_hint("write it as the user types it, as in \"-m\" or \"--model\""))
    }
}

fn comparison(text: &str) -> Result<Comparison, Fault> {
    Comparison::parse(text).ok_or_else(|| {
        Fault::new("nothing to compare with").with_hint("write a value, or one of >= > <= < = != before it")
    })
}

fn version(text: &str) -> Result<Comparison, Fault> {
    Comparison::parse_version(text)
        .ok_or_else(|| Fault::new("no release to compare with").with_hint("write it as in \">=5.8\""))
}

fn probe(text: &str) -> Result<Probe, Fault> {
    Probe::parse(text).ok_or_else(|| Fault::not_one_of("probe", text, &Probe::NAMES))
}

fn sysctl_name(text: &str) -> Result<(), Fault> {
    let ok = text
        .split(['.', '/'])
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-:".contains(c)));
    if ok { Ok(()) } else { Err(Fault::new("no name of a sysctl").with_hint("write it as `sysctl -a` prints it")) }
}

fn variable(text: &str) -> Result<String, Fault> {
    let ok = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if ok { Ok(text.to_owned()) } else { Err(Fault::new("no name of an environment variable")) }
}

/// Reads setcap's notation with one clause, such as `cap_bpf,cap_perfmon=eip`.
fn file_capabilities(text: &str) -> Result<FileCapabilities, Fault> {
    FileCapabilities::parse(text).map_err(|error| match error {
        NotationError::Unknown(unknown) => unknown_capability(&unknown),
        other => Fault::new(format!("no capabilities of a file: {other}"))
            .with_hint("write it as for setcap, as in \"cap_bpf,cap_perfmon=eip\""),
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "schema = 1\ntool = { path = \"/t\" }\n";

    fn allowed(users: &str) -> Result<Vec<Identity>, PolicyError> {
        Policy::read(&format!("{HEAD}allow = {{ users = {users} }}\n")).map(|policy| policy.allow.users)
    }

    #[test]
    fn a_number_is_digits_that_the_kernel_has_for_a_user_and_nothing_else() {
        assert_eq!(allowed("[\"#0\", \"#4294967294\", \"alice\"]").unwrap().len(), 3);
        // (uid_t)-1 is no user (CVE-2019-14287), and a number that would wrap around is refused
        // (CVE-2018-19788).
        for bad in ["#-1", "#4294967295", "#4294967296", "#+0", "#", "#0x0", "# 0", "#1 ", "", "a b", "a:b", "a\\n"] {
            let error = allowed(&format!("[\"{bad}\"]")).unwrap_err();
            assert!(error.message.contains("no name of a user"), "{bad:?}: {error}");
        }
    }

    #[test]
    fn a_temporary_grant_has_a_user_and_an_end() {
        let granted = |lines: &str| {
            let text = format!("{HEAD}[[allow.temporary]]\n{lines}\n");
            Policy::read(&text).map(|policy| policy.allow.temporary)
        };
        let read = granted("user = \"alice\"\nuntil = 2027-01-31T00:00:00Z\nreason = \"r\"\nby = \"root\"").unwrap();
        assert_eq!((read[0].until, read[0].written.as_str()), (1_801_353_600, "2027-01-31T00:00:00Z"));
        assert_eq!((read[0].line, read[0].reason.as_deref(), read[0].by.as_deref()), (3, Some("r"), Some("root")));
        for (lines, message) in [
            ("until = 2027-01-31T00:00:00Z", "without `user`"),
            ("user = \"alice\"", "without `until`"),
            ("user = \"alice\"\nuntil = 2027-01-31T00:00:00", "names no instant"),
            ("user = \"alice\"\nuntil = \"tomorrow\"", "a date and time"),
            ("user = \"#-1\"\nuntil = 2027-01-31T00:00:00Z", "no name of a user"),
            ("user = \"alice\"\nuntil = 2027-01-31T00:00:00Z\nfor = \"2h\"", "for"),
        ] {
            let error = granted(lines).unwrap_err();
            assert!(error.message.contains(message), "{lines}: {error}");
        }
    }

    fn demanded(lines: &str) -> Result<Vec<Demand>, PolicyError> {
        let text = format!("{HEAD}allow = {{ users = [\"root\"] }}\n[[demand]]\n{lines}");
        Policy::read(&text).map(|policy| policy.demands)
    }

    #[test]
    fn a_demand_is_read_with_its_conditions_its_hint_and_what_to_prepare() {
        let read = demanded(
            "writable = \"/var/lib/x\"\nmode = \"m\"\nwhen = { kernel = \">=5\" }\nunless = { option = \"-a\" }\n\
             why = \"w\"\nhint = \"h\"\nprepare = { directory = \"/var/lib/x\", mode = \"0770\" }\n\
             [[demand]]\nuid0 = true\nwhy = \"w\"\n[[demand]]\nreadable = \"/etc/x\"\nwhy = \"w\"\n\
             [[demand]]\nmounted = { type = \"bpf\", path = \"/sys/fs/bpf\" }\nwhy = \"w\"\n",
        )
        .unwrap();
        let needs: Vec<String> = read.iter().map(|demand| demand.need.to_string()).collect();
        let expected =
            ["/var/lib/x is writable", "the tool runs as uid 0", "/etc/x is readable", "/sys/fs/bpf lies on bpf"];
        assert_eq!(needs, expected);
        let first = &read[0];
        assert!(
            !first.unprivileged
                && demanded("readable = \"/x\"\nunprivileged = true\nwhy = \"w\"\n").unwrap()[0].unprivileged
        );
        assert_eq!((first.line, first.when.len(), first.hint.as_deref()), (4, 2, Some("h")));
        assert_eq!((first.modes.as_slice(), first.why.as_str()), (&["m".to_owned()][..], "w"));
        assert_eq!(first.prepare, Some(Prepare { directory: "/var/lib/x".into(), mode: 0o770 }));
    }

    #[test]
    fn a_fault_in_a_demand_is_shown_at_its_place() {
        for (lines, place, message) in [
            ("why = \"w\"\n", (4, 1), "a demand of nothing"),
            ("uid0 = true\nwritable = \"/x\"\nwhy = \"w\"\n", (6, 1), "a demand of both `uid0` and `writable`"),
            ("uid0 = true\n", (4, 1), "without `why`"),
            ("uid0 = true\nwhy = \" \"\n", (4, 1), "without `why`"),
            ("uid0 = false\nwhy = \"w\"\n", (5, 8), "says nothing"),
            ("uid0 = 1\nwhy = \"w\"\n", (5, 8), "`uid0` wants true"),
            ("writable = \"x\"\nwhy = \"w\"\n", (5, 12), "a relative path"),
            ("readable = \"/x/../y\"\nwhy = \"w\"\n", (5, 12), "a path with `..`"),
            ("readable = \"/x\"\nwhi = \"w\"\n", (6, 1), "unknown key `whi`"),
            ("mounted = \"/x\"\nwhy = \"w\"\n", (5, 11), "`mounted` wants a table"),
            ("mounted = { type = \"bpf\" }\nwhy = \"w\"\n", (5, 11), "`mounted` without `path`"),
            ("mounted = { path = \"/x\" }\nwhy = \"w\"\n", (5, 11), "`mounted` without `type`"),
            ("mounted = { type = \"a b\", path = \"/x\" }\nwhy = \"w\"\n", (5, 20), "no type of a file system"),
            ("writable = \"/x\"\nwhen = { uid = true }\nwhy = \"w\"\n", (6, 10), "unknown key `uid`"),
            ("uid0 = true\nunprivileged = true\nwhy = \"w\"\n", (6, 16), "`unprivileged` beside `uid0`"),
            ("uid0 = true\nwhy = \"w\"\nprepare = { directory = \"/x\", mode = \"0750\" }\n", (7, 11), "beside `uid0`"),
        ] {
            let error = demanded(lines).unwrap_err();
            assert_eq!((error.line, error.column), place, "{error}");
            assert!(error.message.contains(message), "{error}");
        }
    }

    #[test]
    fn a_directory_is_prepared_only_where_one_line_of_tmpfiles_d_says_it_safely() {
        let with = |prepare: &str| demanded(&format!("writable = \"/x\"\nwhy = \"w\"\nprepare = {prepare}\n"));
        assert!(with("{ directory = \"/var/lib/my-tool.d\", mode = \"0770\" }").is_ok());
        for bad in ["x", "/a b", "/a%b", "/a\\\\b", "/a//b", "/a/", "/a/../b", "/é", "/", "/a'"] {
            assert!(with(&format!("{{ directory = \"{bad}\", mode = \"0770\" }}")).is_err(), "{bad}");
        }
        for bad in ["0777", "0772", "1770", "2770", "4755", "rwx", ""] {
            assert!(with(&format!("{{ directory = \"/x\", mode = \"{bad}\" }}")).is_err(), "{bad}");
        }
        assert!(with("{ directory = \"/x\" }").is_err() && with("{ mode = \"0750\" }").is_err());
    }

    #[test]
    fn a_fault_is_shown_on_one_line_with_its_place_whatever_the_file_holds() {
        let error = Policy::read("schema = 1\r\n\u{1b}[2J = 1\n").unwrap_err();
        assert_eq!(error.line, 2);
        assert!(!error.to_string().contains(['\n', '\r', '\u{1b}']), "{error:?}");
        let wide = Policy::read(&format!("schema = 1\n# ü\nü = {}\n", "1".repeat(500))).unwrap_err();
        assert!((wide.line, wide.column) == (3, 1) && wide.to_string().len() < 300, "{wide}");
    }

    #[test]
    fn what_nests_deeper_than_any_policy_is_an_error_and_no_overflow() {
        let many = if cfg!(miri) { 600 } else { 60_000 };
        let (brackets, keys, tables) = ("[".repeat(many), "a.".repeat(many / 2), "a = {a=".repeat(many / 8));
        for deep in ["a = ".to_owned() + &brackets, keys + "a = 1", tables] {
            assert!(Policy::read(&deep).is_err());
        }
    }
}
