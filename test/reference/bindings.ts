// Which of our operations each fixture op means. One entry per op name of the manifests.
import type { DType, Tensor } from "athanor";
import {
  arange,
  cat,
  einsum,
  eye,
  full,
  linspace,
  meshgrid,
  stack,
  tensordot,
  where,
} from "athanor";
import * as functional from "../../src/nn/functional.ts";
import { layerBindings } from "./bindings/layer.ts";
import { pooling } from "./bindings/pooling.ts";
import { losses as moreLosses } from "./bindings/loss.ts";
import { recurrent } from "./bindings/recurrent.ts";
import { spatial } from "./bindings/spatial.ts";
import { distributionBindings } from "./bindings/distribution.ts";
import { ordering } from "./bindings/ordering.ts";
import { selecting } from "./bindings/selecting.ts";
import { linalgOps } from "./bindings/linalg.ts";
import { fftOps } from "./bindings/fft.ts";
import { counting } from "./bindings/counting.ts";
import { factored } from "./bindings/factored.ts";
import { moreDistributions } from "./bindings/distribution-more.ts";
import { specialMore } from "./bindings/special-more.ts";
import type { Argument, Arguments } from "./fixture.ts";

/** Tensors of a case in torch's argument order; null where an optional one is absent. */
export type Operands = readonly (Tensor | null)[];

/** What an operation gives: one tensor, several, or values with indices. */
export type Results =
  | Tensor
  | readonly Tensor[]
  | { readonly values: Tensor; readonly indices: Tensor };

type IndexEntries = Parameters<Tensor["index"]>[0];
type Range = readonly [number | null, number | null, number] | null;

/** Calls our operation with the operands and arguments of a case. */
export type Binding = (operands: Operands, args: Arguments) => Results;

/** The operand at a place. */
function at(operands: Operands, place: number): Tensor {
  const operand = operands[place];
  if (operand == null) throw new Error(`fixture: operand ${place} is missing`);
  return operand;
}

/** The arguments of a case as options of a call: the manifests use our names for all of them. */
const options = (args: Arguments, ...positional: readonly string[]): never =>
  Object.fromEntries(Object.entries(args).filter(([name]) => !positional.includes(name))) as never;

const rest = (args: Arguments, ...positional: readonly string[]): object =>
  options(args, ...positional);

const isEmpty = (record: object): boolean => Object.keys(record).length === 0;
const number = (value: Argument | undefined): number => Number(value);
const list = (value: Argument | undefined): number[] => (value as readonly number[]).map(Number);
const sizes = (value: Argument | undefined): number | number[] =>
  typeof value === "number" ? value : list(value);

/** `x.name()` or `x.name(options)`. */
function method(name: keyof Tensor): Binding {
  return (operands, args) => {
    const x = at(operands, 0);
    const call = x[name] as (options?: object) => Results;
    return isEmpty(args) ? call.call(x) : call.call(x, args);
  };
}

/** `x.name(other)` where the other operand is a tensor or the number in `args`. */
function binary(name: keyof Tensor, key = "other"): Binding {
  return (operands, args) => {
    const x = at(operands, 0);
    const call = x[name] as (other: Tensor | number, options?: object) => Results;
    const other = operands.length > 1 ? at(operands, 1) : number(args[key]);
    const others = options(args, key);
    return isEmpty(others) ? call.call(x, other) : call.call(x, other, others);
  };
}

/** `functional.name(x, options)`. */
function apply(call: (x: Tensor, options?: never) => Tensor): Binding {
  return (operands, args) => call(at(operands, 0), options(args));
}

/** `functional.name(x, <args[key]>, rest)`. */
function applySized<Size>(
  call: (x: Tensor, size: Size, options?: never) => Tensor,
  key: string,
): Binding {
  return (operands, args) => call(at(operands, 0), args[key] as Size, options(args, key));
}

