import { readFileSync } from "node:fs";
import { memoryStats } from "athanor";
import type { ConfigJson } from "athanor/models";
import { createCausalLm } from "athanor/models";
import * as nn from "athanor/nn";
import { expect, it } from "vitest";
import { useTestDevice } from "../device.ts";

useTestDevice();

interface PublishedSize {
  readonly config: ConfigJson;
  readonly parameters: number;
  readonly tensors: number;
  /** By name, `N` for the number of a layer. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

const published = JSON.parse(
  readFileSync(new URL("../fixtures/decoders/published.json", import.meta.url), "utf8"),
) as Record<string, PublishedSize>;

it.each(Object.keys(published))("%s has the published parameters, without any memory", (name) => {
  const { config, parameters, tensors, shapes } = published[name];
  const before = memoryStats().liveBytes;
  using model = nn.skipInit(() => createCausalLm(config));
  const named = model.namedParameters();
  const found = named.map(([key, { shape }]) => [key.replaceAll(/\.\d+\./g, ".N."), shape]);
  expect(Object.fromEntries(found)).toEqual(shapes);
  expect(named).toHaveLength(tensors);
  expect(named.reduce((sum, [, { numel }]) => sum + numel, 0)).toBe(parameters);
  expect(memoryStats().liveBytes).toBe(before);
});
