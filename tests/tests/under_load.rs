//! Launches while policies change: many launches at once, and some beside an editor.

use capwrap_tests::*;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The wanted number of launches: `CAPWRAP_LAUNCHES`.
fn launches() -> String {
    std::env::var("CAPWRAP_LAUNCHES").unwrap_or_else(|_| "200000".to_owned())
}

/// Saves a file as editors do, in pieces with a pause after each.
fn save(path: &Path, text: &str, way: Way, pause: Duration) {
    let pieces = text.as_bytes().chunks(text.len().div_ceil(way.pieces()));
    let mut file = match way {
        // nano and `cat >` empty the same file first.
        Way::Emptied(_) => File::create(path).unwrap(),
        // Such an editor overwrites the file in place.
        Way::Over(_) => File::options().write(true).open(path).unwrap(),
        // vim renames the old file and writes a new one under its name.
        Way::New(_) => {
            fs::rename(path, path.with_extension("toml~")).unwrap();
            File::create(path).unwrap()
        }
    };
    for piece in pieces {
        std::thread::sleep(pause);
        file.write_all(piece).unwrap();
    }
    if let Way::Over(_) = way {
        std::thread::sleep(pause);
        file.set_len(text.len() as u64).unwrap();
    }
}

/// The way of saving, and the number of pieces.
#[derive(Clone, Copy, Debug)]
enum Way {
    Emptied(usize),
    Over(usize),
    New(usize),
}

impl Way {
    const fn pieces(self) -> usize {
        match self {
            Self::Emptied(pieces) | Self::Over(pieces) | Self::New(pieces) => pieces,
        }
    }
}

#[test]
fn a_policy_that_an_editor_is_saving_is_launched_whole_or_not_at_all() {
    let name = "t-edited";
    let policy = Policy::named(name, &versions::text(name, MEMBER, versions::LAST));
    let member = |wanted: &str| {
        let run = capwrap(&[name, "version", name]).run();
        if run.code == 125 {
            run.refused(&[]);
        } else {
            assert!(run.ok(), "{wanted}: {run:?}");
        }
        run.ok()
    };
    assert!(member("as it was put"));
    for (number, way) in
        [Way::Emptied(2), Way::Emptied(9), Way::Over(2), Way::Over(9), Way::New(2), Way::New(9)].into_iter().enumerate()
    {
        // The text is sometimes short and sometimes long.
        let version = if number % 2 == 0 { 1 } else { versions::LAST };
        let saved = AtomicBool::new(false);
        let mut during = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Saving never takes as long as a launch waits.
                let pause = Duration::from_millis(1_600 / way.pieces() as u64);
                save(&policy.path, &versions::text(name, MEMBER, version), way, pause);
                saved.store(true, Ordering::Relaxed);
            });
            std::thread::sleep(Duration::from_millis(20));
            while !saved.load(Ordering::Relaxed) {
                scope.spawn(|| member(&format!("{way:?}")));
                during += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        assert!(during > 5, "{way:?}: {during} launches");
        assert!(member(&format!("after {way:?}")));
    }
    fs::remove_file(policy.path.with_extension("toml~")).unwrap();
}

/// Making a hard link to the file changes its ctime, but not its content.
#[test]
fn a_hard_link_does_not_make_a_half_of_a_policy_a_whole_where_everybody_can_make_one() {
    let setting = "/proc/sys/fs/protected_hardlinks";
    let before = fs::read_to_string(setting).unwrap();
    let name = "t-linked";
    let policy = Policy::named(name, &versions::text(name, MEMBER, 1));
    fs::write(setting, "0").unwrap();
    fs::write(&policy.path, versions::text(name, MEMBER, 1)).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let link = policy.path.with_extension("link");
    fs::hard_link(&policy.path, &link).unwrap();
    fs::remove_file(&link).unwrap();
    let start = std::time::Instant::now();
    let run = capwrap(&[name, "version", name]).run();
    fs::write(setting, &before).unwrap();
    assert!(run.ok(), "{run:?}");
    assert!(start.elapsed() > Duration::from_millis(800), "it was not waited for: {:?}", start.elapsed());
}

