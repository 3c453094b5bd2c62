import { product } from "../../base/integers.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import { formRange, normalizeForm } from "../affine.ts";
import type { Kernel } from "../kernel.ts";
import { kernelExpressions, kernelForms, planLoops } from "../loops.ts";
import type { Loop } from "../loops.ts";
import { bytesOf, isUnsafe, kernelAccesses, strideOf } from "./accesses.ts";
import type { Access } from "./accesses.ts";
import { trafficOf } from "./coalescing.ts";
import type { CudaTarget } from "./kernel-code.ts";
import { planTile } from "./tile-plan.ts";
import type { TilePlan } from "./tile-plan.ts";

/**
 * How the points of a kernel are shared by threads. What bounds each pattern on a card, and what is
 * done about it:
 *
 * - Elements, flat or strided: memory. Vectors of 16 bytes where addresses allow, one per thread
 *   and operand; 2048 threads per multiprocessor keep 32 KiB in flight per operand.
 * - Transposes: memory, through shared tiles of 32 × 33 that make both sides whole lines.
 * - Rows of up to 256 vectors: a warp or less each, in registers between phases, so each element is
 *   moved once. Longer ones: a block each, in registers up to 8 vectors per thread at 1024 threads
 *   (65,536 halves); beyond that, and where rows are too odd for vectors, a phase reads the row
 *   again, from the second-level cache if the rows in flight fit it.
 * - Columns: memory. 32 vectors side by side, 8 threads down each; 256 B × 8 lines in a round.
 * - Few rows (or columns): memory of one multiprocessor, unless blocks share rows; that costs
 *   another launch per phase, so only rows of more than 16 rounds are shared.
 * - Halves with many operations: arithmetic, two roundings per operation.
 *
 * In detail: A *row* is a point of the outer loops, or
 * `lanes` neighbours along `vector` if that is one of them; an *item* is a point of the inner
 * loops, or `lanes` neighbours. `group` threads work on a row, item by item in turn; a block has
 * `rows` groups; and `parts` blocks share the items of their rows, in as many functions as there
 * are phases that need each other's sums.
 */
export interface KernelPlan {
  /** Outer loops, the one whose neighbours are neighbours in memory last. */
  readonly outer: readonly Loop[];
  readonly inner: readonly Loop[];
  /** Loop walked `lanes` at a time: the last of the inner or of the outer loops. */
  readonly vector: Loop | null;
  readonly lanes: number;
  /** Whether neighbouring threads work on one row (the fast loop is an inner one). */
  readonly horizontal: boolean;
  readonly group: number;
  readonly rows: number;
  readonly parts: number;
  /** Rows and items there are. */
  readonly rowCount: number;
  readonly itemCount: number;
  /** Items one thread works on, at most. */
  readonly rounds: number;
  readonly threads: number;
  readonly blocks: number;
  /** Whether 32 bits do not hold every index. */
  readonly wide: boolean;
  /** One loop that every access walks in the same way: its length may be an argument. */
  readonly flat: boolean;
  /** Set for kernels that transpose: then lanes, rows and groups are one. */
  readonly tile: TilePlan | null;
}

/** Bytes a value's address is a multiple of. */
export type AlignmentOf = (value: Node) => number;

const THREADS = 256;
/** Widest vector a thread loads at once. */
const VECTOR_BYTES = 16;
const MOST_LANES = 8;
/** What a thread should store at least. */
const WORD_BYTES = 4;
/** Elements so far apart share lines of the cache. */
const FEW_APART = 8;
/** Blocks per multiprocessor that keep the memory busy. */
const BLOCKS_WANTED = 4;
/** Items per thread of a row that registers can keep between phases. */
const ITEMS_KEPT = 8;
/** Items per thread of a warp that has a row to itself while most of the card idles. */
const ITEMS_ALONE = 2;
/** Items a thread must have left when blocks share rows, and must have had before. */
const ITEMS_LEFT = 4;
const ITEMS_SHARED = 16;
const MOST_PARTS = 1024;
/** Columns so short are one thread's each where they are so many per multiprocessor. */
const SHORT_COLUMN = 32;
const ROWS_ALONE = 512;

/** How much of its memory traffic a kernel moves in neighbours along a loop. */
function fastScore(accesses: readonly Access[], loop: Loop): number {
  let score = 0;
  for (const access of accesses) {
    const stride = strideOf(access.form, loop);
    const bytes = bytesOf(access);
    if (stride === 1) score += 2 * bytes;
    else if (stride === -1 || stride === 2) score += bytes;
    else if (stride !== 0) score -= bytes;
  }
  return loop.size < 4 ? score / 4 - 1 : score;
}

interface Fast {
  readonly loop: Loop | null;
  readonly horizontal: boolean;
}

/** The loops with one of them last. */
function withLast(loops: readonly Loop[], last: Loop | null): Loop[] {
  const rest = loops.filter((loop) => loop !== last);
  return last !== null && rest.length < loops.length ? [...rest, last] : rest;
}

