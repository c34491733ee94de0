//! The tarball of a release: its folder, and the script `install` in it.

use capwrap_tests::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Makes the tarball's folder, with the programs that are installed here.
fn unpacked() -> Folder {
    let folder = Folder::new();
    let programs = folder.path("programs");
    fs::create_dir(&programs).unwrap();
    let own = ["advisor", "recorder"].map(|name| format!("/usr/local/libexec/capwrap/capwrap-{name}"));
    for program in [CAPWRAP, &own[0], &own[1]] {
        fs::copy(program, format!("{programs}/{}", program.rsplit('/').next().unwrap())).unwrap();
    }
    done(&root(&[&format!("{PROJECT}/packaging/tarball/pack"), &programs, &folder.path("capwrap")]).run());
    fs::remove_dir_all(programs).unwrap();
    folder
}

fn install(folder: &Folder, arguments: &[&str]) -> Run {
    root(&[&[folder.path("capwrap/install").as_str()], arguments].concat()).run()
}

#[test]
fn a_tarball_installs_what_a_build_installs_and_removes_it_again() {
    on_a_machine_of_its_own(|| {
        let folder = unpacked();
        // All that install.sh put below the prefix: names, modes, owners, sizes, and what is in the files. The marks of
        // the groups and users that it made are left out, because removing keeps those that are still needed.
        let listing = || {
            let script = "cd /usr/local; find bin libexec share lib/systemd -type f -path '*capwrap*' ! -name '*-made-here' | sort \
                          | while read -r file; do stat -c '%n %A %U %s' $file; sha256sum < $file; done";
            root(&["sh", "-c", script]).run().stdout
        };
        let bin = format!("CAPWRAP_BIN={}", folder.path("capwrap/bin"));
        done(&root(&["env", &bin, &format!("{PROJECT}/install.sh")]).run());
        let (before, carries) = (listing(), carried(CAPWRAP));
        assert!(before.lines().count() > 50 && carries.ends_with("=p"), "{carries} {before}");

        let run = install(&folder, &["--uninstall"]);
        assert!(run.ok() && run.stdout.contains("kept: /etc/capwrap"), "{run:?}");
        assert!(!Path::new(CAPWRAP).exists() && !listing().contains("policies/"), "{}", listing());

        let run = install(&folder, &[]);
        assert!(run.ok() && !run.stdout.contains("building"), "{run:?}");
        assert_eq!((listing(), carried(CAPWRAP)), (before.clone(), carries.clone()));

        // An upgrade: a hard link to the replaced launcher has no capabilities.
        let link = "/usr/local/bin/kept-by-somebody";
        fs::hard_link(CAPWRAP, link).unwrap();
        assert!(install(&folder, &[]).ok());
        assert_eq!((carried(link), carried(CAPWRAP)), (String::new(), carries));
        fs::remove_file(link).unwrap();
        assert_eq!(listing(), before);
    });
}

#[test]
fn a_tarball_changes_nothing_where_it_cannot_be_installed_and_says_why() {
    on_a_machine_of_its_own(|| {
        let folder = unpacked();
        let script = folder.path("capwrap/install");
        assert!(install(&folder, &["--uninstall"]).ok());
        let refused = |run: Run, said: &str, hint: &str| {
            assert!(run.code == 1 && run.stderr.contains(said) && run.stderr.contains(hint), "{run:?}");
            assert!(!Path::new(CAPWRAP).exists());
        };
        for arguments in [&["--check"][..], &["--uninstall", "x"]] {
            refused(install(&folder, arguments), "install: unknown arguments: ", "\nhint: ./install --help\n");
        }
        let help = install(&folder, &["--help"]);
        assert!(help.ok() && help.stdout.contains("./install --uninstall"), "{help:?}");
        let run = root(&["env", "PREFIX=/opt/capwrap", &script]).run();
        refused(
            run,
            "work below /usr/local and not below /opt/capwrap",
            "\nhint: PREFIX=/opt/capwrap ./install.sh  # ",
        );
        let run = root(&["setpriv", "--reuid=65534", "--clear-groups", &script]).run();
        refused(run, "installing below /usr/local takes root", "\nhint: su");
        // A program for another machine.
        let advisor = folder.path("capwrap/bin/capwrap-advisor");
        fs::write(&advisor, "\x7fELF").unwrap();
        fs::set_permissions(&advisor, fs::Permissions::from_mode(0o755)).unwrap();
        refused(install(&folder, &[]), "bin/capwrap-advisor does not run on this machine", "");
    });
}
