import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const end = "<!-- end -->";

/** Replaces the section of a page that a command writes. @throws {Error} if its marks are gone. */
export function writeSection(file: string, section: string, command: string): void {
  const begin = `<!-- written by ${command}: begin -->`;
  const path = `${root}/${file}`;
  const text = readFileSync(path, "utf8");
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < from) throw new Error(`${path}: the lines "${begin}" and "${end}" are gone`);
  writeFileSync(path, `${text.slice(0, from)}${begin}\n\n${section}\n\n${text.slice(to)}`);
}

/** Puts the report into docs/benchmarks.md and its short form into the README. */
export function writeDocs(report: string, short: string): void {
  const command = "npm run bench -- --write-docs";
  writeSection("docs/benchmarks.md", report, command);
  writeSection("README.md", short, command);
}
