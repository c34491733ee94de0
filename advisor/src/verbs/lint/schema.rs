//! The JSON schema of policy files, for editors that complete and check TOML.
//!
//! The schema states as much of the format as a JSON schema can. `lint` finds contradictions within a policy.

use capwrap_core::policy::demand::Need;
use capwrap_core::scope::door;
use capwrap_core::scope::table::{self, PARAMETERS};
use capwrap_core::{Capability, TABLE};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The schema as text.
pub fn text() -> Result<String, serde_json::Error> {
    crate::output::json::pretty(&schema_for!(Policy))
}

/// A capwrap policy: which capabilities a tool gets, and who may run it. See capwrap.toml(5).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Policy {
    /// The format: 1.
    #[schemars(range(min = 1, max = 1))]
    schema: u32,
    /// What the tool is, for people; and, where it matters, what the policy grants.
    summary: Option<String>,
    /// Where the tool's own documentation speaks of privileges.
    docs: Option<String>,
    tool: Tool,
    allow: Allow,
    /// Capabilities, each with its condition: the union of those that hold is passed to the tool.
    grant: Option<Vec<Grant>>,
    scope: Option<Scope>,
    /// What the tool needs besides capabilities: reported where it does not hold, and never enforced.
    demand: Option<Vec<Demand>>,
    optional: Option<Optional>,
    arguments: Option<Arguments>,
    exec: Option<Exec>,
    file: Option<FileCapabilities>,
    container: Option<Container>,
}

/// Which file is run, and what must be true of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Tool {
    /// Absolute paths; the first that exists is run.
    path: OneOrMany<AbsolutePath>,
    /// The SHA-256 of its content.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"))]
    sha256: Option<String>,
    /// Its owner: a name, or a number as in #1001. Root unless named.
    owner: Option<String>,
    /// Its group.
    group: Option<String>,
    /// The most permissive mode that it may have, in octal.
    #[schemars(regex(pattern = "^[0-7]{1,5}$"))]
    mode: Option<String>,
    /// Whether it may be a #! script.
    script: Option<bool>,
}

/// Who may run the tool, until when, and what is demanded of them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Allow {
    /// Users: local names, or numbers as in #1001.
    users: Option<OneOrMany<String>>,
    /// Groups whose members may.
    groups: Option<OneOrMany<String>>,
    /// Users who may run it for a time, as `capwrap grant` writes them.
    temporary: Option<Vec<Temporary>>,
    /// After this instant nobody may: a date and time with an offset.
    until: Option<Instant>,
    /// Whether --reason is demanded.
    reason: Option<bool>,
    /// Whether a launch is refused unless its record is on the disk.
    audit: Option<Audit>,
}

/// A user who may run the tool until an instant.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Temporary {
    /// A local name, or a number as in #1001.
    user: String,
    /// From this instant on the user may not: a date and time with an offset.
    until: Instant,
    /// Why the user was allowed.
    reason: Option<String>,
    /// Who allowed it.
    by: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
enum Audit {
    Optional,
    Required,
}

/// Capabilities that are granted when every condition of `when` holds and none of `unless`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Grant {
    caps: OneOrMany<CapabilityName>,
    /// Modes that it serves: chosen with --mode, or by the conditions on arguments.
    mode: Option<OneOrMany<String>>,
    when: Option<When>,
    /// The keys of `when`: the grant holds where none of them does.
    unless: Option<When>,
    /// The doors that stay open: system calls, or named parts of them, as in perf_event_open and socket:raw-icmp.
    through: Option<OneOrMany<DoorName>>,
    /// The files and directories to which cap_dac_read_search, cap_dac_override or cap_mknod opens the way.
    beneath: Option<OneOrMany<AbsolutePath>>,
    /// The ports that cap_net_bind_service may bind, as in tcp/443.
    ports: Option<OneOrMany<PortName>>,
    /// What the tool needs them for.
    why: Option<String>,
}

