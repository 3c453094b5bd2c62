import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef } from "../assembler-function.ts";
import { countDown, increase, pushMin, whileBelow } from "./control.ts";
import type { ConvLayout } from "./conv-desc.ts";
import { loadConvFields } from "./conv-patches.ts";
import { FINISH } from "./gemm-blocked.ts";
import type { BlockSizes } from "./gemm-blocks.ts";
import { multiplyAdd } from "./gemm-kernels.ts";
import { renderWorkSplit } from "./work-split.ts";

/** Output channels per input channel up to which a convolution of single channels runs directly. */
const MOST_OUTPUTS = 4;
const threadParams = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;

/** What the depthwise functions call. */
export interface DepthwiseParts {
  readonly openWindow: FunctionRef;
  readonly finish: FunctionRef;
  /** `dot[1]`, one row by four columns. */
  readonly dot: readonly FunctionRef[];
  readonly zero: FunctionRef;
  readonly layout: ConvLayout;
  readonly blocks: BlockSizes;
  readonly fma: boolean;
}

/** Pushes 1 when the groups have a single input channel and few outputs. */
export function pushIsDepthwise(f: FunctionBuilder, desc: number, blocks: BlockSizes): void {
  const d = loadConvFields(f, desc, ["channels", "outputs", "kernelD", "kernelH", "kernelW"]);
  f.get(d.channels).i32(1).emit("i32.eq");
  f.get(d.outputs).i32(MOST_OUTPUTS).emit("i32.le_s", "i32.and");
  f.get(d.kernelD).get(d.kernelH).emit("i32.mul").get(d.kernelW).emit("i32.mul");
  f.i32(blocks.depth).emit("i32.le_s", "i32.and");
}

/** Pushes 1 when dw of such groups can be dot products of rows. */
export function pushIsDepthwiseGradient(
  f: FunctionBuilder,
  desc: number,
  blocks: BlockSizes,
): void {
  pushIsDepthwise(f, desc, blocks);
  f.get(loadConvFields(f, desc, ["strideW"]).strideW)
    .i32(1)
    .emit("i32.eq", "i32.and");
}

const fields = [
  "batch",
  "groups",
  "outputs",
  "inD",
  "inH",
  "inW",
  "kernelD",
  "kernelH",
  "kernelW",
  "outD",
  "outH",
  "outW",
  "strideW",
  "dilationW",
  "accumulate",
] as const;

type Sizes = Readonly<
  Record<(typeof fields)[number] | "pixels" | "taps" | "inVolume" | "block", number>
>;

/** Loads the sizes; a block is as many whole rows as the tables hold pixels, or part of one. */
function loadSizes(f: FunctionBuilder, desc: number, most: number): Sizes {
  const d = loadConvFields(f, desc, fields);
  const [pixels, taps, inVolume, block] = f.locals("i32", 4);
  f.get(d.outH).get(d.outW).emit("i32.mul").set(pixels);
  f.get(d.kernelD).get(d.kernelH).emit("i32.mul").get(d.kernelW).emit("i32.mul").set(taps);
  f.get(d.inD).get(d.inH).emit("i32.mul").get(d.inW).emit("i32.mul").set(inVolume);
  // An empty output has no rows; the divisor must not be zero all the same.
  f.get(d.outW)
    .emit("i32.eqz")
    .if(() => f.i32(1).set(d.outW));
  f.i32(most).get(d.outW).emit("i32.div_u").get(d.outW).emit("i32.mul").set(block);
  f.get(block)
    .emit("i32.eqz")
    .if(() => f.i32(most).set(block));
  return { ...d, pixels, taps, inVolume, block };
}

function computeWork(f: FunctionBuilder, d: Sizes, work: number): void {
  f.f64(1);
  for (const factor of [d.outputs, d.taps, d.pixels, d.batch, d.groups, d.outD]) {
    f.get(factor).emit("f64.convert_i32_u", "f64.mul");
  }
  f.set(work);
}

