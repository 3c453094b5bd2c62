/*
 * The runtime compiler: runs a C compiler over text that emulator.ts has already turned from CUDA C
 * into C. Compiled units are kept in the cache folder under a hash of text and compiler.
 */
#include "emulator.h"
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { NVRTC_OK = 0, NVRTC_INVALID_INPUT = 3, NVRTC_INVALID_PROGRAM = 4, NVRTC_INVALID_OPTION = 5, NVRTC_COMPILATION = 6 };

struct program {
  u32 magic;
  char *source, *log, *image;
  size_t image_bytes;
  int capability, is_virtual;
};

static const int architectures[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};
enum { ARCHITECTURES = sizeof architectures / sizeof *architectures };

int nvrtcVersion(int *major, int *minor) {
  *major = emu.nvrtc_major;
  *minor = emu.nvrtc_minor;
  return NVRTC_OK;
}
/* Before 12.8 NVRTC ends at sm_90. */
static int supported(void) {
  int is_old = emu.nvrtc_major < 12 || (emu.nvrtc_major == 12 && emu.nvrtc_minor < 8);
  return is_old ? 7 : ARCHITECTURES;
}
int nvrtcGetNumSupportedArchs(int *count) {
  *count = supported();
  return NVRTC_OK;
}
int nvrtcGetSupportedArchs(int *list) {
  memcpy(list, architectures, supported() * sizeof *list);
  return NVRTC_OK;
}
const char *nvrtcGetErrorString(int code) {
  return code == 0 ? "NVRTC_SUCCESS" : code == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR";
}
int nvrtcCreateProgram(u64 *handle, const char *source, const char *name, int headers, void *texts, void *names) {
  (void)name;
  (void)texts;
  (void)names;
  if (source == NULL || headers != 0) return NVRTC_INVALID_INPUT;
  struct program *program = calloc(1, sizeof *program);
  program->magic = MAGIC_PROGRAM;
  program->source = strdup(source);
  program->log = strdup("");
  *handle = (u64)(uintptr_t)program;
  return NVRTC_OK;
}

static u64 hash(u64 seed, const char *text) {
  for (; *text; text++) seed = (seed ^ (unsigned char)*text) * 0x100000001b3ull;
  return seed;
}
static char *read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  *bytes = ftell(file);
  rewind(file);
  char *text = malloc(*bytes + 1);
  if (fread(text, 1, *bytes, file) != *bytes) *bytes = 0;
  text[*bytes] = 0;
  fclose(file);
  return text;
}

/* emu.cc holds the command and its options, parted by spaces. */
static int run_compiler(const char *output, const char *input, const char *log) {
  char command[512], include[600], *argv[32];
  int count = 0;
  snprintf(command, sizeof command, "%s", emu.cc);
  snprintf(include, sizeof include, "-I%s", emu.include);
  char *rest = command;
  for (char *word; (word = strsep(&rest, " ")) != NULL && count < 24;)
    if (*word) argv[count++] = word;
  char *tail[] = {"-shared", "-o", (char *)output, include, (char *)input, "-lm", NULL};
  for (int i = 0; i < 7; i++) argv[count + i] = tail[i];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child;
  int status = -1;
  if (posix_spawnp(&child, argv[0], &actions, NULL, argv, environ) == 0) waitpid(child, &status, 0);
  posix_spawn_file_actions_destroy(&actions);
  return status;
}

/* Messages as NVRTC writes them: `program.cu(12): error: …`, without folders and columns. */
static char *device_log(const char *log) {
  char *text = malloc(2 * strlen(log) + 1), *to = text;
  for (const char *line = log; *line;) {
    const char *end = strchr(line, '\n');
    size_t length = end ? (size_t)(end - line) + 1 : strlen(line);
    const char *at = strstr(line, "program.cu:");
    if (at != NULL && at < line + length && at[11] >= '0' && at[11] <= '9') {
      char *rest;
      long number = strtol(at + 11, &rest, 10), column = 0;
      if (rest[0] == ':' && rest[1] >= '0' && rest[1] <= '9') column = strtol(rest + 1, &rest, 10);
      (void)column;
      to += sprintf(to, "program.cu(%ld)%.*s", number, (int)(line + length - rest), rest);
    } else {
      memcpy(to, line, length);
      to += length;
    }
    line += length;
  }
  *to = 0;
  return text;
}

