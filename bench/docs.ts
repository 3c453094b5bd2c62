import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url));
const begin = "<!-- written by npm run bench -- --write-docs: begin -->";
const end = "<!-- end -->";

/** Replaces the generated section of docs/benchmarks.md. @throws {Error} if its marks are gone. */
export function writeDocs(report: string): void {
  const text = readFileSync(path, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path}: the lines "${begin}" and "${end}" are gone`);
  writeFileSync(path, `${text.slice(0, from)}${begin}\n\n${report}\n\n${text.slice(to)}`);
}
