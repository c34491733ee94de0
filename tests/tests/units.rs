//! capwrap reads units as a real systemd does. systemd loads and starts generated units in namespaces of its own
//! (`exporting/with-systemd`), and reports their sets.

use capwrap_core::{Capability, CapabilitySet};
use capwrap_tests::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn often(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const NAMES: [&str; 18] = [
    "CAP_BPF",
    "cap_kill",
    "CAP_SYS_PACCT",
    "CAP_NET_ADMIN",
    "CAP_SYSLOG",
    "Cap_Lease",
    "16",
    "0x0c",
    "014",
    "62",
    "64",
    "-1",
    "CAP_NONE",
    "KILL",
    "\"CAP_SYS_BOOT\"",
    "'CAP_CHOWN CAP_KILL'",
    "CAP\\_FOWNER",
    "CAP_\"SYS_NICE\"",
];
const BOOLEANS: [&str; 16] =
    ["yes", "yes", "on", "1", "t", "Y", "TRUE", "off", "no", "0", "f", "", "maybe", "\"yes\"", "2", "ja"];
const USERS: [&str; 18] = [
    "nobody",
    "nobody",
    "nobody",
    "root",
    "0",
    "65534",
    "",
    "%i",
    "%I",
    "%p",
    "%u",
    "%U",
    "no body",
    "\"nobody\"",
    "-x",
    "65535",
    "a:b",
    "00",
];
const BITS: [&str; 6] = ["noroot", "noroot", "", "keep-caps", "no-setuid-fixup noroot", "bogus"];
const LIMITS: [(&str, &[&str]); 5] = [
    ("MEMLOCK", &["64M", "1:2K", "2:1", "infinity", "8x", "0x10", "1.5M", "", "3 "]),
    ("NICE", &["-5", "+5", "30", "+25", "41", "x"]),
    ("NOFILE", &["512", "64K", "1:infinity", "010", "infinity:1"]),
    ("CPU", &["90", "1min", "1min 30s", "infinity", "1500ms", "x"]),
    ("RTTIME", &["5", "5ms", "1s", "infinity"]),
];

/// Lines that say nothing to systemd about a unit's processes, or that it ignores.
const NOISE: [&str; 8] = [
    "# AmbientCapabilities=CAP_KILL",
    "; User=root",
    "what is this",
    "=CAP_KILL",
    "Nonsense=CAP_KILL",
    "[X-Own]\nUser=nobody\n[Service]",
    "[Unit]\nCapabilityBoundingSet=CAP_KILL\n[Service]",
    "[Socket]\nUser=nobody\n[Service]",
];

fn list(random: &mut Random) -> String {
    let separator = random.one(&[" ", "  ", "\t", " \\\n  ", " \\\n# between\n ; too\n", " \\\r\n"]);
    let words: Vec<&str> = (0..random.below(4)).map(|_| random.one(&NAMES)).collect();
    random.one(&["", "", "~"]).to_owned() + &words.join(separator)
}

fn assignment(random: &mut Random) -> String {
    let (key, value) = match random.below(20) {
        0..=4 => ("CapabilityBoundingSet", list(random)),
        5..=9 => ("AmbientCapabilities", list(random)),
        10..=11 => ("User", random.one(&USERS).to_owned()),
        12 => ("SecureBits", random.one(&BITS).to_owned()),
        13 => ("DynamicUser", random.one(&BOOLEANS).to_owned()),
        14..=16 => {
            let key = random.one(&[
                "PrivateDevices",
                "ProtectKernelModules",
                "ProtectKernelLogs",
                "ProtectClock",
                "PrivateUsers",
                "NoNewPrivileges",
                "LockPersonality",
            ]);
            (key, random.one(&BOOLEANS).to_owned())
        }
        17 => {
            let (resource, values) = LIMITS[random.below(LIMITS.len())];
            return format!("Limit{resource}={}", random.one(values));
        }
        _ => return random.one(&NOISE).to_owned(),
    };
    random.one(&["K=V", "K=V", "K=V", "  K  =  V  ", "\tK=V\t"]).replace('K', key).replace('V', &value)
}

fn assignments(random: &mut Random, most: usize) -> String {
    let end = random.one(&["\n", "\n", "\n", "\r\n", "\r"]);
    (0..random.below(most + 1)).map(|_| assignment(random) + end).collect()
}

/// A generated unit and what it starts.
struct Unit {
    name: String,
    prefix: &'static str,
}

/// Writes units with random settings and drop-ins into a folder. Each prints the status of its process.
fn write_units(folder: &Folder, count: usize) -> Vec<Unit> {
    let mut random = Random(11);
    let mut units = Vec::new();
    for number in 0..count {
        let instance = random.one(&["", "", "@nobody", "@root", "@no-body"]);
        let name = format!("gen-{number}{instance}.service");
        let file = format!("gen-{number}{}.service", if instance.is_empty() { "" } else { "@" });
        let prefix = random.one(&["", "", "", "", "", "", "-", "!!", "+", "!"]);
        let text = format!(
            "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart={prefix}/bin/cat /proc/self/status\n\
             StandardOutput=file:{}\n{}",
            folder.path(&format!("status-{number}")),
            assignments(&mut random, 6)
        );
        fs::write(folder.path(&format!("etc/{file}")), text).unwrap();
        if random.often(30) {
            let of = random.one(&[&file, &name]);
            fs::create_dir(folder.path(&format!("etc/{of}.d"))).unwrap();
            let text = format!("[Service]\n{}", assignments(&mut random, 3));
            fs::write(folder.path(&format!("etc/{of}.d/more.conf")), text).unwrap();
        }
        units.push(Unit { name, prefix });
    }
    units
}

/// Runs a shell script in which this folder's `etc` and `lib` are systemd's folders of units.
fn with_folders(folder: &Folder, script: &str) -> Run {
    let mounts = format!(
        "mount --bind {} /etc/systemd/system && mount --bind {} /usr/local/lib/systemd/system && {script}",
        folder.path("etc"),
        folder.path("lib")
    );
    root(&["unshare", "--mount", "sh", "-ec", &mounts]).run()
}

/// Has a real systemd load the units and then start them, and returns the properties of each.
fn shown(folder: &Folder, units: &[&str], properties: &str) -> Vec<BTreeMap<String, String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("exporting/with-systemd");
    fs::write(folder.path("names"), units.join("\n")).unwrap();
    fs::write(folder.path("etc/start.target"), "[Unit]\nDefaultDependencies=no\nWants=show.service\n").unwrap();
    let call = format!(
        // Of a unit with several names one call would print one block.
        "for unit in $(cat {names}); do systemctl show --all --no-pager -p Id,{properties} -- $unit; echo; done > {said}
        xargs -a {names} systemctl start --",
        names = folder.path("names"),
        said = folder.path("said")
    );
    fs::write(folder.path("call"), call).unwrap();
    let show = format!(
        "[Unit]\nDefaultDependencies=no\nSuccessAction=exit-force\nFailureAction=exit-force\n[Service]\nType=oneshot\n\
         ExecStart=/bin/sh {}\n",
        folder.path("call")
    );
    fs::write(folder.path("etc/show.service"), show).unwrap();
    let run = with_folders(
        folder,
        &format!("timeout 300 {} /etc/systemd/system:/usr/local/lib/systemd/system", script.display()),
    );
    let said = fs::read_to_string(folder.path("said")).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    let blocks = said.split("\n\n").filter(|block| !block.trim().is_empty());
    let pairs = |block: &str| {
        let lines = block.lines().filter_map(|line| line.split_once('='));
        lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    let shown: Vec<_> = blocks.map(pairs).collect();
    assert_eq!(shown.len(), units.len(), "{run:?}\n{said}");
    shown
}

/// What capwrap reads of each unit, or its error.
fn read(folder: &Folder, units: &[&str]) -> Vec<Result<Value, String>> {
    let one = |unit: &&str| {
        format!("{CAPWRAP} diff --json none {unit} > {out} 2> {out}.error || true\n", out = folder.path("read-") + unit)
    };
    let script: String = units.iter().map(one).collect();
    fs::write(folder.path("read"), script).unwrap();
    let run = with_folders(folder, &format!("sh {}", folder.path("read")));
    assert!(run.ok(), "{run:?}");
    let side = |unit: &&str| {
        let text = fs::read_to_string(folder.path("read-") + unit).unwrap();
        let read: Option<Value> = serde_json::from_str(&text).ok();
        let error = || fs::read_to_string(folder.path(&format!("read-{unit}.error"))).unwrap();
        read.map(|mut read| read["b"].take()).ok_or_else(error)
    };
    units.iter().map(side).collect()
}

fn folder_of_units() -> Folder {
    let folder = Folder::new();
    for part in ["etc", "lib"] {
        fs::create_dir(folder.path(part)).unwrap();
    }
    fs::create_dir_all("/usr/local/lib/systemd/system").unwrap();
    folder
}

/// The set that systemctl prints as names between blanks.
fn of_names(names: &str) -> CapabilitySet {
    names.split_whitespace().map(|name| Capability::parse(name).unwrap()).collect()
}

/// The set that capwrap prints as `none`, as `all`, as `all but …` or as names.
fn of_shown(text: Option<&str>) -> CapabilitySet {
    let every: CapabilitySet = Capability::all().collect();
    match text {
        None | Some("all") => every,
        Some("none") => CapabilitySet::EMPTY,
        Some(text) => match text.strip_prefix("all but ") {
            Some(names) => every.without(CapabilitySet::parse(names).unwrap()),
            None => CapabilitySet::parse(text).unwrap(),
        },
    }
}

#[test]
fn generated_units_are_read_as_systemd_reads_them() {
    let folder = folder_of_units();
    let units = write_units(&folder, 400);
    let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
    let properties = "LoadState,User,SecureBits,NoNewPrivileges,CapabilityBoundingSet,AmbientCapabilities,PrivateUsers,\
        LimitMEMLOCK,LimitNICE,LimitNOFILE,LimitCPU,LimitRTTIME";
    let shown = shown(&folder, &names, properties);
    let read = read(&folder, &names);
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let machine = own.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
    let machine = u64::from_str_radix(machine, 16).unwrap();
    let (mut refused, mut started, mut with_some, mut wrong) = (0, 0, 0, Vec::new());
    for (number, ((unit, systemd), read)) in units.iter().zip(&shown).zip(&read).enumerate() {
        let said = |key: &str| systemd[key].as_str();
        let mut check = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                wrong.push(format!("{}: {what}: {ours}, and systemd: {theirs}", unit.name));
            }
        };
        if said("LoadState") != "loaded" {
            refused += 1;
            check("loads", read.is_ok().to_string(), "false".to_owned());
            continue;
        }
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                wrong.push(format!("{}: {error}", unit.name));
                continue;
            }
        };
        let (bounding, ambient) = (of_names(said("CapabilityBoundingSet")), of_names(said("AmbientCapabilities")));
        let has_noroot = said("SecureBits").parse::<u32>().unwrap() & 1 == 1;
        let is_root = ["", "root", "0"].contains(&said("User")) && !has_noroot;
        let expected = if is_root { bounding } else { ambient.intersection(bounding) };
        let grant = CapabilitySet::from_mask(u64::from_str_radix(read["mask"].as_str().unwrap(), 16).unwrap());
        let stated = |key: &str| read["stated"][key].as_str();
        check("grant", grant.to_string(), expected.to_string());
        check("bounding", of_shown(stated("bounding")).to_string(), bounding.to_string());
        let no_new_privs = stated("no_new_privs").unwrap_or("no");
        check("no_new_privs", no_new_privs.to_owned(), said("NoNewPrivileges").to_owned());
        for (resource, _) in LIMITS {
            if let Some(ours) = stated(&format!("limit {}", resource.to_lowercase())) {
                check(resource, ours.replace("unlimited", "infinity"), said(&format!("Limit{resource}")).to_owned());
            }
        }
        let notes: Vec<&str> = read["notes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let has_note = |part: &str| notes.iter().any(|note| note.contains(part));
        check("PrivateUsers", has_note("own user namespace").to_string(), (said("PrivateUsers") == "yes").to_string());
        let with_more = ["+", "!"].contains(&unit.prefix);
        check("prefix", has_note("begins with + or !").to_string(), with_more.to_string());
        // The process itself, where systemd could start it.
        let status = fs::read_to_string(folder.path(&format!("status-{number}"))).unwrap_or_default();
        let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        if let (Some(permitted), false) = (field("CapPrm:"), with_more) {
            started += 1;
            with_some += usize::from(!is_root && !grant.is_empty());
            // systemd itself has no more than this machine lets it have, but for a user namespace of its own.
            let machine = if said("PrivateUsers") == "yes" { u64::MAX } else { machine };
            check("permitted of the process", format!("{:016x}", grant.mask() & machine), permitted.to_owned());
            if let Some(no_new_privs) = stated("no_new_privs") {
                let is_set = if field("NoNewPrivs:") == Some("1") { "yes" } else { "no" };
                check("no_new_privs of the process", no_new_privs.to_owned(), is_set.to_owned());
            }
        }
    }
    for fault in &wrong {
        println!("{fault}");
    }
    assert!(wrong.is_empty(), "{} differences; the units are in {:?}", wrong.len(), folder.0);
    println!("{refused} refused, {started} started, {with_some} with ambient capabilities");
    assert!(refused > 10 && started > 200 && with_some > 10, "{refused} {started} {with_some}");
}

