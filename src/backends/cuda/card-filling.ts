import { product } from "../../base/integers.ts";
import type { CudaTarget } from "../../compiler/cuda/kernel-code.ts";
import type { LibraryCall } from "../../compiler/cuda/library-calls.ts";
import type { CopyLaunch, KernelLaunch, LibraryLaunch } from "../../compiler/cuda/program-code.ts";

/** Microseconds of work from which a launch that spreads over the card is better left alone. */
const LONG = 10;
/** Threads per multiprocessor that keep memory busy. */
const BUSY_THREADS = 512;
/** Rows and columns of a product that one block of a library computes, about. */
const TILE = 128;

/**
 * What a multiprocessor does in a microsecond at best: an H100's memory and arithmetic, divided by
 * its multiprocessors. Other cards are slower, so that fewer of their launches count as long ones.
 */
const speeds = { bytes: 25_000, f32: 4e5, tf32: 3e6, half: 6e6, f64: 4e5 } as const;

/**
 * Whether a launch has work for every multiprocessor, for longer than it takes to start another: then
 * nothing is gained by what runs beside it.
 */
export function fillsCard(
  launch: KernelLaunch | LibraryLaunch | CopyLaunch,
  { multiprocessors }: CudaTarget,
): boolean {
  const { bytes, flops } = launch.facts;
  const rate = launch.kind === "library" ? rateOf(launch.call) : speeds.f32;
  const microseconds = Math.max(bytes / speeds.bytes, flops / rate) / multiprocessors;
  return microseconds > LONG && reaches(launch, multiprocessors);
}

function rateOf(call: LibraryCall): number {
  if (call.dtype === "f16" || call.dtype === "bf16") return speeds.half;
  if (call.dtype === "f64") return speeds.f64;
  return call.kind !== "attention" && call.allowTf32 ? speeds.tf32 : speeds.f32;
}

/** Whether the launch has something to do for every multiprocessor. */
function reaches(launch: KernelLaunch | LibraryLaunch | CopyLaunch, processors: number): boolean {
  if (launch.kind === "copy") return true;
  if (launch.kind === "kernel") return launch.blocks * launch.threads >= processors * BUSY_THREADS;
  return tiles(launch.call) >= processors;
}

const tilesOf = (rows: number, columns: number): number =>
  Math.ceil(rows / TILE) * Math.ceil(columns / TILE);

/** Blocks a library divides a call into, about; more where it divides sums too. */
function tiles(call: LibraryCall): number {
  if (call.kind === "matmul") return product(call.batch) * tilesOf(call.m, call.n);
  if (call.kind === "attention") {
    const [batch, heads, rows] = call.query.shape;
    return batch * heads * tilesOf(rows, 1);
  }
  const { input, op, output, weight } = call;
  const [written, channels] = {
    conv: [output.shape, weight.shape[0]],
    convInputGrad: [input.shape, input.shape[1]],
    // Libraries divide its long sums over the batch.
    convWeightGrad: [output.shape, weight.shape[0]],
  }[op] as [readonly number[], number];
  return tilesOf(product(written) / channels, channels);
}
