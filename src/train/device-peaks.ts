/** Arithmetic a training run is counted in. */
export type PeakPrecision = "f32" | "tf32" | "bf16";

type Peaks = Readonly<Record<PeakPrecision, number>>;

/**
 * Dense peaks in TFLOP/s from NVIDIA's data sheets, without sparsity. The first name that the
 * device's contains counts, so that special models come before their family.
 */
const peaks: readonly (readonly [name: string, peaks: Peaks])[] = [
  ["B200", { f32: 75, tf32: 1100, bf16: 2250 }],
  ["GH200", { f32: 67, tf32: 494, bf16: 989 }],
  ["H200", { f32: 67, tf32: 494, bf16: 989 }],
  ["H100 PCIe", { f32: 51, tf32: 378, bf16: 756 }],
  ["H100 NVL", { f32: 60, tf32: 417, bf16: 835 }],
  ["H100", { f32: 67, tf32: 494, bf16: 989 }],
  ["A100", { f32: 19.5, tf32: 156, bf16: 312 }],
  ["L40S", { f32: 91.6, tf32: 183, bf16: 362 }],
  ["L4", { f32: 30.3, tf32: 60, bf16: 121 }],
  ["A10", { f32: 31.2, tf32: 62.5, bf16: 125 }],
  ["RTX 4090", { f32: 82.6, tf32: 82.6, bf16: 165 }],
];

/** FLOP/s a device can do at most; undefined if it is not in the table. */
export function peakFlops(deviceName: string, precision: PeakPrecision): number | undefined {
  const words = (name: string): string[] => name.split(/[\s-]+/);
  const own = words(deviceName);
  const found = peaks.find(([name]) => words(name).every((word) => own.includes(word)));
  return found === undefined ? undefined : found[1][precision] * 1e12;
}

/** Sizes that decide what a token costs. */
export interface TransformerSize {
  /** Parameters that take part in products: all but the table of positions. */
  readonly parameters: number;
  readonly layers: number;
  readonly width: number;
  readonly context: number;
}

/**
 * Floating-point operations of forward and backward pass per token: six per parameter, and those of
 * attention, counted as if it were not causal.
 * @see Chowdhery et al. 2022, "PaLM", appendix B, https://arxiv.org/abs/2204.02311
 */
export function flopsPerToken({ parameters, layers, width, context }: TransformerSize): number {
  return 6 * parameters + 12 * layers * width * context;
}
