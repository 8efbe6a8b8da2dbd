#!/usr/bin/env bash
# The whole thing in two minutes: a controller, three virtual desktops with an agent each, and 30 jobs submitted at once with
# curl. Each job has the real application `galculator` work out a different sum; what it shows is read back and checked here.
#
#   assets/demo/run.sh           runs it, checks it, ends everything it has started
#   assets/demo/run.sh --stay    stays up afterwards, to look around, until Ctrl-C
#
# Results, pictures and logs stay in demo-out/. Exits with 1 if one job is wrong.
set -euo pipefail
cd "$(dirname "$0")/../.."

JOBS=30
MACHINES="desk-1 desk-2 desk-3"
SCREEN=1280x800x24
# Longest waits: for something to start, and for all jobs to end.
START_SECONDS=30
JOBS_SECONDS=100

binary=${DESKFLEET:-target/release/deskfleet}
documents=assets/demo
out=$PWD/demo-out
stay=${1:-}

say() { printf '%s\n' "$@"; }

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

[ -z "$stay" ] || [ "$stay" = --stay ] || fail "there is only one option, --stay"
[ -x "$binary" ] || fail "there is no $binary; build it first: cargo build --release --locked"
for tool in Xvfb openbox galculator curl jq; do
    command -v "$tool" >/dev/null || fail "there is no $tool; assets/install-needs.sh desktop installs it"
done

# ---- what is started is ended, by its pid, however this script ends -------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/deskfleet-demo.XXXXXX")
pids=()

alive() { kill -0 "$1" 2>/dev/null; }

