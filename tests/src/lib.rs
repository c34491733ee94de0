//! What the end-to-end tests share: users, policies that live as long as a test, and runs of the installed launcher
//! with checks of their outcome.
//!
//! `tests/run` prepares the machine. It installs capwrap and the witness, creates the two users, and enables a policy
//! that gives the launcher every capability, so that each test can grant what it likes.

pub mod book;
pub mod exec_rule;
pub mod fleet;
pub mod machine;
pub mod packages;
pub mod podman;
pub mod recorder;
pub mod systemd;
pub mod versions;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The path of the installed launcher.
pub const CAPWRAP: &str = "/usr/local/bin/capwrap";
/// A directory for the tools of the tests, which belongs to root.
pub const TOOLS: &str = "/usr/local/lib/capwrap-tests";
/// The tool that prints the capabilities and the environment that it got.
pub const WITNESS: &str = "/usr/local/lib/capwrap-tests/witness";
/// The directory of the enabled policies.
pub const POLICIES: &str = "/etc/capwrap/policies";
/// A user in the group `capwrap`.
pub const MEMBER: &str = "capwrap-member";
/// A user who is not in the group `capwrap`.
pub const STRANGER: &str = "capwrap-stranger";

/// A policy that is enabled until it is dropped.
pub struct Policy {
    pub name: String,
    pub path: PathBuf,
}

impl Policy {
    /// Enables this text under a name of its own.
    pub fn new(text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self::named(&name, text)
    }

    pub fn named(name: &str, text: &str) -> Self {
        let path = Path::new(POLICIES).join(format!("{name}.toml"));
        put(&path, text);
        Self { name: name.to_owned(), path }
    }

    /// A policy for the witness that grants these capabilities to the group. `more` is appended and may begin with keys
    /// of `[allow]`.
    pub fn witness(caps: &str, more: &str) -> Self {
        Self::tool(WITNESS, caps, more)
    }

    /// A policy for another tool that grants these capabilities to the group.
    pub fn tool(path: &str, caps: &str, more: &str) -> Self {
        let grant = match caps {
            "" => String::new(),
            caps => format!("\n[[grant]]\ncaps = [{}]\n", quoted(caps)),
        };
        Self::new(&format!(
            "schema = 1\n{grant}\n[tool]\npath = \"{path}\"\n\n[allow]\ngroups = [\"capwrap\"]\n{more}\n"
        ))
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Replaces a file in one step, as capwrap's own writer does. If a file is written in place, launches wait for it.
pub fn put(path: &Path, text: impl AsRef<[u8]>) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o644)).unwrap();
    fs::File::options().append(true).open(&beside).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::rename(&beside, path).unwrap();
}

fn quoted(list: &str) -> String {
    list.split(',').map(|item| format!("\"{}\"", item.trim())).collect::<Vec<_>>().join(", ")
}

/// A shipped policy, enabled by `capwrap enable` with these options until it is dropped.
pub struct Enabled(String);

pub fn enable(name: &str, options: &[&str]) -> Enabled {
    let run = root(&[&[CAPWRAP, "enable", name], options].concat()).run();
    assert!(run.ok(), "{run:?}");
    Enabled(name.to_owned())
}

impl Drop for Enabled {
    fn drop(&mut self) {
        root(&[CAPWRAP, "disable", &self.0]).run();
        let _ = fs::remove_file(format!("/etc/capwrap/disabled/{}.toml", self.0));
    }
}

/// The output of a run, which must have succeeded.
#[track_caller]
pub fn done(run: &Run) -> &str {
    assert!(run.ok(), "{run:?}");
    &run.stdout
}

/// A command to run, as root or as a user.
pub struct Call {
    /// The command that changes to the user and then executes the words.
    before: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    words: Vec<OsString>,
    directory: PathBuf,
    input: Vec<u8>,
}

