import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Driver, readText } from "../../../src/backends/cuda/driver.ts";
import { FunctionTable } from "../../../src/backends/cuda/function-table.ts";
import { nvrtcPrototypes } from "../../../src/backends/cuda/prototypes.ts";
import { devicePrelude } from "../../../src/compiler/cuda/prelude.ts";
import { emulatorObstacle, nativeFolder } from "./compiler.ts";
import { emulator } from "./emulator.ts";
import type { EmulatedMachine, Emulator } from "./emulator.ts";

const obstacle = emulatorObstacle();

interface Device {
  readonly machine: Emulator;
  readonly driver: Driver;
  readonly stream: number;
}

function start(options: EmulatedMachine = {}): Device {
  const machine = emulator(options);
  const driver = new Driver(machine.ffi, machine.ffi.open("libcuda.so.1"));
  driver.makeCurrent(driver.retainContext(driver.device(0)));
  return { machine, driver, stream: driver.createStream() };
}

/** Compiles text after the device's prelude; returns the image or the log. */
function compile(
  machine: Emulator,
  text: string,
): { image: Uint8Array; log: string; code: number } {
  const nvrtc = new FunctionTable(machine.ffi.open("libnvrtc.so.13"), nvrtcPrototypes);
  const wide = new BigUint64Array(1);
  nvrtc.get("nvrtcCreateProgram")(wide, devicePrelude + text, "program", 0, null, null);
  const program = Number(wide[0]);
  const option = new TextEncoder().encode("--gpu-architecture=sm_90\0");
  const options = new BigUint64Array([BigInt(machine.ffi.address(option))]);
  const code = nvrtc.get("nvrtcCompileProgram")(program, 1, options);
  nvrtc.get("nvrtcGetProgramLogSize")(program, wide);
  const log = new Uint8Array(Number(wide[0]));
  nvrtc.get("nvrtcGetProgramLog")(program, log);
  let image = new Uint8Array();
  if (code === 0) {
    nvrtc.get("nvrtcGetCUBINSize")(program, wide);
    image = new Uint8Array(Number(wide[0]));
    nvrtc.get("nvrtcGetCUBIN")(program, image);
  }
  return { image, log: readText(log), code };
}

interface Launch {
  readonly blocks?: number;
  readonly threads?: number;
  readonly sharedBytes?: number;
}

/** Runs `k(words)` once over words; returns them as they are afterwards. */
function runKernel(
  device: Device,
  text: string,
  words: Int32Array,
  launch: Launch = {},
): Int32Array {
  const { driver, machine, stream } = device;
  const { image, log } = compile(machine, text);
  expect(log).toBe("");
  const kernel = driver.kernel(driver.loadModule(image), "k", launch.sharedBytes ?? 0);
  const address = driver.tryAllocate(words.byteLength) ?? 0;
  const host = driver.allocateHost(words.byteLength);
  const pinned = new Int32Array(machine.ffi.view(host, words.byteLength));
  pinned.set(words);
  driver.copyToDevice(address, host, words.byteLength, stream);
  const block = new BigUint64Array([BigInt(address), 3n]);
  const table = new BigUint64Array([BigInt(machine.ffi.address(block))]);
  const shape = { blocks: 1, threads: 1, sharedBytes: 0, ...launch };
  driver.launch(kernel, shape, machine.ffi.address(table), stream);
  block.fill(0n); // parameters were taken by value
  driver.copyToHost(host, address, words.byteLength, stream);
  driver.synchronize(stream);
  const result = pinned.slice();
  driver.free(address);
  driver.freeHost(host);
  return result;
}

const words = "typedef struct { u64 w[2]; } words;\n";
const entry = (body: string): string =>
  `${words}extern __shared__ __align__(16) char shared[];\n` +
  `extern "C" __global__ __launch_bounds__(1024) void k(const __grid_constant__ words w) {\n` +
  `int *x = (int *)w.w[0]; int n = (int)w.w[1];\n${body}\n}\n`;

