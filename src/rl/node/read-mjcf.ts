import { readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { CheckpointError } from "../../base/errors.ts";
import type { MjcfSource } from "../mujoco/simulation.ts";

/**
 * Reads a model's XML file with all it names: included files, meshes, textures and height fields.
 *
 * ```ts
 * const env = await mujocoEnv({ mjcf: await readMjcf("robot/scene.xml"), reward });
 * ```
 *
 * @throws {CheckpointError} if one of the files cannot be read.
 */
export async function readMjcf(path: string): Promise<MjcfSource> {
  const folder = dirname(path);
  const xml = await readText(path, path);
  const files: Record<string, Uint8Array> = {};
  await collect(xml, folder, path, files);
  return { xml, files };
}

async function collect(
  xml: string,
  folder: string,
  from: string,
  files: Record<string, Uint8Array>,
): Promise<void> {
  for (const name of namedFiles(xml)) {
    if (Object.hasOwn(files, name)) continue;
    const bytes = await read(join(folder, name), from);
    files[name] = bytes;
    if (name.endsWith(".xml")) await collect(new TextDecoder().decode(bytes), folder, name, files);
  }
}

/** Paths of files, seen from the model's folder, as the model's compiler options place them. */
function namedFiles(xml: string): readonly string[] {
  const text = xml.replaceAll(/<!--[\s\S]*?-->/g, "");
  const compiler = /<compiler\b[^>]*>/.exec(text)?.[0] ?? "";
  const assets = attribute(compiler, "assetdir") ?? "";
  const folders: Readonly<Record<string, string>> = {
    mesh: attribute(compiler, "meshdir") ?? assets,
    hfield: "",
    texture: attribute(compiler, "texturedir") ?? assets,
    include: "",
  };
  const names: string[] = [];
  for (const [tag, kind] of text.matchAll(/<(mesh|hfield|texture|include)\b[^>]*>/g)) {
    const file = attribute(tag, "file");
    if (file !== undefined) names.push(normalize(join(folders[kind], file)));
  }
  return names;
}

function attribute(tag: string, name: string): string | undefined {
  return new RegExp(`\\b${name}\\s*=\\s*["']([^"']*)["']`).exec(tag)?.[1];
}

async function readText(path: string, from: string): Promise<string> {
  return new TextDecoder().decode(await read(path, from));
}

async function read(path: string, from: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError(`readMjcf: ${from} needs the file ${path}, got: ${reason}`, {
      cause,
    });
  }
}
