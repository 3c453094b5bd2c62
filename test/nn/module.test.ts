import { Tensor, jit, ones, tensor, zeros } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { isJitOn, useTestDevice } from "../device.ts";

useTestDevice();

class Block extends nn.Module {
  readonly fc: nn.Linear;
  readonly scale: nn.Parameter;

  constructor(width: number) {
    super();
    this.fc = new nn.Linear(width, width);
    this.scale = new nn.Parameter(ones([width]));
  }

  forward(x: Tensor): Tensor {
    return x.add(this.fc.forward(x).mul(this.scale));
  }
}

class Net extends nn.Module {
  readonly blocks = [new Block(2), new Block(2)];
  readonly bias = new nn.Parameter(zeros([2]));
  readonly table = new nn.Buffer(tensor([1, 2]));
  readonly cache = new nn.Buffer(zeros([4]), { persistent: false });
  readonly notState = zeros([3]);
  readonly drop = new nn.Dropout(0.1);
  readonly head: nn.Linear;

  constructor() {
    super();
    this.head = new nn.Linear(2, 2, { bias: false });
  }

  forward(x: Tensor): Tensor {
    const hidden = this.blocks.reduce((value, block) => block.forward(value), x);
    return this.head.forward(this.drop.forward(hidden.add(this.bias).add(this.table)));
  }
}

describe("Module", () => {
  it("finds parameters, buffers and modules in fields and arrays", () => {
    const net = new Net();
    expect(net.namedParameters().map(([name]) => name)).toEqual([
      "bias",
      "blocks.0.scale",
      "blocks.0.fc.weight",
      "blocks.0.fc.bias",
      "blocks.1.scale",
      "blocks.1.fc.weight",
      "blocks.1.fc.bias",
      "head.weight",
    ]);
    expect(net.namedBuffers().map(([name]) => name)).toEqual(["table", "cache"]);
    expect(net.namedModules().map(([path]) => path)).toEqual([
      "",
      "blocks.0",
      "blocks.0.fc",
      "blocks.1",
      "blocks.1.fc",
      "drop",
      "head",
    ]);
    expect(net.namedChildren().map(([name]) => name)).toEqual([
      "blocks.0",
      "blocks.1",
      "drop",
      "head",
    ]);
    const keys = Object.keys(net.stateDict());
    expect(keys).toContain("table");
    expect(keys).not.toContain("cache");
  });

  it("counts shared parameters once and stores them under every key", () => {
    class Tied extends nn.Module {
      readonly embed = new nn.Embedding(3, 2);
      readonly head = new nn.Linear(2, 3, { bias: false });
    }
    const tied = new Tied();
    tied.head.weight = tied.embed.weight;
    expect(tied.parameters()).toHaveLength(1);
    expect(Object.keys(tied.stateDict())).toEqual(["embed.weight", "head.weight"]);
    tied.to("f64");
    expect(tied.head.weight).toBe(tied.embed.weight);
    expect(tied.embed.weight.dtype).toBe("f64");
  });

  it("switches modes everywhere and applies functions from the leaves up", () => {
    const net = new Net().eval();
    expect(net.modules().some((module) => module.training)).toBe(false);
    const order: string[] = [];
    net.train().apply((module) => order.push(module.constructor.name));
    expect(order).toEqual(["Linear", "Block", "Linear", "Block", "Dropout", "Linear", "Net"]);
  });

  it.runIf(isJitOn)("gives jitted functions one program per mode", async () => {
    const drop = new nn.Dropout(1);
    let traces = 0;
    const run = jit((x: Tensor) => {
      traces++;
      return drop.forward(x);
    });
    const x = ones([2]);
    const seen: unknown[] = [];
    for (const mode of [true, false, true, false]) {
      drop.train(mode);
      seen.push(await run(x).tolist());
    }
    expect(seen).toEqual([
      [0, 0],
      [1, 1],
      [0, 0],
      [1, 1],
    ]);
    expect(traces).toBe(2);
  });

  it("prints its tree", () => {
    class Model extends nn.Module {
      readonly stem = new nn.Sequential(
        new nn.Conv2d(1, 8, 3, { padding: 1 }),
        new nn.BatchNorm2d(8),
        new nn.ReLU(),
      );
      readonly layers = new nn.ModuleList([1, 2, 3].map(() => new nn.Linear(4, 4)));
      readonly drop = new nn.Dropout(0.25);
    }
    expect(new Model().toString()).toMatchInlineSnapshot(`
      "Model(
        (stem): Sequential(
          (0): Conv2d(1, 8, kernelSize=[3, 3], padding=1)
          (1): BatchNorm2d(8, eps=0.00001, momentum=0.1, affine=true, trackRunningStats=true)
          (2): ReLU()
        )
        (layers): ModuleList(
          (0-2): 3 x Linear(inFeatures=4, outFeatures=4, bias=true)
        )
        (drop): Dropout(p=0.25)
      )"
    `);
  });

  it("converts float tensors and keeps integer buffers", async () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2)).to("f64");
    const dtypes = Object.entries(net.stateDict()).map(([key, { dtype }]) => `${key} ${dtype}`);
    expect(dtypes).toEqual([
      "0.weight f64",
      "0.bias f64",
      "1.weight f64",
      "1.bias f64",
      "1.running_mean f64",
      "1.running_var f64",
      "1.num_batches_tracked i32",
    ]);
    expect(net.forward(ones([2, 2], { dtype: "f64" })).dtype).toBe("f64");
    expect(() => net.to("i32")).toThrow("to: parameters must stay floats, got i32");
  });

  it("frees its tensors", () => {
    const net = new Net();
    net.dispose();
    expect(net.parameters().every((parameter) => parameter.isDisposed)).toBe(true);
  });
});

