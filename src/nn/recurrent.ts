import { ConfigError, ShapeError } from "../base/errors.ts";
import { arange, tensor, zeros } from "../tensor/factories.ts";
import { cat, stack } from "../tensor/functions.ts";
import type { Generator } from "../tensor/generator.ts";
import { Tensor } from "../tensor/tensor.ts";
import { dropout } from "./functional/dropout.ts";
import type { CellKind, CellWeights } from "./functional/recurrent.ts";
import { gateCount, runLayer } from "./functional/recurrent.ts";
import { uniform } from "./init.ts";
import type { ModuleOptions } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { snakeCase } from "./state-key.ts";

/** Options of the recurrent networks. */
export interface RecurrentOptions extends ModuleOptions {
  /** Layers on top of each other. @defaultValue 1 */
  readonly numLayers?: number;
  /** @defaultValue true */
  readonly bias?: boolean;
  /** Whether x is [N, T, in] instead of [T, N, in]. @defaultValue false */
  readonly batchFirst?: boolean;
  /** Dropout between layers, in training. @defaultValue 0 */
  readonly dropout?: number;
  /** Runs every layer in both directions and joins the results. @defaultValue false */
  readonly bidirectional?: boolean;
  /** Where dropout's randomness comes from. @defaultValue the default generator of x's device */
  readonly generator?: Generator | undefined;
}

/** Options of {@link RNN}. */
export interface RNNOptions extends RecurrentOptions {
  /** @defaultValue "tanh" */
  readonly nonlinearity?: "tanh" | "relu";
}

/** Options of {@link LSTM}. */
export interface LSTMOptions extends RecurrentOptions {
  /** Size the hidden state is projected to; 0 for none. @defaultValue 0 */
  readonly projSize?: number;
}

/** Options of one call of a recurrent network. */
export interface SequenceOptions {
  /**
   * Length of each sequence, [N]: what torch's packed sequences are for. Elements behind it change
   * no state, and their outputs are 0.
   */
  readonly lengths?: Tensor | readonly number[] | undefined;
}

interface Shapes {
  readonly isBatched: boolean;
  readonly steps: number;
  readonly batch: number;
}

abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly projSize: number;
  protected readonly kind: CellKind;
  protected readonly generator: Generator | undefined;

  /** @throws {ConfigError} if an option is out of its range. */
  constructor(
    kind: CellKind,
    inputSize: number,
    hiddenSize: number,
    { numLayers = 1, bias = true, batchFirst = false, ...options }: LSTMOptions,
  ) {
    super();
    const { dropout: p = 0, bidirectional = false, projSize = 0, generator, ...place } = options;
    const name = this.constructor.name;
    if (!(p >= 0 && p <= 1)) throw new ConfigError(`${name}: dropout must be in [0, 1], got ${p}`);
    if (!(numLayers >= 1))
      throw new ConfigError(`${name}: numLayers must be ≥ 1, got ${numLayers}`);
    if (!(projSize >= 0 && (projSize === 0 || projSize < hiddenSize))) {
      throw new ConfigError(`${name}: projSize must be below ${hiddenSize}, got ${projSize}`);
    }
    this.kind = kind;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = p;
    this.bidirectional = bidirectional;
    this.projSize = projSize;
    this.generator = generator;
    this.#makeWeights(place);
    this.resetParameters();
  }

  /** Draws new weights: all uniform within ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const weight of this.parameters()) uniform(weight, { a: -bound, b: bound });
  }

  /** Size of the hidden state of one direction. */
  get #outputSize(): number {
    return this.projSize > 0 ? this.projSize : this.hiddenSize;
  }

  get #directions(): readonly string[] {
    return this.bidirectional ? ["", "Reverse"] : [""];
  }

  /** Fields weightIhL0, weightHhL0, … with torch's keys weight_ih_l0, weight_hh_l0, …. */
  #makeWeights(place: ModuleOptions): void {
    const rows = gateCount[this.kind] * this.hiddenSize;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const columns = layer === 0 ? this.inputSize : this.#outputSize * this.#directions.length;
      for (const direction of this.#directions) {
        const add = (name: string, shape: readonly number[]): void => {
          Reflect.set(this, `${name}L${layer}${direction}`, new Parameter(zeros(shape, place)));
        };
        add("weightIh", [rows, columns]);
        add("weightHh", [rows, this.#outputSize]);
        if (this.bias) {
          add("biasIh", [rows]);
          add("biasHh", [rows]);
        }
        if (this.projSize > 0) add("weightHr", [this.projSize, this.hiddenSize]);
      }
    }
  }

  #weights(layer: number, direction: string): CellWeights {
    const find = (name: string): Tensor | null => {
      const weight: unknown = Reflect.get(this, `${name}L${layer}${direction}`);
      return weight instanceof Tensor ? weight : null;
    };
    const need = (name: string): Tensor => {
      const weight = find(name);
      if (weight === null) throw new ConfigError(`${this.constructor.name}: ${name} is gone`);
      return weight;
    };
    return {
      weightIh: need("weightIh"),
      weightHh: need("weightHh"),
      biasIh: find("biasIh"),
      biasHh: find("biasHh"),
      weightHr: find("weightHr"),
    };
  }

  #shapes(x: Tensor): Shapes {
    const { inputSize, batchFirst } = this;
    if ((x.ndim !== 2 && x.ndim !== 3) || x.shape[x.ndim - 1] !== inputSize) {
      const batched = batchFirst ? `[N, T, ${inputSize}]` : `[T, N, ${inputSize}]`;
      throw new ShapeError(
        `${this.constructor.name}: input must be ${batched} or [T, ${inputSize}], ` +
          `got [${x.shape.join(", ")}]`,
      );
    }
    const [first, second] = x.shape;
    if (x.ndim === 2) return { isBatched: false, steps: first, batch: 1 };
    const [steps, batch] = batchFirst ? [second, first] : [first, second];
    return { isBatched: true, steps, batch };
  }

  /** The given initial states as [layers · directions, N, size], zeros where there is none. */
  #initial(x: Tensor, given: readonly Tensor[] | null | undefined, shapes: Shapes): Tensor[] {
    const cells = this.numLayers * this.#directions.length;
    const sizes = this.kind === "lstm" ? [this.#outputSize, this.hiddenSize] : [this.#outputSize];
    return sizes.map((size, i) => {
      const shape = [cells, shapes.batch, size];
      const state = given?.[i];
      if (state === undefined) return zeros(shape, { dtype: x.dtype, device: x.device });
      const wanted = shapes.isBatched ? shape : [cells, size];
      if (state.shape.join() !== wanted.join()) {
        throw new ShapeError(
          `${this.constructor.name}: initial state must be [${wanted.join(", ")}], ` +
            `got [${state.shape.join(", ")}]`,
        );
      }
      return state.reshape(shape);
    });
  }

  /** Output and last states, in the layout of the input. */
  protected run(
    x: Tensor,
    given: readonly Tensor[] | null | undefined,
    { lengths }: SequenceOptions,
  ): { readonly output: Tensor; readonly state: Tensor[] } {
    const shapes = this.#shapes(x);
    const { isBatched, steps, batch } = shapes;
    const initial = this.#initial(x, given, shapes);
    const valid = lengths === undefined ? null : validSteps(lengths, steps, batch, x);
    const isSwapped = isBatched && this.batchFirst;
    let y = isSwapped ? x.transpose(0, 1) : isBatched ? x : x.unsqueeze(1);
    const last: Tensor[][] = initial.map(() => []);
    for (let layer = 0; layer < this.numLayers; layer++) {
      const parts = this.#directions.map((direction, d) => {
        const cell = layer * this.#directions.length + d;
        const first = initial.map((state) => state.select(0, cell));
        const weights = this.#weights(layer, direction);
        const options = { reverse: direction !== "", valid };
        const { results, state } = runLayer(this.kind, y, first, weights, options);
        state.forEach((part, i) => last[i].push(part));
        return results;
      });
      y = parts.length === 1 ? parts[0] : cat(parts, { dim: -1 });
      const isDropped = this.training && this.dropout > 0 && layer < this.numLayers - 1;
      if (isDropped) y = dropout(y, { p: this.dropout, generator: this.generator });
    }
    const state = last.map((cells) => stack(cells));
    if (!isBatched) return { output: y.select(1, 0), state: state.map((s) => s.select(1, 0)) };
    return { output: isSwapped ? y.transpose(0, 1) : y, state };
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  protected override extraRepr(): string {
    const { inputSize, hiddenSize, numLayers, bias, batchFirst, dropout: p } = this;
    const projSize = this.projSize > 0 ? this.projSize : undefined;
    const { bidirectional } = this;
    return formatOptions({
      inputSize,
      hiddenSize,
      projSize,
      numLayers,
      bias,
      batchFirst,
      dropout: p,
      bidirectional,
    });
  }
}

