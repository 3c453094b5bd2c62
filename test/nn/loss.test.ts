import type { Tensor } from "athanor";
import { grad, init, jit, random, tensor } from "athanor";
import * as nn from "athanor/nn";
import { beforeAll, describe, expect, it } from "vitest";

const { functional } = nn;

beforeAll(async () => {
  await init();
  random.manualSeed(3);
});

const signs = tensor([1, -1, 1, -1]);

describe("loss modules", () => {
  it("are their functions with the options of the constructor", async () => {
    const [x, y, z] = [0, 1, 2].map(() => random.randn([4, 3]));
    const classes = tensor([0, 2, 1, 1], { dtype: "i32" });
    const weight = tensor([0.5, 1, 2]);
    const variance = random.rand([4, 3]).add(0.1);
    const options = { reduction: "sum", margin: 0.3 } as const;
    const pairs: [Tensor, Tensor][] = [
      [
        new nn.PoissonNLLLoss({ full: true }).forward(x, y.abs()),
        functional.poissonNllLoss(x, y.abs(), { full: true }),
      ],
      [
        new nn.GaussianNLLLoss({ full: true }).forward(x, y, variance),
        functional.gaussianNllLoss(x, y, variance, { full: true }),
      ],
      [
        new nn.MarginRankingLoss(options).forward(x, y, signs.unsqueeze(1)),
        functional.marginRankingLoss(x, y, signs.unsqueeze(1), options),
      ],
      [
        new nn.HingeEmbeddingLoss(options).forward(x, signs.unsqueeze(1)),
        functional.hingeEmbeddingLoss(x, signs.unsqueeze(1), options),
      ],
      [
        new nn.SoftMarginLoss({ reduction: "sum" }).forward(x, signs.unsqueeze(1)),
        functional.softMarginLoss(x, signs.unsqueeze(1), { reduction: "sum" }),
      ],
      [
        new nn.CosineEmbeddingLoss(options).forward(x, y, signs),
        functional.cosineEmbeddingLoss(x, y, signs, options),
      ],
      [
        new nn.TripletMarginLoss({ ...options, p: 1 }).forward(x, y, z),
        functional.tripletMarginLoss(x, y, z, { ...options, p: 1 }),
      ],
      [
        new nn.TripletMarginWithDistanceLoss(options).forward(x, y, z),
        functional.tripletMarginLoss(x, y, z, options),
      ],
      [
        new nn.MultiLabelMarginLoss().forward(x, classes.unsqueeze(1).expand([4, 3])),
        functional.multilabelMarginLoss(x, classes.unsqueeze(1).expand([4, 3])),
      ],
      [
        new nn.MultiLabelSoftMarginLoss({ weight }).forward(x, y.gt(0)),
        functional.multilabelSoftMarginLoss(x, y.gt(0), { weight }),
      ],
      [
        new nn.MultiMarginLoss({ weight, p: 2 }).forward(x, classes),
        functional.multiMarginLoss(x, classes, { weight, p: 2 }),
      ],
      [
        new nn.CosineSimilarity({ dim: 0 }).forward(x, y).sum(),
        functional.cosineSimilarity(x, y, { dim: 0 }).sum(),
      ],
      [
        new nn.PairwiseDistance({ p: 1 }).forward(x, y).sum(),
        functional.pairwiseDistance(x, y, { p: 1 }).sum(),
      ],
    ];
    const fused = new nn.LinearCrossEntropyLoss(3, 5, { bias: true, weight: random.rand([5]) });
    const { linear } = fused;
    pairs.push([
      fused.forward(x, classes),
      functional.crossEntropy(linear.forward(x), classes, { weight: fused.weight }),
    ]);
    for (const [module, call] of pairs) expect(await module.item()).toBe(await call.item());
    expect(Object.keys(new nn.MultiMarginLoss({ weight }).stateDict())).toEqual(["weight"]);
    expect(String(new nn.MarginRankingLoss({ margin: 0.3 }))).toBe("MarginRankingLoss(margin=0.3)");
  });

  it("keep the dtype of half inputs", () => {
    const x = random.randn([4, 3]).half();
    const target = tensor([0, 1, 2, 0], { dtype: "i32" });
    expect(functional.multiMarginLoss(x, target).dtype).toBe("f16");
    expect(functional.cosineEmbeddingLoss(x, x, signs).dtype).toBe("f16");
    expect(functional.cdist(x, x).dtype).toBe("f16");
    expect(functional.mseLoss(x, x, { weight: x }).dtype).toBe("f16");
  });

  it("say what does not fit", () => {
    const x = random.randn([4, 3]);
    expect(() => functional.multiMarginLoss(x, tensor([0, 1], { dtype: "i32" }))).toThrow(
      "multiMarginLoss: target must hold class indices [4], got i32[2]",
    );
    expect(() => functional.cosineEmbeddingLoss(x, x, x)).toThrow(
      "inputs must be [N, D] with target [N]",
    );
    expect(() => functional.gaussianNllLoss(x, x, random.rand([2]))).toThrow("variance must have");
    expect(() => functional.cdist(x, random.rand([3, 2]))).toThrow("x1 must be [..., P, M]");
    expect(() => functional.mseLoss(x, x, { reduction: "max" as "mean" })).toThrow(
      'loss: reduction must be "none", "mean" or "sum", got "max"',
    );
    expect(() => functional.mseLoss(x, x, { weight: signs })).toThrow(
      "weight must have the input's shape",
    );
  });
});

