import type { DType } from "../../ir/dtype.ts";
import { dtypeBytes, isFloat, isUnsigned } from "../../ir/dtype.ts";
import type { FunctionBuilder, FunctionRef } from "./assembler-function.ts";
import type { ModuleBuilder } from "./assembler.ts";
import type { Lanes } from "./lanes.ts";

/**
 * Defines (keys, indices, n, scratch) → (): writes the stable sorting permutation of n contiguous
 * keys as i32. Merge sort, bottom up; `scratch` has room for n indices. NaN counts as largest.
 */
export function defineSort(
  module: ModuleBuilder,
  dtype: DType,
  descending: boolean,
  scalars: Lanes,
): FunctionRef {
  const before = defineBefore(module, dtype, descending, scalars);
  const merge = defineMerge(module, before);
  return module.function("argsort", ["i32", "i32", "i32", "i32"], [], (f) => {
    const [keys, indices, n, scratch] = [0, 1, 2, 3];
    const [i, width, from, to, swap] = f.locals("i32", 5);
    f.i32(0).set(i);
    countTo(f, i, n, () => {
      elementAddress(f, indices, i);
      f.get(i).store("i32.store");
    });
    f.get(indices).set(from).get(scratch).set(to).i32(1).set(width);
    f.get(width).get(n).emit("i32.lt_s");
    f.if(() => {
      f.loop((again) => {
        f.get(keys).get(from).get(to).get(n).get(width).call(merge);
        f.get(from).set(swap).get(to).set(from).get(swap).set(to);
        f.get(width).i32(1).emit("i32.shl").tee(width).get(n).emit("i32.lt_s").brIf(again);
      });
    });
    f.get(from).get(indices).emit("i32.ne");
    f.if(() => f.get(indices).get(from).get(n).i32(2).emit("i32.shl").memoryCopy());
  });
}

function countTo(f: FunctionBuilder, i: number, end: number, body: () => void): void {
  f.get(i).get(end).emit("i32.lt_s");
  f.if(() => {
    f.loop((again) => {
      body();
      f.get(i).i32(1).emit("i32.add").tee(i).get(end).emit("i32.lt_s").brIf(again);
    });
  });
}

/** Pushes base + 4·index. */
function elementAddress(f: FunctionBuilder, base: number, index: number): void {
  f.get(base).get(index).i32(2).emit("i32.shl", "i32.add");
}

/** (keys, a, b) → 1 if key a must come strictly before key b. */
function defineBefore(
  module: ModuleBuilder,
  dtype: DType,
  descending: boolean,
  scalars: Lanes,
): FunctionRef {
  const register = scalars.valueType(dtype);
  return module.function("before", ["i32", "i32", "i32"], ["i32"], (f) => {
    const [x, y] = f.locals(register, 2);
    const loadKey = (position: number, into: number): void => {
      f.get(0).get(position).i32(dtypeBytes(dtype)).emit("i32.mul", "i32.add");
      scalars.load(f, dtype, 0);
      f.set(into);
    };
    loadKey(descending ? 2 : 1, x);
    loadKey(descending ? 1 : 2, y);
    if (isFloat(dtype)) {
      const type = register === "f64" ? "f64" : "f32";
      f.get(x).get(y).emit(`${type}.lt`);
      f.get(x).get(x).emit(`${type}.eq`).get(y).get(y).emit(`${type}.ne`, "i32.and", "i32.or");
    } else {
      f.get(x)
        .get(y)
        .emit(isUnsigned(dtype) ? "i32.lt_u" : "i32.lt_s");
    }
  });
}

/** (keys, from, to, n, width) → (): merges neighbouring runs of `width` indices. */
function defineMerge(module: ModuleBuilder, before: FunctionRef): FunctionRef {
  return module.function("merge", ["i32", "i32", "i32", "i32", "i32"], [], (f) => {
    const [keys, from, to, n, width] = [0, 1, 2, 3, 4];
    const [left, leftEnd, right, rightEnd, out, taken] = f.locals("i32", 6);
    const loadIndex = (position: number): void => {
      elementAddress(f, from, position);
      f.load("i32.load");
    };
    const limited = (): void => {
      f.set(taken).get(taken).get(n).get(taken).get(n).emit("i32.lt_s", "select");
    };
    f.i32(0).set(out);
    countTo(f, out, n, () => {
      // A run starts where the output has come to: out is a multiple of 2·width here.
      f.get(out).set(left);
      f.get(left).get(width).emit("i32.add");
      limited();
      f.tee(leftEnd).set(right);
      f.get(right).get(width).emit("i32.add");
      limited();
      f.set(rightEnd);
      countTo(f, out, rightEnd, () => {
        f.get(right).get(rightEnd).emit("i32.ge_s");
        f.if(
          () => f.i32(0),
          () => {
            f.get(left).get(leftEnd).emit("i32.ge_s");
            f.if(
              () => f.i32(1),
              () => {
                f.get(keys);
                loadIndex(right);
                loadIndex(left);
                f.call(before);
              },
              "i32",
            );
          },
          "i32",
        );
        f.set(taken);
        elementAddress(f, to, out);
        elementAddress(f, from, right);
        elementAddress(f, from, left);
        f.get(taken).emit("select").load("i32.load").store("i32.store");
        f.get(right).get(taken).emit("i32.add").set(right);
        f.get(left).i32(1).get(taken).emit("i32.sub", "i32.add").set(left);
      });
      f.get(out).i32(1).emit("i32.sub").set(out);
    });
  });
}
