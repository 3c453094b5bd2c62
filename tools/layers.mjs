/**
 * The layer table of the library and what is derived from it: one tsconfig.json per layer folder,
 * the references of the root projects, and the import rules of the linter.
 *
 * `node tools/layers.mjs` rewrites the derived files; `--check` only reports what is out of date.
 * To add a layer, add a row here and its first source file, then run the script (a build does).
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const everyLibraryLayer = [
  "base ir autodiff compiler runtime backends/reference backends/wasm backends/cuda",
  "engine tensor text nn optim distributions data io",
].flatMap((names) => names.split(" "));

/**
 * `imports`: the layers a folder may import. `platform`: what its code may assume beyond a plain
 * JavaScript engine: "node", or "web" (Node and browsers). `door`: the folder's index.ts is a
 * public entry point of the package.
 *
 * @type {Record<string, { imports: string[], platform?: "node" | "web", door?: boolean }>}
 */
export const layers = {
  base: row(""),
  ir: row("base"),
  autodiff: row("base ir"),
  compiler: row("base ir"),
  runtime: row("base ir"),
  "backends/reference": row("base ir compiler runtime"),
  "backends/wasm": row("base ir compiler runtime", { platform: "web" }),
  "backends/cuda": row("base ir compiler runtime", { platform: "node" }),
  engine: row("base ir compiler runtime backends/reference backends/wasm backends/cuda"),
  tensor: row("base ir autodiff engine"),
  nn: row("base tensor", { door: true }),
  optim: row("base tensor", { door: true }),
  distributions: row("base tensor", { door: true }),
  data: row("base tensor", { door: true }),
  io: row("base tensor", { door: true, platform: "node" }),
  text: row("base io", { door: true }),
  testing: row("base ir autodiff engine tensor", { door: true }),
  models: row("base tensor text nn distributions io", { door: true }),
  // Collectives work on the memory of tensors (engine), over NCCL on that of the GPU.
  dist: row("base ir runtime engine tensor nn optim data backends/cuda", {
    door: true,
    platform: "node",
  }),
  rl: row("base tensor distributions data", { door: true }),
  train: {
    imports: [...everyLibraryLayer, "models", "dist", "rl"],
    door: true,
    platform: "node",
  },
  serve: { imports: [...everyLibraryLayer, "models", "dist", "rl"], platform: "node" },
  cli: {
    imports: [...everyLibraryLayer, "testing", "models", "dist", "rl", "train", "serve"],
    platform: "node",
  },
};

function row(imports, rest = {}) {
  return { imports: imports.split(" ").filter(Boolean), ...rest };
}

function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => String(name).split(sep).join("/"))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
}

const isDoor = (name) => layers[name].door === true;
const codeOf = (name) =>
  sourceFiles(join(root, "src", name)).filter((file) => !(isDoor(name) && file === "index.ts"));
const present = Object.keys(layers).filter((name) => codeOf(name).length > 0);

const environments = {
  none: { types: [], lib: ["ES2023", "ESNext.Disposable"] },
  node: { types: ["node"], lib: ["ES2023", "ESNext.Disposable"] },
  web: { types: ["node"], lib: ["ES2023", "ESNext.Disposable", "DOM"] },
};
const ambient = (from, environment) =>
  environment === "none" ? [`${from}/tools/types/none.d.ts`] : [];

/** A project that emits `src/<folder>` into `dist/<folder>`. */
function projectConfig(folder, { platform = "none", references, include, exclude, files }) {
  const up = folder
    .split("/")
    .filter(Boolean)
    .map(() => "../")
    .join("");
  const top = `${up}..`;
  return {
    extends: `${top}/tsconfig.base.json`,
    compilerOptions: {
      ...environments[platform],
      rootDir: `${top}/src`,
      outDir: `${top}/dist`,
      tsBuildInfoFile: `${top}/dist/.build/${folder.replaceAll("/", "-") || "doors"}.tsbuildinfo`,
    },
    ...(files && { files: [...files, ...ambient(top, platform)] }),
    ...(include && { include: [...include, ...ambient(top, platform)] }),
    ...(exclude && { exclude }),
    references: references.map((name) => ({ path: `${up}${name}` || "." })),
  };
}

/** Layers without a platform may keep platform code in a folder `node/`: a project of its own. */
const isPlatformCode = (file) => /(^|\/)node\//.test(file);
const hasNodeFolder = (name) =>
  layers[name].platform === undefined && codeOf(name).some((file) => file.startsWith("node/"));
const hasPureCode = (name) =>
  layers[name].platform !== undefined || codeOf(name).some((file) => !isPlatformCode(file));

