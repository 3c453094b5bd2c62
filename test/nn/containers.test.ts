import { ones, tensor, zeros } from "athanor";
import * as nn from "athanor/nn";
import { describe, expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();

describe("Sequential", () => {
  it("takes named layers", async () => {
    const model = new nn.Sequential({ fc: new nn.Linear(2, 3), act: new nn.ReLU() });
    expect(Object.keys(model.stateDict())).toEqual(["fc.weight", "fc.bias"]);
    expect(model.get("act")).toBeInstanceOf(nn.ReLU);
    expect(() => model.get("none")).toThrow(
      'Sequential: the name must be one of fc, act, got "none"',
    );
    expect(model.forward(ones([4, 2])).shape).toEqual([4, 3]);
  });

  it("grows and shrinks", () => {
    const model = new nn.Sequential(new nn.Linear(2, 3));
    model.append(new nn.ReLU()).extend([new nn.Linear(3, 1), new nn.Tanh()]);
    model.insert(1, new nn.LayerNorm(3));
    expect([...model].map((layer) => layer.constructor.name)).toEqual([
      "Linear",
      "LayerNorm",
      "ReLU",
      "Linear",
      "Tanh",
    ]);
    expect(model.pop()).toBeInstanceOf(nn.Tanh);
    expect(model.pop(1)).toBeInstanceOf(nn.LayerNorm);
    expect(model.slice(1).length).toBe(2);
    expect(Object.keys(model.stateDict())).toContain("2.weight");
    expect(() => model.pop(9)).toThrow("Sequential: the index must be within 3 entries, got 9");
  });
});

describe("lists and dictionaries", () => {
  it("of modules", () => {
    const list = new nn.ModuleList<nn.Module>([new nn.Linear(1, 1)]);
    list.extend([new nn.ReLU()]).insert(0, new nn.Tanh());
    expect(list.length).toBe(3);
    expect(list.pop(0)).toBeInstanceOf(nn.Tanh);
    const dict = new nn.ModuleDict();
    dict.set("a", new nn.Linear(1, 2)).set("b", new nn.ReLU());
    expect([dict.size, dict.keys(), dict.values().length]).toEqual([2, ["a", "b"], 2]);
    expect(dict.delete("a")).toBe(true);
    expect(dict.has("a")).toBe(false);
  });

  it("of parameters, which are found under positions and names", async () => {
    class Model extends nn.Module {
      readonly scales = new nn.ParameterList([ones([2]), new nn.Parameter(zeros([3]))]);
      readonly named = new nn.ParameterDict({ left: ones([1]) });
    }
    const model = new Model();
    model.scales.append(tensor([1, 2, 3, 4]));
    model.named.set("right", zeros([2]));
    expect(Object.keys(model.stateDict())).toEqual([
      "scales.0",
      "scales.1",
      "scales.2",
      "named.left",
      "named.right",
    ]);
    model.to("f64");
    expect(model.parameters().every(({ dtype }) => dtype === "f64")).toBe(true);
    expect(model.scales.at(-1)).toBe(model.getParameter("scales.2"));
    expect(() => model.named.get("up")).toThrow(
      'ParameterDict: the name must be one of left, right, got "up"',
    );
  });
});

describe("Module", () => {
  const make = (): nn.Sequential =>
    new nn.Sequential({ fc: new nn.Linear(3, 2), norm: new nn.BatchNorm1d(2) });

  it("finds members by path", () => {
    const model = make();
    expect(model.getSubmodule("fc")).toBe(model.get("fc"));
    expect(model.getSubmodule("")).toBe(model);
    expect(model.getParameter("fc.bias").shape).toEqual([2]);
    expect(model.getBuffer("norm.running_mean").shape).toEqual([2]);
    expect(() => model.getSubmodule("gone")).toThrow(
      'getSubmodule: the key must be one of "", "fc", "norm", got "gone"',
    );
  });

  it("freezes, converts and sums itself up", () => {
    const model = make();
    (model.get("fc") as nn.Linear).requiresGrad_(false);
    expect(model.summary()).toMatchInlineSnapshot(`
      "Sequential()                                                                              12
        (fc): Linear(inFeatures=3, outFeatures=2, bias=true)                                     8
        (norm): BatchNorm1d(2, eps=0.00001, momentum=0.1, affine=true, trackRunningStats=true)   4
      12 parameters, 4 of them learned"
    `);
    expect(model.double().parameters()[0].dtype).toBe("f64");
    expect(model.half().parameters()[0].dtype).toBe("f16");
    expect(
      model
        .requiresGrad_()
        .parameters()
        .every((item) => item.requiresGrad),
    ).toBe(true);
  });
});
