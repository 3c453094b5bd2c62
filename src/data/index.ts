/**
 * Datasets, samplers, seeded loaders that resume, splits, and transforms of images with their
 * boxes, masks and key points. Runs everywhere; readers of files are in `athanor/data/node`.
 *
 * @module
 */
export type { HostRandomState } from "../base/host-random.ts";
export { HostRandom } from "../base/host-random.ts";
export { ArrayDataset } from "./array-dataset.ts";
export type { Collated } from "./collate.ts";
export { stackItems } from "./collate.ts";
export type { BatchContext, DataLoaderOptions, DataLoaderState } from "./data-loader.ts";
export { DataLoader } from "./data-loader.ts";
export type { Dataset, SplitIndices } from "./dataset.ts";
export { randomSplit, stratifiedSplit, Subset, TensorDataset } from "./dataset.ts";
export type { Mapped } from "./derived-dataset.ts";
export { cacheDataset, ConcatDataset, mapDataset } from "./derived-dataset.ts";
export type { HostTensor } from "./host-tensor.ts";
export { hostTensor } from "./host-tensor.ts";
export { parseIdx } from "./idx.ts";
export type { ItemContext, ItemRequest } from "./item-context.ts";
export { itemContext } from "./item-context.ts";
export type { IterableDataset, StreamContext } from "./iterable-dataset.ts";
export { ChainDataset, mapIterable, shuffleIterable } from "./iterable-dataset.ts";
export type { BatchSource, DistributedSamplerOptions, Sampler, Sized } from "./sampler.ts";
export {
  BatchSampler,
  DistributedSampler,
  RandomSampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from "./sampler.ts";
export type { Cell, ColumnType, ColumnTypes, Row } from "./table-columns.ts";
export * as transforms from "./transforms.ts";
