import { ConfigError, DTypeError, ShapeError } from "../../base/errors.ts";
import * as ir from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape } from "../../ir/shape.ts";
import { inComputeDType } from "./operands.ts";
import { areaMatrix, filterMatrix, filters } from "./resample-filters.ts";
import type { Resize } from "./resample-kernels.ts";
import { cubic, linear } from "./resample-kernels.ts";
import { gatherSmoothly, multiplyAlong, resizeNearest, resizeSmoothly } from "./resample.ts";
import type { Sizes } from "./spatial.ts";

/** How {@link interpolate} computes values between elements. */
export type InterpolateMode =
  | "nearest"
  | "nearest-exact"
  | "linear"
  | "bilinear"
  | "bicubic"
  | "trilinear"
  | "lanczos"
  | "area";

/** Options of {@link interpolate}: exactly one of `size` and `scaleFactor`. */
export interface InterpolateOptions {
  /** Spatial size of the result. */
  readonly size?: Sizes | null | undefined;
  /** Result sizes are ⌊size · factor⌋. */
  readonly scaleFactor?: Sizes | null | undefined;
  /** @defaultValue "nearest" */
  readonly mode?: InterpolateMode;
  /**
   * Whether the centres of the corner elements coincide, instead of their outer corners; only with
   * the interpolating modes. @defaultValue false
   */
  readonly alignCorners?: boolean | null | undefined;
  /** Positions follow the ratio of the sizes instead of the factor given. @defaultValue false */
  readonly recomputeScaleFactor?: boolean | null | undefined;
  /** Widens the filter where the image shrinks; bilinear, bicubic and lanczos of 4 dims. */
  readonly antialias?: boolean;
}

/** Spatial dims each interpolating mode is for. */
const dimsOf: Readonly<Partial<Record<InterpolateMode, number>>> = {
  linear: 1,
  bilinear: 2,
  bicubic: 2,
  lanczos: 2,
  trilinear: 3,
};

const modes: readonly InterpolateMode[] = [
  "nearest",
  "nearest-exact",
  "linear",
  "bilinear",
  "bicubic",
  "trilinear",
  "lanczos",
  "area",
];

function requireMode(x: Node, mode: InterpolateMode, options: InterpolateOptions): void {
  const dims = x.shape.length - 2;
  if (!modes.includes(mode)) {
    throw new ConfigError(`interpolate: mode must be one of ${modes.join(", ")}, got "${mode}"`);
  }
  if (dims < 1 || dims > 3) {
    throw new ShapeError(
      `interpolate: x must be [N, C, …] with 1 to 3 spatial dims, got ${formatShape(x.shape)}`,
    );
  }
  const wanted = dimsOf[mode];
  if (wanted !== undefined && wanted !== dims) {
    throw new ShapeError(
      `interpolate: mode "${mode}" needs ${wanted} spatial dims, got ${formatShape(x.shape)}; use linear, bilinear or trilinear for 1, 2 or 3`,
    );
  }
  if (wanted === undefined && options.alignCorners != null) {
    throw new ConfigError(
      `interpolate: alignCorners is for linear, bilinear, bicubic and trilinear, got mode "${mode}"; leave it out`,
    );
  }
  const filtered = mode === "bilinear" || mode === "bicubic" || mode === "lanczos";
  if (options.antialias === true && !filtered) {
    throw new ConfigError(
      `interpolate: antialias is for bilinear, bicubic and lanczos, got mode "${mode}"`,
    );
  }
  if (mode === "lanczos" && (options.antialias !== true || options.alignCorners === true)) {
    throw new ConfigError(
      `interpolate: lanczos needs antialias: true and no alignCorners, got antialias ${options.antialias ?? false} and alignCorners ${options.alignCorners ?? false}`,
    );
  }
  const takesAny = mode === "nearest" || mode === "nearest-exact";
  if (!takesAny && !isFloat(x.dtype)) {
    throw new DTypeError(
      `interpolate: mode "${mode}" needs a float tensor, got ${x.dtype}; cast it or use nearest`,
    );
  }
}

function listOf(
  name: string,
  value: Sizes,
  dims: number,
  isValid: (n: number) => boolean,
): number[] {
  const list = typeof value === "number" ? new Array<number>(dims).fill(value) : [...value];
  if (list.length !== dims || !list.every(isValid)) {
    throw new ConfigError(
      `interpolate: ${name} must be one positive number or ${dims}, one per spatial dim, got ${JSON.stringify(value)}`,
    );
  }
  return list;
}

