import * as nn from "athanor/nn";
import { expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

const { Embedding, Linear, init, skipInit } = nn;
useTestDevice();

it("makes modules without drawing weights, and draws them again after it, or an error", async () => {
  const [linear, table] = skipInit(() => [new Linear(3, 2), new Embedding(4, 2)]);
  for (const { weight } of [linear, table]) expect(await weight.abs().sum().item()).toBe(0);
  expect(() =>
    skipInit(() => {
      throw new Error("no model");
    }),
  ).toThrow("no model");
  const { weight } = new Linear(3, 2);
  expect(await weight.abs().sum().item()).toBeGreaterThan(0);
  const drawn = await weight.tolist();
  for (const fill of [init.orthogonal, init.truncNormal, init.kaimingNormal, init.xavierUniform]) {
    skipInit(() => fill(weight));
  }
  expect(await weight.tolist()).toEqual(drawn);
});
