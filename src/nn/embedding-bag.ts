import { zeros } from "../tensor/factories.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EmbeddingModuleOptions, PretrainedOptions } from "./embedding.ts";
import { drawTable, paddingRow, tableSizes } from "./embedding.ts";
import { embeddingBag } from "./functional/embedding.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";

interface BagOptions {
  /** How a bag's rows become one. @defaultValue "mean" */
  readonly mode?: "sum" | "mean" | "max";
  /** Whether the last offset is the end of the last bag. @defaultValue false */
  readonly includeLastOffset?: boolean;
}

/** Options of {@link EmbeddingBag}. A padding row does not count in its bag. */
export interface EmbeddingBagModuleOptions extends EmbeddingModuleOptions, BagOptions {}

/** What one call of {@link EmbeddingBag} takes beside the index. */
export interface EmbeddingBagCallOptions {
  /** Where each bag starts in a flat index, i32 [B]. */
  readonly offsets?: Tensor | null;
  /** Factors of the rows, of the index's shape; for sums only. */
  readonly perSampleWeights?: Tensor | null;
}

/**
 * Sums, means or maxima of bags of rows of a table: index [B, N], or index [N] with offsets [B] →
 * [B, embeddingDim].
 */
export class EmbeddingBag extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly mode: "sum" | "mean" | "max";
  weight: Parameter;
  protected readonly options: Omit<EmbeddingBagModuleOptions, "paddingIdx" | "mode">;

  /** @throws {ConfigError} if paddingIdx is no row. */
  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    options: EmbeddingBagModuleOptions = {},
  ) {
    super();
    const { paddingIdx = null, mode = "mean", dtype, device, ...rest } = options;
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingRow("EmbeddingBag", numEmbeddings, paddingIdx);
    this.mode = mode;
    this.options = rest;
    this.weight = new Parameter(zeros([numEmbeddings, embeddingDim], { dtype, device }));
    this.resetParameters();
  }

  /**
   * A module over a table [numEmbeddings, embeddingDim], copied.
   * @throws {ShapeError} if it is no matrix.
   */
  static fromPretrained(
    table: Tensor,
    { freeze = true, ...options }: PretrainedOptions & BagOptions = {},
  ): EmbeddingBag {
    const { dtype, device } = table;
    const sizes = tableSizes("EmbeddingBag", table);
    const made = new EmbeddingBag(...sizes, { ...options, dtype, device });
    made.weight.assign(table);
    made.weight.requiresGrad = !freeze;
    return made;
  }

  /** Draws new vectors from the standard normal distribution. */
  resetParameters(): void {
    drawTable(this.weight, this.paddingIdx);
  }

  /** @throws {ConfigError} unless a flat index comes with offsets. */
  forward(index: Tensor, { offsets, perSampleWeights }: EmbeddingBagCallOptions = {}): Tensor {
    const { weight, paddingIdx, mode, options } = this;
    return embeddingBag(index, weight, { ...options, paddingIdx, mode, offsets, perSampleWeights });
  }

  protected override extraRepr(): string {
    const { numEmbeddings, embeddingDim, mode, paddingIdx } = this;
    const shown = formatOptions({ mode, paddingIdx: paddingIdx ?? undefined, ...this.options });
    return `${numEmbeddings}, ${embeddingDim}, ${shown}`;
  }
}
