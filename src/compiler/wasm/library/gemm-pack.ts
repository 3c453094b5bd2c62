import type { ModuleBuilder } from "../assembler.ts";
import type { FunctionBuilder, FunctionRef, ValueType } from "../assembler-function.ts";
import { countDown, increase, pushMin, whileBelow } from "./control.ts";
import { PANEL } from "./gemm-kernels.ts";

/** (source, row stride, column stride, depth, count, destination); strides in bytes. */
const packParams: readonly ValueType[] = ["i32", "i32", "i32", "i32", "i32", "i32"];

/** Panels copied side by side in one pass over k: a cache line or two of every source row. */
const GROUP = 4;

/** The packing functions of one library. */
export interface Packers {
  /**
   * `pack_a(a, aRow, aCol, depth, strips, out)`: `strips` strips of `tile rows` rows, each
   * stored k-major (the rows of one k adjacent), strip after strip.
   */
  readonly a: FunctionRef;
  /**
   * `pack_b(b, bRow, bCol, depth, columns, out)`: panels of 8 columns, each stored k-major,
   * panel after panel; the last is padded with zeros.
   */
  readonly b: FunctionRef;
}

/** Adds the packing functions to the library. */
export function renderPackers(module: ModuleBuilder, rows: number): Packers {
  return { a: renderPackA(module, rows), b: renderPackB(module) };
}

/**
 * Transposes 4 rows of 4: locals in[i] (row i) become out[k] (the rows at k).
 * `out` may not overlap `in`.
 */
export function transpose4(
  f: FunctionBuilder,
  from: readonly number[],
  to: readonly number[],
): void {
  const [r0, r1, r2, r3] = from;
  const [k0, k1, k2, k3] = to;
  f.get(r0).get(r1).shuffle32(0, 4, 1, 5).set(k0);
  f.get(r2).get(r3).shuffle32(0, 4, 1, 5).set(k1);
  f.get(r0).get(r1).shuffle32(2, 6, 3, 7).set(k2);
  f.get(r2).get(r3).shuffle32(2, 6, 3, 7).set(k3);
  f.get(k0).get(k1).shuffle32(0, 1, 4, 5).set(r0);
  f.get(k0).get(k1).shuffle32(2, 3, 6, 7).set(k1);
  f.get(k2).get(k3).shuffle32(0, 1, 4, 5).set(r2);
  f.get(k2).get(k3).shuffle32(2, 3, 6, 7).set(k3);
  f.get(r0).set(k0).get(r2).set(k2);
}

/** Copies `count` floats from `source` to `target` + offset, 16 bytes at a time where possible. */
function copyFloats(
  f: FunctionBuilder,
  count: number,
  source: number,
  target: number,
  sourceOffset: number,
  targetOffset: number,
): void {
  let at = 0;
  for (; at + 4 <= count; at += 4) {
    f.get(target)
      .get(source)
      .load("v128.load", sourceOffset + 4 * at, 2);
    f.store("v128.store", targetOffset + 4 * at, 2);
  }
  for (; at < count; at++) {
    f.get(target)
      .get(source)
      .load("f32.load", sourceOffset + 4 * at);
    f.store("f32.store", targetOffset + 4 * at);
  }
}

/** Copies `panels` panels of `width` floats: a row of the source feeds each, for every k. */
function renderCopyPass(
  f: FunctionBuilder,
  at: { source: number; step: number; depth: number; out: number },
  width: number,
  panels: number,
): void {
  const [source, count, ...outs] = f.locals("i32", 2 + panels);
  const panelBytes = f.local("i32");
  f.get(at.depth)
    .i32(4 * width)
    .emit("i32.mul")
    .set(panelBytes);
  f.get(at.source).set(source).get(at.depth).set(count).get(at.out).set(outs[0]);
  outs.slice(1).forEach((out, i) => f.get(outs[i]).get(panelBytes).emit("i32.add").set(out));
  countDown(f, count, () => {
    outs.forEach((out, p) => {
      copyFloats(f, width, source, out, 4 * width * p, 0);
      increase(f, out, { value: 4 * width });
    });
    increase(f, source, { local: at.step });
  });
  f.release(source, count, panelBytes, ...outs);
}

/**
 * Packs one panel whose source is contiguous along k: reads 4 k of each of `width` lines and
 * transposes them.
 */