/** A convolution: x, weight, bias. */
function convolution(
  call: (x: Tensor, weight: Tensor, bias: Tensor | null, options?: never) => Tensor,
): Binding {
  return (operands, args) => call(at(operands, 0), at(operands, 1), operands[2], options(args));
}

/** A loss: input, target and the tensors named by `extra` as options. */
function loss(
  call: (input: Tensor, target: Tensor, options?: never) => Tensor,
  ...extra: readonly string[]
): Binding {
  return (operands, args) => {
    const tensors = Object.fromEntries(extra.map((name, i) => [name, operands[i + 2] ?? null]));
    return call(at(operands, 0), at(operands, 1), { ...tensors, ...args } as never);
  };
}

const dim = (args: Arguments): number => number(args["dim"]);
const all = (operands: Operands): Tensor[] => operands.map((_, i) => at(operands, i));

const elementwise: Record<string, Binding> = {
  neg: method("neg"),
  abs: method("abs"),
  exp: method("exp"),
  exp2: method("exp2"),
  expm1: method("expm1"),
  log: method("log"),
  log2: method("log2"),
  log1p: method("log1p"),
  sqrt: method("sqrt"),
  rsqrt: method("rsqrt"),
  reciprocal: method("reciprocal"),
  sin: method("sin"),
  cos: method("cos"),
  tanh: method("tanh"),
  erf: method("erf"),
  floor: method("floor"),
  ceil: method("ceil"),
  round: method("round"),
  trunc: method("trunc"),
  sign: method("sign"),
  square: method("square"),
  logicalNot: method("logicalNot"),
  bitwiseNot: method("bitwiseNot"),
  isnan: method("isnan"),
  isinf: method("isinf"),
  isfinite: method("isfinite"),
  clamp: (operands, args) =>
    operands.length === 1
      ? at(operands, 0).clamp(options(args))
      : at(operands, 0).clamp({ min: at(operands, 1), max: at(operands, 2) }),
  tan: method("tan"),
  sinh: method("sinh"),
  cosh: method("cosh"),
  asin: method("asin"),
  acos: method("acos"),
  atan: method("atan"),
  log10: method("log10"),
  frac: method("frac"),
  nanToNum: method("nanToNum"),
  mish: apply(functional.mish),
  celu: apply(functional.celu),
  selu: apply(functional.selu),
  hardswish: apply(functional.hardswish),
  hardsigmoid: apply(functional.hardsigmoid),
  softsign: apply(functional.softsign),
  tanhshrink: apply(functional.tanhshrink),
  softshrink: apply(functional.softshrink),
  hardshrink: apply(functional.hardshrink),
  threshold: (operands, args) =>
    functional.threshold(at(operands, 0), number(args["threshold"]), number(args["value"])),
  glu: apply(functional.glu),
  sigmoid: apply(functional.sigmoid),
  logSigmoid: apply(functional.logSigmoid),
  relu: apply(functional.relu),
  relu6: apply(functional.relu6),
  gelu: apply(functional.gelu),
  silu: apply(functional.silu),
  softplus: apply(functional.softplus),
  leakyRelu: apply(functional.leakyRelu),
  elu: apply(functional.elu),
  hardtanh: apply(functional.hardtanh),
  cast: (operands, args) => at(operands, 0).to(args["dtype"] as DType),
};

const pairs: Record<string, Binding> = {
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div: binary("div"),
  pow: binary("pow", "exponent"),
  maximum: binary("maximum"),
  minimum: binary("minimum"),
  remainder: binary("remainder"),
  fmod: binary("fmod"),
  floorDivide: binary("floorDivide"),
  atan2: binary("atan2"),
  logaddexp: binary("logaddexp"),
  prelu: (operands) => functional.prelu(at(operands, 0), at(operands, 1)),
  eq: binary("eq"),
  ne: binary("ne"),
  lt: binary("lt"),
  le: binary("le"),
  gt: binary("gt"),
  ge: binary("ge"),
  logicalAnd: binary("logicalAnd"),
  logicalOr: binary("logicalOr"),
  logicalXor: binary("logicalXor"),
  bitwiseAnd: binary("bitwiseAnd"),
  bitwiseOr: binary("bitwiseOr"),
  bitwiseXor: binary("bitwiseXor"),
  bitwiseLeftShift: binary("bitwiseLeftShift"),
  bitwiseRightShift: binary("bitwiseRightShift"),
  where: (operands) => where(at(operands, 0), at(operands, 1), at(operands, 2)),
  lerp: (operands, args) =>
    at(operands, 0).lerp(at(operands, 1), operands[2] ?? number(args["weight"])),
};

