//! `capwrap diff`: shows what one side has and the other lacks.

use capwrap_tests::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

fn diff(a: &str, b: &str) -> (i32, Value) {
    let run = capwrap(&["diff", "--json", a, b]).run();
    assert!(run.stderr.is_empty(), "{run:?}");
    (run.code, serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}")))
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

/// A file that everyone may read. It is removed when it is dropped.
struct File(String);

impl File {
    fn new(name: &str, text: &str) -> Self {
        // Two tests at the same time may use the same name.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = format!("/tmp/comparing-{}-{count}-{name}", std::process::id());
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The unit and the mask of bpfd's guide. The unit lacks one capability of the mask.
const UNIT: &str = "[Service]\nUser=bpfd\n\
    AmbientCapabilities=CAP_BPF CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_NET_ADMIN CAP_PERFMON CAP_SETPCAP CAP_SYS_ADMIN\n";
const MASK: &str = "mask:000000c001201106";

#[test]
fn the_delta_of_bpfds_guide_is_one_command() {
    let unit = File::new("bpfd.service", UNIT);
    let (code, object) = diff(MASK, &unit.0);
    assert_eq!(code, 1);
    assert_eq!((names(&object["only_in_a"]), names(&object["only_in_b"])), (vec!["cap_sys_resource"], vec![]));
    let run = capwrap(&["diff", MASK, &unit.0]).run();
    assert!(run.stdout.contains("raise resource limits"), "{run:?}");
    assert!(run.stdout.contains("A has 1 capability that B lacks. Both have 7 capabilities."), "{run:?}");
}

#[test]
fn nerdctl_is_read_by_its_own_rules() {
    let nerdctl = File::new("nerdctl.sh", "nerdctl run --cap-drop=ALL --cap-add=ALL x\n");
    let (_, object) = diff("all", &nerdctl.0);
    assert_eq!((&object["different"], &object["b"]["kind"]), (&Value::Bool(false), &"nerdctl command".into()));
    let pod =
        "kind: Pod\nspec: {containers: [{name: x, securityContext: {capabilities: {drop: [ALL], add: [ALL]}}}]}\n";
    let pod = File::new("pod.yaml", pod);
    let (_, object) = diff("none", &pod.0);
    assert_eq!(object["different"], false, "{object}");
}

#[test]
fn a_policy_has_no_difference_from_a_drop_in_with_its_grant() {
    let policy = Policy::witness("cap_net_raw,cap_kill", "");
    let unit = File::new(
        "x.conf",
        "[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_KILL CAP_NET_RAW\nNoNewPrivileges=yes\n",
    );
    let (code, object) = diff(&policy.name, &unit.0);
    assert_eq!((code, &object["different"]), (0, &Value::Bool(false)), "{object}");
    assert_eq!(object["a"]["kind"], "policy");
}

/// What the side has, or the error.
fn read(name: &str, text: &str, picked: &str) -> Result<Value, String> {
    let file = File::new(name, text);
    let run = capwrap(&["diff", "--json", "none", &format!("{}{picked}", file.0)]).run();
    let object: Option<Value> = serde_json::from_str(&run.stdout).ok();
    object.map(|mut object| object["b"].take()).ok_or(run.stderr)
}

#[test]
fn what_others_write_is_read_as_they_read_it() {
    let compose = "services:\n  base: {cap_drop: [ALL], cap_add: [NET_ADMIN]}\n  vpn: {extends: {service: base}, cap_add: [SYS_MODULE]}\n";
    for (name, text, picked, expected) in [
        (
            "web.container",
            "[Container]\nDropCapability=all\nAddCapability=NET_BIND_SERVICE CHOWN\n",
            "",
            "cap_chown,cap_net_bind_service",
        ),
        ("lxc.conf", "lxc.cap.drop = kill\nlxc.cap.drop =\nlxc.cap.keep = net_raw\n", "", "cap_net_raw"),
        ("compose.yml", compose, "#vpn", "cap_net_admin,cap_sys_module"),
        ("p.sh", "podman run --user 1000 --cap-drop=all --cap-add=NET_BIND_SERVICE i\n", "", "cap_net_bind_service"),
        (
            "Dockerfile",
            "RUN x && setcap cap_net_raw=+ep /a && setcap cap_net_admin=+ep /b\n",
            "",
            "cap_net_admin,cap_net_raw",
        ),
        (
            "ig.txt",
            "PID COMM SYSCALL CAP CAPNAME\n1 nice setpriority 23 SYS_NICE\n2 sh mount 21 SYS_ADMIN\n",
            "",
            "cap_sys_admin,cap_sys_nice",
        ),
        (
            "quoted.service",
            "[Service]\nUser=nobody\nAmbientCapabilities=\"CAP_KILL CAP_BPF\" CAP_CHOWN\n",
            "",
            "cap_chown",
        ),
        ("drop-in.conf", "[Service]\nAmbientCapabilities=CAP_KILL\n", "", "cap_kill"),
        (
            "crictl.json",
            "{\"status\": {}, \"info\": {\"runtimeSpec\": {\"process\": {\"capabilities\": {\"bounding\": [\"CAP_BPF\"]}}}}}",
            "",
            "cap_bpf",
        ),
        ("net.sh", "docker network create n\ndocker run --cap-drop=ALL --cap-add=KILL x\n", "", "cap_kill"),
        (
            "here.sh",
            "cat <<EOF\nit's text\nEOF\nsh -c 'docker run --cap-drop=ALL --cap-add=KILL x'\necho 'x'\n",
            "",
            "cap_kill",
        ),
        ("x.nspawn", "[Exec]\nDropCapability=all\nBoot=yes\n", "", ""),
        (
            "usr.bin.x",
            "profile x /usr/bin/x {\n  capability net_raw,\n  deny capability kill,\n}\n",
            "#x",
            "cap_net_raw",
        ),
        (
            "tetragon.json",
            "{\"process_exec\": {\"process\": {\"binary\": \"/x\", \"cap\": {\"permitted\": [\"CAP_KILL\"]}}}}\n",
            "#/x",
            "cap_kill",
        ),
        (
            "audit.json",
            "{\"application\": {\"comm\": \"x\"}, \"required_capabilities\": [{\"name\": \"net_raw\"}]}",
            "",
            "cap_net_raw",
        ),
        (
            "stacks.txt",
            "TIME UID PID COMM CAP NAME AUDIT\n12:00:53 0 1 x 5 CAP_KILL 1\n    cap_capable+0x1 [kernel]\n^C\n",
            "",
            "cap_kill",
        ),
        (
            "pod.yaml",
            "kind: Pod\nspec: {containers: [{name: a, securityContext: {capabilities: {drop: [ALL], add: [CAP_BPF]}}}]}\n",
            "",
            "",
        ),
    ] {
        let side = read(name, text, picked).unwrap_or_else(|error| panic!("{name}: {error}"));
        let names: Vec<&str> = side["capabilities"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(names.join(","), expected, "{name}: {side}");
    }
    for text in ["services: {s: {privileged: yes}}\n", "services: {s: {privileged: \"true\"}}\n"] {
        assert_eq!(read("c.yml", text, "").unwrap()["mask"], "000001ffffffffff", "{text}");
    }
}

#[test]
fn the_sets_that_other_tools_print_of_this_process_are_those_of_the_kernel() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let permitted = status.lines().find_map(|line| line.strip_prefix("CapPrm:\t")).unwrap();
    let id = std::process::id().to_string();
    for command in ["capsh --print", &format!("getpcaps {id} 2>&1"), "pscap -a"] {
        let printed = root(&["sh", "-c", command]).run().stdout;
        let picked = if command == "pscap -a" { format!("#{id}") } else { String::new() };
        let side = read("printed.txt", &printed, &picked).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert_eq!(side["mask"], permitted, "{command}: {printed}");
    }
}

#[test]
fn what_was_not_read_is_an_error_with_its_place() {
    for (name, text, said) in [
        ("x.timer", "[Unit]\nDescription=x\n[Timer]\nOnCalendar=daily\n", "nothing here says which capabilities"),
        ("files.txt", "/a cap_kill=ep\nwhat is this\n", "line 2 is no output of getcap: what is this"),
        ("capable.txt", "PID COMM CAP\n1 x ?\n", "line 2 names no capability: 1 x ?"),
        ("c.yml", "services: {s: {privileged: maybe}}\n", "services.s.privileged is neither true nor false"),
        ("c.yml", "services: {s: {cap_add: KILL}}\n", "services.s.cap_add must be a list"),
        ("m.nix", "{ security.wrappers.t.capabilities = x + y; }", "are an expression, which is not evaluated here"),
        ("lxc.conf", "lxc.cap.keep = kill\nlxc.cap.drop = chown\n", "which LXC refuses"),
        (
            "Dockerfile",
            "FROM x\nRUN setcap \"$CAPS\" /x\n",
            "line 2: the set of capabilities for setcap is an expression, which is not evaluated here: $CAPS",
        ),
        ("compose.yml", "services: {s: {cap_add: [\"${CAP}\"]}}\n", "services.s.cap_add is an expression"),
        ("compose.yml", "include: [https://x/y.yml]\n", "the included https://x/y.yml is no file of this machine"),
        ("capsh.txt", "Bounding set =cap_kill\nSecurebits: 00/0x0/1'b0\n", "without the line Current:"),
        ("capsh.txt", "Current: =\nBounding set =cap_chown,cap_dac_over\n", "line 2: unknown capability"),
        ("pids.txt", "1: =ep\n2: cap_ki\n", "line 2 is no output of getpcaps"),
        ("status", "Name:\tx\nCapPrm:\t00000\n", "line 2: CapPrm: 00000 is no mask"),
        ("capable.txt", "PID COMM CAP\n", "no row stands below the heading in line 1"),
        (
            "tetragon.json",
            "{\"process_exec\": {\"process\": {\"binary\": \"/x\"}}}\n",
            "these are events of Tetragon, and none of them names capabilities",
        ),
        ("seccomp.json", "{\"defaultAction\": \"x\", \"syscalls\": []}", "this is a seccomp profile"),
        ("inspect.json", "[{\"Name\": \"/x\", \"HostConfig\": {}}]", "nerdctl inspect --mode=native"),
        ("run.sh", "# what b has\ndocker compose run b\n", "line 2: this starts what a Compose file says"),
        ("x.py", "run(['setcap', 'cap_kill+ep', x])\n", "line 1 calls setcap in a form that is not read"),
        ("tree.txt", "--bash(12) \"=ep\"\n", "this is the output of captree"),
        ("run.sh", "docker run --cap-add=$CAP x\n", "line 1: --cap-add is an expression, which is not evaluated here"),
    ] {
        let error = read(name, text, "").unwrap_err();
        assert!(error.contains(said), "{name}: {error}");
    }
}

#[test]
fn what_was_not_evaluated_is_named() {
    for (name, text, expected, note) in [
        (
            "x.sh",
            "for f in a b; do setcap cap_net_raw+ep $f; done\n",
            "cap_net_raw",
            "line 1: the path for setcap is an expression, which is not evaluated here: $f",
        ),
        (
            "x.sh",
            "find /x -exec setcap cap_kill+ep {} +\n",
            "cap_kill",
            "line 1: the files that find passes are not known here",
        ),
        (
            "workflow.yml",
            "jobs:\n  x:\n    - run: sudo setcap cap_bpf+ep \"$(which x)\"\n",
            "cap_bpf",
            "line 3: the path for setcap is an expression, which is not evaluated here: $(which x)",
        ),
        (
            "compose.yml",
            "services: {s: {cap_drop: [ALL], cap_add: [\"${CAP:-KILL}\"]}}\n",
            "cap_kill",
            "services.s.cap_add: ${CAP:-KILL} counts as its default \"KILL\"; the environment and .env were not read",
        ),
        (
            "capsh.txt",
            "Current: cap_kill=ep\n",
            "cap_kill",
            "the output of capsh --print is not whole: it has no Bounding set, no Securebits",
        ),
        (
            "run.sh",
            "docker run --cap-drop=ALL --cap-add=KILL x\ndocker exec -u 0 --privileged x sh\n",
            "cap_kill",
            "line 2: what exec --privileged starts has every capability, which was not compared",
        ),
        (
            "run.sh",
            "docker run --user $(id -u) --cap-drop=ALL --cap-add=KILL x\n",
            "cap_kill",
            "line 1: --user is an expression, which is not evaluated here: $(id -u)",
        ),
    ] {
        let side = read(name, text, "").unwrap_or_else(|error| panic!("{name}: {error}"));
        let names: Vec<&str> = side["capabilities"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(names.join(","), expected, "{name}: {side}");
        assert!(side["notes"].as_array().unwrap().iter().any(|said| said == note), "{name}: {side}");
    }
}

#[test]
fn a_process_is_compared_with_what_it_was_to_have() {
    let (code, object) = diff(&format!("pid:{}", std::process::id()), "none");
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let permitted = status.lines().find_map(|line| line.strip_prefix("CapPrm:\t")).unwrap();
    assert_eq!(object["a"]["mask"], permitted);
    assert_eq!(code, i32::from(permitted != "0000000000000000"));
}

#[test]
fn the_exports_of_a_policy_read_back_have_no_difference() {
    let policy = Policy::witness("cap_net_raw,cap_bpf", "");
    for launcher in ["systemd", "docker", "podman", "compose", "kubernetes", "oci", "setcap", "nixos"] {
        let run = capwrap(&["export", &policy.name, "--to", launcher]).run();
        assert!(run.ok(), "{run:?}");
        let file = File::new(launcher, &run.stdout);
        let (code, object) = diff(&policy.name, &file.0);
        assert_eq!(code, 0, "{launcher}: {object}");
    }
}

/// The two sides of what was stated differently under this name, each as its words.
fn sides<'o>(object: &'o Value, name: &str) -> [BTreeSet<&'o str>; 2] {
    let stated = object["stated"].as_array().unwrap();
    let one = stated.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}: {object}"));
    ["a", "b"].map(|side| one[side].as_str().unwrap().split(' ').collect())
}

#[test]
fn the_export_of_a_scope_differs_from_that_of_another_scope_and_not_from_its_own() {
    let scoped = |name: &str, doors: &str| {
        let text = format!(
            "schema = 1\ntool = {{ path = \"{WITNESS}\" }}\nallow = {{ groups = [\"capwrap\"] }}\n\
             [[grant]]\ncaps = \"cap_sys_admin\"\nthrough = [{doors}]\n"
        );
        File::new(&format!("{name}.toml"), &text)
    };
    let (own, wider) = (scoped("own", "\"sethostname\""), scoped("wider", "\"sethostname\", \"mount\""));
    let other = scoped("other", "\"mount\"");
    for target in ["systemd", "oci"] {
        let exported = |policy: &File| {
            let run = capwrap(&["export", &policy.0, "--to", target]).run();
            assert!(run.ok(), "{run:?}");
            File::new(target, &run.stdout)
        };
        let export = exported(&own);
        let (code, object) = diff(&export.0, &exported(&own).0);
        assert_eq!((code, &object["different"]), (0, &Value::Bool(false)), "{target}: {object}");
        // The policy's own words, beside what the format cannot say (systemd compares no arguments) and what an engine
        // refuses anyway.
        let (_, object) = diff(&own.0, &export.0);
        let expected = if target == "oci" { "calls refused" } else { "calls refused in part" };
        assert_eq!(names(&object["stated"]), [expected], "{target}: {object}");
        let [policys, exports] = sides(&object, expected);
        assert!(if target == "oci" { policys.is_subset(&exports) } else { exports.is_subset(&policys) }, "{object}");
        assert!(!exports.is_empty() && !policys.is_empty());
        // A policy with another scope, and its export, name the calls that make the difference.
        for (with, differs) in [(&wider, &["mount"][..]), (&other, &["mount", "sethostname"])] {
            let (code, object) = diff(&exported(with).0, &export.0);
            assert_eq!((code, names(&object["stated"])), (1, vec!["calls refused"]), "{target}: {object}");
            let [one, other] = sides(&object, "calls refused");
            assert_eq!(one.symmetric_difference(&other).copied().collect::<Vec<_>>(), differs, "{target}");
            let (code, object) = diff(&with.0, &export.0);
            let [one, other] = sides(&object, "calls refused");
            assert_eq!(code, 1);
            let missing: Vec<&str> = other.difference(&one).copied().filter(|call| differs.contains(call)).collect();
            assert_eq!(missing, ["mount"], "{target}: {object}");
        }
        let run = capwrap(&["diff", &exported(&wider).0, &export.0]).run();
        assert!(run.code == 1 && run.stdout.contains("calls refused  -  + mount\n"), "{run:?}");
    }
}

#[test]
fn what_a_tool_needs_besides_capabilities_is_a_note_and_no_difference() {
    let demands = "[[demand]]\nwritable = \"/var/lib/x\"\nwhy = \"it keeps its files there\"\n";
    let policy = Policy::witness("cap_net_raw", demands);
    let (code, object) = diff(&policy.name, "cap_net_raw");
    assert_eq!(code, 0, "{object}");
    let note = "needed besides capabilities: /var/lib/x is writable; it keeps its files there";
    assert_eq!(object["a"]["notes"], serde_json::json!([note]));
    let page = capwrap(&["diff", "cap_net_raw", &policy.name]).run();
    assert!(page.stdout.contains("\n   needed besides capabilities: /var/lib/x is writable"), "{page:?}");
}

#[test]
fn what_cannot_be_checked_is_one_clear_line_and_two() {
    let unit = File::new("bad.service", "[Service]\nthis is no setting\n");
    let json = File::new("bad.json", "{\"process\": ");
    let caps = File::new("bad.yaml", "services: {t: {cap_add: [CAP_BFP]}}\n");
    for bad in ["mask:xyz", "pid:none", "pid:4194304", "no-such.service", "/nowhere", &unit.0, &json.0, &caps.0] {
        let run = capwrap(&["diff", bad, "none"]).run();
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert!(lines[0].starts_with("capwrap: "), "{run:?}");
        assert!(lines.len() == 1 || lines.len() == 2 && lines[1].starts_with("hint: "), "{run:?}");
    }
}

/// Both refuse a part of the same calls.
#[test]
fn two_policies_differ_where_their_scopes_of_a_shared_capability_do() {
    let of =
        |scope: &str, more: &str| Policy::witness("", &format!("[[grant]]\ncaps = [\"cap_net_raw\"]\n{scope}\n{more}"));
    let packet = of("through = [\"socket:packet\"]", "");
    let both = of("through = [\"socket:packet\", \"socket:raw\"]", "");
    let whole = of("", "[[grant]]\ncaps = [\"cap_kill\"]\n");
    let scopes = |a: &Policy, b: &Policy| {
        let (code, object) = diff(&a.name, &b.name);
        let stated = object["stated"].as_array().unwrap().iter().find(|one| one["name"] == "scopes").cloned();
        (code, stated.map(|one| [&one["a"], &one["b"]].map(|value| value.as_str().unwrap().to_owned())))
    };
    assert_eq!(scopes(&packet, &packet), (0, None));
    let (code, stated) = scopes(&packet, &both);
    let words =
        ["cap_net_raw through socket:packet", "cap_net_raw through socket:packet, cap_net_raw through socket:raw"];
    assert_eq!((code, stated), (1, Some(words.map(str::to_owned))));
    let (_, stated) = scopes(&whole, &packet);
    assert_eq!(stated.unwrap()[0], "cap_net_raw without a scope");
}

#[test]
fn a_file_in_the_working_directory_does_not_stand_for_a_policy_of_its_name() {
    let policy = Policy::witness("cap_net_raw,cap_kill", "");
    let folder = Folder::new();
    let other = Policy::witness("cap_net_raw", "");
    fs::copy(format!("{POLICIES}/{}.toml", other.name), folder.path(&policy.name)).unwrap();
    let both = |a: &str| capwrap(&["diff", "--json", a, "cap_net_raw,cap_kill"]).dir(&folder.0).run();
    let object: Value = serde_json::from_str(&both(&policy.name).stdout).unwrap();
    assert_eq!((object["a"]["kind"].as_str(), object["different"].as_bool()), (Some("policy"), Some(false)));
    let object: Value = serde_json::from_str(&both(&format!("./{}", policy.name)).stdout).unwrap();
    assert_eq!(object["different"].as_bool(), Some(true), "{object}");
}
