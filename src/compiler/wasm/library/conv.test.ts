import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import {
  CONV_DESC_BYTES,
  convInputGradient,
  convWorkspaceBytes,
  writeConvDesc,
  type ConvDesc,
  type Triple,
} from "./conv-desc.ts";
import {
  enableRelaxedSimd,
  openLibrary,
  type LibraryHarness,
} from "../../../../test/kernel-library.ts";

const variants = enableRelaxedSimd(setFlagsFromString) ? [true, false] : [false];
const blocks = { rows: 12, columns: 32, depth: 16, finish: 16 };

const volume = (t: Triple): number => t[0] * t[1] * t[2];

function random(count: number, seed: number): Float32Array {
  let state = seed * 2654435761 + 12345;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

/** Calls `visit(x index, w index, out index)` for every product of a (not transposed) convolution. */
function everyProduct(d: ConvDesc, visit: (x: number, w: number, out: number) => void): void {
  const [inV, kV, outV] = [volume(d.input), volume(d.kernel), volume(d.output)];
  const split = (i: number, t: Triple): Triple => [
    Math.floor(i / (t[1] * t[2])),
    Math.floor(i / t[2]) % t[1],
    i % t[2],
  ];
  const source = (p: Triple, k: Triple): number => {
    const at = [0, 1, 2].map((i) => {
      const position = p[i] * d.stride[i] - d.pad[i] + k[i] * d.dilation[i];
      return position % d.spread[i] === 0 ? position / d.spread[i] : -1;
    });
    if (at.some((v, i) => v < 0 || v >= d.input[i])) return -1;
    return (at[0] * d.input[1] + at[1]) * d.input[2] + at[2];
  };
  const channelPairs = d.groups * d.outputs * d.channels;
  for (let k = 0; k < kV; k++) {
    for (let p = 0; p < outV; p++) {
      const from = source(split(p, d.output), split(k, d.kernel));
      if (from < 0) continue;
      for (let pair = 0; pair < channelPairs * d.batch; pair++) {
        const c = pair % d.channels;
        const o = Math.floor(pair / d.channels) % (d.groups * d.outputs);
        const b = Math.floor(pair / channelPairs);
        const g = Math.floor(o / d.outputs);
        const x = ((b * d.groups + g) * d.channels + c) * inV + from;
        visit(x, (o * d.channels + c) * kV + k, (b * d.groups * d.outputs + o) * outV + p);
      }
    }
  }
}

interface Case {
  name: string;
  desc: ConvDesc;
}

function makeCase(
  name: string,
  [batch, groups, channels, outputs]: readonly number[],
  input: Triple,
  kernel: Triple,
  options: Partial<Record<"stride" | "pad" | "high" | "dilation" | "spread", Triple>> = {},
): Case {
  const { stride = [1, 1, 1], pad = [0, 0, 0], dilation = [1, 1, 1], spread = [1, 1, 1] } = options;
  const high = options.high ?? pad;
  const size = (i: 0 | 1 | 2): number => {
    const spreadSize = (input[i] - 1) * spread[i] + 1;
    const room = spreadSize + pad[i] + high[i] - (kernel[i] - 1) * dilation[i] - 1;
    return Math.floor(room / stride[i]) + 1;
  };
  const output: Triple = [size(0), size(1), size(2)];
  const sizes = { batch, groups, channels, outputs, input, kernel, output };
  return { name, desc: { ...sizes, stride, pad, dilation, spread } };
}

const cases: Case[] = [
  makeCase("1x1", [2, 1, 5, 7], [1, 6, 7], [1, 1, 1]),
  makeCase("3x3 same", [2, 1, 5, 13], [1, 9, 11], [1, 3, 3], { pad: [0, 1, 1] }),
  makeCase("3x3 valid", [1, 1, 3, 8], [1, 10, 16], [1, 3, 3]),
  makeCase("first layer", [3, 1, 1, 6], [1, 12, 12], [1, 3, 3], { pad: [0, 1, 1] }),
  makeCase("stride 2", [2, 1, 4, 6], [1, 11, 9], [1, 3, 3], {
    stride: [1, 2, 2],
    pad: [0, 1, 1],
  }),
  makeCase("uneven", [1, 2, 3, 4], [1, 9, 14], [1, 2, 5], {
    stride: [1, 3, 1],
    pad: [0, 0, 3],
    high: [0, 2, 1],
    dilation: [1, 2, 2],
  }),
  makeCase("depthwise", [2, 6, 1, 1], [1, 8, 10], [1, 3, 3], { pad: [0, 1, 1] }),
  makeCase("depthwise x2", [1, 4, 1, 2], [1, 7, 7], [1, 5, 5], { pad: [0, 2, 2] }),
  makeCase("depthwise stride", [2, 3, 1, 2], [1, 9, 11], [1, 3, 3], {
    stride: [1, 2, 2],
    pad: [0, 1, 0],
    dilation: [1, 1, 2],
  }),
  makeCase("depthwise long", [1, 4, 1, 1], [2, 2, 90], [2, 1, 6], { pad: [1, 0, 2] }),
  makeCase("span of eight", [1, 1, 2, 4], [1, 9, 3], [1, 3, 2], {
    stride: [1, 1, 2],
    pad: [0, 1, 0],
    high: [0, -1, 2],
    dilation: [1, 1, 2],
  }),
  makeCase("spread", [1, 1, 3, 5], [1, 5, 6], [1, 3, 3], {
    spread: [1, 2, 3],
    pad: [0, 2, 1],
    high: [0, 1, 2],
  }),
  makeCase("one axis", [2, 1, 4, 5], [1, 1, 90], [1, 1, 5], { pad: [0, 0, 2] }),
  makeCase("three axes", [1, 1, 3, 4], [5, 6, 7], [3, 2, 3], {
    stride: [2, 1, 1],
    pad: [1, 0, 1],
    dilation: [1, 2, 1],
  }),
  makeCase("negative pad", [1, 1, 2, 3], [1, 8, 9], [1, 3, 3], { pad: [0, -1, -2] }),
];

type Kind = "conv_thread" | "conv_weight_gradient_thread";

/** Runs every thread's share in turn; the operands are (x, w, out) or (x, gradient, dw). */
function run(
  library: LibraryHarness,
  kind: Kind,
  desc: ConvDesc,
  operands: readonly [Float32Array, Float32Array, number],
  threads = 1,
): Float32Array {
  library.reset();
  const [first, second, count] = operands;
  const at = library.allocate(CONV_DESC_BYTES);
  writeConvDesc(library.words(), at, desc);
  const [a, b, c] = [first.length, second.length, count].map((n) => library.allocate(4 * n));
  library.floats(a, first.length).set(first);
  library.floats(b, second.length).set(second);
  library.floats(c, count).fill(Number.NaN);
  const fma = true;
  const bytes = convWorkspaceBytes(desc, { fma, blocks });
  const workspace = library.allocate(bytes);
  const guard = library.allocate(64);
  library.words()[guard / 4] = 12345;
  for (let t = 0; t < threads; t++) library.call[kind](at, a, b, c, workspace, t, threads);
  expect(library.words()[guard / 4]).toBe(12345);
  return library.floats(c, count).slice();
}

function worst(got: Float32Array, expected: Float64Array): number {
  return expected.reduce((most, v, i) => {
    const error = Math.abs(got[i] - v);
    return Number.isNaN(error) ? Infinity : Math.max(most, error);
  }, 0);
}

describe.each(variants)("convolution, fma = %s", (fma) => {
  const library = openLibrary({ fma, megabytes: 8, blocks });

  it.each(cases)("$name: output and both gradients", ({ desc }) => {
    const counts = {
      x: desc.batch * desc.groups * desc.channels * volume(desc.input),
      w: desc.groups * desc.outputs * desc.channels * volume(desc.kernel),
      out: desc.batch * desc.groups * desc.outputs * volume(desc.output),
    };
    const [x, w, gradient] = [random(counts.x, 1), random(counts.w, 2), random(counts.out, 3)];
    const out = new Float64Array(counts.out);
    const dx = new Float64Array(counts.x);
    const dw = new Float64Array(counts.w);
    everyProduct(desc, (i, j, k) => {
      out[k] += x[i] * w[j];
      dx[i] += gradient[k] * w[j];
      dw[j] += gradient[k] * x[i];
    });
    const forward = run(library, "conv_thread", desc, [x, w, counts.out]);
    expect(worst(forward, out)).toBeLessThan(2e-5);
    const toInput = convInputGradient(desc);
    const back = run(library, "conv_thread", toInput, [gradient, w, counts.x]);
    expect(worst(back, dx)).toBeLessThan(2e-5);
    const kind = "conv_weight_gradient_thread";
    const weights = run(library, kind, desc, [x, gradient, counts.w]);
    expect(worst(weights, dw)).toBeLessThan(5e-5);
  });

  it("gives the same bits for any number of threads", () => {
    const stride: Triple = [1, 2, 2];
    const same = makeCase("", [5, 2, 8, 14], [1, 17, 15], [1, 3, 3], { pad: [0, 1, 1] }).desc;
    const half = makeCase("", [2, 1, 9, 16], [1, 23, 25], [1, 3, 3], { stride }).desc;
    for (const desc of [same, half]) {
      const { batch, groups, channels, outputs } = desc;
      const x = random(batch * groups * channels * volume(desc.input), 1);
      const gradient = random(batch * groups * outputs * volume(desc.output), 2);
      const w = random(groups * outputs * channels * 9, 3);
      const back = convInputGradient(desc);
      const shares = [1, 2, 3].map((threads) => [
        run(library, "conv_thread", desc, [x, w, gradient.length], threads),
        run(library, "conv_thread", back, [gradient, w, x.length], threads),
        run(library, "conv_weight_gradient_thread", desc, [x, gradient, w.length], threads),
      ]);
      const bits = shares.map((share) => share.map((part) => Buffer.from(part.buffer)));
      for (const share of bits.slice(1)) {
        expect(share.map((part, i) => part.equals(bits[0][i]))).toEqual([true, true, true]);
      }
    }
  });

  it("calls the epilogue once for every element", () => {
    const { desc } = makeCase("", [2, 2, 3, 14], [2, 9, 11], [1, 3, 3], { pad: [0, 1, 1] });
    const pixels = volume(desc.output);
    const seen = new Uint8Array(2 * 28 * pixels);
    const x = random(2 * 6 * 2 * 9 * 11, 1);
    const w = random(28 * 3 * 9, 2);
    run(library, "conv_thread", { ...desc, epilogue: 0, epilogueArgs: 5 }, [x, w, seen.length]);
    for (const [args, batch, m0, m1, n0, n1] of library.epilogueCalls) {
      expect(args).toBe(5);
      for (let m = m0; m < m1; m++) {
        for (let n = n0; n < n1; n++) seen[(batch * 28 + m) * pixels + n]++;
      }
    }
    expect(seen.every((count) => count === 1)).toBe(true);
    const calls = { ...desc, epilogue: 0 };
    const gradient = random(seen.length, 3);
    run(library, "conv_weight_gradient_thread", calls, [x, gradient, w.length]);
    const written = new Uint8Array(w.length);
    for (const [, , m0, m1, n0, n1] of library.epilogueCalls) {
      for (let m = m0; m < m1; m++) for (let n = n0; n < n1; n++) written[m * 27 + n]++;
    }
    expect(written.every((count) => count === 1)).toBe(true);
  });

  it("calls the epilogue of a scattered gradient once, and adds to what is there", () => {
    const forward = makeCase("", [2, 2, 3, 4], [1, 9, 11], [1, 3, 3], { stride: [1, 2, 2] }).desc;
    const desc = { ...convInputGradient(forward), epilogue: 0 };
    const pixels = volume(desc.output);
    const count = 2 * 6 * pixels;
    const [x, w] = [random(2 * 8 * volume(desc.input), 1), random(8 * 3 * 9, 2)];
    run(library, "conv_thread", desc, [x, w, count], 2);
    const seen = new Uint8Array(count);
    for (const [, batch, m0, m1, n0, n1] of library.epilogueCalls) {
      for (let m = m0; m < m1; m++) {
        for (let n = n0; n < n1; n++) seen[(batch * 6 + m) * pixels + n]++;
      }
    }
    expect(seen.every((times) => times === 1)).toBe(true);
    const plain = run(library, "conv_thread", { ...desc, epilogue: -1 }, [x, w, count]);
    const added = run(library, "conv_thread", { ...desc, accumulate: true }, [x, w, count]);
    expect(plain.some(Number.isNaN)).toBe(false);
    expect(added.every(Number.isNaN)).toBe(true);
  });
});
