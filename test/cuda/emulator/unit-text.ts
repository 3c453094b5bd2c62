import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deviceEnd } from "../../../src/compiler/cuda/prelude.ts";
import { nativeFolder } from "./compiler.ts";

let prelude: string | undefined;

/** The declaration of dynamic shared memory, without which a device does not know `shared`. */
const sharedPattern = /extern\s+__shared__[^;]*\bshared\[\];/g;

/** An `extern "C" __global__` function: its launch bounds (0 if it has none), name and parameters. */
const entryPattern =
  /extern\s+"C"\s+__global__\s+(?:__launch_bounds__\((\d+)[^)]*\)\s*)?void\s+(\w+)\s*\(([^)]*)\)/g;

/** What the emulated driver needs to call an entry: a call by address table, sizes, bounds. */
function adapter([, bounds, name, parameters]: RegExpMatchArray): string {
  const list = parameters.split(",").map((parameter) => parameter.trim());
  const types = list
    .filter((text) => text !== "" && text !== "void")
    .map((text) =>
      text
        .replace(/\w+$/, "")
        .replaceAll(/\bconst\b|__grid_constant__|__restrict__/g, "")
        .trim(),
    );
  const values = types.map((type, i) => `*(${type} *)p[${i}]`);
  const sizes = [...types.map((type) => `sizeof(${type})`), "0"];
  return [
    `void emu_entry_${name}(void **p) { ${name}(${values.join(", ")}); }`,
    `const u64 emu_sizes_${name}[] = { ${sizes.join(", ")} };`,
    `const int emu_threads_${name} = ${bounds ?? 0};`,
  ].join("\n");
}

/** Accesses of memory that must be aligned, as the plain part of the prelude writes them. */
function checkAlignment(text: string): string {
  const types = "u16|u32|u64|v8|v16|float|double|int";
  return text
    .replaceAll(
      new RegExp(`\\*\\(const (${types}) \\*\\)at\\b`, "g"),
      (_, type: string) => `*(const ${type} *)emu_aligned(at, sizeof(${type}))`,
    )
    .replaceAll(
      new RegExp(`\\*\\((${types}) \\*\\)at\\b`, "g"),
      (_, type: string) => `*(${type} *)emu_aligned(at, sizeof(${type}))`,
    );
}

/**
 * A unit of CUDA C as C: the device's part of the prelude is exchanged, entries become functions the
 * emulated driver can call. Line numbers in messages of the compiler are those of the CUDA C.
 */
export function unitText(cuda: string): string {
  prelude ??= readFileSync(join(nativeFolder, "prelude.h"), "utf8");
  const adapters = [...cuda.matchAll(entryPattern)].map(adapter);
  const start = Math.max(0, cuda.indexOf(deviceEnd));
  const rest = cuda.slice(start);
  const line = cuda.slice(0, start).split("\n").length;
  const body = checkAlignment(rest)
    .replaceAll(sharedPattern, "")
    .replaceAll(/extern\s+"C"/g, "");
  return [
    rest.search(sharedPattern) >= 0 ? "#define EMU_SHARED" : "",
    `#line 1 "prelude.h"`,
    prelude,
    `#line ${line} "program.cu"`,
    body,
    `#line 1 "adapters"`,
    ...adapters,
    "",
  ].join("\n");
}
