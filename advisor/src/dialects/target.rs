//! The launchers that a policy can be exported for, and what each can express.

/// The launcher for which a policy is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// A drop-in for a service unit
    Systemd,
    /// A `docker run` command
    Docker,
    /// A `podman run` command
    Podman,
    /// A Compose file
    Compose,
    /// A manifest of a pod
    Kubernetes,
    /// The config.json of an OCI runtime
    Oci,
    /// File capabilities on the tool itself
    Setcap,
    /// A NixOS module with a security wrapper
    Nixos,
}

/// What a launcher can express.
pub struct Words {
    /// Who may run the tool with this launcher, as the end of a sentence.
    pub who: &'static str,
    /// What comes closest to `children = "none"`.
    pub children: &'static str,
    /// Whether uid 0 of a container gets the capabilities, through its bounding set.
    pub by_root: bool,
    /// Whether the launcher sets `no_new_privs`.
    pub no_new_privs: bool,
    /// Whether the launcher sets environment variables.
    pub sets_env: bool,
    /// Whether the launcher passes its caller's environment variables on.
    pub keeps_env: bool,
    /// The resource limits that the launcher cannot set.
    pub lacks_limits: &'static [&'static str],
}

/// Every limit, for a launcher that sets none.
const ALL_LIMITS: &[&str] = &capwrap_core::policy::limits::RESOURCES;
/// RLIMIT_AS is missing from go-units, with which Docker and Podman read `--ulimit`.
const AS: &[&str] = &["as"];

const NO_CHILDREN_IN_A_CONTAINER: &str = "a seccomp profile that refuses execve would refuse the tool's own start \
    too; an image that holds nothing but the tool leaves it nothing to start";

impl Target {
    /// Returns what the launcher can express.
    pub const fn words(self) -> Words {
        let container = Words {
            who: "whoever may start containers, which is as good as root",
            children: NO_CHILDREN_IN_A_CONTAINER,
            by_root: true,
            no_new_privs: true,
            sets_env: true,
            keeps_env: true,
            lacks_limits: AS,
        };
        match self {
            Self::Systemd => Words {
                who: "whoever may start the unit (systemctl, polkit)",
                children: "SystemCallFilter=~execve would refuse the tool's own start too; closest are \
                           NoExecPaths=/ with ExecPaths= for the tool and its libraries (systemd 248)",
                by_root: false,
                no_new_privs: true,
                sets_env: true,
                keeps_env: true,
                lacks_limits: &[],
            },
            Self::Docker | Self::Podman | Self::Compose => container,
            Self::Kubernetes => Words {
                who: "whoever may create pods with these capabilities (Pod Security, an admission policy)",
                keeps_env: false,
                lacks_limits: ALL_LIMITS,
                ..container
            },
            Self::Oci => Words {
                who: "whoever may start containers, which is as good as root",
                by_root: false,
                keeps_env: false,
                lacks_limits: &[],
                ..container
            },
            Self::Setcap => Words {
                who: "everyone who may execute the file; its owner, group and mode say who",
                children: "nothing stops it; yet what the tool starts does not have the capabilities, unless the tool \
                           makes them inheritable itself",
                by_root: false,
                no_new_privs: false,
                sets_env: false,
                keeps_env: false,
                lacks_limits: ALL_LIMITS,
            },
            Self::Nixos => Words {
                who: "everyone who may execute the wrapper; its group and permissions say who",
                children: "nothing stops it, and the wrapper raises the ambient set: what the tool starts has the \
                           capabilities too",
                by_root: false,
                no_new_privs: false,
                sets_env: false,
                keeps_env: false,
                lacks_limits: ALL_LIMITS,
            },
        }
    }

    /// Whether the launcher takes a seccomp profile from a file of its own.
    pub const fn takes_a_profile(self) -> bool {
        matches!(self, Self::Docker | Self::Podman | Self::Compose | Self::Kubernetes)
    }

    /// Whether the launcher starts the tool in a container.
    pub const fn is_container(self) -> bool {
        matches!(self, Self::Docker | Self::Podman | Self::Compose | Self::Kubernetes | Self::Oci)
    }
}
