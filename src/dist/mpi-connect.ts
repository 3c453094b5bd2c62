import { koffiFfi } from "../backends/cuda/koffi-ffi.ts";
import { MpiGroup } from "./mpi-group.ts";
import { MpiLibrary } from "./mpi-library.ts";

/** Open MPI's file name, and the one that MPICH, Intel MPI and Cray MPI share. */
const names = {
  openmpi: ["libmpi.so.40", "libmpi.40.dylib"],
  mpich: ["libmpi.so.12", "libmpich.so.12", "libmpi.12.dylib"],
} as const;

/**
 * The world of the launcher (`mpirun`, `srun`); without one, this process alone.
 * @throws {DeviceError} if there is no MPI library, or no koffi to call it with.
 */
export function connectMpi(timeoutSeconds: number): MpiGroup {
  const ffi = koffiFfi();
  return MpiGroup.world(ffi, MpiLibrary.open(ffi, candidates()), timeoutSeconds);
}

/** The library of the launcher comes first: another one would not find the other processes. */
function candidates(): readonly string[] {
  const named = process.env["ATHANOR_MPI_LIB"];
  if (named !== undefined && named !== "") return [named];
  const isMpich = process.env["PMI_RANK"] !== undefined && !process.env["OMPI_COMM_WORLD_RANK"];
  const { openmpi, mpich } = names;
  return isMpich ? [...mpich, ...openmpi, "libmpi.so"] : [...openmpi, ...mpich, "libmpi.so"];
}
