import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { planProgram } from "../../src/compiler/plan-program.ts";
import type { Schedule } from "../../src/compiler/schedule.ts";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { expectSameAsReference } from "../contract/run.ts";
import type { BuiltCase, Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { buildProgram, programArbitrary } from "./random-programs.ts";
import { verifyingBackend } from "./variants.ts";

const backend = verifyingBackend({ threads: 2 });
afterAll(() => backend.dispose());

const size = 64;
const square = 4 * size * size;
const operand = ({ input }: Scene): Node => input([size, size], [3, 1, 2, 0, 1]);

/** A value less the sum of each column, which needs all of it first; small, so that sums are exact. */
function centred(x: Node): Node {
  const sum = b.expand(b.reduceSum(x, [0]), x.shape);
  return b.binary("rem", b.sub(x, sum), b.fullLike(x, 8));
}

const plan = (built: BuiltCase): Schedule => planProgram(built, { verify: true });
const build = (program: (scene: Scene) => Node[]): BuiltCase =>
  buildCase({ build: program }, "f32");

/** Compares with the reference and returns the bytes of temporaries. */
function bytesOf(program: (scene: Scene) => Node[]): number {
  const built = build(program);
  expectSameAsReference(backend, built, { exact: true });
  return plan(built).temporaryBytes;
}

describe("temporaries that share a place", () => {
  it("are one where a value is read for the last time as the next is stored", () => {
    const bytes = bytesOf((scene) => {
      const x = b.scan(operand(scene), 1, "sum");
      const y = centred(x);
      return [b.dot(y, y)];
    });
    expect(bytes).toBeGreaterThanOrEqual(square);
    expect(bytes).toBeLessThan(1.5 * square);
  });

  it("are one along a chain", () => {
    const bytes = bytesOf((scene) => {
      const x = b.scan(operand(scene), 1, "sum");
      const y = centred(centred(x));
      return [b.dot(y, y)];
    });
    expect(bytes).toBeLessThan(1.5 * square);
  });

  it("are two where the first is read again later", () => {
    const bytes = bytesOf((scene) => {
      const x = b.scan(operand(scene), 1, "sum");
      const y = centred(x);
      return [b.dot(y, x)];
    });
    expect(bytes).toBeGreaterThanOrEqual(2 * square);
  });

  it("are two where the first is read elsewhere than it is stored", () => {
    const bytes = bytesOf((scene) => {
      const x = b.scan(operand(scene), 1, "sum");
      const y = centred(b.add(x, b.transpose(x, 0, 1)));
      return [b.dot(y, y)];
    });
    expect(bytes).toBeGreaterThanOrEqual(2 * square);
  });

  it("do not change what random programs compute", () => {
    const everyProgram = fc.property(
      programArbitrary(fc.integer({ min: 2, max: 12 }), 16),
      (program) => {
        const built = buildProgram(program, "f32");
        const compared = expectSameAsReference(backend, built, { exact: true });
        expect(compared).toBe(built.outputs.length);
      },
    );
    fc.assert(everyProgram, { numRuns: 60, seed: 20_266 });
  });
});