const reductions: Record<string, Binding> = {
  sum: method("sum"),
  mean: method("mean"),
  prod: method("prod"),
  amax: method("amax"),
  amin: method("amin"),
  max: method("max"),
  min: method("min"),
  argmax: method("argmax"),
  argmin: method("argmin"),
  any: method("any"),
  all: method("all"),
  var: method("var"),
  std: method("std"),
  norm: method("norm"),
  countNonzero: method("countNonzero"),
  trace: method("trace"),
  varMean: (operands, args) => {
    const parts = at(operands, 0).varMean(options(args));
    return [parts.var, parts.mean];
  },
  logsumexp: (operands, args) =>
    at(operands, 0).logsumexp(sizes(args["dim"]), options(args, "dim")),
  cumsum: (operands, args) => at(operands, 0).cumsum(dim(args)),
  cumprod: (operands, args) => at(operands, 0).cumprod(dim(args)),
  cummax: (operands, args) => at(operands, 0).cummax(dim(args)),
  cummin: (operands, args) => at(operands, 0).cummin(dim(args)),
};

const movement: Record<string, Binding> = {
  reshape: (operands, args) => at(operands, 0).reshape(list(args["shape"])),
  permute: (operands, args) => at(operands, 0).permute(list(args["dims"])),
  transpose: (operands, args) =>
    at(operands, 0).transpose(number(args["dim0"]), number(args["dim1"])),
  movedim: (operands, args) =>
    at(operands, 0).movedim(sizes(args["source"]), sizes(args["destination"])),
  flatten: method("flatten"),
  unflatten: (operands, args) => at(operands, 0).unflatten(dim(args), list(args["sizes"])),
  unsqueeze: (operands, args) => at(operands, 0).unsqueeze(dim(args)),
  squeeze: method("squeeze"),
  expand: (operands, args) => at(operands, 0).expand(list(args["shape"])),
  repeat: (operands, args) => at(operands, 0).repeat(list(args["repeats"])),
  tile: (operands, args) => at(operands, 0).tile(list(args["dims"])),
  repeatInterleave: (operands, args) =>
    at(operands, 0).repeatInterleave(number(args["repeats"]), options(args, "repeats")),
  pad: (operands, args) => at(operands, 0).pad(list(args["pad"]), options(args, "pad")),
  slice: (operands, args) => at(operands, 0).slice(args["slices"] as readonly Range[]),
  narrow: (operands, args) =>
    at(operands, 0).narrow(dim(args), number(args["start"]), number(args["length"])),
  select: (operands, args) => at(operands, 0).select(dim(args), number(args["index"])),
  flip: (operands, args) => at(operands, 0).flip(list(args["dims"])),
  roll: (operands, args) => at(operands, 0).roll(sizes(args["shifts"]), options(args, "shifts")),
  tril: method("tril"),
  triu: method("triu"),
  unfold: (operands, args) =>
    at(operands, 0).unfold(number(args["dimension"]), number(args["size"]), number(args["step"])),
  split: (operands, args) =>
    at(operands, 0).split(sizes(args["splitSize"]), options(args, "splitSize")),
  chunk: (operands, args) => at(operands, 0).chunk(number(args["chunks"]), options(args, "chunks")),
  unbind: (operands, args) => at(operands, 0).unbind(options(args)),
  diagonal: method("diagonal"),
  diag: method("diag"),
  diagEmbed: method("diagEmbed"),
  meshgrid: (operands, args) => meshgrid(all(operands), options(args)),
  rot90: method("rot90"),
  index: (operands, args) => at(operands, 0).index(args["entries"] as IndexEntries),
  cat: (operands, args) => cat(all(operands), options(args)),
  stack: (operands, args) => stack(all(operands), options(args)),
};

