import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef, ValueType } from "../assembler-function.ts";
import { countDown, increase, pushAt, pushMin, whileBelow } from "./control.ts";
import { workspaceLayout, type BlockSizes } from "./gemm-blocks.ts";
import { gemmField } from "./gemm-desc.ts";
import { renderDotTiles } from "./gemm-dot.ts";
import { renderEdge } from "./gemm-edge.ts";
import { PANEL, type Tiles } from "./gemm-kernels.ts";
import type { Packers } from "./gemm-pack.ts";

/** Signature of an epilogue: (args, batch, row from, row to, column from, column to). */
export const epilogueParams: readonly ValueType[] = ["i32", "i32", "i32", "i32", "i32", "i32"];

/** Products of at most this many rows run as dot products when A and B are contiguous along k. */
const DOT_ROWS = 16;
/** Products of at most this many rows read B in place, */
const UNPACKED_B_ROWS = 12;
/** and so do products whose B is at most this many bytes: it stays in the L1 cache. */
const UNPACKED_B_BYTES = 32768;
/** Products of fewer columns read A in place. */
const PACKED_A_COLUMNS = 48;

/** What the GEMM driver calls. */
export interface GemmParts {
  readonly tiles: Tiles;
  readonly packers: Packers;
  readonly blocks: BlockSizes;
}

const gemmParams = ["desc", "a", "b", "c", "workspace", "batch", "m0", "m1", "n0", "n1"] as const;

const fieldLocals = ["k", "aRow", "aCol", "bRow", "bCol", "cRow", "accumulate", "m"] as const;
const byteFields: ReadonlySet<string> = new Set(["aRow", "aCol", "bRow", "bCol", "cRow"]);

type Frame = Record<
  (typeof gemmParams)[number] | (typeof fieldLocals)[number] | "swapped" | "rows" | "columns",
  number
>;

/**
 * Adds `gemm(desc, a, b, c, workspace, batch, m0, m1, n0, n1)`: rows m0..m1 of columns n0..n1
 * of C. The order of the additions into an element depends on the descriptor only, never on the
 * ranges, so any split over threads gives the same bits.
 */
export function renderGemm(module: ModuleBuilder, parts: GemmParts, fma: boolean): FunctionRef {
  const edge = renderEdge(module, parts.tiles);
  const dot = renderDotTiles(module, fma);
  const params = gemmParams.map(() => "i32" as const);
  const epilogue = renderEpilogueCall(module);
  const blocked = module.function(
    "gemm_blocked",
    blockedParams.map(() => "i32" as const),
    [],
    (f) => renderBlocked(f, parts, edge, epilogue),
  );
  return module.function("gemm", params, [], (f) => {
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
      renderRowPath(f, frame, parts, edge, epilogue);
      f.emit("return");
    });
    for (const name of blockedParams) f.get(frame[name]);
    f.call(blocked);
  });
}

/** Parameters of the blocked path, all taken from the frame. */
const blockedParams = [
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
  "m",
  "swapped",
] as const satisfies readonly (keyof Frame)[];