/// A command to run as root.
pub fn root(words: &[&str]) -> Call {
    Call {
        before: Vec::new(),
        environment: vec![("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into())],
        words: words.iter().map(OsString::from).collect(),
        directory: PathBuf::from("/"),
        input: Vec::new(),
    }
}

/// A command to run as a user, with the groups that a login would give.
pub fn user(name: &str, words: &[&str]) -> Call {
    let become_user = ["/usr/bin/setpriv", "--reuid", name, "--regid", name, "--init-groups", "--"];
    root(words).under(&become_user)
}

/// The launcher, run by the member.
pub fn capwrap(arguments: &[&str]) -> Call {
    user(MEMBER, &[&[CAPWRAP], arguments].concat())
}

impl Call {
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.words.push(argument.as_ref().to_owned());
        self
    }

    /// Sets a variable of the command alone, not of the words that come before it.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    pub fn dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = directory.as_ref().to_owned();
        self
    }

    pub fn input(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.input = bytes.as_ref().to_vec();
        self
    }

    /// Passes the variables that a build needs to find this machine's Rust.
    pub fn building(self) -> Self {
        let names = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR"];
        let set = names.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        set.fold(self, |call, (name, value)| call.env(name, value))
    }

    /// Puts words before everything else. They run as root.
    pub fn under(mut self, words: &[&str]) -> Self {
        self.before.splice(0..0, words.iter().map(OsString::from));
        self
    }

    /// The command as a `std::process::Command`, for tests that need more of its methods. env(1) sets the environment
    /// last, so that it affects only the command and not the words before it.
    pub fn command(&self) -> Command {
        let mut words = self.before.clone();
        words.extend(["/usr/bin/env", "-i"].map(OsString::from));
        for (name, value) in &self.environment {
            let mut variable = name.clone();
            variable.push("=");
            variable.push(value);
            words.push(variable);
        }
        words.extend(self.words.iter().cloned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(&self.directory);
        command
    }

    pub fn run(self) -> Run {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.words));
        // A child that does not read its input is no failure.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(&self.input));
        Run::of(&child.wait_with_output().unwrap())
    }
}

/// The result of a command.
#[derive(Debug)]
pub struct Run {
    /// The exit code, or 128 plus the number of the signal that ended the command.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: &Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self {
            code: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn ok(&self) -> bool {
        self.code == 0
    }

    /// Asserts that nothing was run: the exit code is this one, and standard error has one clear line and perhaps a
    /// hint, with these words among them.
    #[track_caller]
    pub fn refused_with(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "something was run: {self:?}");
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert!(lines.first().is_some_and(|line| line.starts_with("capwrap: ")), "{self:?}");
        assert!(lines.len() == 1 || lines.len() == 2 && lines[1].starts_with("hint: "), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {}", self.stderr);
        }
    }

    /// Asserts the same with the usual exit code.
    #[track_caller]
    pub fn refused(&self, words: &[&str]) {
        self.refused_with(125, words);
    }

    /// The values that the witness printed.
    #[track_caller]
    pub fn witness(&self) -> Witness {
        assert!(self.ok(), "{self:?}");
        Witness::read(&self.stdout)
    }
}

/// The values that the witness printed about itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Witness {
    values: BTreeMap<String, String>,
    pub environment: Vec<String>,
    pub descriptors: Vec<String>,
    pub limits: BTreeMap<String, String>,
}

impl Witness {
    pub fn read(text: &str) -> Self {
        let mut said =
            Self { values: BTreeMap::new(), environment: Vec::new(), descriptors: Vec::new(), limits: BTreeMap::new() };
        for line in text.lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            match name {
                "env" => said.environment.push(value.to_owned()),
                "fd" => said.descriptors.push(value.to_owned()),
                "limit" => {
                    let (name, value) = value.split_once(' ').unwrap();
                    said.limits.insert(name.to_owned(), value.to_owned());
                }
                _ => {
                    said.values.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        assert!(said.values.contains_key("CapEff"), "no witness: {text}");
        said
    }

    /// A value such as `CapEff`, `Umask` or `argv1`.
    #[track_caller]
    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).unwrap_or_else(|| panic!("the witness did not say {name}"))
    }

