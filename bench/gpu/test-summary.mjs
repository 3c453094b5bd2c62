/** Reads vitest's JSON reports of suites and writes summary.txt: counts, first failures. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

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

/** Failures of a report: of tests, and of files that did not run. */
function failuresOf(report) {
  return report.testResults.flatMap(({ name, message, assertionResults, status }) => {
    const file = relative(process.cwd(), name);
    const failed = assertionResults.filter((test) => test.status === "failed");
    const own = failed.map((test) => ({
      where: `${file}: ${test.fullName}`,
      message: test.failureMessages.join("\n"),
    }));
    const isBroken = status === "failed" && failed.length === 0;
    return isBroken ? [...own, { where: file, message: message || "the file failed" }] : own;
  });
}

/** Names of a suite's parts, by their logs. */
function partsOf(suite) {
  const pattern = new RegExp(`^${suite}(-\\d+)?\\.(log|json)$`);
  const files = readdirSync(folder).filter((file) => pattern.test(file));
  return [...new Set(files.map((file) => file.replace(/\.(log|json)$/, "")))];
}

/** The report of a part; null with its last words if the run ended early. */
function readPart(part) {
  const file = join(folder, `${part}.json`);
  if (existsSync(file)) return { report: JSON.parse(readFileSync(file, "utf8")), said: "" };
  const log = join(folder, `${part}.log`);
  const said = existsSync(log) ? readFileSync(log, "utf8").slice(-2000) : "";
  return { report: null, said: `${part}: no report; the run ended early\n${said}` };
}

function summarise(suite) {
  const parts = partsOf(suite).map(readPart);
  const reports = parts.flatMap(({ report }) => report ?? []);
  const lost = parts.flatMap(({ report, said }) => (report === null ? [said] : []));
  const failures = reports.flatMap(failuresOf);
  const count = (key) => reports.reduce((sum, report) => sum + report[key], 0);
  const groups = grouped(failures);
  const lines = groups.slice(0, shownFailures).map(({ where, message, count }) => {
    const times = count > 1 ? ` (and ${count - 1} like it)` : "";
    return `  - ${where}${times}\n      ${firstLines(message)}`;
  });
  const head =
    `${suite}: ${count("numPassedTests")} passed, ${count("numFailedTests")} failed, ` +
    `${count("numPendingTests")} skipped` +
    (groups.length > 0 ? `; ${groups.length} kinds of failure` : "");
  const isWhole = lost.length === 0 && reports.length > 0;
  const text = [head, ...(reports.length === 0 ? ["no report"] : []), ...lost, ...lines].join("\n");
  return { ok: isWhole && failures.length === 0, text };
}

const results = suites.map(summarise);
const text = `${results.map((result) => result.text).join("\n\n")}\n`;
writeFileSync(join(folder, "summary.txt"), text);
console.log(text.length > 8000 ? `${text.slice(0, 8000)}\n... (summary.txt has the rest)` : text);
for (const [i, suite] of suites.entries()) {
  if (!results[i].ok) console.log(`FAILED: ${suite}`);
}
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
