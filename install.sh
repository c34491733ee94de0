#!/bin/sh
# Builds capwrap and installs it. Run it as root. With sudo, the build runs as the user who called sudo.
#
#   ./install.sh                    build and install below /usr/local
#   ./install.sh --with-packages    first install what the build needs, with the system's packages
#   ./install.sh --check            print what is missing, and the command that installs it
#   ./install.sh --uninstall        remove what was installed; enabled policies stay
#
# It reads PREFIX (default /usr/local), DESTDIR (for packagers: no group, no capabilities), CARGO_TARGET_DIR,
# CAPWRAP_BIN (a directory with the three programs, which are then installed and not built), and CAPWRAP_LIBC (musl or glibc:
# the launcher's C library, which is musl where launcher/build can have it).
set -eu
cd "$(dirname "$0")"
# This overrides the caller's umask: new directories are open to all, and only root can write to them.
umask 022

PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
# Cargo.toml has two profiles: the launcher's, and that of the other programs.
target=${CARGO_TARGET_DIR:-target}
launcher=${CAPWRAP_BIN:-$target/release}/capwrap
advisor=${CAPWRAP_BIN:-$target/advisor}/capwrap-advisor
recorder=${CAPWRAP_BIN:-$target/advisor}/capwrap-recorder
oldest_rust=1.87
# What a build takes in seconds of a processor: the launcher with a standard library that is there, what it takes more to
# build that from source, and the verbs; and how long one processor alone is busy at the end.
launcher_seconds=50
std_seconds=120
advisor_seconds=250
build_serial=60

bin=$DESTDIR$PREFIX/bin
libexec=$DESTDIR$PREFIX/libexec/capwrap
share=$DESTDIR$PREFIX/share/capwrap
man=$DESTDIR$PREFIX/share/man
units=$DESTDIR$PREFIX/lib/systemd/system
completions="bash:bash-completion/completions/capwrap zsh:zsh/site-functions/_capwrap fish:fish/vendor_completions.d/capwrap.fish"
policies=/etc/capwrap/policies
boot_unit=capwrap-enable.service
recorder_units="capwrap-recorder.socket capwrap-history.socket capwrap-recorder.service capwrap-history.service"

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$1" >&2; [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2; exit 1; }

# shellcheck source=packaging/system-packages
. packaging/system-packages

is_new_enough() { # VERSION
    [ "$(printf '%s\n' "$oldest_rust" "$1" | sort -V | head -n 1)" = "$oldest_rust" ]
}

# Prints the packages with the first compiler that is new enough, of those that apt offers, and what a launcher with musl
# takes. Debian has newer ones as
# rustc-web, Ubuntu as rustc-1.NN. Nothing is printed if apt offers none.
apt_rust() {
    command -v apt-cache >/dev/null || return 0
    others=$(apt-cache search --names-only '^rustc-(web|[0-9.]+)$' | cut -d' ' -f1 | sort -V)
    for package in rustc $others; do
        version=$(apt-cache policy "$package" | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}//p')
        if [ -n "$version" ] && [ "$version" != "(none)" ] && is_new_enough "$version"; then
            say "$package cargo${package#rustc} $(offered "$(musl_for "$package")")"
            return
        fi
    done
}

# Prints what the launcher's build with musl needs besides this compiler, if apt offers all of it.
musl_for() { [ "${CAPWRAP_LIBC:-}" = glibc ] || say "rust${1#rustc}-src musl-dev"; } # COMPILER

offered() { # PACKAGES
    # Only apt's names are known.
    [ "$(package_manager)" = apt ] || return 0
    for package in $1; do
        apt-cache policy "$package" 2>/dev/null | grep -q '^ *Candidate: [^(]' || return 0
    done
    say "$1"
}

# Prints the packages without which this compiler cannot build the launcher with musl. The build does not need them.
lacking_for_musl() {
    case $(missing) in *rustc* | *"no cargo"*) return ;; esac
    wanted=$(as_builder launcher/build --lacks)
    case $wanted in rustup*) ;; *) offered "$wanted" ;; esac
}

