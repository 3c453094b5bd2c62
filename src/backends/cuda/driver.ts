import type { AthanorError } from "../../base/errors.ts";
import { cudaError, deadContext, isSticky } from "./errors.ts";
import type { Ffi, ForeignFunction, ForeignLibrary, ForeignValue } from "./ffi.ts";
import { FunctionTable } from "./function-table.ts";
import { driverPrototypes } from "./prototypes.ts";
import type { DriverFunction } from "./prototypes.ts";

/** Attributes of a device. */
export const deviceAttribute = {
  multiprocessors: 16,
  cacheBytes: 38,
  capabilityMajor: 75,
  capabilityMinor: 76,
  sharedBytesPerBlock: 97,
  virtualMemory: 102,
  memoryPools: 115,
} as const;

/** Attributes of a pool of the driver. */
const poolAttribute = { releaseThreshold: 4, reserved: 5, used: 7 } as const;

const DYNAMIC_SHARED_BYTES = 8;
const STREAM_NON_BLOCKING = 1;
const EVENT_WITHOUT_TIMING = 2;
const NOT_READY = 600;
const OUT_OF_MEMORY = 2;
const CAPTURE_RELAXED = 2;
const SET_CAPTURE_DEPENDENCIES = 1;
/** Kernels get more dynamic shared memory than this only if they were told. */
const DEFAULT_SHARED_BYTES = 48 * 1024;

const allocation = {
  pinned: 1,
  device: 1,
  readWrite: 3,
  recommendedGranularity: 1,
} as const;

/** Grid, block and parameters of one launch. */
export interface LaunchShape {
  readonly blocks: number;
  readonly threads: number;
  readonly sharedBytes: number;
}

/**
 * The driver API, for one device. Results are Numbers; failures are Athanor errors. After a sticky
 * error every call is refused. The device's context must be current: see `makeCurrent`.
 */
export class Driver {
  readonly version: number;
  private readonly ffi: Ffi;
  private readonly functions: FunctionTable<DriverFunction>;
  private readonly word: Int32Array = new Int32Array(new ArrayBuffer(16));
  private readonly wide: BigUint64Array = new BigUint64Array(new ArrayBuffer(16));
  private readonly wideToo: BigUint64Array = new BigUint64Array(new ArrayBuffer(16));
  private readonly milliseconds: Float32Array = new Float32Array(new ArrayBuffer(16));
  private readonly launchKernel: ForeignFunction;
  private readonly launchGraphFunction: ForeignFunction;
  private failure: AthanorError | null = null;
  /** Work issued since the device last caught up; names the suspects of a sticky error. */
  private readonly pending: string[] = [];
  private pendingCount: number = 0;

  /** @throws {DeviceError} if the driver does not start (no card, a mismatch of versions). */
  constructor(ffi: Ffi, library: ForeignLibrary) {
    this.ffi = ffi;
    this.functions = new FunctionTable(library, driverPrototypes);
    this.version = 0;
    this.version = this.number("cuDriverGetVersion");
    this.call("cuInit", "", 0);
    this.launchKernel = this.functions.get("cuLaunchKernel");
    this.launchGraphFunction = this.functions.get("cuGraphLaunch");
  }

  /** Whether the context can still be used. */
  get isDead(): boolean {
    return this.failure !== null;
  }

  /** Remembers what was issued, for the message of an error that shows up later. */
  note(work: string): void {
    this.pendingCount++;
    if (this.pending.at(-1) === work) return;
    if (this.pending.length === 4) this.pending.shift();
    this.pending.push(work);
  }

  /** Calls any function of the driver; `detail` is for the message if it fails. */
  call(name: DriverFunction, detail: string, ...values: ForeignValue[]): void {
    if (this.failure !== null) throw deadContext(name, this.failure);
    const code = this.functions.get(name)(...values);
    if (code !== 0) this.fail(name, code, detail);
  }

  /** Calls and returns the code instead of throwing on those that are listed. */
  private attempt(name: DriverFunction, allowed: number, ...values: ForeignValue[]): boolean {
    if (this.failure !== null) throw deadContext(name, this.failure);
    const code = this.functions.get(name)(...values);
    if (code !== 0 && code !== allowed) this.fail(name, code, "");
    return code === 0;
  }