    /// The inheritable, permitted, effective and ambient set, as masks.
    pub fn sets(&self) -> [u64; 4] {
        ["CapInh", "CapPrm", "CapEff", "CapAmb"].map(|name| u64::from_str_radix(self.get(name), 16).unwrap())
    }

    /// The bounding set as a mask.
    pub fn bounding(&self) -> u64 {
        u64::from_str_radix(self.get("CapBnd"), 16).unwrap()
    }

    /// A variable of the witness's environment.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.environment.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }
}

/// The mask of a list of capabilities.
pub fn mask(caps: &str) -> u64 {
    capwrap_core::CapabilitySet::parse(caps).unwrap().mask()
}

/// The name of a policy that no other test uses. Its files, which learning writes, are removed when it is dropped.
pub struct PolicyName(pub String);

impl PolicyName {
    pub fn new(of: &str) -> Self {
        let name = Self(format!("t-{of}"));
        name.remove();
        name
    }

    /// Where the policy is while it is enabled.
    pub fn enabled(&self) -> String {
        format!("{POLICIES}/{}.toml", self.0)
    }

    /// Where a policy is written that is not enabled.
    pub fn written(&self) -> String {
        format!("/etc/capwrap/disabled/{}.toml", self.0)
    }

    /// Where the evidence is.
    pub fn evidence(&self) -> String {
        format!("{POLICIES}/{}.profile.json", self.0)
    }

    pub fn exists(&self) -> bool {
        self.files().iter().any(|file| Path::new(file).exists())
    }

    pub fn remove(&self) {
        for file in self.files() {
            let _ = fs::remove_file(file);
        }
    }

    fn files(&self) -> [String; 3] {
        [self.enabled(), self.written(), self.evidence()]
    }
}

