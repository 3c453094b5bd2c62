/**
 * Files of tensors: safetensors, whole, lazily and sharded. For Node.
 *
 * @module
 */
export type { LoadOptions, TensorSource } from "./safetensors-file.ts";
export { loadSafetensors, openSafetensors } from "./load-safetensors.ts";
export type { SaveOptions } from "./save-safetensors.ts";
export { saveSafetensors } from "./save-safetensors.ts";
export type { StoredTensorInfo } from "./safetensors-header.ts";
export type { StoredDType } from "./stored-dtype.ts";
