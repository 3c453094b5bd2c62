/** Linear algebra, the namespace `linalg`. */
export * from "./linalg.ts";
export type { LobpcgOptions, Lowrank, LowrankOptions } from "./linalg-factored.ts";
export {
  choleskyEx,
  geqrf,
  invEx,
  ldlFactor,
  ldlFactorEx,
  ldlSolve,
  lobpcg,
  luFactor,
  luFactorEx,
  luSolve,
  luUnpack,
  ormqr,
  pcaLowrank,
  solveEx,
  svdLowrank,
} from "./linalg-factored.ts";
