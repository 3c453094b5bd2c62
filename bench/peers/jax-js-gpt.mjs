/** The benchmark's GPT for jax-js: its training loss, and decoding with a key-value cache. */
import { classes, oneHot, uniform } from "../dist/inputs.js";
import { decodeSizes, gptSizes } from "../dist/workload.js";

const { batch, length, width, heads, layers, vocab } = gptSizes;
const headSize = width / heads;

/** Shapes and fills of the weights, in the order every contender draws them. */
export const gptSpecs = (() => {
  const matrix = (rows, columns) => ({ shape: [rows, columns], fanIn: columns });
  const vector = (size, fill) => ({ shape: [size], fanIn: null, fill });
  const linear = (inputs, outputs) => [matrix(outputs, inputs), vector(outputs, 0)];
  const norm = () => [vector(width, 1), vector(width, 0)];
  const block = () => [
    ...norm(),
    ...linear(width, 3 * width),
    ...linear(width, width),
    ...norm(),
    ...linear(width, 4 * width),
    ...linear(4 * width, width),
  ];
  return [
    matrix(length, width),
    matrix(vocab, width),
    ...Array.from({ length: layers }, block).flat(),
    ...norm(),
    matrix(vocab, width),
  ];
})();

const namesOfBlock = "g1 c1 qkvW qkvB projW projB g2 c2 upW upB downW downB".split(" ");

/** The weights as a record a block. */
function unpack(parameters) {
  const [positions, tokens, ...rest] = parameters;
  const blocks = Array.from({ length: layers }, (_, i) =>
    Object.fromEntries(namesOfBlock.map((name, j) => [name, rest[i * namesOfBlock.length + j]])),
  );
  const [gain, shift, head] = rest.slice(layers * namesOfBlock.length);
  return { positions, tokens, blocks, gain, shift, head };
}

const linear = (np, x, weight, bias) => np.matmul(x, np.transpose(weight)).add(bias);
const norm = (nn, x, gain, shift) => nn.standardize(x, -1).mul(gain).add(shift);

/** Loss of next tokens. Tokens come as one-hot rows: gather has no gradient under this library's jit. */
export function gptTraining({ numpy: np, nn }, crossEntropy) {
  const tokens = (seed) => oneHot(classes(batch * length, seed, vocab), vocab);
  const rows = batch * length;
  const mask = new Float32Array(length * length);
  for (let i = 0; i < length; i++) mask.fill(-1e9, i * length + i + 1, (i + 1) * length);
  return {
    specs: gptSpecs,
    decay: 0.01,
    inputs: [
      np.array(tokens(1)).reshape([rows, vocab]),
      np.array(tokens(2)).reshape([rows, vocab]),
      np.array(mask).reshape([length, length]),
    ],
    loss: (parameters, x, y, causal) => {
      const w = unpack(parameters);
      let h = np.matmul(x, w.tokens).reshape([batch, length, width]).add(w.positions);
      for (const block of w.blocks) {
        const qkv = linear(np, norm(nn, h.ref, block.g1, block.c1), block.qkvW, block.qkvB).reshape(
          [batch, length, 3, heads, headSize],
        );
        const turned = np.transpose(qkv, [2, 0, 3, 1, 4]);
        const [q, k, v] = [turned.ref.slice(0), turned.ref.slice(1), turned.slice(2)];
        const scores = np
          .matmul(q, np.transpose(k, [0, 1, 3, 2]))
          .mul(1 / Math.sqrt(headSize))
          .add(causal.ref);
        const mixed = np.matmul(nn.softmax(scores, -1), v);
        const joined = np.transpose(mixed, [0, 2, 1, 3]).reshape([batch, length, width]);
        h = h.add(linear(np, joined, block.projW, block.projB));
        const up = linear(np, norm(nn, h.ref, block.g2, block.c2), block.upW, block.upB);
        h = h.add(linear(np, nn.gelu(up, { approximate: false }), block.downW, block.downB));
      }
      causal.dispose();
      const logits = np.matmul(norm(nn, h, w.gain, w.shift), np.transpose(w.head));
      return crossEntropy(logits.reshape([rows, vocab]), y);
    },
  };
}

/** Greedy decoding: a compiled step a token; the host reads every token. */
export function gptDecoding(jax) {
  const { numpy: np, nn } = jax;
  const weights = gptSpecs.map(({ shape, fanIn, fill }, i) => {
    const count = shape.reduce((product, n) => product * n, 1);
    const values =
      fanIn === null
        ? new Float32Array(count).fill(fill)
        : uniform(count, 100 + i, 1 / Math.sqrt(fanIn));
    return np.array(values).reshape(shape);
  });
  const { tokens: places } = decodeSizes;
  const step = jax.jit((parameters, caches, token, here, mask) => {
    const w = unpack(parameters);
    let x = np
      .take(w.tokens, token, 0)
      .add(np.matmul(here.ref.reshape([1, places]), w.positions.slice([0, places])));
    const next = [];
    w.blocks.forEach((block, i) => {
      const qkv = linear(np, norm(nn, x.ref, block.g1, block.c1), block.qkvW, block.qkvB).reshape([
        3,
        heads,
        1,
        headSize,
      ]);
      const [q, k, v] = [qkv.ref.slice(0), qkv.ref.slice(1), qkv.slice(2)];
      const put = (cache, value) => {
        const at = here.ref.reshape([1, places, 1]);
        return cache.mul(np.subtract(1, at.ref)).add(value.mul(at));
      };
      const keys = put(caches[2 * i], k);
      const values = put(caches[2 * i + 1], v);
      next.push(keys.ref, values.ref);
      const scores = np
        .matmul(q, np.transpose(keys, [0, 2, 1]))
        .mul(1 / Math.sqrt(headSize))
        .add(mask.ref);
      const mixed = np.matmul(nn.softmax(scores, -1), values).reshape([1, width]);
      x = x.add(linear(np, mixed, block.projW, block.projB));
      const up = linear(np, norm(nn, x.ref, block.g2, block.c2), block.upW, block.upB);
      x = x.add(linear(np, nn.gelu(up, { approximate: false }), block.downW, block.downB));
    });
    here.dispose();
    mask.dispose();
    const logits = np.matmul(norm(nn, x, w.gain, w.shift), np.transpose(w.head));
    return [np.argmax(logits, -1), next];
  });
  const sequence = async () => {
    let caches = Array.from({ length: 2 * layers }, () => np.zeros([heads, places, headSize]));
    const ids = [];
    let token = decodeSizes.start;
    for (let position = 0; position < places; position++) {
      const here = Float32Array.from({ length: places }, (_, i) => Number(i === position));
      const mask = Float32Array.from({ length: places }, (_, i) => (i > position ? -1e9 : 0));
      const [next, kept] = step(
        weights.map((weight) => weight.ref),
        caches,
        np.array(Int32Array.of(token)),
        np.array(here),
        np.array(mask),
      );
      caches = kept;
      token = (await next.data())[0];
      ids.push(token);
    }
    caches.forEach((cache) => cache.dispose());
    return ids;
  };
  return {
    run: async () => void (await sequence()),
    check: async () => (await sequence()).reduce((sum, id, i) => sum + id * (i + 1), 0),
  };
}
