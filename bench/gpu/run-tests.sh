#!/bin/sh
# Runs the backend contract, the torch parity suite and the suites above them on a device, after
# `. bench/gpu/unpack.sh`:
#   bench/gpu/run-tests.sh [device] [folder for results] [suite ...]
# Suites: contract, parity, parity-jit, engine, bf16, f16 (all of them by default). WORKERS sets the
# number of processes (all cores by default), SUITE_SECONDS the most one suite may take;
# ATHANOR_TEST_AREAS=fft,linalg limits bf16 and f16 to some areas of operations.
# summary.txt in the folder has counts, and the first failures of each suite with their messages;
# the results that were there when a suite was stopped are in it.
device=${1:-cuda}
results=${2:-runs/gpu-tests}
[ $# -gt 2 ] && shift 2 && suites=$* || suites="contract parity parity-jit engine bf16 f16"
workers=${WORKERS:-$(nproc)}
mkdir -p "$results"
results=$(cd "$results" && pwd)
cd "$(dirname "$0")/../.." || exit 1
export ATHANOR_DEVICE="$device" ATHANOR_TEST_DEVICE="$device"

# Name, then settings: one run of vitest over $files with $own processes.
run() {
  name=$1
  shift
  env "$@" timeout "${SUITE_SECONDS:-300}" \
    node bench/gpu/run-suite.mjs "$results/$name.jsonl" "$own" $files >"$results/$name.log" 2>&1
}

# Suite, number of parts, then settings: parts of the cases at the same time, for suites whose files
# are few or of very different lengths. The settings' PART becomes 0/6 and so on.
run_parts() {
  suite=$1 count=$2
  shift 2
  own=$(((workers + count - 1) / count))
  start=$(date +%s)
  part=0
  while [ "$part" -lt "$count" ]; do
    run "$suite-$part" ATHANOR_TEST_PART="$part/$count" ATHANOR_CONTRACT_PART="$part/$count" "$@" &
    part=$((part + 1))
  done
  wait
  echo "$suite: $(($(date +%s) - start)) s"
}

few=$((workers < 4 ? 1 : 4))
many=$((workers < 8 ? workers : 8))
for suite in $suites; do
  rm -f "$results/$suite".* "$results/$suite"-[0-9].*
  case $suite in
    contract)
      files=test/contract/device.test.ts
      run_parts contract "$many" ATHANOR_CONTRACT_DEVICE="$device" ;;
    parity)
      files=test/reference
      run_parts parity "$few" ATHANOR_JIT= ;;
    parity-jit)
      files=test/reference
      run_parts parity-jit "$few" ATHANOR_JIT=1 ;;
    engine)
      files="test/engine test/nn test/optim test/grad"
      run_parts engine 1 ATHANOR_JIT= ;;
    bf16 | f16)
      files=test/reference/half-types.test.ts
      run_parts "$suite" "$workers" ATHANOR_TEST_DTYPE="$suite" ;;
    *)
      echo "run-tests: no suite $suite; there are contract, parity, parity-jit, engine, bf16, f16" >&2
      exit 2 ;;
  esac
done
node bench/gpu/test-summary.mjs "$results" $suites
