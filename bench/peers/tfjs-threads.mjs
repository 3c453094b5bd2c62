/**
 * Makes the threads of TensorFlow.js work in Node, which is more than its users have: its workers are
 * scripts in blobs, and Node's workers come from files.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the scripts find in their library's own module, and miss in a worker. */
const prelude = `URL.createObjectURL = (script) => script.path;
globalThis.commonjsGlobal = globalThis;
["fs", "path", "", "perf_hooks", "os"].forEach((name, i) => {
  if (name !== "") globalThis["require$$" + i] = require(name);
});
`;

/** Call before the library is loaded. */
export function allowThreads() {
  const folder = mkdtempSync(join(tmpdir(), "tfjs-threads-"));
  let scripts = 0;
  /** A blob of script that lies in a file; structured clones keep the path. */
  globalThis.Blob = class {
    constructor(parts) {
      this.path = join(folder, `${scripts++}.cjs`);
      writeFileSync(this.path, prelude + parts.join(""));
    }
  };
  URL.createObjectURL = (script) => script.path;
  const require = createRequire(import.meta.url);
  globalThis.Worker = require("node:worker_threads").Worker;
  // It takes half of the cores that it sees.
  const os = require("node:os");
  const cores = os.cpus();
  os.cpus = () => [...cores, ...cores];
}

/** Switches threads on, before the backend starts. */
export function useThreads(tf, wasm, count) {
  tf.env().set("WASM_HAS_SIMD_SUPPORT", true);
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", count > 1);
  wasm.setThreadsCount(count);
}