const indexing: Record<string, Binding> = {
  sort: method("sort"),
  argsort: method("argsort"),
  topk: (operands, args) => at(operands, 0).topk(number(args["k"]), options(args, "k")),
  indexSelect: (operands, args) => at(operands, 0).indexSelect(dim(args), at(operands, 1)),
  gather: (operands, args) => at(operands, 0).gather(dim(args), at(operands, 1)),
  takeAlongDim: (operands, args) => at(operands, 0).takeAlongDim(at(operands, 1), dim(args)),
  scatter: (operands, args) =>
    at(operands, 0).scatter(dim(args), at(operands, 1), operands[2] ?? number(args["value"])),
  scatterAdd: (operands, args) =>
    at(operands, 0).scatterAdd(dim(args), at(operands, 1), at(operands, 2)),
  indexAdd: (operands, args) =>
    at(operands, 0).indexAdd(dim(args), at(operands, 1), at(operands, 2), options(args, "dim")),
  indexCopy: (operands, args) =>
    at(operands, 0).indexCopy(dim(args), at(operands, 1), at(operands, 2)),
  embedding: (operands, args) =>
    functional.embedding(at(operands, 0), at(operands, 1), options(args)),
  oneHot: applySized(functional.oneHot, "numClasses"),
  maskedFill: (operands, args) =>
    at(operands, 0).maskedFill(at(operands, 1), operands[2] ?? number(args["value"])),
};

const creation: Record<string, Binding> = {
  arange: (_, args) =>
    arange(number(args["start"]), number(args["end"]), {
      dtype: "f32",
      ...rest(args, "start", "end"),
    }),
  linspace: (_, args) =>
    linspace(number(args["start"]), number(args["end"]), number(args["steps"])),
  eye: (_, args) => {
    const columns = args["m"] === undefined ? {} : { columns: number(args["m"]) };
    return eye(number(args["n"]), { ...rest(args, "n", "m"), ...columns });
  },
  full: (_, args) =>
    full(list(args["shape"]), args["value"] as number | boolean, {
      dtype: "f32",
      ...rest(args, "shape", "value"),
    }),
};

const products: Record<string, Binding> = {
  matmul: binary("matmul"),
  bmm: binary("bmm"),
  mv: binary("mv"),
  dot: binary("dot"),
  outer: binary("outer"),
  mm: binary("mm"),
  addmm: (operands, args) => at(operands, 0).addmm(at(operands, 1), at(operands, 2), args),
  tensordot: (operands, args) => tensordot(at(operands, 0), at(operands, 1), options(args)),
  einsum: (operands, args) => einsum(args["equation"] as string, ...all(operands)),
  linear: (operands) => functional.linear(at(operands, 0), at(operands, 1), operands[2]),
};

