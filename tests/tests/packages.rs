//! The packages are built, installed, used, upgraded and removed as an administrator does it, each on a clean machine.

use capwrap_tests::machine::{CAPTURE, Machine};
use capwrap_tests::packages::{PROJECT, Packages};
use capwrap_tests::podman::Podman;
use capwrap_tests::*;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Builds two versions of each package.
fn built() -> &'static [Packages; 2] {
    static BUILT: OnceLock<[Packages; 2]> = OnceLock::new();
    BUILT.get_or_init(|| ["1.0.0", "2.0.0"].map(Packages::build))
}

/// Goes from the first version to the removal. The two package formats differ only in their commands.
fn a_whole_life(machine: &Machine, install: impl Fn(usize) -> Run, remove: impl Fn() -> Run) {
    done(&install(0));
    let said =
        machine.run("getent group capwrap; capwrap list --all; getcap -n /usr/bin/capwrap; ls /etc/capwrap/policies");
    let said = done(&said);
    assert!(said.starts_with("capwrap:") && !said.contains("=p") && !said.contains(".toml"), "{said}");
    // alice does what a new user would do.
    done(&machine.run("useradd --create-home alice; capwrap enable tcpdump --user alice"));
    let said = machine.run(CAPTURE);
    assert!(done(&said).contains("1 packet captured"), "{said:?}");
    done(&machine.run("capwrap verify --all"));
    // These files are part of the package.
    let files = "bash-completion/completions/capwrap fish/vendor_completions.d/capwrap.fish man/man5/capwrap.toml.5.gz \
                 man/man1/capwrap-verify.1.gz capwrap/policies/tcpdump.toml ../lib/sysusers.d/capwrap.conf \
                 ../lib/systemd/system/capwrap-verify.timer ../lib/systemd/system/capwrap-verify.service \
                 ../lib/systemd/system/capwrap-enable.service";
    done(&machine.run(&format!("cd /usr/share; ls {files} zsh/*/_capwrap")));
    done(&machine.run("man=/usr/share/man/man1/capwrap.1.gz; zcat $man | grep -q /usr/libexec/capwrap; ! zcat $man | grep -q /usr/local/libexec"));
    // The service that fits the launcher to the kernel is enabled, and nobody has to do that.
    done(&machine.run("[ -L /etc/systemd/system/sysinit.target.wants/capwrap-enable.service ]"));
    // Somebody makes a hard link to the first version.
    done(&machine.run("ln /usr/bin/capwrap /usr/bin/kept; getcap /usr/bin/kept | grep -q cap_net_raw"));
    done(&install(1));
    let said = machine.run("capwrap --version; getcap -n /usr/bin/kept; getcap /usr/bin/capwrap");
    let lines: Vec<&str> = done(&said).lines().collect();
    assert_eq!(lines.len(), 2, "the link has capabilities: {lines:?}");
    assert!(lines[1].contains("/usr/bin/capwrap cap_net_admin,cap_net_raw=p"), "{lines:?}");
    let said = machine.run(CAPTURE);
    assert!(done(&said).contains("1 packet captured"), "{said:?}");
    done(&machine.run("rm /usr/bin/kept; ln /usr/bin/capwrap /usr/bin/kept"));
    done(&remove());
    // deb-systemd-helper(1p) keeps its records in /etc/systemd until the package is purged.
    let said = machine.run(
        "getcap /usr/bin/kept; rm /usr/bin/kept; ls /etc/capwrap/policies; \
         find /usr /etc -name '*capwrap*' ! -path '/etc/capwrap*' ! -path '*/dpkg/*' ! -path '/etc/systemd/*'",
    );
    assert_eq!(done(&said), "tcpdump.toml\n", "the policy alone stays");
}

#[test]
fn the_deb_is_installed_used_upgraded_and_removed() {
    let machine = Machine::new();
    for (number, packages) in built().iter().enumerate() {
        machine.put(&packages.deb, &format!("/tmp/{number}.deb"));
    }
    // The dependencies are installed already, so dpkg does not ask for any.
    let install = |number| machine.run(&format!("dpkg --install /tmp/{number}.deb"));
    a_whole_life(&machine, install, || machine.run("dpkg --remove capwrap"));
    done(
        &machine.run("dpkg --install /tmp/1.deb; getcap /usr/bin/capwrap | grep -q cap_net_raw; dpkg --verify capwrap"),
    );
    done(&machine.run("dpkg --purge capwrap; ! [ -e /etc/capwrap ] && ! find /etc -name '*capwrap*' | grep ."));
}

/// capwrap's triggers start the verification. dpkg runs them once for all packages of one call.
#[test]
fn a_package_that_puts_a_file_where_tools_lie_has_what_is_installed_verified() {
    let machine = Machine::new();
    machine.put(&built()[0].deb, "/tmp/capwrap.deb");
    let other = "mkdir -p /tmp/other/DEBIAN /tmp/other/usr/bin; touch /tmp/other/usr/bin/other; \
                 printf 'Package: other\\nVersion: 1\\nArchitecture: all\\nMaintainer: none <none@localhost>\\nDescription: a test\\n' \
                 > /tmp/other/DEBIAN/control; dpkg-deb --build /tmp/other > /dev/null";
    done(&machine.run(&format!("dpkg --install /tmp/capwrap.deb; capwrap enable tcpdump; {other}")));
    let said = machine.run("dpkg --install /tmp/other.deb 2>&1");
    assert!(
        done(&said).contains("Processing triggers for capwrap") && said.stdout.contains("✗ 0 problems"),
        "{said:?}"
    );
    let said = machine.run("chmod 0666 /etc/capwrap/policies/tcpdump.toml; dpkg --install /tmp/other.deb 2>&1");
    assert!(done(&said).contains("✗ policy") && said.stdout.contains("capwrap: not all that is installed"), "{said:?}");
}

