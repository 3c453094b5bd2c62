// The operation cases in bf16 or f16: every f32 operand is rounded, and the device that is tested
// must come as close to the reference device in the same dtype as `halfTolerance` says.
//   ATHANOR_TEST_DTYPE=bf16 ATHANOR_DEVICE=cuda npx vitest run test/reference/half-types.test.ts
import type { DType, TensorData } from "athanor";
import {
  DTypeError,
  UnsupportedOpError,
  defaultDevice,
  init,
  scope,
  setDefaultDevice,
} from "athanor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bindings, boundElsewhere } from "./bindings.ts";
import { expectNear, halfTolerance } from "./closeness.ts";
import type { OperationCase } from "./fixture.ts";
import { loadFixture, operationAreas } from "./fixture.ts";
import { casesOfPart, computeTogether, runCase } from "./operation-suite.ts";
import type { OperationArea } from "./operation-suite.ts";

const halfTypes = ["bf16", "f16"] as const;
type HalfType = (typeof halfTypes)[number];
const dtype = halfTypes.find((name) => name === process.env["ATHANOR_TEST_DTYPE"]);
/** The areas of `ATHANOR_TEST_AREAS=fft,linalg`: all by default. */
const areas = process.env["ATHANOR_TEST_AREAS"]?.split(",") ?? operationAreas;

/** Cases that cannot be compared so, by the start of their name, with the reason. */
const incomparable: Readonly<Record<string, string>> = {
  histogram: "the edges are constants, which two devices of one process share",
  "LogisticNormal/": "sums of logarithms of both signs: what is left is their roundings",
  "GeneralizedPareto/flat": "a logarithm divided by a shape near 0: what is left is its rounding",
  "Bernoulli/certain": "chances of 1 - eps are 1 in a half type, and 0 · log 0 is NaN or folded",
};

/** Results of a case as numbers, with what they are. */
interface Read {
  readonly what: string;
  readonly dtype: DType;
  readonly data: TensorData;
}

/** Computes a case on a device with its f32 operands rounded; null if the dtype is refused. */
async function readCase(
  device: string,
  area: OperationArea,
  item: OperationCase,
  half: HalfType,
): Promise<readonly Read[] | null> {
  setDefaultDevice(device);
  try {
    const computed = runCase(loadFixture(area), { ...item, seconds: [] }, half);
    await computeTogether(computed);
    const { outputs, grads } = computed;
    const named = [
      ...outputs.map((tensor, i) => ({ what: `output ${i}`, tensor })),
      ...grads.map((tensor, i) => ({ what: `gradient ${i}`, tensor })),
    ];
    const results: Read[] = [];
    for (const { what, tensor } of named) {
      results.push({ what, dtype: tensor.dtype, data: await tensor.data() });
    }
    return results;
  } catch (error) {
    if (error instanceof DTypeError || error instanceof UnsupportedOpError) return null;
    throw error;
  }
}

function describeHalf(half: HalfType): void {
  const device = defaultDevice();

  beforeAll(async () => {
    await init({ device });
  });
  afterAll(() => setDefaultDevice(device));

  for (const area of operationAreas.filter((name) => areas.includes(name))) {
    const cases = casesOfPart(loadFixture(area).cases);
    const bound = cases.filter(({ op }) => op in bindings && !(op in boundElsewhere));
    if (bound.length === 0) continue;
    describe(`${area}`, () => {
      for (const item of bound) {
        const reason = Object.keys(incomparable).find((start) => item.name.startsWith(start));
        it(`${item.name}`, { timeout: 60_000 }, async ({ skip }) => {
          skip(reason !== undefined, incomparable[reason ?? ""]);
          await scope(async () => {
            const expected = await readCase("reference", area, item, half);
            skip(expected === null, `${item.op} takes no ${half}`);
            const actual = await readCase(device, area, item, half);
            expect(actual?.map(({ what }) => what)).toEqual(expected?.map(({ what }) => what));
            for (const [i, wanted] of (expected ?? []).entries()) {
              const got = actual?.[i];
              expect(got?.dtype, wanted.what).toBe(wanted.dtype);
              const limit = halfTolerance(half, area, wanted.what);
              expectNear(got?.data ?? [], wanted.data, limit, wanted.what);
            }
          });
        });
      }
    });
  }
}

if (dtype === undefined) it.skip("operations in the dtype ATHANOR_TEST_DTYPE names", () => {});
else describeHalf(dtype);
