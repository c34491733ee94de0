//! The programs for which `capwrap export` writes accept its output and pass what the policy grants. The tests run each
//! of them: systemd, runc, Podman, Compose, kubectl, the OCI's schema, setcap, Nix, and a linter for shell scripts.

use capwrap_core::decision::facts::{Facts, KernelVersion};
use capwrap_core::decision::for_any_arguments;
use capwrap_tests::packages::PROJECT;
use capwrap_tests::podman::Podman;
use capwrap_tests::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const TARGETS: [&str; 8] = ["systemd", "docker", "podman", "compose", "kubernetes", "oci", "setcap", "nixos"];
const GRANTED: &str = "cap_kill,cap_net_raw";
/// A variable's value that every launcher misreads unless it is quoted correctly.
const WORD: &str = "it's $HOME $(id) 50% \"x\" \\ y";

/// The names of the policies that capwrap ships.
fn shipped() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<String> = files.map(|path| path.to_str().unwrap().to_owned()).collect();
    // That one lists tools that have no policy.
    paths.retain(|path| path.ends_with(".toml") && !path.ends_with("/elsewhere.toml"));
    paths.sort();
    assert!(paths.len() > 10, "{paths:?}");
    paths
}

fn modes(path: &str) -> Vec<String> {
    let policy = capwrap_core::policy::Policy::read(&fs::read_to_string(path).unwrap()).unwrap();
    policy.modes().into_iter().map(str::to_owned).collect()
}

fn export(policy: &str, target: &str) -> String {
    exported(&[CAPWRAP, "export", policy, "--to", target])
}

fn exported(words: &[&str]) -> String {
    let run = root(words).run();
    assert!(run.ok() && run.stderr.is_empty(), "{run:?}");
    run.stdout
}

/// The output of a program that reads an export. It must succeed and print nothing on standard error.
#[track_caller]
fn taken(words: &[&str]) -> String {
    let run = root(words).run();
    assert!(run.ok(), "{words:?}: {run:?}");
    run.stdout
}

fn write(path: &str, text: &str) {
    fs::write(path, text).unwrap();
}

fn yaml(path: &str) -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    serde_json::from_str(&taken(&["/usr/bin/python3", "-c", script, path])).unwrap()
}

/// A policy of the witness that grants [`GRANTED`] and sets more than capabilities.
fn witness() -> Policy {
    let word = WORD.replace('\\', "\\\\").replace('"', "\\\"");
    let env = format!("env = {{ set = {{ WORD = \"{word}\" }} }}");
    Policy::witness(GRANTED, &format!("[exec]\n{env}\nlimits = {{ nofile = 512, nproc = 300 }}\n"))
}

/// Asserts that the witness had nothing but what the policy grants.
#[track_caller]
fn had_the_grant(witness: &Witness) {
    assert_eq!(witness.sets()[1..3], [mask(GRANTED); 2]);
    assert_eq!(witness.bounding(), mask(GRANTED));
    assert_eq!(witness.get("NoNewPrivs"), "1");
    // The witness escapes the values that it prints.
    assert_eq!(witness.env("WORD"), Some(WORD.escape_default().to_string().as_str()));
    assert_eq!(witness.limits["nofile"], "512 512");
    assert_eq!(witness.limits["core"], "0 0");
}

