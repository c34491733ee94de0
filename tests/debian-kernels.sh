# Debian's kernels, for the scripts that boot guests. Kernels are kept in /var/cache/capwrap-kernels, and once a day a
# script checks whether there are newer ones. The script that reads this file defines `fail`, and its working directory
# is the checkout. Only `need` and apt need root. A SUITE is a suite of Debian, with its cloud kernel, or SUITE:FLAVOUR,
# with that of the package linux-image-FLAVOUR. A script may set `debian_machine` to another machine by Debian's name.
# shellcheck shell=sh

kernel_cache=${CAPWRAP_KERNELS:-/var/cache/capwrap-kernels}
debian_machine=amd64

flavour_of() { # SUITE
    case $1 in *:*) echo "${1#*:}" ;; *) echo "cloud-$debian_machine" ;; esac
}

# Prints the folder of a suite's kernel.
folder_of() { # SUITE
    case $(flavour_of "$1") in
        cloud-amd64) echo "$kernel_cache/$1" ;;
        *) echo "$kernel_cache/${1%%:*}-$(flavour_of "$1")" ;;
    esac
}

need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null; }
}

# Runs apt with a state of its own, so that the system's sources and packages stay as they are.
suite_apt() { # SUITE COMMAND…
    state=$(folder_of "$1"); shift
    tool=$1; shift
    "$tool" -qq -o APT::Architecture="$debian_machine" -o APT::Architectures="$debian_machine" \
        -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
        -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::PreferencesParts=/dev/null -o APT::Sandbox::User= "$@"
}

# Downloads the newest kernel of a suite from the mirror that the system itself uses.
fetch() { # SUITE
    state=$(folder_of "$1")
    if [ -z "$(find "$state/looked" -mtime -1 2>/dev/null)" ]; then
        mirror=$(tests/mirror)
        mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
        : > "$state/status"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror ${1%%:*} main" > "$state/sources.list"
        suite_apt "$1" apt-get update
        package=$(suite_apt "$1" apt-cache depends "linux-image-$(flavour_of "$1")" | sed -n 's/^ *Depends: *\(linux-image-[0-9].*\)/\1/p' | head -n 1)
        [ -n "$package" ] || fail "$1 has no package linux-image-$(flavour_of "$1")"
        # Since 6.19 the image itself is in a package of its own.
        binary=$(suite_apt "$1" apt-cache depends --recurse "$package" | grep '^linux-binary-' | head -n 1 || true)
        package=${binary:-$package}
        if [ ! -e "$state/vmlinuz" ] || [ "$(cat "$state/package" 2>/dev/null)" != "$package" ]; then
            rm -rf "$state/tree" "$state"/*.deb
            (cd "$state" && suite_apt "$1" apt-get download "$package")
            dpkg -x "$state"/linux-*.deb "$state/tree"
            mv "$(find "$state/tree" -name 'vmlinuz*' | head -n 1)" "$state/vmlinuz"
            echo "$package" > "$state/package"
            rm -rf "$state/tree" "$state"/*.deb
        fi
        : > "$state/looked"
    fi
    echo "$state/vmlinuz"
}

# Downloads the modules of the kernel that `fetch` keeps, and prints the directory that contains lib/modules/VERSION.
fetch_modules() { # SUITE
    state=$(folder_of "$1")
    package=$(cat "$state/package")
    if [ "$(cat "$state/modules/package" 2>/dev/null)" != "$package" ]; then
        rm -rf "$state/modules" "$state"/*.deb
        # Since 6.19 the modules are in a package of their own.
        case $package in linux-binary-*) holder=linux-modules-${package#linux-binary-} ;; *) holder=$package ;; esac
        (cd "$state" && suite_apt "$1" apt-get download "$holder")
        dpkg -x "$state"/linux-*.deb "$state/modules"
        rm -rf "$state"/*.deb "$state/modules/boot"
        [ ! -d "$state/modules/usr/lib/modules" ] || mv "$state/modules/usr/lib" "$state/modules/lib"
        echo "$package" > "$state/modules/package"
    fi
    echo "$state/modules"
}

# Downloads a program of a package of another machine's, whose kernel `fetch` keeps, and prints its path.
fetch_program() { # SUITE PACKAGE PATH
    state=$(folder_of "$1")
    if [ ! -e "$state/$2/$3" ]; then
        (cd "$state" && suite_apt "$1" apt-get download "$2")
        dpkg -x "$state/$2"_*.deb "$state/$2"
        rm -f "$state/$2"_*.deb
    fi
    echo "$state/$2/$3"
}