static int compile(struct program *program) {
  static int serial;
  char object[700], stem[640], input[700], made[700], log[700];
  u64 first = hash(hash(0xcbf29ce484222325ull, emu.cc), program->source);
  u64 second = hash(hash(0x9e3779b97f4a7c15ull, program->source), emu.include);
  snprintf(object, sizeof object, "%s/%016llx%016llx.so", emu.cache, (unsigned long long)first,
           (unsigned long long)second);
  size_t bytes = 0;
  char *unit = read_file(object, &bytes);
  if (unit == NULL) {
    snprintf(stem, sizeof stem, "%s/unit-%d-%d", emu.cache, (int)getpid(), serial++);
    snprintf(input, sizeof input, "%s.c", stem);
    snprintf(made, sizeof made, "%s.so", stem);
    snprintf(log, sizeof log, "%s.log", stem);
    FILE *file = fopen(input, "wb");
    if (file == NULL) return NVRTC_COMPILATION;
    fputs(program->source, file);
    fclose(file);
    int status = run_compiler(made, input, log);
    free(program->log);
    program->log = read_file(log, &bytes);
    if (program->log == NULL) program->log = strdup("the C compiler could not be run");
    char *plain = program->log;
    program->log = device_log(plain);
    free(plain);
    unlink(log);
    if (status != 0) {
      if (getenv("ATHANOR_EMULATOR_KEEP") == NULL) unlink(input);
      return NVRTC_COMPILATION;
    }
    unlink(input);
    rename(made, object);
    unit = read_file(object, &bytes);
    if (unit == NULL) return NVRTC_COMPILATION;
  }
  program->image_bytes = 16 + bytes;
  program->image = calloc(1, program->image_bytes);
  memcpy(program->image, program->is_virtual ? "ATHEMUP" : "ATHEMUC", 8);
  memcpy(program->image + 8, &program->capability, 4);
  u32 size = (u32)bytes;
  memcpy(program->image + 12, &size, 4);
  memcpy(program->image + 16, unit, bytes);
  free(unit);
  return NVRTC_OK;
}

int nvrtcCompileProgram(u64 handle, int count, const char **options) {
  struct program *program = emu_object(handle, MAGIC_PROGRAM);
  if (program == NULL) return NVRTC_INVALID_PROGRAM;
  program->capability = 75;
  program->is_virtual = 1;
  for (int i = 0; i < count; i++) {
    const char *at = strstr(options[i], "-arch");
    if (at == NULL) continue;
    at = strchr(at, '=');
    if (at == NULL) return NVRTC_INVALID_OPTION;
    program->is_virtual = strncmp(at + 1, "compute_", 8) == 0;
    program->capability = atoi(at + 1 + (program->is_virtual ? 8 : 3));
    int known = 0;
    for (int k = 0; k < supported(); k++) known |= architectures[k] == program->capability;
    if (!known) {
      free(program->log);
      program->log = strdup("nvrtc: error: invalid value for --gpu-architecture (-arch)\n");
      return NVRTC_INVALID_OPTION;
    }
  }
  return compile(program);
}
int nvrtcGetProgramLogSize(u64 handle, u64 *bytes) {
  struct program *program = emu_object(handle, MAGIC_PROGRAM);
  if (program == NULL) return NVRTC_INVALID_PROGRAM;
  *bytes = strlen(program->log) + 1;
  return NVRTC_OK;
}
int nvrtcGetProgramLog(u64 handle, char *text) {
  struct program *program = emu_object(handle, MAGIC_PROGRAM);
  if (program == NULL) return NVRTC_INVALID_PROGRAM;
  strcpy(text, program->log);
  return NVRTC_OK;
}
static int image_size(u64 handle, int is_virtual, u64 *bytes) {
  struct program *program = emu_object(handle, MAGIC_PROGRAM);
  if (program == NULL || program->image == NULL) return NVRTC_INVALID_PROGRAM;
  *bytes = program->is_virtual == is_virtual || is_virtual ? program->image_bytes : 0;
  return NVRTC_OK;
}
static int image_of(u64 handle, int is_virtual, char *data) {
  struct program *program = emu_object(handle, MAGIC_PROGRAM);
  if (program == NULL || program->image == NULL) return NVRTC_INVALID_PROGRAM;
  memcpy(data, program->image, program->image_bytes);
  memcpy(data, is_virtual ? "ATHEMUP" : "ATHEMUC", 8);
  return NVRTC_OK;
}
int nvrtcGetCUBINSize(u64 handle, u64 *bytes) { return image_size(handle, 0, bytes); }
int nvrtcGetCUBIN(u64 handle, char *data) { return image_of(handle, 0, data); }
int nvrtcGetPTXSize(u64 handle, u64 *bytes) { return image_size(handle, 1, bytes); }
int nvrtcGetPTX(u64 handle, char *data) { return image_of(handle, 1, data); }
int nvrtcDestroyProgram(u64 *handle) {
  struct program *program = emu_object(*handle, MAGIC_PROGRAM);
  if (program == NULL) return NVRTC_INVALID_PROGRAM;
  program->magic = 0;
  free(program->source);
  free(program->log);
  free(program->image);
  *handle = 0;
  return NVRTC_OK;
}
