/** Convolutions and their gradients through cuDNN against sums in float64 at sampled elements. */
import {
  PERIOD,
  SAMPLES,
  compare,
  decode,
  product,
  repeated,
  runCall,
  valuesOf,
} from "./probe-card.mjs";

const channelsFirst = (shape) => shape.map((_, i) => product(shape.slice(i + 1)));
function channelsLast(shape) {
  const strides = channelsFirst([shape[0], ...shape.slice(2), shape[1]]);
  return [strides[0], strides.at(-1), ...strides.slice(1, -1)];
}

export function convolutionCall({
  op,
  dtype,
  x,
  w,
  stride = 1,
  pad = 0,
  padHigh = pad,
  dilation = 1,
  groups = 1,
  last = false,
  tf32 = false,
}) {
  const spatial = x.slice(2);
  const each = (value) => spatial.map(() => value);
  const places = spatial.map(
    (size, i) => Math.floor((size + pad + padHigh - dilation * (w[2 + i] - 1) - 1) / stride) + 1,
  );
  const tensor = (shape) => ({ shape, strides: (last ? channelsLast : channelsFirst)(shape) });
  return {
    kind: "convolution",
    op,
    dtype,
    attrs: {
      stride: each(stride),
      padLow: each(pad),
      padHigh: each(padHigh),
      dilation: each(dilation),
      groups,
    },
    input: tensor(x),
    weight: tensor(w),
    output: tensor([x[0], w[0], ...places]),
    allowTf32: tf32,
  };
}

/** Every pair of elements whose product a point of the written tensor adds up. */
function* terms(call, point) {
  const { op, attrs, input: x, weight: w, output: y } = call;
  const perGroup = w.shape[1];
  const outPerGroup = w.shape[0] / attrs.groups;
  const rank = attrs.stride.length;
  const taps = w.shape.slice(2);
  const places = y.shape.slice(2);
  const at = (tensor, index) => index.reduce((sum, value, i) => sum + value * tensor.strides[i], 0);
  const grid = function* grid(sizes, prefix = []) {
    if (prefix.length === sizes.length) yield prefix;
    else for (let i = 0; i < sizes[prefix.length]; i++) yield* grid(sizes, [...prefix, i]);
  };
  const inside = (p, k) => {
    const position = p.map(
      (value, i) => value * attrs.stride[i] + k[i] * attrs.dilation[i] - attrs.padLow[i],
    );
    return position.every((value, i) => value >= 0 && value < x.shape[2 + i]) ? position : null;
  };
  if (op === "conv") {
    const [n, o, ...p] = point;
    const group = Math.floor(o / outPerGroup);
    for (const k of grid(taps)) {
      const s = inside(p, k);
      if (s === null) continue;
      for (let c = 0; c < perGroup; c++)
        yield [at(x, [n, group * perGroup + c, ...s]), at(w, [o, c, ...k])];
    }
  } else if (op === "convWeightGrad") {
    const [o, c, ...k] = point;
    const group = Math.floor(o / outPerGroup);
    for (const p of grid(places)) {
      const s = inside(p, k);
      if (s === null) continue;
      for (let n = 0; n < x.shape[0]; n++)
        yield [at(x, [n, group * perGroup + c, ...s]), at(y, [n, o, ...p])];
    }
  } else {
    const [n, channel, ...s] = point;
    const group = Math.floor(channel / perGroup);
    for (const k of grid(taps)) {
      const p = [];
      for (let i = 0; i < rank; i++) {
        const scaled = s[i] + attrs.padLow[i] - k[i] * attrs.dilation[i];
        if (scaled % attrs.stride[i] === 0) p.push(scaled / attrs.stride[i]);
      }
      if (p.length < rank || p.some((value, i) => value < 0 || value >= places[i])) continue;
      for (let o = 0; o < outPerGroup; o++) {
        const output = group * outPerGroup + o;
        yield [at(y, [n, output, ...p]), at(w, [output, channel % perGroup, ...k])];
      }
    }
  }
}

