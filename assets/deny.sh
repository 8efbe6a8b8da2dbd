#!/usr/bin/env bash
# Holds the dependencies against deny.toml. Licences, bans and sources always; advisories where their database is at hand.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:$PWD/target/tools/bin"

# The crates of all systems of deny.toml, not only of this one.
cargo fetch --quiet --locked

cargo-deny --offline --log-level error check bans licenses sources
twice=$(cargo-deny --offline check --hide-inclusion-graph bans 2>&1 | sed -n "s/^warning.*duplicate entries for crate '\(.*\)'/\1/p")
[ -z "$twice" ] || echo "deny: in the tree in more than one version:" $twice

if timeout 120 cargo-deny fetch db >/dev/null 2>&1; then
    echo "deny: checking against the newest advisories"
    cargo-deny --offline --log-level error check advisories
elif ls -d "${CARGO_HOME:-$HOME/.cargo}"/advisory-dbs/*/.git >/dev/null 2>&1; then
    echo "deny: the advisory database cannot be reached; checking against the copy fetched earlier"
    cargo-deny --offline --log-level error check advisories
else
    echo "deny: ADVISORIES NOT CHECKED: the advisory database cannot be reached and there is no copy of it here"
fi
