import type { FunctionBuilder } from "./assembler-function.ts";

type Half = "f16" | "bf16";

function splat(f: FunctionBuilder, bits: number): void {
  f.v128(new Uint8Array(Int32Array.of(bits, bits, bits, bits).buffer));
}

/** Four 16-bit patterns in i32 lanes on the stack; pushes their f32 values. */
export function pushLoadedHalf(f: FunctionBuilder, dtype: Half): void {
  if (dtype === "bf16") {
    f.i32(16).emit("i32x4.shl");
    return;
  }
  const [bits, magnitude] = f.locals("v128", 2);
  f.tee(bits);
  splat(f, 0x7fff);
  f.emit("v128.and").i32(13).emit("i32x4.shl").set(magnitude);
  // Moving the bits in place leaves the exponent 112 too small; a product mends that exactly.
  f.get(magnitude);
  splat(f, 0x77800000);
  f.emit("f32x4.mul");
  f.get(magnitude);
  splat(f, 0x0f7fffff);
  f.emit("i32x4.gt_s");
  splat(f, 0x7f800000);
  f.emit("v128.and", "v128.or");
  f.get(bits);
  splat(f, 0x8000);
  f.emit("v128.and").i32(16).emit("i32x4.shl", "v128.or");
  f.release(bits, magnitude);
}

/** Four f32 on the stack; pushes the nearest 16-bit patterns (ties to even) in i32 lanes. */
export function pushStoredHalf(f: FunctionBuilder, dtype: Half): void {
  if (dtype === "bf16") pushBf16(f);
  else pushF16(f);
}

function pushBf16(f: FunctionBuilder): void {
  const x = f.local("v128");
  f.tee(x).get(x).i32(16).emit("i32x4.shr_u");
  splat(f, 1);
  f.emit("v128.and", "i32x4.add");
  splat(f, 0x7fff);
  f.emit("i32x4.add").i32(16).emit("i32x4.shr_u");
  splat(f, 0x7fc0);
  f.get(x).get(x).emit("f32x4.eq", "v128.bitselect");
  f.release(x);
}

function pushF16(f: FunctionBuilder): void {
  const [x, a, result] = f.locals("v128", 3);
  f.tee(x).emit("f32x4.abs").set(a);
  // Normal: round the mantissa to 10 bits and rebias the exponent.
  f.get(a).get(a).i32(13).emit("i32x4.shr_u");
  splat(f, 1);
  f.emit("v128.and", "i32x4.add");
  splat(f, 0xfff - (112 << 23));
  f.emit("i32x4.add").i32(13).emit("i32x4.shr_u");
  // Denormal: adding 1/2 rounds to the spacing of f16 denormals.
  f.get(a);
  splat(f, 0x3f000000);
  f.emit("f32x4.add");
  splat(f, 0x3f000000);
  f.emit("i32x4.sub");
  f.get(a);
  splat(f, 0x38800000);
  f.emit("f32x4.ge", "v128.bitselect").set(result);
  splat(f, 0x7c00);
  f.get(result).get(a);
  splat(f, 0x477ff000);
  f.emit("f32x4.ge", "v128.bitselect").set(result);
  f.get(result);
  splat(f, 0x7e00);
  f.get(x).get(x).emit("f32x4.eq", "v128.bitselect");
  f.get(x).i32(16).emit("i32x4.shr_u");
  splat(f, 0x8000);
  f.emit("v128.and", "v128.or");
  f.release(x, a, result);
}
