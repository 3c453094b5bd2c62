import { CudaDevice } from "../../src/backends/cuda/device.ts";
import type { LibraryContext, PreparedCall } from "../../src/backends/cuda/library-executor.ts";
import { LibrarySearch } from "../../src/backends/cuda/library-search.ts";
import type { DType, HostArray } from "../../src/ir/dtype.ts";
import { dtypeBytes, hostView } from "../../src/ir/dtype.ts";
import { emptyMachine } from "./emulator/emulated-backend.ts";
import { emulator } from "./emulator/emulator.ts";
import type { EmulatedMachine, Emulator } from "./emulator/emulator.ts";

/** Bytes between the start of a block and the operand a test asks to be misaligned. */
const BLOCK = 256;

/** An emulated device with what executors of library calls need, and times a test can choose. */
export class LibraryBench {
  readonly machine: Emulator;
  readonly context: LibraryContext;
  /** What the next trials take, in milliseconds; 1 once they are used up. */
  readonly times: number[] = [];
  /** Trials that were timed. */
  trials: number = 0;
  private readonly device: CudaDevice;

  constructor(options: EmulatedMachine = {}) {
    this.machine = emulator(options);
    const { ffi } = this.machine;
    const libraries = new LibrarySearch(ffi, emptyMachine);
    this.device = new CudaDevice(ffi, libraries, 0);
    this.device.activate();
    const { ordinal, stream, target } = this.device;
    this.context = {
      ffi,
      target,
      ordinal,
      stream,
      find: (name) => libraries.find(name),
      open: (name) => libraries.open(name),
      withMemory: (bytes, use) => this.withMemory(bytes, use),
      time: (issue) => {
        issue();
        this.device.synchronize();
        this.trials++;
        return this.times.shift() ?? 1;
      },
    };
  }

  private withMemory<T>(bytes: number, use: (address: number) => T): T {
    const { driver } = this.device;
    const address = driver.tryAllocate(bytes);
    if (address === null) throw new Error(`no room for ${bytes} bytes`);
    try {
      return use(address);
    } finally {
      this.device.synchronize();
      driver.free(address);
    }
  }

  /**
   * Runs a call on operands, the one at `result` filled with NaN before, and returns that one.
   * `shift` moves every operand that many bytes away from an aligned address.
   */
  run(
    call: PreparedCall,
    operands: readonly { readonly dtype: DType; readonly data: HostArray }[],
    result: number,
    shift = 0,
  ): HostArray {
    const { driver, stream } = this.device;
    const { ffi } = this.machine;
    const sizes = operands.map(({ data }) => data.byteLength);
    const places = sizes.map((bytes) => driver.tryAllocate(bytes + BLOCK) ?? 0);
    const addresses = places.map((place) => place + shift);
    const workspace = driver.tryAllocate(Math.max(call.workspaceBytes, BLOCK)) ?? 0;
    const host = driver.allocateHost(Math.max(...sizes, 1));
    const hostBytes = (bytes: number): Uint8Array => new Uint8Array(ffi.view(host, bytes));
    operands.forEach(({ data }, i) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      hostBytes(sizes[i]).set(i === result ? bytes.map(() => 255) : bytes);
      driver.copyToDevice(addresses[i], host, sizes[i], stream);
      this.device.synchronize();
    });
    call.run(addresses, workspace, stream);
    driver.copyToHost(host, addresses[result], sizes[result], stream);
    this.device.synchronize();
    const { dtype } = operands[result];
    const copy = hostBytes(sizes[result]).slice();
    for (const place of [...places, workspace]) driver.free(place);
    driver.freeHost(host);
    return hostView(dtype, copy.buffer, 0, sizes[result] / dtypeBytes(dtype));
  }

  /** @throws if something on the device went wrong that nobody noticed. */
  dispose(): void {
    this.device.dispose();
    const problems = this.machine.takeProblems();
    if (problems.length > 0) throw new Error(problems.join("\n"));
  }
}
