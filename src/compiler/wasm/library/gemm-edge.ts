import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef, Label } from "../assembler-function.ts";
import { countDown, increase, whileBelow } from "./control.ts";
import { PANEL, tileParams, type Tiles } from "./gemm-kernels.ts";

/**
 * Adds `tile_edge(height, columns, scratch, …tile parameters)`: a tile of any height up to the
 * full one and of 1..8 columns. B must offer 4 readable columns per k (up to 4 are asked) or 8.
 */
export function renderEdge(module: ModuleBuilder, tiles: Tiles): FunctionRef {
  const params = ["i32", "i32", "i32", ...tileParams] as const;
  return module.function("tile_edge", params, [], (f) => {
    const [height, columns, scratch, ...args] = params.keys();
    const [a, aStep, aRow, b, bStep, depth, c, cRow, add] = args;
    const [row, from, to, left] = f.locals("i32", 4);
    const call = (wide: boolean, at: readonly number[]): void =>
      dispatch(f, height, tiles.rows, (h) => {
        for (const local of at) f.get(local);
        f.call(wide ? tiles.wide[h] : tiles.narrow[h]);
      });
    f.get(columns).i32(PANEL).emit("i32.eq");
    f.if(() => {
      call(true, args);
      f.emit("return");
    });
    f.get(columns).i32(4).emit("i32.eq");
    f.if(() => {
      call(false, args);
      f.emit("return");
    });
    // The tile goes to scratch, and its valid columns from there to C.
    const [tileRow, zero] = f.locals("i32", 2);
    f.i32(4 * PANEL)
      .set(tileRow)
      .i32(0)
      .set(zero);
    const intoScratch = [a, aStep, aRow, b, bStep, depth, scratch, tileRow, zero];
    f.get(columns).i32(4).emit("i32.gt_s");
    f.if(
      () => call(true, intoScratch),
      () => call(false, intoScratch),
    );
    f.i32(0).set(row);
    whileBelow(f, row, height, { value: 1 }, () => {
      f.get(c).set(to).get(scratch).set(from).get(columns).set(left);
      countDown(f, left, () => {
        f.get(to).get(from).load("f32.load");
        f.get(add).if(
          () => f.get(to).load("f32.load"),
          () => f.f32(0),
          "f32",
        );
        f.emit("f32.add").store("f32.store");
        increase(f, from, { value: 4 });
        increase(f, to, { value: 4 });
      });
      increase(f, scratch, { value: 4 * PANEL });
      increase(f, c, { local: cRow });
    });
  });
}

/** `switch (height)` over 1..count. */
function dispatch(
  f: FunctionBuilder,
  height: number,
  count: number,
  arm: (height: number) => void,
): void {
  f.block((done) => {
    const open = (remaining: number, labels: readonly Label[]): void => {
      if (remaining === 0) {
        // Entry 0 cannot occur; it shares the first arm.
        f.get(height).brTable([labels[labels.length - 1], ...labels.toReversed()], done);
        return;
      }
      f.block((label) => open(remaining - 1, [...labels, label]));
      arm(remaining);
      f.br(done);
    };
    open(count, []);
  });
}
