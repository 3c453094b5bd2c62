import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DType } from "../../src/ir/dtype.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { leakChecks } from "../leak-checks.ts";
import { disposalContract, memoryContract, programContract } from "./behaviour.ts";
import { opCases } from "./cases.ts";
import { chainCases } from "./cases-chains.ts";
import { goldens } from "./goldens.ts";
import { graphOfMoves, movesArbitrary } from "./random-graphs.ts";
import { expectSameAsReference, missingDType, runGraph } from "./run.ts";
import type { Case } from "./scene.ts";
import { buildCase, toNumbers } from "./scene.ts";
import { expectClose } from "./tolerance.ts";

/** Which of `of` parts of the cases to run, for suites that several processes share. */
export interface ContractPart {
  readonly part: number;
  readonly of: number;
}

function caseTests(
  current: () => Backend,
  cases: readonly Case[],
  { part, of }: ContractPart,
): void {
  let count = 0;
  for (const spec of cases) {
    for (const dtype of spec.dtypes) {
      if (count++ % of !== part) continue;
      it(`${spec.name} (${dtype})`, ({ skip }) => {
        const built = buildCase(spec, dtype);
        const missing = missingDType(current(), built);
        skip(missing !== undefined, `${current().name} has no ${missing}`);
        expect(expectSameAsReference(current(), built, spec)).toBeGreaterThan(0);
      });
    }
  }
}

function goldenTests(current: () => Backend): void {
  it.each(goldens)("$name ($dtype)", (golden) => {
    const backend = current();
    const built = buildCase(golden, golden.dtype);
    if (missingDType(backend, built) !== undefined) return;
    const { dtype } = built.outputs[0];
    const [actual] = runGraph(backend, built, built.data).outputs;
    expect(actual).toHaveLength(golden.expected.length);
    expectClose(toNumbers(dtype, actual), golden.expected, { dtype });
  });
}

function randomGraphTests(current: () => Backend): void {
  it.each<DType>(["f32", "i32"])("views, reductions and products (%s)", (dtype) => {
    const everyGraph = fc.property(movesArbitrary, (moves) => {
      const graph = graphOfMoves(moves, dtype);
      expect(expectSameAsReference(current(), graph, { exact: true })).toBeGreaterThan(0);
    });
    fc.assert(everyGraph, { numRuns: 150, seed: 20_260 });
  });
}

/**
 * The suite every backend passes: hand-computed goldens, every op over dtypes, shapes and views
 * against the reference, chains, random graphs, memory and program behaviour.
 */
export function backendContract(
  name: string,
  make: () => Backend | Promise<Backend>,
  share: ContractPart = { part: 0, of: 1 },
): void {
  describe(`backend ${name}`, () => {
    let backend: Backend | undefined;
    const current = (): Backend => {
      if (backend === undefined) throw new Error(`${name}: the backend could not be created`);
      return backend;
    };
    const check = { name: `${name} buffers`, count: () => current().memory().liveBuffers };
    beforeAll(async () => {
      backend = await make();
      leakChecks.push(check);
    });
    afterAll(() => {
      leakChecks.splice(leakChecks.indexOf(check), 1);
      const live = backend?.memory().liveBuffers;
      backend?.dispose();
      expect(live, "buffers live after the whole suite").toBe(0);
    });

    memoryContract(current);
    programContract(current);
    disposalContract(make);
    describe("goldens", () => {
      goldenTests(current);
    });
    for (const [op, cases] of Object.entries(opCases)) {
      describe(`${op}`, () => {
        caseTests(current, cases, share);
      });
    }
    describe("chains", () => {
      caseTests(current, chainCases, share);
    });
    describe("random graphs", () => {
      randomGraphTests(current);
    });
  });
}
