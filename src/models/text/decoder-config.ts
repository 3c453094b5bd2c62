import { ConfigError } from "../../base/errors.ts";
import type { CausalLmConfig } from "./causal-lm.ts";
import type { RopeParameters } from "./rope-parameters.ts";

/** Whether a layer sees all tokens before, or those of a window. */
export type LayerType = "full_attention" | "sliding_attention";

/** What decoders with rotary positions and gated MLPs have in common. */
export interface DecoderConfig extends CausalLmConfig {
  /** Width inside of the MLPs. */
  readonly intermediateSize: number;
  readonly hiddenAct: string;
  /** Deviation of new weights. */
  readonly initializerRange: number;
  /** Added to the mean square in norms. */
  readonly rmsNormEps: number;
  readonly ropeParameters: RopeParameters;
  /** Tokens that layers of type sliding_attention see at most; null if there are none. */
  readonly slidingWindow: number | null;
  /** One per layer. */
  readonly layerTypes: readonly LayerType[];
  /** Dropout of the attention's weights in training. */
  readonly attentionDropout: number;
}

const sizes = [
  "vocabSize",
  "hiddenSize",
  "intermediateSize",
  "numHiddenLayers",
  "numAttentionHeads",
  "numKeyValueHeads",
  "headDim",
  "maxPositionEmbeddings",
] as const;

/** @throws {ConfigError} if the sizes do not go together. */
export function checkDecoderConfig(owner: string, config: DecoderConfig): void {
  for (const name of sizes) {
    if (Number.isSafeInteger(config[name]) && config[name] >= 1) continue;
    throw new ConfigError(`${owner}: ${name} must be a positive integer, got ${config[name]}`);
  }
  const { numAttentionHeads, numKeyValueHeads, layerTypes, numHiddenLayers } = config;
  if (numAttentionHeads % numKeyValueHeads !== 0) {
    throw new ConfigError(
      `${owner}: numKeyValueHeads must divide numAttentionHeads, got ${numKeyValueHeads} and ` +
        `${numAttentionHeads}`,
    );
  }
  if (layerTypes.length !== numHiddenLayers) {
    throw new ConfigError(
      `${owner}: layerTypes must name ${numHiddenLayers} layers, got ${layerTypes.length}`,
    );
  }
  const unknown = layerTypes.find((type) => !/^(full|sliding)_attention$/.test(type));
  if (unknown !== undefined) {
    throw new ConfigError(
      `${owner}: layerTypes are full_attention or sliding_attention, got "${String(unknown)}"`,
    );
  }
  checkRanges(owner, config);
}

function checkRanges(owner: string, config: DecoderConfig): void {
  const { layerTypes, slidingWindow, attentionDropout } = config;
  const slides = layerTypes.includes("sliding_attention");
  if (slides && !(Number.isSafeInteger(slidingWindow) && Number(slidingWindow) >= 1)) {
    throw new ConfigError(
      `${owner}: slidingWindow must be a positive integer for sliding_attention, got ${slidingWindow}`,
    );
  }
  if (!(attentionDropout >= 0 && attentionDropout < 1)) {
    throw new ConfigError(`${owner}: attentionDropout must be in [0, 1), got ${attentionDropout}`);
  }
}

/** The window of a layer; null: it sees all tokens before. */
export function windowOf(config: DecoderConfig, layer: number): number | null {
  return config.layerTypes[layer] === "sliding_attention" ? config.slidingWindow : null;
}