describe("CTC", () => {
  it("reads lengths as numbers and as tensors alike, in one small program", async () => {
    const logits = random.randn([30, 2, 6]);
    const targets = tensor(
      [
        [1, 2, 2, 5, 0, 0],
        [3, 3, 1, 0, 0, 0],
      ],
      { dtype: "i32" },
    );
    const joined = tensor([1, 2, 2, 5, 3, 3, 1], { dtype: "i32" });
    const tensors = [tensor([30, 21], { dtype: "i32" }), tensor([4, 3], { dtype: "i32" })] as const;
    const step = (given: Tensor, ends: nn.functional.Lengths, sizes: nn.functional.Lengths) =>
      jit((x: Tensor) => {
        const loss = new nn.CTCLoss().forward(functional.logSoftmax(x, -1), given, ends, sizes);
        return [loss, ...grad(loss, [x])];
      })(logits);
    const [loss, gradient] = step(targets, [30, 21], [4, 3]);
    for (const form of [
      step(joined, [30, 21], [4, 3]),
      step(joined, ...tensors),
      step(targets, ...tensors),
    ]) {
      expect(Number(await form[0].item())).toBeCloseTo(Number(await loss.item()), 4);
      expect(Number(await form[1].sub(gradient).abs().amax().item())).toBeLessThan(1e-6);
    }
    expect(
      await gradient
        .slice([
          [21, null, null],
          [1, 2, null],
        ])
        .abs()
        .sum()
        .item(),
    ).toBe(0);
  });
});

describe("random activations", () => {
  it("rrelu draws slopes in training only", async () => {
    const module = new nn.RReLU({ lower: 0.2, upper: 0.4 });
    const x = random.rand([4000]).sub(0.5);
    const slopes = module.forward(x).div(x);
    const negative = x.lt(0);
    const low = slopes.where(negative, 0.3);
    expect(Number(await low.amin().item())).toBeGreaterThanOrEqual(0.1999);
    expect(Number(await low.amax().item())).toBeLessThan(0.4001);
    expect(Number(await low.std().item())).toBeGreaterThan(0.03);
    expect(await slopes.where(negative.logicalNot(), 1).sub(1).abs().amax().item()).toBeLessThan(
      1e-5,
    );
    const still = module.eval().forward(x).div(x).where(negative, 0.3);
    expect(Number(await still.sub(0.3).abs().amax().item())).toBeLessThan(1e-5);
  });

  it("gumbelSoftmax draws classes with their probabilities", async () => {
    const probabilities = tensor([0.1, 0.2, 0.7]);
    const logits = probabilities.log().expand([20000, 3]);
    const hard = functional.gumbelSoftmax(logits, { hard: true, tau: 0.5 });
    expect(await hard.sum({ dim: 1 }).sub(1).abs().amax().item()).toBeLessThan(1e-6);
    const shares = hard.mean({ dim: 0 });
    expect(Number(await shares.sub(probabilities).abs().amax().item())).toBeLessThan(0.015);
    const soft = functional.gumbelSoftmax(logits, { tau: 2 });
    expect(Number(await soft.isnan().any().item())).toBe(0);
    expect(Number(await soft.amax().item())).toBeLessThanOrEqual(1);
  });

  it("gumbelSoftmax passes gradients through hard draws", async () => {
    const logits = random.randn([5, 4]);
    const [gradient] = grad(functional.gumbelSoftmax(logits, { hard: true }).square().sum(), [
      logits,
    ]);
    expect(Number(await gradient.abs().sum().item())).toBeGreaterThan(0.01);
  });
});
