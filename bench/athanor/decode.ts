import { Tensor, arange, jit, realizeSync, zeros } from "athanor";
import * as nn from "athanor/nn";
import { decodeSizes, gptSizes } from "../workload.ts";
import type { MakeWorkload } from "../workload.ts";
import type { Block } from "./models.ts";
import { Gpt } from "./models.ts";
import { seedWeights } from "./training.ts";

const { gelu, softmax } = nn.functional;

/** Keys and values of the tokens so far, of one block: two of [H, T, D / H]. */
interface Cache {
  readonly keys: Tensor;
  readonly values: Tensor;
}

const makeCache = (): Cache => {
  const { heads, width } = gptSizes;
  const shape = [heads, decodeSizes.tokens, width / heads];
  return { keys: zeros(shape), values: zeros(shape) };
};

/** Attention of one token [1, width] to those before it; puts its key and value into the cache. */
function attend(block: Block, x: Tensor, cache: Cache, position: Tensor): Tensor {
  const { heads, width } = gptSizes;
  const size = width / heads;
  const places = arange(decodeSizes.tokens, { dtype: "i32" });
  const [query, key, value] = block.qkv.forward(x).reshape([3, heads, 1, size]).unbind();
  const here = places.eq(position).reshape([1, -1, 1]);
  cache.keys.assign(key.where(here, cache.keys));
  cache.values.assign(value.where(here, cache.values));
  const scores = query.matmul(cache.keys.transpose(-1, -2)).div(Math.sqrt(size));
  const weights = softmax(scores.maskedFill(places.gt(position), -Infinity), -1);
  return block.proj.forward(weights.matmul(cache.values).reshape([1, width]));
}

/** Decodes greedily, token by token, one compiled step each; every token is read by the host. */
export const decode: MakeWorkload = async () => {
  const model = new Gpt();
  const parameters = seedWeights(model);
  const caches = model.blocks.map(makeCache);
  const token = Tensor.from(Int32Array.of(decodeSizes.start));
  const position = Tensor.from(Int32Array.of(0));
  realizeSync(
    ...parameters,
    token,
    position,
    ...caches.flatMap(({ keys, values }) => [keys, values]),
  );

  const step = jit(() => {
    let x = model.tokens.forward(token).add(model.positions.indexSelect(0, position));
    model.blocks.forEach((block, i) => {
      const y = x.add(attend(block, block.norm1.forward(x), caches[i], position));
      x = y.add(block.down.forward(gelu(block.up.forward(block.norm2.forward(y)))));
    });
    const next = model.head.forward(model.norm.forward(x)).argmax({ dim: -1 });
    token.assign(next);
    position.assign(position.add(1));
    return next;
  });
  const sequence = (): number[] => {
    token.assign(Tensor.from(Int32Array.of(decodeSizes.start)));
    position.assign(Tensor.from(Int32Array.of(0)));
    return Array.from({ length: decodeSizes.tokens }, () => {
      using next = step();
      return next.dataSync()[0];
    });
  };
  sequence();
  return {
    run: () => void sequence(),
    check: () => sequence().reduce((sum, id, i) => sum + id * (i + 1), 0),
  };
};