const layers: Record<string, Binding> = {
  conv1d: convolution(functional.conv1d),
  conv2d: convolution(functional.conv2d),
  conv3d: convolution(functional.conv3d),
  convTranspose1d: convolution(functional.convTranspose1d),
  convTranspose2d: convolution(functional.convTranspose2d),
  convTranspose3d: convolution(functional.convTranspose3d),
  maxPool1d: applySized(functional.maxPool1d, "kernelSize"),
  maxPool2d: applySized(functional.maxPool2d, "kernelSize"),
  maxPool3d: applySized(functional.maxPool3d, "kernelSize"),
  avgPool1d: applySized(functional.avgPool1d, "kernelSize"),
  avgPool2d: applySized(functional.avgPool2d, "kernelSize"),
  avgPool3d: applySized(functional.avgPool3d, "kernelSize"),
  adaptiveAvgPool1d: applySized(functional.adaptiveAvgPool1d, "outputSize"),
  adaptiveAvgPool2d: applySized(functional.adaptiveAvgPool2d, "outputSize"),
  adaptiveMaxPool1d: applySized(functional.adaptiveMaxPool1d, "outputSize"),
  adaptiveMaxPool2d: applySized(functional.adaptiveMaxPool2d, "outputSize"),
  softmin: applySized(functional.softmin, "dim"),
  softmax: applySized(functional.softmax, "dim"),
  logSoftmax: applySized(functional.logSoftmax, "dim"),
  layerNorm: (operands, args) =>
    functional.layerNorm(at(operands, 0), list(args["normalizedShape"]), {
      ...rest(args, "normalizedShape"),
      weight: operands[1],
      bias: operands[2],
    }),
  rmsNorm: (operands, args) =>
    functional.rmsNorm(at(operands, 0), list(args["normalizedShape"]), {
      ...rest(args, "normalizedShape"),
      weight: operands[1],
    }),
  groupNorm: (operands, args) =>
    functional.groupNorm(at(operands, 0), number(args["numGroups"]), {
      ...rest(args, "numGroups"),
      weight: operands[1],
      bias: operands[2],
    }),
  instanceNorm: (operands, args) =>
    functional.instanceNorm(at(operands, 0), {
      ...rest(args),
      weight: operands[1],
      bias: operands[2],
    }),
  batchNorm: (operands, args) => {
    const [, oldMean, oldVar, weight, bias] = operands;
    // The statistics of the case stay as they are; copies are updated.
    const [mean, variance] = [oldMean, oldVar].map((x) => x?.mul(1) ?? null);
    const y = functional.batchNorm(at(operands, 0), mean, variance, { ...args, weight, bias });
    return [y, mean, variance].filter((x) => x !== null);
  },
  normalize: apply(functional.normalize),
  scaledDotProductAttention: (operands, args) =>
    functional.scaledDotProductAttention(at(operands, 0), at(operands, 1), at(operands, 2), {
      ...args,
      attnMask: operands[3],
    }),
};

const losses: Record<string, Binding> = {
  crossEntropy: loss(functional.crossEntropy, "weight"),
  nllLoss: loss(functional.nllLoss, "weight"),
  smoothL1Loss: loss(functional.smoothL1Loss),
  binaryCrossEntropy: loss(functional.binaryCrossEntropy, "weight"),
  binaryCrossEntropyWithLogits: loss(
    functional.binaryCrossEntropyWithLogits,
    "weight",
    "posWeight",
  ),
  klDiv: loss(functional.klDiv),
  mlpMse: (operands) => {
    const [x, w1, b1, w2, b2, target] = all(operands);
    const hidden = functional.tanh(functional.linear(x, w1, b1));
    return functional.mseLoss(functional.linear(hidden, w2, b2), target);
  },
};

/** Every bound op. */
export const bindings: Readonly<Record<string, Binding>> = {
  ...elementwise,
  ...pairs,
  ...reductions,
  ...movement,
  ...indexing,
  ...creation,
  ...products,
  ...layers,
  ...losses,
  ...fftOps,
  ...specialMore,
  ...moreDistributions,
  ...factored,
  ...counting,
  ...linalgOps,
  ...moreLosses,
  ...recurrent,
  ...spatial,
  ...layerBindings,
  ...pooling,
  ...distributionBindings,
  ...ordering,
  ...selecting,
};

/** Ops of the operation areas that another suite binds, with the reason. */
export const boundElsewhere: Readonly<Record<string, string>> = {
  clipGradNorm: "an optimizer function: test/optim/clip.test.ts",
  clipGradValue: "an optimizer function: test/optim/clip.test.ts",
  clipGradUnits: "an optimizer function: test/optim/clip.test.ts",
};
