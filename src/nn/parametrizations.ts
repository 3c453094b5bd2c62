/** Ready-made parametrizations of weights, the namespace `nn.parametrizations`. */
export type { OrthogonalMap, OrthogonalParametrizationOptions } from "./orthogonal.ts";
export { orthogonal } from "./orthogonal.ts";
export type { SpectralNormOptions } from "./spectral-norm.ts";
export { spectralNorm } from "./spectral-norm.ts";
export type { WeightNormOptions } from "./weight-norm.ts";
export { weightNorm } from "./weight-norm.ts";
