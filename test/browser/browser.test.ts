import { existsSync } from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { relativeError } from "../device.ts";
import type { Results } from "./program.ts";
import { compute } from "./program.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const isMissing = !existsSync(executablePath);
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** The test program as one module, and what it would import from outside. */
async function bundle(): Promise<{ code: string; imports: string[]; warnings: string[] }> {
  const warnings: string[] = [];
  const build = await rolldown({
    input: fileURLToPath(new URL("program.ts", import.meta.url)),
    platform: "browser",
    resolve: { conditionNames: ["athanor-source", "browser", "import", "default"] },
    onLog: (_level, { message }) => warnings.push(message),
  });
  const { output } = await build.generate({ format: "esm" });
  await build.close();
  const [chunk, ...others] = output;
  const more = others.map(({ fileName }) => fileName);
  return {
    code: chunk.code,
    imports: [...chunk.imports, ...chunk.dynamicImports, ...more],
    warnings,
  };
}

/** Serves the program, with the headers that allow shared memory or without. */
async function serve(code: string, headers: Readonly<Record<string, string>>): Promise<Server> {
  const server = createServer(({ url }, response) => {
    const isScript = url === "/program.js";
    const type = isScript ? "text/javascript" : "text/html";
    response.writeHead(200, { ...headers, "Content-Type": type, "Cache-Control": "no-store" });
    response.end(isScript ? code : "<!doctype html><title>athanor</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

describe("the library in a browser", { timeout: 60_000 }, () => {
  let expected: Results;
  let code = "";
  let browser: Browser | undefined;

  beforeAll(async () => {
    expected = await compute();
    ({ code } = await bundle());
    if (isMissing) return;
    browser = await chromium.launch({ executablePath, args: [...flags, ...quiet] });
  });
  afterAll(() => browser?.close());

  /** As text: vitest rewrites the `import` of a function. */
  async function run(page: Page, threads?: number): Promise<Results> {
    const script = `import("/program.js").then(({ compute }) => compute(${threads ?? ""}))`;
    return page.evaluate<Results>(script);
  }

  async function visit<R>(
    headers: Readonly<Record<string, string>>,
    use: (page: Page, errors: string[]) => Promise<R>,
  ): Promise<R> {
    if (browser === undefined) throw new Error("the browser did not start");
    const server = await serve(code, headers);
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    try {
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      return await use(page, errors);
    } finally {
      await page.close();
      server.close();
    }
  }

  function expectSame(actual: Results): void {
    for (const name of ["product", "softmax", "random", "losses"] as const) {
      expect(relativeError(actual[name], expected[name]), name).toBeLessThan(1e-4);
    }
  }

  it("bundles into one module without imports", async () => {
    const { imports, warnings } = await bundle();
    expect(imports).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it("learns in Node", () => {
    expect(expected.losses[0]).toBeGreaterThan(0.8);
    expect(expected.losses.at(-1)).toBeLessThan(0.3);
  });

  it("computes on worker threads in an isolated page", async ({ skip }) => {
    skip(isMissing, `no Chromium at ${executablePath}`);
    await visit(isolation, async (page, errors) => {
      expectSame(await run(page, 2));
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
      expect(page.workers()).toHaveLength(1);
      expect(errors).toEqual([]);
    });
  });

  it("computes on one thread in a page without shared memory", async ({ skip }) => {
    skip(isMissing, `no Chromium at ${executablePath}`);
    await visit({}, async (page, errors) => {
      expectSame(await run(page));
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
      expect(page.workers()).toHaveLength(0);
      expect(errors).toEqual([]);
    });
  });
});