# Prints the option for the repository that has glibc-static on RHEL and what is built from it, where it is not enabled by
# default. It goes by other names there. Fedora has the package in its own repository.
repository_of_static_libraries() {
    command -v dnf >/dev/null || return 0
    dnf --quiet repolist --all 2>/dev/null |
        sed -nE 's/^(crb|codeready-builder-for-rhel-[0-9]+-[a-z0-9_]+-rpms|ol[0-9]+_codeready_builder)([[:space:]].*)?$/--enablerepo=\1/p' |
        head -n 1
}

usage() { sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"; }

# Prints the command that installs what this build lacks, on a known distribution. It prints nothing where no package has
# a compiler that is new enough. The names for Fedora, RHEL and Arch come from their documentation: nobody has tried them
# on such a system, but for the tests with a dnf and a pacman that print what they were asked for.
packages_command() {
    manager=$(package_manager)
    rust=
    c=
    options=
    case $(missing) in
        *rustc* | *"no cargo"*)
            case $manager in
                apt) rust=$(apt_rust); [ -n "$rust" ] || return 0 ;;
                dnf) rust="rust cargo" ;;
                # Arch's rustup takes the place of its rust, and brings no compiler of its own.
                pacman) pacman -Qq rustup >/dev/null 2>&1 || rust=rust ;;
            esac ;;
    esac
    case $(missing) in
        *libc.a* | *"(cc)"*)
            case $manager in
                apt) c="gcc libc6-dev" ;;
                dnf)
                    c="gcc glibc-static"
                    options=$(repository_of_static_libraries) ;;
                pacman) c=gcc ;;
            esac ;;
    esac
    # Without these, a small Debian downloads no crates.
    [ "$manager" != apt ] || c="$c ca-certificates"
    # shellcheck disable=SC2086 # lists of words
    [ -z "$rust$c" ] || command_for_packages $options $rust $c
}

# The user who called sudo may have a Rust installation that is not in root's PATH.
builder=${SUDO_USER:-root}
[ "$(id -u)" -eq 0 ] || builder=$(id -un)
builder_home=$(getent passwd "$builder" | cut -d: -f6)
as_builder() { in_path "$(builder_path)" "$@"; }

# Prints where the builder's programs are looked for. The first compiler there may be older than what the build takes, and
# another one new enough: rustup's comes before the distribution's. Ubuntu keeps each compiler of rustc-1.NN in a folder of
# its own, and no name without the version leads there.
builder_path() (
    usual=$builder_home/.cargo/bin:$PATH
    versioned=$(printf '%s\n' /usr/lib/rust-[0-9]*/bin | sort -rV | head -n 1)
    IFS=:
    for folder in "" $usual $versioned; do
        [ -z "$folder" ] || [ -x "$folder/rustc" ] || continue
        if is_new_enough "$(rust_version "${folder:+$folder:}$usual")"; then
            say "${folder:+$folder:}$usual"
            return
        fi
    done
    if [ -x "$versioned/rustc" ]; then say "$versioned:$usual"; else say "$usual"; fi
)

# Prints the version of the compiler that is found there, or nothing.
rust_version() { # PATH
    in_path "$1" rustc --version 2>/dev/null | cut -d' ' -f2
}

in_path() { # PATH COMMAND...
    path=$1
    shift
    if [ "$builder" = root ] || [ "$(id -u)" -ne 0 ]; then
        PATH=$path "$@"
    else
        runuser -u "$builder" -- env "PATH=$path" "HOME=$builder_home" "$@"
    fi
}

# Prints a line for each thing that the build lacks.
missing() {
    version=$(rust_version "$(builder_path)")
    if [ -z "$version" ]; then
        say "no rustc"
    elif ! is_new_enough "$version"; then
        say "rustc $version is older than $oldest_rust"
    fi
    as_builder cargo --version >/dev/null 2>&1 || say "no cargo"
    if ! command -v cc >/dev/null; then
        say "no C compiler (cc)"
    elif [ "$(cc -print-file-name=libc.a)" = libc.a ]; then
        say "no static C library (libc.a)"
    fi
}

# Prints what people do where packages do not help.
by_hand() {
    if as_builder rustup --version >/dev/null 2>&1; then
        case $(missing) in
            *rustc*) say "rustup update stable && rustup default stable"; return ;;
        esac
    fi
    say "install Rust $oldest_rust or newer (rustup has it), a C compiler and the static C library, then run ./install.sh"
}

