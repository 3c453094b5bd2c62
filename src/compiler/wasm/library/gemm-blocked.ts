import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef, ValueType } from "../assembler-function.ts";
import { countDown, increase, pushAt, pushMin, whileBelow } from "./control.ts";
import { workspaceLayout, type BlockSizes } from "./gemm-blocks.ts";
import { PANEL, type Tiles } from "./gemm-kernels.ts";
import type { Packers } from "./gemm-pack.ts";

/** Signature of an epilogue: (args, batch, row from, row to, column from, column to). */
export const epilogueParams: readonly ValueType[] = ["i32", "i32", "i32", "i32", "i32", "i32"];

/** Products of at most this many rows read B in place, */
const UNPACKED_B_ROWS = 12;
/** and so do products whose B is at most this many bytes: it stays in the L1 cache. */
const UNPACKED_B_BYTES = 32768;
/** Products of fewer columns read A in place. */
const PACKED_A_COLUMNS = 48;

/** What the GEMM and convolution drivers call. */
export interface GemmParts {
  readonly tiles: Tiles;
  readonly packers: Packers;
  /** Tiles at the edges of C. */
  readonly edge: FunctionRef;
  readonly blocks: BlockSizes;
}

/** How a driver reports a finished block of C. */
export const FINISH = { plain: 0, transposed: 1, quiet: 2 } as const;

/**
 * Adds `finish(desc, batch, mode, m0, m1, n0, n1)`, which calls the epilogue if the descriptor
 * has one: with rows and columns exchanged in mode `transposed`, not at all in mode `quiet`.
 */
export function renderFinish(
  module: ModuleBuilder,
  epilogueOffset: number,
  argsOffset: number,
): FunctionRef {
  const params = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
  return module.function("finish", params, [], (f) => {
    const [desc, batch, mode, m0, m1, n0, n1] = params.keys();
    const args = f.local("i32");
    const table = f.local("i32");
    f.get(desc).load("i32.load", epilogueOffset).tee(table).i32(0).emit("i32.lt_s");
    f.get(mode).i32(FINISH.quiet).emit("i32.eq", "i32.or");
    f.if(() => f.emit("return"));
    f.get(desc).load("i32.load", argsOffset).set(args);
    const call = (range: readonly number[]): void => {
      f.get(args).get(batch);
      for (const local of range) f.get(local);
      f.get(table).callIndirect(epilogueParams, []);
    };
    f.get(mode).if(
      () => call([n0, n1, m0, m1]),
      () => call([m0, m1, n0, n1]),
    );
  });
}

/** Calls `finish` for some rows and columns of the range that starts at (m0, n0). */
export function callFinish(
  f: FunctionBuilder,
  frame: Readonly<Record<"desc" | "batch" | "mode" | "m0" | "n0", number>>,
  finish: FunctionRef,
  range: { row: number; rows: number; column: number; columnEnd: number },
): void {
  f.get(frame.desc).get(frame.batch).get(frame.mode);
  f.get(frame.m0).get(range.row).emit("i32.add");
  f.get(frame.m0).get(range.row).emit("i32.add").get(range.rows).emit("i32.add");
  f.get(frame.n0).get(range.column).emit("i32.add");
  f.get(frame.n0).get(range.columnEnd).emit("i32.add").call(finish);
}

/** Parameters of a blocked product, all i32, strides in bytes; b's meaning is the source's. */
export const blockedParams = [
  "desc",
  "a",
  "b",
  "c",
  "workspace",
  "batch",
  "m0",
  "n0",
  "rows",
  "columns",
  "k",
  "aRow",
  "aCol",
  "bRow",
  "bCol",
  "cRow",
  "accumulate",
  "mode",
] as const;

const blockedLocals = [
  "packA",
  "packB",
  "rowBlock",
  "columnBlock",
  "depthBlock",
  "jc",
  "ic",
  "jb",
  "jr",
  "p",
  "nc",
  "mc",
  "je",
  "depth",
  "add",
  "left",
  "bBase",
  "bPanel",
  "bStep",
  "aBase",
  "aStep",
  "aStrip",
  "aTileRow",
  "panelA",
  "full",
  "tail",
  "tail1",
  "tail2",
  "aTail",
  "aTail2",
  "bAt",
  "bAtStep",
  "cAt",
  "aAt",
  "cTile",
  "count",
  "width",
  "eight",
  "height",
  "source",
] as const;

