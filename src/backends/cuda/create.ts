import { compileCuda } from "../../compiler/compile-cuda.ts";
import { AttentionExecutor } from "./attention.ts";
import { CudaBackend } from "./backend.ts";
import type { CudaBackendOptions } from "./backend.ts";
import { ConvolutionExecutor } from "./convolution.ts";
import { koffiFfi } from "./koffi-ffi.ts";
import type { LibraryExecutorFactories } from "./library-executor.ts";
import { MatmulExecutor } from "./matmul.ts";

/** Options of {@link createCudaBackend}. */
export interface CudaDeviceOptions extends Partial<CudaBackendOptions> {
  /** Whether values share kernels; `false` is for tests of the compiler. @defaultValue true */
  readonly fuse?: boolean;
  /** Checks the graph after every pass of the compiler. @defaultValue false */
  readonly verify?: boolean;
}

const libraryExecutors: LibraryExecutorFactories = {
  matmul: (context) => new MatmulExecutor(context),
  convolution: (context) => new ConvolutionExecutor(context),
  attention: (context) => new AttentionExecutor(context),
};

/**
 * A CUDA device with the project's compiler and executors.
 *
 * @throws {DeviceError} if koffi, the driver or the card is missing.
 */
export function createCudaBackend({
  fuse = true,
  verify = false,
  ffi = koffiFfi(),
  executors = libraryExecutors,
  ...options
}: CudaDeviceOptions = {}): CudaBackend {
  return new CudaBackend({ ...options, ffi, executors }, (graph, target, settings) =>
    compileCuda(graph, target, { ...settings, fuse, verify }),
  );
}