#[test]
fn a_real_systemd_hands_over_the_grant_and_no_more() {
    let (policy, folder) = (witness(), Folder::new());
    let drop_ins = folder.path("witness.service.d");
    fs::create_dir(&drop_ins).unwrap();
    write(&folder.path("start.target"), "[Unit]\nDefaultDependencies=no\nWants=witness.service\n");
    // The unit's own sets are wider, so the drop-in must replace them.
    write(
        &folder.path("witness.service"),
        &format!(
            "[Unit]\nDefaultDependencies=no\nSuccessAction=exit-force\nFailureAction=exit-force\n[Service]\n\
             Type=oneshot\nUser={MEMBER}\nExecStart={WITNESS}\nAmbientCapabilities=CAP_SYS_ADMIN\n\
             StandardOutput=file:{}\n",
            folder.path("said")
        ),
    );
    write(&folder.path("witness.service.d/capwrap.conf"), &export(&policy.name, "systemd"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("exporting/with-systemd");
    let run = root(&["timeout", "60", script.to_str().unwrap(), folder.0.to_str().unwrap()]).run();
    let said = fs::read_to_string(folder.path("said")).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    let witness = Witness::read(&said);
    assert_eq!(witness.sets(), [mask(GRANTED); 4]);
    had_the_grant(&witness);
}

#[test]
fn systemd_verifies_the_drop_in_of_every_shipped_policy() {
    for policy in shipped() {
        let folder = Folder::new();
        fs::create_dir(folder.path("t.service.d")).unwrap();
        write(&folder.path("t.service"), &format!("[Service]\nExecStart=/bin/true\nUser={MEMBER}\n"));
        write(&folder.path("t.service.d/capwrap.conf"), &export(&policy, "systemd"));
        let run = root(&["systemd-analyze", "verify", &folder.path("t.service")]).run();
        // What this machine's libseccomp has no name for, systemd says and ignores; a remark of the drop-in says so too.
        let said = run.stderr.lines().filter(|line| line.contains(folder.0.to_str().unwrap()));
        let amiss: Vec<&str> = said.filter(|line| !line.contains("Failed to parse system call, ignoring: ")).collect();
        assert!(run.ok() && amiss.is_empty(), "{policy}: {run:?}");
        let unit_path = format!("{}:", folder.0.to_str().unwrap());
        let security = root(&["systemd-analyze", "security", "--offline=yes", "--no-pager", "t.service"]);
        let said = security.env("SYSTEMD_UNIT_PATH", unit_path).run().stdout;
        assert!(said.contains("✓ CapabilityBoundingSet=~CAP_SYS_RAWIO"), "{policy}: {said}");
    }
}

#[test]
fn a_shell_linter_finds_nothing_in_any_script() {
    let folder = Folder::new();
    let mut files = Vec::new();
    for (at, policy) in shipped().iter().enumerate() {
        for target in ["docker", "podman", "setcap"] {
            files.push(folder.path(&format!("{at}.{target}")));
            write(files.last().unwrap(), &export(policy, target));
        }
    }
    let words: Vec<&str> = std::iter::once("shellcheck").chain(files.iter().map(String::as_str)).collect();
    taken(&words);
}

#[test]
fn compose_takes_the_services_of_all_shipped_policies_as_they_are() {
    let folder = Folder::new();
    // Compose merges the files of one call. One call for all saves time, because Compose takes seconds to start.
    let (mut words, mut given) = (vec!["/usr/bin/docker-compose".to_owned()], Vec::new());
    for (at, policy) in shipped().iter().enumerate() {
        let file = folder.path(&format!("{at}.yml"));
        write(&file, &export(policy, "compose"));
        given.push(yaml(&file));
        words.extend(["-f".to_owned(), file]);
    }
    words.push("config".to_owned());
    let run = root(&words.iter().map(String::as_str).collect::<Vec<_>>()).env("IMAGE", "named").run();
    assert!(run.ok(), "{run:?}");
    write(&folder.path("read.yml"), &run.stdout);
    let read = yaml(&folder.path("read.yml"));
    for (name, service) in given.iter().flat_map(|given| given["services"].as_object().unwrap()) {
        for key in ["cap_add", "cap_drop", "pid", "network_mode", "security_opt"] {
            assert_eq!(sorted(&service[key]), sorted(&read["services"][name][key]), "{name}: {key}");
        }
    }
    assert_eq!(read["services"].as_object().unwrap().len(), given.len());
}

/// The value with its lists sorted, because Compose prints lists in an order of its own.
fn sorted(value: &Value) -> Vec<String> {
    let mut items: Vec<String> =
        value.as_array().map_or(vec![value.to_string()], |items| items.iter().map(Value::to_string).collect());
    items.sort();
    items
}

/// Whether everything in `given` is in `read`, too.
fn kept(given: &Value, read: &Value) -> bool {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            given.iter().all(|(key, value)| read.get(key).is_some_and(|read| kept(value, read)))
        }
        (Value::Array(given), Value::Array(read)) => {
            given.len() == read.len() && given.iter().zip(read).all(|(given, read)| kept(given, read))
        }
        _ => given == read,
    }
}

