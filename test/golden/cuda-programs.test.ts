import { describe, expect, it } from "vitest";
import { compileProgram, cudaPrograms, programText } from "./cuda-programs.ts";

const text = (name: keyof typeof cudaPrograms): string =>
  programText(compileProgram(cudaPrograms[name]));

describe("programs as CUDA C", () => {
  it("three operands, elementwise", () => {
    expect(text("elementwise")).toMatchInlineSnapshot(`
      "
      tanh: k0, 4 × 256: 1024 input0 input1 input2 output0

      extern __shared__ __align__(16) char shared[];
      static __device__ __forceinline__ void f0(int count, const float *p0, const float *p1, const float *p2, float *p3, unsigned block) {
        const int thread = thread_index();
        u32 row = (u32)(block) * 256u + (u32)(thread);
        if (row >= (u32)count) return;
        const int i0 = (int)(row) * 4;
        float v0[4];
        unpack4_f32(v0, read_v16(p0 + i0));
        float v1[4];
        unpack4_f32(v1, read_v16(p1 + i0));
        float v2[4];
        unpack4_f32(v2, read_v16(p2 + i0));
        float y0[4];
      #pragma unroll
        for (int l = 0; l < 4; l++) {
          const float t0 = mul_f32(v0[l], v1[l]);
          const float t1 = (t0 + v2[l]);
          const float t2 = tanh_f32(t1);
          y0[l] = t2;
        }
        store_v16(p3 + i0, pack4_f32(y0));
      }
      typedef struct { u64 w[5]; } k0_words;
      extern "C" __global__ __launch_bounds__(256) void k0(const __grid_constant__ k0_words w) {
        unsigned b = blockIdx.x;
        {
          f0((int)w.w[0], (const float *)w.w[1], (const float *)w.w[2], (const float *)w.w[3], (float *)w.w[4], b);
        }
      }
      "
    `);
  });

  it("softmax of short rows", () => {
    expect(text("softmax")).toMatchInlineSnapshot(`
      "
      reduceMax_reduceSum_div: k0, 64 × 32: input0 output0

      extern __shared__ __align__(16) char shared[];
      static __device__ __forceinline__ void f0(const float *p0, float *p1, unsigned block) {
        const int thread = thread_index();
        const u32 member = (u32)(thread);
        u32 row = (u32)(block);
        const int i0 = (int)(row);
        float s1[4];
        v16 c0[1];
        float a0 = -INF_F32;
      #pragma unroll
        for (int k = 0; k < 1; k++) {
          const u32 item = (u32)k * 32u + member;
          if (item < 25u) {
            const int j0 = (int)(item) * 4;
            float v0[4];
            c0[k * 1] = read_v16(p0 + i0 * 100 + j0);
            unpack4_f32(v0, c0[k * 1]);
      #pragma unroll
            for (int l = 0; l < 4; l++) {
              a0 = max_f32(a0, v0[l]);
            }
          }
        }
        a0 = warp_max_f32(a0, 32);
        float a1 = 0.0f;
      #pragma unroll
        for (int k = 0; k < 1; k++) {
          const u32 item = (u32)k * 32u + member;
          if (item < 25u) {
            const int j0 = (int)(item) * 4;
            float v1[4];
            unpack4_f32(v1, c0[k * 1]);
      #pragma unroll
            for (int l = 0; l < 4; l++) {
              const float t0 = (v1[l] - a0);
              const float t1 = exp_non_positive_f32(t0);
              a1 = add_f32(a1, t1);
              s1[k * 4 + l] = t1;
            }
          }
        }
        a1 = warp_sum_f32(a1, 32);
      #pragma unroll
        for (int k = 0; k < 1; k++) {
          const u32 item = (u32)k * 32u + member;
          if (item < 25u) {
            const int j0 = (int)(item) * 4;
            float y0[4];
      #pragma unroll
            for (int l = 0; l < 4; l++) {
              const float t2 = s1[k * 4 + l];
              const float t3 = div_f32(t2, a1);
              y0[l] = t3;
            }
            store_v16(p1 + i0 * 100 + j0, pack4_f32(y0));
          }
        }
      }
      typedef struct { u64 w[2]; } k0_words;
      extern "C" __global__ __launch_bounds__(32) void k0(const __grid_constant__ k0_words w) {
        unsigned b = blockIdx.x;
        {
          f0((const float *)w.w[0], (float *)w.w[1], b);
        }
      }
      "
    `);
  });

  it("layer norm", () => {
    expect(text("layerNorm")).toMatchInlineSnapshot(`
      "
      reduceSum_reduceSum_sqrt_add: k0, 128 × 64: input0 input1 input2 output0

      extern __shared__ __align__(16) char shared[];
      static __device__ __forceinline__ void f0(const float *p0, const float *p1, const float *p2, float *p3, unsigned block) {
        const int thread = thread_index();
        const u32 member = (u32)(thread % 32);
        u32 row = (u32)(block) * 2u + (u32)(thread / 32);
        const int i0 = (int)(row);
        v16 c0[4];
        float a0 = 0.0f;
      #pragma unroll
        for (int k = 0; k < 4; k++) {
          const u32 item = (u32)k * 32u + member;
          const int j0 = (int)(item) * 4;
          float v0[4];
          c0[k * 1] = read_v16(p0 + i0 * 512 + j0);
          unpack4_f32(v0, c0[k * 1]);
      #pragma unroll
          for (int l = 0; l < 4; l++) {
            a0 = add_f32(a0, v0[l]);
          }
        }
        a0 = warp_sum_f32(a0, 32);
        float a1 = 0.0f;
        const float t0 = mul_f32(a0, 0.001953125f);
      #pragma unroll
        for (int k = 0; k < 4; k++) {
          const u32 item = (u32)k * 32u + member;
          const int j0 = (int)(item) * 4;
          float v1[4];
          unpack4_f32(v1, c0[k * 1]);
      #pragma unroll
          for (int l = 0; l < 4; l++) {
            const float t1 = (v1[l] - t0);
            const float t2 = mul_f32(t1, t1);
            a1 = add_f32(a1, t2);
          }
        }
        a1 = warp_sum_f32(a1, 32);
        const float t3 = mul_f32(a0, 0.001953125f);
        const float t4 = mul_f32(a1, 0.001953125f);
        const float t5 = (t4 + 0.000009999999747378752f);
        const float t6 = sqrt_f32(t5);
      #pragma unroll
        for (int k = 0; k < 4; k++) {
          const u32 item = (u32)k * 32u + member;
          const int j0 = (int)(item) * 4;
          float v2[4];
          unpack4_f32(v2, c0[k * 1]);
          float v3[4];
          unpack4_f32(v3, read_v16(p1 + j0));
          float v4[4];
          unpack4_f32(v4, read_v16(p2 + j0));
          float y0[4];
      #pragma unroll
          for (int l = 0; l < 4; l++) {
            const float t7 = (v2[l] - t3);
            const float t8 = div_f32(t7, t6);
            const float t9 = mul_f32(t8, v3[l]);
            const float t10 = (t9 + v4[l]);
            y0[l] = t10;
          }
          store_v16(p3 + i0 * 512 + j0, pack4_f32(y0));
        }
      }
      typedef struct { u64 w[4]; } k0_words;
      extern "C" __global__ __launch_bounds__(64) void k0(const __grid_constant__ k0_words w) {
        unsigned b = blockIdx.x;
        {
          f0((const float *)w.w[0], (const float *)w.w[1], (const float *)w.w[2], (float *)w.w[3], b);
        }
      }
      "
    `);
  });

  it("the gradient of a bias", () => {
    expect(text("biasGradient")).toMatchInlineSnapshot(`
      "
      reduceSum: k0, 32 × 256, 4096 bytes shared: input0 scratch
      reduceSum: k1, 8 × 256, 1024 bytes shared: scratch output0

      extern __shared__ __align__(16) char shared[];
      static __device__ __forceinline__ void f0(const float *p0, float *q0, unsigned block) {
        const int thread = thread_index();
        const u32 part = block % 32u;
        const u32 member = (u32)(thread / 16);
        u32 row = (u32)(block / 32u) * 16u + (u32)(thread % 16);
        const int i0 = (int)(row) * 4;
        float a0[4] = {0.0f, 0.0f, 0.0f, 0.0f};
      #pragma unroll 4
        for (u32 item = part * 16u + member; item < 2048u; item += 512u) {
          const int j0 = (int)(item);
          float v0[4];
          unpack4_f32(v0, read_v16(p0 + i0 + j0 * 64));
      #pragma unroll
          for (int l = 0; l < 4; l++) {
            a0[l] = add_f32(a0[l], v0[l]);
          }
        }
        column_sum_f32(a0, 4, shared + 0, 16, 16);
        if (member == 0) {
      #pragma unroll
          for (int l = 0; l < 4; l++) {
            q0[((u64)part * 16u + row) * 4 + l] = a0[l];
          }
        }
      }
      static __device__ __forceinline__ void f1(float *q0, float *p0, unsigned block) {
        const int thread = thread_index();
        const u32 member = (u32)(thread / 8);
        u32 row = (u32)(block) * 8u + (u32)(thread % 8);
        const int i0 = (int)(row);
        float a0 = 0.0f;
      #pragma unroll 4
        for (u32 q = member; q < 32u; q += 32u) {
          a0 = add_f32(a0, q0[(u64)q * 64u + row]);
        }
        column_sum_f32(&a0, 1, shared + 0, 8, 32);
        if (member == 0) {
          store_f32(p0 + i0, a0);
        }
      }
      typedef struct { u64 w[2]; } k0_words;
      extern "C" __global__ __launch_bounds__(256) void k0(const __grid_constant__ k0_words w) {
        unsigned b = blockIdx.x;
        {
          f0((const float *)w.w[0], (float *)w.w[1], b);
        }
      }
      typedef struct { u64 w[2]; } k1_words;
      extern "C" __global__ __launch_bounds__(256) void k1(const __grid_constant__ k1_words w) {
        unsigned b = blockIdx.x;
        {
          f1((float *)w.w[0], (float *)w.w[1], b);
        }
      }
      "
    `);
  });

  it("AdamW of two parameters in one launch", () => {
    expect(text("adamwOfTwo")).toMatchInlineSnapshot(`
      "
      2×add_add_sub: k0, 5 × 256: 1024 input2 input1 input3 input0 input2 input3 input0 errors 25 input6 input5 input7 input4 input6 input7 input4 errors 0 4

      extern __shared__ __align__(16) char shared[];
      static __device__ __forceinline__ void f0(int count, float *p0, const float *p1, float *p2, float *p3, float *p4, float *p5, float *p6, int *errors, unsigned block) {
        if (errors[0] != 0) return;
        const int thread = thread_index();
        u32 row = (u32)(block) * 256u + (u32)(thread);
        if (row >= (u32)count) return;
        const int i0 = (int)(row) * 4;
        float v0[4];
        unpack4_f32(v0, load_v16(p0 + i0));
        float v1[4];
        unpack4_f32(v1, read_v16(p1 + i0));
        float v2[4];
        unpack4_f32(v2, load_v16(p2 + i0));
        float v3[4];
        unpack4_f32(v3, load_v16(p3 + i0));
        float y0[4];
        float y1[4];
        float y2[4];
      #pragma unroll
        for (int l = 0; l < 4; l++) {
          const float t0 = mul_f32(v0[l], 0.8999999761581421f);
          const float t1 = mul_f32(v1[l], 0.10000000149011612f);
          const float t2 = (t0 + t1);
          const float t3 = mul_f32(v2[l], 0.9990000128746033f);
          const float t4 = mul_f32(v1[l], v1[l]);
          const float t5 = mul_f32(t4, 0.0010000000474974513f);
          const float t6 = (t3 + t5);
          const float t7 = mul_f32(v3[l], 0.9990000128746033f);
          const float t8 = sqrt_f32(t6);
          const float t9 = (t8 + 9.99999993922529e-9f);
          const float t10 = div_f32(t2, t9);
          const float t11 = mul_f32(t10, 0.009999999776482582f);
          const float t12 = (t7 - t11);
          y0[l] = t2;
          y1[l] = t6;
          y2[l] = t12;
        }
        store_v16(p4 + i0, pack4_f32(y0));
        store_v16(p5 + i0, pack4_f32(y1));
        store_v16(p6 + i0, pack4_f32(y2));
      }
      typedef struct { u64 w[20]; } k0_words;
      extern "C" __global__ __launch_bounds__(256) void k0(const __grid_constant__ k0_words w) {
        unsigned b = blockIdx.x;
        {
          int low = 0, high = 2;
          while (high - low > 1) {
            int middle = (low + high) / 2;
            if ((unsigned)w.w[18 + middle] <= b) low = middle; else high = middle;
          }
          const u64 *a = w.w + 0 + (low - 0) * 9;
          f0((int)a[0], (float *)a[1], (const float *)a[2], (float *)a[3], (float *)a[4], (float *)a[5], (float *)a[6], (float *)a[7], (int *)a[8], b - (unsigned)w.w[18 + low]);
        }
      }
      "
    `);
  });

  it("a sum with a transposed matrix, through tiles", () => {
    expect(text("transposition")).toMatchInlineSnapshot(`
      "
      add: k0, 32 × 256, 8448 bytes shared: input0 input1 output0

      extern __shared__ __align__(16) char shared[];
      static __device__ __forceinline__ void f0(const float *p0, const float *p1, float *p2, unsigned block) {
        const int thread = thread_index();
        const int column = thread % 32, line = thread / 32;
        const int first = (int)(block % 8u) * 32;
        const u32 lines = block / 8u;
        const int top = (int)(lines % 4u) * 32;
        float *tile0 = (float *)(shared + 0);
      #pragma unroll
        for (int k = 0; k < 4; k++) {
          const int i1 = first + line + 8 * k;
          const int i0 = top + column;
          tile0[column * 33 + line + 8 * k] = read_f32(p0 + i0 + i1 * 128);
        }
        barrier();
      #pragma unroll
        for (int k = 0; k < 4; k++) {
          const int i1 = first + column;
          const int i0 = top + line + 8 * k;
          const float t0 = read_f32(p1 + i0 * 256 + i1);
          const float t1 = (tile0[(line + 8 * k) * 33 + column] + t0);
          store_f32(p2 + i0 * 256 + i1, t1);
        }
      }
      typedef struct { u64 w[3]; } k0_words;
      extern "C" __global__ __launch_bounds__(256) void k0(const __grid_constant__ k0_words w) {
        unsigned b = blockIdx.x;
        {
          f0((const float *)w.w[0], (const float *)w.w[1], (float *)w.w[2], b);
        }
      }
      "
    `);
  });

  it("rows looked up by index", () => {
    expect(text("gatherWithCheck")).toMatchInlineSnapshot(`
      "
      gather: k0, 1 × 256: input0 input1 output0 errors

      extern __shared__ __align__(16) char shared[];
      static __device__ __forceinline__ void f0(const int *p0, const float *p1, float *p2, int *errors, unsigned block) {
        const int thread = thread_index();
        u32 row = (u32)(block) * 256u + (u32)(thread);
        if (row >= 144u) return;
        const int i1 = (int)(row % 16u) * 4;
        const u32 r0 = row / 16u;
        const int i0 = (int)(r0);
        const int t0 = read_i32(p0 + i0);
        float v0[4];
        const int x0 = checked_index(t0, 50, errors);
        unpack4_f32(v0, read_v16(p1 + i1 + x0 * 64));
        float y0[4];
      #pragma unroll
        for (int l = 0; l < 4; l++) {
          y0[l] = v0[l];
        }
        store_v16(p2 + i0 * 64 + i1, pack4_f32(y0));
      }
      typedef struct { u64 w[4]; } k0_words;
      extern "C" __global__ __launch_bounds__(256) void k0(const __grid_constant__ k0_words w) {
        unsigned b = blockIdx.x;
        {
          f0((const int *)w.w[0], (const float *)w.w[1], (float *)w.w[2], (int *)w.w[3], b);
        }
      }
      "
    `);
  });

  it("running sums", () => {
    expect(text("scan")).toMatchInlineSnapshot(`
      "
      scan: k0, 1 × 256: input0 output0

      extern __shared__ __align__(16) char shared[];
      static __device__ __forceinline__ void f0(const float *p0, float *p1, unsigned block) {
        const int thread = thread_index();
        u32 row = (u32)(block) * 256u + (u32)(thread);
        if (row >= 8u) return;
        const int i0 = (int)(row);
        float a0 = 0.0f;
        for (u32 item = 0u; item < 300u; item += 1u) {
          const int j0 = (int)(item);
          const float t0 = read_f32(p0 + i0 * 300 + j0);
          a0 = add_f32(a0, t0);
          store_f32(p1 + i0 * 300 + j0, a0);
        }
      }
      typedef struct { u64 w[2]; } k0_words;
      extern "C" __global__ __launch_bounds__(256) void k0(const __grid_constant__ k0_words w) {
        unsigned b = blockIdx.x;
        {
          f0((const float *)w.w[0], (float *)w.w[1], b);
        }
      }
      "
    `);
  });
});
