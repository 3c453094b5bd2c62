import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef } from "../assembler-function.ts";
import { increase, pushAt, pushMin, whileBelow } from "./control.ts";
import {
  blockedParams,
  callFinish,
  equalBlocks,
  overDepth,
  packPartialPanel,
  renderBlocked,
  renderFinish,
  stridedSource,
  type GemmParts,
} from "./gemm-blocked.ts";
import { workspaceLayout } from "./gemm-blocks.ts";
import { gemmField } from "./gemm-desc.ts";
import { PANEL } from "./gemm-kernels.ts";

/** Products of at most this many rows run as dot products when A and B are contiguous along k. */
const DOT_ROWS = 16;
const gemmParams = ["desc", "a", "b", "c", "workspace", "batch", "m0", "m1", "n0", "n1"] as const;

const fieldLocals = ["k", "aRow", "aCol", "bRow", "bCol", "cRow", "accumulate", "m"] as const;
const byteFields: ReadonlySet<string> = new Set(["aRow", "aCol", "bRow", "bCol", "cRow"]);

type Frame = Record<
  (typeof gemmParams)[number] | (typeof fieldLocals)[number] | "mode" | "rows" | "columns",
  number
>;

/** The products of one library. */
export interface GemmFunctions {
  readonly gemm: FunctionRef;
  /** The blocked path alone; parameters as `blockedParams`. */
  readonly blocked: FunctionRef;
}

/**
 * Adds `gemm(desc, a, b, c, workspace, batch, m0, m1, n0, n1)`: rows m0..m1 of columns n0..n1
 * of C. The order of the additions into an element depends on the descriptor only, never on the
 * ranges, so any split over threads gives the same bits.
 */
export function renderGemm(
  module: ModuleBuilder,
  parts: GemmParts,
  dot: readonly FunctionRef[],
): GemmFunctions {
  const params = gemmParams.map(() => "i32" as const);
  const epilogue = renderFinish(module, gemmField("epilogue"), gemmField("epilogueArgs"));
  const blocked = renderBlocked(module, "gemm_blocked", parts, epilogue, stridedSource(parts));
  const gemm = module.function("gemm", params, [], (f) => {
    const frame = openFrame(f);
    f.get(frame.rows).i32(0).emit("i32.le_s").get(frame.columns).i32(0).emit("i32.le_s", "i32.or");
    f.if(() => f.emit("return"));
    // Contiguous along k on both sides and few rows: dot products, no packing.
    f.get(frame.m).i32(DOT_ROWS).emit("i32.le_s");
    f.get(frame.aCol).i32(4).emit("i32.eq", "i32.and");
    f.get(frame.bRow).i32(4).emit("i32.eq", "i32.and");
    f.get(frame.k).i32(8).emit("i32.ge_s", "i32.and");
    f.if(() => {
      renderDotPath(f, frame, dot, epilogue);
      f.emit("return");
    });
    f.get(frame.m).i32(2).emit("i32.le_s").get(frame.bCol).i32(4).emit("i32.eq", "i32.and");
    f.if(() => {
      renderRowPath(f, frame, parts, epilogue);
      f.emit("return");
    });
    for (const name of blockedParams) f.get(frame[name]);
    f.call(blocked);
  });
  return { gemm, blocked };
}

/** Reads the descriptor into locals and moves a, b, c to the start of the range. */
function openFrame(f: FunctionBuilder): Frame {
  const frame = {} as Frame;
  gemmParams.forEach((name, i) => (frame[name] = i));
  for (const name of [...fieldLocals, "mode", "rows", "columns"] as const) {
    frame[name] = f.local("i32");
  }
  for (const name of fieldLocals) {
    f.get(frame.desc).load("i32.load", gemmField(name));
    if (byteFields.has(name)) f.i32(2).emit("i32.shl");
    f.set(frame[name]);
  }
  swapColumn(f, frame);
  f.get(frame.m1).get(frame.m0).emit("i32.sub").set(frame.rows);
  f.get(frame.n1).get(frame.n0).emit("i32.sub").set(frame.columns);
  const move = (pointer: number, index: number, stride: number): void => {
    pushAt(f, pointer, index, stride);
    f.set(pointer);
  };
  move(frame.a, frame.m0, frame.aRow);
  move(frame.b, frame.n0, frame.bCol);
  move(frame.c, frame.m0, frame.cRow);
  f.get(frame.c).get(frame.n0).i32(2).emit("i32.shl", "i32.add").set(frame.c);
  return frame;
}

/** A contiguous column C[m, 1] = A·b is computed as the row C[1, m] = bᵀ·Aᵀ. */
function swapColumn(f: FunctionBuilder, frame: Frame): void {
  const exchange = (x: number, y: number): unknown => f.get(x).get(y).set(x).set(y);
  f.get(frame.desc).load("i32.load", gemmField("n")).i32(1).emit("i32.eq");
  f.get(frame.cRow).i32(4).emit("i32.eq", "i32.and");
  f.get(frame.m).i32(1).emit("i32.gt_s", "i32.and").tee(frame.mode);
  f.if(() => {
    exchange(frame.a, frame.b);
    exchange(frame.aRow, frame.bCol);
    exchange(frame.aCol, frame.bRow);
    exchange(frame.m0, frame.n0);
    exchange(frame.m1, frame.n1);
    f.i32(1).set(frame.m);
  });
}