#[test]
fn the_rpm_is_installed_used_upgraded_and_removed() {
    let machine = Machine::new();
    // rpm does not know Debian's libraries.
    let install = |number: usize| {
        let package = &built()[number].rpm;
        machine.beside(&format!("rpm --root \"$root\" --nodeps --upgrade {package}"))
    };
    a_whole_life(&machine, install, || machine.beside("rpm --root \"$root\" --erase capwrap"));
}

#[test]
fn both_packages_list_the_crates_that_are_linked_and_no_others() {
    let listed = |program: &str| {
        let (folder, Packages { deb, rpm }) = (Folder::new(), &built()[0]);
        let path = format!("./usr/share/doc/capwrap/{program}.cdx.json");
        done(&root(&["dpkg-deb", "--extract", deb, &folder.path("deb")]).run());
        done(
            &root(&["sh", "-c", &format!("cd {} && rpm2cpio {rpm} | cpio -id --quiet {path}", folder.path(""))]).run(),
        );
        let [of_deb, of_rpm] =
            ["deb/", ""].map(|below| std::fs::read_to_string(folder.path(&format!("{below}{path}"))).unwrap());
        assert_eq!(of_deb, of_rpm);
        let folder = std::fs::canonicalize(PROJECT).unwrap();
        assert!(!of_deb.contains(folder.to_str().unwrap()), "it names the folder that it was built in");
        let said: serde_json::Value = serde_json::from_str(&of_deb).unwrap();
        assert_eq!((said["bomFormat"].as_str(), said["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
        let word = |of: &serde_json::Value, key| of[key].as_str().unwrap().to_owned();
        let name = |component| (word(component, "name"), word(component, "version"));
        let mut all: Vec<_> = said["components"].as_array().unwrap().iter().map(name).collect();
        all.push(name(&said["metadata"]["component"]));
        all.into_iter().collect::<std::collections::BTreeSet<_>>()
    };
    for program in ["capwrap", "capwrap-advisor", "capwrap-recorder"] {
        let tree =
            root(&["cargo", "tree", "--locked", "-p", program, "-e", "normal,no-proc-macro", "--prefix", "none"])
                .dir(PROJECT)
                .building()
                .run();
        let pair = |line: &str| {
            line.split(' ').next().map(str::to_owned).zip(line.split(" v").nth(1)?.split(' ').next().map(str::to_owned))
        };
        let linked = done(&tree).lines().filter_map(pair).collect();
        assert_eq!(listed(program), linked);
    }
}

/// A clean Debian takes the place of the image that the recipe names, because there is no registry here.
#[test]
fn an_image_made_by_the_recipe_gives_its_tool_exactly_what_is_added() {
    let (machine, podman, context) = (Machine::new(), Podman::new(), Folder::new());
    podman.import(&machine.root(), "localhost/base");
    std::fs::copy(&built()[0].deb, context.path("capwrap_1.0.0-1_amd64.deb")).unwrap();
    let recipe = format!("{PROJECT}/packaging/oci/Containerfile");
    let build = ["build", "-q", "--build-arg", "BASE=localhost/base", "-t", "localhost/tool", "-f", &recipe];
    done(&podman.run(&[&build, &[context.0.to_str().unwrap()][..]].concat()));
    let run = |options: &[&str], words: &[&str]| {
        podman.run(&[&["run", "--rm", "--cap-drop=ALL"], options, &["localhost/tool"], words].concat())
    };
    let capture = ["tcpdump", "-i", "lo", "-n", "-c", "1", "--immediate-mode"];
    // As root, tcpdump changes to its own user, and its policy grants what this needs.
    for options in [&["--cap-add=NET_RAW"][..], &["--cap-add=NET_RAW,SETUID,SETGID", "--user=root"]] {
        let over = AtomicBool::new(false);
        let said = std::thread::scope(|scope| {
            // These are packets to capture, on the network that the container shares.
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                    let _ = socket.send_to(b"x", "127.0.0.1:9");
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
            });
            let said = run(options, &capture);
            over.store(true, Ordering::Relaxed);
            said
        });
        assert!(said.ok() && said.stderr.contains("1 packet captured"), "{options:?}: {said:?}");
    }
    let refused = run(&[], &capture);
    assert_eq!(refused.code, 125, "{refused:?}");
    assert!(refused.stderr.contains("cap_net_raw") && refused.stderr.contains("bounding set"), "{refused:?}");
}

#[test]
fn debians_own_linter_finds_nothing_wrong_in_the_deb() {
    let Packages { deb, .. } = &built()[0];
    let run = root(&["lintian", "--fail-on", "error,warning", "--suppress-tags", &UNFIT.join(","), deb]).run();
    assert!(run.ok(), "{run:?}");
}

/// What lintian asks only of Debian's own packages: bug numbers, and a maintainer with an address. The launcher is
/// static because no loader may run in it (capwrap(1)). What a trigger starts must not be waited for, for which
/// deb-systemd-invoke(1p) has no option.
const UNFIT: [&str; 7] = [
    "initial-upload-closes-no-bugs",
    "bogus-mail-host",
    "bogus-mail-host-in-debian-changelog",
    "statically-linked-binary",
    "shared-library-lacks-prerequisites",
    "embedded-library",
    "maintainer-script-calls-systemctl",
];