function renderTransposePass(
  f: FunctionBuilder,
  at: { source: number; line: number; depth: number; out: number },
  width: number,
): void {
  const lines = f.locals("i32", width);
  const [out, count] = f.locals("i32", 2);
  f.get(at.source).set(lines[0]);
  lines.slice(1).forEach((line, i) => f.get(lines[i]).get(at.line).emit("i32.add").set(line));
  f.get(at.out).set(out);
  f.get(at.depth).i32(2).emit("i32.shr_u").set(count);
  const from = f.locals("v128", 4);
  const to = f.locals("v128", 4);
  countDown(f, count, () => {
    for (let first = 0; first < width; first += 4) {
      const height = Math.min(4, width - first);
      if (height === 1) {
        f.get(lines[first]).load("v128.load", 0, 2).set(from[0]);
        for (let k = 0; k < 4; k++) {
          f.get(out).get(from[0]);
          f.memoryLane("v128.store32_lane", k, 4 * (width * k + first), 2);
        }
        continue;
      }
      from.forEach((v, i) => {
        if (i < height)
          f.get(lines[first + i])
            .load("v128.load", 0, 2)
            .set(v);
      });
      if (height === 4) {
        transpose4(f, from, to);
        to.forEach((v, k) =>
          f
            .get(out)
            .get(v)
            .store("v128.store", 4 * (width * k + first), 2),
        );
        continue;
      }
      for (const half of [0, 1]) {
        const lane = 2 * half;
        f.get(from[0])
          .get(from[1])
          .shuffle32(lane, 4 + lane, lane + 1, 5 + lane)
          .set(to[0]);
        for (const k of [0, 1]) {
          f.get(out).get(to[0]);
          f.memoryLane("v128.store64_lane", k, 4 * (width * (lane + k) + first), 2);
        }
      }
    }
    for (const line of lines) increase(f, line, { value: 16 });
    increase(f, out, { value: 16 * width });
  });
  f.get(at.depth).i32(3).emit("i32.and").set(count);
  countDown(f, count, () => {
    lines.forEach((line, i) => {
      f.get(out)
        .get(line)
        .load("f32.load")
        .store("f32.store", 4 * i);
      increase(f, line, { value: 4 });
    });
    increase(f, out, { value: 4 * width });
  });
  f.release(out, count, ...lines, ...from, ...to);
}

/** Packs one panel element by element; columns from `valid` on become zeros. */
function renderScalarPass(
  f: FunctionBuilder,
  at: { source: number; line: number; step: number; depth: number; valid: number; out: number },
  width: number,
): void {
  const [source, count, i, element, out, end] = f.locals("i32", 6);
  f.get(at.source).set(source).get(at.depth).set(count).get(at.out).set(out);
  f.i32(width).set(end);
  countDown(f, count, () => {
    f.get(source).set(element).i32(0).set(i);
    whileBelow(f, i, end, { value: 1 }, () => {
      f.get(out).get(i).get(at.valid).emit("i32.lt_s");
      f.if(
        () => f.get(element).load("f32.load"),
        () => f.f32(0),
        "f32",
      ).store("f32.store");
      increase(f, element, { local: at.line });
      increase(f, out, { value: 4 });
    });
    increase(f, source, { local: at.step });
  });
  f.release(source, count, i, element, out, end);
}

/**
 * Body shared by both packers. `line` is the stride across a panel's `width` lines, `step` the
 * stride along k, `count` the number of lines.
 */
function renderPack(f: FunctionBuilder, width: number, line: number, step: number): void {
  const [source, depth, count, out] = [0, 3, 4, 5];
  const [panelBytes, lineBytes, valid] = f.locals("i32", 3);
  const advance = (panels: number): void => {
    increase(f, out, { local: panelBytes });
    increase(f, source, { local: lineBytes });
    for (let p = 1; p < panels; p++) {
      increase(f, out, { local: panelBytes });
      increase(f, source, { local: lineBytes });
    }
    f.get(count)
      .i32(panels * width)
      .emit("i32.sub")
      .set(count);
  };
  const whilePanels = (panels: number, pass: () => void): void => {
    f.block((done) => {
      f.loop((again) => {
        f.get(count)
          .i32(panels * width)
          .emit("i32.lt_s")
          .brIf(done);
        pass();
        advance(panels);
        f.br(again);
      });
    });
  };
  f.get(depth)
    .i32(4 * width)
    .emit("i32.mul")
    .set(panelBytes);
  f.get(line).i32(width).emit("i32.mul").set(lineBytes);
  f.get(line).i32(4).emit("i32.eq");
  f.if(
    () => {
      whilePanels(GROUP, () => renderCopyPass(f, { source, step, depth, out }, width, GROUP));
      whilePanels(1, () => renderCopyPass(f, { source, step, depth, out }, width, 1));
    },
    () => {
      f.get(step).i32(4).emit("i32.eq");
      f.if(() => {
        whilePanels(1, () => renderTransposePass(f, { source, line, depth, out }, width));
      });
    },
  );
  f.block((done) => {
    f.loop((again) => {
      f.get(count).i32(0).emit("i32.le_s").brIf(done);
      f.i32(width).set(valid);
      pushMin(f, valid, count);
      f.set(valid);
      renderScalarPass(f, { source, line, step, depth, valid, out }, width);
      advance(1);
      f.br(again);
    });
  });
}

function renderPackA(module: ModuleBuilder, rows: number): FunctionRef {
  return module.function("pack_a", packParams, [], (f) => {
    f.get(4).i32(rows).emit("i32.mul").set(4);
    renderPack(f, rows, 1, 2);
  });
}

function renderPackB(module: ModuleBuilder): FunctionRef {
  return module.function("pack_b", packParams, [], (f) => renderPack(f, PANEL, 2, 1));
}
