import { CompileError } from "../../base/errors.ts";
import type { DType } from "../../ir/dtype.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import type { KernelArgument, KernelFunction, RenderedStep } from "./kernel-code.ts";

/** Elements one block sorts in shared memory. */
const CHUNK = 2048;
const THREADS = 256;
/** Elements one thread of a merge writes. */
const PER_THREAD = 8;

/** C expression of a 32-bit (f64: 64-bit) key of element `v`, whose unsigned order is the sort's. */
function keyText(dtype: DType, descending: boolean): string {
  const text = ascendingKey(dtype);
  const flip = dtype === "f64" ? "0xffffffffffffffffull" : "0xffffffffu";
  return descending ? `((${text}) ^ ${flip})` : `(${text})`;
}

/** NaN is largest, and both zeros are equal. */
function ascendingKey(dtype: DType): string {
  switch (dtype) {
    case "f32":
      return floatKey("v & 0x7fffffffu", "0x7f800000u", "0x80000000u", "0xffffffffu", "u32");
    case "f16":
      return floatKey("v & 0x7fffu", "0x7c00u", "0x8000u", "0xffffu", "u32");
    case "bf16":
      return floatKey("v & 0x7fffu", "0x7f80u", "0x8000u", "0xffffu", "u32");
    case "f64":
      return floatKey(
        "v & 0x7fffffffffffffffull",
        "0x7ff0000000000000ull",
        "0x8000000000000000ull",
        "0xffffffffffffffffull",
        "u64",
      );
    case "i32":
    case "i8":
      return "(u32)v ^ 0x80000000u";
    case "u32":
    case "u8":
    case "bool":
      return "(u32)v";
    default:
      return dtype satisfies never;
  }
}

function floatKey(size: string, infinity: string, sign: string, all: string, type: string): string {
  const ordered = `((v & ${sign}) ? (${type})(~v & ${all}) : (${type})(v | ${sign}))`;
  return `((${size}) > ${infinity}) ? ${all} : ((${size}) == 0) ? ${sign} : ${ordered}`;
}

const bitsType: Readonly<Record<DType, string>> = {
  f64: "u64",
  f32: "u32",
  f16: "u16",
  bf16: "u16",
  i32: "int",
  u32: "u32",
  i8: "i8",
  u8: "u8",
  bool: "u8",
};

/** What is sorted where a key has 64 bits. */
export const sortPair: string = "struct sort_pair { u64 key; u32 at; };\n";

/** How keys and positions travel together: in one word, or as a pair where the key is 64 bits. */
function elementText(dtype: DType): { type: string; less: (a: string, b: string) => string } {
  if (dtype !== "f64") return { type: "u64", less: (a, b) => `${a} < ${b}` };
  return {
    type: "struct sort_pair",
    less: (a, b) => `(${a}.key < ${b}.key || (${a}.key == ${b}.key && ${a}.at < ${b}.at))`,
  };
}

function makeElement(dtype: DType, target: string, descending: boolean): string {
  const key = keyText(dtype, descending);
  return dtype === "f64"
    ? `${target}.key = ${key}; ${target}.at = (u32)at;`
    : `${target} = ((u64)${key} << 32) | (u32)at;`;
}

function lastElement(dtype: DType, target: string): string {
  return dtype === "f64"
    ? `${target}.key = 0xffffffffffffffffull; ${target}.at = 0xffffffffu;`
    : `${target} = 0xffffffffffffffffull;`;
}

const positionOf = (dtype: DType, element: string): string =>
  dtype === "f64" ? `(int)${element}.at` : `(int)(u32)${element}`;

/** Sorts the chunks of each row by a bitonic network; `chunk` is a power of two. */
function chunkText(dtype: DType, descending: boolean, chunk: number, isLast: boolean): string {
  const { type, less } = elementText(dtype);
  const result = isLast
    ? `out[row * (size_t)n + at] = ${positionOf(dtype, "s[i]")};`
    : "out[row * (size_t)n + at] = s[i];";
  return `(const ${bitsType[dtype]} *x, ${isLast ? "int" : type} *out, int n, int chunks, unsigned block) {
  ${type} *s = (${type} *)shared;
  size_t row = block / (unsigned)chunks;
  int start = (int)(block % (unsigned)chunks) * ${chunk};
  for (int i = threadIdx.x; i < ${chunk}; i += ${THREADS}) {
    int at = start + i;
    if (at < n) {
      ${bitsType[dtype]} v = x[row * (size_t)n + at];
      ${makeElement(dtype, "s[i]", descending)}
    } else {
      ${lastElement(dtype, "s[i]")}
    }
  }
  for (int size = 2; size <= ${chunk}; size *= 2) {
    for (int half = size / 2; half > 0; half /= 2) {
      __syncthreads();
      for (int i = threadIdx.x; i < ${chunk / 2}; i += ${THREADS}) {
        int low = 2 * i - (i & (half - 1));
        int high = low + half;
        ${type} a = s[low];
        ${type} b = s[high];
        int up = (low & size) == 0;
        if (up ? ${less("b", "a")} : ${less("a", "b")}) {
          s[low] = b;
          s[high] = a;
        }
      }
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < ${chunk}; i += ${THREADS}) {
    int at = start + i;
    if (at < n) ${result}
  }
}`;
}

