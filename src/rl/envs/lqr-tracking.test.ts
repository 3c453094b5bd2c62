import { describe, expect, test } from "vitest";
import { make } from "../registry.ts";
import { LqrTracking, lqrTrackingSteps } from "./lqr-tracking.ts";

/** Dense product of row-major matrices. */
function matmul(a: number[][], b: number[][]): number[][] {
  return a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)));
}

const transposed = (a: number[][]): number[][] => a[0].map((_, j) => a.map((row) => row[j]));
const identity = (d: number, scale: number): number[][] =>
  Array.from({ length: d }, (_, i) => Array.from({ length: d }, (_, j) => (i === j ? scale : 0)));
const add = (a: number[][], b: number[][]): number[][] =>
  a.map((row, i) => row.map((x, j) => x + b[i][j]));
const trace = (a: number[][]): number => a.reduce((sum, row, i) => sum + row[i], 0);

/** Gauss-Jordan; positive definite matrices need no pivots. */
function inverse(a: number[][]): number[][] {
  const d = a.length;
  const rows = a.map((row, i) => [...row, ...identity(d, 1)[i]]);
  for (let i = 0; i < d; i++) {
    const pivot = rows[i][i];
    rows[i] = rows[i].map((x) => x / pivot);
    for (let k = 0; k < d; k++) {
      const factor = rows[k][i];
      if (k !== i) rows[k] = rows[k].map((x, j) => x - factor * rows[i][j]);
    }
  }
  return rows.map((row) => row.slice(d));
}

/** The cost of the best policy by the Riccati equation of whole matrices. */
function denseOptimum(b: number[][], steps: number): number {
  const d = b.length;
  const a = identity(d, 0.9);
  let p = identity(d, 0);
  let cost = 0;
  for (let step = 0; step < steps; step++) {
    const q = add(p, identity(d, 1));
    cost += 0.01 * trace(q);
    const whole = add(identity(d, 0.5), matmul(transposed(b), matmul(q, b)));
    const gain = matmul(inverse(whole), matmul(transposed(b), matmul(q, a)));
    const closed = add(
      a,
      matmul(b, gain).map((row) => row.map((x) => -x)),
    );
    p = matmul(transposed(a), matmul(q, closed));
  }
  return cost + trace(p) / 12;
}

function columns(env: LqrTracking): number[][] {
  const { d, mixing } = env;
  return Array.from({ length: d }, (_, i) =>
    Array.from({ length: d }, (_, j) => mixing[j * d + i]),
  );
}

test.each([1, 3, 8])("d = %d: the optimum is that of the matrix Riccati equation", (d) => {
  const env = new LqrTracking({ d });
  expect(env.optimalReturn()).toBeCloseTo(-denseOptimum(columns(env), lqrTrackingSteps) / d, 10);
  expect(env.optimalReturn(7)).toBeCloseTo(-denseOptimum(columns(env), 7) / d, 10);
});

test("B mixes every action into every direction, by 0.2 to 0.6", () => {
  const b = columns(new LqrTracking({ d: 8 }));
  const squares = matmul(transposed(b), b);
  const expected = Array.from({ length: 8 }, (_, k) => (0.2 + (0.4 * k) / 7) ** 2);
  expect(trace(squares)).toBeCloseTo(
    expected.reduce((sum, x) => sum + x, 0),
    10,
  );
  expect(Math.min(...b.flat().map(Math.abs))).toBeGreaterThan(0);
});

function meanReturn(
  env: LqrTracking,
  episodes: number,
  policy: (observation: Float32Array, left: number) => Float32Array,
): { readonly mean: number; readonly error: number } {
  const returns = Array.from({ length: episodes }, () => {
    let { observation } = env.reset();
    let sum = 0;
    for (let left = lqrTrackingSteps; left > 0; left--) {
      const step = env.step(policy(observation, left));
      observation = step.observation;
      sum += step.reward;
    }
    return sum;
  });
  const mean = returns.reduce((a, b) => a + b, 0) / episodes;
  const variance = returns.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (episodes - 1);
  return { mean, error: Math.sqrt(variance / episodes) };
}

describe.each([8, 64])("d = %d", (d) => {
  test("the best actions return the optimum", () => {
    const env = new LqrTracking({ d });
    env.reset({ seed: 1 });
    const { mean, error } = meanReturn(env, d === 8 ? 300 : 60, (observation, left) =>
      env.optimalAction(observation, left),
    );
    expect(Math.abs(mean - env.optimalReturn())).toBeLessThan(3 * error);
    expect(error).toBeLessThan(0.02);
  });

  test("no action and random ones return much less", () => {
    const env = new LqrTracking({ d });
    env.reset({ seed: 1 });
    env.actionSpace.seed(1);
    const still = meanReturn(env, 20, () => new Float32Array(d));
    const random = meanReturn(env, 20, () => env.actionSpace.sample());
    expect(still.mean).toBeLessThan(2 * env.optimalReturn());
    expect(random.mean).toBeLessThan(10 * env.optimalReturn());
  });
});

test("an endless episode's feedback loses little", () => {
  const env = new LqrTracking({ d: 8 });
  env.reset({ seed: 2 });
  const { mean } = meanReturn(env, 300, (observation) => env.optimalAction(observation));
  expect(mean).toBeGreaterThan(1.03 * env.optimalReturn());
});

test("registered with the sizes of the comparison", async () => {
  const env = await make<Float32Array, Float32Array>("LqrTracking-v0", { d: 64 });
  expect(env.reset({ seed: 0 }).observation.length).toBe(64);
  expect(env.spec?.maxEpisodeSteps).toBe(50);
  await expect(make("LqrTracking-v0", { d: 0 })).rejects.toThrow("from 1 to 1024, got 0");
  await expect(make("LqrTracking-v0", { D: 3 })).rejects.toThrow("did you mean d?");
});
