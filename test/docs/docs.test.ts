import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setDefaultDevice, setJit } from "athanor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allowConsole } from "../console.ts";
import type { Program } from "./pages.ts";
import {
  brokenLinks,
  marker,
  missingFiles,
  missingScripts,
  programsOf,
  readPages,
  root,
} from "./pages.ts";

// The pages show what a reader sees, also when the environment asks for another device or no jit.
setDefaultDevice("wasm");
setJit(true);

const pages = readPages();
const programs = pages.flatMap(programsOf);
/** Programs lie inside the package, so that they import it by its name. */
const folder = join(import.meta.dirname, ".pages");
const pathOf = ({ name }: Program): string => join(folder, `${name}.ts`);

const compilerOptions = {
  rootDir: root,
  noUnusedLocals: false,
  incremental: false,
  tsBuildInfoFile: null,
};

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  const config = { extends: "../../../tsconfig.test.json", compilerOptions, include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  for (const program of programs) writeFileSync(pathOf(program), program.code);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What each block printed, by the line of its fence. */
function outputsOf(printed: readonly string[]): Map<number, string> {
  const outputs = new Map<number, string>();
  let line = 0;
  for (const text of printed) {
    if (text.startsWith(marker)) line = Number(text.slice(marker.length));
    else outputs.set(line, outputs.has(line) ? `${outputs.get(line)}\n${text}` : text);
  }
  return outputs;
}

/** The output of the last block that starts before a line of the page. */
function printedBefore(outputs: ReadonlyMap<number, string>, line: number): string {
  return outputs.get(Math.max(...[...outputs.keys()].filter((start) => start < line))) ?? "";
}

describe("documents", () => {
  it.each(pages.map((page) => [page.path, page] as const))("%s leads nowhere wrong", (_, page) => {
    expect([...brokenLinks(page), ...missingFiles(page), ...missingScripts(page)]).toEqual([]);
  });

  it("have programs that type-check", { timeout: 120_000 }, () => {
    const tsc = join(root, "node_modules/@typescript/native/bin/tsc");
    const { stdout } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
      encoding: "utf8",
    });
    expect(stdout).toBe("");
  });

  it.each(programs.map((program) => [program.name, program] as const))(
    "%s runs and prints what the page says",
    { timeout: 60_000 },
    async (_, program) => {
      const printed = allowConsole();
      const before = process.cwd();
      const scratch = mkdtempSync(join(tmpdir(), "athanor-docs-"));
      process.chdir(scratch);
      try {
        await import(pathOf(program));
      } finally {
        process.chdir(before);
        rmSync(scratch, { recursive: true, force: true });
      }
      const outputs = outputsOf(printed());
      for (const { line, text } of program.outputs) {
        expect(printedBefore(outputs, line), `output at line ${line}`).toBe(text);
      }
    },
  );
});
