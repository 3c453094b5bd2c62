import { ConfigError } from "../base/errors.ts";
import { arange, zeros } from "../tensor/factories.ts";
import * as random from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { embedding } from "./functional/embedding.ts";
import type { ModuleOptions } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** Options of {@link Embedding}. */
export interface EmbeddingModuleOptions extends ModuleOptions {
  /** Row that starts as zeros and gets no gradient; negative ones count from the end. */
  readonly paddingIdx?: number | null;
}

/** A table of vectors: index [...] -> [..., embeddingDim]. */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  weight: Parameter;

  /** @throws {ConfigError} if paddingIdx is no row. */
  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    { paddingIdx = null, ...place }: EmbeddingModuleOptions = {},
  ) {
    super();
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    const row = paddingIdx === null || paddingIdx >= 0 ? paddingIdx : paddingIdx + numEmbeddings;
    if (row !== null && !(row >= 0 && row < numEmbeddings)) {
      throw new ConfigError(
        `Embedding: paddingIdx must be a row of the ${numEmbeddings}, got ${paddingIdx}`,
      );
    }
    this.paddingIdx = row;
    this.weight = new Parameter(zeros([numEmbeddings, embeddingDim], place));
    this.resetParameters();
  }

  /** Draws new vectors from the standard normal distribution. */
  resetParameters(): void {
    const { weight, paddingIdx } = this;
    const { shape, dtype, device } = weight;
    const value = random.normal(shape, { dtype, device });
    if (paddingIdx === null) {
      weight.assign(value);
      return;
    }
    const rows = arange(this.numEmbeddings, { device }).unsqueeze(1);
    weight.assign(value.maskedFill(rows.eq(paddingIdx), 0));
  }

  /** @throws {DTypeError} if the indices are no integers. */
  forward(index: Tensor): Tensor {
    return embedding(index, this.weight, { paddingIdx: this.paddingIdx });
  }

  protected override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx } = this;
    const padding = formatOptions({ paddingIdx: paddingIdx ?? undefined });
    return [`${numEmbeddings}, ${embeddingDim}`, padding].filter(Boolean).join(", ");
  }
}
