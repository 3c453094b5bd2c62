/**
 * What generated CUDA C is built on, in two parts. The first needs the device: PTX, intrinsics,
 * barriers. The second is C99 over the first, so that a test can run kernels on a CPU with a first
 * part of its own.
 *
 * In registers f16 and bf16 are `float`, i8 and bool are `int`, u8 is `u32`. Names end in the
 * register type, or in the dtype where it is about memory or rounding.
 */

/** Line after the device's part, for those who exchange it. */
export const deviceEnd = "/* The device's part ends here. */";

/** PTX and intrinsics. No CUDA header is included, so none has to be installed. */
export const devicePrelude: string = String.raw`
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
typedef signed char i8;
typedef unsigned char u8;
typedef struct __align__(8) { u32 x, y; } v8;
typedef struct __align__(16) { u32 x, y, z, w; } v16;

#define DEVICE static __device__ __forceinline__
#define INF_F32 __int_as_float(0x7f800000)
#define NAN_F32 __int_as_float(0x7fffffff)
#define INF_F64 __longlong_as_double(0x7ff0000000000000ll)
#define NAN_F64 __longlong_as_double(0x7ff8000000000000ll)

DEVICE int thread_index(void) { return (int)threadIdx.x; }
DEVICE int thread_count(void) { return (int)blockDim.x; }
DEVICE void barrier(void) { __syncthreads(); }

DEVICE u32 bits_f32(float x) { return __float_as_uint(x); }
DEVICE float from_bits_f32(u32 x) { return __uint_as_float(x); }

DEVICE float shuffle_xor_f32(float x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE double shuffle_xor_f64(double x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE int shuffle_xor_i32(int x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE u32 shuffle_xor_u32(u32 x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }

DEVICE int compare_and_swap(int *at, int expected, int value) {
  return atomicCAS(at, expected, value);
}

/* Memory nobody writes while the kernel runs. */
DEVICE u8 read_v1(const void *at) {
  u32 x;
  asm("ld.global.nc.u8 %0, [%1];" : "=r"(x) : "l"(at));
  return (u8)x;
}
DEVICE u16 read_v2(const void *at) {
  u16 x;
  asm("ld.global.nc.u16 %0, [%1];" : "=h"(x) : "l"(at));
  return x;
}
DEVICE u32 read_v4(const void *at) {
  u32 x;
  asm("ld.global.nc.u32 %0, [%1];" : "=r"(x) : "l"(at));
  return x;
}
DEVICE v8 read_v8(const void *at) {
  v8 x;
  asm("ld.global.nc.v2.u32 {%0, %1}, [%2];" : "=r"(x.x), "=r"(x.y) : "l"(at));
  return x;
}
DEVICE v16 read_v16(const void *at) {
  v16 x;
  asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w)
      : "l"(at));
  return x;
}

/* Products are never joined with a sum: fusing kernels must not change bits. */
DEVICE float mul_f32(float a, float b) { return __fmul_rn(a, b); }
DEVICE double mul_f64(double a, double b) { return __dmul_rn(a, b); }
DEVICE float fma_f32(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DEVICE double fma_f64(double a, double b, double c) { return __fma_rn(a, b, c); }

/* NaN wins, and +0 is more than -0. */
#if __CUDA_ARCH__ >= 800
DEVICE float max_f32(float a, float b) {
  float x;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(x) : "f"(a), "f"(b));
  return x;
}
DEVICE float min_f32(float a, float b) {
  float x;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(x) : "f"(a), "f"(b));
  return x;
}
#else
DEVICE float max_f32(float a, float b) {
  if (a != a || b != b) return a + b;
  if (a == b) return __int_as_float(__float_as_int(a) & __float_as_int(b));
  return a > b ? a : b;
}
DEVICE float min_f32(float a, float b) {
  if (a != a || b != b) return a + b;
  if (a == b) return __int_as_float(__float_as_int(a) | __float_as_int(b));
  return a < b ? a : b;
}
#endif

DEVICE float value_bf16(u16 bits) { return __uint_as_float((u32)bits << 16); }
#if __CUDA_ARCH__ >= 800
DEVICE u16 bits_bf16(float x) {
  u16 bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}
/* Two values in one word, the first in the low half. */
DEVICE u32 pair_bf16(float low, float high) {
  u32 bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}
#else
DEVICE u16 bits_bf16(float x) {
  const u32 bits = __float_as_uint(x);
  return x != x ? (u16)0x7fff : (u16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
DEVICE u32 pair_bf16(float low, float high) {
  return (u32)bits_bf16(low) | (u32)bits_bf16(high) << 16;
}
#endif
DEVICE float value_f16(u16 bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}
DEVICE u16 bits_f16(float x) {
  u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}
#if __CUDA_ARCH__ >= 800
DEVICE u32 pair_f16(float low, float high) {
  u32 bits;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}
#else
DEVICE u32 pair_f16(float low, float high) {
  return (u32)bits_f16(low) | (u32)bits_f16(high) << 16;
}
#endif

/* Truncates; out of range saturates, NaN is 0. */
DEVICE int i32_from_f32(float x) { return x != x ? 0 : __float2int_rz(x); }
DEVICE u32 u32_from_f32(float x) { return x != x ? 0 : __float2uint_rz(x); }
DEVICE int i32_from_f64(double x) { return x != x ? 0 : __double2int_rz(x); }
DEVICE u32 u32_from_f64(double x) { return x != x ? 0 : __double2uint_rz(x); }

DEVICE float abs_f32(float x) { return fabsf(x); }
DEVICE float floor_f32(float x) { return floorf(x); }
DEVICE float ceil_f32(float x) { return ceilf(x); }
DEVICE float trunc_f32(float x) { return truncf(x); }
DEVICE float round_f32(float x) { return rintf(x); }
DEVICE float sqrt_f32(float x) { return __fsqrt_rn(x); }
DEVICE float div_f32(float a, float b) { return __fdiv_rn(a, b); }
/* Within two ulp over the full range. */
DEVICE float div_full_f32(float a, float b) {
  float x;
  asm("div.full.f32 %0, %1, %2;" : "=f"(x) : "f"(a), "f"(b));
  return x;
}
DEVICE float exp_f32(float x) { return expf(x); }
DEVICE float expm1_f32(float x) { return expm1f(x); }
DEVICE float log_f32(float x) { return logf(x); }
DEVICE float log1p_f32(float x) { return log1pf(x); }
DEVICE float sin_f32(float x) { return sinf(x); }
DEVICE float cos_f32(float x) { return cosf(x); }
DEVICE float tanh_f32(float x) { return tanhf(x); }
DEVICE float erf_f32(float x) { return erff(x); }
DEVICE float rem_f32(float a, float b) { return fmodf(a, b); }
DEVICE float pow_f32(float a, float b) { return powf(a, b); }
DEVICE double abs_f64(double x) { return fabs(x); }
DEVICE double floor_f64(double x) { return floor(x); }
DEVICE double ceil_f64(double x) { return ceil(x); }
DEVICE double trunc_f64(double x) { return trunc(x); }
DEVICE double round_f64(double x) { return rint(x); }
DEVICE double sqrt_f64(double x) { return __dsqrt_rn(x); }
DEVICE double div_f64(double a, double b) { return __ddiv_rn(a, b); }
DEVICE double exp_f64(double x) { return exp(x); }
DEVICE double expm1_f64(double x) { return expm1(x); }
DEVICE double log_f64(double x) { return log(x); }
DEVICE double log1p_f64(double x) { return log1p(x); }
DEVICE double sin_f64(double x) { return sin(x); }
DEVICE double cos_f64(double x) { return cos(x); }
DEVICE double tanh_f64(double x) { return tanh(x); }
DEVICE double erf_f64(double x) { return erf(x); }
DEVICE double rem_f64(double a, double b) { return fmod(a, b); }
DEVICE double pow_f64(double a, double b) { return pow(a, b); }

/*
 * c += a * b over all lanes of a warp, 16 x 8 with an inner dim of 16; elements lie in the lanes'
 * registers as PTX says, two in a word of a and b.
 */
#define MMA_M16N8K16(name, type) \
  DEVICE void name(float *c, const u32 *a, const u32 *b) { \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type ".f32 " \
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])); \
  }
MMA_M16N8K16(mma_m16n8k16_f16, "f16")
MMA_M16N8K16(mma_m16n8k16_bf16, "bf16")

/* Four matrices of 8 x 8 two-byte elements out of shared memory: lane 8 i + r names row r of
   matrix i; each lane gets elements 2 (lane % 4) and the next of row lane / 4, or of the column. */
DEVICE void load_matrix_x4(u32 *x, const void *row) {
  const u32 at = (u32)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(at) : "memory");
}
DEVICE void load_matrix_x4_transposed(u32 *x, const void *row) {
  const u32 at = (u32)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(at) : "memory");
}

/* 16 bytes from global to shared memory while the thread goes on; zeros unless exists. Copies up to
   a commit are a group; wait_0 waits for all groups of the thread, wait_1 for all but the last. */
DEVICE void copy_async_v16(void *to, const void *from, int exists) {
  const u32 at = (u32)__cvta_generic_to_shared(to);
  const int bytes = exists ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :: "r"(at), "l"(from), "r"(bytes) : "memory");
}
DEVICE void copy_async_commit(void) { asm volatile("cp.async.commit_group;" ::: "memory"); }
DEVICE void copy_async_wait_0(void) { asm volatile("cp.async.wait_group 0;" ::: "memory"); }
DEVICE void copy_async_wait_1(void) { asm volatile("cp.async.wait_group 1;" ::: "memory"); }

/* 2 to the x, to about 2 ulp; below the normal numbers 0. */
DEVICE float exp2_approx_f32(float x) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}

/* exp of what is not positive; below the normal numbers it is 0. */
DEVICE float exp_non_positive_f32(float x) {
  const float high = __fmul_rn(x, 1.44269502162933349609375f);
  const float low = __fmaf_rn(x, 1.44269502162933349609375f, -high);
  const float rest = __fmaf_rn(x, 1.92596299112661746887e-8f, low);
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(high));
  const float scale = __fmul_rn(rest, 0.693147182464599609375f);
  return x < -87.3365402f ? 0.0f : __fmaf_rn(power, scale, power);
}
${deviceEnd}
`;

