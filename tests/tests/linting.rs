//! `capwrap lint`, and the JSON schema of policy files.

use capwrap_tests::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn lint(arguments: &[&str]) -> Run {
    user(STRANGER, &[&[CAPWRAP, "lint"], arguments].concat()).run()
}

/// Lints a policy from standard input.
fn text(policy: &str) -> Run {
    user(STRANGER, &[CAPWRAP, "lint", "-"]).input(policy).run()
}

fn shipped() -> Vec<PathBuf> {
    let entries = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../policies")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    // That one lists tools that have no policy.
    paths.filter(|path| !path.ends_with("elsewhere.toml")).collect()
}

#[test]
fn every_shipped_policy_is_proven_by_rows_and_one_without_them_is_reported() {
    let rows = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let paths: Vec<String> = shipped().iter().map(|path| path.to_str().unwrap().to_owned()).collect();
    let call = root(&[CAPWRAP, "lint", "--text-only", "--rows", rows]);
    let run = paths.iter().fold(call, Call::arg).run();
    assert!(run.ok() && run.stdout.contains(" 0 errors, 0 warnings, "), "{run:?}");
    let folder = Folder::new();
    let path = folder.path("no-such-tool.toml");
    fs::copy(&paths[0], &path).unwrap();
    let run = root(&[CAPWRAP, "lint", "--text-only", "--rows", rows, &path]).run();
    assert!(run.code == 1 && run.stdout.contains("no-such-tool has no file of rows"), "{run:?}");
    let run = root(&[CAPWRAP, "lint", "--text-only", "--rows", "/nowhere", &path]).run();
    assert!(run.code != 0 && run.stderr.contains("no table of results in /nowhere"), "{run:?}");
}

const HEAD: &str = "schema = 1\nsummary = \"s\"\n";

#[test]
fn every_shipped_policy_is_clean_on_every_machine() {
    let paths = shipped();
    assert!(paths.len() >= 19);
    let mut words = vec!["--text-only"];
    words.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let run = root(&[&[CAPWRAP, "lint"], &words[..]].concat()).run();
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.contains(" policies: 0 errors, 0 warnings, "), "{}", run.stdout);
}

#[test]
fn what_the_launcher_refuses_is_an_error_at_its_place_with_the_nearest_name() {
    let broken = format!(
        "{HEAD}tool = {{ path = \"/usr/bin/env\" }}\nallow = {{ groups = [\"capwrap\"] }}\n[[grant]]\ncaps = [\"cap_net_rwa\"]\n"
    );
    let run = text(&broken);
    assert_eq!(run.code, 1, "{run:?}");
    for part in [
        "error: unknown capability \"cap_net_rwa\"",
        "standard input:6:9\n",
        "^^^^^^^^^^^^^",
        "hint: write \"cap_net_raw\"",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    // lint prints the same words as a launch.
    let policy = Policy::new(&broken);
    capwrap(&[&policy.name]).run().refused(&["unknown capability \"cap_net_rwa\""]);
}

#[test]
fn what_grants_more_than_it_looks_is_a_warning() {
    let run = text(&format!(
        "{HEAD}tool = {{ path = \"/tmp/vim\" }}\nallow = {{ groups = [\"capwrp\"] }}\n\
         [[grant]]\ncaps = [\"cap_bpf\", \"cap_setuid\"]\nwhen = {{ kernel = \">=5.8\" }}\n\
         [[grant]]\ncaps = \"cap_bpf\"\nwhy = \"w\"\nwhen = {{ kernel = \">=5.8\" }}\n"
    ));
    assert_eq!(run.code, 1, "{run:?}");
    for code in ["amounts-to-root", "starts-programs", "kernel-version", "no-why", "unknown-name", "covered"] {
        assert!(run.stdout.contains(&format!("[{code}]")), "{code}: {}", run.stdout);
    }
    assert!(run.stdout.contains("did you mean \"capwrap\"?"), "{}", run.stdout);
}

#[test]
fn a_tool_in_a_directory_that_others_can_write_is_a_warning() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "tool");
    let policy = format!("{HEAD}tool = {{ path = \"{tool}\" }}\nallow = {{ users = [\"root\"] }}\n");
    assert_eq!(text(&policy).code, 0);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&folder.0, open).unwrap();
    let run = text(&policy);
    assert!(run.code == 1 && run.stdout.contains("[writable-place]"), "{run:?}");
}