  private fail(call: string, code: number, detail: string): never {
    const error = cudaError({
      call,
      code,
      name: this.textOf("cuGetErrorName", code),
      text: this.textOf("cuGetErrorString", code),
      driverVersion: this.version,
      detail,
      pending: this.pendingText(),
    });
    if (isSticky(code)) this.failure = error;
    throw error;
  }

  private pendingText(): string {
    if (this.pendingCount === 0) return "";
    const last = this.pending.toReversed().join(", before it ");
    return this.pendingCount === 1 ? last : `one of ${this.pendingCount} runs, the last ${last}`;
  }

  private textOf(name: "cuGetErrorName" | "cuGetErrorString", code: number): string {
    if (this.functions.get(name)(code, this.wide) !== 0 || this.wide[0] === 0n) return "unknown";
    return readText(new Uint8Array(this.ffi.view(Number(this.wide[0]), 256)));
  }

  private number(name: DriverFunction, ...values: ForeignValue[]): number {
    this.call(name, "", this.word, ...values);
    return this.word[0];
  }

  private handle(name: DriverFunction, detail: string, ...values: ForeignValue[]): number {
    this.call(name, detail, this.wide, ...values);
    return Number(this.wide[0]);
  }

  // Devices and contexts.

  deviceCount(): number {
    return this.number("cuDeviceGetCount");
  }

  device(ordinal: number): number {
    this.call("cuDeviceGet", `device ${ordinal}`, this.word, ordinal);
    return this.word[0];
  }

  deviceName(device: number): string {
    const text = new Uint8Array(256);
    this.call("cuDeviceGetName", "", text, text.length, device);
    return readText(text);
  }

  totalBytes(device: number): number {
    return this.handle("cuDeviceTotalMem_v2", "", device);
  }

  attribute(name: keyof typeof deviceAttribute, device: number): number {
    return this.number("cuDeviceGetAttribute", deviceAttribute[name], device);
  }

  retainContext(device: number): number {
    return this.handle("cuDevicePrimaryCtxRetain", `device ${device}`, device);
  }

  releaseContext(device: number): void {
    this.call("cuDevicePrimaryCtxRelease_v2", "", device);
  }

  makeCurrent(context: number): void {
    this.call("cuCtxSetCurrent", "", context);
  }

  // Streams and events.

  createStream(): number {
    return this.handle("cuStreamCreateWithPriority", "", STREAM_NON_BLOCKING, 0);
  }

  destroyStream(stream: number): void {
    this.call("cuStreamDestroy_v2", "", stream);
  }

  /** Waits for everything on the stream. */
  synchronize(stream: number): void {
    this.call("cuStreamSynchronize", "", stream);
    this.caughtUp();
  }

  private caughtUp(): void {
    this.pending.length = 0;
    this.pendingCount = 0;
  }

  createEvent(options: { readonly timing: boolean }): number {
    return this.handle("cuEventCreate", "", options.timing ? 0 : EVENT_WITHOUT_TIMING);
  }

  record(event: number, stream: number): void {
    this.call("cuEventRecord", "", event, stream);
  }

  /** Whether the device has come past the event. */
  isReached(event: number): boolean {
    return this.attempt("cuEventQuery", NOT_READY, event);
  }

  waitFor(event: number): void {
    this.call("cuEventSynchronize", "", event);
  }

  elapsed(start: number, end: number): number {
    this.call("cuEventElapsedTime", "", this.milliseconds, start, end);
    return this.milliseconds[0];
  }

  destroyEvent(event: number): void {
    this.call("cuEventDestroy_v2", "", event);
  }

  // Memory.

  memoryInfo(): { readonly free: number; readonly total: number } {
    this.call("cuMemGetInfo_v2", "", this.wide, this.wideToo);
    return { free: Number(this.wide[0]), total: Number(this.wideToo[0]) };
  }

  /** The device's pool, which is told to keep what is freed. */
  memoryPool(device: number): number {
    const pool = this.handle("cuDeviceGetDefaultMemPool", "", device);
    this.wideToo[0] = 0xffff_ffff_ffff_ffffn;
    this.call("cuMemPoolSetAttribute", "", pool, poolAttribute.releaseThreshold, this.wideToo);
    return pool;
  }

  poolBytes(pool: number, what: "reserved" | "used"): number {
    this.call("cuMemPoolGetAttribute", "", pool, poolAttribute[what], this.wide);
    return Number(this.wide[0]);
  }

  trimPool(pool: number): void {
    this.call("cuMemPoolTrimTo", "", pool, 0);
  }

