import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef } from "../assembler-function.ts";
import { countDown, increase, pushAt, pushMin, whileBelow } from "./control.ts";
import { convField, type ConvField, type ConvLayout } from "./conv-desc.ts";
import { PANEL } from "./gemm-kernels.ts";
import { transpose4 } from "./gemm-pack.ts";

/** Loads descriptor fields into fresh locals. */
export function loadConvFields<F extends ConvField>(
  f: FunctionBuilder,
  desc: number,
  fields: readonly F[],
): Readonly<Record<F, number>> {
  const entries = fields.map((field) => {
    const local = f.local("i32");
    f.get(desc).load("i32.load", convField(field)).set(local);
    return [field, local];
  });
  return Object.fromEntries(entries) as Record<F, number>;
}

/** Adds `copy_floats(target, source, count)`. */
export function renderCopyFloats(module: ModuleBuilder): FunctionRef {
  return module.function("copy_floats", ["i32", "i32", "i32"], [], (f) => {
    const [target, source, count] = [0, 1, 2];
    const vectors = f.local("i32");
    f.get(count).i32(2).emit("i32.shr_s").set(vectors);
    countDown(f, vectors, () => {
      f.get(target).get(source).load("v128.load", 0, 2).store("v128.store", 0, 2);
      increase(f, target, { value: 16 });
      increase(f, source, { value: 16 });
    });
    f.get(count).i32(3).emit("i32.and").set(vectors);
    countDown(f, vectors, () => {
      f.get(target).get(source).load("f32.load").store("f32.store");
      increase(f, target, { value: 4 });
      increase(f, source, { value: 4 });
    });
  });
}

/** Adds `zero_floats(target, count)`. */
export function renderZeroFloats(module: ModuleBuilder): FunctionRef {
  return module.function("zero_floats", ["i32", "i32"], [], (f) => {
    const [target, count] = [0, 1];
    const vectors = f.local("i32");
    f.get(count).i32(2).emit("i32.shr_s").set(vectors);
    countDown(f, vectors, () => {
      f.get(target).i32(0).emit("i32x4.splat").store("v128.store", 0, 2);
      increase(f, target, { value: 16 });
    });
    f.get(count).i32(3).emit("i32.and").set(vectors);
    countDown(f, vectors, () => {
      f.get(target).f32(0).store("f32.store");
      increase(f, target, { value: 4 });
    });
  });
}

/**
 * Sets `element` to position / spread and leaves 1 when a virtual position holds a real element
 * of `size`, 0 when it is padding.
 */
function pushIsElement(
  f: FunctionBuilder,
  position: number,
  spread: number,
  size: number,
  element: number,
): void {
  f.get(position).get(spread).emit("i32.div_s").set(element);
  f.get(position).i32(0).emit("i32.ge_s");
  f.get(element).get(spread).emit("i32.mul").get(position).emit("i32.eq", "i32.and");
  f.get(element).get(size).emit("i32.lt_s", "i32.and");
}

/**
 * Adds `pad_input(desc, x, plane, planes, outPlane, row, rows, column, columns, out)`: a window
 * of the padded and spread input, [planes, rows, columns]. A plane is a channel and a depth tap.
 */
