import type { Tensor } from "athanor";
import { arange, full, grad, init, jit, nn, random, tensor, vmap, zeros } from "athanor";
import { beforeAll, describe, expect, it } from "vitest";

const { affineGrid, fold, gridSample, interpolate, pixelShuffle, unfold } = nn.functional;
type Options = NonNullable<Parameters<typeof interpolate>[1]>;

beforeAll(async () => {
  await init();
});

/** 1 … 16 as one 4 × 4 image. */
const ramp = (): Tensor => arange(1, 17, { dtype: "f32" }).reshape([1, 1, 4, 4]);

async function first(options: Options, count: number): Promise<number[]> {
  const values = await interpolate(ramp(), options).data();
  return Array.from(values.subarray(0, count));
}

describe("interpolate", () => {
  const goldens: readonly (readonly [Options, readonly number[]])[] = [
    [{ scaleFactor: 1.8, mode: "bilinear" }, [1, 1.33333, 1.88889, 2.44444]],
    [
      { scaleFactor: 1.8, mode: "bilinear", recomputeScaleFactor: true },
      [1, 1.35714, 1.92857, 2.5],
    ],
    [{ scaleFactor: 1.8, mode: "bicubic" }, [0.49588, 0.85597, 1.43896]],
    [
      { scaleFactor: 1.8, mode: "bicubic", recomputeScaleFactor: true },
      [0.50392, 0.88238, 1.49973],
    ],
    [{ size: 7, mode: "bicubic", antialias: true }, [0.60336, 0.94656, 1.60671]],
    [{ size: 2, mode: "bicubic", antialias: true }, [3.93388, 5.76033, 11.23967, 13.06612]],
    [{ size: 2, mode: "bilinear", antialias: true }, [4.57143, 6.14286, 10.85714, 12.42857]],
    [{ size: 3, mode: "nearest" }, [1, 2, 3, 5, 6, 7]],
    [{ size: 3, mode: "nearest-exact" }, [1, 3, 4, 9, 11, 12]],
    [{ size: 3, mode: "bilinear" }, [1.83333, 3.16667, 4.5]],
    [{ size: 3, mode: "bicubic" }, [1.63079, 3.00463, 4.37847]],
    [{ size: 3, mode: "area" }, [3.5, 4.5, 5.5]],
    [{ scaleFactor: 1.8, mode: "nearest-exact" }, [1, 1, 2, 2, 3, 4, 4]],
    [
      { scaleFactor: 1.8, mode: "nearest-exact", recomputeScaleFactor: true },
      [1, 1, 2, 3, 3, 4, 4],
    ],
    [{ size: 7, mode: "bilinear", alignCorners: true }, [1, 1.5, 2]],
    [{ size: 7, mode: "bicubic", alignCorners: true }, [1, 1.40625, 2]],
    [{ size: [3, 1], mode: "bilinear" }, [3.16667, 8.5, 13.83333]],
    [{ scaleFactor: 2, mode: "bilinear", alignCorners: true }, [1, 1.42857, 1.85714]],
  ];
  it.each(goldens)("%j", async (options, expected) => {
    const values = await first(options, expected.length);
    values.forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThan(2e-5));
  });

  const modes: readonly Options[] = [
    { scaleFactor: 2, mode: "bilinear" },
    { scaleFactor: 3, mode: "bicubic" },
    { scaleFactor: 1.7, mode: "bilinear" },
    { size: [3, 11], mode: "bicubic" },
    { size: [3, 11], mode: "nearest" },
    { size: [3, 11], mode: "area" },
    { size: [3, 11], mode: "bilinear", antialias: true },
    { size: [3, 11], mode: "lanczos", antialias: true },
  ];
  it.each(modes)("%j is a linear map whose gradient is its adjoint", async (options) => {
    const x = random.normal([2, 3, 5, 7]);
    const y = interpolate(x, options);
    const g = random.normal(y.shape);
    const left = await y.mul(g).sum().item();
    const right = await grad(y.mul(g).sum(), [x])[0].mul(x).sum().item();
    expect(Math.abs(left - right)).toBeLessThan(1e-4 * (1 + Math.abs(left)));
  });

  it.each(modes)("%j keeps constants", async (options) => {
    const y = await interpolate(full([1, 1, 5, 7], 3), options).data();
    for (const value of y) expect(value).toBeCloseTo(3, 5);
  });

  it("keeps NaN to its neighbours", async () => {
    const x = tensor([[[[1, 2, NaN, 4, 5, 6, 7, 8]]]]);
    const y = await interpolate(x, { scaleFactor: [1, 2], mode: "bilinear" }).data();
    expect(Array.from(y, Number.isNaN).lastIndexOf(true)).toBe(6);
    expect(Array.from(y, Number.isNaN).indexOf(true)).toBe(3);
  });

  it("takes empty batches, half types and integers where torch does", async () => {
    expect(interpolate(zeros([0, 2, 3, 3]), { scaleFactor: 2 }).shape).toEqual([0, 2, 6, 6]);
    const half = interpolate(ramp().half(), { scaleFactor: 2, mode: "bicubic" });
    expect(half.dtype).toBe("f16");
    const bytes = interpolate(ramp().to("u8"), { size: 3 });
    expect(bytes.dtype).toBe("u8");
  });

  it("is vectorised with its gradient", async () => {
    const images = random.normal([3, 1, 2, 5, 6]);
    for (const scaleFactor of [2, 1.7]) {
      const resize = (x: Tensor): Tensor => interpolate(x, { scaleFactor, mode: "bilinear" });
      const slope = (x: Tensor): Tensor => grad(resize(x).square().sum(), [x])[0];
      const mapped = vmap(slope)(images);
      for (let i = 0; i < 3; i++) {
        const one = slope(images.select(0, i));
        expect(await mapped.select(0, i).sub(one).abs().amax().item()).toBeLessThan(1e-5);
      }
    }
  });

  it("has gradients of gradients", async () => {
    const x = random.normal([1, 1, 6, 7]);
    const cubes = interpolate(x, { scaleFactor: 2, mode: "bicubic" }).pow(3).sum();
    const first = grad(cubes, [x])[0];
    const second = grad(first.square().sum(), [x])[0];
    const step = 1e-2;
    const moved = (by: number): Tensor => {
      const bump = tensor([[[[by]]]]).pad([3, 3, 2, 3]);
      const y = x.add(bump).detach();
      const again = interpolate(y, { scaleFactor: 2, mode: "bicubic" }).pow(3).sum();
      return grad(again, [y])[0].square().sum();
    };
    const slope = (await moved(step).sub(moved(-step)).item()) / (2 * step);
    const exact = await second.index([0, 0, 2, 3]).item();
    expect(Math.abs(slope - exact)).toBeLessThan(0.02 * (1 + Math.abs(exact)));
  });

  it("is the same when jitted", async () => {
    const x = random.normal([1, 2, 5, 6]);
    const step = jit((image: Tensor) => interpolate(image, { scaleFactor: 2, mode: "bicubic" }));
    const eager = await interpolate(x, { scaleFactor: 2, mode: "bicubic" }).data();
    expect(await step(x).data()).toEqual(eager);
    step.dispose();
  });

  const refusals: readonly (readonly [Options, RegExp])[] = [
    [{}, /exactly one of size and scaleFactor, got neither/],
    [{ size: 3, scaleFactor: 2 }, /got both/],
    [{ size: 3, mode: "nearest", alignCorners: false }, /alignCorners is for/],
    [{ size: 3, mode: "area", alignCorners: true }, /alignCorners is for/],
    [{ size: 3, mode: "nearest", antialias: true }, /antialias is for/],
    [{ size: 3, mode: "linear" }, /needs 1 spatial dims/],
    [{ size: 3, mode: "trilinear" }, /needs 3 spatial dims/],
    [{ size: 0 }, /size must be one positive number or 2/],
    [{ size: [3, 4, 5] }, /size must be one positive number or 2/],
    [{ scaleFactor: -1 }, /scaleFactor must be/],
    [{ scaleFactor: 0.1 }, /at least 1/],
    [{ size: 3, recomputeScaleFactor: true }, /recomputeScaleFactor needs a scaleFactor/],
    [{ size: 3, mode: "lanczos" }, /lanczos needs antialias/],
    [{ size: 3, mode: "cubic" as "bicubic" }, /mode must be one of/],
  ];
  it.each(refusals)("refuses %j", (options, message) => {
    expect(() => interpolate(ramp(), options)).toThrow(message);
  });

  it("refuses integers between elements and images without elements", () => {
    const bytes = ramp().to("u8");
    expect(() => interpolate(bytes, { size: 3, mode: "bilinear" })).toThrow(/needs a float/);
    expect(() => interpolate(zeros([1, 1, 0, 3]), { size: 3 })).toThrow(/must not be 0/);
  });
});

