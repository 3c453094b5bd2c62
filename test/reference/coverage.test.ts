import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bindings, boundElsewhere } from "./bindings.ts";
import { fixturePath, loadFixture, operationAreas } from "./fixture.ts";

/** Areas whose cases are no calls of single operations, and which suite reads them. */
const otherAreas: Readonly<Record<string, string>> = {
  optimizer: "steps of optimizers",
  lbfgs: "steps of LBFGS",
  schedule: "learning rates over time",
  averaging: "averaged weights",
  model: "whole models with their optimizer",
  storage: "safetensors files",
  formats: "files of NumPy, torch and GGUF",
  initializer: "bounds of random initialisers",
  transforms: "images by torchvision",
  mixed: "mixed precision, operation by operation",
  architecture: "published architectures with random weights",
  alignment: "losses of alignment by TRL",
  rl: "updates of reinforcement learning",
  "rl-episodes": "episodes of Gymnasium's classic tasks",
  "rl-random": "NumPy's random streams",
  "rl-spaces": "samples of Gymnasium's spaces",
  "rl-vector": "vectors of Gymnasium's environments",
  mujoco: "episodes of Gymnasium's MuJoCo tasks",
};

describe("fixture coverage", () => {
  it("knows every area", () => {
    const areas = readdirSync(fixturePath("."))
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.replace(".json", ""));
    const known = [...operationAreas, ...Object.keys(otherAreas)];
    expect(areas.toSorted()).toEqual(known.toSorted());
  });

  it("binds every op, and binds none that no case uses", () => {
    const used = operationAreas.flatMap((area) => loadFixture(area).cases.map(({ op }) => op));
    const bound = [...Object.keys(bindings), ...Object.keys(boundElsewhere)];
    expect([...new Set(used)].toSorted()).toEqual(bound.toSorted());
  });
});