finish() {
    local code=$? at pid
    trap - EXIT INT TERM
    # In reverse: agents before the controller, applications with their displays.
    for ((at = ${#pids[@]} - 1; at >= 0; at--)); do
        kill "${pids[at]}" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        for _ in $(seq 50); do alive "$pid" && sleep 0.1 || break; done
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start LOG COMMAND…: in the background, its pid remembered.
start() {
    local log=$1
    shift
    "$@" >"$out/logs/$log" 2>&1 </dev/null &
    pids+=($!)
}

# until_true WHAT LOG COMMAND…: waits for it, within the limit.
until_true() {
    local what=$1 log=$2 deadline=$((SECONDS + START_SECONDS))
    shift 2
    until "$@" 2>/dev/null; do
        if [ $SECONDS -ge $deadline ]; then
            tail -n 15 "$out/logs/$log" >&2 || true
            fail "$what did not happen within $START_SECONDS s; see $out/logs/$log"
        fi
        sleep 0.1
    done
}

rm -rf "$out"
mkdir -p "$out/logs" "$out/jobs" "$out/screenshots"

# ---- the controller ---------------------------------------------------------------------------------------------------------

# On any free port of this computer alone. It says on stdout where it is.
start controller.log "$binary" controller --listen 127.0.0.1:0 --data-dir "$work/controller"
controller_is_up() { grep -q '^  curl ' "$out/logs/controller.log"; }
until_true "the start of the controller" controller.log controller_is_up
url=$(grep -o 'https://127\.0\.0\.1:[0-9]*' "$out/logs/controller.log" | head -n 1)

export DESKFLEET_URL=$url DESKFLEET_CA=$work/controller/ca.pem DESKFLEET_TOKEN_FILE=$work/controller/admin.token
# curl reads the token from a file too: a command line can be read by everybody.
(umask 077 && printf 'Authorization: Bearer %s\n' "$(cat "$DESKFLEET_TOKEN_FILE")" >"$work/authorization")
api() { curl -sS --fail-with-body --cacert "$DESKFLEET_CA" -H "@$work/authorization" "$@"; }

say "Controller at $url. The documents of the demo:"
"$binary" apply -f "$documents"

# ---- three desktops, each with an agent ---------------------------------------------------------------------------------------

# Machines that join with this token come into the demo's pool; the controller's own join.token is for the pool `default`.
(umask 077 && "$binary" join-token create --pool demo --uses 3 >"$work/demo.token" 2>/dev/null)
# The look of applications is the demo's own, so that the pictures in its documents fit on every machine.
for machine in $MACHINES; do
    mkdir -p "$work/$machine/config/gtk-3.0" "$work/$machine/cache"
    cp "$documents/gtk-3.0/settings.ini" "$work/$machine/config/gtk-3.0/"
    start "$machine-screen.log" Xvfb -displayfd 3 -screen 0 "$SCREEN" -nolisten tcp -noreset 3>"$work/$machine/display"
done
for machine in $MACHINES; do
    has_display() { [ -s "$work/$machine/display" ]; }
    until_true "a virtual screen for $machine" "$machine-screen.log" has_display
    desktop=(env -u DBUS_SESSION_BUS_ADDRESS -u WAYLAND_DISPLAY -u XAUTHORITY -u GTK_THEME
        DISPLAY=":$(cat "$work/$machine/display")" HOME="$work/$machine" XDG_CONFIG_HOME="$work/$machine/config"
        XDG_CACHE_HOME="$work/$machine/cache" LC_ALL=C.UTF-8 LANGUAGE=C NO_AT_BRIDGE=1 GSETTINGS_BACKEND=memory
        GDK_BACKEND=x11 GDK_SCALE=1)
    start "$machine-windows.log" "${desktop[@]}" openbox
    start "$machine.log" "${desktop[@]}" "$binary" --agent --controller "$url" --name "$machine" \
        --join-token-file "$work/demo.token" --data-dir "$work/$machine/agent"
done
machines_are_idle() {
    [ "$(api "$url/v1/machines" | jq '[.items[] | select(.status == "idle")] | length')" -eq 3 ]
}
say "" "Three desktops are joining. The first job on each opens its calculator."
until_true "the joining of three machines" desk-1.log machines_are_idle
"$binary" machine list

# ---- 30 jobs at once ------------------------------------------------------------------------------------------------------------

input() { # of job $1, which is written with two digits
    local sign=plus n=$((10#$1))
    [ $((n % 3)) -ne 0 ] || sign=minus
    printf '{"a": %d, "b": %d, "c": %d, "sign": "%s"}' $((10000 + n * 377)) $((77 * n + 13)) $((2 + n % 8)) "$sign"
}

formula() { jq -r '"(\(.a) \(if .sign == "plus" then "+" else "-" end) \(.b)) * \(.c)"' <<<"$1"; }

# One curl submits the job and waits for it; it asks again only if the job takes longer than a request may wait.
job() {
    local file=$out/jobs/$1.json deadline=$((SECONDS + JOBS_SECONDS)) id
    api -X POST "$url/v1/jobs?wait=60s" -H 'Content-Type: application/json' -o "$file" \
        -d "{\"workflow\": \"calculate\", \"input\": $(input "$1"), \"labels\": {\"number\": \"$1\"}}"
    until jq -e '.state | IN("succeeded", "failed", "cancelled", "needs_review", "blocked")' "$file" >/dev/null; do
        [ $SECONDS -lt $deadline ] || return 1
        id=$(jq -r .id "$file")
        api "$url/v1/jobs/$id?wait=30s" -o "$file"
    done
}

say "" "Submitting $JOBS jobs at once …"
begin=$SECONDS
requests=()
for number in $(seq -w "$JOBS"); do
    job "$number" 2>>"$out/logs/jobs.log" &
    requests+=($!)
done
for request in "${requests[@]}"; do
    wait "$request" || true
done
took=$((SECONDS - begin))

# ---- what came of them ------------------------------------------------------------------------------------------------------------

wrong=0
mistake() {
    printf 'WRONG: %s\n' "$*" >&2
    wrong=$((wrong + 1))
}

printf '\n%-4s %-31s %-10s %-8s %-22s %12s\n' job id machine seconds formula result
for number in $(seq -w "$JOBS"); do
    file=$out/jobs/$number.json
    if ! jq -e .id "$file" >/dev/null 2>&1; then
        mistake "job $number: no answer; $(cat "$file" 2>/dev/null || true)"
        continue
    fi
    formula=$(formula "$(input "$number")")
    expected=$((formula))
    state=$(jq -r .state "$file")
    result=$(jq -r '.output.result // "-"' "$file")
    machine=$(jq -r '.machine // "-"' "$file")
    seconds=$(jq -r 'def ms: (.[0:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
        if .finished_at and .started_at then (((.finished_at | ms) - (.started_at | ms)) / 100 | round / 10) else "-" end' "$file")
    printf '%-4s %-31s %-10s %-8s %-22s %12s\n' "$number" "$(jq -r .id "$file")" "$machine" "$seconds" "$formula" "$result"
    if [ "$state" != succeeded ]; then
        mistake "job $number is $state: $(jq -r '.failure.message // .blocked_reason // "no reason"' "$file")"
    elif [ "$result" != "$expected" ]; then
        mistake "job $number: the calculator says $result, it is $expected"
    fi
    "$binary" artifact get "$(jq -r .id "$file")" -d "$work/pictures" >/dev/null 2>>"$out/logs/jobs.log" || true
    for picture in "$work"/pictures/*; do
        [ ! -e "$picture" ] || mv "$picture" "$out/screenshots/$number-$machine-$(basename "$picture")"
    done
done

# Every attempt counts, not only the last of each job.
attempts=$(jq -s '[.[].attempts[]? | {machine, started_at, finished_at} | select(.started_at)]' "$out"/jobs/*.json)
used=$(jq '[.[].machine] | unique | length' <<<"$attempts")
[ "$used" -eq 3 ] || mistake "the jobs ran on $used machines, not on 3"
overlaps=$(jq '[group_by(.machine)[] | sort_by(.started_at) | range(1; length) as $i | select(.[$i - 1].finished_at > .[$i].started_at)]
    | length' <<<"$attempts")
[ "$overlaps" -eq 0 ] || mistake "$overlaps times two jobs were on one machine at once"
pictures=$(find "$out/screenshots" -type f | wc -l)
[ "$pictures" -ge "$JOBS" ] || mistake "only $pictures pictures for $JOBS jobs"

say ""
jq -r 'group_by(.machine)[] | "\(.[0].machine): \(length) jobs, one after the other"' <<<"$attempts"
for machine in $MACHINES; do
    "$binary" machine screenshot "$machine" --fresh -o "$out/$machine.webp" >/dev/null || mistake "no picture of $machine"
done

say "" "Look further:" \
    "  demo-out/screenshots/   what the screen showed at the end of each job ($pictures pictures)" \
    "  demo-out/desk-*.webp    the three desktops just now" \
    "  demo-out/jobs/          the answers as curl got them" \
    "  demo-out/logs/          what controller and agents say" \
    "  assets/demo/*.yaml      the app, the workflow and the pool" \
    "  assets/demo/run.sh --stay    the same once more, left running, to try things on"

say ""
if [ "$wrong" -eq 0 ]; then
    say "$JOBS jobs in $took s on three desktops, every result right, never two at once on one machine."
fi
if [ "$stay" = --stay ]; then
    say "" "Everything stays up until Ctrl-C. In another terminal:" \
        "  export DESKFLEET_URL=$url DESKFLEET_CA=$DESKFLEET_CA DESKFLEET_TOKEN_FILE=$DESKFLEET_TOKEN_FILE" \
        "  $binary job list" \
        "  $binary job submit calculate --set a=20 --set b=1 --set c=2 --watch"
    while :; do sleep 1; done
fi
[ "$wrong" -eq 0 ] || fail "$wrong things are wrong; see above and $out/logs"
