//! Writes how an engine makes a copy of a container: from what it says of the container, and with other capabilities.

use crate::dialects::capabilities::bare;
use crate::dialects::json::{array, strings, text};
use crate::output::error::hinted;
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use serde_json::Value;

/// The words of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The words after those for the name and the capabilities: options, image, and command.
    words: Vec<String>,
    /// The places in the container where the copy would write into what the container has too.
    pub shared: Vec<String>,
    /// The copy is in the host's network, and cannot listen where the container listens.
    pub is_in_hosts_network: bool,
    /// What the copy has not of the container's, as lines for people.
    pub lacks: Vec<&'static str>,
}

impl Copy {
    /// Reads what `docker container inspect` or `podman container inspect` says of one container. Ports are not published,
    /// because the container's own are taken.
    ///
    /// # Errors
    /// What it says is not enough to make a copy.
    pub fn of(container: &Value) -> Result<Self> {
        let host = &container["HostConfig"];
        let mut options = Options::default();
        user_and_places(&mut options, container);
        namespaces(&mut options, container);
        let is_privileged = host["Privileged"].as_bool() == Some(true);
        security(&mut options, host, is_privileged)?;
        mounts(&mut options, host);
        devices_and_limits(&mut options, host);
        for setting in sysctls(container) {
            options.add("--sysctl", &setting);
        }
        let odd = || "the engine does not say what the container executes".to_owned();
        let image = text(&container["Image"]).filter(|image| !image.is_empty()).with_context(odd)?;
        let path = text(&container["Path"]).filter(|path| !path.is_empty()).with_context(odd)?;
        let mut command: Vec<String> = std::iter::once(path).chain(strings(&container["Args"])).collect();
        if host["Init"].as_bool() == Some(true) {
            options.0.push("--init".to_owned());
            // Podman names its init as the first word, and `--` before what that starts.
            if command.get(1).is_some_and(|word| word == "--") {
                command.drain(..2);
            }
        }
        options.add("--entrypoint", command.first().with_context(odd)?);
        let mut words = options.0;
        words.push(image);
        words.extend(command.into_iter().skip(1));
        let writable = array(&container["Mounts"]).iter().filter(|mount| {
            mount["RW"].as_bool() == Some(true) && matches!(mount["Type"].as_str(), Some("bind" | "volume"))
        });
        let shared = writable.filter_map(|mount| text(&mount["Destination"])).collect();
        let published = host["PortBindings"].as_object().is_some_and(|ports| !ports.is_empty());
        let lacks = [
            (published, "its published ports: let the check reach it inside, as by podman exec $CAPWRAP_CONTAINER"),
            (is_privileged, "the host's devices, which --privileged gave it"),
        ];
        Ok(Self {
            words,
            shared,
            is_in_hosts_network: text(&host["NetworkMode"]).as_deref() == Some("host"),
            lacks: lacks.into_iter().filter_map(|(does, what)| does.then_some(what)).collect(),
        })
    }

    /// The words after the engine's name that make a copy with this name and these capabilities.
    pub fn create(&self, name: &str, capabilities: CapabilitySet) -> Vec<String> {
        let adds = bare(capabilities).into_iter().map(|name| format!("--cap-add={name}"));
        let begin = ["create", "--name", name, "--cap-drop=ALL"].map(str::to_owned);
        begin.into_iter().chain(adds).chain(self.words.iter().cloned()).collect()
    }
}

/// The options of a copy. An option and its value are one word, so that no value is taken as an option.
#[derive(Default)]
struct Options(Vec<String>);

impl Options {
    fn add(&mut self, option: &str, value: &str) {
        self.0.push(format!("{option}={value}"));
    }

    fn all(&mut self, option: &str, values: &Value) {
        for value in strings(values) {
            self.add(option, &value);
        }
    }

    fn one(&mut self, option: &str, value: &Value) {
        if let Some(value) = text(value).filter(|value| !value.is_empty()) {
            self.add(option, &value);
        }
    }
}

fn user_and_places(options: &mut Options, container: &Value) {
    let (config, host) = (&container["Config"], &container["HostConfig"]);
    options.one("--user", &config["User"]);
    options.one("--workdir", &config["WorkingDir"]);
    // The engine sets these two itself.
    let own = |value: &str| !value.starts_with("HOSTNAME=") && !value.starts_with("container=");
    for value in strings(&config["Env"]).iter().filter(|value| own(value)) {
        options.add("--env", value);
    }
    options.all("--group-add", &host["GroupAdd"]);
    for (option, key) in [("--tty", "Tty"), ("--interactive", "OpenStdin")] {
        if config[key].as_bool() == Some(true) {
            options.0.push(option.to_owned());
        }
    }
}

