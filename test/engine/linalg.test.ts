import {
  LinalgError,
  Tensor,
  fft,
  grad,
  init,
  jit,
  linalg,
  random,
  tensor,
  vmap,
  zeros,
} from "athanor";
import { gradcheck } from "athanor/testing";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

beforeAll(async () => {
  await init();
});
beforeEach(() => random.manualSeed(7));

const wide = (shape: readonly number[]): Tensor => random.normal(shape, { dtype: "f64" });

/** A matrix far from singular. */
const regular = (n: number): Tensor =>
  wide([n, n]).add(tensor(identity(n), { dtype: "f64" }).mul(n));

const identity = (n: number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));

async function largest(x: Tensor): Promise<number> {
  return x.abs().amax().item();
}

describe("linalg", () => {
  it("factors multiply to the matrix", async () => {
    for (const shape of [
      [4, 4],
      [6, 3],
      [3, 6],
    ]) {
      const a = wide(shape);
      const { U, S, Vh } = linalg.svd(a, { fullMatrices: false });
      expect(await largest(U.mul(S).matmul(Vh).sub(a))).toBeLessThan(1e-12);
      const { Q, R } = linalg.qr(a, { mode: "complete" });
      expect(await largest(Q.matmul(R).sub(a))).toBeLessThan(1e-12);
      const lu = linalg.lu(a);
      expect(await largest(lu.P.matmul(lu.L).matmul(lu.U).sub(a))).toBeLessThan(1e-12);
      expect(await largest(a.matmul(linalg.pinv(a)).matmul(a).sub(a))).toBeLessThan(1e-12);
    }
  });

  it("full singular vectors are orthonormal, also of a matrix without full rank", async () => {
    const a = wide([5, 1]).matmul(wide([1, 3]));
    const { U, S, Vh } = linalg.svd(a);
    const eye = (n: number): Tensor => tensor(identity(n), { dtype: "f64" });
    expect(await largest(U.mT.matmul(U).sub(eye(5)))).toBeLessThan(1e-12);
    expect(await largest(Vh.matmul(Vh.mT).sub(eye(3)))).toBeLessThan(1e-12);
    expect(await S.narrow(0, 1, 2).amax().item()).toBeLessThan(1e-12);
    expect(await linalg.matrixRank(a).item()).toBe(1);
  });

  it("gradients agree with finite differences", async () => {
    const s = (x: Tensor): Tensor => x.sin().sum();
    await gradcheck((a) => s(linalg.inv(a)), [regular(3)]);
    await gradcheck((a) => linalg.det(a), [regular(3)]);
    await gradcheck((a) => linalg.slogdet(a).logabsdet, [regular(3)]);
    await gradcheck((a, b) => s(linalg.solve(a, b)), [regular(3), wide([3, 2])]);
    await gradcheck((a) => s(linalg.cholesky(a.matmul(a.mT))), [regular(3)]);
    await gradcheck((a) => s(linalg.pinv(a)), [wide([4, 3])]);
    await gradcheck((a) => s(linalg.matrixExp(a)), [wide([3, 3])]);
    await gradcheck((a) => s(linalg.svdvals(a)), [wide([3, 4])]);
    await gradcheck((a) => s(linalg.svd(a, { fullMatrices: false }).U.square()), [wide([4, 3])]);
    await gradcheck((a) => s(linalg.eigh(a.add(a.mT)).eigenvectors.square()), [wide([3, 3])]);
    await gradcheck((a) => s(linalg.qr(a).R), [wide([4, 3])]);
    await gradcheck((a) => s(linalg.qr(a).Q), [wide([3, 4])]);
    const { solution } = linalg.lstsq(wide([4, 2]), wide([4, 1]));
    expect(solution.shape).toEqual([2, 1]);
  });

  it("the determinant of a singular matrix has its cofactors as gradient", async () => {
    const a = tensor([
      [1, 2, 3],
      [2, 4, 6],
      [1, 0, 1],
    ]);
    const cofactors = [
      [4, 4, -4],
      [-2, -2, 2],
      [0, 0, 0],
    ];
    const gradient = grad(linalg.det(a), [a])[0];
    expect(await largest(gradient.sub(tensor(cofactors)))).toBe(0);
  });

  it("matrices that cannot be solved throw when they are read", async () => {
    const singular = tensor([
      [1, 2],
      [2, 4],
    ]);
    await expect(linalg.inv(singular).data()).rejects.toThrow(LinalgError);
    await expect(linalg.solve(singular, zeros([2])).data()).rejects.toThrow(/solve: .* singular/);
    const indefinite = tensor([
      [1, 2],
      [2, 1],
    ]);
    await expect(linalg.cholesky(indefinite).data()).rejects.toThrow(/positive definite/);
  });

  it("refuses what does not fit", () => {
    expect(() => linalg.inv(zeros([2, 3]))).toThrow(/needs square matrices/);
    expect(() => linalg.inv(zeros([3]))).toThrow(/needs matrices/);
    expect(() => linalg.det(zeros([2, 2], { dtype: "f16" }))).toThrow(/needs f32 or f64/);
    expect(() => linalg.svd(zeros([600, 600]))).toThrow(/up to 512 rows and columns, got 600/);
    expect(() => linalg.solve(zeros([3, 3]), zeros([2, 4]))).toThrow(/B must have 3 rows/);
    expect(() => linalg.matrixPower(zeros([2, 2]), 0.5)).toThrow(/must be an integer/);
    expect(() => linalg.matrixNorm(zeros([2, 2]), 3)).toThrow(/ord must be/);
    expect(() => linalg.cross(zeros([2]), zeros([2]))).toThrow(/3 elements/);
  });

  it("runs in jitted steps and under vmap", async () => {
    const a = regular(3).add(wide([4, 3, 3]));
    const b = wide([4, 3, 2]);
    const step = jit((x: Tensor, y: Tensor) => grad(linalg.solve(x, y).sum(), [x])[0]);
    const eager = grad(linalg.solve(a, b).sum(), [a])[0];
    expect(await largest(step(a, b).sub(eager))).toBe(0);
    step.dispose();
    const mapped = vmap((x: Tensor, y: Tensor) => linalg.solve(x, y))(a, b);
    expect(await largest(mapped.sub(linalg.solve(a, b)))).toBe(0);
    const slope = vmap((x: Tensor, y: Tensor) => grad(linalg.solve(x, y).sum(), [x])[0])(a, b);
    expect(await largest(slope.sub(eager))).toBeLessThan(1e-12);
    const shared = vmap((y: Tensor) => linalg.inv(a.select(0, 0)).matmul(y))(b);
    expect(shared.shape).toEqual([4, 3, 2]);
  });
});