describe.skipIf(obstacle !== null)("emulated device", () => {
  it("runs every thread of every block", () => {
    const text = entry("int i = blockIdx.x * blockDim.x + threadIdx.x; x[i] += n * i;");
    const result = runKernel(start(), text, new Int32Array(64).fill(1), { blocks: 8, threads: 8 });
    expect([...result]).toEqual(Array.from({ length: 64 }, (_, i) => 1 + 3 * i));
  });

  it.each([false, true])("meets at barriers and in warps (descending: %s)", (reversed) => {
    const body = `
      int *s = (int *)shared;
      int t = threadIdx.x;
      s[t] = x[t];
      __syncthreads();
      int other = s[(t + 1) % 96];
      __syncthreads();
      s[t] = shuffle_xor_i32(other, 1);
      u32 even = __ballot_sync(0xffffffffu, t % 2 == 0);
      __syncthreads();
      x[t] = s[t] * 2 + (even == 0x55555555u);`;
    const data = Int32Array.from({ length: 96 }, (_, i) => i);
    const launch = { threads: 96, sharedBytes: 96 * 4 };
    const result = runKernel(start({ reversed }), entry(body), data, launch);
    expect([...result]).toEqual([...data].map((i) => ((i ^ 1) + 1) % 96).map((v) => v * 2 + 1));
  });

  it("shows a missing barrier by the order of threads", () => {
    const body = "int *s = (int *)shared; s[threadIdx.x] = 1; x[threadIdx.x] = s[n];";
    const launch = { threads: 32, sharedBytes: 128 };
    const first = runKernel(start(), entry(body), new Int32Array(32), launch);
    const second = runKernel(start({ reversed: true }), entry(body), new Int32Array(32), launch);
    expect([...first]).not.toEqual([...second]);
  });

  it.each([
    ["((int *)64)[n] = 1;", 700, "no device memory"],
    ["x[threadIdx.x + 64] = 1;", 700, "no device memory"],
    ["x[0] = x[0] / (n - 3);", 719, "division by zero"],
    ["x[0] = (int)read_v16((char *)x + 4).x;", 719, "misaligned"],
    ["if (threadIdx.x < 40) { __syncwarp(0xffffffffu); }", 719, "has ended"],
    ["((int *)shared)[n] = 1;", 719, "past the end of shared memory"],
  ])("stops at %s", (body, code, problem) => {
    const device = start();
    const launch = { threads: 64, sharedBytes: 8 };
    const run = (): unknown => runKernel(device, entry(body), new Int32Array(64), launch);
    expect(run).toThrow(String(code));
    expect(device.machine.takeProblems().join()).toContain(problem);
    expect(() => device.driver.synchronize(device.stream)).toThrow("dead");
  });

  it("notices writes past the end of a buffer", () => {
    const device = start();
    runKernel(device, entry("x[n + 1] = 1;"), new Int32Array(3));
    expect(device.machine.takeProblems()).toEqual([
      "a buffer of 12 bytes: written 5 bytes past its end",
    ]);
  });

  it("fills fresh memory with NaN", () => {
    const { driver, machine, stream } = start();
    const address = driver.tryAllocate(8) ?? 0;
    const host = driver.allocateHost(8);
    driver.copyToHost(host, address, 8, stream);
    driver.synchronize(stream);
    expect([...new Float32Array(machine.ffi.view(host, 8))]).toEqual([NaN, NaN]);
  });

  it("runs work as late as a device may", () => {
    const { driver, machine, stream } = start();
    const address = driver.tryAllocate(4) ?? 0;
    const host = driver.allocateHost(8);
    const pinned = new Int32Array(machine.ffi.view(host, 8));
    pinned.set([5, 0]);
    driver.copyToDevice(address, host, 4, stream);
    driver.copyToHost(host + 4, address, 4, stream);
    pinned[0] = 6;
    expect(pinned[1]).toBe(0);
    const event = driver.createEvent({ timing: false });
    driver.record(event, stream);
    expect(driver.isReached(event)).toBe(false);
    expect(driver.isReached(event)).toBe(true);
    expect(pinned[1]).toBe(6);
  });

  it("records graphs, replays and updates them", () => {
    const { driver, machine, stream } = start();
    const address = driver.tryAllocate(8) ?? 0;
    const host = driver.allocateHost(8);
    const pinned = new Uint8Array(machine.ffi.view(host, 8));
    const capture = (record: () => void): number => {
      driver.beginCapture(stream);
      record();
      return driver.endCapture(stream);
    };
    const graph = capture(() => {
      driver.copyToDevice(address, host, 4, stream);
      driver.copyOnDevice(address + 4, address, 4, stream);
    });
    expect(driver.nodeCount(graph)).toBe(2);
    const executable = driver.instantiate(graph);
    for (const value of [1, 2]) {
      pinned.fill(value);
      driver.launchGraph(executable, stream);
      driver.synchronize(stream);
    }
    driver.copyToHost(host, address, 8, stream);
    driver.synchronize(stream);
    expect([...pinned]).toEqual(Array(8).fill(2));
    const other = capture(() => {
      driver.clear(address, 8, stream);
    });
    expect(driver.tryUpdate(executable, other)).toBe(false);
    const same = capture(() => {
      driver.copyToDevice(address, host, 1, stream);
      driver.copyOnDevice(address + 1, address, 1, stream);
    });
    expect(driver.tryUpdate(executable, same)).toBe(true);
    expect(() => capture(() => driver.synchronize(stream))).toThrow("900");
  });

  it("maps memory behind reserved addresses, up to its capacity", () => {
    const megabytes = 1 << 20;
    const { driver, machine, stream } = start({ capacity: 8 * megabytes });
    const address = driver.reserveAddresses(64 * megabytes);
    const handle = driver.tryMap(address, 4 * megabytes, 0) ?? 0;
    driver.clear(address, 4 * megabytes, stream);
    expect(machine.count("used")).toBe(4 * megabytes);
    expect(driver.tryAllocate(5 * megabytes)).toBeNull();
    expect(() => driver.clear(address + 4 * megabytes, 1, stream)).toThrow("invalid argument");
    driver.unmap(address, 4 * megabytes, handle);
    expect(machine.count("used")).toBe(0);
  });

  it("has every function of the device's prelude", () => {
    const text = readFileSync(join(nativeFolder, "prelude.h"), "utf8");
    const names = [...devicePrelude.matchAll(/^DEVICE [\w ]+[ *](\w+)\(/gm)].map(
      ([, name]) => name,
    );
    expect(names.length).toBeGreaterThan(60);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
  });

  it("reports errors of units with the lines of their text", () => {
    const machine = emulator();
    const { code, log } = compile(machine, entry("x[0] = unknown;"));
    expect(code).toBe(6);
    const line = devicePrelude.split("\n").length + 4;
    expect(log).toMatch(new RegExp(`program.cu\\(${line}\\): error: .*unknown`));
  });

  it("fails calls as told and lacks libraries", () => {
    const { driver, machine } = start({ missing: ["cudnn"] });
    machine.fail("cuMemAlloc_v2", 2, { skip: 1, times: 1 });
    expect([1, 2, 3].map(() => driver.tryAllocate(16) !== null)).toEqual([true, false, true]);
    expect(() => machine.ffi.open("libcudnn.so.9")).toThrow("cannot open shared object file");
  });

  it("refuses an image of another architecture", () => {
    const { machine } = start();
    const { image } = compile(machine, entry(""));
    const { driver } = start({ capability: 80 });
    expect(() => driver.loadModule(image)).toThrow("209");
  });
});
