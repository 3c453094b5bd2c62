import { product, roundUp } from "../../base/integers.ts";
import { invariant, ShapeError, UsageError } from "../../base/errors.ts";
import { dtypeBytes, hostView } from "../../ir/dtype.ts";
import type { HostArray } from "../../ir/dtype.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Node } from "../../ir/node.ts";
import { controlBlock } from "../../compiler/wasm/control-block.ts";
import type { HostCall, HostOperand, WasmProgramCode } from "../../compiler/wasm/program-code.ts";
import { customKernel } from "../../runtime/backend.ts";
import type { Buffer, KernelFacts, KernelProfile, Program } from "../../runtime/backend.ts";
import { ALIGNMENT } from "./allocator.ts";
import type { Block } from "./allocator.ts";
import { WasmBuffer } from "./buffer.ts";
import type { Arena, DeviceMemory } from "./device-memory.ts";
import { DEFAULT_TABLE_SIZE } from "./instance.ts";
import type { Instantiator, ProgramInstance } from "./instance.ts";
import type { ThreadPool } from "./thread-pool.ts";

/** What a program needs of its backend. */
export interface ProgramHost {
  readonly memory: DeviceMemory;
  readonly pool: ThreadPool;
  readonly threads: number;
  /** Temporaries and per-thread scratch of whichever program runs. */
  readonly arena: Arena;
  readonly workspace: Arena;
  readonly instantiator: Instantiator;
  /** Numbers programs had in the workers, to be used again; and how many there are. */
  readonly freeSlots: number[];
  slotCount: number;
  /** Whether the workers have the kernel library. */
  isLibraryLoaded: boolean;
  /** Whether some program runs now. */
  isRunning: boolean;
  /** Whether the device is gone; its programs then refuse to run. */
  isDisposed: boolean;
}

function bytesOf(node: Node): number {
  return product(node.shape) * dtypeBytes(node.dtype);
}

/** A compiled graph in WebAssembly: one instance here, and one in each worker once it runs wide. */
export class WasmProgram implements Program {
  readonly temporaryBytes: number;
  readonly kernels: readonly KernelFacts[];
  private readonly host: ProgramHost;
  private readonly code: WasmProgramCode;
  /** Expected bytes of inputs, then outputs. */
  private readonly sizes: readonly number[];
  private readonly inputCount: number;
  private readonly isParallel: boolean;
  /** Argument table and constants, in one block. */
  private readonly block: Block;
  /** The argument table as last written. */
  private readonly written: Int32Array;
  private readonly instance: ProgramInstance;
  private slot: number = -1;
  private isDisposed: boolean = false;

  constructor(host: ProgramHost, graph: Graph, code: WasmProgramCode) {
    invariant(
      code.kernels.length === code.stepCount,
      `a program has one kernel per step, got ${code.kernels.length} for ${code.stepCount} steps`,
    );
    this.host = host;
    this.code = code;
    this.temporaryBytes = code.temporaryBytes;
    this.kernels = code.kernels;
    this.inputCount = graph.inputs.length;
    this.sizes = [...graph.inputs, ...graph.outputs].map(bytesOf);
    this.isParallel = host.threads > 1 && code.kernels.some((kernel) => kernel.threads > 1);
    if (this.isParallel) host.pool.start();
    const stride = roundUp(code.workspaceBytesPerThread, ALIGNMENT);
    host.arena.reserve(code.temporaryBytes);
    host.workspace.reserve(stride * host.threads);
    this.written = new Int32Array(this.sizes.length + 3);
    const tableBytes = roundUp(this.written.byteLength, ALIGNMENT);
    this.block = host.memory.heap.allocate(tableBytes + code.constants.byteLength);
    host.memory.write(this.block.address + tableBytes, code.constants);
    this.setArgument(this.sizes.length + 2, this.block.address + tableBytes);
    this.instance = host.instantiator.instantiate(code, (call, args) => this.callHost(call, args));
  }

  run(inputs: readonly Buffer[], outputs: readonly Buffer[]): void {
    this.begin(inputs, outputs);
    try {
      this.launch(0, this.code.stepCount);
      this.checkIndices();
    } finally {
      this.host.isRunning = false;
    }
  }

  /** Turns the note a kernel left about an index into an error. */
  private checkIndices(): void {
    const { words } = this.host.memory;
    const size = words[controlBlock.badIndexSize >> 2];
    if (size === 0) return;
    words[controlBlock.badIndexSize >> 2] = 0;
    const index = words[controlBlock.badIndex >> 2];
    throw new ShapeError(
      `gather: indices must be in 0 … ${size - 1}, got ${index}; check token ids, labels or the ` +
        "dim; no state was written after it was found",
      { details: { index, size } },
    );
  }

