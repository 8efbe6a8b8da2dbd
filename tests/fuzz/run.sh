#!/usr/bin/env bash
# Fuzzes each parser for so many seconds with libFuzzer, guided by coverage. What it finds lies in target/fuzz/findings.
#
#   SECONDS_EACH=60 tests/fuzz/run.sh [document] [template] [request] [wire]
set -eu
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
out=$root/target/fuzz
export CARGO_TARGET_DIR=$out/build

# What makes the compiler note which edges were taken. A sanitizer for memory is not needed: the code is safe Rust.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=4 --cfg fuzzing"
# The versions of the product itself; what only the fuzzer needs is pinned in its manifest.
cp "$root/Cargo.lock" Cargo.lock
host=$(rustc -vV | sed -n 's/^host: //p')
# With a target named, build scripts and macros are built without all that.
cargo build --release --target "$host" --quiet

targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(document template request wire)
status=0
for target in "${targets[@]}"; do
    mkdir -p "$out/corpus/$target" "$out/findings/$target"
    log=$out/$target.log
    # What is found anew goes into the first folder; the kept ones are the seeds.
    if ! nice "$CARGO_TARGET_DIR/$host/release/$target" "$out/corpus/$target" "corpus/$target" \
        -max_total_time="${SECONDS_EACH:-60}" -artifact_prefix="$out/findings/$target/" -timeout=20 -rss_limit_mb=4096 \
        -max_len=65536 -print_final_stats=1 >"$log" 2>&1; then
        status=1
        echo "fuzz $target: FOUND SOMETHING, see $log and $out/findings/$target"
        tail -30 "$log"
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -1)
    echo "fuzz $target: ${executions:-?} executions, ${coverage:-cov: ?}, $(ls "$out/corpus/$target" | wc -l) inputs kept"
done
exit $status