function derivedTsconfigs() {
  const configs = {};
  const pureProjects = (names) => names.filter(hasPureCode);
  const nodeProjects = (names) => names.filter(hasNodeFolder).map((name) => `${name}/node`);
  for (const name of present) {
    const { imports, platform } = layers[name];
    const below = imports.filter((other) => present.includes(other));
    if (hasNodeFolder(name)) {
      configs[`src/${name}/node/tsconfig.json`] = projectConfig(`${name}/node`, {
        platform: "node",
        include: ["**/*.ts"],
        exclude: ["**/*.test.ts"],
        references: [...pureProjects([...below, name]), ...nodeProjects(below)],
      });
    }
    if (!hasPureCode(name)) continue;
    const exclude = ["**/*.test.ts"];
    if (isDoor(name)) exclude.push("index.ts");
    if (hasNodeFolder(name)) exclude.push("node");
    configs[`src/${name}/tsconfig.json`] = projectConfig(name, {
      platform,
      include: ["**/*.ts"],
      exclude,
      references: [...pureProjects(below), ...(platform === undefined ? [] : nodeProjects(below))],
    });
  }
  const projects = [...pureProjects(present), ...nodeProjects(present)];
  const doors = Object.keys(layers)
    .filter(isDoor)
    .map((name) => `${name}/index.ts`)
    .filter((file) => existsSync(join(root, "src", file)));
  configs["src/tsconfig.json"] = projectConfig("", {
    platform: "node",
    files: ["index.ts", ...doors],
    references: projects,
  });
  return configs;
}

/** Lint rules: which folders a layer must not reach, by relative path or by package name. */
function layerRules() {
  const names = Object.keys(layers);
  return names.map((name) => {
    const allowed = new Set([name, ...layers[name].imports]);
    const forbidden = names.filter((other) => !allowed.has(other));
    const platform = layers[name].platform;
    const patterns = [
      {
        regex: `^(\\.\\./)+(${forbidden.join("|")})/`,
        message: `${name} may import only: ${layers[name].imports.join(", ") || "nothing"} (see tools/layers.mjs).`,
      },
      {
        regex: "^athanor(/|$)|^(\\.\\./)+index\\.ts$|^(\\.\\./)+[a-z]+/index\\.ts$",
        message: "Files inside src import the module that defines a name, never a door.",
      },
    ];
    const sibling = name.startsWith("backends/")
      ? names.filter((other) => other.startsWith("backends/") && other !== name)
      : [];
    for (const other of sibling) {
      patterns.push({
        regex: `^(\\.\\./)+${other.replace("backends/", "")}/`,
        message: "Backends never import each other.",
      });
    }
    if (platform === undefined) {
      patterns.push({
        regex: "^node:",
        message:
          "Platform code lives in */node/ folders, backends/wasm, backends/cuda, io, dist, train and cli.",
      });
    }
    return {
      files: [`src/${name}/**/*.ts`],
      excludeFiles: [
        "**/*.test.ts",
        "**/node/**",
        ...(isDoor(name) ? [`src/${name}/index.ts`] : []),
      ],
      rules: { "no-restricted-imports": ["error", { patterns }] },
    };
  });
}

function derivedFiles() {
  const files = Object.fromEntries(
    Object.entries(derivedTsconfigs()).map(([path, config]) => [path, toJson(config)]),
  );
  const lint = JSON.parse(readFileSync(join(root, ".oxlintrc.json"), "utf8"));
  const isLayerRule = (entry) => "no-restricted-imports" in (entry.rules ?? {});
  const own = (lint.overrides ?? []).filter((entry) => !isLayerRule(entry));
  files[".oxlintrc.json"] = toJson({ ...lint, overrides: [...layerRules(), ...own] });
  return files;
}

const toJson = (value) => `${JSON.stringify(value, null, 2)}\n`;

/** Rewrites the derived files; returns the paths that changed (or would). */
export function syncLayers({ write = true } = {}) {
  const changed = [];
  for (const [path, text] of Object.entries(derivedFiles())) {
    const target = join(root, path);
    if (existsSync(target) && readFileSync(target, "utf8") === text) continue;
    changed.push(path);
    if (write) writeFileSync(target, text);
  }
  return changed;
}

/** Folders of src that hold code but have no row in the table. */
export function unknownFolders() {
  const known = new Set(Object.keys(layers).flatMap((name) => [name, name.split("/")[0]]));
  return readdirSync(join(root, "src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !known.has(entry.name))
    .map((entry) => entry.name);
}

if (process.argv[1] && relative(process.argv[1], fileURLToPath(import.meta.url)) === "") {
  const check = process.argv.includes("--check");
  const changed = syncLayers({ write: !check });
  const unknown = unknownFolders();
  for (const path of changed) console.log(`${check ? "out of date" : "wrote"}: ${path}`);
  for (const name of unknown)
    console.log(`src/${name}: not in the layer table of tools/layers.mjs`);
  if (unknown.length > 0 || (check && changed.length > 0)) process.exitCode = 1;
}
