import { elu, gelu, relu, silu } from "../../nn/functional/activation.ts";
import { uniform } from "../../nn/init.ts";
import { LayerNorm } from "../../nn/layer-norm.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import type { DeviceName } from "../../engine/devices.ts";
import { cat } from "../../tensor/functions.ts";
import type { Generator } from "../../tensor/generator.ts";
import { scope } from "../../tensor/memory.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** What may follow a hidden layer. */
export const activations = ["relu", "tanh", "elu", "silu", "gelu"] as const;
/** The function that follows each hidden layer of an agent's nets. */
export type Activation = (typeof activations)[number];

/** Options of {@link Mlp}. */
export interface MlpOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  readonly activation: Activation;
  /** Whether each hidden layer is normalised before its activation. */
  readonly layerNorm: boolean;
  /** Bound of the last layer's weights and biases; null for 1/√fanIn, as in the others. */
  readonly lastLayerInit: number | null;
  /** A second input, and the layer that takes it in, counted from 1. @defaultValue none */
  readonly side?: { readonly inputs: number; readonly layer: number };
  readonly generator: Generator;
  readonly device: DeviceName;
}

/**
 * Linear layers with activations between them: the nets of all algorithms here. Weights and biases
 * start uniform within ±1/√fanIn, PyTorch's default. Keys: `layers.0.weight`, `layers.0.bias`, …,
 * `norms.0.weight`, ….
 *
 * Shapes: x [batch, inputs], side [batch, side inputs] → [batch, outputs].
 */
export class Mlp extends Module {
  readonly layers: Linear[];
  readonly norms: LayerNorm[];
  readonly #activation: Activation;
  /** Index of the layer that takes the second input; -1 without one. */
  readonly #sideAt: number;

  constructor({ hidden, inputs, outputs, activation, side, device, ...rest }: MlpOptions) {
    super();
    this.#activation = activation;
    this.#sideAt = side === undefined ? -1 : Math.min(side.layer - 1, hidden.length);
    const widths = [inputs, ...hidden, outputs];
    const sideOf = (i: number): number => (i === this.#sideAt ? (side?.inputs ?? 0) : 0);
    this.layers = scope(() =>
      widths.slice(1).map((width, i) => {
        const layer = new Linear(widths[i] + sideOf(i), width, { device });
        const bound = i === hidden.length ? rest.lastLayerInit : null;
        drawWeights(layer, bound ?? 1 / Math.sqrt(layer.inFeatures), rest.generator);
        return layer;
      }),
    );
    this.norms = scope(() =>
      rest.layerNorm ? hidden.map((width) => new LayerNorm(width, { device })) : [],
    );
  }

  /** The last layer's outputs, without an activation. */
  forward(x: Tensor, side?: Tensor): Tensor {
    let value = x;
    this.layers.forEach((layer, i) => {
      if (side !== undefined && i === this.#sideAt) value = cat([value, side], { dim: 1 });
      value = layer.forward(value);
      if (i === this.layers.length - 1) return;
      const normalised = this.norms.length > 0 ? this.norms[i].forward(value) : value;
      value = activate(normalised, this.#activation);
    });
    return value;
  }
}

function drawWeights({ weight, bias }: Linear, bound: number, generator: Generator): void {
  uniform(weight, { a: -bound, b: bound, generator });
  if (bias !== null) uniform(bias, { a: -bound, b: bound, generator });
}

function activate(x: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case "relu":
      return relu(x);
    case "tanh":
      return x.tanh();
    case "elu":
      return elu(x);
    case "silu":
      return silu(x);
    default:
      return gelu(x);
  }
}
