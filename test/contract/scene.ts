import * as b from "../../src/ir/build.ts";
import type { DType, HostArray } from "../../src/ir/dtype.ts";
import {
  bf16FromNumber,
  bf16ToNumber,
  f16FromNumber,
  f16ToNumber,
  isFloat,
} from "../../src/ir/dtype.ts";
import type { Node, NodeOf } from "../../src/ir/node.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { numel } from "../../src/ir/shape.ts";
import type { Tolerance } from "./tolerance.ts";

export const floats: readonly DType[] = ["f64", "f32", "f16", "bf16"];
export const integers: readonly DType[] = ["i32", "u32", "i8", "u8"];
export const numbers: readonly DType[] = [...floats, ...integers];
export const everyDType: readonly DType[] = [...numbers, "bool"];
export const wideFloats: readonly DType[] = ["f64", "f32"];

/**
 * Data of an input. `mixed`: moderate values of both signs; `positive`: 0.1 … 4; `unit`: inside
 * (−1, 1); `wide`: ±50 or the whole integer range; `edge`: limits, infinities, NaN, halves;
 * a list repeats.
 */
export type Fill = "mixed" | "positive" | "unit" | "wide" | "edge" | readonly number[];

/** What a case builds its graph with; records the inputs and their data. */
export interface Scene {
  readonly dtype: DType;
  readonly input: (shape: Shape, fill?: Fill, dtype?: DType) => Node;
}

/** One graph, run for each dtype and compared with the reference. */
export interface Case {
  readonly name: string;
  readonly dtypes: readonly DType[];
  readonly build: (scene: Scene) => Node | readonly Node[];
  /** Results must be equal, not close. */
  readonly exact?: boolean;
  /** Replaces the table's row for a dtype. */
  readonly tolerance?: Readonly<Partial<Record<DType, Tolerance>>>;
  readonly reason?: string;
}

/** A built case: graph inputs, their data, graph outputs. */
export interface BuiltCase {
  readonly inputs: readonly NodeOf<"input">[];
  readonly data: readonly HostArray[];
  readonly outputs: readonly Node[];
}

const floatEdges = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5];
const moreFloatEdges = [3.5, 0.49999997, 1e-30, -1e-30, 1e30, -1e30, 88, -88, 127.9, -1.9, 255.5];
const castEdges = [256, -129, 65504, 65536, 2147483647, 2147483648, -2147483649, 4294967296, 1e10];

/** Values at the limits of a dtype. */
export const edges: Readonly<Record<DType, readonly number[]>> = {
  f64: [...floatEdges, ...moreFloatEdges, ...castEdges],
  f32: [...floatEdges, ...moreFloatEdges, ...castEdges],
  f16: [...floatEdges, ...moreFloatEdges, ...castEdges],
  bf16: [...floatEdges, ...moreFloatEdges, ...castEdges],
  i32: [0, 1, -1, 2, -3, 127, 128, 255, 256, 65535, 65536, -(2 ** 31), 2 ** 31 - 1, 16777217],
  u32: [0, 1, 2, 127, 128, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1, 16777217],
  i8: [0, 1, -1, 2, -3, 127, -127, -128, 64],
  u8: [0, 1, 2, 127, 128, 254, 255],
  bool: [0, 1],
};

/** Finite values a vectorised function must get right, without the huge ones. */
export const plainFloats: readonly number[] = [0, -0, 1, -1, 0.5, -0.5, 1e-4, -1e-4, 3, -3, 10];

const integerRanges: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  i32: [-(2 ** 31), 2 ** 32],
  u32: [0, 2 ** 32],
  i8: [-128, 256],
  u8: [0, 256],
};

/** Deterministic uniform numbers in [0, 1), by Marsaglia's xorshift. */
function makeRandom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function drawFloat(fill: Fill, u: number): number {
  if (fill === "positive") return 0.1 + 3.9 * u;
  if (fill === "unit") return 1.98 * u - 0.99;
  return (fill === "wide" ? 100 : 4) * (u - 0.5);
}

function drawInteger(fill: Fill, dtype: DType, u: number): number {
  const [low, size] = integerRanges[dtype] ?? [0, 2];
  if (fill === "positive") return 1 + Math.floor(u * Math.min(size / 2 - 1, 100));
  if (fill === "wide" || size <= 256) return low + Math.floor(u * size);
  return Math.max(low, -1000) + Math.floor(u * 2000);
}

/** The numbers of a fill. */
function drawNumbers(fill: Fill, dtype: DType, count: number, seed: number): number[] {
  const list = fill === "edge" ? edges[dtype] : fill;
  if (typeof list !== "string")
    return Array.from({ length: count }, (_, i) => list[i % list.length]);
  const random = makeRandom(seed);
  return Array.from({ length: count }, () =>
    isFloat(dtype) ? drawFloat(list, random()) : drawInteger(list, dtype, random()),
  );
}

/** Numbers in the storage format of a dtype. */
export function hostArray(dtype: DType, values: readonly number[]): HostArray {
  switch (dtype) {
    case "f64":
      return Float64Array.from(values);
    case "f32":
      return Float32Array.from(values);
    case "f16":
      return Uint16Array.from(values, f16FromNumber);
    case "bf16":
      return Uint16Array.from(values, bf16FromNumber);
    case "i32":
      return Int32Array.from(values);
    case "u32":
      return Uint32Array.from(values);
    case "i8":
      return Int8Array.from(values);
    case "u8":
      return Uint8Array.from(values);
    case "bool":
      return Uint8Array.from(values, (value) => Number(value !== 0));
    default:
      return dtype satisfies never;
  }
}

/** Storage format as plain numbers. */
export function toNumbers(dtype: DType, data: HostArray): Float64Array {
  if (dtype === "f16") return Float64Array.from(data, f16ToNumber);
  if (dtype === "bf16") return Float64Array.from(data, bf16ToNumber);
  return Float64Array.from(data);
}

/** Builds a case for one dtype. */
export function buildCase(spec: Pick<Case, "build">, dtype: DType): BuiltCase {
  const inputs: NodeOf<"input">[] = [];
  const data: HostArray[] = [];
  const scene: Scene = {
    dtype,
    input(shape, fill = "mixed", own = dtype) {
      const node = b.input(shape, own) as NodeOf<"input">;
      const seed = inputs.push(node);
      data.push(hostArray(own, drawNumbers(fill, own, numel(shape), seed)));
      return node;
    },
  };
  const built = spec.build(scene);
  return { inputs, data, outputs: Array.isArray(built) ? built : [built as Node] };
}
