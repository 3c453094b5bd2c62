import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError, ConfigError } from "../../base/errors.ts";
import { readCsv, streamCsv } from "./csv.ts";
import { readIdx } from "./idx-file.ts";
import { readJsonl, streamJsonl } from "./jsonl.ts";
import { readLines, streamLines } from "./lines.ts";
import { loadMnistFolder } from "./mnist.ts";
import { optionalPackage } from "./optional-package.ts";
import { readParquet, streamParquet } from "./parquet.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-readers-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

async function all<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

function idx(type: number, shape: readonly number[], payload: readonly number[]): Uint8Array {
  const sizes = shape.flatMap((n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
  return Uint8Array.of(0, 0, type, shape.length, ...sizes, ...payload);
}

describe("readIdx", () => {
  it("reads every type, compressed or not", async () => {
    const cases: [number, number[], number[], string][] = [
      [0x08, [7, 255], [7, 255], "u8"],
      [0x09, [7, 255], [7, -1], "i8"],
      [0x0b, [1, 2, 255, 254], [258, -2], "i32"],
      [0x0c, [0, 0, 1, 2, 255, 255, 255, 253], [258, -3], "i32"],
      [0x0d, [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0], [1, -2.5], "f32"],
      [0x0e, [0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1.5, 0], "f64"],
    ];
    for (const [type, payload, values, dtype] of cases) {
      const bytes = idx(type, [1, 2], payload);
      for (const file of [write("a.idx", bytes), write("a.idx.gz", gzipSync(bytes))]) {
        const { data, shape, dtype: got } = await readIdx(file);
        expect([[...data], shape, got]).toEqual([values, [1, 2], dtype]);
      }
    }
  });

  it("refuses damaged files, and allocates nothing for a lying header", async () => {
    const refuse = async (bytes: Uint8Array, message: string | RegExp): Promise<void> => {
      await expect(readIdx(write("bad.idx", bytes))).rejects.toThrow(message);
    };
    await refuse(new Uint8Array(0), "got no bytes");
    await refuse(Uint8Array.of(0, 0, 7, 1, 0, 0, 0, 0), "got 00 00 07 01");
    await refuse(idx(8, [3], [1, 2]), "must hold [3] values of 1 bytes, got 2 bytes");
    await refuse(idx(8, [2 ** 31, 2 ** 31], []), "got 0 bytes");
    await refuse(Uint8Array.of(0, 0, 8, 200, 0, 0), "damaged or cut off");
    await refuse(gzipSync(idx(8, [3], [1, 2, 3])).subarray(0, 20), /must be a readable file/);
    await expect(readIdx(join(folder, "none"))).rejects.toThrow(CheckpointError);
  });
});

describe("loadMnistFolder", () => {
  it("reads the four files under their usual names", async () => {
    write("mnist/train-images-idx3-ubyte.gz", gzipSync(idx(8, [2, 1, 2], [1, 2, 3, 4])));
    write("mnist/train-labels-idx1-ubyte", idx(8, [2], [9, 4]));
    write("mnist/t10k-images.idx3-ubyte", idx(8, [1, 1, 2], [5, 6]));
    write("mnist/t10k-labels.idx1-ubyte", idx(8, [1], [3]));
    const train = await loadMnistFolder(join(folder, "mnist"));
    expect([train.images.shape, [...train.images.data]]).toEqual([
      [2, 1, 1, 2],
      [1, 2, 3, 4],
    ]);
    expect([train.labels.dtype, [...train.labels.data]]).toEqual(["i32", [9, 4]]);
    const test = await loadMnistFolder(join(folder, "mnist"), { train: false });
    expect([...test.images.data, ...test.labels.data]).toEqual([5, 6, 3]);
    write("mnist/t10k-labels.idx1-ubyte", idx(8, [2], [3, 3]));
    await expect(loadMnistFolder(join(folder, "mnist"), { train: false })).rejects.toThrow(
      "got u8[1, 1, 2] and u8[2]",
    );
    await expect(loadMnistFolder(folder)).rejects.toThrow("must hold train-images-idx3-ubyte");
  });
});

describe("lines", () => {
  it("end in \\n or \\r\\n only, across chunks and compression", async () => {
    const lines = ["a\u2028b", "", "ü".repeat(200_000), "last"];
    const text = `\uFEFF${lines[0]}\r\n${lines[1]}\n${lines[2]}\n${lines[3]}`;
    for (const path of [write("a.txt", text), write("a.txt.gz", gzipSync(text))]) {
      expect((await readLines(path)).items).toEqual(lines);
      expect(await all(streamLines(path))).toEqual(lines);
    }
    await expect(readLines(write("latin.txt", Uint8Array.of(0xe9, 10)))).rejects.toThrow(
      "latin.txt",
    );
    await expect(readLines(join(folder, "none.txt"))).rejects.toThrow(CheckpointError);
    await expect(readLines(join(folder, "none.txt.gz"))).rejects.toThrow(CheckpointError);
    await expect(readLines(write("fake.txt.gz", "no gzip"))).rejects.toThrow(CheckpointError);
  });

  it("close the file when a loop ends early", async () => {
    const path = write("long.txt", "x\n".repeat(1_000_000));
    for await (const line of streamLines(path)) {
      expect(line).toBe("x");
      break;
    }
  });
});

describe("readJsonl", () => {
  it("reads values, and columns with types", async () => {
    const path = write("a.jsonl", '{"q":"hi","n":1,"x":[1]}\n\n{"q":"yo","n":2.5,"x":[]}\r\n');
    expect((await readJsonl(path)).get(1)).toEqual({ q: "yo", n: 2.5, x: [] });
    const columns = {
      n: "number",
      q: "string",
      x: (cell: unknown) => JSON.stringify(cell),
    } as const;
    const rows = await readJsonl(path, { columns });
    expect(rows.items).toEqual([
      { n: 1, q: "hi", x: "[1]" },
      { n: 2.5, q: "yo", x: "[]" },
    ]);
    const total: number = rows.items.reduce((sum, { n }) => sum + n, 0);
    expect([total, rows.length]).toEqual([3.5, 2]);
    const stream = streamJsonl(path, { columns: { q: "string" } });
    expect([await all(stream), await all(stream)]).toEqual([
      [{ q: "hi" }, { q: "yo" }],
      [{ q: "hi" }, { q: "yo" }],
    ]);
  });

  it("names the line that is wrong", async () => {
    const path = write("bad.jsonl", '{"n":1}\n\n{"n":}\n');
    await expect(readJsonl(path)).rejects.toThrow(
      /line 3 of .*bad\.jsonl must be JSON, got {"n":}/,
    );
    const typed = write("typed.jsonl", '{"n":1}\n{"n":"two"}\n{"m":1}\n7\n');
    const columns = { n: "integer" } as const;
    await expect(readJsonl(typed, { columns })).rejects.toThrow(
      /"n" in line 2 .* integer, got "two"/,
    );
    const later = write("later.jsonl", '{"n":1}\n{"m":1}\n');
    await expect(readJsonl(later, { columns })).rejects.toThrow(/line 2 .* column "n", got m/);
    await expect(readJsonl(write("7.jsonl", "7\n"), { columns })).rejects.toThrow(
      "must be an object",
    );
    const wrong = { n: "float" } as unknown as { n: "number" };
    await expect(readJsonl(path, { columns: wrong })).rejects.toThrow('got float for "n"');
    expect(() => streamJsonl(path, { columns: wrong })).toThrow(ConfigError);
  });
});

describe("readCsv", () => {
  it("reads quoted cells, tabs, comments and files without a header", async () => {
    const path = write("a.csv", '\uFEFFname,n,ok\r\n"Li, Bo",3,true\r\n"a ""b""\nc",4,0\r\n');
    expect((await readCsv(path)).items).toEqual([
      { name: "Li, Bo", n: "3", ok: "true" },
      { name: 'a "b"\nc', n: "4", ok: "0" },
    ]);
    const columns = { n: "integer", ok: "boolean" } as const;
    expect((await readCsv(path, { columns })).items).toEqual([
      { n: 3, ok: true },
      { n: 4, ok: false },
    ]);
    const tabs = write("a.tsv.gz", gzipSync("1\t2.5\n# no\n3\tNaN\n"));
    const options = { header: ["i", "x"], comment: "#", columns: { x: "number" } } as const;
    expect(await all(streamCsv(tabs, options))).toEqual([{ x: 2.5 }, { x: NaN }]);
    expect((await readCsv(write("empty.csv", ""))).length).toBe(0);
  });

  it("names the line that is wrong", async () => {
    const bad = async (text: string, message: RegExp): Promise<void> => {
      const path = write("bad.csv", text);
      await expect(readCsv(path, { columns: { n: "number" } })).rejects.toThrow(message);
    };
    await bad("n,m\n1,2\nx,2\n", /"n" in line 3 of .*bad\.csv must be a number, got "x"/);
    await bad("n,m\n1,2\n,2\n", /line 3 .* got ""/);
    await bad("n,m\n1,2\n3\n", /bad\.csv must be a readable file, got .*line 3/);
    await bad("a,b\n1,2\n", /must have the column "n", got a, b/);
    await bad("n,n\n1,2\n", /different names, got "n" twice/);
    await bad('n\n"1\n', /[Qq]uote/);
    await expect(readCsv(join(folder, "none.csv"))).rejects.toThrow(CheckpointError);
  });
});

describe("readParquet", () => {
  const write2 = (name: string, codec: "SNAPPY" | "UNCOMPRESSED"): string =>
    write(
      name,
      new Uint8Array(
        parquetWriteBuffer({
          codec,
          rowGroupSize: 2,
          columnData: [
            { name: "id", data: [1n, 2n, 3n], type: "INT64" },
            { name: "score", data: [0.5, 1.5, 2.5], type: "DOUBLE" },
            { name: "text", data: ["a", "b", "ü"], type: "STRING" },
          ],
        }),
      ),
    );

  it("reads row groups, compressed or not, and selects columns", async () => {
    for (const codec of ["SNAPPY", "UNCOMPRESSED"] as const) {
      const path = write2("a.parquet", codec);
      expect((await readParquet(path)).items).toEqual([
        { id: 1, score: 0.5, text: "a" },
        { id: 2, score: 1.5, text: "b" },
        { id: 3, score: 2.5, text: "ü" },
      ]);
      const columns = { text: "string", id: "integer" } as const;
      expect(await all(streamParquet(path, { columns }))).toEqual([
        { text: "a", id: 1 },
        { text: "b", id: 2 },
        { text: "ü", id: 3 },
      ]);
    }
  });

  it("refuses missing columns, large integers and damaged files", async () => {
    const path = write2("a.parquet", "SNAPPY");
    await expect(readParquet(path, { columns: { no: "string" } })).rejects.toThrow(
      'must have the column "no", got id, score, text',
    );
    const large = parquetWriteBuffer({
      columnData: [{ name: "id", data: [2n ** 60n], type: "INT64" }],
    });
    await expect(readParquet(write("l.parquet", new Uint8Array(large)))).rejects.toThrow("2^53");
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(100),
      new Uint8Array(large).subarray(9),
    ]) {
      await expect(readParquet(write("bad.parquet", bytes))).rejects.toThrow(CheckpointError);
    }
    await expect(readParquet(join(folder, "none.parquet"))).rejects.toThrow(CheckpointError);
  });
});

describe("optionalPackage", () => {
  it("says how to install what is missing", async () => {
    const missing = Object.assign(new Error("no"), { code: "ERR_MODULE_NOT_FOUND" });
    const load = (): Promise<never> => Promise.reject(missing);
    await expect(optionalPackage("readX", "x-parse", load)).rejects.toThrow(
      'readX: the npm package "x-parse" must be installed, got none; run: npm install x-parse',
    );
    await expect(
      optionalPackage("readX", "x", () => Promise.reject(new Error("broken"))),
    ).rejects.toThrow("broken");
  });
});
