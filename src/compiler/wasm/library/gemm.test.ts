import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { GEMM_DESC_BYTES, writeGemmDesc, type GemmDesc } from "./gemm-desc.ts";
import {
  enableRelaxedSimd,
  openLibrary,
  type LibraryHarness,
} from "../../../../test/kernel-library.ts";
import { gemmWorkspaceBytes, renderLibrary } from "./library.ts";

const variants = enableRelaxedSimd(setFlagsFromString) ? [true, false] : [false];
/** Small blocks put several of each into small problems. */
const blocks = { rows: 24, columns: 32, depth: 16, finish: 16 };

type Layout = "row" | "column" | "strided";

/** Deterministic values in [-1, 1]. */
function fill(target: Float32Array, seed: number): void {
  let state = seed * 2654435761 + 12345;
  for (let i = 0; i < target.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    target[i] = state / 2 ** 31;
  }
}

function strides(layout: Layout, rows: number, columns: number): [number, number] {
  if (layout === "row") return [columns, 1];
  if (layout === "column") return [1, rows];
  return [2 * columns + 3, 2];
}

interface Problem {
  desc: GemmDesc;
  a: number;
  b: number;
  c: number;
  workspace: number;
  descAt: number;
  expected: Float64Array;
}

function setUp(
  library: LibraryHarness,
  [m, n, k]: readonly number[],
  layouts: readonly [Layout, Layout],
  extra: Partial<GemmDesc> = {},
): Problem {
  library.reset();
  const [aRow, aCol] = strides(layouts[0], m, k);
  const [bRow, bCol] = strides(layouts[1], k, n);
  const cRow = extra.cRow ?? n + 3;
  const desc = { m, n, k, aRow, aCol, bRow, bCol, cRow, ...extra };
  const room = (rows: number, columns: number, r: number, c: number): number =>
    Math.max(0, (rows - 1) * r + (columns - 1) * c) + 1;
  const sizes = [room(m, k, aRow, aCol), room(k, n, bRow, bCol), room(m, n, cRow, 1)];
  const [a, b, c] = sizes.map((size) => library.allocate(4 * size));
  [a, b, c].forEach((address, i) => fill(library.floats(address, sizes[i]), i + 1));
  const descAt = library.allocate(GEMM_DESC_BYTES);
  writeGemmDesc(library.words(), descAt, desc);
  const [av, bv, cv] = [a, b, c].map((address, i) => library.floats(address, sizes[i]));
  const expected = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = extra.accumulate === true ? cv[i * cRow + j] : 0;
      for (let p = 0; p < k; p++) sum += av[i * aRow + p * aCol] * bv[p * bRow + j * bCol];
      expected[i * n + j] = sum;
    }
  }
  const workspace = library.allocate(gemmWorkspaceBytes({ fma: true, shared: true, blocks }));
  return { desc, a, b, c, workspace, descAt, expected };
}

function run(library: LibraryHarness, p: Problem, range?: readonly number[]): void {
  const [m0, m1, n0, n1] = range ?? [0, p.desc.m, 0, p.desc.n];
  library.call.gemm(p.descAt, p.a, p.b, p.c, p.workspace, 7, m0, m1, n0, n1);
}

/** The m × n elements of C, without its padding. */
function product(library: LibraryHarness, { desc, c }: Problem): number[] {
  const { m, n, cRow } = desc;
  const values = library.floats(c, m * cRow);
  return Array.from({ length: m * n }, (_, i) => values[Math.floor(i / n) * cRow + (i % n)]);
}

function worstError(library: LibraryHarness, p: Problem): number {
  const got = product(library, p);
  return p.expected.reduce(
    (worst, value, i) => Math.max(worst, Math.abs(got[i] - value) || (got[i] === value ? 0 : 1e9)),
    0,
  );
}

const sizes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 17, 24, 31, 35, 50];
const layouts: Layout[] = ["row", "column", "strided"];

