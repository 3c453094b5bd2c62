/**
 * Writes docs/ops.md: which names of PyTorch exist here, how many torch cases each is compared
 * with, and why the others are absent. `--check` only compares, and fails on a name without a reason.
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { absences, renamed } from "./ops/absences.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const load = (door) => import(new URL(`../dist/${door}index.js`, import.meta.url).href);
const readJson = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));

const surface = readJson("tools/ops/torch-surface.json");
const athanor = await load("");
const nn = await load("nn/");
const optim = await load("optim/");
const distributions = await load("distributions/");
const io = await load("io/");

const camel = (name) => name.replace(/_+([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1);
const methods = new Set(Object.getOwnPropertyNames(athanor.Tensor.prototype));

/** Cases of every operation's name over all fixture areas. */
function countCases() {
  const counts = new Map();
  const folder = join(root, "test/fixtures");
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    for (const { op } of readJson(`test/fixtures/${file}`).cases ?? []) {
      if (op !== undefined) counts.set(op, (counts.get(op) ?? 0) + 1);
    }
  }
  return counts;
}
const counts = countCases();

/** Where a name is public, as people write it; null if nowhere. */
function find(name, places) {
  for (const [prefix, holder] of places) {
    if (holder instanceof Set ? holder.has(name) : holder !== undefined && name in holder)
      return `${prefix}${name}`;
  }
  return null;
}

const doors = { ...athanor, nn, optim, io, distributions };

/** A dotted name if it exists. */
function resolve(path) {
  const value = path.split(".").reduce((holder, part) => holder?.[part], doors);
  return value === undefined ? null : path;
}

const tensorPlaces = [
  ["x.", methods],
  ["", athanor],
  ["random.", athanor.random],
  ["nn.functional.", nn.functional],
  ["linalg.", athanor.linalg],
  ["special.", athanor.special],
  ["fft.", athanor.fft],
  ["Tensor.", athanor.Tensor],
  ["io.", io],
  ["nn.", nn],
];

/** The parts of the page: what of torch, and where its names live here. */
const sections = [
  [
    "Functions and tensor methods",
    [...new Set([...surface.functions, ...surface.tensor])],
    tensorPlaces,
  ],
  ["torch.special", surface.special, tensorPlaces],
  ["torch.linalg", surface.linalg, [["linalg.", athanor.linalg], ...tensorPlaces]],
  ["torch.fft", surface.fft, [["fft.", athanor.fft]]],
  ["torch.nn.functional", surface.functional, [["nn.functional.", nn.functional], ...tensorPlaces]],
  ["torch.nn", surface.modules, [["nn.", nn]]],
  ["torch.nn.init", surface.init, [["nn.init.", nn.init]]],
  ["torch.optim", surface.optimizers, [["optim.", optim]]],
  ["torch.optim.lr_scheduler", surface.schedules, [["optim.", optim]]],
  ["torch.distributions", surface.distributions, [["distributions.", distributions]]],
].map(([title, names, places]) => ({ title, names: names.toSorted(), places }));

const variants = ["", "WithIndices", "Running", "Module", "Again"];

function casesOf(name) {
  const local = name.slice(name.lastIndexOf(".") + 1);
  const names = new Set([local, lowerFirst(local)].flatMap((one) => variants.map((v) => one + v)));
  return [...names].reduce((sum, one) => sum + (counts.get(one) ?? 0), 0);
}

function rowOf(torchName, places) {
  const other = renamed[torchName];
  const found = other?.includes(".") ? resolve(other) : find(camel(other ?? torchName), places);
  if (found !== null) return { torchName, found, cases: casesOf(found), reason: "" };
  const reason = absences.find(({ names }) => names.test(torchName))?.reason;
  return { torchName, found: null, cases: 0, reason };
}

const markdownTable = (header, rows) =>
  [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

function sectionText({ title, names, places }) {
  const rows = names.map((name) => rowOf(name, places));
  const present = rows.filter(({ found }) => found !== null);
  const absent = rows.filter(({ found }) => found === null);
  const casesByName = new Map(present.map((row) => [row.found, row.cases]));
  const cases = [...casesByName.values()].reduce((sum, n) => sum + n, 0);
  const reasons = Map.groupBy?.(absent, ({ reason }) => reason) ?? groupBy(absent);
  const missing = [...reasons].map(([reason, list]) => [
    reason ?? "**no reason**",
    list.map(({ torchName }) => `\`${torchName}\``).join(", "),
  ]);
  return {
    unexplained: absent.filter(({ reason }) => reason === undefined).map((row) => row.torchName),
    text: [
      `## ${title}`,
      `${present.length} of ${rows.length} names, ${cases} cases.`,
      markdownTable(
        ["PyTorch", "here", "cases"],
        present.map(({ torchName, found, cases: n }) => [
          `\`${torchName}\``,
          `\`${found}\``,
          n || "–",
        ]),
      ),
      ...(missing.length > 0 ? [markdownTable(["absent because", "names"], missing)] : []),
    ].join("\n\n"),
  };
}

function groupBy(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.reason, [...(groups.get(row.reason) ?? []), row]);
  return groups;
}

const parts = sections.map(sectionText);
const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
const page = `# Operations

What of PyTorch ${surface.version} exists here. A case is one call with PyTorch's result, and its gradients where there are some, in
\`test/fixtures\`; ${total} cases in all. A dash means that the name is tested another way: as an alias, by
properties (random numbers), or by the tests of what it is composed of. \`x.\` is a method of tensors; what is in
\`Tensor\` and in no namespace is imported from \`athanor\`.

This page is written by \`npm run docs:ops\`, and \`npm run check\` compares it. The names come from
\`tools/fixtures/surface.py\`, the reasons from \`tools/ops/absences.mjs\`.

${parts.map(({ text }) => text).join("\n\n")}
`;

const path = join(root, "docs/ops.md");
const unexplained = parts.flatMap((part) => part.unexplained);
if (unexplained.length > 0) {
  console.error(`ops-table: no reason in tools/ops/absences.mjs for ${unexplained.join(", ")}`);
}
if (process.argv.includes("--check")) {
  const squeeze = (text) => text.replace(/[ -]+/g, " ");
  if (squeeze(readFileSync(path, "utf8")) !== squeeze(page)) {
    console.error("ops-table: docs/ops.md is not up to date; run npm run docs:ops");
    process.exitCode = 1;
  }
} else writeFileSync(path, page);
if (unexplained.length > 0) process.exitCode = 1;