/** Runs `body` for every run of pixels from..to that lies in one output row. */
function everyRow(
  f: FunctionBuilder,
  d: Sizes,
  range: { from: number; to: number; layout: ConvLayout; workspace: number; base: number },
  body: (row: { start: number; count: number; source: number }) => void,
): void {
  const [start, count, source, left] = f.locals("i32", 4);
  f.get(range.from).set(start);
  whileBelow(f, start, range.to, { local: count }, () => {
    f.get(d.outW).get(start).get(d.outW).emit("i32.rem_u", "i32.sub").set(count);
    f.get(range.to).get(start).emit("i32.sub").set(left);
    pushMin(f, count, left);
    f.set(count);
    f.get(start).get(range.from).emit("i32.sub").i32(2).emit("i32.shl").get(range.workspace);
    f.emit("i32.add").load("i32.load", range.layout.pixels).get(range.base).emit("i32.add");
    f.set(source);
    body({ start, count, source });
  });
  f.release(start, count, source, left);
}

/** Adds `depthwise_thread(desc, x, w, out, workspace, thread, threads)`. */
export function renderDepthwise(module: ModuleBuilder, parts: DepthwiseParts): FunctionRef {
  const row = renderRow(module, parts.fma);
  const { layout } = parts;
  return module.function("depthwise_thread", threadParams, [], (f) => {
    const [desc, x, w, out, workspace, thread, threads] = threadParams.keys();
    const d = loadSizes(f, desc, parts.blocks.columns);
    const [batches, items, plane, image, group, q, end, base, o, first] = f.locals("i32", 10);
    const [input, offset, target, tapsAt] = f.locals("i32", 4);
    const work = f.local("f64");
    computeWork(f, d, work);
    f.get(d.batch).get(d.groups).emit("i32.mul").get(d.outD).emit("i32.mul").set(batches);
    f.get(d.pixels).get(d.block).emit("i32.add").i32(1).emit("i32.sub").get(d.block);
    f.emit("i32.div_u").set(items);
    f.get(workspace).i32(layout.taps).emit("i32.add").set(tapsAt);
    renderWorkSplit(f, { thread, threads, batches, items, work }, (batch, from, to) => {
      f.get(batch).get(d.outD).emit("i32.rem_u").set(plane);
      f.get(batch).get(d.outD).emit("i32.div_u").set(image);
      f.get(image).get(d.inVolume).emit("i32.mul").i32(2).emit("i32.shl").get(x);
      f.emit("i32.add").set(input);
      // First output channel of the group over all images, and in this image.
      f.get(image).get(d.outputs).emit("i32.mul").set(first);
      f.get(image).get(d.groups).emit("i32.rem_u").get(d.outputs).emit("i32.mul").set(group);
      f.get(image).get(d.groups).emit("i32.div_u").set(image);
      whileBelow(f, from, to, { value: 1 }, () => {
        f.get(from).get(d.block).emit("i32.mul").tee(q).get(d.block).emit("i32.add").set(end);
        pushMin(f, end, d.pixels);
        f.set(end);
        f.get(desc).get(input).get(workspace).get(plane).get(q).get(end).get(q).emit("i32.sub");
        f.i32(0).get(d.taps).call(parts.openWindow).set(base);
        everyRow(f, d, { from: q, to: end, layout, workspace, base }, (run) => {
          f.i32(0).set(o);
          whileBelow(f, o, d.outputs, { value: 1 }, () => {
            f.get(first).get(o).emit("i32.add").get(d.outD).emit("i32.mul").get(plane);
            f.emit("i32.add").get(d.pixels).emit("i32.mul").get(run.start).emit("i32.add");
            f.i32(2).emit("i32.shl").get(out).emit("i32.add").set(target);
            f.get(run.source).get(tapsAt).get(d.taps);
            f.get(group).get(o).emit("i32.add").get(d.taps).emit("i32.mul").i32(2);
            f.emit("i32.shl").get(w).emit("i32.add").get(target).get(run.count);
            f.get(d.strideW).i32(2).emit("i32.shl").get(d.accumulate).call(row);
          });
        });
        f.get(plane).get(d.pixels).emit("i32.mul").set(offset);
        f.get(desc).get(image).i32(FINISH.plain).get(group).get(group).get(d.outputs);
        f.emit("i32.add").get(offset).get(q).emit("i32.add").get(offset).get(end);
        f.emit("i32.add").call(parts.finish);
      });
    });
  });
}

