/* Initialisation, devices, contexts, errors, and what tests may set. */
#include "emulator.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct emu_state emu;

struct context {
  u32 magic;
  int device, references;
};
static struct context contexts[8];
static int is_initialized;
static pthread_key_t current_key;
static int has_key;
static char problems[8192];

void emu_problem(const char *format, ...) {
  size_t used = strlen(problems);
  if (used + 512 > sizeof problems) return;
  va_list list;
  va_start(list, format);
  vsnprintf(problems + used, 500, format, list);
  va_end(list);
  strcat(problems, "\n");
}

void *emu_object(u64 handle, u32 magic) {
  if (handle < 65536 || (handle & 3) != 0) return NULL;
  u32 *object = (u32 *)(uintptr_t)handle;
  return *object == magic ? object : NULL;
}

/* The defaults of an H100 with little memory. */
void emu_reset(void) {
  emu_reset_streams();
  emu_reset_memory();
  emu.capacity = (u64)4 << 30;
  emu.devices = 1;
  emu.major = 9;
  emu.minor = 0;
  emu.multiprocessors = 132;
  emu.driver_version = 13000;
  emu.nvrtc_major = 13;
  emu.nvrtc_minor = 0;
  emu.sticky = 0;
  emu.reversed = 0;
  emu.alternating = 0;
  is_initialized = 0;
  memset(contexts, 0, sizeof contexts);
  if (has_key) pthread_setspecific(current_key, NULL);
  problems[0] = 0;
}

void emu_configure(const char *cc, const char *include, const char *cache) {
  snprintf(emu.cc, sizeof emu.cc, "%s", cc);
  snprintf(emu.include, sizeof emu.include, "%s", include);
  snprintf(emu.cache, sizeof emu.cache, "%s", cache);
  if (emu.devices == 0 && emu.capacity == 0) emu_reset();
}

void emu_set(const char *what, double value) {
  if (!strcmp(what, "capacity")) emu.capacity = (u64)value;
  else if (!strcmp(what, "devices")) emu.devices = (int)value;
  else if (!strcmp(what, "capability")) {
    emu.major = (int)value / 10;
    emu.minor = (int)value % 10;
  } else if (!strcmp(what, "multiprocessors")) emu.multiprocessors = (int)value;
  else if (!strcmp(what, "driverVersion")) emu.driver_version = (int)value;
  else if (!strcmp(what, "nvrtcMajor")) emu.nvrtc_major = (int)value;
  else if (!strcmp(what, "nvrtcMinor")) emu.nvrtc_minor = (int)value;
  else if (!strcmp(what, "reversed")) emu.reversed = (int)value;
  else if (!strcmp(what, "alternating")) emu.alternating = (int)value;
  else if (!strcmp(what, "sticky")) emu.sticky = (int)value;
}

double emu_get(const char *what) {
  if (!strcmp(what, "used")) return (double)emu.used;
  if (!strcmp(what, "kernels")) return (double)emu.kernels;
  if (!strcmp(what, "graphLaunches")) return (double)emu.graph_launches;
  if (!strcmp(what, "allocations")) return (double)emu.allocations;
  if (!strcmp(what, "copies")) return (double)emu.copies;
  if (!strcmp(what, "captures")) return (double)emu.captures;
  if (!strcmp(what, "graphDepth")) return (double)emu.depth;
  return -1;
}

/* Takes the defects noted since the last call. */
int emu_take_problems(char *text, u64 size) {
  snprintf(text, size, "%s", problems);
  problems[0] = 0;
  return (int)strlen(text);
}

int emu_context_error(void) {
  if (!is_initialized) return CU_NOT_INITIALIZED;
  if (!has_key || pthread_getspecific(current_key) == NULL) return CU_INVALID_CONTEXT;
  return emu.sticky;
}