export function renderPadInput(
  module: ModuleBuilder,
  copy: FunctionRef,
  zero: FunctionRef,
): FunctionRef {
  const params = Array.from({ length: 10 }, () => "i32" as const);
  return module.function("pad_input", params, [], (f) => {
    const [desc, x, plane, planes, outPlane, row, rows, column, columns, out] = params.keys();
    const d = loadConvFields(f, desc, [
      ...(["inD", "inH", "inW", "kernelD", "strideD", "padD", "dilationD"] as const),
      ...(["spreadD", "spreadH", "spreadW", "transposed"] as const),
    ]);
    const [tap, z, zIn, zValid, y, yIn, i, channelAt, from, lead, body, left] = f.locals("i32", 12);
    const placeRow = (): void => {
      f.get(d.spreadW).i32(1).emit("i32.eq");
      f.if(
        () => {
          // [zeros | elements | zeros]
          f.i32(0).get(column).emit("i32.sub").set(lead);
          f.get(lead).i32(0).get(lead).i32(0).emit("i32.gt_s", "select").set(lead);
          pushMin(f, lead, columns);
          f.set(lead);
          f.get(d.inW).get(column).emit("i32.sub").set(body);
          pushMin(f, body, columns);
          f.get(lead).emit("i32.sub").tee(body).i32(0).get(body).i32(0);
          f.emit("i32.gt_s", "select").set(body);
          f.get(out).get(lead).call(zero);
          f.get(out).get(lead).i32(2).emit("i32.shl", "i32.add").get(from);
          f.get(column).get(lead).emit("i32.add").i32(2).emit("i32.shl", "i32.add");
          f.get(body).call(copy);
          f.get(lead).get(body).emit("i32.add").set(left);
          f.get(out).get(left).i32(2).emit("i32.shl", "i32.add");
          f.get(columns).get(left).emit("i32.sub").call(zero);
        },
        () => {
          f.get(out).get(columns).call(zero).i32(0).set(left);
          whileBelow(f, left, columns, { value: 1 }, () => {
            f.get(column).get(left).emit("i32.add").set(lead);
            pushIsElement(f, lead, d.spreadW, d.inW, body);
            f.if(() => {
              f.get(out).get(left).i32(2).emit("i32.shl", "i32.add");
              f.get(from).get(body).i32(2).emit("i32.shl", "i32.add").load("f32.load");
              f.store("f32.store");
            });
          });
        },
      );
    };
    countDown(f, planes, () => {
      f.get(plane).get(d.kernelD).emit("i32.rem_u").set(tap);
      f.get(d.transposed).if(() => {
        f.get(d.kernelD).i32(1).emit("i32.sub").get(tap).emit("i32.sub").set(tap);
      });
      f.get(outPlane).get(d.strideD).emit("i32.mul").get(d.padD).emit("i32.sub");
      f.get(tap).get(d.dilationD).emit("i32.mul", "i32.add").set(z);
      pushIsElement(f, z, d.spreadD, d.inD, zIn);
      f.set(zValid);
      f.get(plane).get(d.kernelD).emit("i32.div_u").get(d.inD).emit("i32.mul");
      f.get(zIn).emit("i32.add").get(d.inH).emit("i32.mul").set(channelAt);
      f.i32(0).set(i);
      whileBelow(f, i, rows, { value: 1 }, () => {
        f.get(row).get(i).emit("i32.add").set(y);
        pushIsElement(f, y, d.spreadH, d.inH, yIn);
        f.get(zValid).emit("i32.and");
        f.if(
          () => {
            f.get(x).get(channelAt).get(yIn).emit("i32.add").get(d.inW).emit("i32.mul");
            f.i32(2).emit("i32.shl", "i32.add").set(from);
            placeRow();
          },
          () => f.get(out).get(columns).call(zero),
        );
        f.get(out).get(columns).i32(2).emit("i32.shl", "i32.add").set(out);
      });
      increase(f, plane, { value: 1 });
    });
  });
}

