import { tensor } from "athanor";
import { describe, expect, it } from "vitest";
import { device, scheduleOf } from "./captured.ts";
import { printSchedule } from "../../src/compiler/print.ts";

const numbers = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(seed + 1.7 * i) * 10 ** ((i % 7) - 3));

describe("a product and a sum computed in f64 for f32", () => {
  it("are one operation", () => {
    const { f32, f64 } = { f32: "f32", f64: "f64" } as const;
    const x = tensor(numbers(8, 1), { device });
    const schedule = scheduleOf(
      (a, b) =>
        a.to(f64).mul(b.to(f64)).add(a.to(f64)).to(f32).add(b.to(f64).mul(0.5).add(1).to(f32)),
      x,
      tensor(numbers(8, 2), { device }),
    );
    const text = printSchedule(schedule);
    expect(text).toContain("fma(t0, t1, t0)");
    expect(text).toContain("fma(t1, 0.5, 1)");
    expect(text).not.toContain("f64");
  });

  it("stay in f64 where a factor has more digits than f32", () => {
    const x = tensor(numbers(8, 1), { device });
    const text = printSchedule(scheduleOf((a) => a.to("f64").mul(0.1).add(1).to("f32"), x));
    expect(text).not.toContain("fma");
  });

  it.each([1, 3, 4, 37])("round once, %d elements", async (size) => {
    const [a, b, c] = [1, 2, 3].map((seed) => numbers(size, seed));
    const [x, y, z] = [a, b, c].map((values) => tensor(values));
    const result = await x.to("f64").mul(y.to("f64")).add(z.to("f64")).to("f32").data();
    expect(Array.from(result)).toEqual(
      Array.from(a, (value, i) => Math.fround(value * b[i] + c[i])),
    );
  });
});
