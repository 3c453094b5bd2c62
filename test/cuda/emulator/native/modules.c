/* Compiled units: shared objects of the host, in an image that names the architecture it is for. */
#include "emulator.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An image: what nvrtc.c writes and cuModuleLoadData reads. */
struct image {
  char magic[8]; /* "ATHEMUC" for a cubin, "ATHEMUP" for PTX */
  int capability;
  u32 bytes;
};
struct module {
  u32 magic;
  void *library;
};
struct emu_function {
  u32 magic;
  const char *name;
  void (*entry)(void **);
  const u64 *sizes; /* of parameters, 0 ends */
  int limit, max_threads;
  u32 max_shared;
};

int cuModuleLoadData(u64 *handle, const void *data) {
  int error = emu_context_error();
  if (error) return error;
  const struct image *image = data;
  int is_cubin = memcmp(image->magic, "ATHEMUC", 8) == 0;
  if (!is_cubin && memcmp(image->magic, "ATHEMUP", 8) != 0) return CU_INVALID_IMAGE;
  int device = emu.major * 10 + emu.minor;
  int fits = is_cubin ? image->capability / 10 == emu.major && image->capability <= device
                      : image->capability <= device;
  if (!fits) return CU_NO_BINARY_FOR_GPU;
  static int serial;
  char path[700];
  snprintf(path, sizeof path, "%s/module-%d-%d.so", emu.cache, (int)getpid(), serial++);
  FILE *file = fopen(path, "wb");
  if (file == NULL) return CU_INVALID_IMAGE;
  fwrite(image + 1, 1, image->bytes, file);
  fclose(file);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) emu_problem("a unit does not load: %s", dlerror());
  unlink(path);
  if (library == NULL) return CU_INVALID_IMAGE;
  void (*bind)(struct emu_api *) = (void (*)(struct emu_api *))dlsym(library, "emu_bind");
  if (bind == NULL) return CU_INVALID_IMAGE;
  bind(&emu_api);
  struct module *module = calloc(1, sizeof *module);
  module->magic = MAGIC_MODULE;
  module->library = library;
  *handle = (u64)(uintptr_t)module;
  return CU_OK;
}
int cuModuleLoadDataEx(u64 *handle, const void *data, u32 count, void *options, void *values) {
  (void)count;
  (void)options;
  (void)values;
  return cuModuleLoadData(handle, data);
}
int cuModuleUnload(u64 handle) {
  struct module *module = emu_object(handle, MAGIC_MODULE);
  if (module == NULL) return CU_INVALID_HANDLE;
  int error = emu_flush_all();
  module->magic = 0;
  dlclose(module->library);
  return error;
}
int cuModuleGetFunction(u64 *handle, u64 module_handle, const char *name) {
  int error = emu_context_error();
  if (error) return error;
  struct module *module = emu_object(module_handle, MAGIC_MODULE);
  if (module == NULL) return CU_INVALID_HANDLE;
  char symbol[600];
  snprintf(symbol, sizeof symbol, "emu_entry_%s", name);
  void *entry = dlsym(module->library, symbol);
  if (entry == NULL) return CU_NOT_FOUND;
  snprintf(symbol, sizeof symbol, "emu_sizes_%s", name);
  const u64 *sizes = dlsym(module->library, symbol);
  snprintf(symbol, sizeof symbol, "emu_threads_%s", name);
  const int *threads = dlsym(module->library, symbol);
  struct emu_function *function = calloc(1, sizeof *function);
  function->magic = MAGIC_FUNCTION;
  function->name = strdup(name);
  function->entry = (void (*)(void **))entry;
  function->sizes = sizes;
  function->limit = 49152;
  function->max_threads = threads && *threads > 0 ? *threads : 1024;
  *handle = (u64)(uintptr_t)function;
  return CU_OK;
}
int cuModuleGetGlobal_v2(u64 *address, u64 *bytes, u64 module_handle, const char *name) {
  struct module *module = emu_object(module_handle, MAGIC_MODULE);
  if (module == NULL) return CU_INVALID_HANDLE;
  void *symbol = dlsym(module->library, name);
  if (symbol == NULL) return CU_NOT_FOUND;
  *address = (u64)(uintptr_t)symbol;
  if (bytes) *bytes = 0;
  return CU_OK;
}