#[test]
fn a_policy_that_is_written_without_end_is_refused() {
    let name = "t-endless";
    let policy = Policy::named(name, &versions::text(name, MEMBER, 1));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::write(&policy.path, versions::text(name, MEMBER, 1)).unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        std::thread::sleep(Duration::from_millis(50));
        let run = capwrap(&[name, "version", name]).run();
        over.store(true, Ordering::Relaxed);
        run.refused(&["is being written", "hint: run it again once it is saved"]);
    });
}

/// The test changes only its own policies and its own launcher file.
#[test]
fn under_load_each_launch_has_one_version_of_its_policy_or_is_refused() {
    let replaced = ["replaced-0", "replaced-1", "replaced-2", "replaced-3"];
    // Members may have no access to the build directory, for example below root's home.
    let folder = Folder::new();
    let callers = folder.copy(env!("CARGO_BIN_EXE_callers"), "callers");
    in_own_mounts(|| {
        own_installation();
        let write = |name: &str, version| put(&versions::path(name), versions::text(name, MEMBER, version));
        for name in replaced.iter().chain(&["on-and-off", "edited"]) {
            write(name, 1);
        }
        assert!(root(&[CAPWRAP, "enable"]).run().ok());
        let over = AtomicBool::new(false);
        // The versions come in an irregular order that reaches each of them.
        let version = |turn: u64| 1 + turn * 389 % versions::LAST;
        let until_over = |change: &dyn Fn(u64)| {
            (0..).take_while(|_| !over.load(Ordering::Relaxed)).inspect(|turn| change(*turn)).count()
        };
        let launches = launches();
        let said = std::thread::scope(|scope| {
            let replacing = scope.spawn(|| {
                until_over(&|turn| {
                    write(replaced[turn as usize % replaced.len()], version(turn));
                    std::thread::sleep(Duration::from_millis(1));
                })
            });
            let switching = scope.spawn(|| {
                until_over(&|turn| {
                    let verb = if turn % 2 == 0 { "disable" } else { "enable" };
                    let run = root(&[CAPWRAP, verb, "on-and-off"]).run();
                    assert!(run.ok(), "{run:?}");
                })
            });
            let editing = scope.spawn(|| {
                until_over(&|turn| {
                    let way = [Way::Emptied(5), Way::Over(5), Way::New(5)][turn as usize % 3];
                    let text = versions::text("edited", MEMBER, version(turn));
                    save(&versions::path("edited"), &text, way, Duration::from_millis(5));
                    std::thread::sleep(Duration::from_secs(3));
                })
            });
            // A launch of the policy that is edited may wait, so there are fewer launches of it.
            let mut policies: Vec<&str> = replaced.into_iter().cycle().take(180).collect();
            policies.extend(["on-and-off"; 18]);
            policies.extend(["edited"; 2]);
            let callers = [&[callers.as_str(), &launches, "64"], &policies[..]].concat();
            let said = user(MEMBER, &callers).run();
            over.store(true, Ordering::Relaxed);
            println!("{said:?}");
            for (what, turns) in [("replaced", replacing), ("switched", switching), ("edited", editing)] {
                let turns = turns.join().unwrap();
                println!("{what} {turns} times");
                assert!(turns > 2, "{what} {turns} times");
            }
            said
        });
        assert!(said.ok(), "{said:?}");
        // Each policy's tool is launched. It is refused only for what was done to its policy: a policy that is replaced
        // is never refused.
        for name in replaced.iter().chain(&["on-and-off", "edited"]) {
            assert!(said.stdout.lines().any(|line| line.starts_with(&format!("{name} ran "))), "{name}: {said:?}");
        }
        for line in said.stdout.lines() {
            let Some((name, refused)) = line.split_once(" refused ") else { continue };
            let causes: &[&str] = match name {
                "on-and-off" => &["no policy for", "cap_sys_time"],
                "edited" => &["no policy for"],
                _ => &[],
            };
            assert!(causes.iter().any(|cause| refused.contains(cause)), "{line}");
        }
        // No process and no temporary file is left.
        let left = root(&["pgrep", "-x", "capwrap|witness"]).run();
        assert_eq!(left.stdout, "");
        let mut names: Vec<String> =
            fs::read_dir(POLICIES).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.ends_with(".toml") && name != "edited.toml~");
        assert_eq!(names, Vec::<String>::new());
    });
}
