import { product } from "../../base/integers.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { OpNode } from "../../ir/node.ts";
import type { ConvAttrs } from "../../ir/ops.ts";
import { numel } from "../../ir/shape.ts";
import type { Values } from "./values.ts";
import { makeValues, roundToStorage } from "./values.ts";

/** Batched matrix product. Floats accumulate in double; integers wrap. */
export function evaluateDot(node: OpNode<"dot">, [a, b]: readonly Values[]): Values {
  const [rows, inner] = node.src[0].shape.slice(-2);
  const columns = node.shape[node.shape.length - 1];
  const batches = product(node.shape.slice(0, -2));
  const out = makeValues(node.dtype, numel(node.shape));
  const multiply = isFloat(node.dtype) ? multiplyFloats : multiplyIntegers;
  for (let batch = 0; batch < batches; batch++) {
    const left = a.subarray(batch * rows * inner, (batch + 1) * rows * inner);
    const right = b.subarray(batch * inner * columns, (batch + 1) * inner * columns);
    out.set(multiply(left, right, rows, inner, columns), batch * rows * columns);
  }
  return roundToStorage(node.dtype, out);
}

function multiplyFloats(
  a: Values,
  b: Values,
  rows: number,
  inner: number,
  columns: number,
): Values {
  const left = new Float64Array(a);
  const right = new Float64Array(b);
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const factor = left[i * inner + k];
      for (let j = 0; j < columns; j++) out[i * columns + j] += factor * right[k * columns + j];
    }
  }
  return out;
}

function multiplyIntegers(
  a: Values,
  b: Values,
  rows: number,
  inner: number,
  columns: number,
): Values {
  const left = new Int32Array(a);
  const right = new Int32Array(b);
  const out = new Int32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const factor = left[i * inner + k];
      for (let j = 0; j < columns; j++) {
        out[i * columns + j] += Math.imul(factor, right[k * columns + j]);
      }
    }
  }
  return out;
}

/** What the three convolutions share: x [N, C, …S], w [O, C/groups, …K], g [N, O, …P]. */
interface Geometry {
  readonly batch: number;
  readonly groups: number;
  /** Channels of w and of g within one group. */
  readonly inPerGroup: number;
  readonly outPerGroup: number;
  /** Elements of one channel of x, w and g. */
  readonly spatial: number;
  readonly window: number;
  readonly positions: number;
  /** `taps[p * window + k]`: element of x's channel that g's p meets w's k at, −1 in the padding. */
  readonly taps: Int32Array;
}

function geometry(
  x: readonly number[],
  w: readonly number[],
  g: readonly number[],
  attrs: ConvAttrs,
): Geometry {
  const spatial = x.slice(2);
  return {
    batch: x[0],
    groups: attrs.groups,
    inPerGroup: w[1],
    outPerGroup: w[0] / attrs.groups,
    spatial: product(spatial),
    window: product(w.slice(2)),
    positions: product(g.slice(2)),
    taps: convolutionTaps(spatial, w.slice(2), g.slice(2), attrs),
  };
}

function convolutionTaps(
  spatial: readonly number[],
  kernel: readonly number[],
  output: readonly number[],
  attrs: ConvAttrs,
): Int32Array {
  const window = product(kernel);
  const taps = new Int32Array(product(output) * window);
  for (let i = 0; i < taps.length; i++) {
    let position = Math.floor(i / window);
    let tap = i % window;
    let stride = 1;
    let offset = 0;
    for (let dim = spatial.length - 1; dim >= 0; dim--) {
      const at =
        (position % output[dim]) * attrs.stride[dim] +
        (tap % kernel[dim]) * attrs.dilation[dim] -
        attrs.padLow[dim];
      position = Math.floor(position / output[dim]);
      tap = Math.floor(tap / kernel[dim]);
      offset = offset < 0 || at < 0 || at >= spatial[dim] ? -1 : offset + at * stride;
      stride *= spatial[dim];
    }
    taps[i] = offset;
  }
  return taps;
}

/** One channel of x, w and g each; a kernel updates one of them from the other two. */
type ChannelKernel = (x: Float64Array, w: Float64Array, g: Float64Array, geo: Geometry) => void;

const forwardKernel: ChannelKernel = (x, w, g, { taps, window, positions }) => {
  for (let p = 0; p < positions; p++) {
    let sum = g[p];
    for (let k = 0; k < window; k++) {
      const at = taps[p * window + k];
      if (at >= 0) sum += x[at] * w[k];
    }
    g[p] = sum;
  }
};

const inputKernel: ChannelKernel = (x, w, g, { taps, window, positions }) => {
  for (let p = 0; p < positions; p++) {
    for (let k = 0; k < window; k++) {
      const at = taps[p * window + k];
      if (at >= 0) x[at] += g[p] * w[k];
    }
  }
};

const weightKernel: ChannelKernel = (x, w, g, { taps, window, positions }) => {
  for (let p = 0; p < positions; p++) {
    for (let k = 0; k < window; k++) {
      const at = taps[p * window + k];
      if (at >= 0) w[k] += x[at] * g[p];
    }
  }
};

function overChannels(
  x: Float64Array,
  w: Float64Array,
  g: Float64Array,
  geo: Geometry,
  kernel: ChannelKernel,
): void {
  const { batch, groups, inPerGroup, outPerGroup, spatial, window, positions } = geo;
  const channel = (data: Float64Array, index: number, size: number): Float64Array =>
    data.subarray(index * size, (index + 1) * size);
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < groups * outPerGroup; o++) {
      const group = Math.floor(o / outPerGroup);
      const gChannel = channel(g, n * groups * outPerGroup + o, positions);
      for (let c = 0; c < inPerGroup; c++) {
        const xChannel = channel(x, (n * groups + group) * inPerGroup + c, spatial);
        kernel(xChannel, channel(w, o * inPerGroup + c, window), gChannel, geo);
      }
    }
  }
}

function finish(
  node: OpNode<"conv" | "convInputGrad" | "convWeightGrad">,
  total: Float64Array,
): Values {
  const out = makeValues(node.dtype, total.length);
  out.set(total);
  return roundToStorage(node.dtype, out);
}

/** Convolution (cross-correlation). */
export function evaluateConv(node: OpNode<"conv">, [x, w]: readonly Values[]): Values {
  const [xNode, wNode] = node.src;
  const total = new Float64Array(numel(node.shape));
  const geo = geometry(xNode.shape, wNode.shape, node.shape, node.attrs);
  overChannels(new Float64Array(x), new Float64Array(w), total, geo, forwardKernel);
  return finish(node, total);
}

/** Gradient of a convolution by its input. */
export function evaluateConvInputGrad(
  node: OpNode<"convInputGrad">,
  [g, w]: readonly Values[],
): Values {
  const [gNode, wNode] = node.src;
  const total = new Float64Array(numel(node.shape));
  const geo = geometry(node.shape, wNode.shape, gNode.shape, node.attrs);
  overChannels(total, new Float64Array(w), new Float64Array(g), geo, inputKernel);
  return finish(node, total);
}

/** Gradient of a convolution by its kernel. */
export function evaluateConvWeightGrad(
  node: OpNode<"convWeightGrad">,
  [x, g]: readonly Values[],
): Values {
  const [xNode, gNode] = node.src;
  const total = new Float64Array(numel(node.shape));
  const geo = geometry(xNode.shape, node.shape, gNode.shape, node.attrs);
  overChannels(new Float64Array(x), total, new Float64Array(g), geo, weightKernel);
  return finish(node, total);
}