type RegisterType = "f32" | "f64" | "i32" | "u32";

const cTypes: Readonly<Record<RegisterType, string>> = {
  f32: "float",
  f64: "double",
  i32: "int",
  u32: "u32",
};

/** C99 over the device's part: integers, casts, vectors of elements, random bits. */
const plainPart: string = String.raw`
DEVICE double max_f64(double a, double b) {
  if (a != a || b != b) return a + b;
  if (a == b) return a == 0.0 ? a + b : a;
  return a > b ? a : b;
}
DEVICE double min_f64(double a, double b) {
  if (a != a || b != b) return a + b;
  if (a == b) return a == 0.0 ? -(-a - b) : a;
  return a < b ? a : b;
}
DEVICE float sign_f32(float x) { return (float)((x > 0.0f) - (x < 0.0f)); }
DEVICE double sign_f64(double x) { return (double)((x > 0.0) - (x < 0.0)); }

DEVICE float round_bf16(float x) { return value_bf16(bits_bf16(x)); }
DEVICE float round_f16(float x) { return value_f16(bits_f16(x)); }

/* Integers wrap; x / 0 and x % 0 are 0; shifts take the low five bits of the amount. */
DEVICE int add_i32(int a, int b) { return (int)((u32)a + (u32)b); }
DEVICE int sub_i32(int a, int b) { return (int)((u32)a - (u32)b); }
DEVICE int mul_i32(int a, int b) { return (int)((u32)a * (u32)b); }
DEVICE int neg_i32(int a) { return (int)(0u - (u32)a); }
DEVICE int abs_i32(int a) { return a < 0 ? neg_i32(a) : a; }
DEVICE int sign_i32(int a) { return (a > 0) - (a < 0); }
DEVICE int div_i32(int a, int b) { return b == 0 ? 0 : b == -1 ? neg_i32(a) : a / b; }
DEVICE int rem_i32(int a, int b) { return b == 0 || b == -1 ? 0 : a % b; }
DEVICE int shl_i32(int a, int b) { return (int)((u32)a << (b & 31)); }
DEVICE int shr_i32(int a, int b) { return a >> (b & 31); }
DEVICE int max_i32(int a, int b) { return a > b ? a : b; }
DEVICE int min_i32(int a, int b) { return a < b ? a : b; }
DEVICE u32 add_u32(u32 a, u32 b) { return a + b; }
DEVICE u32 mul_u32(u32 a, u32 b) { return a * b; }
DEVICE u32 div_u32(u32 a, u32 b) { return b == 0 ? 0 : a / b; }
DEVICE u32 rem_u32(u32 a, u32 b) { return b == 0 ? 0 : a % b; }
DEVICE u32 shl_u32(u32 a, u32 b) { return a << (b & 31); }
DEVICE u32 shr_u32(u32 a, u32 b) { return a >> (b & 31); }
DEVICE u32 max_u32(u32 a, u32 b) { return a > b ? a : b; }
DEVICE u32 min_u32(u32 a, u32 b) { return a < b ? a : b; }
DEVICE int wrap_i8(int a) { return (int)(i8)(u8)((u32)a & 255u); }
DEVICE u32 wrap_u8(u32 a) { return a & 255u; }
DEVICE int clamp_i8(int a) { return max_i32(-128, min_i32(a, 127)); }
DEVICE u32 clamp_u8(int a) { return (u32)max_i32(0, min_i32(a, 255)); }
DEVICE float add_f32(float a, float b) { return a + b; }
DEVICE double add_f64(double a, double b) { return a + b; }

/* An index below size; another one is noted in the error words and read as 0. */
DEVICE int checked_index(int index, int size, int *errors) {
  if ((u32)index < (u32)size) return index;
  if (compare_and_swap(errors, 0, size > 0 ? size : 1) == 0) errors[1] = index;
  return 0;
}
DEVICE int safe_index(int index, int size) { return (u32)index < (u32)size ? index : 0; }

/* Eight 16-bit elements, a stride apart in memory, of which the first ones are there; else 0. */
DEVICE u32 gather_2_v2(const u16 *at, i64 stride, int count) {
  const u32 low = count > 0 ? *at : 0, high = count > 1 ? at[stride] : 0;
  return low | high << 16;
}
DEVICE v16 gather_8_v2(const u16 *at, i64 stride, int count) {
  v16 x;
  x.x = gather_2_v2(at, stride, count);
  x.y = gather_2_v2(at + 2 * stride, stride, count - 2);
  x.z = gather_2_v2(at + 4 * stride, stride, count - 4);
  x.w = gather_2_v2(at + 6 * stride, stride, count - 6);
  return x;
}
DEVICE void scatter_8_v2(u16 *at, int stride, v16 x) {
  at[0] = (u16)x.x; at[stride] = (u16)(x.x >> 16);
  at[2 * stride] = (u16)x.y; at[3 * stride] = (u16)(x.y >> 16);
  at[4 * stride] = (u16)x.z; at[5 * stride] = (u16)(x.z >> 16);
  at[6 * stride] = (u16)x.w; at[7 * stride] = (u16)(x.w >> 16);
}

/* First word of Threefry-2x32 with 20 rounds of the counter (counter, 0). */
DEVICE u32 threefry(u32 key0, u32 key1, u32 counter) {
  const u32 key2 = key0 ^ key1 ^ 0x1bd11bdau;
  u32 x = counter + key0, y = key1;
#define MIX(r) x += y; y = ((y << r) | (y >> (32 - r))) ^ x;
  MIX(13) MIX(15) MIX(26) MIX(6)
  x += key1; y += key2 + 1u;
  MIX(17) MIX(29) MIX(16) MIX(24)
  x += key2; y += key0 + 2u;
  MIX(13) MIX(15) MIX(26) MIX(6)
  x += key0; y += key1 + 3u;
  MIX(17) MIX(29) MIX(16) MIX(24)
  x += key1; y += key2 + 4u;
  MIX(13) MIX(15) MIX(26) MIX(6)
  x += key2; y += key0 + 5u;
#undef MIX
  return x;
}
`;