/** Columns finished per epilogue call on the paths without blocks. */
const SKINNY_FINISH = 1024;

/** Few rows, everything contiguous along k: tiles of 2×4 dot products. */
function renderDotPath(
  f: FunctionBuilder,
  frame: Frame,
  dot: readonly FunctionRef[],
  finish: FunctionRef,
): void {
  const [from, to, j, i, bAt, cAt, zero, four, width, left] = f.locals("i32", 10);
  f.i32(4).set(four).i32(0).set(zero).i32(0).set(from);
  whileBelow(f, from, frame.columns, { value: SKINNY_FINISH }, () => {
    f.get(from).i32(SKINNY_FINISH).emit("i32.add").set(to);
    pushMin(f, to, frame.columns);
    f.set(to).get(from).set(j);
    whileBelow(f, j, to, { value: 4 }, () => {
      f.get(to).get(j).emit("i32.sub").set(left);
      pushMin(f, left, four);
      f.set(width).i32(0).set(i);
      pushAt(f, frame.b, j, frame.bCol);
      f.set(bAt);
      f.get(frame.c).get(j).i32(2).emit("i32.shl", "i32.add").set(cAt);
      whileBelow(f, i, frame.rows, { value: 2 }, () => {
        const call = (height: number): void => {
          pushAt(f, frame.a, i, frame.aRow);
          f.get(frame.aRow).get(bAt).get(frame.bCol).get(frame.k);
          pushAt(f, cAt, i, frame.cRow);
          f.get(frame.cRow).get(width).get(frame.accumulate).call(dot[height]);
        };
        f.get(frame.rows).get(i).emit("i32.sub").i32(1).emit("i32.gt_s");
        f.if(
          () => call(2),
          () => call(1),
        );
      });
    });
    callFinish(f, frame, finish, { row: zero, rows: frame.rows, column: from, columnEnd: to });
  });
}

/** One or two rows, B contiguous along its columns: wide tiles over B in place. */
function renderRowPath(
  f: FunctionBuilder,
  frame: Frame,
  { tiles, packers, blocks, edge }: GemmParts,
  finish: FunctionRef,
): void {
  const layout = workspaceLayout(blocks, tiles.rows);
  const [from, to, j, p, depthBlock, depth, add, cAt, bAt, bStep, left, eight, zero, width] =
    f.locals("i32", 14);
  f.i32(PANEL).set(eight).i32(0).set(zero).i32(0).set(from);
  equalBlocks(f, frame.k, blocks.depth, 4, depthBlock);
  const place = (): void => {
    f.get(frame.c).get(j).i32(2).emit("i32.shl", "i32.add").set(cAt);
    pushAt(f, frame.b, p, frame.bRow);
    f.get(j).i32(2).emit("i32.shl", "i32.add").set(bAt);
  };
  const pushTile = (): void => {
    pushAt(f, frame.a, p, frame.aCol);
    f.get(frame.aCol).get(frame.aRow).get(bAt).get(bStep).get(depth);
    f.get(cAt).get(frame.cRow).get(add);
  };
  const wideTiles = (tile: FunctionRef, columns: number): void => {
    f.block((done) => {
      f.loop((again) => {
        f.get(to).get(j).emit("i32.sub").i32(columns).emit("i32.lt_s").brIf(done);
        place();
        pushTile();
        f.call(tile);
        increase(f, j, { value: columns });
        f.br(again);
      });
    });
  };
  whileBelow(f, from, frame.columns, { value: SKINNY_FINISH }, () => {
    f.get(from).i32(SKINNY_FINISH).emit("i32.add").set(to);
    pushMin(f, to, frame.columns);
    f.set(to);
    overDepth(f, frame.k, frame.accumulate, { p, depthBlock, depth, add, left }, () => {
      f.get(from).set(j).get(frame.bRow).set(bStep);
      f.get(frame.rows).i32(1).emit("i32.eq");
      f.if(
        () => wideTiles(tiles.row32, 32),
        () => wideTiles(tiles.row16, 16),
      );
      whileBelow(f, j, to, { value: PANEL }, () => {
        place();
        f.get(to).get(j).emit("i32.sub").set(left);
        pushMin(f, left, eight);
        f.set(width);
        packPartialPanel(f, packers.b, layout.panel, {
          width,
          b: bAt,
          bRow: frame.bRow,
          bCol: frame.bCol,
          depth,
          workspace: frame.workspace,
          bStep,
        });
        f.get(frame.rows).get(width).get(frame.workspace);
        pushTile();
        f.call(edge);
      });
    });
    callFinish(f, frame, finish, { row: zero, rows: frame.rows, column: from, columnEnd: to });
  });
}