describe("loadStateDict", () => {
  const make = () => new nn.Sequential(new nn.Linear(3, 2), new nn.BatchNorm1d(2));

  it("copies values, converted to the module's dtype", async () => {
    const [from, to] = [make().to("f64"), make()];
    expect(to.loadStateDict(from.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    const [a, b] = [from, to].map((model) => model.stateDict()["0.weight"]);
    expect(b.dtype).toBe("f32");
    expect([...(await b.data())]).toEqual([...(await a.to("f32").data())]);
    a.assign(0);
    expect(await b.abs().sum().item()).toBeGreaterThan(0);
  });

  it("lists everything that is wrong and changes nothing", async () => {
    const model = make();
    const before = await model.stateDict()["1.weight"].data();
    const { "0.bias": bias, "1.running_mean": mean, ...rest } = make().stateDict();
    const state = {
      ...rest,
      "0.biass": bias,
      "module.1.running_mean": mean,
      extra: zeros([1]),
      "0.weight": zeros([3, 3]),
      "1.num_batches_tracked": zeros([]),
      "1.weight": zeros([2]),
    };
    expect(() => model.loadStateDict(state)).toThrowErrorMatchingInlineSnapshot(`
      [CheckpointError: loadStateDict: the state must fit Sequential, got
        missing keys:
          0.bias
          1.running_mean
        unexpected keys:
          0.biass (did you mean 0.bias?)
          module.1.running_mean (did you mean 1.running_mean?)
          extra
        mismatches:
          0.weight has shape [3, 3], needs [2, 3]
          1.num_batches_tracked has dtype f32, needs i32
      build the module with the sizes of the checkpoint]
    `);
    expect(() => model.loadStateDict(state, { strict: false })).toThrowErrorMatchingInlineSnapshot(`
      [CheckpointError: loadStateDict: the state must fit Sequential, got
        mismatches:
          0.weight has shape [3, 3], needs [2, 3]
          1.num_batches_tracked has dtype f32, needs i32
      build the module with the sizes of the checkpoint]
    `);
    expect(await model.stateDict()["1.weight"].data()).toEqual(before);
  });

  it("loads what fits when it is not strict", async () => {
    const model = make();
    const report = model.loadStateDict(
      { "0.bias": ones([2]), other: zeros([1]) },
      { strict: false },
    );
    expect(report.unexpectedKeys).toEqual(["other"]);
    expect(report.missingKeys).toHaveLength(6);
    expect(await model.stateDict()["0.bias"].tolist()).toEqual([1, 1]);
  });
});

describe("containers", () => {
  it("chain, list and name modules", () => {
    const chain = new nn.Sequential(new nn.Linear(2, 3)).append(new nn.Flatten());
    expect(chain.forward(ones([4, 2])).shape).toEqual([4, 3]);
    expect([chain.length, chain.at(-1)?.constructor.name]).toEqual([2, "Flatten"]);
    const list = new nn.ModuleList([new nn.Identity()]).append(new nn.Identity());
    expect([...list]).toHaveLength(2);
    const named = new nn.ModuleDict({ fc: new nn.Linear(2, 2), act: new nn.ReLU() });
    expect(named.get("fc").inFeatures).toBe(2);
    expect(Object.keys(named.stateDict())).toEqual(["fc.weight", "fc.bias"]);
    expect(() => (named as nn.ModuleDict).get("fx")).toThrow(
      'ModuleDict: the name must be one of fc, act, got "fx"',
    );
  });

  it("survive a change of dtype", () => {
    const named = new nn.ModuleDict({ fc: new nn.Sequential(new nn.Linear(2, 2)) }).to("f64");
    expect(named.parameters().map(({ dtype }) => dtype)).toEqual(["f64", "f64"]);
  });
});

describe("Parameter", () => {
  it("is a tensor of its own, also when it is jitted", async () => {
    const source = tensor([1, 2]);
    const parameter = new nn.Parameter(source);
    parameter.assign(parameter.mul(2));
    expect(await source.tolist()).toEqual([1, 2]);
    expect(parameter).toBeInstanceOf(Tensor);
    expect(parameter.requiresGrad).toBe(true);
    const double = jit(() => void parameter.assign(parameter.mul(2)));
    double();
    double();
    expect(await parameter.tolist()).toEqual([8, 16]);
  });
});
