//! What packages and systemd do with `capwrap verify`.

use capwrap_tests::*;
use std::fs;
use std::path::Path;

const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging");

#[test]
fn the_units_are_ones_that_systemd_takes_and_that_may_do_little() {
    let unit = |name: &str| format!("{PACKAGING}/systemd/{name}");
    let service = unit("capwrap-verify.service");
    let run = root(&["systemd-analyze", "verify", "--man=no", &service, &unit("capwrap-verify.timer")]).run();
    assert!(run.ok() && run.stderr.is_empty(), "{run:?}");
    let run = root(&["systemd-analyze", "security", "--offline=yes", "--threshold=30", &service]).run();
    assert!(run.ok(), "exposure above 3.0: {run:?}");
}

#[test]
fn a_service_fails_where_something_is_not_as_it_should_be() {
    let command = fs::read_to_string(format!("{PACKAGING}/systemd/capwrap-verify.service")).unwrap();
    let line = command.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    // As the unit confines it: root with one capability.
    let confined = ["setpriv", "--bounding-set", "-all,+dac_read_search", "--no-new-privs", "--"];
    let policy = Policy::witness("net_raw", "");
    let told = |run: &Run| run.stdout.contains("✗ policy");
    let run = root(&words).under(&confined).run();
    assert!(!told(&run), "{run:?}");
    fs::set_permissions(&policy.path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let run = root(&words).under(&confined).run();
    assert!(run.code == 1 && told(&run), "{run:?}");
}

/// A package with the triggers and the script of capwrap's own, installed by dpkg below a folder.
#[test]
fn a_package_that_puts_a_file_where_tools_lie_has_what_is_installed_verified() {
    let folder = Folder::new();
    let root_folder = folder.path("root");
    let admin = format!("{root_folder}/var/lib/dpkg");
    for path in ["", "/updates", "/info", "/triggers"] {
        fs::create_dir_all(format!("{admin}{path}")).unwrap();
    }
    fs::write(format!("{admin}/status"), "").unwrap();
    let build = |name: &str, files: &[(&str, &str)]| -> String {
        let tree = folder.path(name);
        let control = format!(
            "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: none <none@localhost>\nDescription: a test\n"
        );
        for (path, text) in files.iter().copied().chain([("DEBIAN/control", control.as_str())]) {
            let path = Path::new(&tree).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if path.ends_with("postinst") || path.ends_with("capwrap") {
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            }
        }
        let package = folder.path(&format!("{name}.deb"));
        let run = root(&["dpkg-deb", "--build", "--root-owner-group", &tree, &package]).run();
        assert!(run.ok(), "{run:?}");
        package
    };
    let dpkg = |package: &str| {
        let run = root(&[
            "dpkg",
            "--force-script-chrootless",
            "--force-not-root",
            &format!("--root={root_folder}"),
            &format!("--admindir={admin}"),
            "--install",
            package,
        ])
        .run();
        assert!(run.ok(), "{run:?}");
        run.stdout + &run.stderr
    };
    // capwrap itself is a script that calls the installed one: the package comes with a later file.
    let triggers = fs::read_to_string(format!("{PACKAGING}/deb/triggers")).unwrap();
    let postinst = fs::read_to_string(format!("{PACKAGING}/deb/postinst")).unwrap();
    // systemd may run here; the machine of the package has none.
    let postinst = postinst.replace("/run/systemd/system", "${DPKG_ROOT:-}/run/systemd/system");
    let launcher = format!("#!/bin/sh\nexec {CAPWRAP} \"$@\"\n");
    dpkg(&build(
        "capwrap",
        &[("DEBIAN/triggers", &triggers), ("DEBIAN/postinst", &postinst), ("usr/local/bin/capwrap", &launcher)],
    ));
    let policy = Policy::witness("net_raw", "");
    fs::set_permissions(&policy.path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let said = dpkg(&build("some-tool", &[("usr/bin/some-tool", "")]));
    assert!(said.contains("✗ policy") && said.contains("capwrap: not all that is installed"), "{said}");
}
