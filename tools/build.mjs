/** Builds src/ into dist/: derived tsconfigs, `tsc -b`, and removal of outputs without a source. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { syncLayers } from "./layers.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tsc = join(root, "node_modules", "@typescript", "native", "bin", "tsc");
const lock = join(root, "node_modules", ".athanor-build-lock");

const isAlive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
};

/** Two builds at once would read each other's half-written declarations: the second one waits. */
function takeLock() {
  const waiter = new Int32Array(new SharedArrayBuffer(4));
  const deadline = Date.now() + 120_000;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = existsSync(lock) ? Number(readFileSync(lock, "utf8")) : 0;
    const isStale = holder > 0 && !isAlive(holder);
    if (isStale || Date.now() > deadline) rmSync(lock, { force: true });
    else Atomics.wait(waiter, 0, 0, 100);
  }
}

function removeOrphans() {
  const dist = join(root, "dist");
  if (!existsSync(dist)) return;
  for (const name of readdirSync(dist, { recursive: true })) {
    const file = String(name).split(sep).join("/");
    const stem = file.match(/^(.*?)(\.d\.ts|\.js)(\.map)?$/)?.[1];
    if (stem === undefined || !statSync(join(dist, file)).isFile()) continue;
    if (!existsSync(join(root, "src", `${stem}.ts`))) rmSync(join(dist, file));
  }
}

/** Returns whether the build succeeded; compiler messages go to the terminal. */
export function build() {
  takeLock();
  try {
    syncLayers();
    const args = [tsc, "-b", "src", "bench"];
    const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
    removeOrphans();
    if (status !== 0) console.error("athanor: the build failed; see the compiler messages above");
    return status === 0;
  } finally {
    rmSync(lock, { force: true });
  }
}

if (process.argv[1] && relative(process.argv[1], fileURLToPath(import.meta.url)) === "") {
  process.exitCode = build() ? 0 : 1;
}
