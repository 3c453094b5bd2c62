import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef } from "../assembler-function.ts";
import { countDown, increase, pushMin, whileBelow } from "./control.ts";
import { SCATTER_ELEMENTS, SCATTER_PIXELS } from "./conv-desc.ts";
import { loadConvFields } from "./conv-patches.ts";
import { FINISH } from "./gemm-blocked.ts";
import { renderWorkSplit } from "./work-split.ts";

/** Result channels below which products of all taps beat patches of the input. */
const FEW_OUTPUTS = 4;
/** Input channels from which they do. */
const MANY_CHANNELS = 8;

const threadParams = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;

/** What the scattering convolution calls. */
export interface ScatterParts {
  readonly blocked: FunctionRef;
  readonly finish: FunctionRef;
  readonly zero: FunctionRef;
  /** Offset of the products in the workspace. */
  readonly products: number;
}

/**
 * Pushes 1 when a transposed convolution should multiply first and scatter afterwards: with
 * patches a spread input is mostly zeros, and a result of few channels starves the tiles.
 */
export function pushShouldScatter(f: FunctionBuilder, desc: number): void {
  const d = loadConvFields(f, desc, [
    ...(["strideD", "strideH", "strideW", "spreadD", "spreadH", "spreadW"] as const),
    ...(["outputs", "channels", "transposed"] as const),
  ]);
  const product = (factors: readonly number[]): FunctionBuilder => {
    f.get(factors[0]);
    for (const factor of factors.slice(1)) f.get(factor).emit("i32.mul");
    return f;
  };
  product([d.spreadD, d.spreadH, d.spreadW]).i32(1).emit("i32.gt_s");
  f.get(d.outputs).i32(FEW_OUTPUTS).emit("i32.le_s");
  f.get(d.channels).i32(MANY_CHANNELS).emit("i32.ge_s", "i32.and", "i32.or");
  product([d.strideD, d.strideH, d.strideW]).i32(1).emit("i32.eq", "i32.and");
  f.get(d.transposed).emit("i32.and");
}

const fields = [
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
  "padD",
  "padH",
  "padW",
  "dilationD",
  "dilationH",
  "dilationW",
  "spreadD",
  "spreadH",
  "spreadW",
  "accumulate",
] as const;

function pushProduct(f: FunctionBuilder, ...factors: readonly number[]): FunctionBuilder {
  f.get(factors[0]);
  for (const factor of factors.slice(1)) f.get(factor).emit("i32.mul");
  return f;
}

/**
 * Adds `conv_scatter(desc, x, w, out, workspace, thread, threads)` for transposed convolutions
 * of stride 1: Y[(c, t), p] = Σₒ w[o, c, t]·x[o, p] by GEMM for some channels and rows of pixels,
 * then every Y is added to the element of out[c] that its tap t and pixel p reach.
 */