# Prints what to do about what is missing. The lists of apt may be empty or old, and then no package is known to serve.
advice() {
    command=$(packages_command)
    if [ -n "$command" ]; then
        as_root "$command"
    elif [ "$(package_manager)" = apt ] && ! lists_are_fresh; then
        as_root "./install.sh --with-packages  # asks apt for newer packages first"
    else
        by_hand
    fi
}

# Ends if something is missing, with what this function prints as the hint.
check() { # FUNCTION
    lacking=$(missing)
    [ -z "$lacking" ] || fail "the build lacks: $(printf '%s' "$lacking" | tr '\n' ';' | sed 's/;/; /g')" "$("$1")"
}

# Installs what is missing. A hint that was just followed is not printed again: what the packages lack is left to people.
install_packages() {
    if [ -z "$(missing)" ]; then
        install_musl
        return
    fi
    [ "$(id -u)" -eq 0 ] || fail "installing packages takes root" "$(as_root "./install.sh --with-packages")"
    refresh_packages || fail "the package manager could not renew its lists"
    command=$(packages_command)
    if [ -n "$command" ]; then
        say "+ $command"
        run_as_packages "$command" || fail "this command failed: $command" "$(after_failed_packages)"
    fi
    check by_hand
    install_musl
}

# Installs what the launcher's build with musl lacks. The build does without if that fails.
install_musl() {
    wanted=$(as_builder launcher/build --lacks)
    packages=$(lacking_for_musl)
    if [ "${wanted#rustup }" != "$wanted" ]; then
        say "+ $wanted"
        # shellcheck disable=SC2086 # a command
        as_builder $wanted || say "note: this command failed: $wanted"
    elif [ -n "$packages" ] && [ "$(id -u)" -eq 0 ]; then
        command=$(command_for_packages "$packages")
        say "+ $command"
        run_as_packages "$command" || say "note: this command failed: $command"
    fi
}

# Ends before the build if installing would fail after it.
check_place() {
    [ -n "$DESTDIR" ] || [ "$(id -u)" -eq 0 ] || fail "installing below $PREFIX takes root" "$(as_root "$(this_call)")"
}

# Prints the caller's command without the directory to stage in. sudo passes no variables.
this_call() {
    call=./install.sh${option:+ $option}
    [ "$PREFIX" = /usr/local ] || call="PREFIX=$PREFIX $call"
    [ -z "${CAPWRAP_BIN:-}" ] || call="CAPWRAP_BIN=$CAPWRAP_BIN $call"
    say "$call"
}

