import { DistributedError } from "../base/errors.ts";
import type { DType } from "../ir/dtype.ts";
import type { ForeignLibrary, ForeignValue } from "../backends/cuda/ffi.ts";
import { FunctionTable } from "../backends/cuda/function-table.ts";
import type { ReduceOp } from "./reduce-op.ts";

/** Prototypes; `u64` are handles and addresses on the card. */
const prototypes = {
  ncclGetVersion: "int ncclGetVersion(p version)",
  ncclGetUniqueId: "int ncclGetUniqueId(p id)",
  ncclCommInitRankConfig:
    "int ncclCommInitRankConfig(p comm, int size, ncclUniqueId id, int rank, p config)",
  ncclCommSplit: "int ncclCommSplit(u64 comm, int color, int key, p made, p config)",
  ncclAllReduce:
    "int ncclAllReduce(u64 send, u64 recv, size_t count, int type, int op, u64 comm, u64 stream)",
  ncclReduceScatter:
    "int ncclReduceScatter(u64 send, u64 recv, size_t count, int type, int op, u64 comm, u64 stream)",
  ncclAllGather:
    "int ncclAllGather(u64 send, u64 recv, size_t count, int type, u64 comm, u64 stream)",
  ncclBroadcast:
    "int ncclBroadcast(u64 send, u64 recv, size_t count, int type, int root, u64 comm, u64 stream)",
  ncclSend: "int ncclSend(u64 send, size_t count, int type, int peer, u64 comm, u64 stream)",
  ncclRecv: "int ncclRecv(u64 recv, size_t count, int type, int peer, u64 comm, u64 stream)",
  ncclGroupStart: "int ncclGroupStart()",
  ncclGroupEnd: "int ncclGroupEnd()",
  ncclCommGetAsyncError: "int ncclCommGetAsyncError(u64 comm, p code)",
  ncclCommAbort: "int ncclCommAbort(u64 comm)",
  ncclCommDestroy: "int ncclCommDestroy(u64 comm)",
  ncclGetErrorString: "const char *ncclGetErrorString(int code)",
  ncclGetLastError: "const char *ncclGetLastError(u64 comm)",
} as const;

/** Name of a function of NCCL. */
export type NcclFunction = keyof typeof prototypes;

/** What calls on a communicator that does not block may return: not wrong, and not done. */
export const ncclInProgress = 7;

const types: Readonly<Record<DType, number>> = {
  i8: 0,
  u8: 1,
  bool: 1,
  i32: 2,
  u32: 3,
  f16: 6,
  f32: 7,
  f64: 8,
  bf16: 9,
};
const operations: Readonly<Record<ReduceOp, number>> = { sum: 0, prod: 1, max: 2, min: 3, avg: 4 };

/** Bytes of the identifier that the ranks of a communicator share. */
const ncclIdBytes = 128;
/** ncclConfig_t as of NCCL 2.14, which every later version reads: size, magic, version, blocking. */
const config = { bytes: 24, magic: 0xcafebeef, version: 21400, blocking: 0 } as const;
/** Color of ranks that join no part of a communicator. */
const noColor = -1;

/** NCCL's number for a dtype. */
export const ncclType = (dtype: DType): number => types[dtype];

/** NCCL's number for an operation. */
export const ncclOperation = (op: ReduceOp): number => operations[op];

/** NVIDIA's library for communication among cards. Communicators never block the process. */
export class NcclLibrary {
  readonly #functions: FunctionTable<NcclFunction>;

  constructor(library: ForeignLibrary) {
    this.#functions = new FunctionTable(library, prototypes);
  }

  /** Calls a function and returns its code. */
  call(name: NcclFunction, ...values: ForeignValue[]): number {
    return this.#functions.get(name)(...values);
  }

  /** Such as `2.27.3`. */
  version(): string {
    const code = new Int32Array(1);
    this.require("ncclGetVersion", this.call("ncclGetVersion", code));
    const [version] = code;
    return [Math.floor(version / 10_000), Math.floor((version % 10_000) / 100), version % 100].join(
      ".",
    );
  }

  /** A fresh identifier, for one rank to give to the others. */
  uniqueId(): Uint8Array {
    const id = new Uint8Array(ncclIdBytes);
    this.require("ncclGetUniqueId", this.call("ncclGetUniqueId", id));
    return id;
  }

  /** Begins to make a communicator; `state` tells when it is there. @throws {DistributedError} */
  begin(id: Uint8Array, rank: number, size: number): number {
    const made = new BigUint64Array(1);
    const name = "ncclCommInitRankConfig";
    this.require(name, this.call(name, made, size, { internal: id }, rank, nonBlocking()));
    return Number(made[0]);
  }

  /** Begins to split a communicator; undefined for a rank that joins no part. */
  beginSplit(comm: number, color: number | undefined, key: number): number | undefined {
    const made = new BigUint64Array(1);
    const code = this.call("ncclCommSplit", comm, color ?? noColor, key, made, null);
    this.require("ncclCommSplit", code, comm);
    return color === undefined ? undefined : Number(made[0]);
  }

  /** 0, `ncclInProgress`, or the code of what went wrong in a communicator. */
  state(comm: number): number {
    const code = new Int32Array(1);
    const answer = this.call("ncclCommGetAsyncError", comm, code);
    return answer === 0 ? code[0] : answer;
  }

  /** @throws {DistributedError} for the code of a failure. */
  require(name: NcclFunction, code: number, comm = 0): void {
    if (code !== 0 && code !== ncclInProgress) throw this.failure(name, code, comm);
  }

  /** What a code means, with the last that NCCL has written. */
  failure(name: NcclFunction, code: number, comm = 0): DistributedError {
    const text = this.#text("ncclGetErrorString", code);
    const last = this.#text("ncclGetLastError", comm).trim();
    return new DistributedError(
      `nccl: ${name} failed: ${text} (${code})${last === "" ? "" : `: ${last}`}; ` +
        "NCCL_DEBUG=WARN makes NCCL tell more",
      { details: { code } },
    );
  }

  #text(name: "ncclGetErrorString" | "ncclGetLastError", value: number): string {
    const text: unknown = this.call(name, value);
    return typeof text === "string" ? text : "";
  }
}

function nonBlocking(): Uint8Array {
  const bytes = new Uint8Array(config.bytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(config.bytes), true);
  view.setUint32(8, config.magic, true);
  view.setUint32(12, config.version, true);
  view.setInt32(16, config.blocking, true);
  return bytes;
}