/** Adds `depthwise_row(source, taps, tapCount, w, out, count, step, add)`. */
function renderRow(module: ModuleBuilder, fma: boolean): FunctionRef {
  const params = Array.from({ length: 8 }, () => "i32" as const);
  return module.function("depthwise_row", params, [], (f) => {
    const [source, taps, tapCount, w, out, count, step, add] = params.keys();
    const acc = f.locals("v128", 4);
    const [weight, value] = f.locals("v128", 2);
    const [tap, left, weightAt, at] = f.locals("i32", 4);
    const everyTap = (body: () => void): void => {
      f.get(taps).set(tap).get(w).set(weightAt).get(tapCount).set(left);
      countDown(f, left, () => {
        f.get(source).get(tap).load("i32.load").emit("i32.add").set(at);
        body();
        increase(f, weightAt, { value: 4 });
        increase(f, tap, { value: 4 });
      });
    };
    const vectors = (n: number, load: (i: number) => void): void => {
      f.block((done) => {
        f.loop((again) => {
          f.get(count)
            .i32(4 * n)
            .emit("i32.lt_s")
            .brIf(done);
          for (let i = 0; i < n; i++) {
            f.get(add);
            f.if(
              () => f.get(out).load("v128.load", 16 * i, 2),
              () => f.f32(0).emit("f32x4.splat"),
              "v128",
            ).set(acc[i]);
          }
          everyTap(() => {
            f.get(weightAt).load("v128.load32_splat").set(weight);
            for (let i = 0; i < n; i++) {
              f.get(weight);
              load(i);
              multiplyAdd(f, acc[i], fma);
            }
          });
          for (let i = n - 1; i >= 0; i--) {
            f.get(out)
              .get(acc[i])
              .store("v128.store", 16 * i, 2);
          }
          increase(f, out, { value: 16 * n });
          increase(f, count, { value: -4 * n });
          f.get(step)
            .i32(4 * n)
            .emit("i32.mul")
            .get(source)
            .emit("i32.add")
            .set(source);
          f.br(again);
        });
      });
    };
    f.get(step).i32(4).emit("i32.eq");
    f.if(
      () => {
        vectors(4, (i) => f.get(at).load("v128.load", 16 * i, 2));
        vectors(1, () => f.get(at).load("v128.load", 0, 2));
      },
      () =>
        vectors(1, () => {
          f.get(at).load("v128.load32_zero").set(value);
          for (const lane of [1, 2, 3]) {
            increase(f, at, { local: step });
            f.get(at).get(value).memoryLane("v128.load32_lane", lane).set(value);
          }
          f.get(value);
        }),
    );
    // The last elements use vector arithmetic too: every split must round alike.
    f.block((done) => {
      f.loop((again) => {
        f.get(count).i32(0).emit("i32.le_s").brIf(done);
        f.get(add).if(
          () => f.get(out).load("v128.load32_zero"),
          () => f.f32(0).emit("f32x4.splat"),
          "v128",
        );
        f.set(acc[0]);
        everyTap(() => {
          f.get(weightAt).load("v128.load32_splat").get(at).load("v128.load32_zero");
          multiplyAdd(f, acc[0], fma);
        });
        f.get(out).get(acc[0]).lane("f32x4.extract_lane", 0).store("f32.store");
        increase(f, out, { value: 4 });
        increase(f, count, { value: -1 });
        increase(f, source, { local: step });
        f.br(again);
      });
    });
  });
}

/**
 * Adds `depthwise_gradient_thread(desc, x, gradient, dw, workspace, thread, threads)`: dw of one
 * group as dot products of rows, four neighbouring taps at a time. Groups are split over threads.
 */
