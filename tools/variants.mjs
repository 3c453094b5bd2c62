/** Runs the suites that compute with tensors again: other devices, un-fused, jitted, eager. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const everything = ["test/reference", "test/engine", "test/optim", "test/nn"];

/** The emulated card compiles its kernels, as test/cuda/emulator/compiler.ts says. */
const hasCompiler =
  process.platform === "linux" &&
  ["tcc", "gcc", "clang"].some((name) => spawnSync(name, ["-v"]).status === 0);

/** By default operations run eagerly in test/reference and training steps run jitted. */
const variants = [
  { name: "reference device", env: { ATHANOR_DEVICE: "reference" }, suites: everything },
  { name: "un-fused", env: { ATHANOR_FUSE: "0" }, suites: everything },
  { name: "jitted operations", env: { ATHANOR_JIT: "1" }, suites: ["test/reference"] },
  { name: "eager training", env: { ATHANOR_JIT: "0" }, suites: ["test/optim", "test/nn"] },
  {
    name: "emulated CUDA card",
    env: { ATHANOR_DEVICE: "cuda", ATHANOR_CUDA_EMULATOR: "1" },
    // Every program starts a compiler.
    options: ["--testTimeout=120000"],
    suites: everything,
    obstacle: hasCompiler ? null : "it needs Linux and a C compiler (apt install tcc)",
  },
];

const vitest = join(root, "node_modules/vitest/vitest.mjs");
const failed = variants.filter(({ name, env, suites, options = [], obstacle = null }) => {
  console.log(`\n-- variant: ${name}${obstacle === null ? "" : ` is skipped: ${obstacle}`}`);
  if (obstacle !== null) return false;
  const spawnOptions = { cwd: root, stdio: "inherit", env: { ...process.env, ...env } };
  const args = [vitest, "run", ...options, ...suites];
  return spawnSync(process.execPath, args, spawnOptions).status !== 0;
});
if (failed.length > 0) {
  console.log(`\nfailed variants: ${failed.map(({ name }) => name).join(", ")}`);
  process.exitCode = 1;
}