#[test]
fn an_enabled_policy_is_found_by_its_name_and_its_file_is_checked() {
    let policy = Policy::witness("", "");
    let run = root(&[CAPWRAP, "lint", &policy.name]).run();
    assert!(run.stdout.contains("[no-summary]"), "{run:?}");
    fs::set_permissions(&policy.path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let run = root(&[CAPWRAP, "lint", &policy.name, "--json"]).run();
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    let found = &object["files"][0]["found"];
    assert!(found.as_array().unwrap().iter().any(|one| one["severity"] == "error" && one["code"] == "file"), "{found}");
}

#[test]
fn what_cannot_be_read_ends_with_2_and_nothing_makes_it_panic() {
    assert_eq!(lint(&["/no/such/file.toml"]).code, 2);
    assert_eq!(lint(&["no-such-policy"]).code, 2);
    let run = user(STRANGER, &[CAPWRAP, "lint", "-"]).input([0xff, 0xfe, 0x00]).run();
    assert!(run.code == 1 && run.stdout.contains("is not UTF-8"), "{run:?}");
    for odd in ["", "[", "a = \"\u{1b}[31m", "\r\n\r\n", &"[".repeat(100_000), &"a = 1\n".repeat(20_000)] {
        let run = text(odd);
        assert!(run.code == 1 && run.stdout.contains("error: "), "{run:?}");
        assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
    }
}

#[test]
fn the_schema_takes_every_shipped_policy_and_refuses_what_the_launcher_refuses() {
    let schema = lint(&["--schema"]);
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/capwrap-policy.schema.json");
    assert_eq!(
        schema.stdout,
        fs::read_to_string(committed).unwrap(),
        "capwrap lint --schema > policies/capwrap-policy.schema.json"
    );
    let check = "import json, sys, tomllib, jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        jsonschema.Draft202012Validator.check_schema(schema)\n\
        plain = lambda document: json.loads(json.dumps(document, default=str))\n\
        for name in sys.argv[2:]:\n    \
            errors = list(jsonschema.Draft202012Validator(schema).iter_errors(plain(tomllib.load(open(name, 'rb')))))\n    \
            print(name, len(errors), errors[:1])\n";
    let folder = Folder::new();
    let mut paths: Vec<String> = shipped().iter().map(|path| path.to_str().unwrap().to_owned()).collect();
    let good = paths.len();
    let base = format!("{HEAD}tool = {{ path = \"/usr/bin/env\" }}\nallow = {{ groups = [\"capwrap\"] }}\n");
    for (number, bad) in [
        "nonsense = 1\n",
        "[[grant]]\nwhy = \"no caps\"\n",
        "[[grant]]\ncaps = \"cap_nosuch\"\n",
        "[exec]\ndeliver = \"sideways\"\n",
        "[exec]\nlimits = { memlok = 1 }\n",
        "[[grant]]\ncaps = \"kill\"\nwhen = { kernle = \">5\" }\n",
        "[[demand]]\nwhy = \"of nothing\"\n",
        "[[demand]]\nuid0 = true\n",
        "[[demand]]\nuid0 = false\nwhy = \"w\"\n",
        "[[demand]]\nuid0 = true\nreadable = \"/x\"\nwhy = \"w\"\n",
        "[[demand]]\nwritable = \"x\"\nwhy = \"w\"\n",
        "[[demand]]\nmounted = { type = \"bpf\" }\nwhy = \"w\"\n",
        "[[demand]]\nwritable = \"/x\"\nwhy = \"w\"\nprepare = { directory = \"/x\", mode = \"0777\" }\n",
    ]
    .iter()
    .enumerate()
    {
        let path = folder.path(&format!("bad{number}.toml"));
        let policy = format!("{base}{bad}");
        assert_eq!(text(&policy).code, 1, "the launcher takes {bad:?}");
        fs::write(&path, policy).unwrap();
        paths.push(path);
    }
    let mut words = vec!["/usr/bin/python3", "-c", check, committed];
    words.extend(paths.iter().map(String::as_str));
    let run = root(&words).run();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), paths.len(), "{run:?}");
    for (number, line) in lines.iter().enumerate() {
        let is_good = line.contains(".toml 0 ");
        assert_eq!(is_good, number < good, "{line}");
    }
}

/// A policy for a tool that root installed in a folder of root's, with a grant, and these lines behind it.
fn granting(tool: &str, more: &str) -> String {
    format!(
        "{HEAD}[tool]\npath = \"{tool}\"\nscript = true\n[allow]\nusers = [\"root\"]\n\
         [[grant]]\ncaps = \"kill\"\nwhy = \"w\"\n{more}"
    )
}

