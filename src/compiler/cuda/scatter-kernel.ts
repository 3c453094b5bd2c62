import { CompileError } from "../../base/errors.ts";
import { product } from "../../base/integers.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node, NodeOf } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import { rowIndex } from "../scatter-rows.ts";
import type { KernelArgument, KernelFunction, RenderedStep } from "./kernel-code.ts";
import { registerType } from "./register-code.ts";
import { sortIndices } from "./sort-kernel.ts";

const THREADS = 256;

const clearText = `(int *bounds, int n, unsigned block) {
  int i = (int)block * ${THREADS} + thread_index();
  if (i < n) bounds[i] = 0;
}`;

/** Where the updates of each row begin and end in the sorted list; rows without any stay 0, 0. */
const boundsText = `(const u64 *sorted, int *bounds, int n, int rows, int *errors, unsigned block) {
  int i = (int)block * ${THREADS} + thread_index();
  if (i >= n) return;
  u32 key = (u32)(sorted[i] >> 32);
  int row = (int)(key ^ 0x80000000u);
  if ((u32)row >= (u32)rows) {
    checked_index(row, rows, errors);
    return;
  }
  if (i == 0 || (u32)(sorted[i - 1] >> 32) != key) bounds[2 * row] = i;
  if (i == n - 1 || (u32)(sorted[i + 1] >> 32) != key) bounds[2 * row + 1] = i + 1;
}`;

/** One thread per element of the result adds the updates of its row in the order they came. */
function combineText(node: NodeOf<"scatter">, hasBase: boolean): string {
  const { dtype } = node;
  const type = registerType(dtype);
  const bytes = dtypeBytes(dtype);
  const load = (name: string, at: string): string =>
    `load_${dtype}(${name} + (size_t)(${at}) * ${bytes})`;
  const update = load("updates", "(u32)sorted[p] * (size_t)columns + column");
  const add =
    dtype === "i8"
      ? `wrap_i8(x + ${update})`
      : dtype === "u8"
        ? `wrap_u8(x + ${update})`
        : `x + ${update}`;
  const loop =
    node.attrs.mode === "add"
      ? `for (int p = first; p < last; p++) x = ${add};`
      : `if (first < last) { int p = last - 1; x = ${update}; }`;
  return `(${hasBase ? "const char *base, " : ""}const char *updates, const u64 *sorted, const int *bounds, char *out, int rows, int columns, unsigned block) {
  size_t i = (size_t)block * ${THREADS} + (size_t)thread_index();
  if (i >= (size_t)rows * (size_t)columns) return;
  int row = (int)(i / (u32)columns), column = (int)(i % (u32)columns);
  int first = bounds[2 * row], last = bounds[2 * row + 1];
  ${type} x = ${hasBase ? load("base", "i") : "0"};
  ${loop}
  store_${dtype}(out + i * ${bytes}, x);
}`;
}

const int = (value: number): KernelArgument => ({ kind: "int", value });
const valueOf = (value: Node): KernelArgument => ({ kind: "value", value });

function made(text: string, args: readonly KernelArgument[], points: number): KernelFunction {
  const blocks = Math.ceil(points / THREADS);
  return { text, arguments: args, blocks, threads: THREADS, sharedBytes: 0, residentBlocks: 0 };
}

/**
 * A scatter of whole rows: the row numbers are sorted, stably, so that the updates of a row can be
 * added in their order by one thread per column. No atomics, hence the same bits every time.
 * @param operands - values that hold the base (null for zeros), the row numbers and the updates.
 */
export function renderScatter(
  node: NodeOf<"scatter">,
  [base, index, updates]: readonly [Node | null, Node, Node],
): RenderedStep {
  if (rowIndex(node) === null)
    throw new CompileError("cuda: this scatter does not move whole rows");
  const rows = node.shape[0];
  const columns = product(node.shape.slice(1));
  const size = node.src[1].shape[0];
  const sort = sortIndices(index, size);
  const bounds: KernelArgument = { kind: "scratch", offset: sort.scratchBytes };
  const errors: KernelArgument = { kind: "errors" };
  const sums = [
    ...(base === null ? [] : [valueOf(base)]),
    valueOf(updates),
    sort.result,
    bounds,
    valueOf(node),
  ];
  const bytes = dtypeBytes(node.dtype);
  return {
    name: "scatter",
    functions: [
      ...sort.functions,
      made(clearText, [bounds, int(2 * rows)], 2 * rows),
      made(boundsText, [sort.result, bounds, int(size), int(rows), errors], size),
      made(combineText(node, base !== null), [...sums, int(rows), int(columns)], rows * columns),
    ],
    scratchBytes: sort.scratchBytes + 8 * rows,
    bytes: (2 * numel(node.shape) + numel(node.src[2].shape)) * bytes + 4 * size,
    flops: numel(node.src[2].shape),
  };
}
