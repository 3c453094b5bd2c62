import type { Tensor } from "athanor";
import { grad, init, jit, optim, random, stack, tensor } from "athanor";
import * as nn from "athanor/nn";
import { beforeAll, describe, expect, it } from "vitest";
import { nodeCounter } from "../../src/ir/node.ts";

beforeAll(async () => {
  await init();
  random.manualSeed(5);
});

const distance = async (a: Tensor, b: Tensor): Promise<number> =>
  Number(await a.sub(b).abs().amax().item());

describe("recurrent networks", () => {
  it("do what their cells do step by step", async () => {
    const x = random.randn([6, 2, 3]);
    const lstm = new nn.LSTM(3, 4);
    const cell = new nn.LSTMCell(3, 4);
    const state = lstm.stateDict();
    cell.loadStateDict(
      Object.fromEntries(
        Object.entries(state).map(([key, value]) => [key.replace("_l0", ""), value]),
      ),
    );
    let pair: readonly [Tensor, Tensor] | null = null;
    const hidden = x.unbind().map((step) => {
      pair = cell.forward(step, pair);
      return pair[0];
    });
    const [output, [hn]] = lstm.forward(x);
    expect(await distance(output, stack(hidden))).toBeLessThan(1e-6);
    expect(await distance(hn.select(0, 0), hidden[5])).toBeLessThan(1e-6);
  });

  it("are loops of the program: the graph does not grow with the sequence", () => {
    const gru = new nn.GRU(3, 4, { bidirectional: true, numLayers: 2 });
    const nodesFor = (steps: number): number => {
      const x = random.randn([steps, 1, 3]);
      const before = nodeCounter();
      const [output] = gru.forward(x);
      grad(output.square().sum(), gru.parameters());
      return nodeCounter() - before;
    };
    nodesFor(5);
    expect(nodesFor(2000)).toBe(nodesFor(50));
  });

  it("have torch's names, and print themselves", () => {
    const lstm = new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, projSize: 2 });
    const keys = Object.keys(lstm.stateDict());
    expect(keys.slice(0, 5)).toEqual([
      "weight_ih_l0",
      "weight_hh_l0",
      "bias_ih_l0",
      "bias_hh_l0",
      "weight_hr_l0",
    ]);
    expect(keys).toContain("weight_hr_l1_reverse");
    expect(lstm.stateDict()["weight_ih_l1"].shape).toEqual([16, 4]);
    expect(String(lstm)).toContain("LSTM(inputSize=3, hiddenSize=4, projSize=2, numLayers=2");
  });

  it("drop between layers, in training only", async () => {
    const rnn = new nn.RNN(3, 8, { numLayers: 2, dropout: 0.5 });
    const x = random.randn([4, 2, 3]);
    const [first, second] = [rnn.forward(x)[0], rnn.forward(x)[0]];
    expect(await distance(first, second)).toBeGreaterThan(1e-3);
    rnn.eval();
    expect(await distance(rnn.forward(x)[0], rnn.forward(x)[0])).toBe(0);
  });

  it("learn, in one jitted step", async () => {
    const lstm = new nn.LSTM(1, 12, { batchFirst: true });
    const head = new nn.Linear(12, 1);
    const optimizer = new optim.Adam([...lstm.parameters(), ...head.parameters()], { lr: 0.02 });
    const x = random.randn([16, 10, 1]);
    const target = x.select(1, 3); // what was said some steps ago
    const step = jit(() => {
      const [, [hn]] = lstm.forward(x);
      const loss = nn.functional.mseLoss(head.forward(hn.select(0, 0)), target);
      optimizer.step(grad(loss, optimizer.parameters));
      return loss;
    });
    const first = Number(await step().item());
    for (let i = 0; i < 150; i++) step().dispose();
    expect(Number(await step().item())).toBeLessThan(first / 10);
  });

  it("say what does not fit", () => {
    const gru = new nn.GRU(3, 4);
    expect(() => gru.forward(random.randn([5, 2, 4]))).toThrow(
      "GRU: input must be [T, N, 3] or [T, 3], got [5, 2, 4]",
    );
    expect(() => gru.forward(random.randn([5, 2, 3]), random.randn([1, 3, 4]))).toThrow(
      "GRU: initial state must be [1, 2, 4], got [1, 3, 4]",
    );
    expect(() => gru.forward(random.randn([5, 2, 3]), null, { lengths: [1] })).toThrow(
      "lengths: must be [2], one per sequence, got 1",
    );
    expect(() => new nn.LSTM(3, 4, { projSize: 4 })).toThrow(
      "LSTM: projSize must be below 4, got 4",
    );
    expect(() => new nn.GRUCell(3, 4).forward(tensor([1, 2]))).toThrow(
      "GRUCell: input must be [N, 3] and states [N, 4], got [2]",
    );
  });
});

describe("sequences of different lengths", () => {
  const sequences = [tensor([[1], [2], [3]]), tensor([[4]])];

  it("are padded on either side, and cut again", async () => {
    const padded = nn.padSequence(sequences, { batchFirst: true, paddingValue: -1 });
    expect(await padded.squeeze({ dim: 2 }).tolist()).toEqual([
      [1, 2, 3],
      [4, -1, -1],
    ]);
    const left = nn.padSequence(sequences, { paddingSide: "left" });
    expect(await left.squeeze({ dim: 2 }).tolist()).toEqual([
      [1, 0],
      [2, 0],
      [3, 4],
    ]);
    const again = nn.unpadSequence(padded, [3, 1], { batchFirst: true });
    expect(await Promise.all(again.map((x) => x.tolist()))).toEqual([[[1], [2], [3]], [[4]]]);
  });

  it("must agree in their other dims", () => {
    expect(() => nn.padSequence([tensor([[1, 2]]), tensor([[1]])])).toThrow(
      "padSequence: sequences must agree in all dims but 0, got [1, 2], [1, 1]",
    );
  });
});

describe("transformers", () => {
  it("drop in training only, and copy their layers", async () => {
    const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
    const encoder = new nn.TransformerEncoder(layer, 2, { norm: new nn.LayerNorm(8) });
    const x = random.randn([2, 5, 8]);
    expect(await distance(encoder.forward(x), encoder.forward(x))).toBeGreaterThan(1e-3);
    encoder.eval();
    expect(await distance(encoder.forward(x), encoder.forward(x))).toBe(0);
    const [first, second] = encoder.layers;
    expect(await distance(first.parameters()[0], second.parameters()[0])).toBe(0);
    expect(new Set(encoder.parameters()).size).toBe(2 * 12 + 2);
  });

  it("give attention weights only to those who ask", async () => {
    const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true, dropout: 0.5 });
    const x = random.randn([2, 5, 8]);
    const [, none] = attention.forward(x, x, x, { needWeights: false });
    expect(none).toBe(null);
    const [, weights] = attention.forward(x, x, x, { averageAttnWeights: false });
    // In training they are the weights that met the values: dropped ones are 0.
    expect(Number(await weights?.eq(0).to("f32").mean().item())).toBeGreaterThan(0.25);
    attention.eval();
    const [, whole] = attention.forward(x, x, x, { isCausal: true });
    expect(await distance(whole?.sum({ dim: -1 }) ?? x, tensor(1))).toBeLessThan(1e-6);
    expect(await whole?.triu({ diagonal: 1 }).abs().sum().item()).toBe(0);
  });

  it("make causal masks", async () => {
    const mask = nn.Transformer.generateSquareSubsequentMask(2);
    expect(await mask.tolist()).toEqual([
      [0, -Infinity],
      [0, 0],
    ]);
  });
});
