/** Reads what run-suite.mjs wrote and writes summary.txt: counts, and failures by kind. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder, ...suites] = process.argv.slice(2);
const shownFailures = Number(process.env.SHOWN_FAILURES ?? 40);
const messageLines = 6;

const firstLines = (text) => text.split("\n").slice(0, messageLines).join("\n      ");

/** Failures with the same message are one defect: they are counted, and the first is named. */
function grouped(failures) {
  const groups = new Map();
  for (const failure of failures) {
    const key = failure.message.replace(/[\d.e+-]+/g, "#").slice(0, 120);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ...failure, count: 1 });
    else group.count += 1;
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count);
}

/** Names of a suite's parts, by their logs. */
function partsOf(suite) {
  const pattern = new RegExp(`^${suite}(-\\d+)?\\.log$`);
  const logs = readdirSync(folder).filter((file) => pattern.test(file));
  return logs.map((file) => file.replace(/\.log$/, ""));
}

/** Results of a part, and its last words if the run ended early. */
function readPart(part) {
  const file = join(folder, `${part}.jsonl`);
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  const entries = lines.flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return []; // the line that was being written
    }
  });
  const isWhole = entries.at(-1)?.done === true;
  const results = entries.filter((entry) => entry.done !== true);
  const said = isWhole ? "" : readFileSync(join(folder, `${part}.log`), "utf8").slice(-1000);
  return { results, lost: isWhole ? [] : [`${part}: ended early\n${said}`] };
}

function summarise(suite) {
  const parts = partsOf(suite).map(readPart);
  const results = parts.flatMap((part) => part.results);
  const lost = parts.flatMap((part) => part.lost);
  const count = (state) => results.filter((result) => result.state === state).length;
  const failures = results
    .filter(({ state }) => state === "failed")
    .map(({ file, name, message }) => ({ where: `${file}: ${name}`, message }));
  const groups = grouped(failures);
  const lines = groups.slice(0, shownFailures).map(({ where, message, count }) => {
    const times = count > 1 ? ` (and ${count - 1} like it)` : "";
    return `  - ${where}${times}\n      ${firstLines(message)}`;
  });
  const head =
    `${suite}: ${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped` +
    (groups.length > 0 ? `; ${groups.length} kinds of failure` : "");
  const isWhole = parts.length > 0 && lost.length === 0;
  return { ok: isWhole && failures.length === 0, text: [head, ...lost, ...lines].join("\n") };
}

const results = suites.map(summarise);
const text = `${results.map((result) => result.text).join("\n\n")}\n`;
writeFileSync(join(folder, "summary.txt"), text);
console.log(text.length > 8000 ? `${text.slice(0, 8000)}\n... (summary.txt has the rest)` : text);
for (const [i, suite] of suites.entries()) {
  if (!results[i].ok) console.log(`FAILED: ${suite}`);
}
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
