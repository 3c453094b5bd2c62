import { describe, expect, it } from "vitest";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { renderGraph, testTarget } from "../cuda/kernel-runner.ts";

/** The functions a small program is rendered to, each with its launch. */
function rendered(build: (scene: Scene) => Node | Node[], dtype: "f32" | "bf16" = "f32"): string {
  const { inputs, outputs } = buildCase({ build }, dtype);
  const { steps } = renderGraph({ inputs, outputs }, { ...testTarget, multiprocessors: 132 });
  const functions = steps.flatMap((step) => step.functions);
  const texts = functions.map(({ text, blocks, threads, sharedBytes }) => {
    return `${blocks} × ${threads} threads, ${sharedBytes} bytes shared\n${text}`;
  });
  return `\n${texts.join("\n")}\n`;
}

describe("kernels in CUDA C", () => {
  it("a sum of two vectors", () => {
    const text = rendered(({ input }) => b.add(input([4096]), input([4096])));
    expect(text).toMatchInlineSnapshot(`
      "
      4 × 256 threads, 0 bytes shared
      (int count, const float *p0, const float *p1, float *p2, unsigned block) {
        const int thread = thread_index();
        u32 row = (u32)(block) * 256u + (u32)(thread);
        if (row >= (u32)count) return;
        const int i0 = (int)(row) * 4;
        float v0[4];
        unpack4_f32(v0, read_v16(p0 + i0));
        float v1[4];
        unpack4_f32(v1, read_v16(p1 + i0));
        float y0[4];
      #pragma unroll
        for (int l = 0; l < 4; l++) {
          const float t0 = (v0[l] + v1[l]);
          y0[l] = t0;
        }
        store_v16(p2 + i0, pack4_f32(y0));
      }
      "
    `);
  });

  it("softmax of rows in bf16", () => {
    const text = rendered(({ input }) => {
      const x = input([500, 1000]);
      const weights = b.unary("exp", b.sub(x, b.expand(b.extremum("reduceMax", x, [1]), x.shape)));
      return b.div(weights, b.expand(b.reduceSum(weights, [1]), x.shape));
    }, "bf16");
    expect(text).toMatchInlineSnapshot(`
      "
      125 × 128 threads, 0 bytes shared
      (const u16 *p0, u16 *p1, unsigned block) {
        const int thread = thread_index();
        const u32 member = (u32)(thread % 32);
        u32 row = (u32)(block) * 4u + (u32)(thread / 32);
        const int i0 = (int)(row);
        float s1[32];
        v16 c0[4];
        float a0 = -INF_F32;
      #pragma unroll
        for (int k = 0; k < 4; k++) {
          const u32 item = (u32)k * 32u + member;
          if (item < 125u) {
            const int j0 = (int)(item) * 8;
            float v0[8];
            c0[k * 1] = read_v16(p0 + i0 * 1000 + j0);
            unpack8_bf16(v0, c0[k * 1]);
      #pragma unroll
            for (int l = 0; l < 8; l++) {
              a0 = max_f32(a0, v0[l]);
            }
          }
        }
        a0 = warp_max_f32(a0, 32);
        a0 = round_bf16(a0);
        float a1 = 0.0f;
      #pragma unroll
        for (int k = 0; k < 4; k++) {
          const u32 item = (u32)k * 32u + member;
          if (item < 125u) {
            const int j0 = (int)(item) * 8;
            float v1[8];
            unpack8_bf16(v1, c0[k * 1]);
      #pragma unroll
            for (int l = 0; l < 8; l++) {
              const float t0 = round_bf16((v1[l] - a0));
              const float t1 = round_bf16(exp_f32(t0));
              a1 = add_f32(a1, t1);
              s1[k * 8 + l] = t1;
            }
          }
        }
        a1 = warp_sum_f32(a1, 32);
        a1 = round_bf16(a1);
      #pragma unroll
        for (int k = 0; k < 4; k++) {
          const u32 item = (u32)k * 32u + member;
          if (item < 125u) {
            const int j0 = (int)(item) * 8;
            float y0[8];
      #pragma unroll
            for (int l = 0; l < 8; l++) {
              const float t2 = s1[k * 8 + l];
              const float t3 = round_bf16(div_full_f32(t2, a1));
              y0[l] = t3;
            }
            store_v16(p1 + i0 * 1000 + j0, pack8_bf16(y0));
          }
        }
      }
      "
    `);
  });

  it("sums of columns, which blocks share", () => {
    const text = rendered(({ input }) => b.reduceSum(input([8192, 768]), [0]));
    expect(text).toMatchInlineSnapshot(`
      "
      528 × 256 threads, 4096 bytes shared
      (const float *p0, float *q0, unsigned block) {
        const int thread = thread_index();
        const u32 part = block % 88u;
        const u32 member = (u32)(thread / 32);
        u32 row = (u32)(block / 88u) * 32u + (u32)(thread % 32);
        const int i0 = (int)(row) * 4;
        float a0[4] = {0.0f, 0.0f, 0.0f, 0.0f};
      #pragma unroll 4
        for (u32 item = part * 8u + member; item < 8192u; item += 704u) {
          const int j0 = (int)(item);
          float v0[4];
          unpack4_f32(v0, read_v16(p0 + i0 + j0 * 768));
      #pragma unroll
          for (int l = 0; l < 4; l++) {
            a0[l] = add_f32(a0[l], v0[l]);
          }
        }
        column_sum_f32(a0, 4, shared + 0, 32, 8);
        if (member == 0) {
      #pragma unroll
          for (int l = 0; l < 4; l++) {
            q0[((u64)part * 192u + row) * 4 + l] = a0[l];
          }
        }
      }
      96 × 256 threads, 1024 bytes shared
      (float *q0, float *p0, unsigned block) {
        const int thread = thread_index();
        const u32 member = (u32)(thread / 8);
        u32 row = (u32)(block) * 8u + (u32)(thread % 8);
        const int i0 = (int)(row);
        float a0 = 0.0f;
      #pragma unroll 4
        for (u32 q = member; q < 88u; q += 32u) {
          a0 = add_f32(a0, q0[(u64)q * 768u + row]);
        }
        column_sum_f32(&a0, 1, shared + 0, 8, 32);
        if (member == 0) {
          store_f32(p0 + i0, a0);
        }
      }
      "
    `);
  });

  it("rows looked up by index", () => {
    const text = rendered(({ input }) => {
      return b.gather(input([50, 64]), b.expand(input([9, 1], [3, 7], "i32"), [9, 64]), 0);
    });
    expect(text).toMatchInlineSnapshot(`
      "
      1 × 256 threads, 0 bytes shared
      (const int *p0, const float *p1, float *p2, int *errors, unsigned block) {
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
      "
    `);
  });
});
