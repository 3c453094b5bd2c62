/** Runs the suites that compute with tensors again: other device, un-fused, jitted, eager. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const everything = ["test/reference", "test/engine", "test/optim", "test/nn"];

/** By default operations run eagerly in test/reference and training steps run jitted. */
const variants = [
  { name: "reference device", env: { ATHANOR_DEVICE: "reference" }, suites: everything },
  { name: "un-fused", env: { ATHANOR_FUSE: "0" }, suites: everything },
  { name: "jitted operations", env: { ATHANOR_JIT: "1" }, suites: ["test/reference"] },
  { name: "eager training", env: { ATHANOR_JIT: "0" }, suites: ["test/optim", "test/nn"] },
];

const vitest = join(root, "node_modules/vitest/vitest.mjs");
const failed = variants.filter(({ name, env, suites }) => {
  console.log(`\n-- variant: ${name}`);
  const options = { cwd: root, stdio: "inherit", env: { ...process.env, ...env } };
  return spawnSync(process.execPath, [vitest, "run", ...suites], options).status !== 0;
});
if (failed.length > 0) {
  console.log(`\nfailed variants: ${failed.map(({ name }) => name).join(", ")}`);
  process.exitCode = 1;
}
