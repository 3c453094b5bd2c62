import type { FunctionBuilder, FunctionRef } from "./assembler-function.ts";
import type { ModuleBuilder } from "./assembler.ts";

const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

const PARITY = 0x1bd11bda;

/**
 * Defines (key0, key1, counter) → bits on u32 lanes: the first output word of Threefry-2x32 with
 * 20 rounds for the counter (counter, 0). Salmon et al. 2011, "Parallel Random Numbers: As Easy as
 * 1, 2, 3", section 3.3.
 */
export function defineThreefry(module: ModuleBuilder): FunctionRef {
  return module.function("threefry", ["v128", "v128", "v128"], ["v128"], writeThreefry);
}

function writeThreefry(f: FunctionBuilder): void {
  const [key0, key1, counter] = [0, 1, 2];
  const [key2, x0, x1] = f.locals("v128", 3);
  const keys = [key0, key1, key2];
  f.get(key0).get(key1).emit("v128.xor").i32(PARITY).emit("i32x4.splat", "v128.xor").set(key2);
  f.get(counter).get(key0).emit("i32x4.add").set(x0);
  f.get(key1).set(x1);
  for (let group = 0; group < 5; group++) {
    for (const bits of rotations[group % 2]) {
      f.get(x0).get(x1).emit("i32x4.add").set(x0);
      f.get(x1).i32(bits).emit("i32x4.shl");
      f.get(x1)
        .i32(32 - bits)
        .emit("i32x4.shr_u", "v128.or");
      f.get(x0).emit("v128.xor").set(x1);
    }
    f.get(x0)
      .get(keys[(group + 1) % 3])
      .emit("i32x4.add")
      .set(x0);
    f.get(x1)
      .get(keys[(group + 2) % 3])
      .emit("i32x4.add");
    f.i32(group + 1)
      .emit("i32x4.splat", "i32x4.add")
      .set(x1);
  }
  f.get(x0);
}