/** Reads the descriptor into locals and moves a, b, c to the start of the range. */
function openFrame(f: FunctionBuilder): Frame {
  const frame = {} as Frame;
  gemmParams.forEach((name, i) => (frame[name] = i));
  for (const name of [...fieldLocals, "swapped", "rows", "columns"] as const) {
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
  f.get(frame.m).i32(1).emit("i32.gt_s", "i32.and").tee(frame.swapped);
  f.if(() => {
    exchange(frame.a, frame.b);
    exchange(frame.aRow, frame.bCol);
    exchange(frame.aCol, frame.bRow);
    exchange(frame.m0, frame.n0);
    exchange(frame.m1, frame.n1);
    f.i32(1).set(frame.m);
  });
}

/** Adds `finish(desc, batch, swapped, m0, m1, n0, n1)`, which calls the epilogue if there is one. */
function renderEpilogueCall(module: ModuleBuilder): FunctionRef {
  const params = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
  return module.function("finish", params, [], (f) => {
    const [desc, batch, swapped, m0, m1, n0, n1] = params.keys();
    const args = f.local("i32");
    const table = f.local("i32");
    f.get(desc).load("i32.load", gemmField("epilogue")).tee(table).i32(0).emit("i32.lt_s");
    f.if(() => f.emit("return"));
    f.get(desc).load("i32.load", gemmField("epilogueArgs")).set(args);
    const call = (range: readonly number[]): void => {
      f.get(args).get(batch);
      for (const local of range) f.get(local);
      f.get(table).callIndirect(epilogueParams, []);
    };
    f.get(swapped).if(
      () => call([n0, n1, m0, m1]),
      () => call([m0, m1, n0, n1]),
    );
  });
}

/** Pushes the arguments of `finish` for rows from, from + count of the range, and calls it. */
function callFinish(
  f: FunctionBuilder,
  frame: Pick<Frame, "desc" | "batch" | "swapped" | "m0" | "n0">,
  finish: FunctionRef,
  range: { row: number; rows: number; column: number; columnEnd: number },
): void {
  f.get(frame.desc).get(frame.batch).get(frame.swapped);
  f.get(frame.m0).get(range.row).emit("i32.add");
  f.get(frame.m0).get(range.row).emit("i32.add").get(range.rows).emit("i32.add");
  f.get(frame.n0).get(range.column).emit("i32.add");
  f.get(frame.n0).get(range.columnEnd).emit("i32.add").call(finish);
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
  { tiles, packers, blocks }: GemmParts,
  edge: FunctionRef,
  finish: FunctionRef,
): void {
  const layout = workspaceLayout(blocks, tiles.rows);
  const [from, to, j, p, depthBlock, depth, add, cAt, bAt, bStep, left, eight, zero, width] =
    f.locals("i32", 14);
  f.i32(PANEL).set(eight).i32(0).set(zero).i32(0).set(from);
  depthBlockSize(f, frame.k, blocks.depth, depthBlock);
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

/** Packs a panel of B whose width no tile has, because reading all 8 columns could leave memory. */
function packPartialPanel(
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

/** Splits k into equal blocks, multiples of 4, of at most `limit`. */
function depthBlockSize(f: FunctionBuilder, k: number, limit: number, out: number): void {
  equalBlocks(f, k, limit, 4, out);
}

/** out = total split into equal blocks of at most `limit`, rounded up to a multiple of `unit`. */
function equalBlocks(
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
function overDepth(
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

/** The general path: blocks for the caches, A and B packed unless reading in place is faster. */
function renderBlocked(
  f: FunctionBuilder,
  { tiles, packers, blocks }: GemmParts,
  edge: FunctionRef,
  finish: FunctionRef,
): void {
  const frame = Object.fromEntries(blockedParams.map((name, i) => [name, i])) as Pick<
    Frame,
    (typeof blockedParams)[number]
  >;
  const layout = workspaceLayout(blocks, tiles.rows);
  const height = tiles.rows;
  const rowLimit = Math.floor(blocks.rows / height) * height;
  const [packA, packB, rowBlock, columnBlock, depthBlock] = f.locals("i32", 5);
  const [jc, ic, jb, jr, p, nc, mc, je, depth, add, left] = f.locals("i32", 11);
  const [bBase, bPanel, bStep, aBase, aStep, aStrip, aTileRow, panelA] = f.locals("i32", 8);
  const [full, tail, tail1, tail2, aTail, aTail2] = f.locals("i32", 6);
  const [bAt, bAtStep, cAt, aAt, cTile, count, width, eight, scratchB, heightConst, source] =
    f.locals("i32", 11);

  f.i32(PANEL).set(eight).i32(height).set(heightConst);
  f.get(frame.workspace).i32(layout.panel).emit("i32.add").set(scratchB);
  equalBlocks(f, frame.rows, rowLimit, height, rowBlock);
  equalBlocks(f, frame.columns, blocks.columns, PANEL, columnBlock);
  depthBlockSize(f, frame.k, blocks.depth, depthBlock);
  f.get(frame.k).get(frame.bRow).emit("i32.mul").i32(UNPACKED_B_BYTES).emit("i32.gt_u");
  f.get(frame.rows).i32(UNPACKED_B_ROWS).emit("i32.gt_s", "i32.and");
  f.get(frame.bCol).i32(4).emit("i32.ne", "i32.or").set(packB);
  f.get(frame.columns).i32(PACKED_A_COLUMNS).emit("i32.ge_s").set(packA);

  const splitStrips = (): void => {
    f.get(mc).i32(height).emit("i32.div_u").set(full);
    f.get(mc).get(full).i32(height).emit("i32.mul", "i32.sub").set(tail);
    // A tail of few rows starves the multipliers: share the last full strip's rows with it.
    f.get(tail)
      .i32(0)
      .emit("i32.gt_s")
      .get(tail)
      .i32(height - 2)
      .emit("i32.lt_s", "i32.and");
    f.get(full).i32(0).emit("i32.gt_s", "i32.and");
    f.if(() => {
      f.get(full).i32(1).emit("i32.sub").set(full);
      increase(f, tail, { value: height });
    });
    f.get(tail).set(tail1);
    f.get(tail).i32(height).emit("i32.gt_s");
    f.if(() => f.get(tail).i32(1).emit("i32.add").i32(1).emit("i32.shr_u").set(tail1));
    f.get(tail).get(tail1).emit("i32.sub").set(tail2);
  };

  const prepareB = (): void => {
    pushAt(f, frame.b, p, frame.bRow);
    f.get(jc).get(frame.bCol).emit("i32.mul", "i32.add").set(source);
    f.get(packB);
    f.if(
      () => {
        f.get(frame.workspace).i32(layout.b).emit("i32.add").set(bBase);
        f.get(source).get(frame.bRow).get(frame.bCol).get(depth).get(nc).get(bBase);
        f.call(packers.b);
        f.i32(4 * PANEL).set(bStep);
        f.get(depth)
          .i32(4 * PANEL)
          .emit("i32.mul")
          .set(bPanel);
      },
      () => {
        f.get(source).set(bBase).get(frame.bRow).set(bStep);
        f.i32(4 * PANEL).set(bPanel);
      },
    );
  };

  const prepareA = (): void => {
    pushAt(f, frame.a, ic, frame.aRow);
    f.get(p).get(frame.aCol).emit("i32.mul", "i32.add").set(source);
    f.get(source).get(full).i32(height).emit("i32.mul").get(frame.aRow);
    f.emit("i32.mul", "i32.add").set(aTail);
    pushAt(f, aTail, tail1, frame.aRow);
    f.set(aTail2);
    f.get(packA);
    f.if(
      () => {
        f.get(frame.workspace).i32(layout.a).emit("i32.add").set(aBase);
        f.get(source).get(frame.aRow).get(frame.aCol).get(depth).get(full).get(aBase);
        f.call(packers.a);
        f.i32(4 * height).set(aStep);
        f.get(depth)
          .i32(4 * height)
          .emit("i32.mul")
          .set(aStrip);
        f.i32(4).set(aTileRow).i32(1).set(panelA);
      },
      () => {
        f.get(source).set(aBase).get(frame.aCol).set(aStep).get(frame.aRow).set(aTileRow);
        f.get(frame.aRow).i32(height).emit("i32.mul").set(aStrip);
        f.get(frame.aRow).i32(4).emit("i32.eq").set(panelA);
      },
    );
  };

  const pushTile = (a: number, step: number, row: number): void => {
    f.get(a).get(step).get(row).get(bAt).get(bAtStep).get(depth);
    f.get(cTile).get(frame.cRow).get(add);
  };
  const strips = (call: () => void): void => {
    f.get(full).set(count).get(aBase).set(aAt).get(cAt).set(cTile);
    countDown(f, count, () => {
      call();
      increase(f, aAt, { local: aStrip });
      f.get(cTile).get(frame.cRow).i32(height).emit("i32.mul", "i32.add").set(cTile);
    });
  };
  const tailStrip = (rows: number, a: number): void => {
    f.get(rows).if(() => {
      f.get(rows).get(width).get(frame.workspace);
      pushTile(a, frame.aCol, frame.aRow);
      f.call(edge);
      pushAt(f, cTile, rows, frame.cRow);
      f.set(cTile);
    });
  };

  const panelOfColumns = (): void => {
    f.get(nc).get(jr).emit("i32.sub").set(left);
    pushMin(f, left, eight);
    f.set(width);
    f.get(bBase).get(jr).i32(3).emit("i32.shr_u").get(bPanel).emit("i32.mul", "i32.add");
    f.set(bAt).get(bStep).set(bAtStep);
    pushAt(f, frame.c, ic, frame.cRow);
    f.get(jc).get(jr).emit("i32.add").i32(2).emit("i32.shl", "i32.add").set(cAt);
    f.get(width).i32(PANEL).emit("i32.eq");
    f.if(
      () => {
        f.get(panelA).if(
          () =>
            strips(() => {
              pushTile(aAt, aStep, aTileRow);
              f.call(tiles.panel);
            }),
          () =>
            strips(() => {
              pushTile(aAt, aStep, aTileRow);
              f.call(tiles.wide[height]);
            }),
        );
      },
      () => {
        f.get(packB)
          .emit("i32.eqz")
          .if(() =>
            packPartialPanel(f, packers.b, layout.panel, {
              width,
              b: bAt,
              bRow: frame.bRow,
              bCol: frame.bCol,
              depth,
              workspace: frame.workspace,
              bStep: bAtStep,
            }),
          );
        strips(() => {
          f.get(heightConst).get(width).get(frame.workspace);
          pushTile(aAt, aStep, aTileRow);
          f.call(edge);
        });
      },
    );
    tailStrip(tail1, aTail);
    tailStrip(tail2, aTail2);
  };

  const blockOfRows = (): void => {
    f.get(frame.rows).get(ic).emit("i32.sub").set(left);
    pushMin(f, left, rowBlock);
    f.set(mc);
    splitStrips();
    prepareA();
    f.i32(0).set(jb);
    whileBelow(f, jb, nc, { value: blocks.finish }, () => {
      f.get(jb).i32(blocks.finish).emit("i32.add").set(je);
      pushMin(f, je, nc);
      f.set(je).get(jb).set(jr);
      whileBelow(f, jr, je, { value: PANEL }, panelOfColumns);
      f.get(p).get(depth).emit("i32.add").get(frame.k).emit("i32.ge_s");
      f.if(() => {
        f.get(jc).get(jb).emit("i32.add").set(left);
        increase(f, je, { local: jc });
        callFinish(f, frame, finish, { row: ic, rows: mc, column: left, columnEnd: je });
      });
    });
  };

  f.i32(0).set(jc);
  whileBelow(f, jc, frame.columns, { local: columnBlock }, () => {
    f.get(frame.columns).get(jc).emit("i32.sub").set(left);
    pushMin(f, left, columnBlock);
    f.set(nc);
    overDepth(f, frame.k, frame.accumulate, { p, depthBlock, depth, add, left }, () => {
      prepareB();
      f.i32(0).set(ic);
      whileBelow(f, ic, frame.rows, { local: rowBlock }, blockOfRows);
    });
  });
}
