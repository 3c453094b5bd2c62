import { ConfigError, ShapeError } from "../base/errors.ts";
import { arange, zeros } from "../tensor/factories.ts";
import * as random from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { embedding } from "./functional/embedding.ts";
import type { ModuleOptions } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { isInitSkipped } from "./skip-init.ts";

/** Options of {@link Embedding}. */
export interface EmbeddingModuleOptions extends ModuleOptions {
  /** Row that starts as zeros and gets no gradient; negative ones count from the end. */
  readonly paddingIdx?: number | null;
  /** Rows with a larger norm are shortened to it, in the table itself, when they are read. */
  readonly maxNorm?: number | null;
  /** Order of that norm. @defaultValue 2 */
  readonly normType?: number;
  /** Divides each row's gradient by how often the row was looked up. */
  readonly scaleGradByFreq?: boolean;
}

/** Options of {@link Embedding.fromPretrained}. */
export type PretrainedOptions = Omit<EmbeddingModuleOptions, keyof ModuleOptions> & {
  /** Whether the table is left alone in training. @defaultValue true */
  readonly freeze?: boolean;
};

/** Rows and columns of a table. @throws {ShapeError} if it is no matrix. */
export function tableSizes(owner: string, table: Tensor): [rows: number, columns: number] {
  const [rows, columns] = table.shape;
  if (table.ndim === 2) return [rows, columns];
  throw new ShapeError(`${owner}: the table must be a matrix, got [${table.shape.join(", ")}]`);
}

/** Draws a table from the standard normal distribution, with one row of zeros. */
export function drawTable(weight: Parameter, paddingIdx: number | null): void {
  if (isInitSkipped()) return;
  const { shape, dtype, device } = weight;
  const value = random.normal(shape, { dtype, device });
  if (paddingIdx === null) {
    weight.assign(value);
    return;
  }
  const rows = arange(shape[0], { device }).unsqueeze(1);
  weight.assign(value.maskedFill(rows.eq(paddingIdx), 0));
}

/** The padding row counted from the start. @throws {ConfigError} if it is no row. */
export function paddingRow(owner: string, rows: number, paddingIdx: number | null): number | null {
  const row = paddingIdx === null || paddingIdx >= 0 ? paddingIdx : paddingIdx + rows;
  if (row === null || (row >= 0 && row < rows)) return row;
  throw new ConfigError(`${owner}: paddingIdx must be a row of the ${rows}, got ${paddingIdx}`);
}

/** A table of vectors: index [...] -> [..., embeddingDim]. */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  weight: Parameter;

  /** @throws {ConfigError} if paddingIdx is no row. */
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingModuleOptions = {}) {
    super();
    const { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false } = options;
    const place = { dtype: options.dtype, device: options.device };
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingRow("Embedding", numEmbeddings, paddingIdx);
    this.maxNorm = maxNorm;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    this.weight = new Parameter(zeros([numEmbeddings, embeddingDim], place));
    this.resetParameters();
  }

  /**
   * A module over a table [numEmbeddings, embeddingDim], copied.
   * @throws {ShapeError} if it is no matrix.
   */
  static fromPretrained(
    table: Tensor,
    { freeze = true, ...options }: PretrainedOptions = {},
  ): Embedding {
    const made = new Embedding(...tableSizes("Embedding", table), {
      ...options,
      dtype: table.dtype,
      device: table.device,
    });
    made.weight.assign(table);
    made.weight.requiresGrad = !freeze;
    return made;
  }

  /** Draws new vectors from the standard normal distribution. */
  resetParameters(): void {
    drawTable(this.weight, this.paddingIdx);
  }

  /** @throws {DTypeError} if the indices are no integers. */
  forward(index: Tensor): Tensor {
    const { weight, paddingIdx, maxNorm, normType, scaleGradByFreq } = this;
    return embedding(index, weight, { paddingIdx, maxNorm, normType, scaleGradByFreq });
  }

  protected override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx } = this;
    const padding = formatOptions({
      paddingIdx: paddingIdx ?? undefined,
      maxNorm: this.maxNorm ?? undefined,
    });
    return [`${numEmbeddings}, ${embeddingDim}`, padding].filter(Boolean).join(", ");
  }
}
