import { arange } from "athanor";
import type { Tensor } from "athanor";
import * as nn from "athanor/nn";

/** Sizes of the fixture's GPT. */
export interface GptConfig {
  readonly vocabSize: number;
  readonly blockSize: number;
  readonly nLayer: number;
  readonly nHead: number;
  readonly nEmbd: number;
}

// B batch, T time, C width, H heads
class Block extends nn.Module {
  readonly ln1: nn.LayerNorm;
  readonly attn: nn.ModuleDict<{ qkv: nn.Linear; proj: nn.Linear }>;
  readonly ln2: nn.LayerNorm;
  readonly mlp: nn.ModuleDict<{ fc: nn.Linear; proj: nn.Linear }>;
  readonly heads: number;

  constructor(width: number, heads: number) {
    super();
    this.heads = heads;
    const linear = (from: number, to: number) => new nn.Linear(from, to, { bias: false });
    this.ln1 = new nn.LayerNorm(width);
    this.ln2 = new nn.LayerNorm(width);
    this.attn = new nn.ModuleDict({ qkv: linear(width, 3 * width), proj: linear(width, width) });
    this.mlp = new nn.ModuleDict({ fc: linear(width, 4 * width), proj: linear(4 * width, width) });
  }

  forward(x: Tensor): Tensor {
    const [B, T, C] = x.shape;
    const parts = this.attn.get("qkv").forward(this.ln1.forward(x)).chunk(3, { dim: -1 });
    const [q, k, v] = parts.map((part) =>
      part.reshape([B, T, this.heads, C / this.heads]).transpose(1, 2),
    ); // [B, H, T, C / H]
    const y = nn.functional.scaledDotProductAttention(q, k, v, { isCausal: true });
    const joined = y.transpose(1, 2).reshape([B, T, C]);
    const attended = x.add(this.attn.get("proj").forward(joined));
    const hidden = this.mlp.get("fc").forward(this.ln2.forward(attended));
    const active = nn.functional.gelu(hidden, { approximate: "tanh" });
    return attended.add(this.mlp.get("proj").forward(active));
  }
}

/** The fixture's GPT: logits [B·T, vocabSize] of token ids [B, T]. */
export class Gpt extends nn.Module {
  readonly wte: nn.Embedding;
  readonly wpe: nn.Embedding;
  readonly h: nn.ModuleList<Block>;
  readonly lnF: nn.LayerNorm;
  readonly head: nn.Linear;

  constructor({ vocabSize, blockSize, nLayer, nHead, nEmbd }: GptConfig) {
    super();
    this.wte = new nn.Embedding(vocabSize, nEmbd);
    this.wpe = new nn.Embedding(blockSize, nEmbd);
    this.h = new nn.ModuleList(Array.from({ length: nLayer }, () => new Block(nEmbd, nHead)));
    this.lnF = new nn.LayerNorm(nEmbd);
    this.head = new nn.Linear(nEmbd, vocabSize, { bias: false });
  }

  forward(ids: Tensor): Tensor {
    let x = this.wte.forward(ids).add(this.wpe.forward(arange(ids.shape[1])));
    for (const block of this.h) x = block.forward(x);
    return this.head.forward(this.lnF.forward(x)).flatten({ endDim: 1 });
  }
}
