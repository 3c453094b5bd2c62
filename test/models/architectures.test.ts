import { autocast, grad, jit, tensor } from "athanor";
import type { Tensor } from "athanor";
import {
  GPT2,
  ResNet,
  gpt2Sizes,
  resnet101,
  resnet152,
  resnet18,
  resnet34,
  resnet50,
} from "athanor/models";
import type { GPT2Options, ResNetBlock, ResNetOptions } from "athanor/models";
import * as nn from "athanor/nn";
import { AdamW } from "athanor/optim";
import { describe, expect, it } from "vitest";
import { fromFixture, relativeError, useTestDevice } from "../device.ts";
import type { ArchitectureCase } from "../reference/fixture.ts";
import { loadFixture } from "../reference/fixture.ts";

useTestDevice();
const fixture = loadFixture("architecture");
const load = (name: string): Tensor => fromFixture(fixture.tensor(name));
const loadAll = (names: Readonly<Record<string, string>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(names).map(([key, name]) => [key, load(name)]));

async function expectClose(actual: Tensor, name: string, tolerance = 1e-5): Promise<void> {
  expect(actual.shape).toEqual(fixture.tensor(name).shape);
  expect(relativeError(await actual.data(), fixture.tensor(name).data), name).toBeLessThan(
    tolerance,
  );
}

const [gptCase] = fixture.cases;
const gptOptions = gptCase.config as unknown as GPT2Options;

function loadGpt(options: GPT2Options = {}): GPT2 {
  const model = new GPT2({ ...gptOptions, ...options });
  model.loadStateDict(loadAll(gptCase.state));
  return model;
}

const padded = { paddedVocabSize: 32 };

describe("GPT2", () => {
  it.each<[string, GPT2Options]>([
    ["as it is", {}],
    ["with a padded vocabulary", padded],
  ])("%s: logits, loss and gradients as transformers' GPT2LMHeadModel", async (_, options) => {
    const model = loadGpt(options);
    const named = model.namedParameters();
    const parameters = named.map(([, parameter]) => parameter);
    const step = jit((tokens: Tensor, targets: Tensor) => {
      const loss = model.loss(tokens, targets);
      return { loss, logits: model.forward(tokens), grads: grad(loss, parameters) };
    });
    const { loss, logits, grads } = step(load(gptCase.input), load(gptCase.target));
    expect(relativeError([await loss.item()], [gptCase.loss])).toBeLessThan(1e-6);
    await expectClose(logits, gptCase.output);
    expect(named.map(([key]) => key).toSorted()).toEqual(Object.keys(gptCase.grads).toSorted());
    for (const [i, [key]] of named.entries()) {
      const own = key === "transformer.wte.weight" ? grads[i].narrow(0, 0, 29) : grads[i];
      await expectClose(own, gptCase.grads[key]);
    }
  });

  it.each<[string, GPT2Options]>([
    ["as it is", {}],
    ["with a padded vocabulary", padded],
  ])("%s: continues as without a cache, and as transformers", async (_, options) => {
    const model = loadGpt(options).eval();
    const prompt = load(gptCase.input).narrow(0, 0, 1).narrow(1, 0, 5);
    const expected = gptCase.generated ?? [];
    const seen: number[] = [];
    const longer = await model.generate(prompt, {
      maxNewTokens: expected.length - 5,
      temperature: 0,
      onTokens: (tokens) => seen.push(...tokens),
    });
    expect([...(await longer.data())]).toEqual(expected);
    expect(seen).toEqual(expected.slice(5));
  });

  it("continues several sequences, up to the last position, until all have ended", async () => {
    const model = loadGpt().eval();
    const prompts = load(gptCase.input);
    const options = { maxNewTokens: 7, temperature: 0 };
    const both = [...(await (await model.generate(prompts, options)).data())];
    const second = await model.generate(prompts.narrow(0, 1, 1), options);
    expect(both.slice(17)).toEqual([...(await second.data())]);
    const eosTokenId = both[11];
    const ended = await model.generate(prompts.narrow(0, 0, 1), { ...options, eosTokenId });
    expect([...(await ended.data())].slice(10)).toEqual([both[10], eosTokenId]);
  });

  it("draws from what topK and topP leave, and the same for the same seed", async () => {
    const model = loadGpt().eval();
    const prompt = load(gptCase.input).narrow(1, 0, 5);
    const draw = async (options: object): Promise<number[]> => [
      ...(await (await model.generate(prompt, { maxNewTokens: 8, ...options })).data()),
    ];
    const greedy = await draw({ temperature: 0 });
    expect(await draw({ topK: 1 })).toEqual(greedy);
    expect(await draw({ topP: 1e-6 })).toEqual(greedy);
    expect(await draw({ temperature: 5 })).not.toEqual(greedy);
  });

  it("loads keys without the prefix and ignores constant masks", async () => {
    const bare = Object.fromEntries(
      Object.entries(loadAll(gptCase.state)).map(([key, value]) => [
        key.replace("transformer.", ""),
        value,
      ]),
    );
    const model = new GPT2({ ...gptOptions, ...padded });
    model.loadStateDict({ ...bare, "h.0.attn.bias": tensor([1]) });
    await expectClose(model.forward(load(gptCase.input)), gptCase.output);
    const { "wpe.weight": _gone, ...rest } = bare;
    expect(() => model.loadStateDict(rest)).toThrow("transformer.wpe.weight");
  });

  it("trains in bf16 with f32 master weights, and under autocast", async () => {
    const [tokens, targets] = [load(gptCase.input), load(gptCase.target)];
    const lossesOf = async (model: GPT2, isCast: boolean): Promise<number[]> => {
      const optimizer = new AdamW(model.parameters(), { lr: 1e-3, masterWeights: !isCast });
      const step = jit(() => {
        const loss = isCast
          ? autocast({ dtype: "bf16" }, () => model.loss(tokens, targets))
          : model.loss(tokens, targets);
        optimizer.step(grad(loss, optimizer.parameters));
        return loss;
      });
      const losses: number[] = [];
      for (let i = 0; i < 5; i++) losses.push(await step().item());
      return losses;
    };
    const cast = loadGpt(padded);
    const exact = await lossesOf(cast, true);
    expect(cast.lmHead.weight.dtype).toBe("f32");
    const half = await lossesOf(loadGpt(padded).bfloat16(), false);
    for (const losses of [exact, half]) {
      // They have more digits than bf16.
      expect(losses).not.toEqual(await tensor(losses, { dtype: "bf16" }).tolist());
      expect(losses[4]).toBeLessThan(losses[0] - 0.05);
      expect(relativeError(losses, exact)).toBeLessThan(0.02);
      expect(relativeError([losses[0]], [gptCase.loss])).toBeLessThan(0.01);
    }
  });

  it("starts with the loss of guessing, and has the published number of parameters", async () => {
    const model = new GPT2(gptOptions);
    const loss = await model.loss(load(gptCase.input), load(gptCase.target)).item();
    expect(Math.abs(loss - Math.log(29))).toBeLessThan(0.05);
    // 124,439,808 in transformers; only shapes are looked at, nothing is drawn.
    const { nEmbd = 0, nLayer = 0 } = gpt2Sizes.gpt2;
    const block = 12 * nEmbd * nEmbd + 13 * nEmbd;
    expect((50257 + 1024) * nEmbd + nLayer * block + 2 * nEmbd).toBe(124_439_808);
    const count = model.parameters().reduce((sum, { numel }) => sum + numel, 0);
    expect(count).toBe((29 + 16) * 16 + 2 * (12 * 16 * 16 + 13 * 16) + 2 * 16);
  });

  it("refuses sizes and requests that do not fit", async () => {
    expect(() => new GPT2({ ...gptOptions, nHead: 3 })).toThrow("GPT2: nHead must divide nEmbd");
    expect(() => new GPT2({ ...gptOptions, nLayer: 0 })).toThrow("nLayer must be a positive");
    expect(() => new GPT2({ ...gptOptions, paddedVocabSize: 8 })).toThrow("at least vocabSize 29");
    const model = new GPT2(gptOptions);
    const tokens = load(gptCase.input);
    await expect(model.generate(tokens)).rejects.toThrow("the model sees 16 tokens, got 10");
    await expect(model.generate(tokens, { topP: 0 })).rejects.toThrow("topP must be a number in");
    await expect(model.generate(tokens, { topK: 0 })).rejects.toThrow("topK must be an integer");
    expect(() => model.forward(tensor([1]))).toThrow("GPT2: tokens must be [B, T]");
  });
});

