import { CompileError, DeviceError, OutOfMemoryError } from "../../base/errors.ts";
import type { AthanorError } from "../../base/errors.ts";

/** What is known when a call of the driver fails. */
export interface FailedCall {
  /** Name of the function. */
  readonly call: string;
  readonly code: number;
  /** `CUDA_ERROR_…`, and the driver's sentence about it. */
  readonly name: string;
  readonly text: string;
  /** CUDA version the driver supports, such as 12040; 0 while it is unknown. */
  readonly driverVersion: number;
  /** What was being done: values that help. */
  readonly detail: string;
  /** Work issued since the device last caught up, in words; empty if none. */
  readonly pending: string;
}

/** Errors after which the context can do nothing any more. */
const stickyCodes: ReadonlySet<number> = new Set([
  214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719,
]);

/** Whether the code means that the context is dead. */
export function isSticky(code: number): boolean {
  return stickyCodes.has(code);
}

/** `13.0` of 13000. */
export function versionText(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

const rerun = "start it again with ATHANOR_CUDA_SYNC=1, which names the kernel";

type MakeError = (failed: FailedCall) => AthanorError;

const describe = ({ call, code, name, text }: FailedCall): string =>
  `${call} returned ${code} (${name}${text === "" ? "" : `: ${text}`})`;

function device(remedy: (failed: FailedCall) => string): MakeError {
  return (failed) => {
    const detail = failed.detail === "" ? "" : `, ${failed.detail}`;
    return new DeviceError(`cuda: ${describe(failed)}${detail}; ${remedy(failed)}`, {
      details: { code: failed.code, call: failed.call },
    });
  };
}

function internal(invariantText: string): MakeError {
  return (failed) =>
    new CompileError(
      `internal: ${invariantText}, got ${describe(failed)}` +
        `${failed.detail === "" ? "" : ` for ${failed.detail}`}; please report this`,
      { details: { code: failed.code, call: failed.call } },
    );
}

const mismatch = device(
  ({ driverVersion }) =>
    `the driver supports CUDA ${driverVersion === 0 ? "of an unknown version" : versionText(driverVersion)} ` +
    "and does not fit the card, its kernel module or the libraries; update the NVIDIA driver " +
    "(and restart after an update), or install libraries of the driver's version",
);

const wrongArchitecture = device(
  () =>
    "the compiled code does not fit this card; empty the cache folder that " +
    "`athanor info` names, and report this if it happens again",
);

const makers: Readonly<Record<number, MakeError>> = {
  1: internal("arguments of a driver call are valid"),
  2: (failed) =>
    new OutOfMemoryError(
      `cuda: ${describe(failed)}, ${failed.detail}; use a smaller batch or free tensors`,
      { details: { code: 2 } },
    ),
  3: mismatch,
  34: mismatch,
  35: mismatch,
  36: mismatch,
  46: device(() => "the card is in use exclusively by another process; stop that process"),
  100: device(
    () =>
      "no CUDA card is visible; look at `nvidia-smi`, at CUDA_VISIBLE_DEVICES, and at whether the " +
      'container was started with its GPUs, or use the device "wasm"',
  ),
  101: device(() => "use a device number that `nvidia-smi -L` lists"),
  200: wrongArchitecture,
  201: internal("the context is current"),
  209: wrongArchitecture,
  218: wrongArchitecture,
  222: mismatch,
  701: internal("registers and shared memory of a kernel fit the card"),
  802: device(() => "the GPUs' fabric is still starting; wait, or look at nvidia-fabricmanager"),
  803: mismatch,
  804: mismatch,
};

function sticky(failed: FailedCall): AthanorError {
  const work = failed.pending === "" ? failed.detail : failed.pending;
  return new DeviceError(
    `cuda: ${describe(failed)}; a kernel failed and the CUDA context is dead` +
      `${work === "" ? "" : `; it was issued by ${work}`}; ` +
      `${work.startsWith("kernel ") ? "please report this" : rerun}; this process cannot use ` +
      "the card any more",
    { details: { code: failed.code, call: failed.call, pending: failed.pending } },
  );
}

/** The error a failed call of the driver is thrown as. */
export function cudaError(failed: FailedCall): AthanorError {
  if (isSticky(failed.code)) return sticky(failed);
  if (failed.code >= 900 && failed.code <= 909) {
    return internal("work on a captured stream may be captured")(failed);
  }
  const make = makers[failed.code] ?? device(() => `look the code up in NVIDIA's documentation`);
  return make(failed);
}

/** What later calls on a dead context are refused with. */
export function deadContext(call: string, cause: AthanorError): AthanorError {
  return new DeviceError(
    `cuda: ${call} is not possible, the CUDA context is dead since an earlier error ` +
      `(${String(cause.details["code"])}); start a new process, with ATHANOR_CUDA_SYNC=1 to find ` +
      "the kernel that failed",
    { cause, details: { code: cause.details["code"] } },
  );
}
