import type { BinaryOp, UnaryOp } from "../ir/build.ts";
import { add, binary, cast, div, fullLike, mul, neg, sub, unary, where } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { OperandRule, VjpTable } from "./vjp-rule.ts";
import { constantValue } from "./vjp-rule.ts";

const one = (x: Node): Node => fullLike(x, 1);
const zero = (x: Node): Node => fullLike(x, 0);

/** d(a^b)/da = b·a^(b−1), and 0 where b is 0 also at a = 0. */
const powBase: OperandRule<"pow"> = ({ src: [a, b] }, g) => {
  const power = constantValue(b);
  if (power === 0) return null;
  if (power === 1) return g;
  if (power === 2) return mul(g, add(a, a));
  const slope = (base: Node): Node => mul(g, mul(b, binary("pow", base, sub(b, one(b)))));
  if (power !== undefined) return slope(a);
  // Only 0·0^-1 is undefined; a base of 1 there keeps every order of derivative finite.
  const undefinedAt = binary("and", binary("eq", a, zero(a)), binary("eq", b, zero(b)));
  return slope(where(undefinedAt, one(a), a));
};

/** d(a^b)/db = a^b·log a, and 0 where a is 0 and b ≥ 0. */
const powExponent: OperandRule<"pow"> = (node, g) => {
  const [a, b] = node.src;
  const flat = binary("and", binary("eq", a, zero(a)), binary("le", zero(b), b));
  return mul(g, mul(node, unary("log", where(flat, one(a), a))));
};

/** The winner takes the cotangent; equal operands share it. */
function extremumRule(other: 0 | 1, largest: boolean): OperandRule<"max" | "min"> {
  return ({ src }, g) => {
    const own = src[1 - other];
    const rival = src[other];
    const wins = largest ? binary("lt", rival, own) : binary("lt", own, rival);
    const loses = largest ? binary("lt", own, rival) : binary("lt", rival, own);
    return where(wins, g, where(loses, zero(g), mul(g, fullLike(g, 0.5))));
  };
}

const twoOverRootPi = 2 / Math.sqrt(Math.PI);

/** Gradients of the elementwise ops; those that own a cheap form in their result use it. */
export const elementwiseVjp: Pick<VjpTable, UnaryOp | BinaryOp | "cast" | "bitcast" | "where"> = {
  neg: (_node, g) => neg(g),
  abs: ({ src: [x] }, g) => mul(g, unary("sign", x)),
  sign: "none",
  floor: "none",
  ceil: "none",
  trunc: "none",
  round: "none",
  sqrt: (node, g) => div(g, add(node, node)),
  exp: (node, g) => mul(g, node),
  expm1: (node, g) => mul(g, add(node, one(node))),
  log: ({ src: [x] }, g) => div(g, x),
  log1p: ({ src: [x] }, g) => div(g, add(x, one(x))),
  sin: ({ src: [x] }, g) => mul(g, unary("cos", x)),
  cos: ({ src: [x] }, g) => neg(mul(g, unary("sin", x))),
  tanh: (node, g) => mul(g, sub(one(node), mul(node, node))),
  erf: ({ src: [x] }, g) => mul(g, mul(fullLike(x, twoOverRootPi), unary("exp", neg(mul(x, x))))),
  not: "none",
  cast: ({ src: [x] }, g) => cast(g, x.dtype),
  bitcast: "none",

  add: (_node, g) => g,
  sub: [(_node, g) => g, (_node, g) => neg(g)],
  mul: ({ src }, g, operand) => mul(g, src[1 - operand]),
  div: [({ src: [, b] }, g) => div(g, b), (node, g) => neg(mul(div(g, node.src[1]), node))],
  rem: [(_node, g) => g, ({ src: [a, b] }, g) => neg(mul(g, unary("trunc", div(a, b))))],
  pow: [powBase, powExponent],
  max: [extremumRule(1, true), extremumRule(0, true)],
  min: [extremumRule(1, false), extremumRule(0, false)],
  and: "none",
  or: "none",
  xor: "none",
  shl: "none",
  shr: "none",
  eq: "none",
  ne: "none",
  lt: "none",
  le: "none",
  where: [
    null,
    ({ src: [condition] }, g) => where(condition, g, zero(g)),
    ({ src: [condition] }, g) => where(condition, zero(g), g),
  ],
};
