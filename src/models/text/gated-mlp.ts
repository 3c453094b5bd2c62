import { ConfigError } from "../../base/errors.ts";
import { gelu, relu, silu } from "../../nn/functional/activation.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import { Linear } from "../../nn/linear.ts";
import { formatOptions } from "../../nn/module.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { DecoderModule } from "./decoder-module.ts";

const tanhGelu = (x: Tensor): Tensor => gelu(x, { approximate: "tanh" });

const activations: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  silu,
  swish: silu,
  gelu: (x) => gelu(x),
  gelu_pytorch_tanh: tanhGelu,
  gelu_new: tanhGelu,
  relu: (x) => relu(x),
};

/** Sizes of a {@link GatedMlp}. */
export interface GatedMlpOptions {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  /** transformers' name of the activation: "silu", "gelu_pytorch_tanh", "gelu", "relu". */
  readonly hiddenAct: string;
  readonly bias: boolean;
}

/** down(act(gate(x)) · up(x)): SwiGLU with silu, GeGLU with gelu. Shapes: [..., C] → [..., C]. */
export class GatedMlp extends DecoderModule {
  readonly hiddenAct: string;
  gateProj: Linear;
  upProj: Linear;
  downProj: Linear;

  /** @throws {ConfigError} if the activation is not known. */
  constructor(options: GatedMlpOptions, place: ModuleOptions) {
    super();
    const { hiddenSize, intermediateSize, hiddenAct, bias } = options;
    if (!Object.hasOwn(activations, hiddenAct)) {
      throw new ConfigError(
        `GatedMlp: hiddenAct must be one of ${Object.keys(activations).join(", ")}, got "${hiddenAct}"`,
      );
    }
    this.hiddenAct = hiddenAct;
    this.gateProj = new Linear(hiddenSize, intermediateSize, { bias, ...place });
    this.upProj = new Linear(hiddenSize, intermediateSize, { bias, ...place });
    this.downProj = new Linear(intermediateSize, hiddenSize, { bias, ...place });
  }

  forward(x: Tensor): Tensor {
    const gate = activations[this.hiddenAct](this.gateProj.forward(x));
    return this.downProj.forward(gate.mul(this.upProj.forward(x)));
  }

  protected override extraRepr(): string {
    return formatOptions({ hiddenAct: this.hiddenAct });
  }
}