  profile(inputs: readonly Buffer[], outputs: readonly Buffer[]): KernelProfile[] {
    this.begin(inputs, outputs);
    try {
      const profiles = this.kernels.map((kernel, step) => {
        const start = performance.now();
        this.launch(step, step + 1);
        return { ...kernel, milliseconds: performance.now() - start };
      });
      this.checkIndices();
      return profiles;
    } finally {
      this.host.isRunning = false;
    }
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.host.memory.heap.free(this.block);
    if (this.slot < 0) return;
    this.host.pool.unload(this.slot);
    this.host.freeSlots.push(this.slot);
  }

  /** Checks the buffers and writes the arguments that differ from the last run's. */
  private begin(inputs: readonly Buffer[], outputs: readonly Buffer[]): void {
    if (this.isDisposed || this.host.isDisposed) {
      throw new UsageError("run: the program must not be disposed; compile it again");
    }
    if (this.host.isRunning) {
      throw new UsageError("run: a custom kernel must not run programs; run them before or after");
    }
    const { inputCount, sizes } = this;
    if (inputs.length !== inputCount || outputs.length !== sizes.length - inputCount) {
      throw new UsageError(
        `run: needs ${inputCount} inputs and ${sizes.length - inputCount} outputs, ` +
          `got ${inputs.length} and ${outputs.length}`,
      );
    }
    for (let i = 0; i < inputCount; i++) this.setBuffer(i, inputs[i]);
    for (let i = 0; i < outputs.length; i++) this.setBuffer(inputCount + i, outputs[i]);
    this.setArgument(sizes.length, this.host.arena.address);
    this.setArgument(sizes.length + 1, this.host.workspace.address);
    this.host.isRunning = true;
  }

  private setBuffer(index: number, buffer: Buffer): void {
    if (!(buffer instanceof WasmBuffer) || buffer.bytes !== this.sizes[index]) {
      throw new UsageError(
        `run: argument ${index} must be a wasm buffer of ${this.sizes[index]} bytes, ` +
          `got ${buffer.bytes} bytes`,
      );
    }
    this.setArgument(index, buffer.address);
  }

  private setArgument(index: number, address: number): void {
    const value = address | 0;
    if (this.written[index] === value) return;
    this.written[index] = value;
    this.host.memory.words[(this.block.address >>> 2) + index] = value;
  }

  private launch(from: number, to: number): void {
    const { address } = this.block;
    const { pool } = this.host;
    if (this.isParallel && pool.isReady()) {
      if (this.slot < 0) this.loadIntoWorkers();
      pool.run(this.slot, this.instance.run, address, from, to);
    } else {
      this.instance.run(0, 1, address, from, to);
    }
  }

  private loadIntoWorkers(): void {
    const { pool, freeSlots } = this.host;
    if (this.instance.usesLibrary && !this.host.isLibraryLoaded) {
      this.withBytesInMemory(this.host.instantiator.libraryBytes, (address, bytes) =>
        pool.loadLibrary(address, bytes),
      );
      this.host.isLibraryLoaded = true;
    }
    const slot = freeSlots.pop() ?? this.host.slotCount++;
    try {
      this.withBytesInMemory(this.code.bytes, (address, bytes) =>
        pool.load(slot, address, bytes, this.code.tableSize ?? DEFAULT_TABLE_SIZE),
      );
      this.slot = slot;
    } catch (error) {
      freeSlots.push(slot);
      throw error;
    }
  }

  private withBytesInMemory(
    bytes: Uint8Array,
    use: (address: number, bytes: number) => void,
  ): void {
    const { memory } = this.host;
    const image = memory.heap.allocate(bytes.byteLength);
    try {
      memory.write(image.address, bytes);
      use(image.address, bytes.byteLength);
    } finally {
      memory.heap.free(image);
    }
  }

  private callHost(number: number, args: number): void {
    const call = this.code.hostCalls.find((candidate) => candidate.call === number);
    invariant(call !== undefined, `host call ${number} exists`);
    const kernel = customKernel(call.kernel);
    if (kernel === undefined) {
      throw new UsageError(
        `custom: kernel must be registered, got "${call.kernel}"; call registerCustomKernel first`,
      );
    }
    kernel(this.operandsOf(call, args), this.viewOf(call.output, args));
  }

  private operandsOf(call: HostCall, args: number): HostArray[] {
    return call.inputs.map((operand) => this.viewOf(operand, args));
  }

  private viewOf(operand: HostOperand, args: number): HostArray {
    const { words, bytes } = this.host.memory;
    const base = words[(args >>> 2) + operand.argument] >>> 0;
    return hostView(operand.dtype, bytes.buffer, base + operand.byteOffset, operand.elements);
  }
}
