//! Variables by which a caller would choose the code that a tool runs.
//!
//! A dynamic loader ignores such variables in a program that gained rights at its exec (AT_SECURE, ld.so(8)). With
//! ambient delivery the tool gains nothing at its exec, so its loader heeds them, and no interpreter ever reads
//! AT_SECURE. So none of them passes from the caller, whatever the policy keeps. A policy that needs one sets it.

use crate::text::tape::{Reader, Writer};

/// Variables that one program or library heeds.
#[derive(Debug)]
struct Heeded {
    /// The names. One that ends in `*` stands for all names that begin so.
    names: &'static [&'static str],
    /// Who heeds them, as in "the dynamic loader".
    by: &'static str,
}

/// Every program and library of which such variables are known.
const TABLE: &[Heeded] = &[
    // ld.so(8); the man page names each, and new ones began with LD_ too.
    Heeded { names: &["LD_*"], by: "the dynamic loader" },
    // glibc, sysdeps/generic/unsecvars.h: what it removes from the environment of a program with AT_SECURE. The
    // launcher has AT_SECURE for users and not for root, so they are here even where they load no code.
    Heeded {
        names: &[
            "GCONV_PATH",
            "GETCONF_DIR",
            "GLIBC_TUNABLES",
            "HOSTALIASES",
            "LOCALDOMAIN",
            "LOCPATH",
            "MALLOC_*",
            "NIS_PATH",
            "NLSPATH",
            "RES_OPTIONS",
            "RESOLV_HOST_CONF",
            "TMPDIR",
            "TZDIR",
        ],
        by: "the C library",
    },
    // Whatever it starts by name, such as a shell's commands, a pager or an interpreter's helpers.
    Heeded { names: &["PATH"], by: "whatever looks for a program by its name" },
    // musl's locale_map.c: the folder of its message catalogues.
    Heeded { names: &["MUSL_LOCPATH"], by: "the C library" },
    // bash(1): a file that a script reads first, functions, options, and what `set -x` expands.
    Heeded {
        names: &[
            "BASH_ENV",
            "BASH_FUNC_*",
            "BASH_LOADABLES_PATH",
            "BASHOPTS",
            "CDPATH",
            "ENV",
            "FPATH",
            "IFS",
            "PROMPT_COMMAND",
            "PS4",
            "SHELLOPTS",
        ],
        by: "shells",
    },
    // zsh(1), "Files": where its start files are.
    Heeded { names: &["ZDOTDIR"], by: "shells" },
    // Python's "Command line and environment": where modules are, and what runs first.
    Heeded { names: &["PYTHON*"], by: "Python" },
    // perlrun(1).
    Heeded { names: &["PERL5*", "PERLLIB", "PERLIO*", "PERL_HASH_SEED_DEBUG"], by: "Perl" },
    // ruby(1); RubyGems' and Bundler's own pages.
    Heeded { names: &["RUBY*", "GEM_*", "BUNDLE_*", "BUNDLER_*"], by: "Ruby" },
    // node(1).
    Heeded { names: &["NODE_*"], by: "Node.js" },
    // The java command's page, "JDK_JAVA_OPTIONS"; the JVM Tool Interface; HotSpot's arguments.cpp.
    Heeded { names: &["CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"], by: "Java" },
    // lua(1), with and without a version behind the name.
    Heeded { names: &["LUA_*"], by: "Lua" },
    // php(1), and "The configuration file" of its manual.
    Heeded { names: &["PHPRC", "PHP_INI_SCAN_DIR"], by: "PHP" },
    // tclsh(1); Guile's manual; gawk(1).
    Heeded { names: &["TCLLIBPATH", "TCL_LIBRARY"], by: "Tcl" },
    Heeded { names: &["GUILE_*"], by: "Guile" },
    Heeded { names: &["AWKLIBPATH", "AWKPATH", "GAWK_*"], by: "gawk" },
    // openssl-env(7): a configuration can name a library to load.
    Heeded { names: &["OPENSSL_CONF", "OPENSSL_CONF_INCLUDE", "OPENSSL_ENGINES", "OPENSSL_MODULES"], by: "OpenSSL" },
    // GIO's, GTK's, gdk-pixbuf's and Qt's own pages: modules and plug-ins to load.
    Heeded { names: &["GIO_EXTRA_MODULES", "GIO_MODULE_DIR", "GTK_*", "GDK_PIXBUF_*"], by: "GLib and GTK" },
    Heeded { names: &["QT_PLUGIN_PATH", "QT_QPA_*", "QML*_IMPORT_PATH"], by: "Qt" },
    // ncurses(3), "ENVIRONMENT": it ignores them too in a program that gained rights.
    Heeded { names: &["TERMCAP", "TERMINFO", "TERMINFO_DIRS", "TERMPATH"], by: "ncurses" },
    // .NET's "Environment variables": hooks, profilers and paths; COMPlus_ is their older beginning. mono(1).
    Heeded { names: &["DOTNET_*", "COMPlus_*", "CORECLR_*"], by: ".NET" },
    Heeded { names: &["MONO_*"], by: "Mono" },
    // R's ?Startup and ?Rprofile; Julia's "Environment Variables"; erl(1).
    Heeded { names: &["R_*"], by: "R" },
    Heeded { names: &["JULIA_*"], by: "Julia" },
    Heeded { names: &["ERL_*"], by: "Erlang" },
    // git(1), "Environment Variables": commands, hooks and configurations that name commands.
    Heeded { names: &["GIT_*"], by: "git" },
    // XDG Base Directory Specification: where gdb, git and others look for configurations, which can hold commands.
    Heeded { names: &["XDG_CONFIG_*", "XDG_DATA_*"], by: "programs that look for configurations there" },
    // iptables(8), tc(8): extensions are shared objects. modprobe(8): options such as --config.
    Heeded { names: &["IP6TABLES_LIB_DIR", "IPTABLES_LIB_DIR", "XTABLES_LIBDIR"], by: "iptables" },
    Heeded { names: &["TC_LIB_DIR"], by: "tc" },
    Heeded { names: &["MODPROBE_OPTIONS"], by: "modprobe" },
    // tools/perf/util/config.c and tools/lib/subcmd/exec-cmd.c of Linux: where perf's own programs are, and its pager.
    Heeded { names: &["PERF_*"], by: "perf" },
    // libibverbs/init.c of rdma-core: drivers to load. libpcap opens it for RDMA devices.
    Heeded { names: &["IBV_DRIVERS", "RDMAV_DRIVERS"], by: "libibverbs" },
    // D-Bus Specification, "unixexec": an address can be a command.
    Heeded { names: &["DBUS_*_ADDRESS"], by: "D-Bus" },
    // snmp_config(5), ldap.conf(5), Cyrus SASL's options: configurations and plug-ins to load.
    Heeded { names: &["SNMPCONFPATH", "SNMP_PERSISTENT_DIR", "SNMP_PERSISTENT_FILE"], by: "Net-SNMP" },
    Heeded { names: &["LDAP*"], by: "OpenLDAP" },
    Heeded { names: &["SASL_CONF_PATH", "SASL_PATH"], by: "SASL" },
    // lvm(8): a configuration can name a library and a program.
    Heeded { names: &["LVM_*"], by: "LVM" },
    // The alsa-lib and GStreamer manuals, SDL's README-dynapi: libraries to load.
    Heeded { names: &["ALSA_CONFIG_*", "ALSA_PLUGIN_DIR"], by: "ALSA" },
    Heeded { names: &["GST_*"], by: "GStreamer" },
    Heeded { names: &["SDL_DYNAMIC_API"], by: "SDL" },
    // Mesa's and the Khronos loaders' own pages: drivers and layers to load.
    Heeded {
        names: &["EGL_*", "GBM_*", "LIBGL_*", "LIBVA_*", "OCL_*", "OPENCL_*", "VDPAU_*", "VK_*", "__EGL_*", "__GLX_*"],
        by: "graphics libraries",
    },
    // The sanitizers' common flags: a program to start and a file to write.
    Heeded { names: &["*SAN_OPTIONS", "*SAN_SYMBOLIZER_PATH", "LLVM_*"], by: "a program built with a sanitizer" },
    // tar(1), rsync(1), curl(1), wget(1), gpg(1), rg(1): options and configurations that name commands.
    Heeded { names: &["TAR_OPTIONS"], by: "tar" },
    Heeded { names: &["RSYNC_CONNECT_PROG", "RSYNC_RSH"], by: "rsync" },
    Heeded { names: &["CURL_HOME", "WGETRC", "SYSTEM_WGETRC"], by: "curl and wget" },
    Heeded { names: &["GNUPGHOME"], by: "GnuPG" },
    Heeded { names: &["RIPGREP_CONFIG_PATH"], by: "ripgrep" },
    // kubectl's and Docker's "credential" plug-ins, the AWS command line's credential_process.
    Heeded { names: &["CONTAINERS_CONF*", "DOCKER_CONFIG", "KUBECONFIG"], by: "clients of container engines" },
    Heeded { names: &["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"], by: "the AWS command line" },
    // nmap(1), --datadir; wireshark(1); psql(1); each a place of scripts or plug-ins.
    Heeded { names: &["NMAPDIR"], by: "nmap" },
    Heeded { names: &["WIRESHARK_*"], by: "Wireshark" },
    Heeded { names: &["PSQLRC"], by: "psql" },
    // Vim's :help starting; vi of POSIX.
    Heeded { names: &["EXINIT", "GVIMINIT", "VIM", "VIMINIT", "VIMRUNTIME"], by: "vi" },
    // krb5.conf(5): a configuration can name a plug-in to load.
    Heeded { names: &["KRB5_CONFIG"], by: "Kerberos" },
    // less(1), whose LESS can hold a first command; environ(7); systemctl(1), ssh(1): programs that others start.
    Heeded {
        names: &[
            "*_ASKPASS",
            "BROWSER",
            "EDITOR",
            "LESS",
            "LESSCLOSE",
            "LESSKEY*",
            "LESSOPEN",
            "MANPAGER",
            "PAGER",
            "SYSTEMD_EDITOR",
            "SYSTEMD_PAGER",
            "VISUAL",
        ],
        by: "programs that start another",
    },
];

