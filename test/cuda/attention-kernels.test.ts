import { describe, expect, it } from "vitest";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Fill, Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { emulatorObstacle } from "./emulator/compiler.ts";
import { expectKernelsAgree, renderGraph, runKernels, testTarget } from "./kernel-runner.ts";
import type { RunnerOptions } from "./kernel-runner.ts";

interface Sizes {
  readonly rows: number;
  readonly keys?: number;
  readonly heads?: number;
  readonly groups?: number;
  readonly width: number;
  readonly depth?: number;
  readonly causal?: boolean;
  readonly bias?: Fill;
}

/** q, k and v as slices of one product where they have one length and one number of heads. */
function operandsOf({ input }: Scene, sizes: Sizes): Node[] {
  const { rows, keys = rows, heads = 1, groups = heads, width, depth = width, bias } = sizes;
  const src: Node[] = [];
  if (keys === rows && groups === heads && depth === width) {
    const joined = b.reshape(input([1, rows, 3 * heads * width], "unit"), [
      1,
      rows,
      3,
      heads,
      width,
    ]);
    for (const i of [0, 1, 2])
      src.push(b.reshape(b.narrow(joined, 2, i, 1), [1, rows, heads, width]));
  } else {
    src.push(input([1, rows, heads, width], "unit"), input([1, keys, groups, width], "unit"));
    src.push(input([1, keys, groups, depth], "unit"));
  }
  if (bias !== undefined)
    src.push(b.broadcastTo(input([rows, keys], bias), [1, heads, rows, keys]));
  return src;
}

/** Result, logarithms and gradients. */
function attention(scene: Scene, sizes: Sizes): Node[] {
  const { rows, heads = 1, width, depth = width, causal = false } = sizes;
  const src = operandsOf(scene, sizes);
  const attrs = { causal, scale: 2 / Math.sqrt(width) };
  const node = b.attention(src, attrs);
  const results = [b.part(node, 0), b.part(node, 1)];
  const gradient = scene.input([1, rows, heads, depth], "unit");
  const gradients = b.attentionGrad([...src, ...results, gradient], attrs);
  const parts = [0, 1, 2].map((i) => b.part(gradients, i));
  // Gradients of slices of one product go into one array, where the kernels put them themselves.
  const isJoined = src[0].op === "reshape";
  return [...results, ...(isJoined ? [b.concat(parts, 2)] : parts)];
}

const tolerance = {
  f32: { rtol: 1e-5, atol: 1e-5 },
  f16: { rtol: 1e-2, atol: 5e-3 },
  bf16: { rtol: 4e-2, atol: 4e-2 },
};

function compare(sizes: Sizes, dtype: DType = "bf16", options: RunnerOptions = {}): void {
  const built = buildCase({ build: (scene) => attention(scene, sizes) }, dtype);
  expectKernelsAgree(built, { tolerance }, options);
}

const obstacle = emulatorObstacle();

describe.skipIf(obstacle !== null)("kernels of attention", () => {
  it.each<Sizes>([
    { rows: 64, width: 64 },
    { rows: 130, heads: 2, width: 64, causal: true },
    { rows: 70, keys: 100, heads: 2, groups: 1, width: 80, depth: 64, causal: true },
    { rows: 66, width: 128, causal: true },
    { rows: 20, keys: 65, width: 256 },
    { rows: 20, keys: 90, width: 24, depth: 136, bias: [0, -1, 1, 0.5, -Infinity] },
    { rows: 40, keys: 33, heads: 2, width: 7, depth: 5, causal: true },
  ])("equals the reference: $rows rows of $width", (sizes) => {
    expect(() => compare(sizes, sizes.causal === true ? "bf16" : "f16")).not.toThrow();
  });

  it("needs no more shared memory than a small card has", () => {
    const target = { ...testTarget, capability: 86, sharedBytesPerBlock: 101_376 };
    expect(() => compare({ rows: 20, keys: 65, width: 256 }, "bf16", { target })).not.toThrow();
  });

  it.each<Sizes>([
    { rows: 70, heads: 2, width: 64, causal: true },
    { rows: 33, keys: 70, heads: 2, groups: 1, width: 80, depth: 24, bias: [0, -1, 1, -Infinity] },
    { rows: 20, keys: 40, width: 256, causal: true },
  ])("equals the reference without tensor cores: $rows rows of $width", (sizes) => {
    const small = { ...testTarget, capability: 75, sharedBytesPerBlock: 65_536 };
    expect(() => compare(sizes, "f32", { machine: { reversed: true } })).not.toThrow();
    expect(() => compare(sizes, "f16", { target: small })).not.toThrow();
  });

  it("waits for other threads where it must", () => {
    expect(() =>
      compare({ rows: 130, width: 64, causal: true }, "f16", { machine: { reversed: true } }),
    ).not.toThrow();
    expect(() =>
      compare({ rows: 40, keys: 65, width: 136 }, "f16", { machine: { reversed: true } }),
    ).not.toThrow();
  });

  it("gives 0 and +∞ for rows that see nothing", () => {
    const build = ({ input }: Scene): Node[] => {
      const src = [input([1, 3, 1, 8]), input([1, 4, 1, 8]), input([1, 4, 1, 8])];
      src.push(input([1, 1, 3, 4], [0, 0, 0, 0, -Infinity, -Infinity, -Infinity, -Infinity]));
      const node = b.attention(src, { causal: false, scale: 1 });
      return [b.part(node, 0), b.part(node, 1)];
    };
    const { inputs, data, outputs } = buildCase({ build }, "bf16");
    const [out, stats] = runKernels({ inputs, outputs }, data).outputs;
    expect([...out.subarray(8, 16)]).toEqual(new Array(8).fill(0));
    expect([...stats].map(Number.isFinite)).toEqual([true, false, true]);
    expect(stats[1]).toBe(Infinity);
  });

  it("is one text for every layer of a model", () => {
    const build = (scene: Scene): Node[] =>
      [1, 2].map(() => attention(scene, { rows: 9, width: 16 })[0]);
    const { inputs, outputs } = buildCase({ build }, "bf16");
    const texts = renderGraph({ inputs, outputs }).steps.map(({ functions }) => functions[0].text);
    expect(texts).toHaveLength(2);
    expect(texts[0]).toBe(texts[1]);
  });
});