function planResizes(x: Node, mode: InterpolateMode, options: InterpolateOptions): Resize[] {
  const { size, scaleFactor, alignCorners, recomputeScaleFactor } = options;
  const spatial = x.shape.slice(2);
  if ((size == null) === (scaleFactor == null)) {
    throw new ConfigError(
      `interpolate: needs exactly one of size and scaleFactor, got ${size == null ? "neither" : "both"}`,
    );
  }
  if (size != null && recomputeScaleFactor === true) {
    throw new ConfigError("interpolate: recomputeScaleFactor needs a scaleFactor, got a size");
  }
  if (spatial.includes(0)) {
    throw new ShapeError(`interpolate: spatial sizes must not be 0, got ${formatShape(x.shape)}`);
  }
  const isSize = (n: number): boolean => Number.isInteger(n) && n > 0;
  const isFactor = (n: number): boolean => Number.isFinite(n) && n > 0;
  const sizes = size == null ? null : listOf("size", size, spatial.length, isSize);
  const factors =
    scaleFactor == null ? null : listOf("scaleFactor", scaleFactor, spatial.length, isFactor);
  const isRecomputed = recomputeScaleFactor === true || mode === "area";
  return spatial.map((from, i) => {
    const to = sizes?.[i] ?? Math.floor(from * (factors?.[i] ?? 1));
    if (to < 1) {
      throw new ConfigError(
        `interpolate: result sizes must be at least 1, got ⌊${from} · ${factors?.[i]}⌋ = ${to}`,
      );
    }
    const scale = isRecomputed ? null : (factors?.[i] ?? null);
    return { dim: i + 2, from, to, scale, alignCorners: alignCorners === true };
  });
}

/** Averages over bins: a reshape where they tile the dim, otherwise a matrix. */
function resizeArea(x: Node, { dim, from, to }: Resize): Node {
  if (from === to) return x;
  if (from % to !== 0) return multiplyAlong(x, areaMatrix(from, to, x.dtype), dim);
  const tiles = ir.reshape(x, x.shape.toSpliced(dim, 1, to, from / to));
  const sum = ir.reshape(ir.reduceSum(tiles, [dim + 1]), x.shape.with(dim, to));
  return ir.mul(sum, ir.fullLike(sum, to / from));
}

/**
 * Resizes the spatial dims of x [N, C, …S], as torch.nn.functional.interpolate in every mode and
 * option. `nearest*` take any dtype, the others floats; half types compute in f32.
 * @param gathers - whether every result looks up its neighbours: one kernel, instead of several over
 *   views.
 * @throws {ConfigError | ShapeError | DTypeError} for what torch refuses.
 */
export function interpolate(
  x: Node,
  options: InterpolateOptions = {},
  gathers: boolean = false,
): Node {
  const { mode = "nearest", antialias = false } = options;
  requireMode(x, mode, options);
  const resizes = planResizes(x, mode, options);
  if (x.shape.slice(0, 2).includes(0)) {
    return ir.full([...x.shape.slice(0, 2), ...resizes.map(({ to }) => to)], 0, x.dtype);
  }
  if (mode === "nearest" || mode === "nearest-exact") {
    // What shrinks goes first, then whole rows, then elements of rows.
    return resizes
      .toSorted((a, b) => a.to / a.from - b.to / b.from || b.dim - a.dim)
      .reduce((y, resize) => resizeNearest(y, resize, mode === "nearest-exact"), x);
  }
  const kernel = mode === "bicubic" ? cubic : linear;
  if (gathers && !antialias && mode !== "area") return gatherSmoothly(x, resizes, kernel);
  const bySize = resizes.toSorted((a, b) => a.to / a.from - b.to / b.from || b.dim - a.dim);
  return inComputeDType(x, (source) => {
    if (mode === "area") return bySize.reduce(resizeArea, source);
    if (!antialias) return resizeSmoothly(source, resizes, kernel);
    const filter = filters[mode === "bicubic" || mode === "lanczos" ? mode : "bilinear"];
    return bySize
      .filter(({ from, to, alignCorners }) => from !== to || alignCorners)
      .reduce(
        (y, resize) => multiplyAlong(y, filterMatrix(resize, filter, y.dtype), resize.dim),
        source,
      );
  });
}