/** Parameters and locals of a blocked product by name. */
export type BlockedFrame = Readonly<
  Record<(typeof blockedParams)[number] | (typeof blockedLocals)[number], number>
>;

/** Where a blocked product takes B from. */
export interface BlockedSource {
  /** Sets local `packB`; without it, always 1. */
  readonly choose?: (f: FunctionBuilder, at: BlockedFrame) => void;
  /** Packs k from `p`, count `depth`, and columns from `jc`, count `nc`, to address `bBase`. */
  readonly pack: (f: FunctionBuilder, at: BlockedFrame) => void;
}

/** B in memory with any two strides: read in place where its columns are adjacent. */
export function stridedSource({ packers }: GemmParts): BlockedSource {
  return {
    choose: (f, at) => {
      f.get(at.k).get(at.bRow).emit("i32.mul").i32(UNPACKED_B_BYTES).emit("i32.gt_u");
      f.get(at.rows).i32(UNPACKED_B_ROWS).emit("i32.gt_s", "i32.and");
      f.get(at.bCol).i32(4).emit("i32.ne", "i32.or").set(at.packB);
    },
    pack: (f, at) => {
      pushBlockOfB(f, at);
      f.get(at.bRow).get(at.bCol).get(at.depth).get(at.nc).get(at.bBase).call(packers.b);
    },
  };
}

function pushBlockOfB(f: FunctionBuilder, at: BlockedFrame): void {
  pushAt(f, at.b, at.p, at.bRow);
  f.get(at.jc).get(at.bCol).emit("i32.mul", "i32.add");
}

interface BlockedContext {
  readonly f: FunctionBuilder;
  readonly at: BlockedFrame;
  readonly parts: GemmParts;
  readonly source: BlockedSource;
  readonly finish: FunctionRef;
}

/**
 * Adds a product by blocks for the caches. A is packed unless it is used for few columns; B as
 * its source says. `finish` is called for every block of C that is complete.
 */
export function renderBlocked(
  module: ModuleBuilder,
  name: string,
  parts: GemmParts,
  finish: FunctionRef,
  source: BlockedSource,
): FunctionRef {
  const params = blockedParams.map(() => "i32" as const);
  return module.function(name, params, [], (f) => {
    const names = [...blockedParams, ...blockedLocals];
    f.locals("i32", blockedLocals.length);
    const at = Object.fromEntries(names.map((local, i) => [local, i])) as BlockedFrame;
    const context = { f, at, parts, source, finish };
    const { blocks, tiles } = parts;
    const rowLimit = Math.floor(blocks.rows / tiles.rows) * tiles.rows;
    f.i32(PANEL).set(at.eight).i32(tiles.rows).set(at.height);
    equalBlocks(f, at.rows, rowLimit, tiles.rows, at.rowBlock);
    equalBlocks(f, at.columns, blocks.columns, PANEL, at.columnBlock);
    equalBlocks(f, at.k, blocks.depth, 4, at.depthBlock);
    if (source.choose === undefined) f.i32(1).set(at.packB);
    else source.choose(f, at);
    f.get(at.columns).i32(PACKED_A_COLUMNS).emit("i32.ge_s").set(at.packA);
    f.i32(0).set(at.jc);
    whileBelow(f, at.jc, at.columns, { local: at.columnBlock }, () => {
      f.get(at.columns).get(at.jc).emit("i32.sub").set(at.left);
      pushMin(f, at.left, at.columnBlock);
      f.set(at.nc);
      overDepth(f, at.k, at.accumulate, at, () => {
        prepareB(context);
        f.i32(0).set(at.ic);
        whileBelow(f, at.ic, at.rows, { local: at.rowBlock }, () => blockOfRows(context));
      });
    });
  });
}

function prepareB({ f, at, parts, source }: BlockedContext): void {
  const layout = workspaceLayout(parts.blocks, parts.tiles.rows);
  f.get(at.packB).if(
    () => {
      f.get(at.workspace).i32(layout.b).emit("i32.add").set(at.bBase);
      source.pack(f, at);
      f.i32(4 * PANEL).set(at.bStep);
      f.get(at.depth)
        .i32(4 * PANEL)
        .emit("i32.mul")
        .set(at.bPanel);
    },
    () => {
      pushBlockOfB(f, at);
      f.set(at.bBase).get(at.bRow).set(at.bStep);
      f.i32(4 * PANEL).set(at.bPanel);
    },
  );
}