  /** Memory in the order of the stream, or null if there is no room. */
  tryAllocateAsync(bytes: number, stream: number): number | null {
    const done = this.attempt("cuMemAllocAsync", OUT_OF_MEMORY, this.wide, bytes, stream);
    return done ? Number(this.wide[0]) : null;
  }

  freeAsync(address: number, stream: number): void {
    this.call("cuMemFreeAsync", "", address, stream);
  }

  /** Memory at once, or null if there is no room. */
  tryAllocate(bytes: number): number | null {
    return this.attempt("cuMemAlloc_v2", OUT_OF_MEMORY, this.wide, bytes)
      ? Number(this.wide[0])
      : null;
  }

  free(address: number): void {
    this.call("cuMemFree_v2", "", address);
  }

  /** Smallest unit in which memory is mapped. */
  mappingGranularity(device: number): number {
    const option = allocation.recommendedGranularity;
    return this.handle("cuMemGetAllocationGranularity", "", mappingProperties(device), option);
  }

  reserveAddresses(bytes: number): number {
    return this.handle("cuMemAddressReserve", `${bytes} bytes`, bytes, 0, 0, 0);
  }

  releaseAddresses(address: number, bytes: number): void {
    this.call("cuMemAddressFree", "", address, bytes);
  }

  /** Puts memory behind reserved addresses; returns its handle, or null if there is no room. */
  tryMap(address: number, bytes: number, device: number): number | null {
    const properties = mappingProperties(device);
    const hasRoom = this.attempt("cuMemCreate", OUT_OF_MEMORY, this.wide, bytes, properties, 0);
    if (!hasRoom) return null;
    const handle = Number(this.wide[0]);
    this.call("cuMemMap", "", address, bytes, 0, handle, 0);
    const access = Int32Array.of(allocation.device, device, allocation.readWrite);
    this.call("cuMemSetAccess", "", address, bytes, access, 1);
    return handle;
  }

  unmap(address: number, bytes: number, handle: number): void {
    this.call("cuMemUnmap", "", address, bytes);
    this.call("cuMemRelease", "", handle);
  }

  allocateHost(bytes: number): number {
    return this.handle("cuMemHostAlloc", `${bytes} bytes of pinned memory`, bytes, 0);
  }

  freeHost(address: number): void {
    this.call("cuMemFreeHost", "", address);
  }

  copyToDevice(to: number, from: number, bytes: number, stream: number): void {
    this.call("cuMemcpyHtoDAsync_v2", `${bytes} bytes`, to, from, bytes, stream);
  }

  copyToHost(to: number, from: number, bytes: number, stream: number): void {
    this.call("cuMemcpyDtoHAsync_v2", `${bytes} bytes`, to, from, bytes, stream);
  }

  copyOnDevice(to: number, from: number, bytes: number, stream: number): void {
    if (bytes === 0) return;
    this.call("cuMemcpyDtoDAsync_v2", `${bytes} bytes`, to, from, bytes, stream);
  }

  clear(address: number, bytes: number, stream: number): void {
    this.call("cuMemsetD8Async", `${bytes} bytes`, address, 0, bytes, stream);
  }

  // Modules and launches.

  /** @param origin - what the image was compiled by and for. */
  loadModule(image: Uint8Array, origin = ""): number {
    return this.handle("cuModuleLoadData", `${image.length} bytes ${origin}`, image);
  }

  unloadModule(module: number): void {
    this.call("cuModuleUnload", "", module);
  }

  /** A kernel, allowed to use so much dynamic shared memory. */
  kernel(module: number, name: string, sharedBytes: number): number {
    const kernel = this.handle("cuModuleGetFunction", name, module, name);
    if (sharedBytes > DEFAULT_SHARED_BYTES) {
      const detail = `${sharedBytes} bytes of shared memory for ${name}`;
      this.call("cuFuncSetAttribute", detail, kernel, DYNAMIC_SHARED_BYTES, sharedBytes);
    }
    return kernel;
  }

  /** @param parameters - address of a table of addresses of the parameters. */
  launch(kernel: number, shape: LaunchShape, parameters: number, stream: number): void {
    if (this.failure !== null) throw deadContext("cuLaunchKernel", this.failure);
    const { blocks, threads, sharedBytes: shared } = shape;
    const { launchKernel } = this;
    const code = launchKernel(kernel, blocks, 1, 1, threads, 1, 1, shared, stream, parameters, 0);
    if (code === 0) return;
    this.fail(
      "cuLaunchKernel",
      code,
      `${blocks} blocks of ${threads} threads with ${shared} bytes of shared memory`,
    );
  }