/// [`TABLE`] as bytes: a launch whose policy keeps no variable does not pay for it.
static TAPE: [u8; write::<0>().length] = write::<{ write::<0>().length }>().bytes;

const fn write<const LENGTH: usize>() -> Writer<LENGTH> {
    let mut to = Writer::new();
    let mut at = 0;
    while at < TABLE.len() {
        to.text(TABLE[at].by);
        to.length(TABLE[at].names.len());
        let mut name = 0;
        while name < TABLE[at].names.len() {
            to.text(TABLE[at].names[name]);
            name += 1;
        }
        at += 1;
    }
    to
}

/// Who heeds variables, and their names.
fn rows() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    Reader::of(&TAPE).rows(|from| Some((from.text()?, from.list(Reader::text)?)))
}

/// Who heeds a variable of this name, where it is one of those.
pub fn heeded_by(name: &str) -> Option<&'static str> {
    rows().find(|(_, names)| names.iter().any(|pattern| is_like(pattern, name))).map(|(by, _)| by)
}

fn is_like(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((begin, end)) => name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_the_table() {
        assert!(rows().eq(TABLE.iter().map(|row| (row.by, row.names.to_vec()))));
    }

    #[test]
    fn what_loads_code_is_known_by_name_or_by_the_beginning_of_it() {
        for (name, by) in [
            ("LD_PRELOAD", "the dynamic loader"),
            ("LD_", "the dynamic loader"),
            ("MALLOC_ARENA_MAX", "the C library"),
            ("TMPDIR", "the C library"),
            ("PYTHONPATH", "Python"),
            ("PERL5OPT", "Perl"),
            ("BASH_FUNC_ls%%", "shells"),
            ("LUA_PATH_5_4", "Lua"),
            ("QML2_IMPORT_PATH", "Qt"),
            ("DOTNET_STARTUP_HOOKS", ".NET"),
            ("COMPlus_EnableDiagnostics", ".NET"),
            ("VIM", "vi"),
            ("LESSKEYIN", "programs that start another"),
            ("LESS", "programs that start another"),
            ("SSH_ASKPASS", "programs that start another"),
            ("PATH", "whatever looks for a program by its name"),
            ("DBUS_SESSION_BUS_ADDRESS", "D-Bus"),
            ("XDG_CONFIG_HOME", "programs that look for configurations there"),
            ("XTABLES_LIBDIR", "iptables"),
            ("PERF_EXEC_PATH", "perf"),
            ("ASAN_OPTIONS", "a program built with a sanitizer"),
        ] {
            assert_eq!(heeded_by(name), Some(by), "{name}");
        }
        for name in [
            "SSLKEYLOGFILE",
            "COLUMNS",
            "NO_COLOR",
            "HOME",
            "LD",
            "LDFLAGS",
            "MANPATH",
            "DBUS_ADDRESS",
            "MYLD_PRELOAD",
            "ENVIRONMENT",
            "ld_preload",
            "",
        ] {
            assert_eq!(heeded_by(name), None, "{name}");
        }
    }

    #[test]
    fn no_name_stands_twice_in_the_table() {
        let mut names: Vec<&str> = TABLE.iter().flat_map(|row| row.names).copied().collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