impl Drop for PolicyName {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A directory below [`TOOLS`] that belongs to root and is removed when it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(TOOLS).join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    /// Copies a program into it. The copy belongs to root, has mode 0755, and has no file capabilities.
    pub fn copy(&self, program: &str, name: &str) -> String {
        let path = self.0.join(name);
        fs::copy(program, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The path of a file in the directory.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A copy of the launcher with these file capabilities, in setcap's notation.
    pub fn launcher(&self, capabilities: &str) -> String {
        let path = self.copy(CAPWRAP, "capwrap");
        let run = root(&["setcap", capabilities, &path]).run();
        assert!(run.ok(), "{run:?}");
        path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a test with copies of /etc and /usr/local that it may change, in a mount namespace of its own.
pub fn on_a_machine_of_its_own<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    in_own_mounts(|| {
        for folder in ["/etc", "/usr/local"] {
            fs::create_dir_all("/mnt").unwrap();
            cover("/mnt");
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                copy_what_changes(path.to_str().unwrap());
            }
            assert!(root(&["mount", "--move", "/mnt", folder]).run().ok());
        }
        test()
    })
}

/// Copies a file or directory of the machine into /mnt. Other programs go on changing the machine, and cp fails when a
/// file that it has listed is removed or renamed before it opens it: it copies again then.
fn copy_what_changes(path: &str) {
    let copy = || root(&["cp", "-a", path, "/mnt/"]).run();
    let mut run = copy();
    for _ in 0..4 {
        if !run.ok() {
            run = copy();
        }
    }
    assert!(run.ok(), "{run:?}");
}

/// The file capabilities of a file, as getcap(8) shows them.
pub fn carried(path: &str) -> String {
    root(&["getcap", "-n", path]).run().stdout.trim().trim_start_matches(path).trim().to_owned()
}

/// Runs a test in a mount namespace of its own, so that it can put other files over the machine's. A thread can have
/// its own mount namespace, and the processes that it starts are in it too.
pub fn in_own_mounts<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS).unwrap();
            mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
            test()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Inside such a mount namespace: no policy is enabled, and only this test changes the launcher's capabilities.
pub fn own_installation() {
    let launcher = fs::read(CAPWRAP).unwrap();
    cover("/etc/capwrap");
    fs::create_dir(POLICIES).unwrap();
    cover("/usr/local/bin");
    fs::write(CAPWRAP, launcher).unwrap();
    fs::set_permissions(CAPWRAP, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Mounts an empty directory over another, inside the test's mount namespace.
pub fn cover(folder: &str) {
    let flags = nix::mount::MsFlags::empty();
    nix::mount::mount(Some("none"), folder, Some("tmpfs"), flags, Some("mode=755")).unwrap();
}

/// A directory below one of the system's that only root may enter, outside all that a scope leaves open by itself. It is
/// removed when it is dropped.
pub struct ClosedFolder(pub String);

impl ClosedFolder {
    /// What stands in the files of [`file`](Self::file).
    pub const LINE: &str = "a line of root's\n";

    pub fn new(parent: &str, name: &str) -> Self {
        let path = format!("{parent}/capwrap-tests-{}-{name}", std::process::id());
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    /// Makes a file that only root may read, and returns its path.
    pub fn file(&self, name: &str) -> String {
        let path = format!("{}/{name}", self.0);
        fs::write(&path, Self::LINE).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Makes a directory in it, and returns its path.
    pub fn folder(&self, name: &str, mode: u32) -> String {
        let path = format!("{}/{name}", self.0);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for ClosedFolder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A directory in a user's home that belongs to the user. It is removed when it is dropped.
pub struct InHome(pub PathBuf);

impl InHome {
    pub fn new(user: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(format!("/home/{user}/capwrap-{}-{number}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let folder = Self(folder);
        folder.own(&folder.0, user);
        folder
    }

    pub fn own(&self, path: &Path, user: &str) {
        assert!(root(&["chown", &format!("{user}:"), path.to_str().unwrap()]).run().ok());
        fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// A copy of the witness that belongs to this user.
    pub fn tool(&self, user: &str) -> String {
        let path = self.0.join("tool");
        fs::copy(WITNESS, &path).unwrap();
        self.own(&path, user);
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for InHome {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts a service of packaging/systemd under a real systemd of its own, and gives what `systemctl show` says of its
/// Result and of one more property, a line each, and what the service printed. `change` changes the text of the unit.
pub fn run_service(name: &str, property: &str, change: impl FnOnce(&str) -> String) -> (String, String) {
    let folder = Folder::new();
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/systemd");
    let unit = std::fs::read_to_string(Path::new(unit).join(name)).unwrap();
    // The service prints where this test reads.
    let printing = format!("[Service]\nStandardOutput=file:{}\n", folder.path("said"));
    std::fs::write(folder.path(name), change(&unit).replace("[Service]\n", &printing)).unwrap();
    std::fs::write(folder.path("start.target"), "[Unit]\nWants=report.service\nAfter=report.service\n").unwrap();
    let report = format!(
        "[Unit]\nDefaultDependencies=no\nSuccessAction=exit-force\n[Service]\nType=oneshot\n\
         ExecStart=/bin/sh -c 'systemctl start {name}; systemctl show -P Result -P {property} {name} > {}'\n",
        folder.path("result")
    );
    std::fs::write(folder.path("report.service"), report).unwrap();
    for target in ["sysinit.target", "local-fs.target", "basic.target", "shutdown.target"] {
        std::fs::write(folder.path(target), "[Unit]\nDefaultDependencies=no\n").unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/exporting/with-systemd");
    let run = root(&["timeout", "60", script, folder.0.to_str().unwrap()]).run();
    let result = std::fs::read_to_string(folder.path("result")).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    // A service whose condition does not hold prints nothing, and there is no file then.
    let said = std::fs::read_to_string(folder.path("said")).unwrap_or_else(|error| format!("{error}: {run:?}"));
    (result, said)
}
