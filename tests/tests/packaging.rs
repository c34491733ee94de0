//! How packages and systemd use `capwrap verify`.

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
    let boot = unit("capwrap-enable.service");
    let run = root(&["systemd-analyze", "verify", "--man=no", &boot]).run();
    assert!(run.ok() && run.stderr.is_empty(), "{run:?}");
    for service in [service, boot] {
        let run = root(&["systemd-analyze", "security", "--offline=yes", "--threshold=30", &service]).run();
        assert!(run.ok(), "exposure above 3.0: {run:?}");
    }
}

/// What can be had of their tools here: nix reads a file, and a shell reads the scripts of Alpine.
#[test]
fn the_recipes_of_other_distributions_can_be_read_and_their_recorder_is_the_installed_one() {
    for file in ["flake.nix", "module.nix", "package.nix"] {
        let run = root(&["nix-instantiate", "--parse", &format!("{PACKAGING}/nix/{file}")]).run();
        assert!(run.ok(), "{run:?}");
    }
    let recipe = fs::read_to_string(format!("{PACKAGING}/alpine/APKBUILD")).unwrap();
    for entry in fs::read_dir(format!("{PACKAGING}/alpine")).unwrap() {
        let path = entry.unwrap().path();
        let (text, name) = (fs::read_to_string(&path).unwrap(), path.file_name().unwrap().to_str().unwrap());
        assert!(root(&["sh", "-n", path.to_str().unwrap()]).run().ok(), "{name}");
        if name.ends_with(".initd") {
            assert!(recipe.contains(&format!("\"$srcdir\"/{name} ")), "{name} is not in the package");
        }
        // Each half makes its own socket, as the other packages' units have it.
        if let Some(words) = text.split("command_args=\"").nth(1).and_then(|rest| rest.split('"').next()) {
            let socket = words.rsplit(' ').next().unwrap();
            let unit = if words.contains("--answer") { "capwrap-history" } else { "capwrap-recorder" };
            let unit = fs::read_to_string(format!("{PACKAGING}/systemd/{unit}.socket")).unwrap();
            assert!(unit.contains(&format!("={socket}\n")), "{name}: {socket}");
        }
    }
}

#[test]
fn a_real_systemd_starts_the_service_and_it_fails_where_something_is_not_as_it_should_be() {
    let policy = Policy::witness("net_raw", "");
    let ended = |spoil: bool| {
        let mode = if spoil { 0o666 } else { 0o644 };
        fs::set_permissions(&policy.path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        // The unit verifies this one policy, whatever other tests have enabled.
        run_service("capwrap-verify.service", "ExecMainStatus", |unit| unit.replace("--all", &policy.name))
    };
    let (result, said) = ended(false);
    assert!(result.starts_with("success\n0"), "{result}{said}");
    let (result, said) = ended(true);
    assert!(result.starts_with("exit-code\n1"), "{result}{said}");
    assert!(said.contains("✗ policy"), "{said}");
}

/// The file trigger of the spec file, which cargo-generate-rpm cannot write: rpmbuild builds a package with it, and rpm
/// installs it below a directory. rpm runs scripts in a chroot, so the directory has a shell, and a launcher that
/// reports that it was called.
#[test]
fn an_rpm_that_puts_a_file_where_tools_lie_has_what_is_installed_verified() {
    let folder = Folder::new();
    let tree = folder.path("root");
    for program in ["/bin/sh", "/usr/bin/tee"] {
        let libraries = root(&["ldd", program]).run().stdout;
        let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned);
        for file in libraries.chain([program.to_owned()]) {
            let target = format!("{tree}{file}");
            fs::create_dir_all(Path::new(&target).parent().unwrap()).unwrap();
            fs::copy(&file, &target).unwrap();
        }
    }
    let spec = fs::read_to_string(format!("{PACKAGING}/rpm/capwrap.spec")).unwrap();
    let start = spec.find("%transfiletriggerin").unwrap();
    let include = &spec[start..start + spec[start..].find("%files").unwrap()];
    let build = |name: &str, path: &str, text: &str, more: &str| -> String {
        let spec = format!(
            "Name: {name}\nVersion: 1\nRelease: 1\nSummary: a test\nLicense: MIT\nBuildArch: noarch\nAutoReqProv: no\n\
             %description\na test\n%install\nmkdir -p %{{buildroot}}$(dirname {path})\n\
             cat > %{{buildroot}}{path} <<'END'\n{text}\nEND\nchmod 0755 %{{buildroot}}{path}\n%files\n{path}\n{more}\n"
        );
        let file = folder.path(&format!("{name}.spec"));
        fs::write(&file, spec).unwrap();
        let top = format!("_topdir {}", folder.path("build"));
        let run = root(&["rpmbuild", "--quiet", "--define", &top, "--define", "_bindir /usr/bin", "-bb", &file]).run();
        assert!(run.ok(), "{run:?}");
        folder.path(&format!("build/RPMS/noarch/{name}-1-1.noarch.rpm"))
    };
    let install = |package: &str| {
        let run = root(&["rpm", "--root", &tree, "--nodeps", "--install", package]).run();
        assert!(run.ok(), "{run:?}");
        run.stdout + &run.stderr
    };
    install(&build("capwrap", "/usr/bin/capwrap", "#!/bin/sh\necho \"called: $*\"; exit 1", include));
    let said = install(&build("some-tool", "/usr/bin/some-tool", "", ""));
    assert!(said.contains("called: verify --all") && said.contains("capwrap: not all that is installed"), "{said}");
}
