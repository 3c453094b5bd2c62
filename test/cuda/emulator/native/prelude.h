/*
 * The device's part of the kernels' prelude, in C: emulator.ts puts this in front of a unit instead
 * of `devicePrelude` of src/compiler/cuda/prelude.ts.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
typedef signed char i8;
typedef unsigned char u8;
typedef struct { u32 x, y; } v8;
typedef struct { u32 x, y, z, w; } v16;

struct emu_dim { u32 x, y, z; };
struct emu_api {
  struct emu_dim thread, block, block_dim, grid_dim;
  char *shared;
  u32 serial;
  int (*barrier)(int value);
  const char *(*exchange)(u32 mask, const void *mine, int bytes);
  void (*fail)(const char *message);
};
static struct emu_api *emu;
#ifdef EMU_SHARED
static char *shared; /* dynamic shared memory, the same for every launch */
#endif
void emu_bind(struct emu_api *api) {
  emu = api;
#ifdef EMU_SHARED
  shared = api->shared;
#endif
}

#define DEVICE static inline
#define __device__
#define __host__
#define __global__
#define __constant__
#define __forceinline__
#define __noinline__
#define __inline__
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
/* Blocks run one after the other, so what they share may be static. */
#define __shared__ static

#define threadIdx (emu->thread)
#define blockIdx (emu->block)
#define blockDim (emu->block_dim)
#define gridDim (emu->grid_dim)
#define warpSize 32
#define __syncthreads() ((void)emu->barrier(0))
#define __syncthreads_count(x) emu->barrier((x) != 0)
#define __syncthreads_or(x) (emu->barrier((x) != 0) != 0)
#define __threadfence() ((void)0)
#define __threadfence_block() ((void)0)
#define __trap() emu->fail("__trap")

/* ---- warps */
static inline void __syncwarp(u32 mask) {
  char nothing = 0;
  emu->exchange(mask, &nothing, 1);
}
#define EMU_SHUFFLE(T, name) \
  static inline T emu_shuffle_##name(u32 mask, T x, int lane) { \
    return *(const T *)(emu->exchange(mask, &x, sizeof x) + 64 * (lane & 31)); \
  }