type Word = "v1" | "v2" | "v4" | "v8" | "v16";

const wordTypes: Readonly<Record<Word, string>> = {
  v1: "u8",
  v2: "u16",
  v4: "u32",
  v8: "v8",
  v16: "v16",
};

/** `load_v…` and `store_v…`: the same as read_v…, of memory that may change. */
function memoryPart(): string {
  const words: readonly Word[] = ["v1", "v2", "v4", "v8", "v16"];
  return words
    .map((word) => {
      const type = wordTypes[word];
      return (
        `DEVICE ${type} load_${word}(const void *at) { return *(const ${type} *)at; }\n` +
        `DEVICE void store_${word}(void *at, ${type} x) { *(${type} *)at = x; }\n`
      );
    })
    .join("");
}

interface Storage {
  readonly register: RegisterType;
  readonly bytes: 1 | 2 | 4 | 8;
  /** Value of an element of the low bits of a u32 (two words for f64). */
  readonly decode: (word: string) => string;
  readonly encode: (value: string) => string;
}

const storages: Readonly<Record<string, Storage>> = {
  f32: {
    register: "f32",
    bytes: 4,
    decode: (w) => `from_bits_f32(${w})`,
    encode: (v) => `bits_f32(${v})`,
  },
  i32: { register: "i32", bytes: 4, decode: (w) => `(int)${w}`, encode: (v) => `(u32)${v}` },
  u32: { register: "u32", bytes: 4, decode: (w) => w, encode: (v) => v },
  f16: {
    register: "f32",
    bytes: 2,
    decode: (w) => `value_f16((u16)(${w}))`,
    encode: (v) => `(u32)bits_f16(${v})`,
  },
  bf16: {
    register: "f32",
    bytes: 2,
    decode: (w) => `value_bf16((u16)(${w}))`,
    encode: (v) => `(u32)bits_bf16(${v})`,
  },
  i8: {
    register: "i32",
    bytes: 1,
    decode: (w) => `(int)(i8)(u8)(${w})`,
    encode: (v) => `((u32)${v} & 255u)`,
  },
  u8: {
    register: "u32",
    bytes: 1,
    decode: (w) => `(u32)(u8)(${w})`,
    encode: (v) => `(${v} & 255u)`,
  },
  bool: {
    register: "i32",
    bytes: 1,
    decode: (w) => `(int)(u8)(${w})`,
    encode: (v) => `((u32)${v} & 255u)`,
  },
};

