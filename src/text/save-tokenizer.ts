import { UnsupportedOpError } from "../base/errors.ts";
import { writeFile } from "../io/byte-sink.ts";
import { JsonTokenizer } from "./json-tokenizer.ts";
import type { TextTokenizer } from "./tokenizer.ts";

/**
 * Writes `tokenizer.json`, `tokenizer_config.json` and, if there is a chat template,
 * `chat_template.jinja` into a folder, from which `loadTokenizer` and transformers'
 * `AutoTokenizer.from_pretrained` read them.
 *
 * @throws {UnsupportedOpError} for tokenizers that are no files (bytes, GPT-2's package);
 *   {CheckpointError} if a file cannot be written.
 */
export async function saveTokenizer(folder: string, tokenizer: TextTokenizer): Promise<void> {
  if (!(tokenizer instanceof JsonTokenizer)) {
    throw new UnsupportedOpError(
      `saveTokenizer: only tokenizers that were loaded from files or trained can be saved, got ` +
        `${tokenizer.name}; it needs no files`,
    );
  }
  const { json, config, template } = tokenizer.files;
  const { chat_template: _kept, ...rest } = config;
  await writeText(
    `${folder}/tokenizer.json`,
    JSON.stringify({ version: "1.0", truncation: null, padding: null, ...json }),
  );
  await writeText(`${folder}/tokenizer_config.json`, `${JSON.stringify(rest, undefined, 2)}\n`);
  if (template !== undefined) await writeText(`${folder}/chat_template.jinja`, template);
}

function writeText(path: string, text: string): Promise<void> {
  return writeFile(path, (sink) => sink.write(new TextEncoder().encode(text)));
}