export function renderConvScatter(module: ModuleBuilder, parts: ScatterParts): FunctionRef {
  const add = renderScatterAdd(module);
  return module.function("conv_scatter", threadParams, [], (f) => {
    const [desc, x, w, out, workspace, thread, threads] = threadParams.keys();
    const d = loadConvFields(f, desc, fields);
    const [batches, kernel, outVolume, inVolume, rowsPer, perChannel, most] = f.locals("i32", 7);
    const [image, group, c, count, z, row, rows, pixels, y, a, b, target] = f.locals("i32", 12);
    const work = f.local("f64");
    pushProduct(f, d.kernelD, d.kernelH, d.kernelW).set(kernel);
    pushProduct(f, d.outD, d.outH, d.outW).set(outVolume);
    pushProduct(f, d.inD, d.inH, d.inW).set(inVolume);
    pushProduct(f, d.batch, d.groups).set(batches);
    f.f64(1);
    for (const factor of [d.outputs, d.channels, kernel, inVolume, batches]) {
      f.get(factor).emit("f64.convert_i32_u", "f64.mul");
    }
    f.set(work);
    const atLeastOne = (local: number): void => {
      f.get(local).i32(1).get(local).i32(0).emit("i32.gt_s", "select").set(local);
    };
    atLeastOne(d.inW);
    f.i32(SCATTER_PIXELS).get(d.inW).emit("i32.div_u").set(rowsPer);
    atLeastOne(rowsPer);
    pushMin(f, rowsPer, d.inH);
    f.set(rowsPer);
    atLeastOne(rowsPer);
    pushProduct(f, kernel, rowsPer, d.inW).set(perChannel);
    f.i32(SCATTER_ELEMENTS).get(perChannel).emit("i32.div_u").set(most);
    atLeastOne(most);
    f.get(workspace).i32(parts.products).emit("i32.add").set(y);

    const product = (): void => {
      f.get(d.inH).get(row).emit("i32.sub").set(rows);
      pushMin(f, rows, rowsPer);
      f.tee(rows).get(d.inW).emit("i32.mul").set(pixels);
      f.get(image).get(d.groups).emit("i32.mul").get(group).emit("i32.add");
      f.get(d.channels).emit("i32.mul").get(inVolume).emit("i32.mul");
      f.get(z).get(d.inH).emit("i32.mul").get(row).emit("i32.add").get(d.inW);
      f.emit("i32.mul", "i32.add").i32(2).emit("i32.shl").get(x).emit("i32.add").set(b);
      f.get(desc).get(a).get(b).get(y).get(workspace).i32(0).i32(0).i32(0);
      pushProduct(f, count, kernel).get(pixels).get(d.channels).i32(4);
      pushProduct(f, d.outputs, kernel).i32(2).emit("i32.shl").get(inVolume).i32(2);
      f.emit("i32.shl").i32(4).get(pixels).i32(2).emit("i32.shl");
      f.i32(0).i32(FINISH.quiet).call(parts.blocked);
      f.get(desc).get(y).get(target).get(z).get(row).get(rows).get(count).call(add);
    };
    const split = { thread, threads, batches, items: d.outputs, work };
    renderWorkSplit(f, split, (batch, from, to) => {
      f.get(batch).get(d.groups).emit("i32.div_u").set(image);
      f.get(batch).get(d.groups).emit("i32.rem_u").set(group).get(from).set(c);
      whileBelow(f, c, to, { local: most }, () => {
        f.get(to).get(c).emit("i32.sub").set(count);
        pushMin(f, count, most);
        f.set(count);
        f.get(batch).get(d.outputs).emit("i32.mul").get(c).emit("i32.add").get(outVolume);
        f.emit("i32.mul").i32(2).emit("i32.shl").get(out).emit("i32.add").set(target);
        f.get(d.accumulate)
          .emit("i32.eqz")
          .if(() => {
            f.get(target);
            pushProduct(f, count, outVolume).call(parts.zero);
          });
        f.get(group).get(d.channels).emit("i32.mul").get(d.outputs).emit("i32.mul").get(c);
        f.emit("i32.add").get(kernel).emit("i32.mul").i32(2).emit("i32.shl").get(w);
        f.emit("i32.add").set(a).i32(0).set(z);
        whileBelow(f, z, d.inD, { value: 1 }, () => {
          f.i32(0).set(row);
          whileBelow(f, row, d.inH, { local: rowsPer }, product);
        });
        f.get(desc).get(image).i32(FINISH.plain);
        f.get(group).get(d.outputs).emit("i32.mul").get(c).emit("i32.add").tee(a);
        f.get(a).get(count).emit("i32.add").i32(0).get(outVolume).call(parts.finish);
      });
    });
  });
}

/**
 * Adds `scatter_add(desc, y, out, z, row, rows, channels)`: y [channels, kernel, rows·inW], the
 * products of rows row.. of input plane z, onto out [channels, ...out].
 */