/** Locals of the gathering loops. */
interface GatherFrame {
  /** Address of the current lane of each column of the panel, without the step. */
  readonly at: readonly number[];
  readonly step: number;
  readonly count: number;
  readonly out: number;
  readonly offset: number;
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** One k of eight scattered lanes. */
function gatherStep(f: FunctionBuilder, { at, step, count, out, offset, from }: GatherFrame): void {
  f.get(step).load("i32.load").set(offset);
  for (const half of [0, 1]) {
    const v = from[half];
    for (let i = 0; i < 4; i++) {
      f.get(at[4 * half + i])
        .get(offset)
        .emit("i32.add");
      if (i === 0) f.load("v128.load32_zero");
      else f.get(v).memoryLane("v128.load32_lane", i);
      f.set(v);
    }
    f.get(out)
      .get(v)
      .store("v128.store", 16 * half, 2);
  }
  increase(f, step, { value: 4 });
  increase(f, out, { value: 4 * PANEL });
  increase(f, count, { value: -1 });
}

/** Four k, adjacent in memory, of eight scattered lanes: two transposed squares. */
function gatherRun(f: FunctionBuilder, frame: GatherFrame): void {
  const { at, step, count, out, offset, from, to } = frame;
  f.get(step).load("i32.load").set(offset);
  for (const half of [0, 1]) {
    from.forEach((v, i) => {
      f.get(at[4 * half + i])
        .get(offset)
        .emit("i32.add")
        .load("v128.load", 0, 2)
        .set(v);
    });
    transpose4(f, from, to);
    to.forEach((v, k) => {
      f.get(out)
        .get(v)
        .store("v128.store", 4 * PANEL * k + 16 * half, 2);
    });
  }
  increase(f, step, { value: 16 });
  increase(f, out, { value: 16 * PANEL });
  increase(f, count, { value: -4 });
}

/**
 * Adds `gather(base, lanes, laneCount, steps, depth, out, ascending)`: panels of 8 lanes,
 * k-major; element (k, lane) is the float at base + steps[k] + lanes[lane]. The last panel
 * repeats its last lane. `ascending` promises that the steps ascend.
 */
function renderGather(module: ModuleBuilder): FunctionRef {
  const params = Array.from({ length: 7 }, () => "i32" as const);
  return module.function("gather", params, [], (f) => {
    const [base, lanes, laneCount, steps, depth, out, ascending] = params.keys();
    const at = f.locals("i32", PANEL);
    const [step, count, lane, last, offset] = f.locals("i32", 5);
    const frame = {
      at,
      step,
      count,
      out,
      offset,
      from: f.locals("v128", 4),
      to: f.locals("v128", 4),
    };
    f.get(laneCount).i32(1).emit("i32.sub").set(last).i32(0).set(lane);
    whileBelow(f, lane, laneCount, { value: PANEL }, () => {
      at.forEach((pointer, i) => {
        f.get(lane).i32(i).emit("i32.add").set(offset);
        pushMin(f, offset, last);
        f.i32(2).emit("i32.shl").get(lanes).emit("i32.add").load("i32.load");
        f.get(base).emit("i32.add").set(pointer);
      });
      f.get(steps).set(step).get(depth).set(count);
      // Lanes ascend, so a span of 28 bytes means eight adjacent floats (if no lane repeats).
      f.get(at[7]).get(at[0]).emit("i32.sub").i32(28).emit("i32.eq");
      f.get(last).get(lane).emit("i32.sub").i32(7).emit("i32.ge_s", "i32.and");
      f.if(
        () =>
          countDown(f, count, () => {
            f.get(at[0]).get(step).load("i32.load").emit("i32.add").set(offset);
            for (const half of [0, 1]) {
              f.get(out)
                .get(offset)
                .load("v128.load", 16 * half, 2);
              f.store("v128.store", 16 * half, 2);
            }
            increase(f, step, { value: 4 });
            increase(f, out, { value: 4 * PANEL });
          }),
        () =>
          f.block((done) => {
            f.loop((again) => {
              f.get(count).i32(0).emit("i32.le_s").brIf(done);
              f.get(ascending).get(count).i32(4).emit("i32.ge_s", "i32.and");
              // The table has room behind its end for this look ahead.
              f.get(step).load("i32.load", 12).get(step).load("i32.load").emit("i32.sub");
              f.i32(12)
                .emit("i32.eq", "i32.and")
                .if(
                  () => gatherRun(f, frame),
                  () => gatherStep(f, frame),
                );
              f.br(again);
            });
          }),
      );
    });
  });
}

/**
 * Adds `open_window(desc, x, workspace, outPlane, pixel, pixels, tap, taps)`: makes the input
 * that pixels pixel.. of an output plane see through taps tap.. (channel, then kernel position)
 * readable, and returns its address. The workspace tables then hold the byte offset of every
 * tap and of every pixel; a product's input stands at address + tap offset + pixel offset.
 */
export function renderOpenWindow(
  module: ModuleBuilder,
  padInput: FunctionRef,
  layout: ConvLayout,
): FunctionRef {
  const params = Array.from({ length: 8 }, () => "i32" as const);
  return module.function("open_window", params, ["i32"], (f) => {
    const [desc, x, workspace, outPlane, pixel, pixels, tap, taps] = params.keys();
    const d = loadConvFields(f, desc, [
      ...(["channels", "outputs", "inD", "inH", "inW", "kernelD", "kernelH", "kernelW"] as const),
      ...(["outW", "strideD", "strideH", "strideW", "padD", "padH", "padW"] as const),
      ...(["dilationH", "dilationW", "spreadD", "spreadH", "spreadW", "transposed"] as const),
    ]);
    const [area, plane, planes, row0, row1, column0, column1] = f.locals("i32", 7);
    const [y, rows, xStart, columns, base, rowStep, planeStep, z] = f.locals("i32", 8);
    f.get(d.kernelH).get(d.kernelW).emit("i32.mul").set(area);
    f.get(tap).get(area).emit("i32.div_u").set(plane);
    f.get(tap).get(taps).emit("i32.add").i32(1).emit("i32.sub").get(area).emit("i32.div_u");
    f.get(plane).emit("i32.sub").i32(1).emit("i32.add").set(planes);
    // Output rows and columns of the block; whole rows unless it lies in one.
    f.get(pixel).get(d.outW).emit("i32.div_u").set(row0);
    f.get(pixel).get(pixels).emit("i32.add").i32(1).emit("i32.sub").tee(column1);
    f.get(d.outW).emit("i32.div_u").set(row1);
    f.get(row0).get(row1).emit("i32.eq");
    f.if(
      () => {
        f.get(row0).get(d.outW).emit("i32.mul").set(column0);
        f.get(column1).get(column0).emit("i32.sub").set(column1);
        f.get(pixel).get(column0).emit("i32.sub").set(column0);
      },
      () => f.i32(0).set(column0).get(d.outW).i32(1).emit("i32.sub").set(column1),
    );
    window(f, [row0, row1], [d.strideH, d.padH, d.kernelH, d.dilationH], [y, rows]);
    window(f, [column0, column1], [d.strideW, d.padW, d.kernelW, d.dilationW], [xStart, columns]);
    // Where the window lies inside an unspread input, the input itself is read.
    f.get(outPlane).get(d.strideD).emit("i32.mul").get(d.padD).emit("i32.sub").set(z);
    for (const one of [d.kernelD, d.spreadD, d.spreadH, d.spreadW]) {
      f.get(one).i32(1).emit("i32.eq");
    }
    f.emit("i32.and", "i32.and", "i32.and");
    f.get(z).get(d.inD).emit("i32.lt_u", "i32.and");
    f.get(y).i32(0).emit("i32.ge_s", "i32.and");
    f.get(y).get(rows).emit("i32.add").get(d.inH).emit("i32.le_s", "i32.and");
    f.get(xStart).i32(0).emit("i32.ge_s", "i32.and");
    f.get(xStart).get(columns).emit("i32.add").get(d.inW).emit("i32.le_s", "i32.and");
    f.if(
      () => {
        f.get(d.inW).i32(2).emit("i32.shl").set(rowStep);
        f.get(rowStep).get(d.inH).emit("i32.mul").get(d.inD).emit("i32.mul").set(planeStep);
        pushAt(f, x, plane, planeStep);
        f.get(z).get(d.inH).emit("i32.mul").get(y).emit("i32.add").get(rowStep);
        f.emit("i32.mul", "i32.add").get(xStart).i32(2).emit("i32.shl", "i32.add").set(base);
      },
      () => {
        f.get(columns).i32(2).emit("i32.shl").set(rowStep);
        f.get(rowStep).get(rows).emit("i32.mul").set(planeStep);
        f.get(workspace).i32(layout.weights).emit("i32.add");
        pushTransposedWeights(f, d, area);
        f.emit("i32.add").i32(63).emit("i32.add").i32(-64).emit("i32.and").set(base);
        f.get(desc).get(x).get(plane).get(planes).get(outPlane).get(y).get(rows);
        f.get(xStart).get(columns).get(base).call(padInput);
      },
    );
    const [tapTable, pixelTable] = f.locals("i32", 2);
    f.get(workspace).i32(layout.taps).emit("i32.add").set(tapTable);
    f.get(workspace).i32(layout.pixels).emit("i32.add").set(pixelTable);
    tapOffsets(f, d, { table: tapTable, tap, taps, area, plane, rowStep, planeStep });
    pixelOffsets(f, d, { table: pixelTable, pixel, pixels, row0, column0, rowStep });
    f.get(base);
  });
}

/**
 * Adds `patches(desc, x, workspace, outPlane, pixel, pixels, tap, taps, byTap, out)`: panels of
 * the patch matrix of one image and group; a panel is 8 pixels, or 8 taps if `byTap`.
 */
export function renderPatches(
  module: ModuleBuilder,
  openWindow: FunctionRef,
  layout: ConvLayout,
): FunctionRef {
  const gather = renderGather(module);
  const params = Array.from({ length: 10 }, () => "i32" as const);
  return module.function("patches", params, [], (f) => {
    const [desc, x, workspace, outPlane, pixel, pixels, tap, taps, byTap, out] = params.keys();
    const base = f.local("i32");
    f.get(pixels).i32(0).emit("i32.le_s").get(taps).i32(0).emit("i32.le_s", "i32.or");
    f.if(() => f.emit("return"));
    f.get(desc).get(x).get(workspace).get(outPlane).get(pixel).get(pixels).get(tap).get(taps);
    f.call(openWindow).set(base);
    const call = (lanes: number, laneCount: number, steps: number, depth: number): void => {
      f.get(base).get(workspace).i32(lanes).emit("i32.add").get(laneCount);
      f.get(workspace).i32(steps).emit("i32.add").get(depth).get(out).get(byTap).call(gather);
    };
    f.get(byTap).if(
      () => call(layout.taps, taps, layout.pixels, pixels),
      () => call(layout.pixels, pixels, layout.taps, taps),
    );
  });
}

/** First position and extent of the input window that outputs first..last see on one axis. */
function window(
  f: FunctionBuilder,
  [first, last]: readonly [number, number],
  [stride, pad, kernel, dilation]: readonly number[],
  [start, extent]: readonly [number, number],
): void {
  f.get(first).get(stride).emit("i32.mul").get(pad).emit("i32.sub").set(start);
  f.get(last).get(first).emit("i32.sub").get(stride).emit("i32.mul");
  f.get(kernel).i32(1).emit("i32.sub").get(dilation).emit("i32.mul", "i32.add");
  f.i32(1).emit("i32.add").set(extent);
}

/** Pushes the bytes of a group's rearranged weights: 0 unless transposed. */
function pushTransposedWeights(
  f: FunctionBuilder,
  d: Readonly<Record<"channels" | "outputs" | "kernelD" | "transposed", number>>,
  area: number,
): void {
  f.get(d.channels).get(d.outputs).emit("i32.mul").get(d.kernelD).emit("i32.mul");
  f.get(area).emit("i32.mul").get(d.transposed).emit("i32.mul").i32(2).emit("i32.shl");
}

/** table[i] = byte offset of tap `tap + i` from the first tap of its block's first plane. */
function tapOffsets(
  f: FunctionBuilder,
  d: Readonly<Record<"kernelH" | "kernelW" | "dilationH" | "dilationW" | "transposed", number>>,
  at: Readonly<
    Record<"table" | "tap" | "taps" | "area" | "plane" | "rowStep" | "planeStep", number>
  >,
): void {
  const [i, k, inPlane, out] = f.locals("i32", 4);
  f.i32(0).set(i).get(at.table).set(out);
  whileBelow(f, i, at.taps, { value: 1 }, () => {
    f.get(at.tap).get(i).emit("i32.add").tee(k).get(at.area).emit("i32.rem_u").set(inPlane);
    f.get(d.transposed).if(() => {
      f.get(at.area).i32(1).emit("i32.sub").get(inPlane).emit("i32.sub").set(inPlane);
    });
    f.get(out);
    f.get(k).get(at.area).emit("i32.div_u").get(at.plane).emit("i32.sub");
    f.get(at.planeStep).emit("i32.mul");
    f.get(inPlane).get(d.kernelW).emit("i32.div_u").get(d.dilationH).emit("i32.mul");
    f.get(at.rowStep).emit("i32.mul", "i32.add");
    f.get(inPlane).get(d.kernelW).emit("i32.rem_u").get(d.dilationW).emit("i32.mul");
    f.i32(2).emit("i32.shl", "i32.add").store("i32.store");
    increase(f, out, { value: 4 });
  });
  f.release(i, k, inPlane, out);
}

/** table[i] = byte offset of pixel `pixel + i` from the window's corner. */
function pixelOffsets(
  f: FunctionBuilder,
  d: Readonly<Record<"outW" | "strideH" | "strideW", number>>,
  at: Readonly<Record<"table" | "pixel" | "pixels" | "row0" | "column0" | "rowStep", number>>,
): void {
  const [column, offset, lineStart, lineStep, step, count, out] = f.locals("i32", 7);
  f.get(at.pixel).get(d.outW).emit("i32.rem_u").set(column);
  f.get(d.strideW).i32(2).emit("i32.shl").set(step);
  f.get(d.strideH).get(at.rowStep).emit("i32.mul").set(lineStep);
  f.i32(0).set(lineStart);
  f.get(column).get(at.column0).emit("i32.sub").get(step).emit("i32.mul").set(offset);
  f.get(at.pixels).set(count).get(at.table).set(out);
  countDown(f, count, () => {
    f.get(out).get(offset).store("i32.store");
    increase(f, out, { value: 4 });
    increase(f, offset, { local: step });
    f.get(column).i32(1).emit("i32.add").tee(column).get(d.outW).emit("i32.eq");
    f.if(() => {
      f.i32(0).set(column);
      increase(f, lineStart, { local: lineStep });
      f.get(lineStart).set(offset);
    });
  });
  f.release(column, offset, lineStart, lineStep, step, count, out);
}
