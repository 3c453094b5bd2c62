#!/bin/sh
# Runs the backend contract, the torch parity suite and the suites above them on a device, after
# `. bench/gpu/unpack.sh`:
#   bench/gpu/run-tests.sh [device] [folder for results] [suite ...]
# Suites: contract, parity, parity-jit, engine, bf16, f16 (all of them by default). WORKERS sets the
# number of processes (all cores by default), SUITE_SECONDS the most one suite may take.
# summary.txt in the folder has counts, and the first failures of each suite with their messages.
device=${1:-cuda}
results=${2:-runs/gpu-tests}
[ $# -gt 2 ] && shift 2 && suites=$* || suites="contract parity parity-jit engine bf16 f16"
workers=${WORKERS:-$(nproc)}
mkdir -p "$results"
results=$(cd "$results" && pwd)
cd "$(dirname "$0")/../.." || exit 1
export ATHANOR_DEVICE="$device" ATHANOR_TEST_DEVICE="$device"

# Name, then settings and files of a suite.
run() {
  name=$1
  shift
  start=$(date +%s)
  env "$@" timeout "${SUITE_SECONDS:-300}" node node_modules/vitest/vitest.mjs run \
    --maxWorkers="$workers" --reporter=json --outputFile="$results/$name.json" $files \
    >"$results/$name.log" 2>&1
  echo "$name: exit $?, $(($(date +%s) - start)) s"
}

for suite in $suites; do
  rm -f "$results/$suite.json"
  case $suite in
    contract)
      for part in 0 1 2 3 4 5; do
        files=test/contract/device.test.ts run "contract-$part" \
          ATHANOR_CONTRACT_DEVICE="$device" ATHANOR_CONTRACT_PART="$part/6" &
      done
      wait ;;
    parity) files=test/reference run parity ATHANOR_JIT= ;;
    parity-jit) files=test/reference run parity-jit ATHANOR_JIT=1 ;;
    engine) files="test/engine test/nn test/optim test/grad" run engine ATHANOR_JIT= ;;
    bf16 | f16) files=test/reference/half-types.test.ts run "$suite" ATHANOR_TEST_DTYPE="$suite" ;;
    *) echo "run-tests: no suite $suite; there are contract, parity, parity-jit, engine, bf16, f16" >&2
       exit 2 ;;
  esac
done
parts=$(echo "$suites" | sed 's/contract/contract-0 contract-1 contract-2 contract-3 contract-4 contract-5/')
node bench/gpu/test-summary.mjs "$results" $parts