#[test]
fn a_kept_variable_that_names_code_is_a_warning_at_its_place_and_a_harmless_one_is_not() {
    for name in ["LD_PRELOAD", "PYTHONPATH", "BASH_ENV", "NODE_OPTIONS", "PERL5LIB", "DOTNET_STARTUP_HOOKS", "PAGER"] {
        let run = text(&granting("/usr/bin/true", &format!("[exec]\nenv = {{ keep = [\"COLUMNS\", \"{name}\"] }}\n")));
        assert_eq!(run.code, 1, "{run:?}");
        for part in
            [&format!("never passes the caller's {name}"), "[never-passed]", "standard input:12:", "hint: take it out"]
        {
            assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
        }
    }
    let run = text(&granting("/usr/bin/true", "[exec]\nenv = { keep = [\"COLUMNS\", \"SSLKEYLOGFILE\"] }\n"));
    assert!(!run.stdout.contains("never-passed"), "{run:?}");
}

#[test]
fn a_script_that_runs_code_of_the_callers_home_is_a_warning_and_does_what_it_says() {
    let folder = Folder::new();
    let script = folder.path("script");
    put(Path::new(&script), "#!/usr/bin/python3\nprint('done')\n");
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // A home of the test's own, at the place of the account's.
    let outcomes = in_own_mounts(|| {
        let home = format!("/home/{MEMBER}");
        cover(&home);
        assert!(root(&["chown", MEMBER, &home]).run().ok());
        let plant = "d=$(/usr/bin/python3 -c 'import site; print(site.getusersitepackages())'); mkdir -p $d; \
                     echo \"print('planted')\" > $d/usercustomize.py";
        assert!(user(MEMBER, &["/bin/sh", "-c", plant]).env("HOME", &home).run().ok());
        ["", "env = { set = { PYTHONNOUSERSITE = \"1\" } }", "env = { set = { HOME = \"/dev/null\" } }"].map(|more| {
            let policy = Policy::tool(&script, "kill", &format!("[exec]\n{more}\n"));
            let text = fs::read_to_string(&policy.path).unwrap().replace("[tool]\n", "[tool]\nscript = true\n");
            put(&policy.path, &text);
            let linted = root(&[CAPWRAP, "lint", &policy.name]).run().stdout;
            let ran = capwrap(&[&policy.name]).run();
            assert!(ran.ok() && ran.stdout.contains("done"), "{ran:?}");
            (linted.contains("[home-code]"), ran.stdout.contains("planted"))
        })
    });
    assert_eq!(outcomes, [(true, true), (false, false), (false, false)]);
}

#[test]
fn a_program_whose_libraries_others_can_choose_is_a_warning_here_and_when_it_is_enabled() {
    let folder = Folder::new();
    let source = folder.path("t.c");
    fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    let build = |name: &str, option: &str| {
        let tool = folder.path(name);
        let run = root(&["cc", "-o", &tool, &source, option]).run();
        assert!(run.ok(), "{run:?}");
        tool
    };
    for (name, option, words) in [
        ("relative", "-Wl,--enable-new-dtags,-rpath,lib", "\"lib\" (DT_RUNPATH)"),
        ("old", "-Wl,--disable-new-dtags,-rpath,lib", "\"lib\" (DT_RPATH)"),
        ("open", "-Wl,-rpath,/tmp/lib", "others can put them: /tmp/lib"),
        ("outside", "-Wl,-rpath,$ORIGIN/../../../../../tmp", "others can put them: $ORIGIN/../../../../../tmp"),
        ("loader", "-Wl,--dynamic-linker=ld.so", "\"ld.so\" (PT_INTERP)"),
        ("loader-open", "-Wl,--dynamic-linker=/tmp/ld.so", "others can replace: /tmp/ld.so (PT_INTERP)"),
    ] {
        let tool = build(name, option);
        let run = text(&granting(&tool, ""));
        let flat = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(run.code == 1 && flat.contains("[library-path]") && flat.contains(words), "{name}: {run:?}");
    }
    let sound = build("sound", "-Wl,-rpath,/usr/lib");
    assert!(!text(&granting(&sound, "")).stdout.contains("[library-path]"));
    // The same words where the policy is enabled, with its line; a comment that allows it is heeded.
    let tool = folder.path("relative");
    let policy = Policy::new(&granting(&tool, ""));
    let run = root(&[CAPWRAP, "enable", &policy.name]).run();
    let note = format!(
        "  note     line 4: {tool} looks for libraries in the caller's working directory: \"lib\" (DT_RUNPATH)"
    );
    assert!(run.ok() && run.stdout.contains(&note), "{run:?}");
    put(&policy.path, granting(&tool, "# lint: allow library-path: it is started in a directory of root's\n"));
    let run = root(&[CAPWRAP, "enable", &policy.name]).run();
    assert!(run.ok() && !run.stdout.contains("library-path"), "{run:?}");
}
