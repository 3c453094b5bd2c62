import { describe, expect, it } from "vitest";
import { cudaPrelude } from "./prelude.ts";
import { usedPrelude } from "./used-prelude.ts";

/** Names of the functions a text defines. */
function functionsIn(text: string): string[] {
  return [...text.matchAll(/^DEVICE [\w ]+?[ *]+(\w+)\(|^MMA_M16N8K16\((\w+)/gm)].map(
    ([, name, made]) => name ?? made,
  );
}

describe("usedPrelude", () => {
  it("has what a text uses, and what that uses", () => {
    expect(functionsIn(usedPrelude("block_sum_f64(x, shared)"))).toEqual([
      "thread_index",
      "thread_count",
      "barrier",
      "shuffle_xor_f64",
      "add_f64",
      "warp_sum_f64",
      "block_sum_f64",
    ]);
    expect(functionsIn(usedPrelude("pack4_bf16(v)"))).toEqual(
      ["pair_bf16", "pack4_bf16"].flatMap((name) =>
        name === "pair_bf16" ? ["bits_bf16", name, "bits_bf16", name] : [name],
      ),
    );
    expect(functionsIn(usedPrelude("mma_m16n8k16_f16(c, a, b)"))).toEqual(["mma_m16n8k16_f16"]);
  });

  it("has the types and constants of what is used, and no others", () => {
    const text = usedPrelude("u64 x = INF_F32;");
    expect(text).toContain("typedef unsigned long long u64;");
    expect(text).toContain("#define INF_F32");
    expect(text).not.toMatch(/u16|NAN_F32|v16|DEVICE/);
  });

  it("knows every function of the prelude", () => {
    const all = functionsIn(cudaPrelude);
    expect(all.length).toBeGreaterThan(240);
    expect(functionsIn(usedPrelude(all.join(" ")))).toEqual(all);
  });
});
