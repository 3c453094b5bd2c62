import { defaultDevice } from "../engine/devices.ts";
import { communicationOf } from "./card-memory.ts";
import type { LauncherEnvironment } from "./launcher-environment.ts";
import { NcclGroup, untilReady } from "./nccl-group.ts";
import { NcclLibrary } from "./nccl-library.ts";
import { openStore } from "./tcp-connect.ts";
import type { TcpStore } from "./tcp-store.ts";

/**
 * The world over NCCL, on the default device.
 * @throws {DeviceError} if that is no card, or NCCL is not installed; {DistributedError} if the other
 *   ranks do not come.
 */
export async function connectNccl(
  place: LauncherEnvironment,
  timeoutSeconds: number,
): Promise<NcclGroup> {
  const device = defaultDevice();
  const card = communicationOf(device);
  const library = new NcclLibrary(card.libraries.open("nccl"));
  const store = await openStore(place, "nccl", timeoutSeconds);
  const { rank, worldSize } = place;
  try {
    const id = await shareId(library, store);
    card.activate();
    const comm = library.begin(id, rank, worldSize);
    await untilReady(library, comm, timeoutSeconds, () => store.requireAlive());
    const ranks = Array.from({ length: worldSize }, (_, i) => i);
    const process = { library, card, device, store, timeoutSeconds };
    return new NcclGroup(process, { comm, id: "world", rank, ranks });
  } catch (error) {
    store.destroy();
    throw error;
  }
}

/** Rank 0 makes the identifier; the others get it from the store. */
async function shareId(library: NcclLibrary, store: TcpStore): Promise<Uint8Array> {
  const key = "nccl/id";
  if (store.rank > 0) return Uint8Array.from(Buffer.from(await store.get(key), "base64"));
  const id = library.uniqueId();
  await store.set(key, Buffer.from(id).toString("base64"));
  return id;
}