const fields = ["x", "y", "z", "w"] as const;

/** Name of the word that holds `bytes` bytes. */
function wordOf(bytes: number): Word {
  return `v${bytes}` as Word;
}

/** `unpack4_bf16(float *v, v8 x)` and `v8 pack4_bf16(const float *v)`, for one width. */
function vectorFunctions(dtype: string, width: number): string {
  const { register, bytes, decode, encode } = storages[dtype];
  const type = cTypes[register];
  const total = width * bytes;
  const word = wordOf(total);
  const perWord = total < 4 ? width : 4 / bytes;
  const unpack: string[] = [];
  const pack: string[] = [];
  for (let at = 0; at < width; at += perWord) {
    const place = total <= 4 ? "x" : `x.${fields[at / perWord]}`;
    const parts: string[] = [];
    for (let i = 0; i < perWord; i++) {
      const shifted = i === 0 ? place : `${place} >> ${8 * bytes * i}`;
      unpack.push(`  v[${at + i}] = ${decode(shifted)};`);
      const encoded = encode(`v[${at + i}]`);
      parts.push(i === 0 ? encoded : `${encoded} << ${8 * bytes * i}`);
    }
    const pair = bytes === 2 && perWord === 2;
    const joined = pair ? `pair_${dtype}(v[${at}], v[${at + 1}])` : parts.join(" | ");
    pack.push(`  ${place} = ${total < 4 ? `(${wordTypes[word]})(${joined})` : joined};`);
  }
  return (
    `DEVICE void unpack${width}_${dtype}(${type} *v, ${wordTypes[word]} x) {\n` +
    `${unpack.join("\n")}\n}\n` +
    `DEVICE ${wordTypes[word]} pack${width}_${dtype}(const ${type} *v) {\n` +
    `  ${wordTypes[word]} x;\n${pack.join("\n")}\n  return x;\n}\n`
  );
}

