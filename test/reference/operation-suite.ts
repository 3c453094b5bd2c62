// Runs the operation cases of a fixture area on the default device, eagerly or jitted:
//   ATHANOR_DEVICE=reference ATHANOR_JIT=1 npx vitest run test/reference
import type { DType } from "athanor";
import { Tensor, grad, init, jit, realize, scope } from "athanor";
import { beforeAll, describe, expect, it } from "vitest";
import type { Operands, Results } from "./bindings.ts";
import { bindings, boundElsewhere } from "./bindings.ts";
import type { ResultKind } from "./closeness.ts";
import { expectTensor, toleranceOf } from "./closeness.ts";
import type { Fixture, OperationCase, ViewStep, operationAreas } from "./fixture.ts";
import { loadFixture } from "./fixture.ts";

/** Areas whose cases are calls of one operation. */
export type OperationArea = (typeof operationAreas)[number];

const isJitted = process.env["ATHANOR_JIT"] === "1";

function applyViews(x: Tensor, steps: readonly ViewStep[] | null | undefined): Tensor {
  return (steps ?? []).reduce((view, step) => {
    if ("permute" in step) return view.permute(step.permute);
    if ("slice" in step) return view.slice(step.slice);
    if ("expand" in step) return view.expand(step.expand);
    if ("flip" in step) return view.flip(step.flip);
    return view.reshape(step.reshape);
  }, x);
}

function asList(results: Results): readonly Tensor[] {
  if (results instanceof Tensor) return [results];
  return "indices" in results ? [results.values, results.indices] : results;
}

/** Σ ⟨tensor, direction⟩ over the pairs where both are there. */
function innerProduct(
  tensors: readonly (Tensor | null)[],
  directions: readonly (Tensor | null)[],
): Tensor {
  const terms = tensors.flatMap((x, i) => {
    const direction = directions[i];
    return x === null || direction == null ? [] : [x.mul(direction).sum()];
  });
  return terms.reduce((a, b) => a.add(b));
}

interface Computed {
  readonly outputs: readonly Tensor[];
  readonly grads: readonly Tensor[];
  readonly seconds: readonly Tensor[];
}

/** Outputs, gradients and second-order products of a case as one graph. */
function compute(
  { op, args, views, grads = [], seconds = [] }: OperationCase,
  inputs: Operands,
  cotangents: Operands,
  directions: Operands,
): Computed {
  const operands = inputs.map((x, i) => (x === null ? null : applyViews(x, views?.[i])));
  const outputs = asList(bindings[op](operands, args));
  const at = (names: readonly (string | null)[]): number[] =>
    names.flatMap((name, i) => (name === null ? [] : [i]));
  const pick = (places: readonly number[]): Tensor[] =>
    places.flatMap((place) => inputs[place] ?? []);
  if (grads.length === 0) return { outputs, grads: [], seconds: [] };
  const firsts = grad(innerProduct(outputs, cotangents), pick(at(grads)), { allowUnused: true });
  if (seconds.length === 0) return { outputs, grads: firsts, seconds: [] };
  const places = at(grads);
  const along = places.map((place) => directions[place]);
  const again = grad(innerProduct(firsts, along), pick(at(seconds)), { allowUnused: true });
  return { outputs, grads: firsts, seconds: again };
}

/** Runs a case on the default device; with `half` given, f32 operands are rounded to it. */
export function runCase(
  fixture: Fixture<OperationCase>,
  item: OperationCase,
  half?: "bf16" | "f16",
): Computed {
  const load = (names: readonly (string | null)[] | undefined): Operands =>
    (names ?? []).map((name) => {
      if (name === null) return null;
      const { data, shape, dtype } = fixture.tensor(name);
      const stored = Tensor.from(data, shape, { dtype: dtype satisfies DType });
      return half === undefined || dtype !== "f32" ? stored : stored.to(half);
    });
  const operands = [load(item.inputs), load(item.cotangents), load(item.directions)] as const;
  if (!isJitted) return compute(item, ...operands);
  const compiled = jit((...lists: typeof operands) => compute(item, ...lists));
  const result = compiled(...operands);
  compiled.dispose();
  return result;
}

/**
 * Computes everything in one program instead of one per tensor that is read: for modules with many
 * weights, and where compiling a program costs more than all else.
 */
export async function computeTogether({ outputs, grads, seconds }: Computed): Promise<void> {
  const isSlowToCompile = outputs[0]?.device.startsWith("cuda") === true;
  if (isSlowToCompile || grads.length > 3) await realize(...outputs, ...grads, ...seconds);
}

function isPresent(name: string | null): name is string {
  return name !== null;
}

async function check(fixture: Fixture<OperationCase>, item: OperationCase): Promise<void> {
  const computed = runCase(fixture, item);
  await computeTogether(computed);
  const compare = async (
    kind: ResultKind,
    actual: readonly Tensor[],
    names: readonly string[],
  ): Promise<void> => {
    expect(actual.length, `${kind} count`).toBe(names.length);
    for (const [i, name] of names.entries()) {
      const expected = fixture.tensor(name);
      const got = actual[i];
      // The generator stores f64 results of f32 inputs as f32.
      const dtype = item.args["dtype"] === "f64" ? "f64" : expected.dtype;
      expect([got.dtype, ...got.shape], `${kind} ${i}`).toEqual([dtype, ...expected.shape]);
      const data = await got.data();
      expectTensor(data, expected, toleranceOf(fixture.area, kind, expected.dtype), `${kind} ${i}`);
    }
  };
  await compare("output", computed.outputs, item.outputs);
  await compare("gradient", computed.grads, (item.grads ?? []).filter(isPresent));
  await compare("second", computed.seconds, (item.seconds ?? []).filter(isPresent));
}

/** The cases this process runs: all, or of `ATHANOR_TEST_PART=0/8` every eighth. */
export function casesOfPart(cases: readonly OperationCase[]): readonly OperationCase[] {
  const [part, of] = (process.env["ATHANOR_TEST_PART"] ?? "0/1").split("/").map(Number);
  return cases.filter((_, i) => i % of === part);
}

/** Defines one test per case of an area; a case nobody binds is a failing test. */
export function describeArea(area: OperationArea): void {
  describe(`${area}`, () => {
    const fixture = loadFixture(area);
    beforeAll(async () => {
      await init();
    });
    for (const item of casesOfPart(fixture.cases)) {
      if (item.op in boundElsewhere) continue;
      it(`${item.name}`, async () => {
        expect(Object.keys(bindings), "every op of the fixtures must be bound").toContain(item.op);
        await scope(() => check(fixture, item));
      });
    }
  });
}
