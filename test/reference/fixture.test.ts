import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Names, fixturePath, loadFixture, operationAreas } from "./fixture.ts";

function present(names: Names | undefined): string[] {
  return (names ?? []).filter((name) => name !== null);
}

describe("fixtures", () => {
  it.each(operationAreas)("%s: every name resolves and every shape fits", (area) => {
    const fixture = loadFixture(area);
    const shape = (name: string): readonly number[] => fixture.tensor(name).shape;
    const check = (left: Names | undefined, right: Names): void => {
      const kept = (left ?? [])
        .map((name, i) => [name, right[i]])
        .filter(([name]) => name !== null);
      const shapes = kept.map((pair) => present(pair).map(shape));
      expect(shapes).toEqual(shapes.map(([first]) => [first, first]));
    };
    for (const item of fixture.cases) {
      for (const name of [...present(item.inputs), ...item.outputs]) {
        const tensor = fixture.tensor(name);
        expect(tensor.data.length).toBe(tensor.shape.reduce((a, b) => a * b, 1));
      }
      check(item.cotangents, item.outputs);
      check(item.grads, item.inputs);
      check(item.directions, item.inputs);
      check(item.seconds, item.inputs);
    }
    expect(new Set(fixture.cases.map((item) => item.name)).size).toBe(fixture.cases.length);
  });

  it("reads values, not only shapes", () => {
    const fixture = loadFixture("binary");
    const found = fixture.cases.find((item) => item.name === "mul/3x5x7,7");
    const [x, y, out, cotangent, grad] = [
      ...present(found?.inputs),
      ...(found?.outputs ?? []),
      ...present(found?.cotangents),
      ...present(found?.grads),
    ].map((name) => fixture.tensor(name).data);
    expect([...out]).toEqual(Array.from(x, (value, i) => Math.fround(value * y[i % 7])));
    expect([...grad]).toEqual(Array.from(cotangent, (value, i) => Math.fround(value * y[i % 7])));
  });

  it("spells infinities as numbers", () => {
    const norms = loadFixture("reduction").cases.filter((item) => item.args["p"] === Infinity);
    expect(norms.length).toBeGreaterThan(0);
  });

  it("has every tensor of the optimizer and model runs", () => {
    const optimizer = loadFixture("optimizer");
    for (const item of optimizer.cases) {
      const last = item.final ?? item.after ?? [];
      expect(last).toHaveLength(item.parameters.length);
      for (const name of [...last, ...(item.gradients ?? [])]) optimizer.tensor(name);
    }
    const model = loadFixture("model");
    for (const item of model.cases) {
      for (const [key, name] of Object.entries(item.grads)) {
        expect(model.tensor(name).shape).toEqual(model.tensor(item.state[key]).shape);
      }
      expect(item.losses[2]).toBeLessThan(item.losses[0]);
    }
  });

  it("has every file of the formats area", () => {
    for (const { file } of loadFixture("formats").cases) {
      expect(readFileSync(fixturePath(file)).length).toBeGreaterThanOrEqual(0);
    }
  });

  it("has every file of the storage area", () => {
    for (const item of loadFixture("storage").cases) {
      expect(
        readFileSync(fixturePath(item.file ?? item.index ?? "")).length,
      ).toBeGreaterThanOrEqual(0);
    }
  });
});