/// How the scopes of the grants (through, beneath, ports) are enforced.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Scope {
    /// required: no launch where a scope cannot be enforced in full. if-possible: what is missing is named.
    enforce: Option<EnforceWord>,
    /// What stays open beside beneath, as far as the user may open it: system, what programs need; or none.
    preset: Option<PresetWord>,
    /// Files and directories that stay readable besides.
    readable: Option<OneOrMany<AbsolutePath>>,
    /// Files and directories that stay writable besides.
    writable: Option<OneOrMany<AbsolutePath>>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[allow(dead_code)]
enum EnforceWord {
    Required,
    IfPossible,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
enum PresetWord {
    System,
    None,
}

/// What the tool needs and no capability gives: one of uid0, readable, writable and mounted.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = exactly_one_need)]
#[allow(dead_code)]
struct Demand {
    /// The tool runs as root.
    #[schemars(extend("const" = true))]
    uid0: Option<bool>,
    /// The tool can read this file, or list this directory.
    readable: Option<AbsolutePath>,
    /// The tool can write this file, or make files in this directory.
    writable: Option<AbsolutePath>,
    /// The path lies on a file system of this type.
    mounted: Option<Mounted>,
    /// With readable or writable: the tool has dropped its capabilities by then, so that they do not help.
    unprivileged: Option<bool>,
    /// Modes that it is for: chosen with --mode, or by the conditions on arguments.
    mode: Option<OneOrMany<String>>,
    when: Option<When>,
    /// The keys of `when`: it is demanded where none of them holds.
    unless: Option<When>,
    /// What the tool needs it for.
    why: String,
    /// What the user or the administrator can do.
    hint: Option<String>,
    /// A directory that `capwrap enable --prepare` makes.
    prepare: Option<Prepare>,
}

/// Requires one of the keys that say what a demand is about, which a struct cannot.
fn exactly_one_need(schema: &mut Schema) {
    let one: Vec<_> = Need::KEYS.iter().map(|key| serde_json::json!({ "required": [key] })).collect();
    schema.insert("oneOf".to_owned(), one.into());
}

/// A file system of this type, at this path.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Mounted {
    /// As /proc/filesystems lists it, as in tracefs.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    r#type: String,
    path: AbsolutePath,
}

/// A directory of root's, with the group of the policy's [allow].
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Prepare {
    /// The directory.
    #[schemars(regex(pattern = "^(/[A-Za-z0-9._+@:,=-]+)+$"))]
    directory: String,
    /// Its mode in octal, without a right to write for everybody.
    #[schemars(regex(pattern = "^0*[0-7]{0,2}[0145]$"))]
    mode: String,
}

/// All that are given must hold; of a list one is enough.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct When {
    /// The kernel's release, as in >=5.11.
    kernel: Option<OneOrMany<String>>,
    /// The kernel knows the capability.
    kernel_has: Option<OneOrMany<CapabilityName>>,
    /// The kernel does not know it.
    kernel_lacks: Option<OneOrMany<CapabilityName>>,
    /// Settings by their dotted names, as in kernel.perf_event_paranoid = ">2".
    sysctl: Option<BTreeMap<String, OneOrMany<String>>>,
    /// What the kernel answers when it is tried.
    probe: Option<OneOrMany<Probe>>,
    /// The first argument that is no option.
    subcommand: Option<OneOrMany<String>>,
    /// An option, dashes included.
    option: Option<OneOrMany<String>>,
    /// With `option`: its values that count.
    value: Option<OneOrMany<String>>,
    /// Any argument, whole.
    arg: Option<OneOrMany<String>>,
    /// Whether the caller is uid 0.
    uid0: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[allow(dead_code)]
enum Probe {
    PerfUprobeNeedsSysAdmin,
}

/// What the caller may add with --add.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Optional {
    caps: OneOrMany<CapabilityName>,
    /// What they are good for.
    why: Option<String>,
}

/// How the tool reads its arguments: conditions then read them in the same way.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Arguments {
    /// The options that take a value, dashes included.
    with_value: Option<OneOrMany<String>>,
    /// What ends the tool's own arguments: options, or "operand" for the first argument that is no option.
    end: Option<OneOrMany<String>>,
}

