import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef } from "../assembler-function.ts";
import { pushMin, whileBelow } from "./control.ts";
import { convField, convLayout } from "./conv-desc.ts";
import {
  pushIsDepthwise,
  pushIsDepthwiseGradient,
  renderDepthwise,
  renderDepthwiseGradient,
} from "./conv-depthwise.ts";
import {
  loadConvFields,
  renderCopyFloats,
  renderOpenWindow,
  renderPadInput,
  renderPatches,
  renderZeroFloats,
} from "./conv-patches.ts";
import { pushShouldScatter, renderConvScatter } from "./conv-scatter.ts";
import {
  FINISH,
  renderBlocked,
  renderFinish,
  type BlockedSource,
  type GemmParts,
} from "./gemm-blocked.ts";
import type { BlockSizes } from "./gemm-blocks.ts";
import { PANEL } from "./gemm-kernels.ts";
import { renderWorkSplit } from "./work-split.ts";

const threadParams = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;

/** Convolution functions of one library. */
export interface ConvFunctions {
  readonly forward: FunctionRef;
  readonly weightGradient: FunctionRef;
}

/** Functions of the GEMM part that convolution uses too. */
export interface SharedFunctions {
  readonly blocked: FunctionRef;
  readonly dot: readonly FunctionRef[];
  readonly fma: boolean;
}

/**
 * Adds `conv_thread` and `conv_weight_gradient_thread`: implicit GEMM, where the patch matrix
 * exists only as the packed block of B that is being multiplied.
 */
export function renderConv(
  module: ModuleBuilder,
  parts: GemmParts,
  shared: SharedFunctions,
): ConvFunctions {
  const copy = renderCopyFloats(module);
  const zero = renderZeroFloats(module);
  const layout = convLayout(parts.blocks, parts.tiles.rows);
  const openWindow = renderOpenWindow(module, renderPadInput(module, copy, zero), layout);
  const patches = renderPatches(module, openWindow, layout);
  const finish = renderFinish(module, convField("epilogue"), convField("epilogueArgs"));
  // bRow carries the output plane, bCol the first column of the range.
  const forwardSource: BlockedSource = {
    pack: (f, at) => {
      f.get(at.desc).get(at.b).get(at.workspace).get(at.bRow);
      f.get(at.bCol).get(at.jc).emit("i32.add").get(at.nc).get(at.p).get(at.depth);
      f.i32(0).get(at.bBase).call(patches);
    },
  };
  const gradientSource: BlockedSource = {
    pack: (f, at) => {
      f.get(at.desc).get(at.b).get(at.workspace).get(at.bRow).get(at.p).get(at.depth);
      f.get(at.bCol).get(at.jc).emit("i32.add").get(at.nc);
      f.i32(1).get(at.bBase).call(patches);
    },
  };
  const forward = renderBlocked(module, "conv_blocked", parts, finish, forwardSource);
  const gradient = renderBlocked(module, "conv_gradient_blocked", parts, finish, gradientSource);
  const mirror = renderTransposeWeights(module, copy);
  const products = layout.weights;
  const scatter = renderConvScatter(module, { blocked: shared.blocked, finish, zero, products });
  const direct = { ...shared, openWindow, finish, zero, layout, blocks: parts.blocks };
  const depthwise = renderDepthwise(module, direct);
  const depthwiseGradient = renderDepthwiseGradient(module, direct);
  const { blocks } = parts;
  const forwardParts = { blocked: forward, scatter, mirror, depthwise, blocks };
  const gradientParts = { blocked: gradient, depthwiseGradient, blocks };
  return {
    forward: renderForward(module, forwardParts, layout.weights),
    weightGradient: renderWeightGradient(module, gradientParts, parts.tiles.rows),
  };
}

/** Adds `transpose_weights(w, channels, outputs, taps, out)`: [C, O, T] to [O, C, T]. */
function renderTransposeWeights(module: ModuleBuilder, copy: FunctionRef): FunctionRef {
  const params = ["i32", "i32", "i32", "i32", "i32"] as const;
  return module.function("transpose_weights", params, [], (f) => {
    const [w, channels, outputs, taps, out] = params.keys();
    const [o, c] = f.locals("i32", 2);
    whileBelow(f, o, outputs, { value: 1 }, () => {
      f.i32(0).set(c);
      whileBelow(f, c, channels, { value: 1 }, () => {
        f.get(out).get(w).get(c).get(outputs).emit("i32.mul").get(o).emit("i32.add");
        f.get(taps).emit("i32.mul").i32(2).emit("i32.shl", "i32.add").get(taps).call(copy);
        f.get(out).get(taps).i32(2).emit("i32.shl", "i32.add").set(out);
      });
    });
  });
}

const sizeFields = [
  "batch",
  "groups",
  "channels",
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
  "accumulate",
  "transposed",
] as const;