/** Splits the rows of a block into full strips and at most two lower ones. */
function splitStrips({ f, at, parts }: BlockedContext): void {
  const height = parts.tiles.rows;
  f.get(at.mc).i32(height).emit("i32.div_u").set(at.full);
  f.get(at.mc).get(at.full).i32(height).emit("i32.mul", "i32.sub").set(at.tail);
  // A tail of few rows starves the multipliers: share the last full strip's rows with it.
  f.get(at.tail).i32(0).emit("i32.gt_s");
  f.get(at.tail)
    .i32(height - 2)
    .emit("i32.lt_s", "i32.and");
  f.get(at.full).i32(0).emit("i32.gt_s", "i32.and");
  f.if(() => {
    f.get(at.full).i32(1).emit("i32.sub").set(at.full);
    increase(f, at.tail, { value: height });
  });
  f.get(at.tail).set(at.tail1);
  f.get(at.tail).i32(height).emit("i32.gt_s");
  f.if(() => f.get(at.tail).i32(1).emit("i32.add").i32(1).emit("i32.shr_u").set(at.tail1));
  f.get(at.tail).get(at.tail1).emit("i32.sub").set(at.tail2);
}

function prepareA({ f, at, parts }: BlockedContext): void {
  const { blocks, packers, tiles } = parts;
  const layout = workspaceLayout(blocks, tiles.rows);
  pushAt(f, at.a, at.ic, at.aRow);
  f.get(at.p).get(at.aCol).emit("i32.mul", "i32.add").set(at.source);
  f.get(at.source).get(at.full).get(at.height).emit("i32.mul").get(at.aRow);
  f.emit("i32.mul", "i32.add").set(at.aTail);
  pushAt(f, at.aTail, at.tail1, at.aRow);
  f.set(at.aTail2);
  f.get(at.packA).if(
    () => {
      f.get(at.workspace).i32(layout.a).emit("i32.add").set(at.aBase);
      f.get(at.source).get(at.aRow).get(at.aCol).get(at.depth).get(at.full).get(at.aBase);
      f.call(packers.a);
      f.i32(4 * tiles.rows).set(at.aStep);
      f.get(at.depth).get(at.aStep).emit("i32.mul").set(at.aStrip);
      f.i32(4).set(at.aTileRow).i32(1).set(at.panelA);
    },
    () => {
      f.get(at.source).set(at.aBase).get(at.aCol).set(at.aStep).get(at.aRow).set(at.aTileRow);
      f.get(at.aRow).get(at.height).emit("i32.mul").set(at.aStrip);
      f.get(at.aRow).i32(4).emit("i32.eq").set(at.panelA);
    },
  );
}

function blockOfRows(context: BlockedContext): void {
  const { f, at, parts, finish } = context;
  f.get(at.rows).get(at.ic).emit("i32.sub").set(at.left);
  pushMin(f, at.left, at.rowBlock);
  f.set(at.mc);
  splitStrips(context);
  prepareA(context);
  f.i32(0).set(at.jb);
  whileBelow(f, at.jb, at.nc, { value: parts.blocks.finish }, () => {
    f.get(at.jb).i32(parts.blocks.finish).emit("i32.add").set(at.je);
    pushMin(f, at.je, at.nc);
    f.set(at.je).get(at.jb).set(at.jr);
    whileBelow(f, at.jr, at.je, { value: PANEL }, () => panelOfColumns(context));
    f.get(at.p).get(at.depth).emit("i32.add").get(at.k).emit("i32.ge_s");
    f.if(() => {
      f.get(at.jc).get(at.jb).emit("i32.add").set(at.left);
      increase(f, at.je, { local: at.jc });
      const range = { row: at.ic, rows: at.mc, column: at.left, columnEnd: at.je };
      callFinish(f, at, finish, range);
    });
  });
}

function pushTile({ f, at }: BlockedContext, a: number, step: number, row: number): void {
  f.get(a).get(step).get(row).get(at.bAt).get(at.bAtStep).get(at.depth);
  f.get(at.cTile).get(at.cRow).get(at.add);
}

/** Runs one tile function down all full strips. */
function strips(context: BlockedContext, tile: FunctionRef, edge: boolean): void {
  const { f, at } = context;
  f.get(at.full).set(at.count).get(at.aBase).set(at.aAt).get(at.cAt).set(at.cTile);
  countDown(f, at.count, () => {
    if (edge) f.get(at.height).get(at.width).get(at.workspace);
    pushTile(context, at.aAt, at.aStep, at.aTileRow);
    f.call(tile);
    increase(f, at.aAt, { local: at.aStrip });
    f.get(at.cTile).get(at.cRow).get(at.height).emit("i32.mul", "i32.add").set(at.cTile);
  });
}

