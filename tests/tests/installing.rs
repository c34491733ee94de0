//! install.sh, `capwrap enable` and `capwrap disable`.

use capwrap_tests::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

const ADVISOR: &str = "/usr/local/libexec/capwrap/capwrap-advisor";

const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../install.sh");

fn install(environment: &[(&str, &str)], arguments: &[&str]) -> Run {
    call(&[&[INSTALL], arguments].concat(), environment)
}

fn call(words: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut call = root(words);
    // These variables say where this machine keeps its Rust.
    for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            call = call.env(name, value);
        }
    }
    for (name, value) in environment {
        call = call.env(name, value);
    }
    call.run()
}

#[test]
fn installing_again_changes_nothing_and_enables_no_policy() {
    on_a_machine_of_its_own(|| {
        let before = carried(CAPWRAP);
        let listing = |path: &str| root(&["ls", "-lR", "--time-style=+", path]).run().stdout;
        let policies = listing("/etc/capwrap");
        for _ in 0..2 {
            let run = install(&[], &[]);
            assert!(run.ok(), "{run:?}");
            assert_eq!((carried(CAPWRAP), listing("/etc/capwrap")), (before.clone(), policies.clone()));
            let left: Vec<_> =
                fs::read_dir("/usr/local/bin").unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert!(!left.iter().any(|name| name.to_string_lossy().contains("capwrap.")), "{left:?}");
        }
    });
}

#[test]
fn a_hard_link_to_the_replaced_launcher_has_no_capabilities() {
    on_a_machine_of_its_own(|| {
        let link = "/usr/local/bin/kept-by-somebody";
        fs::hard_link(CAPWRAP, link).unwrap();
        assert!(carried(link).ends_with("=p"));
        assert!(install(&[], &[]).ok());
        assert_eq!(carried(link), "");
        assert!(carried(CAPWRAP).ends_with("=p"));
        assert_ne!(fs::metadata(link).unwrap().ino(), fs::metadata(CAPWRAP).unwrap().ino());
    });
}

#[test]
fn uninstalling_removes_everything_but_enabled_policies_and_says_so() {
    on_a_machine_of_its_own(|| {
        let link = "/usr/local/bin/kept-by-somebody";
        fs::hard_link(CAPWRAP, link).unwrap();
        let run = install(&[], &["--uninstall"]);
        assert!(run.ok() && run.stdout.contains("kept: /etc/capwrap"), "{run:?}");
        assert_eq!(carried(link), "");
        fs::remove_file(link).unwrap();
        let found =
            root(&["find", "/usr/local", "/etc", "-name", "*capwrap*", "-not", "-path", "*capwrap-*"]).run().stdout;
        assert_eq!(found, "/etc/capwrap\n");
        assert!(Path::new(POLICIES).join("t-everything.toml").exists());
        // With no policy left, even the directory is removed.
        assert!(install(&[], &[]).ok());
        fs::remove_dir_all("/etc/capwrap").unwrap();
        assert!(install(&[], &["--uninstall"]).ok());
        assert!(!Path::new("/etc/capwrap").exists());
    });
}

#[test]
fn the_group_is_made_once_and_goes_with_what_made_it_unless_somebody_is_in_it() {
    on_a_machine_of_its_own(|| {
        let group = || root(&["getent", "group", "capwrap"]).run().stdout;
        assert!(root(&["gpasswd", "-d", MEMBER, "capwrap"]).run().ok());
        assert!(root(&["groupdel", "capwrap"]).run().ok());
        assert!(install(&[], &[]).ok());
        let made = group();
        assert!(made.starts_with("capwrap:"), "{made}");
        assert!(install(&[], &[]).ok());
        assert_eq!(group(), made);
        assert!(root(&["gpasswd", "-a", MEMBER, "capwrap"]).run().ok());
        let kept = install(&[], &["--uninstall"]);
        assert!(kept.stdout.contains("kept: the group capwrap, which has members"), "{kept:?}");
        assert!(root(&["gpasswd", "-d", MEMBER, "capwrap"]).run().ok());
        assert!(root(&["groupdel", "capwrap"]).run().ok());
        assert!(install(&[], &[]).ok() && install(&[], &["--uninstall"]).ok());
        assert_eq!(group(), "");
    });
}

#[test]
fn a_packager_gets_files_alone_below_destdir() {
    let folder = Folder::new();
    let target = folder.path("package");
    let run = install(&[("DESTDIR", &target)], &[]);
    assert!(run.ok(), "{run:?}");
    let launcher = format!("{target}{CAPWRAP}");
    assert_eq!(carried(&launcher), "", "capabilities do not survive in a package");
    assert!(!Path::new(&format!("{target}/etc")).exists());
    for file in [
        ADVISOR,
        "/usr/local/share/capwrap/policies/tcpdump.toml",
        "/usr/local/share/man/man1/capwrap.1",
        "/usr/local/share/bash-completion/completions/capwrap",
        "/usr/local/share/zsh/site-functions/_capwrap",
        "/usr/local/share/fish/vendor_completions.d/capwrap.fish",
    ] {
        assert!(Path::new(&format!("{target}{file}")).exists(), "{file}");
    }
}

