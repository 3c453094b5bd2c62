// Bindings of the area `factored`.
import { linalg } from "athanor";
import type { Tensor } from "athanor";
import type { Binding, Results } from "../bindings.ts";

type Call = (x: Tensor, other: Tensor, options: never) => Results;

const bind =
  (call: Call): Binding =>
  ([x, other], args) =>
    call(x as Tensor, other as Tensor, args as never);

const symmetric = (x: Tensor): Tensor => x.add(x.mT).mul(0.5);

const lowrank = ({ U, S, V }: linalg.Lowrank): Results => [
  S,
  U.abs(),
  V.abs(),
  U.mul(S.unsqueeze(-2)).matmul(V.mT),
];

/** Ops of the area `factored`. */
export const factored: Record<string, Binding> = {
  luFactor: bind((x) => {
    const { LU, pivots } = linalg.luFactor(x);
    return [LU, pivots];
  }),
  luFactorEx: bind((x) => {
    const { LU, pivots, info } = linalg.luFactorEx(x);
    return [LU, pivots, info];
  }),
  luUnpack: bind((x) => {
    const { LU, pivots } = linalg.luFactor(x);
    const { P, L, U } = linalg.luUnpack(LU, pivots);
    return [P, L, U];
  }),
  luSolve: bind((x, b, options) => {
    const { LU, pivots } = linalg.luFactor(x);
    return linalg.luSolve(LU, pivots, b, options);
  }),
  invEx: bind((x) => {
    const { inverse, info } = linalg.invEx(x);
    return [inverse, info];
  }),
  choleskyEx: bind((x, _, options) => {
    const { L, info } = linalg.choleskyEx(symmetric(x), options);
    return [L, info];
  }),
  solveEx: bind((x, b, options) => {
    const { result, info } = linalg.solveEx(x, b, options);
    return [result, info];
  }),
  ldlFactor: bind((x) => {
    const { LD, pivots } = linalg.ldlFactor(x);
    return [LD, pivots];
  }),
  ldlFactorEx: bind((x) => {
    const { LD, pivots, info } = linalg.ldlFactorEx(x);
    return [LD, pivots, info];
  }),
  ldlSolve: bind((x, b) => {
    const { LD, pivots } = linalg.ldlFactor(x);
    return linalg.ldlSolve(LD, pivots, b);
  }),
  geqrf: bind((x) => {
    const { a, tau } = linalg.geqrf(x);
    return [a, tau];
  }),
  ormqr: bind((x, c, options) => {
    const { a, tau } = linalg.geqrf(x);
    return linalg.ormqr(a, tau, c, options);
  }),
  svdLowrank: bind((x, M, options: object) => lowrank(linalg.svdLowrank(x, { M, ...options }))),
  pcaLowrank: bind((x, _, options) => lowrank(linalg.pcaLowrank(x, options))),
  lobpcg: bind((x, _, options) => {
    const { eigenvalues, eigenvectors } = linalg.lobpcg(symmetric(x), options);
    return [eigenvalues, eigenvectors.abs()];
  }),
};