/// How the tool is run.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Exec {
    /// ambient: any tool, and all that it starts. inheritable: only the tool's marked file.
    deliver: Option<Deliver>,
    /// Whether no_new_privs is set; true unless said.
    no_new_privs: Option<bool>,
    /// none: the tool may start no other program. when-unprivileged: only if it is passed no capability.
    children: Option<Children>,
    /// drop: only the grant survives in the bounding set.
    bounding: Option<Bounding>,
    /// path: the tool finds its path in argv[0]. name: the policy's name.
    argv0: Option<Argv0>,
    env: Option<Environment>,
    limits: Option<Limits>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
enum Deliver {
    Ambient,
    Inheritable,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[allow(dead_code)]
enum Children {
    Any,
    None,
    WhenUnprivileged,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
enum Bounding {
    Keep,
    Drop,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code)]
enum Argv0 {
    Path,
    Name,
}

/// What reaches the tool's environment besides what always does.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Environment {
    /// Variables of the caller that pass.
    keep: Option<OneOrMany<String>>,
    /// Variables with values of the policy's own.
    set: Option<BTreeMap<String, String>>,
}

/// Capabilities that the tool's own file carries, for those who use setcap alone.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct FileCapabilities {
    /// In setcap's notation, as in cap_bpf,cap_perfmon=eip.
    caps: String,
}

/// What a container needs besides the capabilities.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Container {
    /// The image.
    image: Option<String>,
    /// As SOURCE:TARGET[:OPTIONS].
    mounts: Option<OneOrMany<String>>,
    /// The process namespace, as in host.
    pid: Option<String>,
    /// The network namespace, as in host.
    net: Option<String>,
}

/// One value, or a list of them.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// A path from / on.
struct AbsolutePath;

impl JsonSchema for AbsolutePath {
    fn schema_name() -> Cow<'static, str> {
        "AbsolutePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^/", "description": "A path from / on." })
    }
}

/// A door: one that the table has, or one with a parameter, as in kill:HUP.
struct DoorName;

impl JsonSchema for DoorName {
    fn schema_name() -> Cow<'static, str> {
        "Door".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut names: Vec<&str> =
            Capability::all().flat_map(door::names).chain(table::rows().iter().map(|row| row.call)).collect();
        names.sort_unstable();
        names.dedup();
        let prefixes: Vec<&str> = PARAMETERS.iter().map(|parameter| parameter.prefix).collect();
        let pattern = format!("^({}):[A-Za-z0-9:]+$", prefixes.join("|"));
        json_schema!({
            "anyOf": [{ "enum": names }, { "type": "string", "pattern": pattern }],
            "description": "A door, as in perf_event_open, socket:raw-icmp or kill:HUP.",
        })
    }
}

/// A port with its protocol.
struct PortName;

impl JsonSchema for PortName {
    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^tcp/[1-9][0-9]{0,4}$", "description": "A port, as in tcp/443." })
    }
}

/// A date and time with an offset. TOML has a type for it, which editors take for a string.
struct Instant;

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A capability: offered as `cap_bpf`, read in any case and without the prefix.
struct CapabilityName;

impl JsonSchema for CapabilityName {
    fn schema_name() -> Cow<'static, str> {
        "Capability".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
        let bare: Vec<&str> = names.iter().map(|name| &name[4..]).collect();
        let pattern =
            format!("^([cC][aA][pP]_)?({})$", bare.iter().map(|name| any_case(name)).collect::<Vec<_>>().join("|"));
        json_schema!({
            "anyOf": [{ "enum": names }, { "type": "string", "pattern": pattern }],
            "description": "A capability, as in cap_bpf.",
        })
    }
}

/// A pattern that matches a name in any case, because JSON schemas have no flag for this.
fn any_case(name: &str) -> String {
    name.chars().map(|c| if c == '_' { "_".to_owned() } else { format!("[{c}{}]", c.to_ascii_uppercase()) }).collect()
}

/// Limits by the kernel's names in lower case: a number, or unlimited.
struct Limits;

impl JsonSchema for Limits {
    fn schema_name() -> Cow<'static, str> {
        "Limits".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let limit = serde_json::json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": "unlimited" }] });
        let properties: serde_json::Map<_, _> =
            capwrap_core::policy::limits::RESOURCES.iter().map(|name| ((*name).to_owned(), limit.clone())).collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}
