import type { Tensor } from "athanor";
import * as nn from "athanor/nn";
import { cnnSizes, gptSizes, mlpSizes } from "../workload.ts";

const { relu, maxPool2d, gelu, scaledDotProductAttention } = nn.functional;

/** Three linear layers with relu between them. */
export function mlp(): nn.Sequential {
  const [first, second, third, last] = mlpSizes.widths;
  return new nn.Sequential(
    new nn.Linear(first, second),
    new nn.ReLU(),
    new nn.Linear(second, third),
    new nn.ReLU(),
    new nn.Linear(third, last),
  );
}

/** Two blocks of convolution, relu and pooling, then a linear classifier. */
export class Cnn extends nn.Module {
  readonly conv1: nn.Conv2d = new nn.Conv2d(cnnSizes.channels[0], cnnSizes.channels[1], 3, {
    padding: 1,
  });
  readonly conv2: nn.Conv2d = new nn.Conv2d(cnnSizes.channels[1], cnnSizes.channels[2], 3, {
    padding: 1,
  });
  readonly fc: nn.Linear = new nn.Linear(
    cnnSizes.channels[2] * (cnnSizes.side / 4) ** 2,
    cnnSizes.classes,
  );

  forward(images: Tensor): Tensor {
    const x = maxPool2d(relu(this.conv1.forward(images)), 2); // [N, 32, 14, 14]
    const y = maxPool2d(relu(this.conv2.forward(x)), 2); // [N, 64, 7, 7]
    return this.fc.forward(y.flatten({ startDim: 1 }));
  }
}

/** One pre-norm block of attention and a feed-forward net. */
export class Block extends nn.Module {
  readonly norm1: nn.LayerNorm = new nn.LayerNorm(gptSizes.width);
  readonly qkv: nn.Linear = new nn.Linear(gptSizes.width, 3 * gptSizes.width);
  readonly proj: nn.Linear = new nn.Linear(gptSizes.width, gptSizes.width);
  readonly norm2: nn.LayerNorm = new nn.LayerNorm(gptSizes.width);
  readonly up: nn.Linear = new nn.Linear(gptSizes.width, 4 * gptSizes.width);
  readonly down: nn.Linear = new nn.Linear(4 * gptSizes.width, gptSizes.width);

  forward(x: Tensor): Tensor {
    const y = x.add(this.proj.forward(this.#attend(this.norm1.forward(x))));
    return y.add(this.down.forward(gelu(this.up.forward(this.norm2.forward(y)))));
  }

  /** Causal attention of several heads. */
  #attend(x: Tensor): Tensor {
    const [batch, length, width] = x.shape;
    const { heads } = gptSizes;
    const [query, key, value] = this.qkv
      .forward(x)
      .reshape([batch, length, 3, heads, width / heads])
      .permute([2, 0, 3, 1, 4])
      .unbind(); // three of [N, H, T, D / H]
    const y = scaledDotProductAttention(query, key, value, { isCausal: true });
    return y.transpose(1, 2).reshape([batch, length, width]);
  }
}

/** A small GPT-2: learned positions, pre-norm blocks, an output layer of its own. */
export class Gpt extends nn.Module {
  readonly tokens: nn.Embedding = new nn.Embedding(gptSizes.vocab, gptSizes.width);
  readonly positions: nn.Parameter = new nn.Embedding(gptSizes.length, gptSizes.width).weight;
  readonly blocks: readonly Block[] = Array.from({ length: gptSizes.layers }, () => new Block());
  readonly norm: nn.LayerNorm = new nn.LayerNorm(gptSizes.width);
  readonly head: nn.Linear = new nn.Linear(gptSizes.width, gptSizes.vocab, { bias: false });

  forward(tokens: Tensor): Tensor {
    let x = this.tokens.forward(tokens).add(this.positions);
    for (const block of this.blocks) x = block.forward(x);
    return this.head.forward(this.norm.forward(x));
  }
}
