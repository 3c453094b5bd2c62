import { ConfigError, ShapeError } from "../../base/errors.ts";
import { product, range } from "../../base/integers.ts";
import * as ir from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { formatShape, sameShape } from "../../ir/shape.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { computeDType } from "./operands.ts";
import { firstPlaces, maxOver } from "./pooling.ts";
import type { ValuesAndIndices } from "./reduce.ts";
import type { Sizes } from "./spatial.ts";
import { perDim } from "./spatial.ts";

/** How large the result of fractional pooling is: exactly one of the two. */
export interface FractionalPoolOptions {
  /** Spatial sizes of the result. */
  readonly outputSize?: Sizes | null | undefined;
  /** Sizes of the result as fractions of the input's, each in (0, 1). */
  readonly outputRatio?: Sizes | null | undefined;
}

function resultSizes(
  op: string,
  x: Node,
  kernel: readonly number[],
  { outputSize, outputRatio }: FractionalPoolOptions,
): number[] {
  const dims = kernel.length;
  if ((outputSize == null) === (outputRatio == null)) {
    throw new ConfigError(`${op}: give outputSize or outputRatio, and not both`);
  }
  const ratios =
    typeof outputRatio === "number" ? range(dims).map(() => outputRatio) : (outputRatio ?? []);
  if (ratios.some((ratio) => !(ratio > 0 && ratio < 1)) || ![0, dims].includes(ratios.length)) {
    throw new ConfigError(
      `${op}: outputRatio must be in (0, 1), got ${JSON.stringify(outputRatio)}`,
    );
  }
  const sizes =
    outputSize == null
      ? ratios.map((ratio, i) => Math.floor(x.shape[i + 2] * ratio))
      : perDim(op, "outputSize", outputSize, dims, 1);
  if (sizes.some((size, i) => size < 1 || size + kernel[i] - 1 > x.shape[i + 2])) {
    throw new ShapeError(
      `${op}: outputSize + kernelSize − 1 must not exceed x ${formatShape(x.shape)}, ` +
        `got [${sizes.join(", ")}] and [${kernel.join(", ")}]`,
    );
  }
  return sizes;
}

/**
 * First element of each window along one dim, i32 [N, C, out]: ⌊(i + u)·α⌋ − ⌊u·α⌋ with
 * α = (size − kernel) / (out − 1), and the last window at the end.
 */
function starts(unit: Node, size: number, kernel: number, out: number): Node {
  const shape = [...unit.shape.slice(0, 2), out];
  const last = size - kernel;
  if (out === 1) return ir.full(shape, last, "i32");
  const alpha = Math.fround(last / (out - 1));
  const shift = ir.broadcastTo(unit, shape);
  const steps = ir.cast(ir.iota(shape, 2), unit.dtype);
  const whole = (value: Node): Node => ir.cast(mul(value, alpha), "i32");
  const walk = sub(whole(add(steps, shift)), whole(shift));
  const isLast = ir.binary("eq", ir.iota(shape, 2), ir.full(shape, out - 1, "i32"));
  return ir.where(isLast, ir.fullLike(walk, last), walk);
}

/** The windows along one spatial dim of x: [.., size, ..] becomes [.., out · kernel, ..]. */
function gatherWindows(x: Node, dim: number, places: Node): Node {
  const count = product(places.shape.slice(2));
  const line = [...x.shape.slice(0, 2), ...x.shape.slice(2).fill(1)].with(dim, count);
  const index = ir.expand(ir.reshape(places, line), x.shape.with(dim, count));
  return ir.gather(x, index, dim);
}

/** Max pooling whose windows start at random places. */
function fractionalMaxPool(
  dims: number,
  source: Node,
  units: Node,
  kernelSize: Sizes,
  options: FractionalPoolOptions,
): ValuesAndIndices {
  const op = `fractionalMaxPool${dims}d`;
  const rank = source.shape.length;
  if (rank !== dims + 1 && rank !== dims + 2) {
    throw new ShapeError(
      `${op}: x must have ${dims + 1} or ${dims + 2} dims, got ${formatShape(source.shape)}`,
    );
  }
  const x = rank === dims + 2 ? source : ir.reshape(source, [1, ...source.shape]);
  const [batch, channels] = x.shape;
  if (!sameShape(units.shape, [batch, channels, dims])) {
    throw new ShapeError(
      `${op}: randomSamples must be ${formatShape([batch, channels, dims])}, got ${formatShape(units.shape)}`,
    );
  }
  const kernel = perDim(op, "kernelSize", kernelSize, dims, 1);
  const sizes = resultSizes(op, x, kernel, options);
  // torch's samples name the dims of a plane from the last one on, those of a volume from the first.
  const sampleOf = (i: number): number => (dims === 2 ? 1 - i : i);
  const floats = ir.cast(units, computeDType(units.dtype));
  const places = sizes.map((out, i) => {
    const unit = ir.narrow(floats, 2, sampleOf(i), 1);
    const first = ir.reshape(starts(unit, x.shape[i + 2], kernel[i], out), [
      batch,
      channels,
      out,
      1,
    ]);
    const shape = [batch, channels, out, kernel[i]];
    return add(ir.expand(first, shape), ir.iota(shape, 3));
  });
  const wide = places.reduceRight((y, place, i) => gatherWindows(y, i + 2, place), x);
  const view = ir.reshape(wide, [batch, channels, ...sizes.flatMap((out, i) => [out, kernel[i]])]);
  const flat = places.map((place, i) => {
    const shape = [batch, channels, ...range(2 * dims).fill(1)];
    const line = ir.reshape(place, shape.with(2 + 2 * i, sizes[i]).with(3 + 2 * i, kernel[i]));
    return ir.broadcastTo(mul(line, product(x.shape.slice(i + 3))), view.shape);
  });
  const axes = sizes.map((_, i) => 3 + 2 * i);
  const values = maxOver(view, axes);
  const indices = firstPlaces(
    view,
    values,
    flat.reduce((a, b) => ir.add(a, b)),
    axes,
  );
  const shape = [...source.shape.slice(0, rank - dims), ...sizes];
  return { values: ir.reshape(values, shape), indices: ir.reshape(indices, shape) };
}

/**
 * Max pooling of x [N, C, H, W] by windows that start at random places, and the flat places of the
 * maxima in [H, W] (i32). `units` [N, C, 2] are uniform in [0, 1).
 */
export function fractionalMaxPool2d(
  x: Node,
  units: Node,
  kernelSize: Sizes,
  options: FractionalPoolOptions,
): ValuesAndIndices {
  return fractionalMaxPool(2, x, units, kernelSize, options);
}

/** As {@link fractionalMaxPool2d} over [N, C, D, H, W] with units [N, C, 3]. */
export function fractionalMaxPool3d(
  x: Node,
  units: Node,
  kernelSize: Sizes,
  options: FractionalPoolOptions,
): ValuesAndIndices {
  return fractionalMaxPool(3, x, units, kernelSize, options);
}
