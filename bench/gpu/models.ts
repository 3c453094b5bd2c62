import type { Tensor } from "athanor";
import * as nn from "athanor/nn";
import { gpuSizes } from "./sizes.ts";
import type { GpuSizes } from "./sizes.ts";

const { gelu, relu, scaledDotProductAttention } = nn.functional;

/** A pre-norm block of GPT-2. */
class Gpt2Block extends nn.Module {
  readonly norm1: nn.LayerNorm;
  readonly qkv: nn.Linear;
  readonly proj: nn.Linear;
  readonly norm2: nn.LayerNorm;
  readonly up: nn.Linear;
  readonly down: nn.Linear;
  readonly #heads: number;

  constructor(width: number, heads: number) {
    super();
    this.norm1 = new nn.LayerNorm(width);
    this.qkv = new nn.Linear(width, 3 * width);
    this.proj = new nn.Linear(width, width);
    this.norm2 = new nn.LayerNorm(width);
    this.up = new nn.Linear(width, 4 * width);
    this.down = new nn.Linear(4 * width, width);
    this.#heads = heads;
  }

  forward(x: Tensor): Tensor {
    const y = x.add(this.proj.forward(this.#attend(this.norm1.forward(x))));
    const hidden = gelu(this.up.forward(this.norm2.forward(y)), { approximate: "tanh" });
    return y.add(this.down.forward(hidden));
  }

  #attend(x: Tensor): Tensor {
    const [batch, length, width] = x.shape;
    const [query, key, value] = this.qkv
      .forward(x)
      .reshape([batch, length, 3, this.#heads, width / this.#heads])
      .permute([2, 0, 3, 1, 4])
      .unbind(); // three of [N, H, T, D / H]
    const y = scaledDotProductAttention(query, key, value, { isCausal: true });
    return y.transpose(1, 2).reshape([batch, length, width]);
  }
}

/** GPT-2 with tied embeddings: tokens [N, T] to logits [N, T, V]. */
export class Gpt2 extends nn.Module {
  readonly tokens: nn.Embedding;
  readonly positions: nn.Embedding;
  readonly blocks: nn.ModuleList<Gpt2Block>;
  readonly norm: nn.LayerNorm;

  constructor({ vocab, length, width, heads, layers }: GpuSizes["gpt2"] = gpuSizes.gpt2) {
    super();
    this.tokens = new nn.Embedding(vocab, width);
    this.positions = new nn.Embedding(length, width);
    const blocks = Array.from({ length: layers }, () => new Gpt2Block(width, heads));
    this.blocks = new nn.ModuleList(blocks);
    this.norm = new nn.LayerNorm(width);
    for (const [name, parameter] of this.namedParameters()) {
      if (parameter.shape.length > 1) nn.init.normal(parameter, { std: 0.02 });
      else if (name.endsWith("bias")) nn.init.zeros(parameter);
    }
  }

  forward(tokens: Tensor): Tensor {
    let x = this.tokens.forward(tokens).add(this.positions.weight);
    for (const block of this.blocks) x = block.forward(x);
    return nn.functional.linear(this.norm.forward(x), this.tokens.weight);
  }
}

const expansion = 4;

/** 1×1, 3×3 and 1×1 convolution beside an identity or a projection. */
class Bottleneck extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly conv3: nn.Conv2d;
  readonly bn3: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | null;

  constructor(inputs: number, width: number, stride: number) {
    super();
    const outputs = width * expansion;
    this.conv1 = new nn.Conv2d(inputs, width, 1, { bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.conv2 = new nn.Conv2d(width, width, 3, { stride, padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(width);
    this.conv3 = new nn.Conv2d(width, outputs, 1, { bias: false });
    this.bn3 = new nn.BatchNorm2d(outputs);
    this.downsample =
      stride === 1 && inputs === outputs
        ? null
        : new nn.Sequential(
            new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }),
            new nn.BatchNorm2d(outputs),
          );
  }

  forward(x: Tensor): Tensor {
    const first = relu(this.bn1.forward(this.conv1.forward(x)));
    const second = relu(this.bn2.forward(this.conv2.forward(first)));
    const third = this.bn3.forward(this.conv3.forward(second));
    return relu(third.add(this.downsample === null ? x : this.downsample.forward(x)));
  }
}

/** ResNet with bottlenecks, ResNet-50 at full size: images [N, 3, S, S] to logits. */
export class ResNet extends nn.Module {
  readonly conv1: nn.Conv2d = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
  readonly bn1: nn.BatchNorm2d = new nn.BatchNorm2d(64);
  readonly layers: nn.Sequential;
  readonly fc: nn.Linear;

  constructor({ blocks, classes }: GpuSizes["resnet"] = gpuSizes.resnet) {
    super();
    let inputs = 64;
    const layers = blocks.flatMap((count, stage) =>
      Array.from({ length: count }, (_, i) => {
        const width = 64 * 2 ** stage;
        const block = new Bottleneck(inputs, width, i === 0 && stage > 0 ? 2 : 1);
        inputs = width * expansion;
        return block;
      }),
    );
    this.layers = new nn.Sequential(...layers);
    this.fc = new nn.Linear(inputs, classes);
  }

  forward(images: Tensor): Tensor {
    const stem = relu(this.bn1.forward(this.conv1.forward(images)));
    const pooled = nn.functional.maxPool2d(stem, 3, { stride: 2, padding: 1 });
    return this.fc.forward(this.layers.forward(pooled).mean({ dim: [2, 3] }));
  }
}
