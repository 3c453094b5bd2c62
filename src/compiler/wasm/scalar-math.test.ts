import { expect, it } from "vitest";
import { hostMath } from "../../base/special-functions.ts";
import { exportedMath, renderScalarMath } from "./scalar-math.ts";

it("computes erf and pow in f64 as the host functions do", () => {
  const compiled = new WebAssembly.Module(renderScalarMath() as BufferSource);
  const { exports } = new WebAssembly.Instance(compiled, {
    math: Math as unknown as WebAssembly.ModuleImports,
  });
  const values = [
    0,
    -0,
    1e-300,
    0.3,
    1,
    -1,
    1.4999,
    1.5,
    -2.7,
    5.99,
    6,
    7,
    NaN,
    Infinity,
    -Infinity,
  ];
  for (const name of exportedMath) {
    const compute = exports[name] as (x: number, y: number) => number;
    for (const x of values) {
      for (const y of values) expect(compute(x, y)).toBe(hostMath[name](x, y));
    }
  }
});
