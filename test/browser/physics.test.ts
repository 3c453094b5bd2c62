import { existsSync, readFileSync } from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { rolldown } from "rolldown";
import { describe, expect, it } from "vitest";
import { relativeError } from "../device.ts";
import type { Physics } from "./physics-program.ts";
import { simulate } from "./physics-program.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const isMissing = !existsSync(executablePath);
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

/** MuJoCo's module; null where the optional package is not installed. */
function wasmPath(): string | null {
  try {
    return fileURLToPath(import.meta.resolve("@mujoco/mujoco/mujoco.wasm"));
  } catch {
    return null;
  }
}

/** The program's chunks by name: MuJoCo is one of its own, which a page loads when it needs it. */
async function bundle(): Promise<Map<string, string>> {
  const build = await rolldown({
    input: fileURLToPath(new URL("physics-program.ts", import.meta.url)),
    platform: "browser",
    // MuJoCo's loader imports Node's `module` where there is a Node.
    external: ["module"],
    resolve: { conditionNames: ["athanor-source", "browser", "import", "default"] },
    onLog: () => {},
  });
  const { output } = await build.generate({ format: "esm" });
  await build.close();
  return new Map(
    output.flatMap((file) => (file.type === "chunk" ? [[`/${file.fileName}`, file.code]] : [])),
  );
}

async function serve(chunks: ReadonlyMap<string, string>, wasm: string): Promise<Server> {
  const server = createServer(({ url = "/" }, response) => {
    const chunk = chunks.get(url);
    const isWasm = url === "/physics.wasm";
    const script = chunk === undefined ? "text/html" : "text/javascript";
    response.writeHead(200, { "Content-Type": isWasm ? "application/wasm" : script });
    response.end(isWasm ? readFileSync(wasm) : (chunk ?? "<!doctype html><title>physics</title>"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

describe("environments in a browser", { timeout: 60_000 }, () => {
  it("simulate and draw what they do in Node", async ({ skip }) => {
    skip(isMissing, `no Chromium at ${executablePath}`);
    const wasm = wasmPath();
    if (wasm === null) return skip("the optional package @mujoco/mujoco is missing");
    const expected = await simulate();
    const server = await serve(await bundle(), wasm);
    const browser = await chromium.launch({ executablePath, args });
    try {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      // As text: vitest rewrites the `import` of a function.
      const actual = await page.evaluate<Physics>(
        'import("/physics-program.js").then(({ simulate }) => simulate("/physics.wasm"))',
      );
      // A browser's Math may differ from Node's in last bits, which the start's noise goes through.
      expect(relativeError(actual.cheetah, expected.cheetah)).toBeLessThan(1e-6);
      expect(relativeError(actual.pendulum, expected.pendulum)).toBeLessThan(1e-6);
      expect(actual.light).toBeCloseTo(expected.light, 1);
    } finally {
      await browser.close();
      server.close();
    }
  });
});
