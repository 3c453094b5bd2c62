import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { hostMath } from "../../base/special-functions.ts";
import { ModuleBuilder } from "./assembler.ts";
import { VectorMath, vectorFunctions } from "./vector-math.ts";
import type { VectorFunction } from "./vector-math.ts";

const COUNT = 1 << 18;
const memory = new WebAssembly.Memory({ initial: 64 });
const [xAt, yAt, outAt] = [1024, 1024 + 4 * COUNT, 1024 + 8 * COUNT];
const xs = new Float32Array(memory.buffer, xAt, COUNT);
const ys = new Float32Array(memory.buffer, yAt, COUNT);
const out = new Float32Array(memory.buffer, outAt, COUNT);
const xBits = new Uint32Array(memory.buffer, xAt, COUNT);
const yBits = new Uint32Array(memory.buffer, yAt, COUNT);

type Run = (x: number, y: number, out: number, count: number) => void;

function build(name: VectorFunction, fma: boolean, mode: "call" | "inline"): Run {
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", { initial: 1 });
  const math = new VectorMath(module, { fma });
  const run = module.function("run", ["i32", "i32", "i32", "i32"], [], (f) => {
    const [x, y, to, count] = [0, 1, 2, 3];
    f.loop((again) => {
      f.get(to).get(x).load("v128.load");
      if (name === "pow") f.get(y).load("v128.load");
      math[mode](f, name);
      f.store("v128.store");
      for (const pointer of [x, y, to]) f.get(pointer).i32(16).emit("i32.add").set(pointer);
      f.get(count).i32(4).emit("i32.sub").tee(count).brIf(again);
    });
  });
  module.export(run);
  const compiled = new WebAssembly.Module(module.build() as BufferSource);
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports["run"] as Run;
}

/** Distance of `actual` from the exact value in units of the f32 grid there. */
function ulps(actual: number, exact: number): number {
  if (Object.is(actual, Math.fround(exact))) return 0;
  const exponent = Math.min(Math.max(Math.floor(Math.log2(Math.abs(exact))), -126), 127);
  const distance = Math.abs(actual - exact) / 2 ** (exponent - 23);
  return Number.isNaN(distance) ? Infinity : distance;
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

const next = generator(20);
const uniform = (scale: number): number => (next() / 2 ** 32 - 0.5) * scale;

/** All bit patterns, moderate values, values around 1, and values where a reduction is long. */
const distributions: Readonly<Record<string, () => void>> = {
  bits: () => {
    for (let i = 0; i < COUNT; i++) [xBits[i], yBits[i]] = [next(), next()];
  },
  moderate: () => {
    for (let i = 0; i < COUNT; i++) [xs[i], ys[i]] = [uniform(40), uniform(20)];
  },
  small: () => {
    for (let i = 0; i < COUNT; i++) [xs[i], ys[i]] = [uniform(4), Math.round(uniform(60))];
  },
  large: () => {
    for (let i = 0; i < COUNT; i++) [xs[i], ys[i]] = [uniform(250_000), uniform(20)];
  },
};

/** Worst error over what the arrays hold. */
function worst(name: VectorFunction): { ulp: number; x: number; y: number } {
  let found = { ulp: 0, x: 0, y: 0 };
  for (let i = 0; i < COUNT; i++) {
    const ulp = ulps(out[i], hostMath[name](xs[i], ys[i]));
    if (ulp > found.ulp) found = { ulp, x: xs[i], y: ys[i] };
  }
  return found;
}

const limits: Readonly<Record<VectorFunction, number>> = {
  exp: 1.1,
  expm1: 1.5,
  log: 1,
  log1p: 1.5,
  sin: 1.7,
  cos: 1.7,
  tanh: 1.5,
  erf: 1.2,
  pow: 0.6,
};

const unarySpecials = [
  0,
  -0,
  1,
  -1,
  Infinity,
  -Infinity,
  NaN,
  1e-45,
  -1e-45,
  1.1754942e-38,
  3.4028235e38,
  -3.4028235e38,
  88.72283,
  88.7229,
  -87.33655,
  -103.97208,
  -103.9721,
  -104,
  89,
  0.5,
  -0.5,
  2,
  100_000,
  100_001,
  16_777_216,
  5e9,
  -3e20,
  1.5707964,
  3.1415927,
  0.625,
  0.92,
  3.95,
  9.02,
  -17.4,
  -0.99999994,
  1e-20,
];

const relaxed = ((): boolean => {
  const module = new ModuleBuilder();
  module.function("probe", [], ["v128"], (f) => {
    f.f32(0).emit("f32x4.splat").f32(0).emit("f32x4.splat").f32(0).emit("f32x4.splat");
    f.emit("f32x4.relaxed_madd");
  });
  const isKnown = (): boolean => WebAssembly.validate(module.build() as BufferSource);
  if (!isKnown()) setFlagsFromString("--experimental-wasm-relaxed-simd");
  return isKnown();
})();

describe.each([true, false])("vector math, fma %s", (fma) => {
  it.skipIf(fma && !relaxed).each(vectorFunctions)("%s is accurate on 1M samples", (name) => {
    const run = build(name, fma, "inline");
    for (const [label, fill] of Object.entries(distributions)) {
      fill();
      run(xAt, yAt, outAt, COUNT);
      const found = worst(name);
      expect(found.ulp, `${label}: ${name}(${found.x}, ${found.y})`).toBeLessThan(limits[name]);
    }
  });

  it.skipIf(fma && !relaxed).each(vectorFunctions)("%s has IEEE special values", (name) => {
    const pairs =
      name === "pow"
        ? unarySpecials.flatMap((x) => [...unarySpecials, 3, -3].map((y) => [x, y]))
        : unarySpecials.map((x) => [x, 0]);
    const count = Math.ceil(pairs.length / 4) * 4;
    pairs.forEach(([x, y], i) => ([xs[i], ys[i]] = [x, y]));
    build(name, fma, "call")(xAt, yAt, outAt, count);
    pairs.forEach((_, i) => {
      const exact = hostMath[name](xs[i], ys[i]);
      const label = `${name}(${xs[i]}, ${ys[i]}) = ${out[i]}, want ${exact}`;
      expect(ulps(out[i], exact), label).toBeLessThan(limits[name]);
    });
  });
});

describe("VectorMath", () => {
  it("defines a function once and calls it from several places", () => {
    const module = new ModuleBuilder();
    const math = new VectorMath(module, { fma: false });
    const before = module.function("twice", ["v128"], ["v128"], (f) => {
      f.get(0);
      math.call(f, "exp");
      math.call(f, "exp");
    });
    expect(math.function("exp").index).toBe(before.index + 1);
    expect(math.function("exp")).toBe(math.function("exp"));
    expect(WebAssembly.validate(module.build() as BufferSource)).toBe(true);
  });

  it("gives the locals of inlined code back", () => {
    const module = new ModuleBuilder();
    const math = new VectorMath(module, { fma: false });
    module.function("f", ["v128"], ["v128"], (f) => {
      f.get(0);
      math.inline(f, "exp");
      const before = f.local("v128");
      f.release(before);
      math.inline(f, "exp");
      expect(f.local("v128")).toBe(before);
    });
  });
});