/**
 * Merges neighbouring runs of `width` elements. Each thread finds by bisection how many of its
 * first elements come from the left run (the merge path), and merges its few in order.
 */
function mergeText(dtype: DType, isLast: boolean): string {
  const { type, less } = elementText(dtype);
  const store = isLast
    ? `out[base + at] = ${positionOf(dtype, "taken")};`
    : "out[base + at] = taken;";
  return `(const ${type} *from, ${isLast ? "int" : type} *out, int n, int width, int tiles, unsigned block) {
  size_t base = (size_t)(block / (unsigned)tiles) * (size_t)n;
  int at = ((int)(block % (unsigned)tiles) * ${THREADS} + (int)threadIdx.x) * ${PER_THREAD};
  if (at >= n) return;
  int end = at + ${PER_THREAD} < n ? at + ${PER_THREAD} : n;
  int left = at / (2 * width) * (2 * width);
  int middle = left + width < n ? left + width : n;
  int right = n - width < middle ? n : middle + width;
  int skip = at - left;
  int low = skip > right - middle ? skip - (right - middle) : 0;
  int high = skip < middle - left ? skip : middle - left;
  while (low < high) {
    int half = (low + high) / 2;
    ${type} a = from[base + left + half];
    ${type} b = from[base + middle + (skip - 1 - half)];
    if (${less("b", "a")}) high = half; else low = half + 1;
  }
  int i = left + low;
  int j = middle + (skip - low);
  for (; at < end; at++) {
    ${type} taken;
    if (i >= middle) taken = from[base + j++];
    else if (j >= right) taken = from[base + i++];
    else {
      ${type} a = from[base + i];
      ${type} b = from[base + j];
      if (${less("b", "a")}) { taken = b; j++; } else { taken = a; i++; }
    }
    ${store}
  }
}`;
}

function made(
  text: string,
  args: readonly KernelArgument[],
  blocks: number,
  sharedBytes: number,
): KernelFunction {
  return { text, arguments: args, blocks, threads: THREADS, sharedBytes, residentBlocks: 0 };
}

const int = (value: number): KernelArgument => ({ kind: "int", value });

/** Chunk that holds a whole row, if there is one. */
function chunkFor(size: number): number {
  let chunk = 2;
  while (chunk < size && chunk < CHUNK) chunk *= 2;
  return chunk;
}

/** Functions that sort, and where their last one puts the result. */
interface SortPasses {
  readonly functions: readonly KernelFunction[];
  readonly scratchBytes: number;
  readonly result: KernelArgument;
}

/**
 * Sorts chunks in shared memory, then merges them back and forth between two halves of the scratch
 * memory. The last pass stores positions to `positions`; without that, pairs stay in the scratch.
 */
function sortPasses(
  x: Node,
  [rows, size]: readonly number[],
  descending: boolean,
  positions: Node | null,
): SortPasses {
  const { dtype } = x;
  const elementBytes = dtype === "f64" ? 16 : 8;
  const half = rows * size * elementBytes;
  const chunk = chunkFor(size);
  const chunks = Math.ceil(size / chunk);
  const tiles = Math.ceil(size / (THREADS * PER_THREAD));
  const functions: KernelFunction[] = [];
  let at: KernelArgument = { kind: "value", value: x };
  let offset = half;
  const next = (isLast: boolean): KernelArgument => {
    offset = half - offset;
    return isLast && positions !== null
      ? { kind: "value", value: positions }
      : { kind: "scratch", offset };
  };
  const first = next(chunks === 1);
  const isOnly = chunks === 1 && positions !== null;
  const text = chunkText(dtype, descending, chunk, isOnly);
  const args = [at, first, int(size), int(chunks)];
  functions.push(made(text, args, rows * chunks, chunk * elementBytes));
  at = first;
  for (let width = chunk; width < size; width *= 2) {
    const isLast = 2 * width >= size;
    const to = next(isLast);
    const merge = mergeText(dtype, isLast && positions !== null);
    functions.push(made(merge, [at, to, int(size), int(width), int(tiles)], rows * tiles, 0));
    at = to;
  }
  return { functions, scratchBytes: 2 * half, result: at };
}

/** Sorts n indices (i32): pairs of a key (index + 2³¹, high half) and a position, in scratch. */
export function sortIndices(index: Node, size: number): SortPasses {
  return sortPasses(index, [1, size], false, null);
}

/**
 * The stable sorting permutation of each row of x [rows, size]: chunks of 2048 elements in shared
 * memory, then merges. Elements travel with their positions, which also makes equal keys differ.
 */
export function renderSort(node: Node): RenderedStep {
  if (node.op !== "argsort") throw new CompileError(`cuda: ${node.op} is no sort`);
  const [x] = node.src;
  const [rows, size] = x.shape;
  const passes = sortPasses(x, [rows, size], node.attrs.descending, node);
  return {
    name: "sort",
    functions: passes.functions,
    scratchBytes: passes.functions.length === 1 ? 0 : passes.scratchBytes,
    bytes: rows * size * (dtypeBytes(x.dtype) + 4),
    flops: rows * size * Math.ceil(Math.log2(Math.max(2, size))),
  };
}