export function probeConvolution(card, executor, spec) {
  const call = convolutionCall(spec);
  const { op, dtype } = call;
  const written = { conv: 2, convInputGrad: 0, convWeightGrad: 1 }[op];
  const tensors = [call.input, call.weight, call.output];
  const made = tensors.map((_, i) => valuesOf(dtype, i + 1));
  const operands = tensors.map(({ shape }, i) => ({
    data: repeated(made[i].stored, product(shape)),
    isResult: i === written,
  }));
  const { time, isRepeatable, workspace } = runCall(card, executor, call, operands);
  const { shape, strides } = tensors[written];
  const result = operands[written].data;
  const [first, second] = { conv: [0, 1], convInputGrad: [2, 1], convWeightGrad: [0, 2] }[op];
  const samples = Array.from({ length: SAMPLES / 4 }, (_, s) => {
    const point = shape.map((size, i) => Math.floor(((s * (0.618_034 + 0.137 * i)) % 1) * size));
    let [sum, magnitude] = [0, 0];
    for (const [i, j] of terms(call, point)) {
      const value = made[first].numbers[i % PERIOD] * made[second].numbers[j % PERIOD];
      sum += value;
      magnitude += Math.abs(value);
    }
    const at = point.reduce((all, value, i) => all + value * strides[i], 0);
    return { got: decode[dtype](result[at]), expected: sum, magnitude };
  });
  const { isRight, relativeError } = compare(samples, spec.tf32 ? "tf32" : dtype);
  const flops = 2 * product(call.output.shape) * product(call.weight.shape.slice(1));
  return { isRight, isRepeatable, relativeError, ms: time, tflops: flops / time / 1e9, workspace };
}

export function convolutionSpecs(isQuick) {
  const batch = isQuick ? 4 : 64;
  const shapes = [
    { x: [batch, 3, 224, 224], w: [64, 3, 7, 7], stride: 2, pad: 3 },
    { x: [batch, 64, 56, 56], w: [64, 64, 3, 3], pad: 1 },
    { x: [batch, 64, 56, 56], w: [256, 64, 1, 1] },
    { x: [batch, 128, 56, 56], w: [128, 128, 3, 3], stride: 2, pad: 1 },
    { x: [batch, 256, 56, 56], w: [512, 256, 1, 1], stride: 2 },
    { x: [batch, 512, 7, 7], w: [512, 512, 3, 3], pad: 1 },
  ];
  const small = [
    { x: [4, 5, 33], w: [7, 5, 3], pad: 1 },
    { x: [2, 4, 9, 8, 7], w: [8, 4, 3, 3, 3], pad: 1 },
    { x: [4, 32, 17, 19], w: [32, 1, 3, 3], pad: 1, groups: 32 },
    { x: [4, 6, 9, 9], w: [9, 2, 3, 3], groups: 3, padHigh: 1 },
    { x: [4, 16, 21, 20], w: [24, 16, 3, 3], pad: 2, dilation: 2 },
    { x: [4, 16, 21, 20], w: [24, 16, 4, 4], pad: 1, padHigh: 2, stride: 3 },
    { x: [1, 1, 5, 5], w: [1, 1, 1, 1] },
  ];
  const kinds = [
    { dtype: "bf16", last: true },
    { dtype: "bf16" },
    { dtype: "f16", last: true },
    { dtype: "f32" },
    { dtype: "f32", tf32: true, last: true },
    { dtype: "f64" },
  ];
  return [...shapes, ...small].flatMap((shape) =>
    kinds
      .filter(({ dtype }) => dtype !== "f64" || small.includes(shape))
      .flatMap((kind) =>
        ["conv", "convInputGrad", "convWeightGrad"].map((op) => ({ op, ...shape, ...kind })),
      ),
  );
}

export const convolutionName = ({ op, dtype, x, w, last, tf32, ...rest }) =>
  `${op} ${tf32 ? "tf32" : dtype} ${last ? "last" : "first"} x ${x.join("×")} w ${w.join("×")}` +
  Object.entries(rest)
    .map(([key, value]) => ` ${key} ${value}`)
    .join("");
