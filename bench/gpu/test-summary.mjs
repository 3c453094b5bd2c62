/** Reads vitest's JSON reports of suites and writes summary.txt: counts, first failures. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
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

function summarise(suite) {
  const file = join(folder, `${suite}.json`);
  if (!existsSync(file)) {
    const log = join(folder, `${suite}.log`);
    const said = existsSync(log) ? readFileSync(log, "utf8").slice(-2000) : "";
    return { ok: false, text: `${suite}: no report; the run ended early\n${said}` };
  }
  const report = JSON.parse(readFileSync(file, "utf8"));
  const failures = report.testResults.flatMap(({ name, message, assertionResults, status }) => {
    const file = relative(process.cwd(), name);
    const failed = assertionResults.filter((test) => test.status === "failed");
    const own = failed.map((test) => ({
      where: `${file}: ${test.fullName}`,
      message: test.failureMessages.join("\n"),
    }));
    const isBroken = status === "failed" && failed.length === 0;
    return isBroken ? [...own, { where: file, message: message || "the file failed" }] : own;
  });
  const { numPassedTests, numFailedTests, numPendingTests } = report;
  const groups = grouped(failures);
  const lines = groups.slice(0, shownFailures).map(({ where, message, count }) => {
    const times = count > 1 ? ` (and ${count - 1} like it)` : "";
    return `  - ${where}${times}\n      ${firstLines(message)}`;
  });
  const head =
    `${suite}: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped` +
    (groups.length > 0 ? `; ${groups.length} kinds of failure` : "");
  return { ok: failures.length === 0, text: [head, ...lines].join("\n") };
}

const results = suites.map(summarise);
const text = `${results.map((result) => result.text).join("\n\n")}\n`;
writeFileSync(join(folder, "summary.txt"), text);
console.log(text.length > 8000 ? `${text.slice(0, 8000)}\n... (summary.txt has the rest)` : text);
for (const [i, suite] of suites.entries()) {
  if (!results[i].ok) console.log(`FAILED: ${suite}`);
}
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