fn namespaces(options: &mut Options, container: &Value) {
    let host = &container["HostConfig"];
    let named = |value: Option<String>| value.filter(|value| value == "host" || value.contains(':'));
    for (option, key) in [("--pid", "PidMode"), ("--ipc", "IpcMode"), ("--uts", "UTSMode"), ("--userns", "UsernsMode")]
    {
        if let Some(value) = named(text(&host[key])) {
            options.add(option, &value);
        }
    }
    for key in ["CgroupnsMode", "CgroupMode"] {
        options.one("--cgroupns", &host[key]);
    }
    let mode = text(&host["NetworkMode"]).unwrap_or_default();
    let networks = container["NetworkSettings"]["Networks"].as_object();
    let joined = networks.and_then(|all| all.keys().find(|name| !["bridge", "podman"].contains(&name.as_str())));
    match (mode.as_str(), joined) {
        ("bridge", Some(network)) => options.add("--network", network),
        ("" | "default", _) => {}
        (mode, _) => options.add("--network", mode),
    }
    options.all("--dns", &host["Dns"]);
    options.all("--dns-search", &host["DnsSearch"]);
    options.all("--add-host", &host["ExtraHosts"]);
}

fn security(options: &mut Options, host: &Value, is_privileged: bool) -> Result<()> {
    for option in strings(&host["SecurityOpt"]) {
        if option.starts_with("seccomp=") && option.contains('{') {
            return Err(hinted(
                "cannot copy the container: Docker says what its seccomp filter is, and not in which file",
                "create one like it with --security-opt seccomp=unconfined, and learn that one",
            ));
        }
        options.add("--security-opt", &option);
    }
    if is_privileged {
        // With --privileged, an engine passes over --cap-drop.
        for option in ["seccomp=unconfined", "apparmor=unconfined", "label=disable"] {
            options.add("--security-opt", option);
        }
    }
    if host["ReadonlyRootfs"].as_bool() == Some(true) {
        options.0.push("--read-only".to_owned());
    }
    Ok(())
}

fn mounts(options: &mut Options, host: &Value) {
    options.all("--volume", &host["Binds"]);
    options.all("--volumes-from", &host["VolumesFrom"]);
    for mount in array(&host["Mounts"]) {
        let mut words = vec![format!("type={}", text(&mount["Type"]).unwrap_or_default())];
        for (word, key) in [("source", "Source"), ("target", "Target")] {
            words.extend(text(&mount[key]).filter(|value| !value.is_empty()).map(|value| format!("{word}={value}")));
        }
        if mount["ReadOnly"].as_bool() == Some(true) {
            words.push("readonly".to_owned());
        }
        options.add("--mount", &words.join(","));
    }
    for (place, how) in host["Tmpfs"].as_object().into_iter().flatten() {
        let how = text(how).filter(|how| !how.is_empty()).map_or_else(String::new, |how| format!(":{how}"));
        options.add("--tmpfs", &format!("{place}{how}"));
    }
}

fn devices_and_limits(options: &mut Options, host: &Value) {
    for device in array(&host["Devices"]) {
        let part = |key: &str| text(&device[key]).unwrap_or_default();
        let (outside, inside, rights) = (part("PathOnHost"), part("PathInContainer"), part("CgroupPermissions"));
        let parts: Vec<String> = [outside, inside, rights].into_iter().filter(|part| !part.is_empty()).collect();
        options.add("--device", &parts.join(":"));
    }
    for limit in array(&host["Ulimits"]) {
        let name = text(&limit["Name"]).unwrap_or_default().to_ascii_lowercase();
        let name = name.strip_prefix("rlimit_").unwrap_or(&name);
        if let (Some(soft), Some(hard)) = (limit["Soft"].as_i64(), limit["Hard"].as_i64()) {
            options.add("--ulimit", &format!("{name}={soft}:{hard}"));
        }
    }
    if let Some(size) =
        host["ShmSize"].as_u64().filter(|size| *size > 0 && text(&host["IpcMode"]).as_deref() != Some("host"))
    {
        options.add("--shm-size", &size.to_string());
    }
}