#[test]
fn what_the_build_lacks_is_said_with_the_command_that_installs_it() {
    let empty = Folder::new();
    for program in ["sh", "dirname", "id", "getent", "cut", "sort", "head", "sed", "tr", "find", "uname"] {
        let found = root(&["sh", "-c", &format!("command -v {program}")]).run().stdout;
        std::os::unix::fs::symlink(found.trim(), empty.0.join(program)).unwrap();
    }
    let run = install(
        &[("PATH", empty.0.to_str().unwrap()), ("HOME", "/nonexistent"), ("SUDO_USER", "nobody")],
        &["--check"],
    );
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("no cargo") && run.stderr.contains("no C compiler"), "{run:?}");
    assert!(run.stderr.contains("\nhint: "), "{run:?}");
}

/// Runs a command on a system with this os-release, where each of these programs is this shell script and nothing else of a
/// build is there. The scripts find their folder in `$bin`.
fn on_system(release: &str, programs: &[(&str, &str)], environment: &[(&str, &str)], command: &[&str]) -> Run {
    in_own_mounts(|| {
        let bin = Folder::new();
        let bin_path = bin.0.to_str().unwrap();
        let usual = "sh dirname id cut sort head sed tr env runuser find getconf rm mkdir mktemp install mv chmod uname cp realpath grep cat nice";
        for program in usual.split(' ') {
            let found = root(&["sh", "-c", &format!("command -v {program} || echo /usr/bin/{program}")]).run().stdout;
            std::os::unix::fs::symlink(found.trim(), bin.0.join(program)).unwrap();
        }
        // The home of the user who builds has no compiler either.
        let getent = ("getent", "echo 'somebody:x:65534:65534::/nonexistent:/bin/sh'");
        for (name, script) in [&[getent], programs].concat() {
            put(&bin.0.join(name), format!("#!/bin/sh\nbin={bin_path}\n{script}\n"));
            fs::set_permissions(bin.0.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let named = bin.path("os-release");
        put(Path::new(&named), release);
        assert!(root(&["mount", "--bind", &named, "/etc/os-release"]).run().ok());
        // No list of a package manager is there, as in an image.
        fs::create_dir_all("/var/lib/apt/lists").unwrap();
        cover("/var/lib/apt/lists");
        call(
            command,
            &[&[("PATH", bin_path), ("HOME", "/nonexistent"), ("CARGO_HOME", "/nonexistent")], environment].concat(),
        )
    })
}

/// Runs `install.sh --check` there.
fn checked(release: &str, programs: &[(&str, &str)]) -> Run {
    on_system(release, programs, &[("SUDO_USER", "nobody")], &[INSTALL, "--check"])
}

#[test]
fn each_distribution_is_asked_for_its_own_packages() {
    const NOBLE: &str = "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n";
    const TRIXIE: &str = "ID=debian\nVERSION_ID=\"13\"\n";
    // apt-cache as it is called: the search prints names, and the policy of each has its version.
    let apt = |versions: &[(&str, &str)]| {
        let names: String = versions
            .iter()
            .filter(|(name, _)| *name != "rustc")
            .map(|(name, _)| format!("{name} - compiler\n"))
            .collect();
        let policies: String = versions
            .iter()
            .map(|(name, version)| format!("{name}) printf '{name}:\\n  Candidate: {version}\\n';;\n"))
            .collect();
        format!("case $1 in search) printf '{names}';; *) case $2 in {policies} esac;; esac")
    };
    let ubuntu = apt(&[
        ("rustc", "1.75.0+dfsg0ubuntu1-0ubuntu7"),
        ("rustc-1.80", "1.80.1+dfsg0ubuntu1~bpo2-0ubuntu0.24.04.1"),
        ("rustc-1.89", "1.89.0+dfsg-0ubuntu1~24.04.1"),
        ("rustc-1.91", "1.91.1+dfsg~24.04-0ubuntu0.24.04.3"),
    ]);
    let debian = apt(&[("rustc", "1.85.0+dfsg3-1"), ("rustc-web", "1.96.0+dfsg-1~deb13u1")]);
    // This one also has what a launcher with musl takes.
    let musl = debian.replace(
        "rustc)",
        "rust-web-src) printf 'rust-web-src:\\n  Candidate: 1.96.0\\n';; musl-dev) printf 'musl-dev:\\n  Candidate: 1.2.5-3\\n';;\nrustc)",
    );
    let old = apt(&[("rustc", "1.63.0+dfsg1-2"), ("rustc-1.80", "(none)")]);
    let repositories = |names: &str| {
        format!("case \"$*\" in '--quiet repolist --all') printf 'repo id   repo name   status\\n{names}';; esac")
    };
    let alma = repositories("appstream   AppStream   enabled\\ncrb   CRB   disabled\\ncrb-source   CRB   disabled\\n");
    let rhel = repositories(
        "codeready-builder-for-rhel-9-x86_64-rpms   x   disabled\\ncodeready-builder-for-rhel-9-x86_64-source-rpms   y   disabled\\n",
    );
    let oracle = repositories("ol9_appstream   A   enabled\\nol9_codeready_builder   B   disabled\\n");
    let fedora = repositories("fedora   Fedora   enabled\\nupdates   Updates   enabled\\n");
    // Without the package rustup, which Arch has in place of rust.
    let pacman = "[ $1 != -Qq ]".to_owned();
    let with_apt =
        |packages: &str| format!("apt-get install -y --no-install-recommends {packages} gcc libc6-dev ca-certificates");
    let dnf = |options: &str| format!("dnf install -y{options} rust cargo gcc glibc-static");
    let codeready = " --enablerepo=codeready-builder-for-rhel-9-x86_64-rpms";
    for (release, manager, script, hint) in [
        (NOBLE, "apt-cache", &ubuntu, with_apt("rustc-1.89 cargo-1.89")),
        (TRIXIE, "apt-cache", &debian, with_apt("rustc-web cargo-web")),
        (TRIXIE, "apt-cache", &musl, with_apt("rustc-web cargo-web rust-web-src musl-dev")),
        ("ID=debian\nVERSION_ID=\"12\"\n", "apt-cache", &old, "./install.sh --with-packages  # ".to_owned()),
        ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "apt-cache", &ubuntu, with_apt("rustc-1.89 cargo-1.89")),
        ("ID=fedora\n", "dnf", &fedora, dnf("")),
        ("ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf", &alma, dnf(" --enablerepo=crb")),
        ("ID=\"rhel\"\nID_LIKE=\"fedora\"\n", "dnf", &rhel, dnf(codeready)),
        ("ID=\"ol\"\nID_LIKE=\"fedora\"\n", "dnf", &oracle, dnf(" --enablerepo=ol9_codeready_builder")),
        ("ID=arch\n", "pacman", &pacman, "pacman -Sy --needed --noconfirm rust gcc\n".to_owned()),
        ("ID=manjaro\nID_LIKE=arch\n", "pacman", &pacman, "pacman -Sy --needed --noconfirm rust gcc\n".to_owned()),
        ("ID=arch\n", "pacman", &String::new(), "pacman -Sy --needed --noconfirm gcc\n".to_owned()),
        ("ID=void\n", "xbps-install", &String::new(), "install Rust 1.87 or newer".to_owned()),
    ] {
        let run = checked(release, &[(manager, script)]);
        assert_eq!(run.code, 1, "{release}: {run:?}");
        assert!(run.stderr.contains(&format!("\nhint: {hint}")), "{release}: {run:?}");
    }
}

const COMPILER: &str = "echo 'rustc 1.96.0 (of a test)'";
/// A C compiler whose static library is there.
const CC: &str = "echo /usr/lib/libc.a";
const CARGO: &str = "echo 'cargo 1.96.0'";

#[test]
fn only_what_is_missing_is_asked_for() {
    let apt = "case $1 in policy) printf '  Candidate: 1.63.0\\n';; esac";
    let apt_get = "gcc libc6-dev ca-certificates";
    // The newest compiler of these lists is too old, but another one is there, and the C compiler is what lacks.
    for (release, manager, script, hint) in [
        ("ID=debian\n", "apt-cache", apt, format!("apt-get install -y --no-install-recommends {apt_get}\n")),
        ("ID=fedora\n", "dnf", "", "dnf install -y gcc glibc-static\n".to_owned()),
    ] {
        let run = checked(release, &[(manager, script), ("rustc", COMPILER), ("cargo", CARGO)]);
        assert!(run.stderr.ends_with(&format!("\nhint: {hint}")), "{release}: {run:?}");
    }
    let run = checked("ID=debian\n", &[("rustc", COMPILER), ("cargo", CARGO), ("cc", CC)]);
    let glibc =
        "note: the launcher will have glibc here, not musl: a launch takes longer, and glibc reads its tunables\n";
    assert_eq!((run.code, run.stdout.as_str()), (0, format!("nothing is missing\n{glibc}").as_str()), "{run:?}");
    // What musl takes is named where apt has it, and nowhere that somebody asked for glibc.
    let offers = "printf '%s:\\n  Candidate: 1.96.0\\n' \"$2\"";
    let there =
        [("rustc", COMPILER), ("cargo", CARGO), ("cc", CC), ("apt-cache", offers), ("dpkg-query", "echo rustc-web: x")];
    let run = checked("ID=debian\n", &there);
    // The machine of the test may have musl-dev.
    let hint = "hint: apt-get install -y --no-install-recommends ";
    let is_named = run.stdout.starts_with(&format!("nothing is missing\n{glibc}{hint}"));
    assert!(is_named && run.stdout.ends_with("rust-web-src\n"), "{run:?}");
    let asked = [("SUDO_USER", "nobody"), ("CAPWRAP_LIBC", "glibc")];
    let run = on_system("ID=debian\n", &there, &asked, &[INSTALL, "--check"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "nothing is missing\n"), "{run:?}");
}

#[test]
fn an_old_compiler_does_not_hide_a_newer_one_and_rustup_renews_its_own() {
    let later = Folder::new();
    for (name, script) in [("rustc", COMPILER), ("cargo", CARGO)] {
        put(&later.0.join(name), format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(later.0.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let old = [("rustc", "echo 'rustc 1.80.0 (of a test)'"), ("cargo", CARGO), ("cc", CC)];
    let run = in_own_mounts(|| {
        let bin = Folder::new();
        for (name, script) in old {
            put(&bin.0.join(name), format!("#!/bin/sh\n{script}\n"));
            fs::set_permissions(bin.0.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let usual = std::env::var("PATH").unwrap();
        let path = format!("{}:{}:{usual}", bin.0.display(), later.0.display());
        install(&[("PATH", &path), ("HOME", "/nonexistent"), ("SUDO_USER", "nobody")], &["--check"])
    });
    assert!(run.ok(), "{run:?}");
    // rustup's compiler is renewed by rustup, where no package of the system has one.
    let run = on_system("ID=void\n", &[&old[..], &[("rustup", "")]].concat(), &[], &[INSTALL, "--check"]);
    assert!(run.stderr.ends_with("\nhint: rustup update stable && rustup default stable\n"), "{run:?}");
}

#[test]
fn the_launcher_is_built_with_musl_where_a_compiler_can_and_otherwise_as_somebody_asked() {
    const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../launcher/build");
    let musl = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let folder = Folder::new();
    let toolchain = |name: &str, version: &str, has_std: bool| {
        let place = folder.0.join(name);
        let library = place.join("root/lib/rustlib").join(&musl).join("lib");
        fs::create_dir_all(&library).unwrap();
        if has_std {
            put(&library.join("libstd-0123.rlib"), "");
        }
        let rustc = format!("[ $1 = --version ] && echo 'rustc {version} (x)' || echo {}/root", place.display());
        for (program, script) in [("rustc", rustc.as_str()), ("cargo", "echo called: \"$@\" >&2; exit 1")] {
            put(&place.join(program), format!("#!/bin/sh\n{script}\n"));
            fs::set_permissions(place.join(program), fs::Permissions::from_mode(0o755)).unwrap();
        }
        place.to_str().unwrap().to_owned()
    };
    let (old, plain) = (toolchain("old", "1.80.0", true), toolchain("plain", "1.96.0", false));
    let able = toolchain("able", "1.96.0", true);
    let usual = root(&[
        "sh",
        "-c",
        "for p in sed uname dirname sort head cut mkdir realpath; do ln -s $(command -v $p) $0; done; echo $0",
        folder.0.to_str().unwrap(),
    ])
    .run()
    .stdout;
    let build = |folders: &[&str], libc: &str, option: &[&str]| {
        let path = [folders, &[usual.trim()]].concat().join(":");
        let target = folder.path("target");
        let environment = [("PATH", path.as_str()), ("CAPWRAP_LIBC", libc), ("CARGO_TARGET_DIR", &target)];
        call(&[&["/bin/sh", BUILD], option].concat(), &environment)
    };
    for (folders, libc, how) in [
        (&[old.as_str(), &plain, &able][..], "", format!("std {able}\n")),
        (&[&plain, &able], "musl", format!("std {able}\n")),
        (&[&plain, &able], "glibc", "glibc\n".to_owned()),
        (&[&old, &plain], "", "glibc\n".to_owned()),
    ] {
        let run = build(folders, libc, &["--how"]);
        assert_eq!(run.stdout, how, "{folders:?} {libc}: {run:?}");
    }
    // A library from its source takes that, and musl's own files.
    let rustlib = Path::new(&able).join("root/lib/rustlib");
    let from_source = |folders: &[&str], option: &[&str], wanted: &str| {
        let path = [folders, &[usual.trim()]].concat().join(":");
        call(&[&["/bin/sh", BUILD], option].concat(), &[("PATH", path.as_str()), ("CAPWRAP_STD", wanted)])
    };
    assert_eq!(from_source(&[&plain, &able], &["--how"], "source").stdout, "glibc\n");
    let library = rustlib.join("src/rust/library/std");
    let own_files = rustlib.join(&musl).join("lib/self-contained");
    for (folder, name) in [(&library, "Cargo.toml"), (&own_files, "rcrt1.o"), (&own_files, "libc.a")] {
        fs::create_dir_all(folder).unwrap();
        put(&folder.join(name), "");
    }
    assert_eq!(from_source(&[&plain, &able], &["--how"], "source").stdout, format!("source {able}\n"));
    assert_eq!(from_source(&[&plain, &able], &["--how"], "").stdout, format!("std {able}\n"));
    let run = from_source(&[&plain, &able], &[], "ready");
    assert!(run.code == 1 && run.stderr.contains("it can be source"), "{run:?}");
    // The compiler that can is the one that is called.
    let run = build(&[&plain, &able], "", &[]);
    assert!(!run.ok() && run.stderr.starts_with("called: rustc --locked --release"), "{run:?}");
    assert!(run.stderr.ends_with(&format!(" --target {musl}\n")), "{run:?}");
    let run = build(&[&plain, &able], "glibc", &[]);
    assert!(!run.ok() && run.stderr.ends_with(" -p capwrap --bin capwrap\n"), "{run:?}");
    let run = build(&[&plain], "musl", &[]);
    assert!(run.code == 1 && run.stderr.starts_with("launcher/build: this machine cannot build for musl"), "{run:?}");
    let run = build(&[&plain], "uclibc", &[]);
    assert!(run.code == 1 && run.stderr.contains("it can be musl or glibc"), "{run:?}");
}

/// What a fake package manager does when it is asked to install something: the compilers are there then.
fn installs() -> String {
    let script = |name: &str, text: &str| {
        format!("printf '#!/bin/sh\\n%s\\n' \"{text}\" > $bin/{name}; chmod 755 $bin/{name}\n")
    };
    let program = "#!/bin/sh\\n";
    // This cargo writes the programs where the real one would.
    let cargo = format!(
        "mkdir -p $CARGO_TARGET_DIR/release $CARGO_TARGET_DIR/advisor
for built in release/capwrap advisor/capwrap-advisor advisor/capwrap-recorder; do
    printf '{program}' > $CARGO_TARGET_DIR/$built; chmod 755 $CARGO_TARGET_DIR/$built
done"
    )
    .replace('$', "\\$");
    script("rustc", "echo rustc 1.96.0 of a test") + &script("cargo", &cargo) + &script("cc", CC)
}

#[test]
fn packages_are_installed_after_their_lists_are_there_and_what_was_done_is_not_advised_again() {
    const DEBIAN: &str = "ID=debian\nVERSION_ID=\"12\"\n";
    let with_packages = |release: &str, programs: &[(&str, &str)]| {
        let folder = Folder::new();
        let (tree, target) = (folder.path("tree"), folder.path("target"));
        let environment = [("DESTDIR", tree.as_str()), ("CARGO_TARGET_DIR", target.as_str())];
        on_system(release, programs, &environment, &[INSTALL, "--with-packages"])
    };
    let installs = installs();
    // apt knows no package before it is asked for its lists.
    let apt_cache = "[ -e $bin/listed ] || exit 0
case $1 in search) echo 'rustc-web - compiler';; *) case $2 in
    rustc) echo '  Candidate: 1.63.0';; rustc-web) echo '  Candidate: 1.96.0+dfsg1-1~deb12u2';; esac;; esac";
    let apt_get = format!("case $1 in update) : > $bin/listed;; install) {installs};; esac");
    let dnf = format!("case $1 in install) {installs};; esac");
    let pacman = format!("case $1 in -Qq) exit 1;; -S*) {installs};; esac");
    for (release, programs, command) in [
        (
            DEBIAN,
            &[("apt-cache", apt_cache), ("apt-get", &apt_get)][..],
            "apt-get install -y --no-install-recommends rustc-web cargo-web gcc libc6-dev ca-certificates",
        ),
        ("ID=fedora\n", &[("dnf", &dnf)], "dnf install -y rust cargo gcc glibc-static"),
        ("ID=arch\n", &[("pacman", &pacman)], "pacman -Sy --needed --noconfirm rust gcc"),
    ] {
        let run = with_packages(release, programs);
        assert!(run.ok(), "{release}: {run:?}");
        assert!(run.stdout.contains(&format!("+ {command}\n")), "{release}: {run:?}");
        assert!(run.stdout.contains(", and at the same time the verbs\n"), "{release}: {run:?}");
        assert!(!run.stderr.contains("hint:"), "{release}: {run:?}");
    }
    // Without lists, the hint is to ask for them. This is what has just been done in the second call.
    let empty = [("apt-cache", ""), ("apt-get", "")];
    let before = checked(DEBIAN, &empty);
    assert!(before.stderr.contains("\nhint: ./install.sh --with-packages  # "), "{before:?}");
    let after = with_packages(DEBIAN, &empty);
    assert!(after.stderr.contains("\nhint: install Rust 1.87 or newer (rustup has it)"), "{after:?}");
    // The lists are renewed by now, and the next call knows it.
    let updated = [("apt-cache", ""), ("find", "echo /var/lib/apt/lists/partial")];
    let next = checked(DEBIAN, &updated);
    assert!(next.stderr.contains("\nhint: install Rust 1.87 or newer (rustup has it)"), "{next:?}");
    // A package manager that fails is named.
    for (release, programs, end) in [
        (DEBIAN, &[("apt-cache", apt_cache), ("apt-get", "exit 100")][..], "could not renew its lists\n"),
        ("ID=fedora\n", &[("dnf", "exit 1")], "this command failed: dnf install -y rust cargo gcc glibc-static\n"),
    ] {
        let run = with_packages(release, programs);
        assert!(run.code == 1 && run.stderr.ends_with(end), "{release}: {run:?}");
    }
    let run = with_packages("ID=arch\n", &[("pacman", "exit 1")]);
    assert!(run.stderr.contains("\nhint: pacman -Syu  # "), "{run:?}");
}

#[test]
fn what_building_packages_lacks_is_reported_at_once_and_installed_if_asked_for() {
    const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/build");
    let build = |release: &str, programs: &[(&str, &str)], option: &[&str]| {
        let run = on_system(release, programs, &[], &[&[BUILD], option].concat());
        assert!(!run.stdout.contains("building"), "{run:?}");
        run
    };
    let lacks = "packaging/build: these packages are missing: jq dpkg-dev; the build lacks: no rustc; no cargo; no C compiler (cc)";
    let run = build("ID=debian\n", &[], &[]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(run.stderr, format!("{lacks}\nhint: packaging/build --with-packages\n"));
    // What these packages have is there then, and the rest is left to install.sh.
    let apt_get = "case $1 in install) echo asked: \"$@\"; for p in jq dpkg-shlibdeps; do echo > $bin/$p; chmod 755 $bin/$p; done;; esac";
    let run = build("ID=debian\n", &[("apt-cache", ""), ("apt-get", apt_get)], &["--with-packages"]);
    assert!(run.stdout.contains("asked: install -y --no-install-recommends jq dpkg-dev\n"), "{run:?}");
    assert!(run.stderr.starts_with("install.sh: the build lacks: no rustc"), "{run:?}");
    // Nothing is built without them, and the hint is not the call that has just failed.
    let run = build("ID=arch\n", &[("pacman", "")], &["--with-packages"]);
    assert!(run.stdout.contains("+ pacman -Sy --needed --noconfirm jq dpkg\n"), "{run:?}");
    assert!(run.stderr.ends_with("these packages are missing, and could not be installed: jq dpkg\n"), "{run:?}");
    let run = build("ID=debian\n", &[], &["--bogus"]);
    assert!(run.code == 2 && run.stderr.contains("unknown option \"--bogus\": the options are --version"), "{run:?}");
}

#[test]
fn the_demonstration_names_what_it_lacks() {
    const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../demo.sh");
    let demo = |programs: &[(&str, &str)], user: &[&str]| {
        let run = on_system("ID=debian\n", programs, &[], &[&[DEMO], user].concat());
        assert_eq!(run.code, 1, "{run:?}");
        run.stderr
    };
    assert_eq!(demo(&[], &["no-such-user"]), "demo.sh: there is no user \"no-such-user\" here\n");
    let capwrap = [("capwrap", ""), ("apt-get", "echo \"$@\" >> $bin/asked; cat $bin/asked >&2; [ $1 = update ]")];
    // apt's lists are renewed before it is asked for tcpdump.
    let said = demo(&[&capwrap[..], &[("cat", "while read -r line; do echo $line; done < $1")]].concat(), &[]);
    assert!(
        said.contains("update\nupdate\ninstall -y --no-install-recommends tcpdump\ndemo.sh: this command failed"),
        "{said}"
    );
}

#[test]
fn a_usage_error_lists_the_options_and_nothing_is_built_that_could_not_be_installed() {
    for (arguments, said) in [
        (&["--with-package"][..], "unknown option \"--with-package\": the options are --with-packages, --check"),
        (&["--check", "--uninstall"], "it takes one option, and these are 2"),
    ] {
        let run = install(&[], arguments);
        assert!(run.code == 1 && run.stderr.contains(said), "{run:?}");
        assert!(run.stderr.ends_with("\nhint: ./install.sh --help\n"), "{run:?}");
    }
    let help = install(&[], &["--help"]);
    assert!(
        help.ok() && help.stdout.contains("--with-packages    first install") && help.stderr.is_empty(),
        "{help:?}"
    );
    // A user without rights is refused before the build, with the command that also has the caller's prefix.
    for arguments in [&[][..], &["--with-packages"], &["--uninstall"]] {
        let call = ["PREFIX=/opt/capwrap", INSTALL];
        let run = root(&[&["setpriv", "--reuid=65534", "--clear-groups", "env"], &call[..], arguments].concat()).run();
        let words = [&["PREFIX=/opt/capwrap", "./install.sh"], arguments].concat().join(" ");
        assert!(run.code == 1 && run.stderr.contains("takes root\nhint: su"), "{run:?}");
        assert!(run.stderr.contains(&words) && !run.stdout.contains("building"), "{run:?}");
    }
}

#[test]
fn a_compiler_in_a_folder_of_its_own_is_found_beside_an_older_one() {
    let rustc = |version: &str| format!("echo 'rustc {version} (of a test)'");
    let lacks = |own: Option<&str>, usual: Option<&str>| {
        in_own_mounts(|| {
            // Ubuntu has the folder below /usr/lib, which everything else needs as well.
            let upper = Folder::new();
            cover(upper.0.to_str().unwrap());
            let layers = ["upper", "work"].map(|name| upper.path(name));
            layers.iter().for_each(|layer| fs::create_dir(layer).unwrap());
            let options = format!("lowerdir=/usr/lib,upperdir={},workdir={}", layers[0], layers[1]);
            let run = root(&["mount", "-t", "overlay", "overlay", "-o", &options, "/usr/lib"]).run();
            assert!(run.ok(), "{run:?}");
            if let Some(version) = own {
                let folder = Path::new("/usr/lib/rust-9.99/bin");
                fs::create_dir_all(folder).unwrap();
                for (name, script) in [("rustc", rustc(version)), ("cargo", "echo cargo".to_owned())] {
                    put(&folder.join(name), format!("#!/bin/sh\n{script}\n"));
                    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
                }
            }
            let usual = usual.map(rustc);
            let programs: Vec<(&str, &str)> = usual.iter().map(|script| ("rustc", script.as_str())).collect();
            checked("ID=ubuntu\n", &programs).stderr
        })
    };
    assert!(lacks(None, None).contains("no rustc"));
    assert!(lacks(None, Some("1.75.0")).contains("rustc 1.75.0 is older than"));
    for usual in [None, Some("1.75.0"), Some("1.90.0")] {
        let said = lacks(Some("1.91.1"), usual);
        assert!(said.contains("no C compiler") && !said.contains("rustc"), "{usual:?}: {said}");
    }
    assert!(lacks(Some("1.80.1"), Some("1.75.0")).contains("rustc 1.80.1 is older than"));
}

#[test]
fn enabling_shows_what_is_granted_to_whom_and_gives_the_launcher_what_is_needed() {
    on_a_machine_of_its_own(|| {
        for entry in fs::read_dir(POLICIES).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let run = root(&[CAPWRAP, "enable", "tcpdump"]).run();
        for part in [
            "tcpdump: ",
            "tool     /usr/bin/tcpdump",
            "allowed  group capwrap",
            "grants   cap_net_raw\n",
            "to root  cap_chown,cap_setgid,cap_setuid\n",
            "may add  cap_net_admin\n",
            "has cap_net_admin,cap_net_raw=p",
        ] {
            assert!(run.stdout.contains(part), "{part:?} is not in {}", run.stdout);
        }
        let policy = format!("{POLICIES}/tcpdump.toml");
        assert_eq!(
            fs::read_to_string(&policy).unwrap(),
            fs::read_to_string("/usr/local/share/capwrap/policies/tcpdump.toml").unwrap()
        );
        assert_eq!(fs::metadata(&policy).unwrap().mode() & 0o7777, 0o644);

        let more =
            root(&[CAPWRAP, "enable", "tcpdump", "--user", STRANGER, "--path", "/usr/local/bin/t", "--path", "x"])
                .run();
        assert_ne!(more.code, 0, "{more:?}");
        let added = root(&[CAPWRAP, "enable", "tcpdump", "--user", STRANGER]).run();
        assert!(added.stdout.contains(&format!("allowed  user {STRANGER}, group capwrap")), "{added:?}");
        assert!(root(&[CAPWRAP, "enable", "dmesg"]).run().ok());
        assert_eq!(carried(CAPWRAP), "cap_net_admin,cap_net_raw,cap_syslog=p");
        let off = root(&[CAPWRAP, "disable", "tcpdump"]).run();
        assert!(
            off.stdout.contains("kept as /etc/capwrap/disabled/tcpdump.toml")
                && off.stdout.contains("has cap_syslog=p"),
            "{off:?}"
        );
        assert_eq!(carried(CAPWRAP), "cap_syslog=p");
        // Earlier changes of the file are kept.
        let again = root(&[CAPWRAP, "enable", "tcpdump"]).run();
        assert!(again.stdout.contains(STRANGER), "{again:?}");
        for name in ["tcpdump", "dmesg"] {
            assert!(root(&[CAPWRAP, "disable", name]).run().ok());
        }
        assert_eq!(carried(CAPWRAP), "");
    });
}

#[test]
fn users_named_on_a_shipped_policy_take_the_place_of_its_group() {
    on_a_machine_of_its_own(|| {
        let run = root(&[CAPWRAP, "enable", "dmesg", "--user", STRANGER]).run();
        assert!(run.stdout.contains(&format!("allowed  user {STRANGER}\n")), "{run:?}");
        let text = fs::read_to_string(format!("{POLICIES}/dmesg.toml")).unwrap();
        assert!(!text.contains("groups ="), "{text}");
    });
}

#[test]
fn a_name_of_a_directory_server_is_written_as_its_number_and_the_launcher_knows_whom_it_means() {
    on_a_machine_of_its_own(|| {
        // libnss-extrausers stands for the directory server: NSS knows its names, and /etc/passwd does not have them.
        cover("/var/lib/extrausers");
        put(Path::new("/var/lib/extrausers/passwd"), "t-carol:x:70001:70002:Carol:/:/bin/sh\n");
        put(Path::new("/var/lib/extrausers/group"), "t-directory:x:70003:t-carol\n");
        put(Path::new("/var/lib/extrausers/shadow"), "");
        put(Path::new("/etc/nsswitch.conf"), "passwd: files extrausers\ngroup: files extrausers\n");
        let known = root(&["getent", "passwd", "t-carol"]).run();
        assert!(known.ok(), "the package libnss-extrausers is missing: {known:?}");

        let policy = Policy::witness("cap_net_raw", "");
        let run = root(&[CAPWRAP, "enable", &policy.name, "--user", "t-carol", "--group", "t-directory"]).run();
        let said = done(&run);
        assert!(said.contains("  allowed  user #70001, group capwrap, group #70003\n"), "{run:?}");
        assert!(said.contains("added: user #70001, group #70003\n"), "{run:?}");
        assert!(said.contains("#70001 is the user t-carol, whom the local files do not have"), "{run:?}");
        assert!(said.contains("#70003 is the group t-directory, whom the local files do not have"), "{run:?}");
        let text = fs::read_to_string(format!("{POLICIES}/{}.toml", policy.name)).unwrap();
        assert!(text.contains("# #70001 is t-carol, a name that only a directory server knows.\n"), "{text}");

        // The user by her own number, a member by the group's, and nobody else.
        let run = |uid: &str, gid: &str, groups: &str| {
            let groups = format!("--groups={groups}");
            let ids = ["setpriv", "--reuid", uid, "--regid", gid, &groups, CAPWRAP, &policy.name];
            root(&ids).run()
        };
        assert_eq!(run("70001", "70002", "70002").witness().sets(), [mask("net_raw"); 4]);
        assert_eq!(run("70009", "70009", "70003").witness().sets(), [mask("net_raw"); 4]);
        run("70009", "70009", "70009").refused(&["may not run"]);
        // The name itself means nobody to the launcher, and verify says which number does.
        let by_name = text.replace("\"#70001\"", "\"t-carol\"");
        put(Path::new(&format!("{POLICIES}/{}.toml", policy.name)), by_name);
        run("70001", "70002", "70002").refused(&["may not run"]);
        let run = root(&[CAPWRAP, "verify", &policy.name]).run();
        assert!(run.stdout.contains("hint: write \"#70001\" in its place"), "{run:?}");
    });
}

#[test]
fn nothing_is_half_enabled() {
    on_a_machine_of_its_own(|| {
        let before = carried(CAPWRAP);
        for (arguments, words) in [
            (&["tcpdmup"][..], &["no policy for \"tcpdmup\"", "hint: did you mean tcpdump?"][..]),
            (&["../../etc/passwd"], &["no name of a policy"]),
            (&["tcpdump", "--user", "no-such-user"], &["no user \"no-such-user\""]),
            (&["tcpdump", "--group", "no-such-group"], &["no group \"no-such-group\"", "groupadd no-such-group"]),
            (&["tcpdump", "--path", "relative"], &["a relative path"]),
            (&["tcpdump", "--path", "/no/such/tcpdump", "--pin"], &["no tool of tcpdump to pin"]),
            (&["tcpdump", "--bogus"], &["--bogus"]),
        ] {
            let run = root(&[&[CAPWRAP, "enable"], arguments].concat()).run();
            assert_eq!(run.code, 125, "{run:?}");
            for word in words {
                assert!(run.stderr.contains(word), "{word:?} is not in {run:?}");
            }
        }
        assert!(!Path::new(&format!("{POLICIES}/tcpdump.toml")).exists());
        assert_eq!(carried(CAPWRAP), before);
        let off = root(&[CAPWRAP, "disable", "tcpdmup"]).run();
        assert!(off.code == 125 && off.stderr.contains("is enabled"), "{off:?}");
    });
}

#[test]
fn a_policy_that_the_launcher_would_refuse_gives_the_launcher_nothing() {
    on_a_machine_of_its_own(|| {
        for entry in fs::read_dir(POLICIES).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let broken = Policy::named("t-broken", "schema = 1\n[[grant]]\ncaps = [\"cap_sys_admin\"]\n");
        let open = Policy::witness("cap_sys_module", "");
        assert!(root(&["chmod", "666", open.path.to_str().unwrap()]).run().ok());
        let run = root(&[CAPWRAP, "enable"]).run();
        assert!(run.ok() && run.stderr.contains("policy t-broken cannot be used"), "{run:?}");
        assert!(run.stderr.contains(&format!("policy {} cannot be used", open.name)), "{run:?}");
        assert_eq!(carried(CAPWRAP), "");
        drop(broken);
    });
}

#[test]
fn a_tool_that_would_be_refused_is_reported_when_its_policy_is_enabled() {
    on_a_machine_of_its_own(|| {
        let folder = Folder::new();
        let tool = folder.copy("/usr/bin/tcpdump", "tcpdump");
        assert!(root(&["setcap", "cap_net_admin=ep", &tool]).run().ok());
        let run = root(&[CAPWRAP, "enable", "tcpdump", "--path", &tool]).run();
        assert!(
            run.stdout.contains(
                "capwrap will refuse to launch it: the file has cap_net_admin=ep, with which exec would give the tool none"
            ),
            "{run:?}"
        );
    });
}