function renderScatterAdd(module: ModuleBuilder): FunctionRef {
  return module.function("scatter_add", threadParams, [], (f) => {
    const [desc, y, out, z, row, rows, channels] = threadParams.keys();
    const d = loadConvFields(f, desc, fields);
    const [kz, ky, kx, i, outZ, outY, shiftX, first, end, target, step] = f.locals("i32", 11);
    // Position of input element 0 through tap 0, mirrored back: −(forward padding).
    const origin = (pad: number, kernel: number, dilation: number): void => {
      f.get(pad).get(kernel).i32(1).emit("i32.sub").get(dilation).emit("i32.mul", "i32.sub");
      f.set(pad);
    };
    origin(d.padD, d.kernelD, d.dilationD);
    origin(d.padH, d.kernelH, d.dilationH);
    origin(d.padW, d.kernelW, d.dilationW);
    const place = (
      index: () => void,
      spread: number,
      pad: number,
      tap: number,
      dil: number,
    ): void => {
      index();
      f.get(spread).emit("i32.mul").get(pad).emit("i32.add");
      f.get(tap).get(dil).emit("i32.mul", "i32.add");
    };
    f.get(d.spreadW).i32(2).emit("i32.shl").set(step);
    const rowOfTap = (): void => {
      place(() => f.get(row).get(i).emit("i32.add"), d.spreadH, d.padH, ky, d.dilationH);
      f.tee(outY).get(d.outH).emit("i32.lt_u").get(outZ).get(d.outD).emit("i32.lt_u", "i32.and");
      f.get(first).get(end).emit("i32.lt_s", "i32.and");
      f.if(() => {
        f.get(out).get(outZ).get(d.outH).emit("i32.mul").get(outY).emit("i32.add");
        f.get(d.outW).emit("i32.mul").get(first).get(d.spreadW).emit("i32.mul", "i32.add");
        f.get(shiftX).emit("i32.add").i32(2).emit("i32.shl", "i32.add").set(target);
        addLine(f, { y, first, end, target, step });
      });
      f.get(y).get(d.inW).i32(2).emit("i32.shl", "i32.add").set(y);
    };
    countDown(f, channels, () => {
      f.i32(0).set(kz);
      whileBelow(f, kz, d.kernelD, { value: 1 }, () => {
        place(() => f.get(z), d.spreadD, d.padD, kz, d.dilationD);
        f.set(outZ).i32(0).set(ky);
        whileBelow(f, ky, d.kernelH, { value: 1 }, () => {
          f.i32(0).set(kx);
          whileBelow(f, kx, d.kernelW, { value: 1 }, () => {
            f.get(d.padW).get(kx).get(d.dilationW).emit("i32.mul", "i32.add").set(shiftX);
            validRange(f, {
              shift: shiftX,
              spread: d.spreadW,
              inW: d.inW,
              outW: d.outW,
              first,
              end,
            });
            f.i32(0).set(i);
            whileBelow(f, i, rows, { value: 1 }, rowOfTap);
          });
        });
      });
      pushProduct(f, d.outD, d.outH, d.outW).i32(2).emit("i32.shl");
      f.get(out).emit("i32.add").set(out);
    });
  });
}

/** first..end: the input columns i with 0 ≤ i·spread + shift < outW. */
function validRange(
  f: FunctionBuilder,
  at: Readonly<Record<"shift" | "spread" | "inW" | "outW" | "first" | "end", number>>,
): void {
  const ceilDivide = (): void => {
    f.get(at.spread).emit("i32.add").i32(1).emit("i32.sub").get(at.spread).emit("i32.div_s");
  };
  f.i32(0).get(at.shift).emit("i32.sub");
  ceilDivide();
  f.set(at.first);
  f.get(at.first).i32(0).get(at.shift).i32(0).emit("i32.lt_s", "select").set(at.first);
  f.get(at.outW).get(at.shift).emit("i32.sub").set(at.end);
  f.get(at.end).i32(0).emit("i32.gt_s");
  f.if(
    () => {
      f.get(at.end);
      ceilDivide();
      f.set(at.end);
      pushMin(f, at.end, at.inW);
      f.set(at.end);
    },
    () => f.i32(0).set(at.end),
  );
}

/** target[i·spread] += y[i] for i in first..end; `target` starts at element `first`. */
function addLine(
  f: FunctionBuilder,
  at: Readonly<Record<"y" | "first" | "end" | "target" | "step", number>>,
): void {
  const [from, count] = f.locals("i32", 2);
  f.get(at.y).get(at.first).i32(2).emit("i32.shl", "i32.add").set(from);
  f.get(at.end).get(at.first).emit("i32.sub").set(count);
  f.get(at.step).i32(4).emit("i32.eq");
  f.if(() => {
    f.block((done) => {
      f.loop((again) => {
        f.get(count).i32(4).emit("i32.lt_s").brIf(done);
        f.get(at.target).get(at.target).load("v128.load", 0, 2);
        f.get(from).load("v128.load", 0, 2).emit("f32x4.add").store("v128.store", 0, 2);
        increase(f, from, { value: 16 });
        increase(f, at.target, { value: 16 });
        increase(f, count, { value: -4 });
        f.br(again);
      });
    });
  });
  countDown(f, count, () => {
    f.get(at.target).get(at.target).load("f32.load").get(from).load("f32.load");
    f.emit("f32.add").store("f32.store");
    increase(f, from, { value: 4 });
    increase(f, at.target, { local: at.step });
  });
  f.release(from, count);
}