/// The settings of the kernel. Podman 4 names them only in the words by which the container was made.
fn sysctls(container: &Value) -> Vec<String> {
    let stated = container["HostConfig"]["Sysctls"].as_object().into_iter().flatten();
    let mut all: Vec<String> = stated.filter_map(|(name, value)| Some(format!("{name}={}", text(value)?))).collect();
    let words = strings(&container["Config"]["CreateCommand"]);
    let next = words.iter().skip(1);
    let apart = words.iter().zip(next).filter(|(word, _)| *word == "--sysctl").map(|(_, value)| value.clone());
    all.extend(apart.chain(words.iter().filter_map(|word| word.strip_prefix("--sysctl=").map(str::to_owned))));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What Podman 4.3 says of a container, in short.
    fn inspected(host: Value) -> Value {
        json!({
            "Image": "43de72508de5", "Path": "/bin/busybox", "Args": ["httpd", "-f"],
            "Config": {"User": "33", "WorkingDir": "/srv", "Env": ["A=b c", "HOSTNAME=x", "container=podman"],
                "Entrypoint": "/bin/busybox httpd", "Cmd": ["-f"],
                "CreateCommand": ["podman", "create", "--sysctl", "net.x=1", "--sysctl=net.y=2", "image"]},
            "Mounts": [{"Type": "bind", "Destination": "/data", "RW": false},
                {"Type": "volume", "Destination": "/var/lib/db", "RW": true}],
            "HostConfig": host,
        })
    }

    fn created(host: Value) -> String {
        let copy = Copy::of(&inspected(host)).unwrap();
        copy.create("c", CapabilitySet::parse("chown,net_bind_service").unwrap()).join(" ")
    }

    #[test]
    fn a_copy_executes_the_same_with_other_capabilities() {
        let words = created(json!({"CapAdd": ["CAP_SYS_ADMIN"], "NetworkMode": "host", "PidMode": "private"}));
        assert_eq!(
            words,
            "create --name c --cap-drop=ALL --cap-add=CHOWN --cap-add=NET_BIND_SERVICE --user=33 --workdir=/srv \
             --env=A=b c --network=host --sysctl=net.x=1 --sysctl=net.y=2 --entrypoint=/bin/busybox 43de72508de5 httpd -f"
        );
    }

    #[test]
    fn what_surrounds_a_container_surrounds_its_copy() {
        let words = created(json!({
            "Binds": ["/a:/data:ro,rbind"], "Tmpfs": {"/t": "rw,nosuid"}, "ReadonlyRootfs": true,
            "SecurityOpt": ["no-new-privileges"], "GroupAdd": ["5"], "IpcMode": "host", "ShmSize": 65_536_000,
            "Devices": [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"}],
            "Ulimits": [{"Name": "RLIMIT_NOFILE", "Soft": 100, "Hard": 200}], "Sysctls": {"net.z": "3"},
            "Mounts": [{"Type": "volume", "Source": "v", "Target": "/v", "ReadOnly": true}],
        }));
        for option in [
            "--volume=/a:/data:ro,rbind",
            "--tmpfs=/t:rw,nosuid",
            "--read-only",
            "--security-opt=no-new-privileges",
            "--group-add=5",
            "--ipc=host",
            "--device=/dev/fuse:/dev/fuse:rwm",
            "--ulimit=nofile=100:200",
            "--sysctl=net.z=3",
            "--mount=type=volume,source=v,target=/v,readonly",
        ] {
            assert!(words.contains(&format!(" {option} ")), "{option} in {words}");
        }
        assert!(!words.contains("--shm-size") && !words.contains("--publish"), "{words}");
    }

    #[test]
    fn what_a_copy_shares_and_what_it_lacks_is_said() {
        let copy = Copy::of(&inspected(json!({"NetworkMode": "host", "Privileged": true}))).unwrap();
        assert_eq!((copy.shared.as_slice(), copy.is_in_hosts_network), (&["/var/lib/db".to_owned()][..], true));
        assert!(copy.lacks[0].contains("--privileged"), "{:?}", copy.lacks);
        let words = copy.create("c", CapabilitySet::EMPTY).join(" ");
        assert!(!words.contains("--privileged") && words.contains("--security-opt=seccomp=unconfined"), "{words}");
        let ports = json!({"NetworkMode": "bridge", "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}});
        let copy = Copy::of(&inspected(ports)).unwrap();
        assert!(copy.lacks[0].contains("published ports") && !copy.is_in_hosts_network, "{:?}", copy.lacks);
    }

    #[test]
    fn a_network_of_its_own_is_joined_and_an_engines_init_is_not_named_twice() {
        let mut said = inspected(json!({"NetworkMode": "bridge", "Init": true}));
        said["NetworkSettings"] = json!({"Networks": {"front": {}}});
        said["Path"] = json!("/run/podman-init");
        said["Args"] = json!(["--", "/bin/busybox", "httpd"]);
        let words = Copy::of(&said).unwrap().create("c", CapabilitySet::EMPTY).join(" ");
        assert!(
            words.contains(" --network=front ") && words.ends_with("--entrypoint=/bin/busybox 43de72508de5 httpd"),
            "{words}"
        );
    }

    #[test]
    fn what_cannot_be_copied_is_refused() {
        let filter = json!({"SecurityOpt": ["seccomp={\"defaultAction\": \"SCMP_ACT_ERRNO\"}"]});
        assert!(Copy::of(&inspected(filter)).unwrap_err().to_string().contains("seccomp filter"));
        assert!(Copy::of(&json!({"Image": "x"})).is_err());
    }
}
