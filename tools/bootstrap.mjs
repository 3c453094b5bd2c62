/**
 * Makes a checkout ready with plain Node: installs the dependencies when they are missing or older
 * than the lock file, and with `--build` brings dist/ up to date.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stamp = join(root, "node_modules", ".athanor-lock");

function lockHash() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

function isInstalled() {
  if (!existsSync(join(root, "node_modules", "vitest", "package.json"))) return false;
  // An install by hand leaves no stamp; it is trusted until the lock file changes.
  if (!existsSync(stamp)) writeFileSync(stamp, lockHash());
  return readFileSync(stamp, "utf8") === lockHash();
}

function install() {
  const isFresh = !existsSync(join(root, "node_modules"));
  const args = [isFresh ? "ci" : "install", "--no-audit", "--no-fund", "--include=dev"];
  console.log(`athanor: installing dependencies (npm ${args[0]}) ...`);
  const { status } = spawnSync("npm", args, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    console.error(`athanor: npm ${args[0]} failed with status ${status}; see its messages above`);
    process.exit(status ?? 1);
  }
  writeFileSync(stamp, lockHash());
}

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`athanor: Node 20.19 or newer is required, got ${process.versions.node}`);
  process.exit(1);
}
if (!isInstalled()) install();
if (process.argv.includes("--build")) {
  const { build } = await import("./build.mjs");
  if (!build()) process.exit(1);
}
