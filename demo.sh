#!/bin/sh
# Shows the main job on this machine: enables the shipped tcpdump policy for a user who has no rights, and lets that
# user capture packets through capwrap. It must run as root, and restores the policy at the end. The user is `nobody`,
# or the one given as the argument.
set -eu

user=${1:-nobody}
say() { printf '\n== %s\n' "$*"; }
fail() { printf 'demo.sh: %s\n' "$1" >&2; [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2; exit 1; }
# shellcheck source=packaging/system-packages
. "$(dirname "$0")/packaging/system-packages"
case $user in -*)
    echo "usage: ./demo.sh [USER]    shows a capture by USER, or else by nobody" >&2
    [ "$user" != --help ] || exit 0
    exit 2 ;;
esac
id "$user" >/dev/null 2>&1 || fail "there is no user \"$user\" here"
[ "$(id -u)" -eq 0 ] || fail "enabling a policy takes root" "$(as_root "./demo.sh${1:+ $1}")"
PATH=$PATH:/usr/local/bin:/usr/sbin
command -v capwrap >/dev/null || fail "capwrap is not installed" "$(as_root "./install.sh --with-packages")"

if ! command -v tcpdump >/dev/null; then
    say "installing tcpdump"
    command=$(command_for_packages tcpdump)
    [ -n "$command" ] || fail "tcpdump is not installed, and this system's package manager is not known"
    # The lists may be empty, as in an image of a container.
    refresh_packages >/dev/null || fail "the package manager could not renew its lists"
    run_as_packages "$command" >/dev/null || fail "this command failed: $command" "$(after_failed_packages)"
fi

as_user() { setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"; }

say "without capwrap, $user may not capture"
as_user tcpdump -i lo -c 1 2>&1 | tail -n 2

say "capwrap enable tcpdump --user $user"
before=$(mktemp -d)
policy=/etc/capwrap/policies/tcpdump.toml
[ ! -e "$policy" ] || cp -p "$policy" "$before/"
put_back() {
    [ -z "${tcpdump:-}" ] || kill "$tcpdump" 2>/dev/null || true
    [ -z "${traffic:-}" ] || kill "$traffic" 2>/dev/null || true
    rm -f "$policy"
    [ ! -e "$before/tcpdump.toml" ] || cp -p "$before/tcpdump.toml" "$policy"
    capwrap enable >/dev/null
    rm -rf "$before"
}
trap put_back EXIT
trap 'exit 1' HUP INT TERM
capwrap enable tcpdump --user "$user"

say "as $user: capwrap --explain tcpdump"
as_user capwrap --explain tcpdump

say "as $user: capwrap tcpdump -i lo -n -c 3"
# as_user is not used here, so that the background process itself becomes tcpdump.
: > "$before/said"
setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- \
    capwrap tcpdump -i lo -n -c 3 > "$before/packets" 2> "$before/said" &
tcpdump=$!
# tcpdump prints that it listens once it has its socket.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    ! grep -q listening "$before/said" || break
    sleep 0.3
done
grep -E '^(Name|Uid|Cap|NoNewPrivs|Seccomp:)' "/proc/$tcpdump/status" || { cat "$before/said"; fail "tcpdump did not start"; }
# These are packets to capture: datagrams from this machine to itself, to a port that nobody serves.
(while sleep 0.2; do bash -c 'echo demo > /dev/udp/127.0.0.1/9' 2>/dev/null || true; done) &
traffic=$!
wait "$tcpdump" || { cat "$before/said"; fail "tcpdump failed"; }
tcpdump=
cat "$before/packets"
say "done: a real capture under uid $(id -u "$user"), with exactly what its policy grants"