/** One element: `read_bf16(at)`, `load_bf16(at)`, `store_bf16(at, value)`. */
function scalarFunctions(dtype: string): string {
  const { register, bytes, decode, encode } = storages[dtype];
  const type = cTypes[register];
  const word = wordOf(bytes);
  return (
    `DEVICE ${type} read_${dtype}(const void *at) { return ${decode(`read_${word}(at)`)}; }\n` +
    `DEVICE ${type} load_${dtype}(const void *at) { return ${decode(`load_${word}(at)`)}; }\n` +
    `DEVICE void store_${dtype}(void *at, ${type} v) ` +
    `{ store_${word}(at, (${wordTypes[word]})(${encode("v")})); }\n`
  );
}

const doublePart: string = String.raw`
DEVICE double load_f64(const void *at) { return *(const double *)at; }
DEVICE double read_f64(const void *at) { return *(const double *)at; }
DEVICE void store_f64(void *at, double v) { *(double *)at = v; }
typedef union {
  v16 words;
  double values[2];
} pair_f64;
DEVICE void unpack2_f64(double *v, v16 x) {
  pair_f64 both;
  both.words = x;
  v[0] = both.values[0];
  v[1] = both.values[1];
}
DEVICE v16 pack2_f64(const double *v) {
  pair_f64 both;
  both.values[0] = v[0];
  both.values[1] = v[1];
  return both.words;
}
`;

