/** Everything that a person and CI run: each step in turn, a summary, and the tests last. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const steps = [
  ["layer table", "check:layers"],
  ["build", "build"],
  ["types", "check:types"],
  ["lint", "check:lint"],
  ["format", "check:format"],
  ["unused code", "check:unused"],
  ["package", "check:package"],
  ["documentation", "check:docs"],
  ["table of operations", "check:ops"],
  ["tests on other devices, un-fused, jitted and eager", "test:variants"],
];

function runScript(script) {
  const args = ["run", "--silent", script];
  const shell = process.platform === "win32";
  return spawnSync("npm", args, { cwd: root, stdio: "inherit", shell }).status === 0;
}

const results = steps.map(([name, script]) => {
  console.log(`\n== ${name}`);
  const start = performance.now();
  const isGood = runScript(script);
  return { name, isGood, seconds: (performance.now() - start) / 1000 };
});

console.log("\n== summary");
for (const { name, isGood, seconds } of results) {
  console.log(`${isGood ? "ok    " : "FAILED"}  ${name} (${seconds.toFixed(1)} s)`);
}

// Last, so that the line "N passed, N failed" closes the output.
console.log("\n== tests");
const testsAreGood = runScript("test");
process.exitCode = testsAreGood && results.every((result) => result.isGood) ? 0 : 1;