/// Writes units, aliases, masks and drop-ins at random into the two folders, and returns the names of the units.
fn write_tree(folder: &Folder, seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let mut count = 0;
    let mut write = |random: &mut Random, path: String, start: &str| {
        if Path::new(&path).is_symlink() || Path::new(&path).exists() {
            return;
        }
        match random.below(9) {
            0 => std::os::unix::fs::symlink("/dev/null", path).unwrap(),
            1 => fs::write(path, "").unwrap(),
            _ => fs::write(path, format!("[Service]\n{start}User=u{count}\n")).unwrap(),
        }
        count += 1;
    };
    let mut names = Vec::new();
    for number in 0..60 {
        let name = format!("t{number}-{}.service", random.one(&["a", "a-b", "c@x", "d@y-z", "e"]));
        let file = match random.below(2) {
            0 => name.clone(),
            _ => name.split_once('@').map_or(name.clone(), |(prefix, _)| format!("{prefix}@.service")),
        };
        for place in [&["etc"][..], &["lib"], &["etc", "lib"]][random.below(3)] {
            write(&mut random, folder.path(&format!("{place}/{file}")), "ExecStart=/bin/true\n");
        }
        if random.often(40) && !name.contains('@') {
            let link = folder.path(&format!("etc/l{number}-x.service"));
            let target = random.one(&["", "/usr/local/lib/systemd/system/", "../system/"]).to_owned() + &name;
            std::os::unix::fs::symlink(target, link).unwrap();
            names.push(format!("l{number}-x.service"));
        }
        names.push(name);
    }
    for number in 0..150 {
        let of = &names[random.below(names.len())];
        let stem = of.strip_suffix(".service").unwrap();
        let (prefix, instance) = stem.split_once('@').map_or((stem, None), |(prefix, own)| (prefix, Some(own)));
        let before = &prefix[..=prefix.rfind('-').unwrap()];
        let mut folders = vec![of.clone(), format!("{before}.service")];
        if let Some(own) = instance {
            folders.extend([
                format!("{prefix}@.service"),
                format!("{before}@{own}.service"),
                format!("{before}@.service"),
            ]);
        }
        let place = random.one(&["etc", "lib"]);
        let inside = folder.path(&format!("{place}/{}.d", folders[random.below(folders.len())]));
        fs::create_dir_all(&inside).unwrap();
        // Between two aliases systemd's order is that of a table of hashes, so their drop-ins have names of their own.
        let file = match random.below(8) {
            0 => ".hidden.conf".to_owned(),
            1 => "note.txt".to_owned(),
            2 => "own.conf~".to_owned(),
            level if of.starts_with('l') => format!("{level}0-{number}.conf"),
            level => format!("{level}0.conf"),
        };
        write(&mut random, format!("{inside}/{file}"), "");
    }
    names
}

