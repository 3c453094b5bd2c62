import { invariant, UsageError } from "../../base/errors.ts";
import { dtypeBytes, hostView } from "../../ir/dtype.ts";
import type { HostArray } from "../../ir/dtype.ts";
import type {
  CopyLaunch,
  HostArgument,
  HostLaunch,
  KernelLaunch,
  Launch,
  LaunchFacts,
  LibraryLaunch,
  LoopLaunch,
} from "../../compiler/cuda/program-code.ts";
import { customKernel } from "../../runtime/backend.ts";
import type { CudaDevice } from "./device.ts";
import type { Ffi } from "./ffi.ts";
import { fillsCard } from "./card-filling.ts";
import { addressOf, FrameLayout, tripAddress } from "./frame.ts";
import type { Reference } from "./frame.ts";
import type { LibraryExecutors } from "./library-executors.ts";
import type { PreparedCall } from "./library-executor.ts";
import type { Staging } from "./staging.ts";

/** What launches are bound with. */
export interface LaunchBinder {
  readonly ffi: Ffi;
  readonly device: CudaDevice;
  readonly staging: Staging;
  readonly libraries: LibraryExecutors;
  /** Handle of an entry of the program's module, allowed to use so much shared memory. */
  kernel(entry: string, sharedBytes: number): number;
}

/** Called around every launch where somebody watches, also inside loops. */
export interface LaunchWatch {
  before(facts: LaunchFacts): void;
  after(facts: LaunchFacts): void;
}

/** A launch with all that is known ahead; only base addresses are missing. */
export interface BoundLaunch {
  readonly facts: LaunchFacts;
  /** Threads that work at once. */
  readonly threads: number;
  /** Number of things put on the stream. */
  readonly nodes: number;
  /** Bytes of workspace at the last base. */
  readonly workspaceBytes: number;
  /** Whether nothing gains from running beside it. */
  readonly fillsCard: boolean;
  /** Whether it puts several things on the stream that do not depend on each other. */
  readonly hasParts: boolean;
  /** @param nextPart - called between parts. */
  issue(bases: Float64Array, watch: LaunchWatch | null, nextPart?: () => void): void;
}

const WORD = 8;
const TWO_32 = 2 ** 32;

/** A generated kernel: its block of parameters behind the one address the driver asks for. */
class BoundKernel implements BoundLaunch {
  readonly facts: LaunchFacts;
  readonly threads: number;
  readonly nodes: number = 1;
  readonly workspaceBytes: number = 0;
  readonly fillsCard: boolean;
  readonly hasParts: boolean = false;
  private readonly device: CudaDevice;
  private readonly kernel: number;
  private readonly shape: KernelLaunch;
  /** Halves of eight-byte words: the block's address, then the parameters. */
  private readonly words: Uint32Array;
  private readonly table: number;
  private readonly positions: number[] = [];
  private readonly references: Reference[] = [];

  constructor(binder: LaunchBinder, layout: FrameLayout, launch: KernelLaunch) {
    this.facts = launch.facts;
    this.threads = launch.blocks * launch.threads;
    this.device = binder.device;
    this.fillsCard = fillsCard(launch, binder.device.target);
    this.shape = launch;
    this.kernel = binder.kernel(launch.entry, launch.sharedBytes);
    this.words = new Uint32Array(new ArrayBuffer(WORD * (launch.arguments.length + 1)));
    this.table = binder.ffi.address(this.words);
    this.setWord(0, this.table + WORD);
    launch.arguments.forEach((argument, i) => {
      if ("int" in argument) {
        this.setWord(i + 1, argument.int);
        return;
      }
      this.positions.push(i + 1);
      this.references.push(layout.reference(argument));
    });
  }

  /** Two's complement, so that the entry may read four bytes or eight. */
  private setWord(index: number, value: number): void {
    this.words[2 * index] = value;
    this.words[2 * index + 1] = Math.floor(value / TWO_32);
  }

  issue(bases: Float64Array): void {
    const { positions, references } = this;
    for (let i = 0; i < positions.length; i++) {
      this.setWord(positions[i], addressOf(bases, references[i]));
    }
    this.device.driver.launch(this.kernel, this.shape, this.table, this.device.stream);
  }
}

class BoundLibraryCall implements BoundLaunch {
  readonly facts: LaunchFacts;
  readonly threads: number;
  readonly nodes: number = 1;
  readonly workspaceBytes: number;
  readonly fillsCard: boolean;
  readonly hasParts: boolean;
  private readonly prepared: PreparedCall;
  private readonly references: readonly Reference[];
  private readonly addresses: number[];
  private readonly workspace: number;
  private readonly stream: number;