/** Orders whose traffic differs by less are told apart by how long their vectors are. */
const TRAFFIC_TIE = 1.05;
/** Rows of so few elements are one thread's work. */
const SHORT_ROW = 4;

/** The loop neighbouring threads walk: the one that makes the fewest memory transfers. */
function chooseFast(
  kernel: Kernel,
  accesses: readonly Access[],
  outer: readonly Loop[],
  inner: readonly Loop[],
): Fast {
  const rowLength = product(inner.map((loop) => loop.size));
  const candidates: Fast[] = outer.map((loop) => ({ loop, horizontal: false }));
  const mayShare = !kernel.sequential && (rowLength > SHORT_ROW || outer.length === 0);
  if (mayShare) candidates.push(...inner.map((loop) => ({ loop, horizontal: true })));
  const rated = candidates.map((fast) => {
    const { loop, horizontal } = fast;
    // A warp goes on with the next row where a row is short.
    const loops = horizontal ? [...outer, ...withLast(inner, loop)] : withLast(outer, loop);
    const score = loop === null ? 0 : fastScore(accesses, loop);
    return { fast, traffic: trafficOf(accesses, loops), score };
  });
  const least = Math.min(...rated.map(({ traffic }) => traffic));
  const good = rated.filter(({ traffic }) => traffic <= least * TRAFFIC_TIE);
  const best = good.reduce<(typeof rated)[number] | null>(
    (found, rating) => (found === null || rating.score >= found.score ? rating : found),
    null,
  );
  return best?.fast ?? { loop: null, horizontal: false };
}

/**
 * Elements of an access that one vector can hold: neighbours that never straddle its bytes. Where
 * the access reaches outside of its buffer, so do all of them or none.
 */
export function accessWidth(
  { value, form }: Pick<Access, "value" | "form">,
  vector: Loop | null,
  loops: readonly Loop[],
  lanes: number,
  alignment: number,
): number {
  if (vector === null || strideOf(form, vector) !== 1) return 1;
  const bytes = dtypeBytes(value.dtype);
  const steps = [
    form.offset,
    ...(isUnsafe(value, form) ? [numel(value.shape)] : []),
    ...loops.filter((loop) => loop !== vector).map((loop) => strideOf(form, loop)),
    ...form.terms.flatMap(({ axis, stride }) => (axis.dynamic === null ? [] : [stride])),
    Math.max(1, Math.floor(alignment / bytes)),
  ];
  let width = Math.min(lanes, VECTOR_BYTES / bytes);
  while (width > 1 && steps.some((step) => step % width !== 0)) width /= 2;
  return width;
}

/**
 * Whether most of what is loaded are elements a few apart: threads that are vectors apart would
 * each touch other lines of the cache.
 */
function isMostlyStrided(accesses: readonly Access[], vector: Loop): boolean {
  const loads = accesses.filter(({ isStore }) => !isStore);
  const isApart = ({ form }: Access): boolean => {
    const stride = Math.abs(strideOf(form, vector));
    return stride > 1 && stride <= FEW_APART;
  };
  const bytes = (list: readonly Access[]): number =>
    list.reduce((sum, access) => sum + bytesOf(access), 0);
  return bytes(loads.filter(isApart)) * 2 > bytes(loads);
}

function chooseLanes(
  kernel: Kernel,
  accesses: readonly Access[],
  vector: Loop | null,
  loops: readonly Loop[],
  alignmentOf: AlignmentOf,
): number {
  if (vector === null || kernel.sequential) return 1;
  const most = Math.max(...accesses.map(bytesOf));
  const large = accesses.filter((access) => bytesOf(access) * 16 >= most);
  const smallest = Math.min(...large.map(({ value }) => dtypeBytes(value.dtype)));
  const hasDoubles = large.some(({ value }) => value.dtype === "f64");
  const wanted = Math.min(MOST_LANES, hasDoubles ? 2 : VECTOR_BYTES / smallest);
  const widths = large.map((access) =>
    accessWidth(access, vector, loops, wanted, alignmentOf(access.value)),
  );
  let lanes = Math.max(1, ...widths);
  if (isMostlyStrided(large, vector)) lanes = Math.min(lanes, Math.max(1, WORD_BYTES / smallest));
  while (lanes > 1 && vector.size < lanes) lanes /= 2;
  return lanes;
}

const powerAtLeast = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(n, 1)));
const divideUp = (a: number, b: number): number => Math.ceil(a / b);

function needsWideIndices(kernel: Kernel, accesses: readonly Access[]): boolean {
  const limit = 2 ** 31 - 2 ** 12;
  const points = product([...kernel.outer, ...kernel.inner].map((axis) => axis.size));
  if (points >= limit || accesses.some(({ value }) => numel(value.shape) >= limit)) return true;
  return kernelForms(kernel).some((form) => {
    const [low, high] = formRange(form);
    return low <= -limit || high >= limit;
  });
}

