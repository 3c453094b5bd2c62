/**
 * Files of tensors: safetensors (whole, lazily, sharded), `.npy` and `.npz` of NumPy, `.pt` and
 * `.pth` of torch without running code, GGUF. Paths are for Node; bytes and Blobs work everywhere.
 *
 * @module
 */
export type { ByteSink, FileTarget } from "./byte-sink.ts";
export type { BlobLike, BlobPart, FileInput } from "./byte-source.ts";
export type { GgufFile } from "./gguf/gguf-file.ts";
export { loadGguf, openGguf } from "./gguf/gguf-file.ts";
export type { GgufTensorInfo, GgufValue } from "./gguf/gguf-header.ts";
export type { GgufType } from "./gguf/gguf-types.ts";
export type { GgufPackedType } from "./gguf/quantize.ts";
export type { GgufOptions } from "./gguf/save-gguf.ts";
export { saveGguf } from "./gguf/save-gguf.ts";
export { loadSafetensors, openSafetensors } from "./load-safetensors.ts";
export { loadNpy, saveNpy } from "./numpy/npy-file.ts";
export type { NpyInfo } from "./numpy/npy-header.ts";
export type { NpzOptions } from "./numpy/npz-file.ts";
export { loadNpz, openNpz, saveNpz } from "./numpy/npz-file.ts";
export { load, open, save } from "./open.ts";
export type { SafetensorsSource } from "./safetensors-file.ts";
export type { StoredTensorInfo } from "./safetensors-header.ts";
export type { SaveOptions } from "./save-safetensors.ts";
export { saveSafetensors } from "./save-safetensors.ts";
export type { StoredDType } from "./stored-dtype.ts";
export type { LoadOptions, TensorInfo, TensorSource } from "./tensor-source.ts";
export { saveTorch } from "./torch/save-torch.ts";
export type { TorchFile, TorchOptions } from "./torch/torch-file.ts";
export { loadTorch, openTorch } from "./torch/torch-file.ts";
export type { UnknownClasses } from "./torch/torch-globals.ts";
export type { TorchTensorInfo } from "./torch/torch-tensor.ts";
