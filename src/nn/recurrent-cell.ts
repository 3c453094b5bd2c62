import { ShapeError } from "../base/errors.ts";
import { zeros } from "../tensor/factories.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { lowered } from "./functional/apply.ts";
import { linear } from "./functional/linear.ts";
import type { CellKind } from "./functional/recurrent.ts";
import { advance, gateCount, loweredWeights } from "./functional/recurrent.ts";
import { uniform } from "./init.ts";
import type { LinearOptions } from "./linear.ts";
import { Module, formatOptions } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { snakeCase } from "./state-key.ts";

/** Options of {@link RNNCell}. */
export interface RNNCellOptions extends LinearOptions {
  /** @defaultValue "tanh" */
  readonly nonlinearity?: "tanh" | "relu";
}

abstract class RecurrentCell extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  weightIh: Parameter;
  weightHh: Parameter;
  biasIh: Parameter | null;
  biasHh: Parameter | null;
  protected readonly kind: CellKind;

  constructor(
    kind: CellKind,
    inputSize: number,
    hiddenSize: number,
    { bias = true, ...place }: LinearOptions,
  ) {
    super();
    this.kind = kind;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    const rows = gateCount[kind] * hiddenSize;
    this.weightIh = new Parameter(zeros([rows, inputSize], place));
    this.weightHh = new Parameter(zeros([rows, hiddenSize], place));
    this.biasIh = bias ? new Parameter(zeros([rows], place)) : null;
    this.biasHh = bias ? new Parameter(zeros([rows], place)) : null;
    this.resetParameters();
  }

  /** Draws new weights: all uniform within ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const weight of this.parameters()) uniform(weight, { a: -bound, b: bound });
  }

  /** The next state; zeros stand in for a missing one. */
  protected next(x: Tensor, given: readonly Tensor[] | null | undefined, parts: number): Tensor[] {
    const { inputSize, hiddenSize, weightIh, weightHh, biasIh, biasHh } = this;
    const shape = [...x.shape.slice(0, -1), hiddenSize];
    const states = given ?? [];
    const fits = states.every((state) => state.shape.join() === shape.join());
    if (x.ndim < 1 || x.ndim > 2 || x.shape[x.ndim - 1] !== inputSize || !fits) {
      throw new ShapeError(
        `${this.constructor.name}: input must be [N, ${inputSize}] and states [N, ${hiddenSize}], got ` +
          [x, ...states].map((part) => `[${part.shape.join(", ")}]`).join(", "),
      );
    }
    const zero = (): Tensor => zeros(shape, { dtype: x.dtype, device: x.device });
    const state = Array.from({ length: parts }, (_, i) => lowered(states[i] ?? zero()));
    const weights = loweredWeights({ weightIh, weightHh, biasIh, biasHh, weightHr: null });
    return advance(this.kind, linear(x, weightIh, biasIh), state, weights);
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  protected override extraRepr(): string {
    const { inputSize, hiddenSize } = this;
    return formatOptions({ inputSize, hiddenSize, bias: this.biasIh !== null });
  }
}

/** One step of an Elman network. */
export class RNNCell extends RecurrentCell {
  constructor(
    inputSize: number,
    hiddenSize: number,
    { nonlinearity = "tanh", ...options }: RNNCellOptions = {},
  ) {
    super(nonlinearity, inputSize, hiddenSize, options);
  }

  /** The next hidden state. Shapes: x [N, in] or [in], h [N, hidden] or [hidden] -> like h. */
  forward(x: Tensor, h?: Tensor | null): Tensor {
    return this.next(x, h == null ? null : [h], 1)[0];
  }
}

/** One step of a gated recurrent unit. */
export class GRUCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: LinearOptions = {}) {
    super("gru", inputSize, hiddenSize, options);
  }

  /** The next hidden state. Shapes: x [N, in] or [in], h [N, hidden] or [hidden] -> like h. */
  forward(x: Tensor, h?: Tensor | null): Tensor {
    return this.next(x, h == null ? null : [h], 1)[0];
  }
}

/** One step of a long short-term memory. */
export class LSTMCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: LinearOptions = {}) {
    super("lstm", inputSize, hiddenSize, options);
  }

  /** The next [h, c]. Shapes: x [N, in] or [in], h and c [N, hidden] or [hidden]. */
  forward(x: Tensor, hx?: readonly [h: Tensor, c: Tensor] | null): [h: Tensor, c: Tensor] {
    const [h, c] = this.next(x, hx, 2);
    return [h, c];
  }
}