#[test]
fn kubernetes_own_types_keep_every_field_of_every_pod() {
    for policy in shipped() {
        let folder = Folder::new();
        let file = folder.path("pod.yml");
        write(&file, &export(&policy, "kubernetes"));
        let mut given = yaml(&file);
        // kubectl reads the manifest into its own types, which have no field for an unknown key. It prints nothing if
        // nothing changes, so the image is changed.
        let image = format!("{}=changed", given["spec"]["containers"][0]["name"].as_str().unwrap());
        given["spec"]["containers"][0]["image"] = "changed".into();
        let read = taken(&["kubectl", "set", "image", "--local", "-f", &file, &image, "-o", "json"]);
        let read: Value = serde_json::from_str(&read).unwrap();
        assert!(kept(&given, &read), "{policy}: {given:#} {read:#}");
    }
}

#[test]
fn the_daemonset_for_nodes_has_exactly_what_the_probe_takes() {
    let file = format!("{PROJECT}/packaging/kubernetes/learn.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let (_, set) = text.split_once("---\n").unwrap();
    let folder = Folder::new();
    write(&folder.path("set.yml"), set);
    // kubectl's own types keep every field of it.
    let mut given = yaml(&folder.path("set.yml"));
    given["spec"]["template"]["spec"]["containers"][0]["image"] = "changed".into();
    let words = ["kubectl", "set", "image", "--local", "-f", &folder.path("set.yml"), "learn=changed", "-o", "json"];
    let read: Value = serde_json::from_str(&taken(&words)).unwrap();
    assert!(kept(&given, &read), "{given:#} {read:#}");
    done(&root(&[CAPWRAP, "diff", &file, "cap_bpf,cap_perfmon"]).run());
    // With these the watch of a cgroup works, and without one of them it does not.
    let cgroups = fs::read_to_string("/proc/self/mounts").unwrap();
    let cgroups = cgroups.lines().filter_map(|line| line.strip_prefix("cgroup2 ")).next_back().unwrap();
    let cgroup = cgroups.split(' ').next().unwrap();
    for (caps, works) in [("-all,+bpf,+perfmon", true), ("-all,+bpf", false), ("-all,+perfmon", false)] {
        let words = ["setpriv", "--bounding-set", caps, "--", CAPWRAP, "learn", "--cgroup", cgroup, "--for", "1s"];
        let run = root(&words).run();
        assert_eq!(run.ok(), works, "{caps}: {run:?}");
    }
}

#[test]
fn the_ocis_schema_takes_the_configuration_of_every_shipped_policy() {
    let schema = "/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema/config-schema.json";
    let script = "import json, sys, jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        resolver = jsonschema.RefResolver('file://' + sys.argv[1], schema)\n\
        validator = jsonschema.Draft4Validator(schema, resolver=resolver)\n\
        for path in sys.argv[2:]: validator.validate(json.load(open(path)))\n";
    let folder = Folder::new();
    let mut words = vec!["/usr/bin/python3".to_owned(), "-c".to_owned(), script.to_owned(), schema.to_owned()];
    for (at, policy) in shipped().iter().enumerate() {
        words.push(folder.path(&format!("{at}.json")));
        write(words.last().unwrap(), &export(policy, "oci"));
    }
    taken(&words.iter().map(String::as_str).collect::<Vec<_>>());
    // The validator does check the file: it refuses a set that is not a list.
    let wrong =
        fs::read_to_string(words.last().unwrap()).unwrap().replace("\"ambient\": [", "\"ambient\": 1, \"x\": [");
    write(words.last().unwrap(), &wrong);
    assert!(!root(&words.iter().map(String::as_str).collect::<Vec<_>>()).run().ok());
}

/// A directory of files in which the witness can run by itself.
fn files_of_the_witness(folder: &Folder) -> PathBuf {
    files_of(WITNESS, folder)
}

fn files_of(program: &str, folder: &Folder) -> PathBuf {
    let files = folder.0.join("rootfs");
    for part in ["proc", "dev", "sys", "tmp", "etc", TOOLS.trim_start_matches('/')] {
        fs::create_dir_all(files.join(part)).unwrap();
    }
    // A program that is linked dynamically needs its libraries there.
    let libraries = root(&["ldd", program]).run().stdout;
    let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    for path in libraries.chain([program]) {
        let path = path.trim_end_matches(':');
        let copy = files.join(&path[1..]);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(path, &copy).unwrap();
    }
    files
}

#[test]
fn runc_hands_over_the_grant_and_no_more() {
    let (policy, folder) = (witness(), Folder::new());
    files_of_the_witness(&folder);
    write(&folder.path("config.json"), &export(&policy.name, "oci"));
    let name = format!("capwrap-{}", std::process::id());
    let run = root(&["runc", "run", &name]).dir(&folder.0).run();
    root(&["runc", "delete", "--force", &name]).run();
    let witness = run.witness();
    assert_eq!(witness.sets(), [mask(GRANTED); 4]);
    had_the_grant(&witness);
}

#[test]
fn podman_hands_over_the_grant_and_no_more() {
    let (policy, folder) = (witness(), Folder::new());
    let files = files_of_the_witness(&folder);
    let podman = Podman::new();
    podman.import(files.to_str().unwrap(), "localhost/witness");
    write(&folder.path("exported"), &export(&policy.name, "podman"));
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", podman.folder());
    let run = root(&["sh", &folder.path("exported")]).env("PATH", path).env("IMAGE", "localhost/witness").run();
    // `-it` asks for a terminal, which ends lines with a carriage return.
    assert!(run.ok(), "{run:?}");
    had_the_grant(&Witness::read(&run.stdout.replace('\r', "")));
}

/// What attempts of a tool say within a scope.
type Expected = &'static [(&'static str, &'static str)];

/// A policy that scopes, and what its tool may do. Both as `tests/tests/scoping.rs` has them for a launch by capwrap.
const ICMP: &str = "[[grant]]\ncaps = \"cap_net_raw\"\nthrough = \"socket:raw-icmp\"\n";
const BY_ICMP: Expected = &[
    ("fork", "ok"),
    ("thread", "ok"),
    ("icmp", "ok"),
    ("icmp6", "ok"),
    ("udp", "ok"),
    ("reuse", "ok"),
    ("packet", "EPERM"),
    ("packet-cloexec", "EPERM"),
    ("packet-old", "EPERM"),
    ("packet-high-argument", "EPERM"),
    ("packet-by-ring", "EPERM"),
    ("tcp", "EPERM"),
    ("tcp6", "EPERM"),
    ("any", "EPERM"),
    ("own-header", "EPERM"),
    ("own-header6-raw", "EPERM"),
    ("clone3-uts", "ENOSYS"),
    ("clone-uts", "EPERM"),
    ("unshare", "EPERM"),
    ("ring", "EPERM"),
    ("ring-of-others", "EPERM"),
    ("take-descriptor", "EPERM"),
    ("new-call", "ENOSYS"),
];
const COUNTERS: &str = "[[grant]]\ncaps = \"cap_sys_admin\"\nthrough = \"perf_event_open\"\n";
const BY_COUNTERS: Expected = &[
    ("fork", "ok"),
    ("thread", "ok"),
    ("exec", "ok"),
    ("size-of-pipe", "ok"),
    ("perf", "ok"),
    ("perf-enable", "ok"),
    ("bpf-map", "EPERM"),
    ("mount", "EPERM"),
    ("fsopen", "EPERM"),
    ("unshare", "EPERM"),
    ("clone-uts", "EPERM"),
    ("clone3-uts", "ENOSYS"),
    ("setns", "EPERM"),
    ("hostname", "EPERM"),
    ("swapoff", "EPERM"),
    ("fanotify", "EPERM"),
    ("ring", "EPERM"),
    ("trace", "EPERM"),
    ("take-descriptor", "EPERM"),
];

fn attempts(folder: &Folder, grants: &str) -> Policy {
    let tool = folder.copy(env!("CARGO_BIN_EXE_attempts"), "attempts");
    Policy::new(&format!(
        "schema = 1\n\n[tool]\npath = \"{tool}\"\n\n[allow]\ngroups = [\"capwrap\"]\n\n{grants}\n\
                          [exec]\nlimits = {{ nofile = 512, nproc = 300 }}\n"
    ))
}

#[track_caller]
fn said_as_expected(said: &str, expected: &[(&str, &str)]) {
    let expected: Vec<String> = expected.iter().map(|(name, answer)| format!("{name}: {answer}")).collect();
    assert_eq!(said.replace('\r', "").lines().collect::<Vec<_>>(), expected);
}

#[test]
fn podman_with_the_seccomp_profile_refuses_what_a_scope_refuses() {
    for (grants, expected) in [(ICMP, BY_ICMP), (COUNTERS, BY_COUNTERS)] {
        let folder = Folder::new();
        let policy = attempts(&folder, grants);
        let files = files_of(&folder.path("attempts"), &folder);
        fs::create_dir_all(files.join("bin")).unwrap();
        let podman = Podman::new();
        podman.import(files.to_str().unwrap(), "localhost/attempts");
        let profile = folder.path("it's.json");
        let script = exported(&[CAPWRAP, "export", &policy.name, "--to", "podman", "--seccomp", &profile]);
        assert!(script.contains("\n# - The profile /"), "{script}");
        write(&folder.path("exported"), &script);
        taken(&["shellcheck", &folder.path("exported")]);
        // The image has no other program to execute.
        let expected: Vec<(&str, &str)> = expected.iter().copied().filter(|(name, _)| *name != "exec").collect();
        let names = expected.iter().map(|(name, _)| *name);
        let script = folder.path("exported");
        let words: Vec<&str> = ["sh", &script].into_iter().chain(names).collect();
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", podman.folder());
        let run = root(&words).env("PATH", path).env("IMAGE", "localhost/attempts").run();
        assert!(run.ok(), "{run:?}");
        said_as_expected(&run.stdout, &expected);
    }
}

#[test]
fn runc_refuses_what_a_scope_refuses() {
    let folder = Folder::new();
    let policy = attempts(&folder, ICMP);
    files_of(&folder.path("attempts"), &folder);
    let mut config: Value = serde_json::from_str(&export(&policy.name, "oci")).unwrap();
    let args = config["process"]["args"].as_array_mut().unwrap();
    args.extend(BY_ICMP.iter().map(|(name, _)| Value::from(*name)));
    write(&folder.path("config.json"), &config.to_string());
    let name = format!("capwrap-scope-{}", std::process::id());
    let run = root(&["runc", "run", &name]).dir(&folder.0).run();
    root(&["runc", "delete", "--force", &name]).run();
    assert!(run.ok(), "{run:?}");
    said_as_expected(&run.stdout, BY_ICMP);
}

#[test]
fn a_service_of_systemd_is_refused_what_a_scope_refuses() {
    let ports = "[[grant]]\ncaps = \"cap_net_bind_service\"\nports = \"tcp/443\"\n";
    // systemd compares no arguments: what a scope refuses in part alone is not in these.
    let in_part =
        ["tcp", "tcp6", "any", "packet-old", "own-header", "own-header6-raw", "new-call", "unshare", "clone-uts"];
    let by_icmp = BY_ICMP.iter().filter(|(name, _)| !in_part.contains(name));
    let by_icmp = by_icmp.map(|(name, answer)| {
        // RestrictAddressFamilies= has its own error.
        let of_family = ["packet", "packet-cloexec", "packet-high-argument"].contains(name);
        (*name, if of_family { "EAFNOSUPPORT" } else { *answer })
    });
    let by_counters = BY_COUNTERS.iter().copied().filter(|(name, _)| *name != "bpf-map" || !in_part.contains(name));
    // Debian 12 builds systemd without the programs that refuse ports, and the export says so.
    let has_programs = root(&["systemctl", "--version"]).run().stdout.contains("+BPF_FRAMEWORK");
    let refused = if has_programs { "EPERM" } else { "ok" };
    let by_ports = [("bind-443", "ok"), ("bind-any", "ok"), ("bind-444", refused), ("bind-8443", refused)];
    for (grants, expected) in
        [(ICMP, by_icmp.collect::<Vec<_>>()), (COUNTERS, by_counters.collect()), (ports, by_ports.to_vec())]
    {
        let folder = Folder::new();
        let policy = attempts(&folder, grants);
        fs::create_dir(folder.path("attempts.service.d")).unwrap();
        write(&folder.path("start.target"), "[Unit]\nDefaultDependencies=no\nWants=attempts.service\n");
        let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
        write(
            &folder.path("attempts.service"),
            &format!(
                "[Unit]\nDefaultDependencies=no\nSuccessAction=exit-force\nFailureAction=exit-force\n[Service]\n\
                 Type=oneshot\nUser={MEMBER}\nExecStart={} {}\nStandardOutput=file:{}\n",
                folder.path("attempts"),
                names.join(" "),
                folder.path("said")
            ),
        );
        write(&folder.path("attempts.service.d/capwrap.conf"), &export(&policy.name, "systemd"));
        let verified = root(&["systemd-analyze", "verify", &folder.path("attempts.service")]).run();
        // An old libseccomp does not know the names of young calls, and the export says so.
        let unknown =
            |line: &&str| line.contains("capwrap.conf") && !line.contains("Failed to parse system call, ignoring");
        assert!(verified.ok() && verified.stderr.lines().all(|line| !unknown(&line)), "{verified:?}");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("exporting/with-systemd");
        let run = root(&["timeout", "60", script.to_str().unwrap(), folder.0.to_str().unwrap()]).run();
        let said = fs::read_to_string(folder.path("said")).unwrap_or_else(|error| panic!("{error}: {run:?}"));
        said_as_expected(&said, &expected);
    }
}

#[test]
fn setcap_gives_the_grant_to_who_may_execute_the_file() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "it's a tool");
    let policy = Policy::tool(&tool, GRANTED, "");
    write(&folder.path("script"), &export(&policy.name, "setcap"));
    taken(&["sh", &folder.path("script")]);
    let witness = user(STRANGER, &[&tool]).run().witness();
    assert_eq!(witness.sets(), [0, mask(GRANTED), mask(GRANTED), 0]);
}

