// torch.linalg; factors whose signs are free come as what does not depend on the signs.
import type { Tensor } from "athanor";
import * as linalg from "../../../src/tensor/linalg.ts";
import * as products from "../../../src/tensor/products.ts";
import type { Binding, Operands } from "../bindings.ts";

function at(operands: Operands, place: number): Tensor {
  const operand = operands[place];
  if (operand == null) throw new Error("fixture: an operand is missing");
  return operand;
}

/** An operation of one tensor and options. */
const one =
  (call: (x: Tensor, options: never) => Tensor): Binding =>
  (operands, args) =>
    call(at(operands, 0), args as never);

/** An operation of two tensors and options. */
const two =
  (call: (a: Tensor, b: Tensor, options: never) => Tensor): Binding =>
  (operands, args) =>
    call(at(operands, 0), at(operands, 1), args as never);

/** A norm: its order comes before the options. */
const normed =
  (call: (x: Tensor, order: never, options: never) => Tensor): Binding =>
  (operands, { ord, ...options }) =>
    call(at(operands, 0), ord as never, options as never);

/** Bindings of the area `linalg`. */
export const linalgOps: Record<string, Binding> = {
  inv: one(linalg.inv),
  det: one(linalg.det),
  slogdet: (operands) => {
    const { sign, logabsdet } = linalg.slogdet(at(operands, 0));
    return [sign, logabsdet];
  },
  cholesky: (operands, args) => {
    const x = at(operands, 0);
    return linalg.cholesky(x.add(x.mT).mul(0.5), args);
  },
  logdet: one(linalg.logdet),
  choleskySolve: two(linalg.choleskySolve),
  choleskyInverse: one(linalg.choleskyInverse),
  lu: (operands) => {
    const { P, L, U } = linalg.lu(at(operands, 0));
    return [P, L, U];
  },
  solve: two(linalg.solve),
  solveTriangular: two(linalg.solveTriangular),
  qr: (operands, args) => {
    const { Q, R } = linalg.qr(at(operands, 0), args);
    return [Q, R];
  },
  svd: (operands, args) => {
    const { U, S, Vh } = linalg.svd(at(operands, 0), args);
    return [U.abs(), S, Vh.abs(), U.matmul(Vh)];
  },
  svdFull: (operands) => {
    const x = at(operands, 0);
    const { U, S, Vh } = linalg.svd(x);
    const [m, n] = [x.size(-2), x.size(-1)];
    if (U.size(-1) !== m || Vh.size(-2) !== n) throw new Error("svd: factors are not square");
    return [S];
  },
  svdvals: one(linalg.svdvals),
  pinv: one(linalg.pinv),
  matrixRank: one(linalg.matrixRank),
  eigh: (operands, args) => {
    const { eigenvalues, eigenvectors } = linalg.eigh(at(operands, 0), args);
    const scaled = eigenvectors.mul(eigenvalues.exp().unsqueeze(-2));
    return [eigenvalues, eigenvectors.abs(), scaled.matmul(eigenvectors.mT)];
  },
  eigvalsh: one(linalg.eigvalsh),
  lstsq: (operands) => [linalg.lstsq(at(operands, 0), at(operands, 1)).solution],
  matrixPower: (operands, { n }) => linalg.matrixPower(at(operands, 0), Number(n)),
  matrixExp: one(linalg.matrixExp),
  vectorNorm: normed(linalg.vectorNorm),
  matrixNorm: normed(linalg.matrixNorm),
  linalgNorm: normed(linalg.norm),
  cond: (operands, { p }) => linalg.cond(at(operands, 0), p as linalg.MatrixOrder | null),
  multiDot: (operands) => linalg.multiDot(operands.map((_, i) => at(operands, i))),
  cross: two(linalg.cross),
  vecdot: two(linalg.vecdot),
  householderProduct: (operands) => linalg.householderProduct(at(operands, 0), at(operands, 1)),
  vander: one(linalg.vander),
  kron: two(products.kron),
  inner: two(products.inner),
  crossOf: two(products.cross),
  cov: ([x, fweights, aweights], args) => {
    const weights = { fweights: fweights ?? null, aweights: aweights ?? null };
    return products.cov(at([x ?? null], 0), { ...args, ...weights });
  },
  corrcoef: one(products.corrcoef),
  tensorinv: one(linalg.tensorinv),
  tensorsolve: two(linalg.tensorsolve),
};
