import { DeviceError, DistributedError } from "../base/errors.ts";
import type { Ffi, ForeignFunction, ForeignLibrary, ForeignValue } from "../backends/cuda/ffi.ts";
import { GlobalSymbols } from "./global-symbols.ts";
import type { MpiFamily, MpiHandles } from "./mpi-handles.ts";
import { mpichHandles, openMpiHandles } from "./mpi-handles.ts";

/** Prototypes; `H` is the library's type of handles, and buffers are addresses (`i64`). */
const prototypes = {
  MPI_Get_library_version: "(p text, p length)",
  MPI_Initialized: "(p flag)",
  MPI_Init_thread: "(p argc, p argv, int wanted, p provided)",
  MPI_Finalize: "()",
  MPI_Abort: "(H comm, int code)",
  MPI_Comm_rank: "(H comm, p rank)",
  MPI_Comm_size: "(H comm, p size)",
  MPI_Comm_set_errhandler: "(H comm, H handler)",
  MPI_Comm_split: "(H comm, int color, int key, p made)",
  MPI_Error_string: "(int code, p text, p length)",
  MPI_Test: "(p request, p flag, u64 status)",
  MPI_Iallreduce: "(i64 send, i64 recv, int n, H type, H op, H comm, p request)",
  MPI_Ireduce_scatter_block: "(i64 send, i64 recv, int n, H type, H op, H comm, p request)",
  MPI_Iallgather: "(i64 send, int n, H type, i64 recv, int m, H to, H comm, p request)",
  MPI_Ibcast: "(i64 data, int n, H type, int root, H comm, p request)",
  MPI_Isend: "(i64 data, int n, H type, int to, int tag, H comm, p request)",
  MPI_Irecv: "(i64 data, int n, H type, int from, int tag, H comm, p request)",
} as const;

/** Name of a function of MPI. */
export type MpiFunction = keyof typeof prototypes;

const textBytes = 8192;
const wantsOneThread = 1;
/** MPI_STATUS_IGNORE: NULL in Open MPI, 1 in MPICH. */
const ignoredStatus: Readonly<Record<MpiFamily, number>> = { "Open MPI": 0, MPICH: 1 };

/** An MPI library. */
export class MpiLibrary {
  readonly handles: MpiHandles;
  /** What the library calls itself. */
  readonly version: string;
  readonly #library: ForeignLibrary;
  readonly #functions = new Map<MpiFunction, ForeignFunction>();

  private constructor(library: ForeignLibrary, handles: MpiHandles, version: string) {
    this.#library = library;
    this.handles = handles;
    this.version = version;
  }

  /**
   * Opens the first of some libraries that is there.
   * @throws {DeviceError} that says what was tried.
   */
  static open(ffi: Ffi, names: readonly string[]): MpiLibrary {
    const reasons: string[] = [];
    for (const name of names) {
      try {
        // First for everybody: Open MPI opens plug-ins that look for its symbols.
        const symbols = new GlobalSymbols(ffi, name);
        return MpiLibrary.#identify(ffi.open(name), symbols);
      } catch (error) {
        reasons.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    throw new DeviceError(
      `dist: the backend "mpi" needs an MPI library, got none of ${names.join(", ")}; install one ` +
        "(apt-get install openmpi-bin libopenmpi3), set ATHANOR_MPI_LIB to its file, or use the " +
        'backend "tcp"',
      { details: { reasons } },
    );
  }

  static #identify(library: ForeignLibrary, symbols: GlobalSymbols): MpiLibrary {
    const text = new Uint8Array(textBytes);
    const length = new Int32Array(1);
    const ask = library.function("int MPI_Get_library_version(p text, p length)");
    if (ask(text, length) !== 0) throw new DeviceError(`${library.path} does not say what it is`);
    const version = decode(text, length[0]).split("\n")[0].trim();
    const isOpenMpi = symbols.address("ompi_mpi_comm_world") !== 0;
    return new MpiLibrary(library, isOpenMpi ? openMpiHandles(symbols) : mpichHandles, version);
  }

  /** Starts MPI, once for the life of the process. @throws {DistributedError} with MPI's text. */
  start(): void {
    const flag = new Int32Array(1);
    this.call("MPI_Initialized", flag);
    if (flag[0] !== 0) return;
    this.call("MPI_Init_thread", null, null, wantsOneThread, new Int32Array(1));
    const { world, errorsReturn } = this.handles;
    this.call("MPI_Comm_set_errhandler", world, errorsReturn);
  }

  /** Calls a function. @throws {DistributedError} with MPI's text if it fails. */
  call(name: MpiFunction, ...values: ForeignValue[]): void {
    const code = this.#function(name)(...values);
    if (code !== 0) throw new DistributedError(`mpi: ${name} failed: ${this.#describe(code)}`);
  }

  /** Whether a request has been carried out. */
  isDone(request: BigInt64Array, flag: Int32Array): boolean {
    this.call("MPI_Test", request, flag, ignoredStatus[this.handles.family]);
    return flag[0] !== 0;
  }

  /** A number that a function of a communicator gives. */
  ask(name: "MPI_Comm_rank" | "MPI_Comm_size", communicator: number): number {
    const value = new Int32Array(1);
    this.call(name, communicator, value);
    return value[0];
  }

  /** A part of a communicator, undefined for ranks that join none. */
  split(communicator: number, color: number | undefined, key: number): number | undefined {
    const made = new BigInt64Array(1);
    const { undefinedColor, type } = this.handles;
    this.call("MPI_Comm_split", communicator, color ?? undefinedColor, key, made);
    if (color === undefined) return undefined;
    return type === "int" ? new Int32Array(made.buffer)[0] : Number(made[0]);
  }

  #function(name: MpiFunction): ForeignFunction {
    let known = this.#functions.get(name);
    if (known === undefined) {
      const text = prototypes[name].replaceAll("H ", `${this.handles.type} `);
      known = this.#library.function(`int ${name}${text}`);
      this.#functions.set(name, known);
    }
    return known;
  }

  #describe(code: number): string {
    const text = new Uint8Array(textBytes);
    const length = new Int32Array(1);
    this.#function("MPI_Error_string")(code, text, length);
    return `${decode(text, length[0])} (${code})`;
  }
}

function decode(text: Uint8Array, length: number): string {
  return new TextDecoder().decode(text.subarray(0, length)).replace(/\0.*$/s, "");
}