/** Whether the length of the only loop is all that tells this kernel from another. */
function isFlat(kernel: Kernel, outer: readonly Loop[], inner: readonly Loop[]): boolean {
  if (outer.length !== 1 || inner.length > 0 || kernel.sequential) return false;
  return kernelExpressions(kernel).every((part) => {
    if (part.kind === "masked") return false;
    if (part.kind !== "load") return true;
    const form = normalizeForm(part.form);
    const [low, high] = formRange(form);
    const isSafe = low >= 0 && high < numel(part.value.shape);
    return isSafe && form.terms.every((term) => term.axis.dynamic === null);
  });
}

/** Threads per row, rows per block, and blocks per row. */
interface Shares {
  readonly group: number;
  readonly rows: number;
  readonly parts: number;
}

/** Blocks that share each row so that there are enough of them; 1 if rows are short or many. */
function partsOf(rowBlocks: number, group: number, itemCount: number, target: CudaTarget): number {
  const wanted = BLOCKS_WANTED * target.multiprocessors;
  if (rowBlocks >= target.multiprocessors || itemCount <= group * ITEMS_SHARED) return 1;
  const room = Math.floor(itemCount / (group * ITEMS_LEFT));
  return Math.max(1, Math.min(divideUp(wanted, rowBlocks), room, MOST_PARTS));
}

/** Rows whose neighbouring elements belong to neighbouring threads. */
function shareRows(rowCount: number, itemCount: number, target: CudaTarget): Shares {
  const isMany = rowCount >= target.multiprocessors;
  if (itemCount > 32 * (isMany ? ITEMS_KEPT : ITEMS_ALONE)) {
    if (!isMany && itemCount > 1024 * ITEMS_KEPT) {
      const parts = partsOf(rowCount, THREADS, itemCount, target);
      return { group: THREADS, rows: 1, parts };
    }
    const kept = isMany ? ITEMS_KEPT : 1;
    const group = Math.min(1024, Math.max(128, powerAtLeast(divideUp(itemCount, kept))));
    return { group, rows: 1, parts: 1 };
  }
  const group = Math.min(32, powerAtLeast(itemCount));
  const perWarp = 32 / group;
  const warps = Math.min(8, powerAtLeast(divideUp(rowCount, perWarp * target.multiprocessors)));
  return { group, rows: perWarp * warps, parts: 1 };
}

/** Columns: neighbouring threads work on neighbouring rows, and meet those that share theirs. */
function shareColumns(rowCount: number, itemCount: number, target: CudaTarget): Shares {
  const fillsCard = rowCount >= target.multiprocessors * ROWS_ALONE;
  if (itemCount <= SHORT_COLUMN && fillsCard) return { group: 1, rows: THREADS, parts: 1 };
  const rows = Math.min(32, powerAtLeast(rowCount));
  const group = Math.min(THREADS / rows, powerAtLeast(divideUp(itemCount, ITEMS_LEFT)));
  if (group === 1) return { group, rows: THREADS, parts: 1 };
  const parts = partsOf(divideUp(rowCount, rows), group, itemCount, target);
  return { group, rows, parts };
}

/** Decides who computes what. */
export function planKernel(
  kernel: Kernel,
  target: CudaTarget,
  alignmentOf: AlignmentOf,
): KernelPlan {
  const nest = planLoops(kernel);
  const accesses = kernelAccesses(kernel);
  const fast = chooseFast(kernel, accesses, nest.outer, nest.inner);
  const { horizontal } = fast;
  const outer = withLast(nest.outer, fast.loop);
  // Sequential inner loops keep their order.
  const inner = kernel.sequential ? [...nest.inner] : withLast(nest.inner, fast.loop);
  const tile = nest.inner.length > 0 ? null : planTile(kernel, outer);
  const all = [...outer, ...inner];
  const lanes = tile !== null ? 1 : chooseLanes(kernel, accesses, fast.loop, all, alignmentOf);
  const vector = lanes === 1 ? null : fast.loop;
  const count = (loops: readonly Loop[]): number =>
    product(loops.map((loop) => (loop === vector ? divideUp(loop.size, lanes) : loop.size)));
  const rowCount = count(outer);
  const itemCount = count(inner);
  const alone = inner.length === 0 || kernel.sequential;
  const wide = needsWideIndices(kernel, accesses);
  const share = horizontal ? shareRows : shareColumns;
  const { group, rows, parts } = alone
    ? { group: 1, rows: THREADS, parts: 1 }
    : share(rowCount, itemCount, target);
  return {
    outer,
    inner,
    vector,
    lanes,
    horizontal,
    group,
    rows,
    parts,
    rowCount,
    itemCount,
    rounds: divideUp(itemCount, group * parts),
    threads: group * rows,
    blocks: divideUp(rowCount, rows) * parts,
    wide,
    flat: !wide && isFlat(kernel, outer, inner),
    tile,
  };
}