EMU_SHUFFLE(float, f32)
EMU_SHUFFLE(double, f64)
EMU_SHUFFLE(int, i32)
EMU_SHUFFLE(u32, u32)
EMU_SHUFFLE(u64, u64)
EMU_SHUFFLE(i64, i64)
#define emu_lane ((int)(threadIdx.x & 31))
#define EMU_TYPED(name, x) \
  _Generic((x), float: name##_f32, double: name##_f64, int: name##_i32, u32: name##_u32, \
           u64: name##_u64, i64: name##_i64)
#define EMU_WITHIN(to) ((to) < 0 || (to) > 31 ? emu_lane : (to))
#define __shfl_sync(mask, x, lane) EMU_TYPED(emu_shuffle, x)(mask, x, lane)
#define __shfl_xor_sync(mask, x, bits) EMU_TYPED(emu_shuffle, x)(mask, x, emu_lane ^ (bits))
#define __shfl_down_sync(mask, x, by) EMU_TYPED(emu_shuffle, x)(mask, x, EMU_WITHIN(emu_lane + (int)(by)))
#define __shfl_up_sync(mask, x, by) EMU_TYPED(emu_shuffle, x)(mask, x, EMU_WITHIN(emu_lane - (int)(by)))
static inline u32 __ballot_sync(u32 mask, int value) {
  const char *all = emu->exchange(mask, &value, 4);
  u32 bits = 0;
  for (int i = 0; i < 32; i++)
    if ((mask >> i & 1) && *(const int *)(all + 64 * i) != 0) bits |= 1u << i;
  return bits;
}
#define __any_sync(mask, value) (__ballot_sync(mask, value) != 0)
#define __all_sync(mask, value) (__ballot_sync(mask, (value) == 0) == 0)
#define __activemask() 0xffffffffu

/* ---- atomics: threads change places at barriers only */
#define EMU_ATOMIC(at, change) ({ __typeof__(*(at)) emu_old = *(at); change; emu_old; })
#define atomicAdd(at, v) EMU_ATOMIC(at, *(at) += (v))
#define atomicSub(at, v) EMU_ATOMIC(at, *(at) -= (v))
#define atomicOr(at, v) EMU_ATOMIC(at, *(at) |= (v))
#define atomicAnd(at, v) EMU_ATOMIC(at, *(at) &= (v))
#define atomicXor(at, v) EMU_ATOMIC(at, *(at) ^= (v))
#define atomicMax(at, v) EMU_ATOMIC(at, *(at) = emu_old > (v) ? emu_old : (v))
#define atomicMin(at, v) EMU_ATOMIC(at, *(at) = emu_old < (v) ? emu_old : (v))
#define atomicExch(at, v) EMU_ATOMIC(at, *(at) = (v))
#define atomicCAS(at, expected, v) EMU_ATOMIC(at, if (emu_old == (expected)) *(at) = (v))

/* ---- bits and rounding */
static inline u32 emu_bits_f32(float x) { u32 b; memcpy(&b, &x, 4); return b; }
static inline float emu_from_f32(u32 b) { float x; memcpy(&x, &b, 4); return x; }
static inline u64 emu_bits_f64(double x) { u64 b; memcpy(&b, &x, 8); return b; }
static inline double emu_from_f64(u64 b) { double x; memcpy(&x, &b, 8); return x; }
#define __float_as_uint(x) emu_bits_f32(x)
#define __float_as_int(x) ((int)emu_bits_f32(x))
#define __uint_as_float(x) emu_from_f32(x)
#define __int_as_float(x) emu_from_f32((u32)(x))
#define __double_as_longlong(x) ((i64)emu_bits_f64(x))
#define __longlong_as_double(x) emu_from_f64((u64)(x))
#define __fmul_rn(a, b) ((float)(a) * (float)(b))
#define __fadd_rn(a, b) ((float)(a) + (float)(b))
#define __fsub_rn(a, b) ((float)(a) - (float)(b))
#define __fmaf_rn(a, b, c) fmaf(a, b, c)
#define __dmul_rn(a, b) ((double)(a) * (double)(b))
#define __dadd_rn(a, b) ((double)(a) + (double)(b))
#define __fma_rn(a, b, c) fma(a, b, c)
#define __expf(x) expf(x)
#define __logf(x) logf(x)
#define __fdividef(a, b) ((a) / (b))
#define rsqrtf(x) (1.0f / sqrtf(x))
#define __ldg(at) (*(at))
static inline u32 __umulhi(u32 a, u32 b) { return (u32)(((u64)a * b) >> 32); }
static inline int __clz(u32 x) { int n = 0; while (n < 32 && !(x >> 31)) { x <<= 1; n++; } return n; }
static inline int __popc(u32 x) { int n = 0; for (; x; x &= x - 1) n++; return n; }
static inline int __ffs(u32 x) { for (int i = 0; i < 32; i++) if (x >> i & 1) return i + 1; return 0; }
#define max(a, b) ({ __typeof__(a) ma = (a); __typeof__(b) mb = (b); ma > mb ? ma : mb; })
#define min(a, b) ({ __typeof__(a) ma = (a); __typeof__(b) mb = (b); ma < mb ? ma : mb; })

static inline float emu_from_f16(u16 h) {
  u32 sign = (u32)(h & 0x8000) << 16, size = h & 0x7fff;
  if (size >= 0x7c00) return emu_from_f32(sign | 0x7f800000u | (size & 0x3ff) << 13);
  if (size < 0x0400) return emu_from_f32(sign | emu_bits_f32((float)size * 0x1p-24f));
  return emu_from_f32(sign | ((size << 13) + 0x38000000u));
}
static inline u16 emu_to_f16(float x) {
  u32 bits = emu_bits_f32(x), size = bits & 0x7fffffff;
  u16 sign = (u16)(bits >> 16 & 0x8000);
  if (size > 0x7f800000u) return 0x7fff;
  if (size >= 0x477ff000u) return sign | 0x7c00;
  if (size < 0x38800000u) return sign | (u16)rintf(emu_from_f32(size) * 0x1p24f);
  return sign | (u16)((size - 0x38000000u + 0xfff + (size >> 13 & 1)) >> 13);
}
static inline u16 emu_to_bf16(float x) {
  u32 bits = emu_bits_f32(x);
  if ((bits & 0x7fffffff) > 0x7f800000u) return 0x7fff;
  return (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* ---- the names of devicePrelude */
#define INF_F32 emu_from_f32(0x7f800000u)
#define NAN_F32 emu_from_f32(0x7fffffffu)
#define INF_F64 emu_from_f64(0x7ff0000000000000ull)
#define NAN_F64 emu_from_f64(0x7ff8000000000000ull)

DEVICE int thread_index(void) { return (int)threadIdx.x; }
DEVICE int thread_count(void) { return (int)blockDim.x; }
DEVICE void barrier(void) { __syncthreads(); }
DEVICE u32 bits_f32(float x) { return emu_bits_f32(x); }
DEVICE float from_bits_f32(u32 x) { return emu_from_f32(x); }
DEVICE float shuffle_xor_f32(float x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE double shuffle_xor_f64(double x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE int shuffle_xor_i32(int x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE u32 shuffle_xor_u32(u32 x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE int compare_and_swap(int *at, int expected, int value) { return atomicCAS(at, expected, value); }

/* Devices refuse addresses that are no multiple of the access' size. */
static inline const void *emu_aligned(const void *at, u64 bytes) {
  if (((u64)at & (bytes - 1)) != 0) emu->fail("a misaligned access");
  return at;
}
DEVICE u8 read_v1(const void *at) { return *(const u8 *)at; }
DEVICE u16 read_v2(const void *at) { return *(const u16 *)emu_aligned(at, 2); }
DEVICE u32 read_v4(const void *at) { return *(const u32 *)emu_aligned(at, 4); }
DEVICE v8 read_v8(const void *at) { return *(const v8 *)emu_aligned(at, 8); }
DEVICE v16 read_v16(const void *at) { return *(const v16 *)emu_aligned(at, 16); }

DEVICE float mul_f32(float a, float b) { return a * b; }
DEVICE double mul_f64(double a, double b) { return a * b; }
DEVICE float fma_f32(float a, float b, float c) { return fmaf(a, b, c); }
DEVICE double fma_f64(double a, double b, double c) { return fma(a, b, c); }
DEVICE float max_f32(float a, float b) {
  if (a != a || b != b) return NAN_F32;
  if (a == b) return signbit(a) ? b : a;
  return a > b ? a : b;
}
DEVICE float min_f32(float a, float b) {
  if (a != a || b != b) return NAN_F32;
  if (a == b) return signbit(a) ? a : b;
  return a < b ? a : b;
}

DEVICE float value_bf16(u16 bits) { return emu_from_f32((u32)bits << 16); }
DEVICE u16 bits_bf16(float x) { return emu_to_bf16(x); }
DEVICE u32 pair_bf16(float low, float high) { return (u32)emu_to_bf16(low) | (u32)emu_to_bf16(high) << 16; }
DEVICE float value_f16(u16 bits) { return emu_from_f16(bits); }
DEVICE u16 bits_f16(float x) { return emu_to_f16(x); }
DEVICE u32 pair_f16(float low, float high) { return (u32)emu_to_f16(low) | (u32)emu_to_f16(high) << 16; }

DEVICE int i32_from_f64(double x) {
  if (x != x) return 0;
  return x >= 2147483647.0 ? 2147483647 : x <= -2147483648.0 ? -2147483647 - 1 : (int)x;
}
DEVICE u32 u32_from_f64(double x) {
  if (x != x) return 0;
  return x >= 4294967295.0 ? 4294967295u : x <= 0.0 ? 0u : (u32)(i64)x;
}
DEVICE int i32_from_f32(float x) { return i32_from_f64((double)x); }
DEVICE u32 u32_from_f32(float x) { return u32_from_f64((double)x); }

DEVICE float abs_f32(float x) { return fabsf(x); }
DEVICE float floor_f32(float x) { return floorf(x); }
DEVICE float ceil_f32(float x) { return ceilf(x); }
DEVICE float trunc_f32(float x) { return truncf(x); }
DEVICE float round_f32(float x) { return rintf(x); }
DEVICE float sqrt_f32(float x) { return sqrtf(x); }
DEVICE float div_f32(float a, float b) { return a / b; }
DEVICE float div_full_f32(float a, float b) { return a / b; }
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
DEVICE double sqrt_f64(double x) { return sqrt(x); }
DEVICE double div_f64(double a, double b) { return a / b; }
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
DEVICE float exp2_approx_f32(float x) {
  float power = exp2f(x);
  return power < 1.17549435e-38f ? 0.0f : power;
}

/* ---- matrices: fragments lie in the lanes' registers as PTX says */
typedef float (*emu_value)(u16 bits);
static inline float emu_part(const u32 *words, int i, emu_value value) {
  return value((u16)(words[i / 2] >> 16 * (i & 1)));
}
static inline void emu_mma(float *c, const u32 *a, const u32 *b, emu_value value) {
  u32 mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const char *all = emu->exchange(0xffffffffu, mine, sizeof mine);
  int group = emu_lane >> 2, pair = (emu_lane & 3) * 2;
  for (int i = 0; i < 4; i++) {
    int high = i / 2, column = pair + (i & 1);
    float sum = 0.0f;
    for (int k = 0; k < 16; k++) {
      const u32 *row = (const u32 *)(all + 64 * (group * 4 + (k & 7) / 2));
      const u32 *other = (const u32 *)(all + 64 * (column * 4 + (k & 7) / 2)) + 4;
      float x = emu_part(row + high + 2 * (k / 8), k & 1, value), y = emu_part(other + k / 8, k & 1, value);
      sum += x * y;
    }
    c[i] += sum;
  }
}
DEVICE void mma_m16n8k16_f16(float *c, const u32 *a, const u32 *b) { emu_mma(c, a, b, value_f16); }
DEVICE void mma_m16n8k16_bf16(float *c, const u32 *a, const u32 *b) { emu_mma(c, a, b, value_bf16); }
DEVICE void load_matrix_x4(u32 *x, const void *row) {
  const char *all = emu->exchange(0xffffffffu, emu_aligned(row, 16), 16);
  for (int i = 0; i < 4; i++) x[i] = ((const u32 *)(all + 64 * (8 * i + emu_lane / 4)))[emu_lane & 3];
}
DEVICE void load_matrix_x4_transposed(u32 *x, const void *row) {
  const char *all = emu->exchange(0xffffffffu, emu_aligned(row, 16), 16);
  for (int i = 0; i < 4; i++) {
    const char *at = all + 64 * (8 * i + (emu_lane & 3) * 2);
    x[i] = (u32)((const u16 *)at)[emu_lane / 4] | (u32)((const u16 *)(at + 64))[emu_lane / 4] << 16;
  }
}

/* Copies arrive when they are waited for, and not before. */
#define EMU_COPIES 96
static struct emu_copies {
  u32 serial;
  int count, group, groups[EMU_COPIES];
  v16 data[EMU_COPIES];
  void *to[EMU_COPIES];
} emu_copies[1024];
static inline struct emu_copies *emu_own_copies(void) {
  struct emu_copies *own = &emu_copies[threadIdx.x];
  if (own->serial != emu->serial) {
    own->serial = emu->serial;
    own->count = own->group = 0;
  }
  return own;
}
DEVICE void copy_async_v16(void *to, const void *from, int exists) {
  struct emu_copies *own = emu_own_copies();
  if (own->count == EMU_COPIES) emu->fail("more asynchronous copies than the emulator holds");
  v16 none = {0, 0, 0, 0};
  own->data[own->count] = exists ? *(const v16 *)emu_aligned(from, 16) : none;
  own->to[own->count] = (void *)emu_aligned(to, 16);
  own->groups[own->count++] = own->group;
}
DEVICE void copy_async_commit(void) { emu_own_copies()->group++; }
static inline void emu_finish_copies(int open) {
  struct emu_copies *own = emu_own_copies();
  int kept = 0;
  for (int i = 0; i < own->count; i++) {
    if (own->groups[i] < own->group - open) {
      *(v16 *)own->to[i] = own->data[i];
      continue;
    }
    own->groups[kept] = own->groups[i];
    own->data[kept] = own->data[i];
    own->to[kept++] = own->to[i];
  }
  own->count = kept;
}
DEVICE void copy_async_wait_0(void) { emu_finish_copies(0); }
DEVICE void copy_async_wait_1(void) { emu_finish_copies(1); }

DEVICE float exp_non_positive_f32(float x) { return x < -87.3365402f ? 0.0f : expf(x); }