describe("fft", () => {
  it.each([1, 2, 5, 64, 77, 130, 263, 1009])(
    "of %i elements is undone by its inverse",
    async (n) => {
      const x = random.normal([3, n, 2]);
      expect(await largest(fft.ifft(fft.fft(x)).sub(x))).toBeLessThan(1e-5);
      const signal = random.normal([3, n]);
      expect(await largest(fft.irfft(fft.rfft(signal), { n }).sub(signal))).toBeLessThan(1e-5);
    },
  );

  it("finds a wave", async () => {
    const n = 1000;
    const wave = Tensor.from(
      Float32Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * 37 * i) / n)),
    );
    const power = await fft.abs(fft.rfft(wave)).data();
    expect(power[37]).toBeCloseTo(n / 2, 2);
    expect(Math.max(...power.filter((_, i) => i !== 37))).toBeLessThan(1e-2);
  });

  it("takes empty batches and several dims", async () => {
    expect(fft.fft(zeros([0, 6, 2])).shape).toEqual([0, 6, 2]);
    const x = random.normal([4, 6]);
    expect(await largest(fft.irfft2(fft.rfft2(x)).sub(x))).toBeLessThan(1e-6);
  });

  it("gradients agree with finite differences", async () => {
    await gradcheck((x) => fft.abs(fft.rfft(x)).sum(), [wide([2, 6])]);
    await gradcheck((x) => fft.irfft(x, { n: 7 }).sin().sum(), [wide([2, 4, 2])]);
    const x = wide([8, 2]);
    // Σ |X|² = n Σ |x|²
    const energy = grad(fft.abs(fft.fft(x)).square().sum(), [x])[0];
    expect(await largest(energy.sub(x.mul(16)))).toBeLessThan(1e-10);
  });

  it("refuses what does not fit", () => {
    expect(() => fft.fft(zeros([4, 3]))).toThrow(/complex numbers as pairs/);
    expect(() => fft.rfft(zeros([4]), { n: 0 })).toThrow(/n must be an integer ≥ 1/);
    expect(() => fft.rfft(zeros([4]), { norm: "half" as "ortho" })).toThrow(/norm must be/);
    expect(() => fft.fftn(zeros([4, 4, 2]), { s: [2], dim: [0, 1] })).toThrow(/as many as s has/);
  });
});