  // Graphs.

  beginCapture(stream: number): void {
    this.call("cuStreamBeginCapture_v2", "", stream, CAPTURE_RELAXED);
  }

  endCapture(stream: number): number {
    this.call("cuStreamEndCapture", "", stream, this.wide);
    return Number(this.wide[0]);
  }

  /**
   * Whether the nodes of a captured graph can be given other edges than those of a chain: tried on a
   * stream that is not captured.
   */
  canOrderCapture(stream: number): boolean {
    const has = (...names: DriverFunction[]): boolean =>
      names.some((name) => this.functions.has(name));
    if (!has("cuStreamGetCaptureInfo_v3", "cuStreamGetCaptureInfo_v2")) return false;
    if (!has("cuStreamUpdateCaptureDependencies_v2", "cuStreamUpdateCaptureDependencies")) {
      return false;
    }
    this.beginCapture(stream);
    try {
      this.setCaptureNodes(stream, this.captureNodes(stream));
      return true;
    } catch (error) {
      if (this.isDead) throw error;
      return false;
    } finally {
      if (!this.isDead) this.destroyGraph(this.endCapture(stream));
    }
  }

  /** The nodes of a capture that its next node will wait for: at first, those it made last. */
  captureNodes(stream: number): bigint[] {
    const { wide, wideToo, word } = this;
    // From CUDA 12.3 on edges carry data, and the older function refuses to leave it out.
    if (this.functions.has("cuStreamGetCaptureInfo_v3")) {
      const edges = new BigUint64Array(1);
      const name = "cuStreamGetCaptureInfo_v3";
      this.call(name, "", stream, word, null, null, wide, edges, wideToo);
    } else {
      this.call("cuStreamGetCaptureInfo_v2", "", stream, word, null, null, wide, wideToo);
    }
    const count = Number(wideToo[0]);
    if (count === 0) return [];
    return [...new BigUint64Array(this.ffi.view(Number(wide[0]), 8 * count))];
  }

  /** Sets what the next node of a capture waits for; with none, it begins a path of its own. */
  setCaptureNodes(stream: number, nodes: readonly bigint[]): void {
    const list = BigUint64Array.from(nodes.length === 0 ? [0n] : nodes);
    const flags = SET_CAPTURE_DEPENDENCIES;
    if (this.functions.has("cuStreamUpdateCaptureDependencies_v2")) {
      const name = "cuStreamUpdateCaptureDependencies_v2";
      this.call(name, "", stream, list, null, nodes.length, flags);
    } else {
      this.call("cuStreamUpdateCaptureDependencies", "", stream, list, nodes.length, flags);
    }
  }

  nodeCount(graph: number): number {
    this.call("cuGraphGetNodes", "", graph, null, this.wide);
    return Number(this.wide[0]);
  }

  instantiate(graph: number): number {
    return this.handle("cuGraphInstantiateWithFlags", "", graph, 0);
  }

  /** Gives an executable graph the parameters of another of the same form; false if it differs. */
  tryUpdate(executable: number, graph: number): boolean {
    if (this.failure !== null) throw deadContext("cuGraphExecUpdate", this.failure);
    const information = new BigUint64Array(3);
    const code = this.functions.get("cuGraphExecUpdate_v2")(executable, graph, information);
    if (code !== 0 && isSticky(code)) this.fail("cuGraphExecUpdate_v2", code, "");
    return code === 0;
  }

  upload(executable: number, stream: number): void {
    this.call("cuGraphUpload", "", executable, stream);
  }

  launchGraph(executable: number, stream: number): void {
    if (this.failure !== null) throw deadContext("cuGraphLaunch", this.failure);
    const code = this.launchGraphFunction(executable, stream);
    if (code !== 0) this.fail("cuGraphLaunch", code, "");
  }

  destroyExecutable(executable: number): void {
    this.call("cuGraphExecDestroy", "", executable);
  }

  destroyGraph(graph: number): void {
    this.call("cuGraphDestroy", "", graph);
  }
}

/** CUmemAllocationProp of pinned memory on a device. */
function mappingProperties(device: number): Int32Array {
  return Int32Array.of(allocation.pinned, 0, allocation.device, device, 0, 0, 0, 0);
}

/** Text up to the first zero. */
export function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}
