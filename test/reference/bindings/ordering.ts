// Special functions, order statistics, searching, running and masked reductions.
import type { Tensor, TensorLike } from "athanor";
import * as athanor from "athanor";
import type { Binding, Operands, Results } from "../bindings.ts";
import type { Argument, Arguments } from "../fixture.ts";

const { special } = athanor;
type Call = (...args: readonly unknown[]) => Results;

function at(operands: Operands, place: number): Tensor {
  const operand = operands[place];
  if (operand == null) throw new Error(`fixture: operand ${place} is missing`);
  return operand;
}

const isEmpty = (record: object): boolean => Object.keys(record).length === 0;

/** `x.name(...others, ...<args named>, rest)`. */
export function method(name: keyof Tensor, ...positional: readonly string[]): Binding {
  return (operands, args) => {
    const call = at(operands, 0)[name] as unknown as Call;
    const named: Record<string, Argument> = { ...args };
    const values = positional.map((key) => named[key]);
    for (const key of positional) Reflect.deleteProperty(named, key);
    const rest = isEmpty(named) ? [] : [named];
    return call.call(operands[0], ...operands.slice(1), ...values, ...rest);
  };
}

const unary =
  (call: (x: Tensor) => Tensor): Binding =>
  (operands) =>
    call(at(operands, 0));

const binary =
  (call: (a: TensorLike, b: TensorLike) => Tensor): Binding =>
  (operands) =>
    call(at(operands, 0), at(operands, 1));

const kept = (operands: Operands, args: Arguments, call: "quantile" | "nanquantile"): Tensor => {
  const { q, ...rest } = args;
  return at(operands, 0)[call](operands[1] ?? (q as number | number[]), rest);
};

const samples =
  (call: (y: Tensor, options: object) => Tensor): Binding =>
  (operands, args) =>
    call(at(operands, 0), operands.length > 1 ? { ...args, x: operands[1] } : args);

const window =
  (call: (length: number, options: object) => Tensor): Binding =>
  (_, { length, ...rest }) =>
    call(Number(length), rest);

/** Ops of the areas `special` and `sorting`. */
export const ordering: Readonly<Record<string, Binding>> = {
  asinh: method("asinh"),
  acosh: method("acosh"),
  atanh: method("atanh"),
  sinc: method("sinc"),
  deg2rad: method("deg2rad"),
  rad2deg: method("rad2deg"),
  lgamma: method("lgamma"),
  digamma: method("digamma"),
  polygamma: method("polygamma", "n"),
  mvlgamma: method("mvlgamma", "p"),
  erfc: method("erfc"),
  erfinv: method("erfinv"),
  logit: method("logit"),
  i0: method("i0"),
  erfcx: unary(special.erfcx),
  ndtr: unary(special.ndtr),
  ndtri: unary(special.ndtri),
  logNdtr: unary(special.logNdtr),
  entr: unary(special.entr),
  i0e: unary(special.i0e),
  i1: unary(special.i1),
  i1e: unary(special.i1e),
  zeta: binary(special.zeta),
  gammainc: binary(special.gammainc),
  gammaincc: binary(special.gammaincc),
  xlogy: method("xlogy"),
  xlog1py: binary(special.xlog1py),
  hypot: method("hypot"),
  copysign: method("copysign"),
  nextafter: method("nextafter"),
  ldexp: method("ldexp"),
  floatPower: method("floatPower"),
  fmax: method("fmax"),
  fmin: method("fmin"),
  logaddexp2: method("logaddexp2"),
  heaviside: method("heaviside"),
  addcmul: method("addcmul"),
  addcdiv: method("addcdiv"),
  gcd: method("gcd"),
  lcm: method("lcm"),
  clampMin: method("clampMin", "min"),
  clampMax: method("clampMax", "max"),
  signbit: method("signbit"),
  isposinf: method("isposinf"),
  isneginf: method("isneginf"),
  isclose: method("isclose"),

  msort: method("msort"),
  kthvalue: method("kthvalue", "k"),
  median: method("median"),
  nanmedian: method("nanmedian"),
  mode: method("mode"),
  quantile: (operands, args) => kept(operands, args, "quantile"),
  nanquantile: (operands, args) => kept(operands, args, "nanquantile"),
  searchsorted: (operands, { value, ...args }) =>
    athanor.searchsorted(
      at(operands, 0),
      operands[1] ?? Number(value),
      operands.length > 2 ? { ...args, sorter: at(operands, 2) } : args,
    ),
  bucketize: (operands, args) => athanor.bucketize(at(operands, 0), at(operands, 1), args),
  isin: (operands, args) => athanor.isin(at(operands, 0), at(operands, 1), args),
  histc: method("histc"),
  histogram: (operands, { bins, weighted, ...args }) => {
    const weight = weighted === true ? at(operands, operands.length - 1) : null;
    const edges = bins === undefined ? at(operands, 1) : Number(bins);
    const parts = athanor.histogram(at(operands, 0), edges, { ...args, weight });
    return [parts.hist, parts.binEdges];
  },
  logcumsumexp: method("logcumsumexp", "dim"),
  diff: (operands, args) => {
    const [x, first, second] = operands;
    const ends = second === undefined ? { append: first } : { prepend: first, append: second };
    return at([x], 0).diff(first === undefined ? args : { ...args, ...ends });
  },
  trapezoid: samples(athanor.trapezoid),
  cumulativeTrapezoid: samples(athanor.cumulativeTrapezoid),
  gradient: (operands, args) => athanor.gradient(at(operands, 0), args),
  unravelIndex: (operands, { shape }) =>
    athanor.unravelIndex(at(operands, 0), shape as readonly number[]),
  nonzeroStatic: method("nonzeroStatic", "size"),
  frexp: (operands) => {
    const { mantissa, exponent } = at(operands, 0).frexp();
    return [mantissa, exponent];
  },
  sumToSize: method("sumToSize", "shape"),
  hannWindow: window(athanor.hannWindow),
  hammingWindow: window(athanor.hammingWindow),
  blackmanWindow: window(athanor.blackmanWindow),
  bartlettWindow: window(athanor.bartlettWindow),
  kaiserWindow: window(athanor.kaiserWindow),
  logspace: (_, { start, end, steps, ...rest }) =>
    athanor.logspace(Number(start), Number(end), Number(steps), rest),
  igamma: method("igamma"),
  igammac: method("igammac"),
  nansum: method("nansum"),
  nanmean: method("nanmean"),
  aminmax: (operands, args) => {
    const { min, max } = at(operands, 0).aminmax(args);
    return [min, max];
  },
  stdMean: (operands, args) => {
    const { std, mean } = at(operands, 0).stdMean(args);
    return [std, mean];
  },
  dist: method("dist"),
  renorm: method("renorm", "p", "dim", "maxnorm"),
};