#[test]
fn a_link_is_exported_to_setcap_as_the_file_behind_it() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "real");
    std::os::unix::fs::symlink("real", folder.path("link")).unwrap();
    let policy = Policy::tool(&folder.path("link"), GRANTED, "");
    let script = export(&policy.name, "setcap");
    assert!(script.contains("/link is a link to this file"), "{script}");
    write(&folder.path("script"), &script);
    taken(&["sh", &folder.path("script")]);
    let witness = user(STRANGER, &[&tool]).run().witness();
    assert_eq!(witness.sets(), [0, mask(GRANTED), mask(GRANTED), 0]);
}

#[test]
fn nix_evaluates_the_module_of_every_shipped_policy() {
    for policy in shipped() {
        let folder = Folder::new();
        let (file, name) =
            (folder.path("module.nix"), Path::new(&policy).file_stem().unwrap().to_str().unwrap().to_owned());
        write(&file, &export(&policy, "nixos"));
        let expression = format!("(import {file}) {{ pkgs.\"{name}\" = \"/nix/store/x\"; }}");
        let said = root(&["nix-instantiate", "--eval", "--strict", "--json", "-E", &expression])
            .env("NIX_STORE_DIR", folder.path("store"))
            .env("NIX_STATE_DIR", folder.path("state"))
            .env("NIX_LOG_DIR", folder.path("log"))
            .env("HOME", folder.path("home"))
            .run();
        assert!(said.ok(), "{policy}: {said:?}");
        let read: Value = serde_json::from_str(&said.stdout).unwrap();
        let wrapper = &read["security"]["wrappers"][&name];
        let caps = wrapper["capabilities"].as_str().unwrap().strip_suffix("+ep").unwrap();
        assert!(mask(caps) != 0);
        assert_eq!(wrapper["owner"], "root");
        assert_ne!(wrapper["permissions"], "u+rx,g+x,o+x");
    }
}