describe.each(variants)("gemm, fma = %s", (fma) => {
  const library = openLibrary({ fma, megabytes: 4, blocks });

  it("is right at every small size and layout", () => {
    const pairs = sizes.flatMap((m) => sizes.map((n) => [m, n]));
    const kinds = layouts.flatMap((a) => layouts.map((b): [Layout, Layout] => [a, b]));
    const wrong: string[] = [];
    for (const [m, n] of pairs) {
      const k = sizes[(3 * m + 5 * n) % sizes.length];
      for (const kind of kinds) {
        const p = setUp(library, [m, n, k], kind, { accumulate: (m + n) % 2 === 1 });
        run(library, p);
        if (worstError(library, p) > 1e-5) wrong.push(`${m}x${n}x${k} ${kind.join(" ")}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("leaves the padding of C alone", () => {
    const p = setUp(library, [13, 11, 9], ["row", "row"]);
    const before = library.floats(p.c, 13 * 14).slice();
    run(library, p);
    const after = library.floats(p.c, 12 * 14);
    for (let i = 0; i < 12; i++) {
      expect(after.slice(i * 14 + 11, i * 14 + 14)).toEqual(before.slice(i * 14 + 11, i * 14 + 14));
    }
  });

  it("computes a contiguous column", () => {
    for (const a of layouts) {
      const p = setUp(library, [37, 1, 29], [a, "row"], { cRow: 1 });
      run(library, p);
      expect(worstError(library, p)).toBeLessThan(1e-5);
    }
  });

  it("gives the same bits for any split into rows and columns", () => {
    for (const [m, n, k] of [
      [50, 35, 50],
      [1, 70, 33],
      [2, 50, 20],
      [40, 1, 31],
      [14, 33, 40],
    ]) {
      for (const b of layouts) {
        const cRow = n === 1 ? 1 : n;
        const whole = setUp(library, [m, n, k], ["row", b], { cRow });
        run(library, whole);
        const expected = product(library, whole);
        const split = setUp(library, [m, n, k], ["row", b], { cRow });
        const [mid, cut] = [Math.floor(m / 3), Math.floor(n / 2)];
        run(library, split, [0, mid, 0, cut]);
        run(library, split, [mid, m, 0, cut]);
        run(library, split, [0, m, cut, n]);
        expect(product(library, split)).toEqual(expected);
      }
    }
  });

  it("calls the epilogue once for every element, with absolute ranges", () => {
    for (const [m, n, k] of [
      [50, 70, 40],
      [1, 9, 20],
      [13, 9, 20],
      [30, 1, 20],
      [7, 40, 0],
    ]) {
      const extra = { epilogue: 0, epilogueArgs: 99, cRow: n };
      const p = setUp(library, [m, n, k], ["row", "column"], extra);
      run(library, p, [0, Math.floor(m / 2), 0, n]);
      run(library, p, [Math.floor(m / 2), m, 0, n]);
      const seen = new Uint8Array(m * n);
      for (const [args, batch, m0, m1, n0, n1] of library.epilogueCalls) {
        expect([args, batch]).toEqual([99, 7]);
        for (let i = m0; i < m1; i++) for (let j = n0; j < n1; j++) seen[i * n + j]++;
      }
      expect(seen.every((count) => count === 1)).toBe(true);
    }
  });

  it("shares batches among threads without changing a bit", () => {
    const [m, n, k] = [70, 23, 41];
    const batch = { outer: 2, inner: 3, aOuter: 0, aInner: m * k, bOuter: k * n, bInner: 0 };
    const desc = { m, n, k, aRow: k, aCol: 1, bRow: n, bCol: 1, cRow: n, ...batch };
    const results = [1, 2, 3, 7].map((threads) => {
      library.reset();
      const counts = [3 * m * k, 2 * k * n, 6 * m * n];
      const [a, b, c] = counts.map((count) => library.allocate(4 * count));
      const workspace = library.allocate(gemmWorkspaceBytes({ fma, shared: true, blocks }));
      const at = library.allocate(GEMM_DESC_BYTES);
      writeGemmDesc(library.words(), at, { ...desc, cOuter: 3 * m * n, cInner: m * n });
      fill(library.floats(a, counts[0]), 1);
      fill(library.floats(b, counts[1]), 2);
      library.floats(c, counts[2]).fill(Number.NaN);
      for (let t = 0; t < threads; t++) {
        library.call.gemm_thread(at, a, b, c, workspace, t, threads);
      }
      const [A, B] = [library.floats(a, counts[0]), library.floats(b, counts[1])];
      let last = 0;
      for (let p = 0; p < k; p++) {
        last += A[2 * m * k + (m - 1) * k + p] * B[k * n + p * n + n - 1];
      }
      const out = library.floats(c, counts[2]).slice();
      expect(out[6 * m * n - 1]).toBeCloseTo(last, 4);
      return out;
    });
    for (const result of results.slice(1)) expect(result).toEqual(results[0]);
  });
});

describe("renderLibrary", () => {
  it("works on an unshared memory", () => {
    const options = { fma: false, shared: false };
    const memory = new WebAssembly.Memory({ initial: 64 });
    const table = new WebAssembly.Table({ initial: 0, element: "anyfunc" });
    const module = new WebAssembly.Module(renderLibrary(options) as BufferSource);
    const { exports } = new WebAssembly.Instance(module, { env: { memory, table } });
    const thread = exports["gemm_thread"] as (...args: number[]) => void;
    const sizes = { m: 2, n: 2, k: 1, aRow: 1, aCol: 1, bRow: 2, bCol: 1, cRow: 2 };
    writeGemmDesc(new Int32Array(memory.buffer), 0, sizes);
    new Float32Array(memory.buffer, 1024, 4).set([2, 3, 5, 7]);
    thread(0, 1024, 1032, 1040, 4096, 0, 1);
    expect([...new Float32Array(memory.buffer, 1040, 4)]).toEqual([10, 14, 15, 21]);
    expect(gemmWorkspaceBytes(options)).toBeLessThan(4 << 20);
  });
});