#[test]
fn the_files_of_a_unit_are_those_that_systemd_finds() {
    let (mut compared, mut masked) = (0, 0);
    for seed in [1, 2] {
        let folder = folder_of_units();
        let names = write_tree(&folder, seed);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let properties = "LoadState,User,FragmentPath,DropInPaths";
        let (shown, read) = (shown(&folder, &names, properties), read(&folder, &names));
        for ((name, systemd), read) in names.iter().zip(&shown).zip(read) {
            match (systemd["LoadState"].as_str(), read) {
                ("masked", read) => {
                    assert!(read.unwrap_err().contains("it is masked"), "{name}: {systemd:?}");
                    masked += 1;
                }
                ("loaded", Ok(read)) => {
                    let said = read["notes"][0].as_str().unwrap().strip_prefix("read from ").unwrap();
                    let drop_ins: Vec<&str> = said.split(", ").skip(1).collect();
                    let mut expected: Vec<&str> = systemd["DropInPaths"].split_whitespace().collect();
                    expected.sort_by_key(|path| path.rsplit('/').next());
                    assert_eq!(drop_ins, expected, "{name}: {systemd:?}");
                    let user = format!("as user {}", systemd["User"]);
                    let decided = read["decided"].as_str().unwrap();
                    assert!(decided.ends_with(&user), "{name}: {decided}, {systemd:?}");
                    compared += 1;
                }
                // A unit whose file an alias or a mask took away.
                (state, read) => assert!(read.is_err() && state != "loaded", "{name}: {read:?}, {systemd:?}"),
            }
        }
    }
    assert!(compared > 60 && masked > 5, "{compared} {masked}");
}