/** Bool [T, N, 1]: whether step t belongs to sequence n. */
function validSteps(
  lengths: Tensor | readonly number[],
  steps: number,
  batch: number,
  { device }: Tensor,
): Tensor {
  const ends =
    lengths instanceof Tensor ? lengths.int() : tensor(lengths, { dtype: "i32", device });
  if (ends.numel !== batch) {
    throw new ShapeError(`lengths: must be [${batch}], one per sequence, got ${ends.numel}`);
  }
  return arange(steps, { device })
    .reshape([steps, 1, 1])
    .lt(ends.reshape([1, batch, 1]));
}

/**
 * Elman network: $h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})$, or relu.
 * State-dict keys as PyTorch's: weight_ih_l0, weight_hh_l0, bias_ih_l0, …, weight_ih_l0_reverse.
 * @example
 * const rnn = new nn.RNN(4, 8, { batchFirst: true });
 * const [output, hn] = rnn.forward(randn([2, 5, 4]));
 */
export class RNN extends Recurrent {
  constructor(
    inputSize: number,
    hiddenSize: number,
    { nonlinearity = "tanh", ...options }: RNNOptions = {},
  ) {
    super(nonlinearity, inputSize, hiddenSize, options);
  }

  /**
   * Shapes: x [T, N, in] (or [N, T, in] with batchFirst, or [T, in]), h0 [layers · directions, N,
   * hidden] -> output [T, N, directions · hidden], last state like h0.
   */
  forward(x: Tensor, h0?: Tensor | null, options: SequenceOptions = {}): [Tensor, Tensor] {
    const { output, state } = this.run(x, h0 == null ? null : [h0], options);
    return [output, state[0]];
  }
}

/** Gated recurrent unit: reset and update gates around a tanh; weights in the order r, z, n. */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("gru", inputSize, hiddenSize, options);
  }

  /** Shapes as {@link RNN.forward}. */
  forward(x: Tensor, h0?: Tensor | null, options: SequenceOptions = {}): [Tensor, Tensor] {
    const { output, state } = this.run(x, h0 == null ? null : [h0], options);
    return [output, state[0]];
  }
}

/**
 * Long short-term memory; weights in the order i, f, g, o. With `projSize` the hidden state is
 * projected (key weight_hr_l0).
 * @example
 * const lstm = new nn.LSTM(4, 8, { numLayers: 2, bidirectional: true });
 * const [output, [hn, cn]] = lstm.forward(randn([5, 3, 4]), null, { lengths: [5, 2, 4] });
 */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    super("lstm", inputSize, hiddenSize, options);
  }

  /**
   * Shapes: x [T, N, in] (or [N, T, in] with batchFirst, or [T, in]), h0 and c0 [layers ·
   * directions, N, hidden] -> output [T, N, directions · hidden], last states like h0 and c0.
   */
  forward(
    x: Tensor,
    hx?: readonly [h0: Tensor, c0: Tensor] | null,
    options: SequenceOptions = {},
  ): [output: Tensor, state: [hn: Tensor, cn: Tensor]] {
    const { output, state } = this.run(x, hx, options);
    return [output, [state[0], state[1]]];
  }
}