/** Elements a 16-byte vector can hold, by dtype. */
function elementsPart(): string {
  const parts: string[] = [];
  for (const [dtype, { bytes }] of Object.entries(storages)) {
    parts.push(scalarFunctions(dtype));
    for (let width = 2; width * bytes <= 16 && width <= 8; width *= 2) {
      parts.push(vectorFunctions(dtype, width));
    }
  }
  return parts.join("") + doublePart;
}

/**
 * Reductions of a value over threads, in a fixed order. `warp_…` over groups of `size` neighbours
 * within a warp (a power of two); `block_…` over all threads of the block, through 32 elements of
 * shared memory; `column_…` over threads r, r + rows, r + 2 · rows …, `groups` of them (a power of
 * two), for `lanes` values each, through threads · lanes elements.
 */
function reductionFunctions(op: string, register: RegisterType, identity: string): string {
  const type = cTypes[register];
  const combine = (a: string, b: string): string =>
    `${op === "sum" ? "add" : op === "prod" ? "mul" : op}_${register}(${a}, ${b})`;
  return `
DEVICE ${type} warp_${op}_${register}(${type} x, int size) {
  for (int step = size / 2; step > 0; step /= 2)
    x = ${combine("x", `shuffle_xor_${register}(x, step)`)};
  return x;
}
DEVICE ${type} block_${op}_${register}(${type} x, void *memory) {
  ${type} *shared = (${type} *)memory;
  const int lane = thread_index() & 31, warps = thread_count() / 32;
  x = warp_${op}_${register}(x, 32);
  if (lane == 0) shared[thread_index() / 32] = x;
  barrier();
  return warp_${op}_${register}(lane < warps ? shared[lane] : ${identity}, 32);
}
DEVICE void column_${op}_${register}(${type} *x, int lanes, void *memory, int rows, int groups) {
  ${type} *shared = (${type} *)memory;
  const int thread = thread_index(), threads = rows * groups;
  for (int lane = 0; lane < lanes; lane++) shared[lane * threads + thread] = x[lane];
  barrier();
  for (int half = groups / 2; half > 0; half /= 2) {
    if (thread < half * rows)
      for (int lane = 0; lane < lanes; lane++) {
        ${type} *at = shared + lane * threads + thread;
        *at = ${combine("*at", "at[half * rows]")};
      }
    barrier();
  }
  for (int lane = 0; lane < lanes; lane++) x[lane] = shared[lane * threads + thread % rows];
  barrier();
}
`;
}

/** Value that changes nothing when it is reduced, as C. */
export function identityText(op: string, register: RegisterType): string {
  const isFloat = register === "f32" || register === "f64";
  if (op === "sum" || op === "prod") {
    const value = op === "sum" ? "0" : "1";
    return isFloat ? `${value}.0${register === "f32" ? "f" : ""}` : value;
  }
  if (isFloat) return `${op === "max" ? "-" : ""}INF_${register.toUpperCase()}`;
  if (register === "u32") return op === "max" ? "0u" : "4294967295u";
  return op === "max" ? "(-2147483647 - 1)" : "2147483647";
}

function reductionsPart(): string {
  const parts: string[] = [];
  for (const register of ["f32", "f64", "i32", "u32"] as const) {
    for (const op of ["sum", "prod", "max", "min"]) {
      parts.push(reductionFunctions(op, register, identityText(op, register)));
    }
  }
  return parts.join("");
}

/** Everything that is built on the device's part, in C99. */
const plainPrelude: string = [plainPart, memoryPart(), elementsPart(), reductionsPart()].join("\n");

/** All that kernels may use. */
export const cudaPrelude: string = `${devicePrelude}${plainPrelude}`;
