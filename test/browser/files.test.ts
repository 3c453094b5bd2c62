import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { OutputChunk } from "rolldown";
import { chromium } from "playwright-core";
import { rolldown } from "rolldown";
import { describe, expect, it } from "vitest";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const isMissing = !existsSync(executablePath);

/** `athanor/io` as a bundler for browsers makes it. */
async function bundle(): Promise<OutputChunk[]> {
  const build = await rolldown({
    input: fileURLToPath(new URL("../../src/io/index.ts", import.meta.url)),
    platform: "browser",
    resolve: { conditionNames: ["athanor-source", "browser", "import", "default"] },
    logLevel: "silent",
    transform: { target: "chrome120" },
  });
  const { output } = await build.generate({ format: "esm" });
  await build.close();
  return output.filter((file) => file.type === "chunk");
}

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../fixtures/formats/${name}`, import.meta.url));

/** Sums of all elements of each file. As text: vitest rewrites the `import` of a function. */
const readInPage = `async (entry, files) => {
  const io = await import(entry);
  const sums = {};
  for (const [name, base64] of Object.entries(files)) {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const tensors = await io.load(new Blob([bytes]), { device: "reference" });
    sums[name] = 0;
    for (const tensor of Object.values(tensors)) {
      for (const value of await tensor.data()) sums[name] += value;
    }
  }
  return sums;
}`;

describe("athanor/io in a browser", { timeout: 60_000 }, () => {
  it("imports nothing of Node unless a path is given", async () => {
    const chunks = await bundle();
    const loaded = new Set<string>();
    const visit = (name: string): void => {
      if (loaded.has(name)) return;
      loaded.add(name);
      chunks.find((chunk) => chunk.fileName === name)?.imports.forEach(visit);
    };
    visit(chunks.find((chunk) => chunk.isEntry)?.fileName ?? "");
    expect([...loaded].filter((name) => name.startsWith("node:"))).toEqual([]);
    const later = chunks.flatMap((chunk) => chunk.imports);
    expect(later).toContain("node:fs/promises");
  });

  it.skipIf(isMissing)("reads every format from Blobs in Chromium", async () => {
    const chunks = await bundle();
    const names = [
      "fortran.npy",
      "compressed.npz",
      "views.pth",
      "checkpoint-legacy.pth",
      "plain.gguf",
    ];
    const files = Object.fromEntries(names.map((name) => [name, fixture(name).toString("base64")]));
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    try {
      const page = await browser.newPage();
      await page.route("http://athanor.test/**", (route) => {
        const name = new URL(route.request().url()).pathname.slice(1);
        const chunk = chunks.find((candidate) => candidate.fileName === name);
        const contentType = chunk === undefined ? "text/html" : "text/javascript";
        return route.fulfill({ contentType, body: chunk?.code ?? "<!doctype html>" });
      });
      await page.goto("http://athanor.test/");
      const entry = `/${chunks.find((chunk) => chunk.isEntry)?.fileName}`;
      const call = `(${readInPage})(${JSON.stringify(entry)}, ${JSON.stringify(files)})`;
      const sums = await page.evaluate<Readonly<Record<string, number>>>(call);
      expect(Object.keys(sums)).toEqual(names);
      expect(sums["fortran.npy"]).toBe((23 * 24) / 2);
    } finally {
      await browser.close();
    }
  });
});