build() {
    # A clone or an earlier build may be root's.
    place=$target
    while [ ! -e "$place" ]; do place=$(dirname "$place"); done
    case $place in /*) ;; *) place=$PWD/$place ;; esac
    as_builder test -w "$place" || fail "$builder may not write to $place, where the build goes" "$(as_root "chown -R $builder: '$place'")"
    processors=$(getconf _NPROCESSORS_ONLN)
    way=$(as_builder launcher/build --how)
    case $way in
        std*) libc=musl ;;
        source*) libc="musl and a standard library from source"; launcher_seconds=$((launcher_seconds + std_seconds)) ;;
        *) libc=glibc ;;
    esac
    minutes=$((((launcher_seconds + advisor_seconds - build_serial) / processors + build_serial + 59) / 60))
    if [ -e "$launcher" ] && [ -e "$advisor" ] && [ -e "$recorder" ]; then
        say "building capwrap: at most about $minutes minutes on this machine, and less where little has changed"
    else
        say "building capwrap: about $minutes minutes with $processors processors, and what downloading the crates takes"
    fi
    note_glibc
    say "building the launcher with $libc, and at the same time the verbs"
    # The launcher is static. So a process that holds capabilities has no loader, no NSS modules and nothing to preload.
    # Both builds end with a step that keeps one processor alone busy. The verbs take longer, so the launcher's build gets
    # what they leave. What a shell starts in the background ignores Ctrl-C, unless env can change that.
    if env --default-signal=INT true 2>/dev/null; then interruptible=--default-signal=INT; else interruptible=; fi
    log=$(mktemp)
    as_builder nice env $interruptible CAPWRAP_PREFIX="$PREFIX" launcher/build > "$log" 2>&1 &
    launcher_build=$!
    verbs=failed
    ! as_builder env CAPWRAP_PREFIX="$PREFIX" advisor/build || verbs=built
    ! kill -0 "$launcher_build" 2>/dev/null || say "the verbs are $verbs; the launcher is still being built"
    if wait "$launcher_build"; then built=yes; else built=; cat "$log" >&2; fi
    rm -f "$log"
    [ -n "$built" ] && [ "$verbs" = built ] || fail "capwrap could not be built: cargo says why above"
}

# Says what is better with musl and how to have it, where the launcher gets glibc although nobody asked for it.
note_glibc() {
    [ "${CAPWRAP_LIBC:-}" != glibc ] && [ "$(as_builder launcher/build --how)" = glibc ] || return 0
    say "note: the launcher will have glibc here, not musl: a launch takes longer, and glibc reads its tunables"
    wanted=$(as_builder launcher/build --lacks)
    case $wanted in
        "") ;;
        rustup*) say "hint: $wanted" ;;
        *) wanted=$(offered "$wanted"); [ -z "$wanted" ] || say "hint: $(as_root "$(command_for_packages "$wanted")")" ;;
    esac
}

# Replaces a file in one step, so that nobody ever runs half of it.
place() { # MODE SOURCE TARGET
    prepare "$@"
    mv -f "$3.new" "$3"
}

# Replaces a text in the same way, with the paths of this installation in it.
place_text() { # MODE SOURCE TARGET
    text=$(mktemp)
    sed -E "s#/usr/local/(bin/capwrap|libexec/capwrap|share/(capwrap|bash|zsh|fish)|lib/systemd)#$PREFIX/\\1#g" "$2" > "$text"
    place "$1" "$text" "$3"
    rm -f "$text"
}

prepare() {
    mkdir -p "$(dirname "$3")"
    rm -f "$3.new"
    install -m "$1" "$2" "$3.new"
    [ -n "$DESTDIR" ] || chown root:root "$3.new"
}

# The new launcher gets its capabilities before it replaces the old one, and the old one loses its own. Otherwise a hard
# link to the old one (fs.protected_hardlinks forbids those by default) would keep it usable, with its faults. Changing
# the owner, even to the same, removes the capabilities (chown(2)).
replace_launcher() {
    prepare 0755 "$launcher" "$bin/capwrap"
    if [ -n "$DESTDIR" ]; then
        mv -f "$bin/capwrap.new" "$bin/capwrap"
        return
    fi
    "$libexec/capwrap-advisor" enable --launcher "$bin/capwrap.new"
    if [ -e "$bin/capwrap" ]; then
        ln -f "$bin/capwrap" "$bin/capwrap.old"
    fi
    mv -f "$bin/capwrap.new" "$bin/capwrap"
    if [ -e "$bin/capwrap.old" ]; then
        chown root:root "$bin/capwrap.old"
        rm -f "$bin/capwrap.old"
    fi
}

install_all() {
    place 0755 "$advisor" "$libexec/capwrap-advisor"
    place 0755 "$recorder" "$libexec/capwrap-recorder"
    for policy in policies/*.toml; do
        # That one is no policy: it lists tools that have none.
        [ "$policy" = policies/elsewhere.toml ] || place 0644 "$policy" "$share/$policy"
    done
    for page in man/*.[0-9]; do
        place_text 0644 "$page" "$man/man${page##*.}/${page##*/}"
    done
    # Root enables the timer: systemctl enable --now capwrap-verify.timer
    for unit in packaging/systemd/*; do
        place_text 0644 "$unit" "$units/${unit##*/}"
    done
    # The program itself prints these scripts, so that they match its options.
    for completion in $completions; do
        script=$(mktemp)
        "$advisor" completions "${completion%%:*}" > "$script"
        place 0644 "$script" "$DESTDIR$PREFIX/share/${completion#*:}"
        rm -f "$script"
    done
    place 0644 policies/capwrap-policy.schema.json "$share/capwrap-policy.schema.json"
    if [ -n "$DESTDIR" ]; then
        replace_launcher
        say "capwrap is below $DESTDIR$PREFIX; the package makes the group capwrap and runs 'capwrap enable'"
        return
    fi
    if ! getent group capwrap >/dev/null; then
        groupadd --system capwrap
        : > "$share/group-made-here"
    fi
    # `capwrap enable` makes the launcher set-group-ID for this group, by which the recorder knows it.
    if ! getent group capwrap-record >/dev/null; then
        groupadd --system capwrap-record
        : > "$share/record-group-made-here"
    fi
    if ! getent passwd capwrap-recorder >/dev/null; then
        useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin capwrap-recorder
        : > "$share/recorder-made-here"
    fi
    mkdir -p /etc/capwrap "$policies"
    replace_launcher
    # Without it, a launch after a boot into another kernel could lack a capability. It is no service that stays.
    if command -v systemctl >/dev/null && ! systemctl --quiet enable "$units/$boot_unit"; then
        say "not enabled: $boot_unit; after a boot into another kernel, run: capwrap enable"
    fi
    say "capwrap is installed below $PREFIX. No policy was enabled. Next:"
    say "  capwrap enable tcpdump         enable a shipped policy (they are in $share/policies)"
    say "  usermod -aG capwrap NAME       let a user run it, from their next login on"
    say "  capwrap tcpdump -i lo          as that user"
}