int cuInit(u32 flags) {
  if (flags != 0) return CU_INVALID_VALUE;
  if (emu.devices == 0) return CU_NO_DEVICE;
  if (!has_key) has_key = pthread_key_create(&current_key, NULL) == 0;
  is_initialized = 1;
  return CU_OK;
}
int cuDriverGetVersion(int *version) {
  *version = emu.driver_version;
  return CU_OK;
}
int cuDeviceGetCount(int *count) {
  if (!is_initialized) return CU_NOT_INITIALIZED;
  *count = emu.devices;
  return CU_OK;
}
int cuDeviceGet(int *device, int ordinal) {
  if (!is_initialized) return CU_NOT_INITIALIZED;
  if (ordinal < 0 || ordinal >= emu.devices) return CU_INVALID_DEVICE;
  *device = ordinal;
  return CU_OK;
}
int cuDeviceGetName(char *name, int size, int device) {
  snprintf(name, size, "Emulated GPU %d", device);
  return CU_OK;
}
int cuDeviceTotalMem_v2(u64 *bytes, int device) {
  if (device >= emu.devices) return CU_INVALID_DEVICE;
  *bytes = emu.capacity;
  return CU_OK;
}
int cuDeviceGetUuid_v2(char *uuid, int device) {
  memset(uuid, device + 1, 16);
  return CU_OK;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  if (!is_initialized) return CU_NOT_INITIALIZED;
  if (device < 0 || device >= emu.devices) return CU_INVALID_DEVICE;
  switch (attribute) {
    case 1: *value = 1024; break; /* threads of a block */
    case 8: *value = 49152; break; /* shared memory of a block */
    case 10: *value = 32; break; /* warp size */
    case 12: *value = 65536; break; /* registers of a block */
    case 13: *value = 1755000; break; /* clock in kHz */
    case 16: *value = emu.multiprocessors; break;
    case 36: *value = 2619000; break; /* memory clock in kHz */
    case 37: *value = 5120; break; /* memory bus in bits */
    case 38: *value = 50 << 20; break; /* second-level cache */
    case 39: *value = 2048; break; /* threads of a multiprocessor */
    case 75: *value = emu.major; break;
    case 76: *value = emu.minor; break;
    case 81: *value = 233472; break; /* shared memory of a multiprocessor */
    case 82: *value = 65536; break; /* registers of a multiprocessor */
    case 95: *value = 1; break; /* cooperative launch */
    case 97: *value = 232448; break; /* shared memory a block may ask for */
    case 102: *value = 1; break; /* virtual memory management */
    case 106: *value = 32; break; /* blocks of a multiprocessor */
    case 110: *value = 1; break;
    case 115: *value = 1; break; /* memory pools */
    default: *value = 0;
  }
  return CU_OK;
}

int cuDevicePrimaryCtxSetFlags_v2(int device, u32 flags) {
  (void)flags;
  return device < emu.devices ? CU_OK : CU_INVALID_DEVICE;
}
int cuDevicePrimaryCtxRetain(u64 *context, int device) {
  if (!is_initialized) return CU_NOT_INITIALIZED;
  if (device < 0 || device >= emu.devices) return CU_INVALID_DEVICE;
  contexts[device].magic = MAGIC_CONTEXT;
  contexts[device].device = device;
  contexts[device].references++;
  *context = (u64)(uintptr_t)&contexts[device];
  return CU_OK;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  if (device < 0 || device >= emu.devices) return CU_INVALID_DEVICE;
  if (contexts[device].references == 0) return CU_INVALID_CONTEXT;
  if (--contexts[device].references == 0) {
    emu_flush_all();
    contexts[device].magic = 0;
    emu.sticky = 0; /* a new context starts anew; a real process does not recover in every case */
  }
  return CU_OK;
}
int cuCtxSetCurrent(u64 context) {
  if (!is_initialized) return CU_NOT_INITIALIZED;
  if (context != 0 && emu_object(context, MAGIC_CONTEXT) == NULL) return CU_INVALID_CONTEXT;
  pthread_setspecific(current_key, (void *)(uintptr_t)context);
  return CU_OK;
}
int cuCtxGetCurrent(u64 *context) {
  if (!is_initialized) return CU_NOT_INITIALIZED;
  *context = (u64)(uintptr_t)pthread_getspecific(current_key);
  return CU_OK;
}
int cuCtxSynchronize(void) {
  int error = emu_context_error();
  return error ? error : emu_flush_all();
}

static const struct {
  int code;
  const char *name, *text;
} errors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {35, "CUDA_ERROR_INSUFFICIENT_DRIVER", "CUDA driver version is insufficient"},
    {36, "CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER", "API call requires newer CUDA driver"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {710, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
    {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {910, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE", "the graph update was not performed because it included changes which violated constraints specific to instantiated graph update"},
};

static const char *error_text(int code, int wants_name) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (errors[i].code == code) return wants_name ? errors[i].name : errors[i].text;
  return NULL;
}
int cuGetErrorName(int code, const char **text) {
  *text = error_text(code, 1);
  return *text ? CU_OK : CU_INVALID_VALUE;
}
int cuGetErrorString(int code, const char **text) {
  *text = error_text(code, 0);
  return *text ? CU_OK : CU_INVALID_VALUE;
}