export function renderDepthwiseGradient(module: ModuleBuilder, parts: DepthwiseParts): FunctionRef {
  const { layout } = parts;
  return module.function("depthwise_gradient_thread", threadParams, [], (f) => {
    const [desc, x, gradient, dw, workspace, thread, threads] = threadParams.keys();
    const d = loadSizes(f, desc, parts.blocks.columns);
    const [one, image, plane, q, end, base, o, channel, tap, tapEnd, width] = f.locals("i32", 11);
    const [target, rowAt, yes, four, from4] = f.locals("i32", 5);
    const work = f.local("f64");
    computeWork(f, d, work);
    f.i32(1).set(one).i32(1).set(yes).i32(4).set(four);
    const dotTaps = (run: { start: number; count: number; source: number }): void => {
      f.get(channel).get(o).emit("i32.add").get(d.outD).emit("i32.mul").get(plane);
      f.emit("i32.add").get(d.pixels).emit("i32.mul").get(run.start).emit("i32.add").i32(2);
      f.emit("i32.shl").get(gradient).emit("i32.add").set(rowAt).i32(0).set(tap);
      whileBelow(f, tap, d.taps, { local: width }, () => {
        // Neighbouring taps share a kernel row.
        f.get(tap).get(d.kernelW).emit("i32.div_u").i32(1).emit("i32.add").get(d.kernelW);
        f.emit("i32.mul").tee(tapEnd).get(tap).emit("i32.sub").set(width);
        pushMin(f, width, four);
        f.set(width).get(rowAt).i32(0).get(run.source);
        f.get(tap).i32(2).emit("i32.shl").get(workspace).emit("i32.add");
        f.load("i32.load", layout.taps).emit("i32.add");
        f.get(d.dilationW).i32(2).emit("i32.shl").get(run.count);
        f.get(target).get(o).get(d.taps).emit("i32.mul").get(tap).emit("i32.add").i32(2);
        f.emit("i32.shl", "i32.add").i32(0).get(width).get(yes).call(parts.dot[1]);
      });
    };
    const split = { thread, threads, batches: d.groups, items: one, work };
    renderWorkSplit(f, split, (group) => {
      f.get(group).get(d.outputs).emit("i32.mul").tee(from4).get(d.taps).emit("i32.mul").i32(2);
      f.emit("i32.shl").get(dw).emit("i32.add").set(target);
      f.get(d.accumulate)
        .emit("i32.eqz")
        .if(() => {
          f.get(target).get(d.outputs).get(d.taps).emit("i32.mul").call(parts.zero);
        });
      f.i32(0).set(image);
      whileBelow(f, image, d.batch, { value: 1 }, () => {
        f.get(image).get(d.groups).emit("i32.mul").get(group).emit("i32.add");
        f.get(d.outputs).emit("i32.mul").set(channel).i32(0).set(plane);
        whileBelow(f, plane, d.outD, { value: 1 }, () => {
          f.i32(0).set(q);
          whileBelow(f, q, d.pixels, { local: d.block }, () => {
            f.get(q).get(d.block).emit("i32.add").set(end);
            pushMin(f, end, d.pixels);
            f.set(end).get(desc);
            f.get(image).get(d.groups).emit("i32.mul").get(group).emit("i32.add");
            f.get(d.inVolume).emit("i32.mul").i32(2).emit("i32.shl").get(x).emit("i32.add");
            f.get(workspace).get(plane).get(q).get(end).get(q).emit("i32.sub").i32(0);
            f.get(d.taps).call(parts.openWindow).set(base);
            everyRow(f, d, { from: q, to: end, layout, workspace, base }, (run) => {
              f.i32(0).set(o);
              whileBelow(f, o, d.outputs, { value: 1 }, () => dotTaps(run));
            });
          });
        });
      });
      f.get(desc).i32(0).i32(FINISH.plain).get(from4).get(from4).get(d.outputs);
      f.emit("i32.add").i32(0).get(d.taps).call(parts.finish);
    });
  });
}