uninstall() {
    [ "$(id -u)" -eq 0 ] || fail "removing takes root" "$(as_root "$(this_call)")"
    # This happens before the file is removed: a hard link to it must not keep the capabilities.
    [ ! -e "$bin/capwrap" ] || chown root:root "$bin/capwrap"
    rm -f "$bin/capwrap"
    rm -rf "$libexec"
    for page in man/*.[0-9]; do
        rm -f "$man/man${page##*.}/${page##*/}"
    done
    if command -v systemctl >/dev/null; then
        systemctl --quiet disable "$boot_unit" 2>/dev/null || true
        systemctl --quiet disable --now $recorder_units 2>/dev/null || true
    fi
    for unit in packaging/systemd/*; do
        rm -f "$units/${unit##*/}"
    done
    for completion in $completions; do
        rm -f "$DESTDIR$PREFIX/share/${completion#*:}"
    done
    if [ -e "$share/group-made-here" ]; then
        if [ -n "$(getent group capwrap | cut -d: -f4)" ]; then
            say "kept: the group capwrap, which has members (groupdel capwrap)"
        else
            groupdel capwrap
        fi
    fi
    # Nobody else is to get the number of the user to whom the records belong.
    if [ -d /var/log/capwrap ]; then
        say "kept: /var/log/capwrap with the records in it, and the user capwrap-recorder"
    elif [ -e "$share/recorder-made-here" ]; then
        userdel capwrap-recorder
    fi
    [ ! -e "$share/record-group-made-here" ] || groupdel capwrap-record
    rm -rf "$share"
    if [ -d /etc/capwrap ]; then
        rm -f /etc/capwrap/lock
        # The copy of a shipped policy goes with the last policy that was made from it.
        for copy in /etc/capwrap/shipped/*.toml; do
            name=${copy##*/}
            [ -e "$policies/$name" ] || [ -e "/etc/capwrap/disabled/$name" ] || rm -f "$copy"
        done
        # The choice of --any-kernel goes with the last policy.
        [ -n "$(ls "$policies" 2>/dev/null)" ] || rm -f /etc/capwrap/any-kernel
        rmdir "$policies" /etc/capwrap/disabled /etc/capwrap/shipped /etc/capwrap 2>/dev/null || true
        [ ! -d /etc/capwrap ] || say "kept: /etc/capwrap with the policies in it (rm -r /etc/capwrap)"
    fi
    say "capwrap is removed from $PREFIX"
}

option=${1:-}
[ $# -le 1 ] || fail "it takes one option, and these are $#: $*" "./install.sh --help"
case $option in
    "") check_place; [ -n "${CAPWRAP_BIN:-}" ] || { check advice; build; }; install_all ;;
    --with-packages) check_place; install_packages; build; install_all ;;
    --check) check advice; say "nothing is missing"; note_glibc ;;
    --uninstall) uninstall ;;
    --help | -h) usage ;;
    *) fail "unknown option \"$option\": the options are --with-packages, --check, --uninstall and --help" "./install.sh --help" ;;
esac
