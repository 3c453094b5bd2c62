/**
 * Readers of data files as datasets, folders of images, and datasets in worker threads. For Node.
 *
 * @module
 */
export type { CsvOptions } from "./csv.ts";
export { readCsv, streamCsv } from "./csv.ts";
export { readIdx } from "./idx-file.ts";
export type { ImageMode, ReadImageOptions } from "./image-file.ts";
export { readImage } from "./image-file.ts";
export type { ImageFile, ImageFolderOptions, LabelledImage } from "./image-folder.ts";
export { ImageFolder } from "./image-folder.ts";
export type { JsonlOptions } from "./jsonl.ts";
export { readJsonl, streamJsonl } from "./jsonl.ts";
export { readLines, streamLines } from "./lines.ts";
export type { MnistDigits } from "./mnist.ts";
export { loadMnist, loadMnistFolder } from "./mnist.ts";
export type { ParquetOptions } from "./parquet.ts";
export { readParquet, streamParquet } from "./parquet.ts";
export type { Address } from "./state-of-the-union.ts";
export { loadStateOfTheUnion } from "./state-of-the-union.ts";
export type { WorkerDatasetOptions } from "./worker-dataset.ts";
export { openWorkerDataset, WorkerDataset } from "./worker-dataset.ts";