/** A strip lower than a full tile; A is read in place. */
function tailStrip(context: BlockedContext, rows: number, a: number): void {
  const { f, at, parts } = context;
  f.get(rows).if(() => {
    f.get(rows).get(at.width).get(at.workspace);
    pushTile(context, a, at.aCol, at.aRow);
    f.call(parts.edge);
    pushAt(f, at.cTile, rows, at.cRow);
    f.set(at.cTile);
  });
}

function panelOfColumns(context: BlockedContext): void {
  const { f, at, parts } = context;
  const { tiles } = parts;
  f.get(at.nc).get(at.jr).emit("i32.sub").set(at.left);
  pushMin(f, at.left, at.eight);
  f.set(at.width);
  f.get(at.bBase).get(at.jr).i32(3).emit("i32.shr_u").get(at.bPanel).emit("i32.mul", "i32.add");
  f.set(at.bAt).get(at.bStep).set(at.bAtStep);
  pushAt(f, at.c, at.ic, at.cRow);
  f.get(at.jc).get(at.jr).emit("i32.add").i32(2).emit("i32.shl", "i32.add").set(at.cAt);
  f.get(at.width).i32(PANEL).emit("i32.eq");
  f.if(
    () =>
      f.get(at.panelA).if(
        () => strips(context, tiles.panel, false),
        () => strips(context, tiles.wide[tiles.rows], false),
      ),
    () => {
      f.get(at.packB)
        .emit("i32.eqz")
        .if(() => {
          const layout = workspaceLayout(parts.blocks, tiles.rows);
          packPartialPanel(f, parts.packers.b, layout.panel, {
            width: at.width,
            b: at.bAt,
            bRow: at.bRow,
            bCol: at.bCol,
            depth: at.depth,
            workspace: at.workspace,
            bStep: at.bAtStep,
          });
        });
      strips(context, parts.edge, true);
    },
  );
  tailStrip(context, at.tail1, at.aTail);
  tailStrip(context, at.tail2, at.aTail2);
}
/** Packs a panel of B whose width no tile has, because reading all 8 columns could leave memory. */
export function packPartialPanel(
  f: FunctionBuilder,
  packB: FunctionRef,
  panelOffset: number,
  at: {
    width: number;
    b: number;
    bRow: number;
    bCol: number;
    depth: number;
    workspace: number;
    bStep: number;
  },
): void {
  f.get(at.width).i32(3).emit("i32.and");
  f.if(() => {
    f.get(at.b).get(at.bRow).get(at.bCol).get(at.depth).get(at.width);
    f.get(at.workspace).i32(panelOffset).emit("i32.add").call(packB);
    f.get(at.workspace).i32(panelOffset).emit("i32.add").set(at.b);
    f.i32(4 * PANEL).set(at.bStep);
  });
}

/** out = total split into equal blocks of at most `limit`, rounded up to a multiple of `unit`. */
export function equalBlocks(
  f: FunctionBuilder,
  total: number,
  limit: number,
  unit: number,
  out: number,
): void {
  const count = f.local("i32");
  f.get(total)
    .i32(limit - 1)
    .emit("i32.add")
    .i32(limit)
    .emit("i32.div_u")
    .set(count);
  f.get(count).i32(1).get(count).emit("select").set(count);
  f.get(total).get(count).emit("i32.add").i32(1).emit("i32.sub").get(count).emit("i32.div_u");
  f.i32(unit - 1)
    .emit("i32.add")
    .i32(unit)
    .emit("i32.div_u")
    .i32(unit)
    .emit("i32.mul")
    .set(out);
  f.release(count);
}

/** Runs `body` for every block of k; `add` tells whether C already holds a sum. Once if k = 0. */
export function overDepth(
  f: FunctionBuilder,
  k: number,
  accumulate: number,
  at: { p: number; depthBlock: number; depth: number; add: number; left: number },
  body: () => void,
): void {
  f.i32(0).set(at.p);
  f.loop((again) => {
    f.get(k).get(at.p).emit("i32.sub").set(at.left);
    pushMin(f, at.left, at.depthBlock);
    f.set(at.depth);
    f.get(accumulate).get(at.p).emit("i32.or").set(at.add);
    body();
    increase(f, at.p, { local: at.depthBlock });
    f.get(at.p).get(k).emit("i32.lt_s").brIf(again);
  });
}
