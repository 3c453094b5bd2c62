import { describe, expect, it } from "vitest";
import { CompileError } from "../../base/errors.ts";
import { entryText, entryWords, firstBlocks, parameterTypes } from "./entry-text.ts";
import type { Piece } from "./entry-text.ts";

function piece(name: string, text: string, blocks: number, residentBlocks = 0): Piece {
  const made = { text, arguments: [], blocks, threads: 64, sharedBytes: 0, residentBlocks };
  return { name, function: made };
}

const scale = (blocks: number): Piece =>
  piece("f0", "(const float *x, float *y, unsigned block) {}", blocks);
const fill = (blocks: number): Piece => piece("f1", "(int n, float *y, unsigned block) {}", blocks);

describe("parameters of a function's text", () => {
  it("are types, the block left out", () => {
    const text = "(const float *x, int n, v16 *out, unsigned block) { f(1, 2); }";
    expect(parameterTypes(text)).toEqual(["const float *", "int", "v16 *"]);
    expect(parameterTypes("(unsigned block) {}")).toEqual([]);
  });

  it("must come first", () => {
    expect(() => parameterTypes("float f() {}")).toThrow(CompileError);
  });
});

describe("words of an entry", () => {
  it("are its parameters, and where pieces begin if there are several", () => {
    expect(entryWords([scale(3)])).toBe(2);
    expect(entryWords([scale(3), scale(1), fill(2)])).toBe(6 + 3);
    expect(firstBlocks([scale(3), scale(1), fill(2)])).toEqual([0, 3, 4]);
  });
});

describe("the text of an entry", () => {
  it("calls its only piece", () => {
    expect(entryText("k0", [scale(3)])).toBe(
      `typedef struct { u64 w[2]; } k0_words;
extern "C" __global__ __launch_bounds__(64) void k0(const __grid_constant__ k0_words w) {
  unsigned b = blockIdx.x;
  {
    f0((const float *)w.w[0], (float *)w.w[1], b);
  }
}
`,
    );
  });

  it("finds the piece of a block: a run of one function by bisection, runs one by one", () => {
    expect(entryText("k0", [scale(3), scale(1), fill(2)])).toBe(
      `typedef struct { u64 w[9]; } k0_words;
extern "C" __global__ __launch_bounds__(64) void k0(const __grid_constant__ k0_words w) {
  unsigned b = blockIdx.x;
  if (b < (unsigned)w.w[8]) {
    int low = 0, high = 2;
    while (high - low > 1) {
      int middle = (low + high) / 2;
      if ((unsigned)w.w[6 + middle] <= b) low = middle; else high = middle;
    }
    const u64 *a = w.w + 0 + (low - 0) * 2;
    f0((const float *)a[0], (float *)a[1], b - (unsigned)w.w[6 + low]);
  } else {
    f1((int)w.w[4], (float *)w.w[5], b - (unsigned)w.w[8]);
  }
}
`,
    );
  });

  it("has room for the registers of its most crowded piece", () => {
    const crowded = piece("f2", "(unsigned block) {}", 1, 4);
    expect(entryText("k0", [scale(1), crowded])).toContain("__launch_bounds__(64, 4)");
    expect(entryText("k0", [crowded])).toContain("struct { u64 w[1]; }");
  });
});
