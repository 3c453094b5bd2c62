import type { OptionalDevices } from "../runtime/optional-devices.ts";

/** Stands for the CUDA backend in pages, which cannot call C: bundles contain nothing of it. */
export const cuda: OptionalDevices | null = null;