#[test]
fn each_export_read_back_has_no_difference() {
    let folder = Folder::new();
    for policy in shipped() {
        let named = modes(&policy);
        let modes = std::iter::once(None).chain(named.iter().map(|mode| Some(mode.as_str())));
        for mode in modes {
            let mode: Vec<&str> = mode.map_or(Vec::new(), |mode| vec!["--mode", mode]);
            for target in TARGETS {
                let file = folder.path(target);
                let to = [CAPWRAP, "export", &policy, "--to", target, "--output", &file];
                assert_eq!(exported(&[&to[..], &mode].concat()), "");
                let run = root(&[&[CAPWRAP, "diff", "--json", &policy, &file][..], &mode].concat()).run();
                assert!(run.code <= 1 && run.stderr.is_empty(), "{policy} {mode:?} {target}: {run:?}");
                let read: Value = serde_json::from_str(&run.stdout).unwrap();
                // What systemd cannot say of system calls and what engines refuse besides are the differences of a scope.
                let is_of_a_scope = |one: &Value| one["name"].as_str().unwrap().starts_with("calls refused");
                let stated = read["stated"].as_array().unwrap();
                let is_scoped =
                    ["systemd", "oci"].contains(&target) && read["a"]["stated"].get("calls refused").is_some();
                assert!(
                    stated.iter().all(|one| is_scoped && is_of_a_scope(one)),
                    "{policy} {mode:?} {target}: {run:?}"
                );
                let [in_a, in_b] = ["only_in_a", "only_in_b"].map(|key| read[key].as_array().unwrap().is_empty());
                assert!(in_a && in_b, "{policy} {mode:?} {target}: {run:?}");
            }
        }
    }
    // A difference is found, so the comparison does work.
    let wider = fs::read_to_string(folder.path("systemd")).unwrap() + "AmbientCapabilities=CAP_SYS_BOOT\n";
    write(
        &folder.path("systemd"),
        &wider.replace("CapabilityBoundingSet=CAP", "CapabilityBoundingSet=CAP_SYS_BOOT CAP"),
    );
    let run = root(&[CAPWRAP, "diff", shipped().last().unwrap(), &folder.path("systemd")]).run();
    assert_eq!(run.code, 1, "{run:?}");
}

