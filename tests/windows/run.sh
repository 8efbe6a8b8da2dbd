#!/usr/bin/env bash
# The Windows agent, built on Debian and run under Wine: lints for the target, the back end's tests on notepad and winemine, a recording, and the
# main job: a controller on Linux, a service on Windows whose agent joins it, workflows on notepad and winemine.
#
#   tests/windows/run.sh            all of it (make windows)
#   tests/windows/run.sh COMMAND…   one command, in a fresh Wine: deskfleet.exe is $DESKFLEET_EXE
#
# Logs stay in target/windows/logs. docs/windows.md says what Wine cannot show.
set -euo pipefail
cd "$(dirname "$0")/../.."

START_SECONDS=60
JOB_SECONDS=120

say() { printf 'windows: %s\n' "$*"; }

fail() {
    printf 'windows: %s\n' "$*" >&2
    exit 1
}

# shellcheck source=tests/windows/setup.sh
. tests/windows/setup.sh

mkdir -p "$HOME_OF_WINDOWS/logs"
work=$(mktemp -d "${TMPDIR:-/tmp}/deskfleet-windows.XXXXXX")
pids=()

# ---- what is started is ended, by its pid, however this script ends -------------------------------------------------------

alive() { kill -0 "$1" 2>/dev/null; }

finish() {
    local code=$? at pid
    trap - EXIT INT TERM
    [ -z "${WINEPREFIX:-}" ] || wineserver -k 2>/dev/null || true
    written_by_windows | xargs -r -d '\n' cp -t "$HOME_OF_WINDOWS/logs"
    for ((at = ${#pids[@]} - 1; at >= 0; at--)); do
        pid=${pids[at]}
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 50); do alive "$pid" && sleep 0.1 || break; done
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
    exit "$code"
}

# The logs that a service and its agents write for themselves.
written_by_windows() { [ ! -d "$work/prefix" ] || find "$work/prefix/drive_c/users" -path '*deskfleet*' -name '*.log'; }

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start LOG COMMAND…: in the background, its pid remembered.
start() {
    local log=$HOME_OF_WINDOWS/logs/$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    pids+=($!)
}

# until_true WHAT LOG COMMAND…: waits for it, within the limit.
until_true() {
    local what=$1 log=$HOME_OF_WINDOWS/logs/$2 deadline=$((SECONDS + START_SECONDS))
    shift 2
    until "$@" 2>/dev/null; do
        if [ $SECONDS -ge $deadline ]; then
            tail -n 30 "$log" >&2 || true
            fail "$what did not happen within $START_SECONDS s; see $log"
        fi
        sleep 0.1
    done
}

# Debian's cargo, with a target folder that no other toolchain writes to. What we depend on is built once and run for seconds:
# optimising it would take longer than it saves. Our own code goes through clippy's driver, which is the compiler with its lints: one
# pass for both. A person's own driver would be found before Debian's.
for_windows() {
    env -u RUSTFLAGS -u RUSTUP_TOOLCHAIN -u CARGO -u RUSTC PATH=$DEBIAN_PATH CARGO_PROFILE_DEV_DEBUG=0 \
        CARGO_TARGET_DIR="${WINDOWS_TARGET_DIR:-$HOME_OF_WINDOWS/build}" \
        CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=wine RUSTC_WORKSPACE_WRAPPER=/usr/bin/clippy-driver CLIPPY_ARGS="$LINTS" "$@"
}

QUICK=(--locked --target "$TARGET" --config 'profile.dev.package."*".opt-level=0')

# What can fail on Linux only has its signature all the same.
LINTS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__-A__CLIPPY_HACKERY__clippy::unnecessary_wraps__CLIPPY_HACKERY__

# ---- the main job ------------------------------------------------------------------------------------------------------------

main_job() {
    local url job
    say "the main job: a controller on Linux, a service on Windows whose agent joins it"
    start controller.log "$controller" controller --listen 127.0.0.1:0 --data-dir "$work/controller"
    controller_is_up() { grep -q '^  curl ' "$HOME_OF_WINDOWS/logs/controller.log"; }
    until_true "the start of the controller" controller.log controller_is_up
    url=$(grep -o 'https://127\.0\.0\.1:[0-9]*' "$HOME_OF_WINDOWS/logs/controller.log" | head -n 1)
    export DESKFLEET_URL=$url DESKFLEET_CA=$work/controller/ca.pem DESKFLEET_TOKEN_FILE=$work/controller/admin.token
    "$controller" apply -f tests/windows/notepad.yaml
    "$controller" apply -f tests/windows/mines.yaml
    # Wine ends its services with the last program of a person.
    start person.log wine ping -n 600 127.0.0.1
    wine "$DESKFLEET_EXE" agent install --service -- --controller "$url" --join-token-file "Z:$work/controller/join.token"
    machine_is_idle() { "$controller" machine list -o json | grep -q '"status": "idle"'; }
    until_true "the joining of the Windows machine" controller.log machine_is_idle
    "$controller" machine list
    "$controller" machine list -o json | grep -q '"name": "[^"]*/[^"]*"' || fail "the machine is not called HOST/user"
    job=$("$controller" job submit note --set text='Grüße aus Köln' --wait --timeout ${JOB_SECONDS}s)
    printf '%s\n' "$job"
    grep -q 'Grüße aus Köln' <<<"$job" || fail "notepad did not hold the text; see the logs in $HOME_OF_WINDOWS/logs"
    grep -q 'Microsoft Windows' <<<"$job" || fail "the job did not run on Windows"
    job=$("$controller" job submit mines --wait --timeout ${JOB_SECONDS}s)
    printf '%s\n' "$job"
    grep -q '12x10 with 20' <<<"$job" || fail "the field of mines is another; see the logs in $HOME_OF_WINDOWS/logs"
    wine "$DESKFLEET_EXE" agent uninstall
    written_by_windows | xargs -r -d '\n' grep -q 'the agent has stopped' || fail "the service ended without its agent's last words"
    say "the jobs did what they should"
}

# ---- recording ---------------------------------------------------------------------------------------------------------------

record_and_replay() {
    local log=$HOME_OF_WINDOWS/logs/record.log
    say "recording what is done on notepad, and doing it again"
    start record.log wine "$DESKFLEET_EXE" record "Z:$work/recorded" -- notepad
    until_true "the beginning of the recording" record.log grep -q '^recording: ' "$log"
    sleep 0.5
    xdotool mousemove 300 300 click 1 sleep 0.5 type --delay 50 'Recorded 42'
    xdotool sleep 0.5 key ctrl+a sleep 0.5 key Pause
    until_true "the recorded workflow" record.log grep -q 'do the same again with' "$log"
    cat "$work/recorded/workflow.yaml"
    grep -q 'type: "Recorded 42"' "$work/recorded/workflow.yaml" || fail "what was typed is not in the workflow; see $log"
    wine taskkill /f /im notepad.exe >/dev/null
    wine "$DESKFLEET_EXE" try "Z:$work/recorded/workflow.yaml" || fail "what was recorded cannot be done again"
    wine taskkill /f /im notepad.exe >/dev/null
}

begun=$SECONDS
install_packages
build_std
say "the toolchain stands after $((SECONDS - begun)) s"

if [ $# -gt 0 ]; then
    for_windows cargo build "${QUICK[@]}" --bin deskfleet
else
    # The program, its tests and those of its parts at once: they do not wait for each other.
    for_windows cargo test "${QUICK[@]}" --no-run --lib --test windows
fi
DESKFLEET_EXE=${WINDOWS_TARGET_DIR:-$HOME_OF_WINDOWS/build}/$TARGET/debug/deskfleet.exe
export DESKFLEET_EXE
say "built, and clippy is content, after $((SECONDS - begun)) s"
start_wine
if [ $# -gt 0 ]; then
    "$@"
    exit
fi
for_windows cargo test "${QUICK[@]}" --lib -- --test-threads 1 desktop:: workflow:: agent::runner agent::disk
for_windows cargo test "${QUICK[@]}" --test windows -- --test-threads 1
say "the tests passed after $((SECONDS - begun)) s"
record_and_replay
cargo build --locked --bin deskfleet
controller=${CARGO_TARGET_DIR:-target}/debug/deskfleet
main_job
say "all of it took $((SECONDS - begun)) s"
