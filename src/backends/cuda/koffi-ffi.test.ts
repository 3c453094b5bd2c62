import { describe, expect, it } from "vitest";
import type { ForeignLibrary } from "./ffi.ts";
import { koffiFfi } from "./koffi-ffi.ts";

/** The C library, where it has this name. */
function cLibrary(): ForeignLibrary | null {
  try {
    return koffiFfi().open("libc.so.6");
  } catch {
    return null;
  }
}

const c = cLibrary();

describe.skipIf(c === null)("C through koffi", () => {
  const library = c as ForeignLibrary;

  it("passes and returns 64-bit integers as Numbers", () => {
    const labs = library.function("i64 labs(i64 value)");
    expect(labs(-(2 ** 47))).toBe(2 ** 47);
    expect(library.function("i64 labs(i64 value)")).toBe(labs);
  });

  it("calls on another thread", async () => {
    const labs = library.function("i64 labs(i64 value)");
    expect(await Promise.all([-1, -2].map((value) => labs.async(value)))).toEqual([1, 2]);
  });

  it("passes typed arrays at their offset, and addresses as Numbers", () => {
    const ffi = koffiFfi();
    const from = new Uint8Array(new ArrayBuffer(256)).map((_, i) => i);
    const to = new Uint8Array(new ArrayBuffer(256));
    library.function("p memcpy(p to, p from, size_t bytes)")(to.subarray(8), from.subarray(100), 4);
    expect([...to.subarray(7, 13)]).toEqual([0, 100, 101, 102, 103, 0]);
    const seen = new Uint8Array(ffi.view(ffi.address(from.subarray(32)), 4));
    expect([...seen]).toEqual([32, 33, 34, 35]);
    from[32] = 7;
    expect(seen[0]).toBe(7);
  });

  it("knows which symbols there are and keeps libraries open once", () => {
    expect(library.has("memcpy")).toBe(true);
    expect(library.has("cuInit")).toBe(false);
    expect(() => library.function("int cuInit(u32 flags)")).toThrow("cuInit");
    expect(koffiFfi().open("libc.so.6")).toBe(library);
    expect(() => koffiFfi().open("libnone.so.1")).toThrow("libnone.so.1");
  });
});
