# Short names for the commands of CONTRIBUTING.md. `just` alone lists them. No recipe does more than the command that it
# names; the first lines of each script say what the script needs, and whether it needs root.

# List the recipes.
[private]
default:
    @{{ just_executable() }} --list

# Build the programs for development.
build:
    cargo build --locked

# Build capwrap and install it below /usr/local, as root (--check, --uninstall, --with-packages).
install *arguments:
    ./install.sh {{ arguments }}

# Show what capwrap does, with the shipped tcpdump policy, as root.
demo *arguments:
    ./demo.sh {{ arguments }}

# Run the unit tests; they need no root.
unit *arguments:
    cargo test --locked {{ arguments }}

# Run every test, as root, on a machine that may be changed.
test *arguments:
    ./tests/run {{ arguments }}

# Boot other kernels under qemu, and print a table of what works on each (--arch aarch64 on an emulated machine).
kernels *arguments:
    tests/kernels/run {{ arguments }}

# Build for riscv64, and run what an emulated process can show of it, as root.
riscv64:
    tests/riscv64

# Compare what learning reports with what commands need, as root.
exactness *arguments:
    tests/exactness/report {{ arguments }}

# Run the shipped policies with their real tools in guests of Debian, as root.
policies *arguments:
    tests/policies/run {{ arguments }}

# Make a draft of a policy and its row from a command of the tool, as root (TOOL 'COMMAND').
new-policy *arguments:
    tests/policies/new {{ arguments }}

# Try the shipped policies with what the distribution has now, and print what changed, as root (--tool NAME).
compare-policies *arguments:
    tests/policies/run --compare {{ arguments }}

# Learn services and containers in guests of Debian, as root.
subjects *arguments:
    tests/subjects/run {{ arguments }}

# Compare how capwrap and systemd read the units of Debian's packages, as root.
units *arguments:
    tests/units/run {{ arguments }}

# Check the programs whose needs are known, as root.
corpus:
    tests/corpus/check

# Check the formatting, and let clippy look for mistakes.
lint:
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- --deny warnings

# Check the files below .github and this file.
workflows:
    .ci/workflows

# Check licences, sources and advisories of the crates that are linked.
supply-chain:
    .ci/supply-chain

# Fuzz every reader of what others wrote; it needs a nightly toolchain.
fuzz *arguments:
    fuzz/run {{ arguments }}

# Look for undefined behaviour with Miri; it needs a nightly toolchain.
miri:
    .ci/miri

# Run slow stages of the checks, and note with which inputs they passed, as root.
stage *arguments:
    .ci/stage {{ arguments }}

# Build twice, in two folders, and compare the programs.
reproducible:
    .ci/reproducible

# Build the probe's objects from source (--check compares them with the committed ones).
probe *arguments:
    launcher-ebpf/rebuild {{ arguments }}

# Measure what a launch costs, beside setpriv, doas and sudo, as root.
bench-launch *arguments:
    bench/launch {{ arguments }}

# Measure what a scope costs each system call, as root.
bench-scope *arguments:
    bench/scope {{ arguments }}

# Measure what learning costs, beside bpftrace and strace, as root.
bench-learn *arguments:
    bench/learn {{ arguments }}

# Measure what a busy nginx loses while the whole machine is learned, as root.
bench-service *arguments:
    bench/service {{ arguments }}

# Measure `capwrap verify --scan`, beside `getcap -r` and filecap, as root.
bench-scan *arguments:
    bench/scan {{ arguments }}

# Measure an explanation and a list, beside a direct exec, as root.
bench-explain *arguments:
    bench/explain {{ arguments }}

# Renew the man pages of the verbs, and the schema of policies.
bless:
    CAPWRAP_BLESS=1 cargo test --locked -p capwrap-advisor man_pages
    cargo run --locked -p capwrap-advisor -- lint --schema > policies/capwrap-policy.schema.json

# Build the book into target/book.
docs:
    docs/build

# Build the .deb and the .rpm into target/packages.
packages *arguments:
    packaging/build {{ arguments }}

# Make the files of a release into target/release-files/VERSION (VERSION, --arch).
release *arguments:
    packaging/release {{ arguments }}

# Try the release files in clean trees of Debian, as root (--check).
try-release *arguments:
    packaging/try {{ arguments }}

# Make what distributions build from (FOLDER, --debian).
sources *arguments:
    packaging/sources {{ arguments }}

# Run all checks that must pass before a change lands, as root.
ci:
    .ci/run

# Try the first command of the README in fresh trees of Debian, as root (12, 13, --check).
debian *arguments:
    .ci/debian {{ arguments }}

# Run all checks on a clean Debian 12, in a container, as root.
container *arguments:
    .ci/container {{ arguments }}