  constructor(binder: LaunchBinder, layout: FrameLayout, launch: LibraryLaunch) {
    this.facts = launch.facts;
    this.threads = binder.device.target.multiprocessors;
    this.prepared = binder.libraries.prepare(launch.call);
    this.workspaceBytes = this.prepared.workspaceBytes;
    this.fillsCard = fillsCard(launch, binder.device.target);
    this.hasParts = this.prepared.hasParts ?? false;
    this.references = launch.operands.map((operand) => layout.reference(operand));
    this.addresses = launch.operands.map(() => 0);
    this.workspace = layout.workspace;
    this.stream = binder.device.stream;
  }

  issue(bases: Float64Array, _watch: LaunchWatch | null, nextPart?: () => void): void {
    const { addresses, references } = this;
    for (let i = 0; i < addresses.length; i++) addresses[i] = addressOf(bases, references[i]);
    this.prepared.run(addresses, bases[this.workspace], this.stream, nextPart);
  }
}

class BoundCopy implements BoundLaunch {
  readonly facts: LaunchFacts;
  readonly threads: number = 1;
  readonly nodes: number = 1;
  readonly workspaceBytes: number = 0;
  readonly fillsCard: boolean;
  readonly hasParts: boolean = false;
  private readonly device: CudaDevice;
  private readonly from: Reference;
  private readonly to: Reference;
  private readonly bytes: number;

  constructor({ device }: LaunchBinder, layout: FrameLayout, launch: CopyLaunch) {
    this.facts = launch.facts;
    this.device = device;
    this.fillsCard = fillsCard(launch, device.target);
    this.from = layout.reference(launch.from);
    this.to = layout.reference(launch.to);
    this.bytes = launch.bytes;
  }

  issue(bases: Float64Array): void {
    const { driver, stream } = this.device;
    driver.copyOnDevice(addressOf(bases, this.to), addressOf(bases, this.from), this.bytes, stream);
  }
}

/** A host function: the stream is waited for, operands come to the host, the result goes back. */
class BoundHostCall implements BoundLaunch {
  readonly facts: LaunchFacts;
  readonly threads: number = 1;
  readonly nodes: number = 1;
  readonly workspaceBytes: number = 0;
  readonly fillsCard: boolean = true;
  readonly hasParts: boolean = false;
  private readonly device: CudaDevice;
  private readonly staging: Staging;
  private readonly launch: HostLaunch;
  private readonly layout: FrameLayout;

  constructor({ device, staging }: LaunchBinder, layout: FrameLayout, launch: HostLaunch) {
    this.facts = launch.facts;
    this.device = device;
    this.staging = staging;
    this.launch = launch;
    this.layout = layout;
  }

  issue(bases: Float64Array): void {
    const { inputs, name, output } = this.launch;
    const kernel = customKernel(name);
    if (kernel === undefined) {
      throw new UsageError(
        `custom: kernel must be registered, got "${name}"; call registerCustomKernel first`,
      );
    }
    const operands = inputs.map((input) => this.fetch(bases, input));
    const { dtype, elements } = output;
    const result = hostView(dtype, new ArrayBuffer(elements * dtypeBytes(dtype)));
    kernel(operands, result);
    const bytes = new Uint8Array(result.buffer, result.byteOffset, result.byteLength);
    this.staging.write(addressOf(bases, this.layout.reference(output.operand)), bytes);
  }

  private fetch(bases: Float64Array, { dtype, elements, operand }: HostArgument): HostArray {
    const address = addressOf(bases, this.layout.reference(operand));
    const bytes = fetchBytes(this.device, this.staging, address, elements * dtypeBytes(dtype));
    return hostView(dtype, bytes.buffer, 0, elements);
  }
}

/** Device memory as a fresh host array, once the stream has come so far. */
function fetchBytes(
  device: CudaDevice,
  staging: Staging,
  address: number,
  bytes: number,
): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(bytes);
  if (bytes === 0) return result;
  const pinned = staging.take(bytes);
  try {
    device.driver.copyToHost(pinned.address, address, bytes, device.stream);
    device.synchronize();
    result.set(pinned.bytes.subarray(0, bytes));
    return result;
  } finally {
    staging.give(pinned);
  }
}