/** Sizes derived from a descriptor, in locals. */
type Sizes = Readonly<
  Record<
    (typeof sizeFields)[number] | "pixels" | "taps" | "kernel" | "xGroup" | "outChannel",
    number
  >
>;

function loadSizes(f: FunctionBuilder, desc: number): Sizes {
  const d = loadConvFields(f, desc, sizeFields);
  const [pixels, taps, kernel, xGroup, outChannel] = f.locals("i32", 5);
  const product = (target: number, factors: readonly number[]): void => {
    f.get(factors[0]);
    for (const factor of factors.slice(1)) f.get(factor).emit("i32.mul");
    f.set(target);
  };
  product(pixels, [d.outH, d.outW]);
  product(kernel, [d.kernelD, d.kernelH, d.kernelW]);
  product(taps, [d.channels, kernel]);
  // Bytes of a group of input channels, and of one output channel.
  product(xGroup, [d.channels, d.inD, d.inH, d.inW]);
  f.get(xGroup).i32(2).emit("i32.shl").set(xGroup);
  product(outChannel, [d.outD, pixels]);
  f.get(outChannel).i32(2).emit("i32.shl").set(outChannel);
  return { ...d, pixels, taps, kernel, xGroup, outChannel };
}

/** work = multiply-adds of all batches, as f64. */
function computeWork(f: FunctionBuilder, d: Sizes, work: number): void {
  const factors = [d.outputs, d.taps, d.pixels, d.batch, d.groups, d.outD];
  f.f64(1);
  for (const factor of factors) f.get(factor).emit("f64.convert_i32_u", "f64.mul");
  f.set(work);
}

/** Pushes base + (image·groups + group)·stride. */
function pushImageGroup(
  f: FunctionBuilder,
  base: number,
  at: { image: number; groups: number; group: number },
  stride: () => void,
): void {
  f.get(base).get(at.image).get(at.groups).emit("i32.mul").get(at.group).emit("i32.add");
  stride();
  f.emit("i32.mul", "i32.add");
}

interface ForwardParts {
  readonly blocked: FunctionRef;
  readonly scatter: FunctionRef;
  readonly mirror: FunctionRef;
  readonly depthwise: FunctionRef;
  readonly blocks: BlockSizes;
}

interface GradientParts {
  readonly blocked: FunctionRef;
  readonly depthwiseGradient: FunctionRef;
  readonly blocks: BlockSizes;
}

/**
 * `conv_thread(desc, x, w, out, workspace, thread, threads)`: this thread's share of a
 * convolution: whole planes of images and groups, or panels of their pixels.
 */
function renderForward(
  module: ModuleBuilder,
  parts: ForwardParts,
  weightsOffset: number,
): FunctionRef {
  return module.function("conv_thread", threadParams, [], (f) => {
    const [desc, x, w, out, workspace, thread, threads] = threadParams.keys();
    pushShouldScatter(f, desc);
    f.if(() => {
      for (const param of threadParams.keys()) f.get(param);
      f.call(parts.scatter).emit("return");
    });
    pushIsDepthwise(f, desc, parts.blocks);
    f.if(() => {
      for (const param of threadParams.keys()) f.get(param);
      f.call(parts.depthwise).emit("return");
    });
    const d = loadSizes(f, desc);
    const [batches, items, group, image, plane, ready, a, q0, q1, weights] = f.locals("i32", 10);
    const work = f.local("f64");
    computeWork(f, d, work);
    f.get(d.batch).get(d.groups).emit("i32.mul").get(d.outD).emit("i32.mul").set(batches);
    f.get(d.pixels)
      .i32(PANEL - 1)
      .emit("i32.add")
      .i32(3)
      .emit("i32.shr_u")
      .set(items);
    f.get(workspace).i32(weightsOffset).emit("i32.add").set(weights).i32(-1).set(ready);
    renderWorkSplit(f, { thread, threads, batches, items, work }, (batch, from, to) => {
      f.get(batch).get(d.outD).emit("i32.rem_u").set(plane);
      f.get(batch).get(d.outD).emit("i32.div_u").tee(image).get(d.batch).emit("i32.div_u");
      f.set(group).get(image).get(d.batch).emit("i32.rem_u").set(image);
      f.get(w).get(group).get(d.outputs).emit("i32.mul").get(d.taps).emit("i32.mul");
      f.i32(2).emit("i32.shl", "i32.add").set(a);
      f.get(d.transposed).if(() => {
        f.get(group).get(ready).emit("i32.ne");
        f.if(() => {
          f.get(a).get(d.channels).get(d.outputs).get(d.kernel).get(weights);
          f.call(parts.mirror).get(group).set(ready);
        });
        f.get(weights).set(a);
      });
      f.get(from).i32(3).emit("i32.shl").set(q0).get(to).i32(3).emit("i32.shl").set(q1);
      pushMin(f, q1, d.pixels);
      f.set(q1);
      const position = (): FunctionBuilder =>
        f.get(plane).get(d.pixels).emit("i32.mul").get(q0).emit("i32.add");
      f.get(desc).get(a);
      pushImageGroup(f, x, { image, groups: d.groups, group }, () => f.get(d.xGroup));
      pushImageGroup(f, out, { image, groups: d.groups, group }, () =>
        f.get(d.outputs).get(d.outChannel).emit("i32.mul"),
      );
      position().i32(2).emit("i32.shl", "i32.add");
      f.get(workspace).get(image).get(group).get(d.outputs).emit("i32.mul");
      position();
      f.get(d.outputs).get(q1).get(q0).emit("i32.sub").get(d.taps);
      f.get(d.taps).i32(2).emit("i32.shl").i32(4).get(plane).get(q0);
      f.get(d.outChannel).get(d.accumulate).i32(FINISH.plain).call(parts.blocked);
    });
  });
}

