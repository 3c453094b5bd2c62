/**
 * A real card for the self-checks beside this file: operands, runs, and comparison with sums in
 * float64. It needs the built dist and koffi.
 */
import { CudaDevice } from "../../dist/backends/cuda/device.js";
import { LibrarySearch } from "../../dist/backends/cuda/library-search.js";
import { OutOfMemoryError } from "../../dist/base/errors.js";
import {
  bf16FromNumber,
  bf16ToNumber,
  dtypeBytes,
  f16FromNumber,
  f16ToNumber,
  hostView,
} from "../../dist/ir/dtype.js";

/** Elements of a result that are compared. */
export const SAMPLES = 96;
/** Operands repeat this many values, so that large ones cost no time to make. */
export const PERIOD = 65_521;

export const product = (list) => list.reduce((all, size) => all * size, 1);

const encode = {
  f64: (x) => x,
  f32: (x) => x,
  f16: f16FromNumber,
  bf16: bf16FromNumber,
  i32: (x) => Math.round(x * 100),
};
export const decode = {
  f64: (x) => x,
  f32: (x) => x,
  f16: f16ToNumber,
  bf16: bf16ToNumber,
  i32: (x) => x,
};

/** Values in [-1, 1), as stored, and as numbers. */
export function valuesOf(dtype, seed) {
  let state = (seed * 2_654_435_761) >>> 0;
  const stored = hostView(dtype, new ArrayBuffer(PERIOD * dtypeBytes(dtype)));
  for (let i = 0; i < PERIOD; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    stored[i] = encode[dtype](state / 2 ** 31 - 1);
  }
  return { stored, numbers: Float64Array.from(stored, (x) => decode[dtype](x)) };
}

export const repeated = (stored, count) => {
  const data = new stored.constructor(count);
  for (let at = 0; at < count; at += PERIOD) {
    data.set(stored.subarray(0, Math.min(PERIOD, count - at)), at);
  }
  return data;
};

/** A real device, with what executors need. */
export class Card {
  constructor(ffi) {
    this.ffi = ffi;
    this.libraries = new LibrarySearch(this.ffi);
    this.device = new CudaDevice(this.ffi, this.libraries, 0);
    this.device.activate();
    const { device, libraries } = this;
    const { driver, ordinal, stream, target } = device;
    this.context = {
      ffi,
      target,
      ordinal,
      stream,
      find: (name) => libraries.find(name),
      open: (name) => libraries.open(name),
      withMemory: (bytes, use) => {
        const address = this.allocate(bytes);
        try {
          return use(address);
        } finally {
          device.synchronize();
          driver.free(address);
        }
      },
      time: (issue) => {
        const [start, end] = [
          driver.createEvent({ timing: true }),
          driver.createEvent({ timing: true }),
        ];
        driver.record(start, stream);
        issue();
        driver.record(end, stream);
        driver.waitFor(end);
        const milliseconds = driver.elapsed(start, end);
        driver.destroyEvent(start);
        driver.destroyEvent(end);
        return milliseconds;
      },
    };
  }

  allocate(bytes) {
    const address = this.device.driver.tryAllocate(Math.max(bytes, 256));
    if (address === null) throw new OutOfMemoryError(`probe: no room for ${bytes} bytes`);
    return address;
  }

  upload(data, shift = 0) {
    const address = this.allocate(data.byteLength + 256) + shift;
    const { driver, stream } = this.device;
    driver.copyToDevice(address, this.ffi.address(data), data.byteLength, stream);
    this.device.synchronize();
    return address;
  }

  download(address, data) {
    const { driver, stream } = this.device;
    driver.copyToHost(this.ffi.address(data), address, data.byteLength, stream);
    this.device.synchronize();
    return data;
  }
}

/** How far a sum may be off: rounding of the result, and of what was added up. */
const limits = {
  f64: { result: 2 ** -53, sum: 1e-15 },
  f32: { result: 2 ** -24, sum: 6e-7 },
  tf32: { result: 2 ** -24, sum: 1e-3 },
  f16: { result: 2 ** -11, sum: 6e-7 },
  bf16: { result: 2 ** -8, sum: 6e-7 },
  i32: { result: 0, sum: 0 },
};

/** Largest error relative to what is allowed, and relative to the root mean square. */
export function compare(samples, precision) {
  const { result, sum } = limits[precision];
  let worst = 0;
  let error = 0;
  let squares = 0;
  for (const { got, expected, magnitude } of samples) {
    const off = Math.abs(got - expected);
    const allowed = 1.01 * result * Math.abs(expected) + sum * magnitude;
    worst = Math.max(worst, Number.isNaN(off) ? Infinity : off === 0 ? 0 : off / allowed);
    error = Math.max(error, Number.isNaN(off) ? Infinity : off);
    squares += expected * expected;
  }
  const scale = Math.sqrt(squares / samples.length) || 1;
  return { isRight: worst <= 1, relativeError: error / scale };
}

/** Best time of several runs of a prepared call, in milliseconds. */
function bestTime(card, call, addresses, workspace) {
  const { stream } = card.device;
  let best = Infinity;
  call.run(addresses, workspace, stream);
  for (let i = 0; i < 10; i++) {
    best = Math.min(
      best,
      card.context.time(() => call.run(addresses, workspace, stream)),
    );
  }
  return best;
}

export function runCall(card, executor, call, operands, shift = 0) {
  const prepared = executor.prepare(call);
  const addresses = operands.map(({ data }) => card.upload(data, shift));
  const workspace = card.allocate(prepared.workspaceBytes);
  const time = bestTime(card, prepared, addresses, workspace);
  const results = operands.map(({ data, isResult }, i) =>
    isResult ? card.download(addresses[i], data) : null,
  );
  const again = operands.map(({ data, isResult }, i) => {
    if (!isResult) return true;
    prepared.run(addresses, workspace, card.device.stream);
    const second = card.download(addresses[i], new data.constructor(data.length));
    const bytes = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
    return bytes(second).equals(bytes(data));
  });
  const { driver } = card.device;
  for (const address of addresses) driver.free(address - shift);
  driver.free(workspace);
  return { results, time, isRepeatable: again.every(Boolean), workspace: prepared.workspaceBytes };
}
