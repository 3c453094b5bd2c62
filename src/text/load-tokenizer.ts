import { CheckpointError, ConfigError } from "../base/errors.ts";
import { decodeUtf8 } from "../io/byte-cursor.ts";
import { openSource } from "../io/byte-source.ts";
import { fileExists } from "../io/file-exists.ts";
import { openGguf } from "../io/gguf/gguf-file.ts";
import type { ChatTemplate as Template } from "./chat-template.ts";
import { ChatTemplate, loadTemplateCompiler } from "./chat-template.ts";
import { tokenizerOfGguf } from "./gguf-tokenizer.ts";
import { JsonTokenizer, loadStepsFactory } from "./json-tokenizer.ts";
import { tokenizerOfRanks } from "./tiktoken-file.ts";
import type { TokenizerConfigJson, TokenizerJson } from "./tokenizer-json.ts";
import { checkTokenizerJson, configToken } from "./tokenizer-json.ts";
import type { TextTokenizer } from "./tokenizer.ts";

/** What {@link loadTokenizer} cannot read from the files. */
export interface LoadTokenizerOptions {
  /** A chat template in Jinja, instead of the one of the files. */
  readonly chatTemplate?: string;
  /**
   * Added tokens that texts do not become, beyond those that the file calls special and those
   * spelled `<|…|>`; `<think>` of some families, for example.
   */
  readonly controlTokens?: readonly string[];
  /** For files of ranks: the expression that splits texts before merging. @defaultValue cl100k's */
  readonly pattern?: string;
  /** For files of ranks: special tokens by spelling. */
  readonly specialTokens?: Readonly<Record<string, number>>;
}

/** The content of the files of one tokenizer. */
interface Files {
  readonly name: string;
  readonly json: TokenizerJson;
  readonly config: TokenizerConfigJson;
  readonly template?: string;
}

/**
 * Loads the tokenizer of a language model: a folder with `tokenizer.json` (and, if they are there,
 * `tokenizer_config.json`, `special_tokens_map.json` and `chat_template.jinja`), a `.json` file of that format, a `.gguf` file,
 * or a `.tiktoken` or `tiktoken.model` file of ranks. Needs the npm packages
 * `@huggingface/tokenizers` and, for chat templates, `@huggingface/jinja`.
 *
 * @throws {CheckpointError} if a file is missing or damaged; {ConfigError} if a package is not
 *   installed or an option does not fit.
 * @example
 * const tokenizer = await loadTokenizer("models/SmolLM2-135M-Instruct");
 * const { ids } = tokenizer.applyChatTemplate([{ role: "user", content: "Hello" }], {
 *   addGenerationPrompt: true,
 * });
 */
export async function loadTokenizer(
  path: string,
  options: LoadTokenizerOptions = {},
): Promise<TextTokenizer> {
  const files = await readFiles(path, options);
  return makeJsonTokenizer(files, options);
}

/** The tokenizer of what the files hold, for programs that have them in memory. */
export async function makeJsonTokenizer(
  files: Files,
  options: LoadTokenizerOptions = {},
): Promise<JsonTokenizer> {
  const templateText = templateTextOf(files, options);
  return new JsonTokenizer({
    name: files.name,
    json: files.json,
    config: files.config,
    template: await templateOf(files.config, templateText),
    templateText,
    controlTokens: options.controlTokens ?? [],
    steps: await loadStepsFactory(),
  });
}

async function readFiles(path: string, options: LoadTokenizerOptions): Promise<Files> {
  const place = path.replace(/[/\\]+$/, "");
  if (place.endsWith(".gguf")) return readGguf(place);
  if (/\.(tiktoken|model)$/.test(place)) {
    return {
      name: baseName(place),
      config: {},
      ...tokenizerOfRanks(await readText(place), options),
    };
  }
  if (options.pattern !== undefined || options.specialTokens !== undefined) {
    throw new ConfigError(
      `loadTokenizer: pattern and specialTokens are for files of ranks (.tiktoken), got ${path}; ` +
        "leave them out",
    );
  }
  if (place.endsWith(".json")) return readJsonFiles(place, place.replace(/[^/\\]*$/, ""));
  return readJsonFiles(`${place}/tokenizer.json`, `${place}/`);
}

async function readJsonFiles(file: string, folder: string): Promise<Files> {
  if (!(await fileExists(file))) {
    throw new CheckpointError(
      `loadTokenizer: there must be a tokenizer.json, got none at ${file}; download it beside the ` +
        "weights, or give the path of a .gguf or .tiktoken file",
      { details: { file } },
    );
  }
  const map = await readOptionalJson(`${folder}special_tokens_map.json`);
  const config = await readOptionalJson(`${folder}tokenizer_config.json`);
  const templateFile = `${folder}chat_template.jinja`;
  return {
    name: baseName(folder.replace(/[/\\]+$/, "")) || baseName(file),
    json: checkTokenizerJson(await readJson(file), file),
    config: { ...map, ...config },
    ...((await fileExists(templateFile)) && { template: await readText(templateFile) }),
  };
}

async function readGguf(path: string): Promise<Files> {
  const file = await openGguf(path);
  try {
    return { name: baseName(path), ...tokenizerOfGguf(file.metadata, path) };
  } finally {
    await file.close();
  }
}

function templateTextOf(
  { config, template }: Files,
  { chatTemplate }: LoadTokenizerOptions,
): string | undefined {
  return chatTemplate ?? template ?? defaultTemplate(config["chat_template"]);
}

async function templateOf(
  config: TokenizerConfigJson,
  text: string | undefined,
): Promise<Template | null> {
  if (text === undefined) return null;
  const names = Object.keys(config).filter((name) => name.endsWith("_token"));
  const special = names.flatMap((name) => {
    const token = configToken(config, name);
    return token === null ? [] : [[name, token]];
  });
  return new ChatTemplate(text, Object.fromEntries(special), await loadTemplateCompiler());
}

/** A template, or the one called "default" of several. */
function defaultTemplate(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named = value as readonly { readonly name?: unknown; readonly template?: unknown }[];
  const found = named.find(({ name }) => name === "default") ?? named[0];
  return typeof found?.template === "string" ? found.template : undefined;
}

async function readOptionalJson(path: string): Promise<Record<string, unknown>> {
  if (!(await fileExists(path))) return {};
  const value = await readJson(path);
  return typeof value === "object" && value !== null ? { ...value } : {};
}

async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(
      `loadTokenizer: the file must be JSON, got ${JSON.stringify(text.slice(0, 20))}… in ${path}; ` +
        "download it again",
      { cause, details: { file: path } },
    );
  }
}

async function readText(path: string): Promise<string> {
  const source = await openSource(path, "loadTokenizer");
  try {
    return decodeUtf8(await source.read(0, source.size));
  } finally {
    await source.close();
  }
}

function baseName(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? path;
}
