/**
 * Architectures whose published checkpoints load, one file each.
 *
 * @module
 */
export type { LoadAdapterOptions } from "./adapters/adapter-files.ts";
export { loadAdapter, loadPeftModel, savePeftModel } from "./adapters/adapter-files.ts";
export type { LoraConfig, LoraInit, ModuleNames } from "./adapters/lora-config.ts";
export type { MergeOptions, PeftModelOptions } from "./adapters/peft-model.ts";
export { getPeftModel, PeftModel } from "./adapters/peft-model.ts";
export { createCausalLm } from "./text/causal-lm-families.ts";
export type { CausalLmConfig, LanguageModelHead, TokenBatch } from "./text/causal-lm.ts";
export { CausalLM } from "./text/causal-lm.ts";
export type { GenerateOptions } from "./text/gpt2-generation.ts";
export type { GemmaConfig, GemmaModelType, GemmaOptions } from "./text/gemma-config.ts";
export { Gemma } from "./text/gemma.ts";
export type { GPT2Config, GPT2Options } from "./text/gpt2.ts";
export { GPT2, gpt2Sizes } from "./text/gpt2.ts";
export type { DecodeStep, KeyValueCacheOptions, LayerKeyValues } from "./text/key-value-cache.ts";
export { KeyValueCache } from "./text/key-value-cache.ts";
export type { LlamaConfig, LlamaModelType, LlamaOptions } from "./text/llama-config.ts";
export { Llama } from "./text/llama.ts";
export type { ConfigJson } from "./text/config-fields.ts";
export type { DecoderConfig, LayerType } from "./text/decoder-config.ts";
export type { LoadCausalLmOptions } from "./text/load-causal-lm.ts";
export { loadCausalLm } from "./text/load-causal-lm.ts";
export type { RopeParameters, RopeType } from "./text/rope-parameters.ts";
export type { SamplingOptions } from "./text/sampling.ts";
export type { SaveCausalLmOptions } from "./text/save-causal-lm.ts";
export { saveCausalLm } from "./text/save-causal-lm.ts";
export { filterLogits, sampleToken } from "./text/sampling.ts";
export { DigitsNet } from "./vision/digits-net.ts";
export type { ResNetBlock, ResNetOptions } from "./vision/resnet.ts";
export { ResNet, resnet101, resnet152, resnet18, resnet34, resnet50 } from "./vision/resnet.ts";
