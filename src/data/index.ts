/**
 * Datasets in memory, seeded loaders that resume, and splits.
 *
 * @module
 */
export type { HostRandomState } from "../base/host-random.ts";
export { HostRandom } from "../base/host-random.ts";
export type { Collated } from "./collate.ts";
export { stackItems } from "./collate.ts";
export type { BatchContext, DataLoaderOptions, DataLoaderState } from "./data-loader.ts";
export { DataLoader } from "./data-loader.ts";
export type { Dataset, SplitIndices } from "./dataset.ts";
export { randomSplit, stratifiedSplit, Subset, TensorDataset } from "./dataset.ts";
export type { HostTensor } from "./host-tensor.ts";
export { hostTensor } from "./host-tensor.ts";