class BoundLoop implements BoundLaunch {
  readonly facts: LaunchFacts;
  readonly threads: number;
  readonly nodes: number;
  readonly workspaceBytes: number;
  /** Its trips are many launches in order. */
  readonly fillsCard: boolean = true;
  readonly hasParts: boolean = false;
  private readonly binder: LaunchBinder;
  private readonly launch: LoopLaunch;
  private readonly outer: FrameLayout;
  private readonly inner: FrameLayout;
  private readonly body: readonly BoundLaunch[];
  private readonly inputs: readonly ReturnType<FrameLayout["tripReference"]>[];
  private readonly outputs: readonly ReturnType<FrameLayout["tripReference"]>[];

  constructor(binder: LaunchBinder, outer: FrameLayout, launch: LoopLaunch) {
    this.binder = binder;
    this.launch = launch;
    this.outer = outer;
    this.inner = new FrameLayout(launch.inputs.length, launch.outputs.length);
    this.body = bindLaunches(binder, this.inner, launch.body);
    this.inputs = launch.inputs.map((input) => outer.tripReference(input));
    this.outputs = launch.outputs.map((output) => outer.tripReference(output));
    this.facts = launch.facts;
    this.threads = Math.max(...this.body.map(({ threads }) => threads), 1);
    this.nodes = launch.trips * this.body.reduce((sum, { nodes }) => sum + nodes, 0);
    this.workspaceBytes = workspaceOf(this.body);
  }

  issue(bases: Float64Array, watch: LaunchWatch | null): void {
    const { trips } = this.launch;
    // Nested loops and repeated runs each need bases of their own.
    const inner = new Float64Array(this.inner.size);
    inner[this.inner.temporaries] = addressOf(bases, this.outer.reference(this.launch.temporaries));
    inner[this.inner.scratch] = bases[this.outer.scratch];
    inner[this.inner.errors] = bases[this.outer.errors];
    inner[this.inner.workspace] = bases[this.outer.workspace];
    let trip = 0;
    for (; trip < trips && this.isWanted(bases, trip); trip++) {
      this.setTrip(bases, inner, trip);
      issueAll(this.body, inner, watch);
    }
    this.copyResults(bases, trip);
  }

  private isWanted(bases: Float64Array, trip: number): boolean {
    const { condition } = this.launch;
    if (condition === null) return true;
    const { device, staging } = this.binder;
    const address = tripAddress(bases, this.outer.tripReference(condition), trip);
    return fetchBytes(device, staging, address, 1)[0] !== 0;
  }

  private setTrip(bases: Float64Array, inner: Float64Array, trip: number): void {
    const { inputs, outputs } = this;
    for (let i = 0; i < inputs.length; i++) inner[i] = tripAddress(bases, inputs[i], trip);
    for (let i = 0; i < outputs.length; i++) {
      inner[inputs.length + i] = tripAddress(bases, outputs[i], trip);
    }
  }

  /** Carries of a conditional loop go to their results from where the next trip would read them. */
  private copyResults(bases: Float64Array, trips: number): void {
    const { driver, stream } = this.binder.device;
    for (const { bytes, from, to } of this.launch.results) {
      const source = tripAddress(bases, this.outer.tripReference(from), trips);
      const target = addressOf(bases, this.outer.reference(to));
      if (source !== target) driver.copyOnDevice(target, source, bytes, stream);
    }
  }
}

/** Most workspace any of the launches asks for. */
export function workspaceOf(launches: readonly BoundLaunch[]): number {
  return launches.reduce((most, { workspaceBytes }) => Math.max(most, workspaceBytes), 0);
}

/** Puts launches on the stream, in order. */
export function issueAll(
  launches: readonly BoundLaunch[],
  bases: Float64Array,
  watch: LaunchWatch | null,
): void {
  for (const launch of launches) {
    watch?.before(launch.facts);
    launch.issue(bases, watch);
    watch?.after(launch.facts);
  }
}

/** Launches with kernels and library calls made ready. */
export function bindLaunches(
  binder: LaunchBinder,
  layout: FrameLayout,
  launches: readonly Launch[],
): BoundLaunch[] {
  return launches.map((launch) => bind(binder, layout, launch));
}

function bind(binder: LaunchBinder, layout: FrameLayout, launch: Launch): BoundLaunch {
  switch (launch.kind) {
    case "kernel":
      invariant(launch.blocks > 0 && launch.threads > 0, `${launch.entry} has threads`);
      return new BoundKernel(binder, layout, launch);
    case "library":
      return new BoundLibraryCall(binder, layout, launch);
    case "copy":
      return new BoundCopy(binder, layout, launch);
    case "host":
      return new BoundHostCall(binder, layout, launch);
    case "loop":
      return new BoundLoop(binder, layout, launch);
    default:
      return launch satisfies never;
  }
}