describe("grids and blocks", () => {
  it("the identity's grid gives the image back", async () => {
    const x = random.normal([2, 3, 4, 5]);
    const theta = tensor([
      [1, 0, 0],
      [0, 1, 0],
    ])
      .unsqueeze(0)
      .expand([2, 2, 3]);
    for (const alignCorners of [false, true]) {
      const grid = affineGrid(theta, x.shape, { alignCorners });
      const difference = gridSample(x, grid, { alignCorners }).sub(x).abs().amax();
      expect(await difference.item()).toBeLessThan(1e-5);
    }
  });

  it("a grid of NaN sees zeros", async () => {
    const grid = full([1, 2, 2, 2], NaN);
    expect(Array.from(await gridSample(full([1, 1, 3, 3], 5), grid).data())).toEqual([0, 0, 0, 0]);
  });

  it("fold is the adjoint of unfold", async () => {
    const x = random.normal([2, 3, 6, 5]);
    const options = { padding: 1, stride: 2, dilation: 1 };
    const columns = unfold(x, 3, options);
    const g = random.normal(columns.shape);
    const folded = fold(g, [6, 5], 3, options);
    const gradient = grad(columns.mul(g).sum(), [x])[0];
    expect(await folded.sub(gradient).abs().amax().item()).toBeLessThan(1e-5);
  });

  it("pixelShuffle deals channels to pixels", async () => {
    const x = arange(0, 16, { dtype: "f32" }).reshape([1, 4, 2, 2]);
    const y = await pixelShuffle(x, 2).data();
    expect(Array.from(y.subarray(0, 6))).toEqual([0, 4, 1, 5, 8, 12]);
  });

  it("refuses what does not fit", () => {
    const x = zeros([1, 2, 4, 4]);
    expect(() => gridSample(x, zeros([1, 2, 2, 3]))).toThrow(/grid must be \[1, …, 2\]/);
    expect(() => gridSample(x, zeros([2, 2, 2, 2]))).toThrow(/grid must be/);
    const volume = zeros([1, 1, 2, 2, 2]);
    const places = zeros([1, 1, 1, 1, 3]);
    expect(() => gridSample(volume, places, { mode: "bicubic" })).toThrow(/4 dims only/);
    expect(() => affineGrid(zeros([1, 3, 3]), [1, 1, 2, 2])).toThrow(/theta must be \[1, 2, 3\]/);
    expect(() => unfold(x, 5)).toThrow(/blocks must fit/);
    expect(() => fold(zeros([1, 7, 9]), [4, 4], 2)).toThrow(/x must be \[N, C · 4, 9\]/);
  });
});
