import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const begin = "<!-- written by npm run bench -- --write-docs: begin -->";
const end = "<!-- end -->";

/** Replaces the generated section of a page. @throws {Error} if its marks are gone. */
function replaceSection(file: string, section: string): void {
  const path = `${root}/${file}`;
  const text = readFileSync(path, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path}: the lines "${begin}" and "${end}" are gone`);
  writeFileSync(path, `${text.slice(0, from)}${begin}\n\n${section}\n\n${text.slice(to)}`);
}

/** Puts the report into docs/benchmarks.md and its short form into the README. */
export function writeDocs(report: string, short: string): void {
  replaceSection("docs/benchmarks.md", report);
  replaceSection("README.md", short);
}