#[test]
fn each_export_says_what_the_tool_needs_besides_capabilities() {
    let demanding = shipped().into_iter().find(|path| path.ends_with("/bpfman.toml")).unwrap();
    let plain = shipped().into_iter().find(|path| path.ends_with("/ping.toml")).unwrap();
    for target in TARGETS {
        // A comment breaks lines, and the JSON of the OCI does not.
        let words =
            |policy: &str| export(policy, target).replace("\n#", " ").split_whitespace().collect::<Vec<_>>().join(" ");
        let text = words(&demanding);
        for need in ["/run/bpfman is writable; bpfman keeps", "/etc/bpfman/programs.d is readable; bpfman makes"] {
            assert!(text.contains(need), "{target}: {text}");
        }
        assert!(!words(&plain).contains("needs besides"), "{target}");
    }
}

#[test]
fn the_kernel_that_is_named_decides_what_is_exported() {
    let ecapture = shipped().into_iter().find(|path| path.ends_with("/ecapture.toml")).unwrap();
    let old = exported(&[CAPWRAP, "export", &ecapture, "--to", "docker", "--mode", "text", "--kernel", "4.19"]);
    assert!(old.contains("--cap-add=SYS_ADMIN") && !old.contains("--cap-add=BPF"), "{old}");
    assert!(old.contains("Decided for Linux 4.19.0"), "{old}");
    let policy = capwrap_core::policy::Policy::read(&fs::read_to_string(&ecapture).unwrap()).unwrap();
    let kernel = KernelVersion { major: 4, minor: 19, patch: 0 };
    let facts = Facts { kernel, last_capability: 37, ..Facts::default() };
    let expected = for_any_arguments(&policy, &facts, Some("text")).iter().count();
    assert_eq!(old.matches("--cap-add=").count(), expected);
}

