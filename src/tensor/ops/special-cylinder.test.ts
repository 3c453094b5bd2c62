// Values to 17 digits from mpmath: torch's own float64 formulas of some of these have only 7.
import { grad, init, special, tensor } from "athanor";
import type { Tensor } from "athanor";
import { beforeAll, describe, expect, it } from "vitest";

const at = [0.3, 2, 7.5, 19.9, 20.1, 45];
const values: readonly (readonly [typeof special.besselJ0, string, readonly number[]])[] = [
  [
    special.besselJ0,
    "besselJ0",
    [
      0.9776262465382961, 0.22389077914123567, 0.2663396578803784, 0.17287775639261846,
      0.15953606793729708, 0.11581867067325632,
    ],
  ],
  [
    special.besselJ1,
    "besselJ1",
    [
      0.148318816273104, 0.5767248077568734, 0.1352484275797055, 0.05011742480737974,
      0.08280100576020975, 0.02834885437642453,
    ],
  ],
  [
    special.besselY0,
    "besselY0",
    [
      -0.8072735778045195, 0.5103756726497451, 0.11731328614820863, 0.04576209415938548,
      0.0788105924287503, 0.027060469763313288,
    ],
  ],
  [
    special.besselY1,
    "besselY1",
    [
      -2.293105138388529, -0.10703243154093756, -0.25912851048611624, -0.17178303121049257,
      -0.15762598074781153, -0.11552517964639944,
    ],
  ],
  [
    special.modifiedBesselK0,
    "modifiedBesselK0",
    [
      1.3724600605442974, 0.11389387274953344, 0.0002491776163561144, 6.360780949642313e-10,
      5.182101748797716e-10, 5.333456122618725e-21,
    ],
  ],
  [
    special.modifiedBesselK1,
    "modifiedBesselK1",
    [
      3.055992033457325, 0.13986588181652243, 0.00026529739012528955, 6.518685500851477e-10,
      5.309480556151318e-10, 5.392394593722504e-21,
    ],
  ],
];
const airyAt = [-15.5, -4.2, -3.9, -1, 0.7, 3.9, 4.1, 12];
const airy = [
  -0.16644795409041976, 0.08921076323945072, -0.14741990564074425, 0.5355608832923521,
  0.18916240039815008, 0.0011676548729914497, 0.0007736296637815977, 1.3931846888753607e-13,
];

/** The largest relative error. */
function errorOf(actual: ArrayLike<number>, expected: readonly number[]): number {
  return Math.max(...expected.map((value, i) => Math.abs(actual[i] - value) / Math.abs(value)));
}

const doubles = (list: readonly number[]): Tensor => tensor([...list], { dtype: "f64" });

beforeAll(async () => {
  await init();
});

describe("cylinder functions in f64", () => {
  for (const [call, name, expected] of values) {
    it(`${name} has 13 digits`, async () => {
      expect(errorOf(await call(doubles(at)).data(), expected)).toBeLessThan(2e-13);
    });
  }

  it("airyAi has 10 digits", async () => {
    expect(errorOf(await special.airyAi(doubles(airyAt)).data(), airy)).toBeLessThan(1e-10);
  });

  it("are minus order 1 in their slopes of order 0", async () => {
    const pairs = [
      [special.besselJ0, special.besselJ1],
      [special.besselY0, special.besselY1],
      [special.modifiedBesselK0, special.modifiedBesselK1],
    ] as const;
    for (const [zero, one] of pairs) {
      const x = doubles([0.4, 1.9, 2.1, 6, 19, 21, 50]);
      const [slope] = grad(zero(x).sum(), [x]);
      expect(errorOf(await slope.data(), Array.from(await one(x).neg().data()))).toBeLessThan(
        1e-11,
      );
    }
  });

  it("solve Airy's equation y″ = x y", async () => {
    const x = doubles([-12, -4.5, -2, 0.5, 3, 4.5, 9]);
    const [first] = grad(special.airyAi(x).sum(), [x]);
    const [second] = grad(first.sum(), [x]);
    expect(
      errorOf(await second.data(), Array.from(await special.airyAi(x).mul(x).data())),
    ).toBeLessThan(1e-8);
  });
});

describe("orthogonal polynomials", () => {
  const x = [-0.9, -0.3, 0.2, 0.75];

  it("have slopes that follow from their neighbours, written out or as loops", async () => {
    for (const n of [3, 40]) {
      const input = doubles(x);
      const [slope] = grad(special.chebyshevPolynomialT(input, n).sum(), [input]);
      const wanted = await special
        .chebyshevPolynomialU(doubles(x), n - 1)
        .mul(n)
        .data();
      expect(errorOf(await slope.data(), Array.from(wanted))).toBeLessThan(1e-11);
    }
  });

  it("are the same for a degree as number and as tensor", async () => {
    for (const n of [0, 5, 40]) {
      const asNumber = await special.legendrePolynomialP(doubles(x), n).data();
      const asTensor = await special.legendrePolynomialP(doubles(x), tensor(n)).data();
      expect(errorOf(asTensor, Array.from(asNumber))).toBeLessThan(1e-14);
      const turned = await special.legendrePolynomialP(0.2, tensor([n])).data();
      expect(errorOf(turned, [asNumber[2]])).toBeLessThan(1e-7); // f32
    }
  });

  it("refuse two numbers", () => {
    expect(() => special.legendrePolynomialP(1, 2)).toThrow(
      "legendrePolynomialP: x or n must be a tensor, got 1 and 2",
    );
  });
});