function makeResNet({ config }: ArchitectureCase): ResNet {
  const { block, layers, ...options } = config as unknown as ResNetOptions & {
    readonly block: ResNetBlock;
    readonly layers: readonly [number, number, number, number];
  };
  return new ResNet(block, layers, options);
}

describe("ResNet", () => {
  it.each(fixture.cases.slice(1))("$name: as torchvision's", async (one) => {
    const model = makeResNet(one);
    expect(Object.keys(model.stateDict()).toSorted()).toEqual(Object.keys(one.state).toSorted());
    model.loadStateDict(loadAll(one.state));
    const wanted = Object.keys(one.grads).map((key) => model.getParameter(key));
    const step = jit((images: Tensor, labels: Tensor) => {
      const logits = model.forward(images);
      const loss = nn.functional.crossEntropy(logits, labels);
      return { loss, logits, grads: grad(loss, wanted) };
    });
    const { loss, logits, grads } = step(load(one.input), load(one.target));
    expect(relativeError([await loss.item()], [one.loss])).toBeLessThan(1e-5);
    await expectClose(logits, one.output, 1e-4);
    for (const [i, name] of Object.values(one.grads).entries()) {
      await expectClose(grads[i], name, 5e-4);
    }
    for (const [key, name] of Object.entries(one.buffers ?? {})) {
      await expectClose(model.getBuffer(key), name, 1e-4);
    }
    await expectClose(model.eval().forward(load(one.input)), one.evalOutput ?? "", 1e-4);
  });

  it("has the numbers of parameters of torchvision's, an eighth as wide", () => {
    // The fixtures' twin has these, and with 64 planes the published numbers.
    const counts = [resnet18, resnet34, resnet50, resnet101, resnet152].map((make) => {
      using model = make({ basePlanes: 8 });
      return model.parameters().reduce((sum, { numel }) => sum + numel, 0);
    });
    expect(counts).toEqual([241_712, 400_464, 631_152, 933_616, 1_183_088]);
  });

  it("starts blocks as identities if asked, and refuses what basic blocks lack", async () => {
    const options = { basePlanes: 2, numClasses: 3 };
    const model = new ResNet("basic", [1, 1, 1, 1], { ...options, zeroInitResidual: true });
    expect(await model.getParameter("layer2.0.bn2.weight").sum().item()).toBe(0);
    expect(() => resnet18({ groups: 2 })).toThrow("take bottlenecks");
    // @ts-expect-error no such block
    expect(() => new ResNet("other", [1, 1, 1, 1])).toThrow('"basic" or "bottleneck"');
  });
});
