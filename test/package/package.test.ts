import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createConsumer, doors, execute, exportedNames, isWritten } from "./consumer.ts";
import { manifest, root, type Consumer } from "./consumer.ts";

/**
 * Most bytes that an import may cost in a page, after bundling, minifying and gzip. Raise one only
 * with the date and the reason.
 * 2026-11-23: first ceilings, set before the compiler was complete.
 * 2026-11-23: one layer counts, not all of `athanor/nn`: pages import what they use.
 */
const gzipCeilings: readonly (readonly [code: string, ceiling: number])[] = [
  ['import { Linear } from "athanor/nn"; console.log(Linear);', 112_000],
  ['import { Tensor, jit } from "athanor"; console.log(Tensor, jit);', 110_000],
];

let consumer: Consumer;
beforeAll(() => {
  consumer = createConsumer();
});
afterAll(() => consumer?.remove());

async function bundleOf(program: string): Promise<string> {
  const input = join(consumer.folder, "bundle.mjs");
  writeFileSync(input, `${program}\n`);
  const bundle = await rolldown({ input, platform: "browser", logLevel: "silent" });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  await bundle.close();
  return output.map((file) => (file.type === "chunk" ? file.code : "")).join("\n");
}

describe.each(doors)("door $specifier", (door) => {
  it.skipIf(!isWritten(door))("is imported from the packed tarball", () => {
    expect(exportedNames(door.specifier, consumer.folder)).not.toEqual([]);
  });

  it.skipIf(!isWritten(door))("is imported by its own name from the repository root", () => {
    expect(exportedNames(door.specifier, root)).toEqual(
      exportedNames(door.specifier, consumer.folder),
    );
  });

  it.skipIf(!isWritten(door))("points at files that the tarball holds", () => {
    for (const file of [door.source, door.types, door.code]) {
      expect(existsSync(join(consumer.installed, file)), file).toBe(true);
    }
  });
});

describe("tarball", () => {
  it("has declarations that compile in strict mode without skipLibCheck", () => {
    const imports = doors.filter(isWritten).map((door) => `import "${door.specifier}";\n`);
    writeFileSync(join(consumer.folder, "consumer.mts"), imports.join(""));
    const options = "--noEmit --strict --module NodeNext --target ES2023 --types --lib".split(" ");
    options.splice(options.indexOf("--types") + 1, 0, "");
    const libraries = "ES2023,ESNext.Disposable,DOM";
    const compiler = join(root, "node_modules/@typescript/native/bin/tsc");
    const args = [compiler, ...options, libraries, "--skipLibCheck", "false", "consumer.mts"];
    expect(execute(process.execPath, args, consumer.folder)).toBe("");
  });

  it("holds no tests and no build state", () => {
    const files = readdirSync(consumer.installed, { recursive: true }).map(String);
    expect(files.filter((file) => /\.test\.|tsbuildinfo|tsconfig/.test(file))).toEqual([]);
  });

  it("names no folder of this machine", () => {
    const files = readdirSync(join(consumer.installed, "dist"), { recursive: true }).map(String);
    const texts = files.filter((file) => /\.(js|ts|map)$/.test(file));
    const leaks = texts.filter((file) =>
      readFileSync(join(consumer.installed, "dist", file), "utf8").includes(root),
    );
    expect(leaks).toEqual([]);
  });

  it("measures a row and writes what it found where it is told", () => {
    const main = join(consumer.installed, "bench/dist/main.js");
    const line = "--filter=gemm 256|--only=athanor|--threads=1|--quick|--json|--results=found";
    const record: unknown = JSON.parse(
      execute(process.execPath, [main, ...line.split("|")], consumer.folder),
    );
    expect(record).toMatchObject({ results: [{ row: "gemm 256", failures: [] }] });
    expect(readdirSync(join(consumer.folder, "found"))).toHaveLength(1);
  });

  const command = manifest.bin["athanor"] ?? "";
  const commandSource = command.replace(/^(\.\/)?dist\//, "src/").replace(/\.js$/, ".ts");
  it.skipIf(!existsSync(join(root, commandSource)))(
    "has a command line that answers --help",
    () => {
      const main = join(consumer.installed, command);
      expect(readFileSync(main, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
      expect(execute(process.execPath, [main, "--help"], consumer.folder)).toContain("athanor");
    },
  );
});

describe("bundle size in a page", () => {
  it.each(gzipCeilings)("%s", async (program, ceiling) => {
    const bytes = gzipSync(await bundleOf(program)).byteLength;
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThanOrEqual(ceiling);
  });

  it("has nothing of backends that pages cannot have", async () => {
    const code = await bundleOf('import { Tensor } from "athanor"; console.log(Tensor);');
    expect(code).toContain("WebAssembly");
    expect(code).not.toMatch(/cuLaunchKernel|koffi|__global__/);
  });
});
