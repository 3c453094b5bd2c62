/** Builds src/ into dist/: derived tsconfigs, `tsc -b`, and removal of outputs without a source. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { syncLayers } from "./layers.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tsc = join(root, "node_modules", "@typescript", "native", "bin", "tsc");

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
  syncLayers();
  const { status } = spawnSync(process.execPath, [tsc, "-b", "src"], { cwd: root, stdio: "inherit" });
  removeOrphans();
  if (status !== 0) console.error("athanor: the build failed; see the compiler messages above");
  return status === 0;
}

if (process.argv[1] && relative(process.argv[1], fileURLToPath(import.meta.url)) === "") {
  process.exitCode = build() ? 0 : 1;
}