#[test]
fn what_cannot_be_exported_is_refused_in_one_line() {
    let export = |words: &[&str]| root(&[&[CAPWRAP, "export"], words].concat()).run();
    export(&["ecaptur", "--to", "docker"]).refused(&["no policy", "ecapture"]);
    let nothing = Policy::witness("", "[optional]\ncaps = [\"cap_kill\"]\n");
    export(&[&nothing.name, "--to", "docker"]).refused(&["nothing to export", "capwrap explain"]);
    let some = Policy::witness("cap_kill", "");
    export(&[&some.name, "--to", "docker", "--mode", "x"]).refused(&["mode"]);
    export(&[&some.name, "--to", "dokcer"]).refused(&["dokcer"]);
    let odd = Policy::witness("cap_kill", "[container]\nmounts = [\"relative:/x\"]\n");
    export(&[&odd.name, "--to", "docker"]).refused(&["cannot export the mount", "relative:/x"]);
}

#[test]
fn an_export_that_cannot_be_written_leaves_nothing() {
    let (policy, folder) = (witness(), Folder::new());
    let file = folder.path("none/there");
    let run = root(&[CAPWRAP, "export", &policy.name, "--to", "oci", "--output", &file]).run();
    run.refused(&["cannot write", "none/there"]);
    assert!(!Path::new(&file).exists());
}