int cuFuncSetAttribute(u64 handle, int attribute, int value) {
  int error = emu_context_error();
  if (error) return error;
  struct emu_function *function = emu_object(handle, MAGIC_FUNCTION);
  if (function == NULL) return CU_INVALID_HANDLE;
  if (attribute == 8) {
    if (value < 0 || value > 232448) return CU_INVALID_VALUE;
    function->limit = value > 49152 ? value : 49152;
  }
  return CU_OK;
}
int cuFuncGetAttribute(int *value, int attribute, u64 handle) {
  struct emu_function *function = emu_object(handle, MAGIC_FUNCTION);
  if (function == NULL) return CU_INVALID_HANDLE;
  *value = attribute == 0 ? function->max_threads : attribute == 4 ? 32 : attribute == 8 ? function->limit : 0;
  return CU_OK;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, u64 handle, int threads, size_t shared) {
  if (emu_object(handle, MAGIC_FUNCTION) == NULL) return CU_INVALID_HANDLE;
  int by_threads = 2048 / threads, by_shared = shared ? (int)(233472 / (shared + 1024)) : 32;
  *blocks = by_threads < by_shared ? by_threads : by_shared;
  if (*blocks > 32) *blocks = 32;
  return CU_OK;
}

/* Parameters by value, as a launch takes them: the caller may reuse its memory at once. */
int emu_pack_launch(u64 handle, u32 *shape, u32 shared, void **parameters, void **data, size_t *bytes) {
  struct emu_function *function = emu_object(handle, MAGIC_FUNCTION);
  if (function == NULL) return CU_INVALID_HANDLE;
  u32 threads = shape[3] * shape[4] * shape[5];
  for (int i = 0; i < 6; i++)
    if (shape[i] == 0) return CU_INVALID_VALUE;
  if (shape[1] > 65535 || shape[2] > 65535) return CU_INVALID_VALUE;
  if (threads > 1024 || shared > (u32)function->limit) return CU_INVALID_VALUE;
  if (threads > (u32)function->max_threads) return CU_LAUNCH_OUT_OF_RESOURCES;
  struct emu_launch launch;
  memset(&launch, 0, sizeof launch);
  launch.function = function;
  memcpy(launch.grid, shape, 12);
  memcpy(launch.block, shape + 3, 12);
  launch.shared = shared;
  size_t total = sizeof launch;
  while (function->sizes[launch.count] != 0 && launch.count < 16) {
    total = (total + 15) / 16 * 16;
    launch.offsets[launch.count] = total;
    total += function->sizes[launch.count++];
  }
  *data = malloc(total);
  memcpy(*data, &launch, sizeof launch);
  for (u32 i = 0; i < launch.count; i++)
    memcpy((char *)*data + launch.offsets[i], parameters[i], function->sizes[i]);
  *bytes = total;
  return CU_OK;
}
int emu_launch_op(struct emu_op *op) {
  struct emu_launch *launch = op->data;
  void *parameters[16];
  for (u32 i = 0; i < launch->count; i++) parameters[i] = (char *)op->data + launch->offsets[i];
  struct emu_kernel kernel = {.name = launch->function->name, .entry = launch->function->entry, .shared = launch->shared};
  memcpy(kernel.grid, launch->grid, 12);
  memcpy(kernel.block, launch->block, 12);
  emu.kernels++;
  if (emu.alternating) emu.reversed = emu.kernels & 1;
  return emu_run_blocks(&kernel, parameters);
}
int cuLaunchKernel(u64 function, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared, u64 stream,
                   void **parameters, void **extra) {
  int error = emu_context_error();
  if (error) return error;
  if (extra != NULL) return CU_INVALID_VALUE;
  u32 shape[6] = {gx, gy, gz, bx, by, bz};
  void *data;
  size_t bytes;
  error = emu_pack_launch(function, shape, shared, parameters, &data, &bytes);
  if (error) return error;
  error = emu_enqueue(stream, OP_KERNEL, emu_launch_op, data, bytes);
  free(data);
  return error;
}
/* config: { grid 3, block 3, shared u32, pad, stream u64@32, attributes u64, count u32 } */
int cuLaunchKernelEx(void *config, u64 function, void **parameters, void **extra) {
  u32 *words = config;
  u64 stream = *(u64 *)(words + 8);
  return cuLaunchKernel(function, words[0], words[1], words[2], words[3], words[4], words[5], words[6],
                        stream, parameters, extra);
}