/**
 * `conv_weight_gradient_thread(desc, x, gradient, dw, workspace, thread, threads)`: dw from x
 * and the gradient with respect to the output, for the forward descriptor. Rows (outputs) or
 * columns (taps) of dw are split; images are added in order, whatever the split.
 */
function renderWeightGradient(
  module: ModuleBuilder,
  parts: GradientParts,
  tileRows: number,
): FunctionRef {
  return module.function("conv_weight_gradient_thread", threadParams, [], (f) => {
    const [desc, x, gradient, dw, workspace, thread, threads] = threadParams.keys();
    pushIsDepthwiseGradient(f, desc, parts.blocks);
    f.if(() => {
      for (const param of threadParams.keys()) f.get(param);
      f.call(parts.depthwiseGradient).emit("return");
    });
    const d = loadSizes(f, desc);
    const [items, unit, byRows, planes, s, image, plane, depth] = f.locals("i32", 8);
    const [m0, m1, n0, n1, zero] = f.locals("i32", 5);
    const work = f.local("f64");
    computeWork(f, d, work);
    f.get(d.outputs).get(d.taps).emit("i32.ge_s").set(byRows);
    f.i32(tileRows).i32(PANEL).get(byRows).emit("select").set(unit);
    f.get(d.outputs).get(d.taps).get(byRows).emit("select").get(unit).emit("i32.add");
    f.i32(1).emit("i32.sub").get(unit).emit("i32.div_u").set(items);
    // Without any pixel one empty product still clears dw.
    f.get(d.batch).get(d.outD).emit("i32.mul").tee(planes).get(d.pixels).emit("i32.mul");
    f.if(
      () => f.get(d.pixels).set(depth),
      () => f.i32(1).set(planes).i32(0).set(depth),
    );
    f.i32(0).set(zero);
    const split = { thread, threads, batches: d.groups, items, work };
    renderWorkSplit(f, split, (group, from, to) => {
      f.get(zero).set(m0).get(d.outputs).set(m1).get(zero).set(n0).get(d.taps).set(n1);
      const range = (first: number, last: number, end: number): void => {
        f.get(from).get(unit).emit("i32.mul").set(first);
        f.get(to).get(unit).emit("i32.mul").set(last);
        pushMin(f, last, end);
        f.set(last);
      };
      f.get(byRows).if(
        () => range(m0, m1, d.outputs),
        () => range(n0, n1, d.taps),
      );
      f.i32(0).set(s);
      whileBelow(f, s, planes, { value: 1 }, () => {
        f.get(s).get(d.outD).i32(1).get(d.outD).emit("select", "i32.div_u").set(image);
        f.get(s).get(image).get(d.outD).emit("i32.mul", "i32.sub").set(plane);
        const at = { image, groups: d.groups, group };
        const firstRow = (): FunctionBuilder =>
          f.get(group).get(d.outputs).emit("i32.mul").get(m0).emit("i32.add");
        f.get(desc);
        pushImageGroup(f, gradient, at, () => f.get(d.outputs).get(d.outChannel).emit("i32.mul"));
        f.get(m0).get(d.outChannel).emit("i32.mul", "i32.add");
        f.get(plane).get(d.pixels).emit("i32.mul").i32(2).emit("i32.shl", "i32.add");
        pushImageGroup(f, x, at, () => f.get(d.xGroup));
        f.get(dw);
        firstRow().get(d.taps).emit("i32.mul").get(n0).emit("i32.add");
        f.i32(2).emit("i32.shl", "i32.add").get(workspace).get(zero);
        firstRow().get(n0);
        f.get(m1).get(m0).emit("i32.sub").get(n1).get(n0).emit("i32.sub").get(depth);
        f.get(d.outChannel).i32(4).get(plane).get(n0);
        f.get(d.taps).i32(2).emit("i32.shl").get(d.accumulate).get(s).emit("i32.or");
        f.i32(FINISH.plain).i32(FINISH.quiet);
        f.get(s).i32(1).emit("i32.add").get(planes).emit("i32.eq", "select").call(parts.blocked);
      });
    });
  });
}
