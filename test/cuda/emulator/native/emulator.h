/*
 * A CUDA device on the CPU, for tests. What the parts of the emulator share; units (compiled kernels)
 * see only `struct emu_api`, through prelude.h. C11 that both tcc and gcc compile.
 */
#ifndef ATHANOR_EMULATOR_H
#define ATHANOR_EMULATOR_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;

/* Results of the driver API, as cuda.h has them. */
enum {
  CU_OK = 0,
  CU_INVALID_VALUE = 1,
  CU_OUT_OF_MEMORY = 2,
  CU_NOT_INITIALIZED = 3,
  CU_NO_DEVICE = 100,
  CU_INVALID_DEVICE = 101,
  CU_INVALID_IMAGE = 200,
  CU_INVALID_CONTEXT = 201,
  CU_NO_BINARY_FOR_GPU = 209,
  CU_INVALID_HANDLE = 400,
  CU_ILLEGAL_STATE = 401,
  CU_NOT_FOUND = 500,
  CU_NOT_READY = 600,
  CU_ILLEGAL_ADDRESS = 700,
  CU_LAUNCH_OUT_OF_RESOURCES = 701,
  CU_LAUNCH_FAILED = 719,
  CU_CAPTURE_UNSUPPORTED = 900,
  CU_CAPTURE_INVALIDATED = 901,
  CU_CAPTURE_UNJOINED = 904,
  CU_CAPTURE_WRONG_STREAM = 905,
  CU_GRAPH_UPDATE_FAILURE = 910
};

/* What a running kernel sees of its thread, and how it meets others. Same in prelude.h. */
struct emu_dim {
  u32 x, y, z;
};
struct emu_api {
  struct emu_dim thread, block, block_dim, grid_dim;
  char *shared;
  u32 serial; /* of the block that runs */
  /* Waits for the block; returns the sum of all threads' values. */
  int (*barrier)(int value);
  /* Waits for the lanes of mask; returns what each of them gave, 64 bytes a lane. */
  const char *(*exchange)(u32 mask, const void *mine, int bytes);
  void (*fail)(const char *message);
};

/* ---- device.c */
struct emu_state {
  u64 capacity, used;
  int devices, major, minor, multiprocessors, driver_version, nvrtc_major, nvrtc_minor;
  int sticky; /* error that killed the context */
  int reversed; /* threads in descending order */
  int alternating; /* in descending order in every second launch */
  u64 kernels, graph_launches, allocations, copies, captures;
  u64 depth; /* nodes on the longest path of the graph that was launched last */
  char cc[512], include[512], cache[512];
};
extern struct emu_state emu;
/* 0, or why a call that needs a live current context must fail. */
int emu_context_error(void);
/* Notes a defect of the program under test, such as a write past the end of a buffer. */
void emu_problem(const char *format, ...);

/* ---- blocks.c */
struct emu_kernel {
  const char *name;
  void (*entry)(void **parameters);
  u32 grid[3], block[3], shared;
};
extern struct emu_api emu_api;
/* Runs every block; returns CU_OK or the error the launch ends in. */
int emu_run_blocks(const struct emu_kernel *kernel, void **parameters);
/* Runs other C code that touches device memory under the same protection. */
int emu_run_guarded(const char *name, void (*run)(void *), void *data);

/* ---- memory.c */
/* Whether [address, address + bytes) lies in one allocation. */
int emu_is_device(u64 address, u64 bytes);
int emu_is_pinned(u64 address, u64 bytes);
void emu_free_device(u64 address);
/* All that is on the device: its bytes, a copy of it, the copy put back, a byte where they differ. */
u64 emu_device_bytes(void);
void emu_save_device(char *to);
void emu_restore_device(const char *from);
u64 emu_differs(const char *from);
void emu_reset_memory(void);

/* ---- streams.c */
/* Work of a stream: `data` is flat, so that a graph can copy it. */
struct emu_op {
  struct emu_op *next;
  int kind;
  int (*run)(struct emu_op *op);
  u64 sequence;
  size_t bytes;
  void *data;
  u64 *after; /* nodes of a graph that come before, by sequence */
  int after_count;
};
enum { OP_KERNEL, OP_COPY, OP_SET, OP_LIBRARY, OP_RECORD, OP_WAIT, OP_FREE, OP_GRAPH };
/* Puts work into a stream, or into the graph it captures. Copies data. */
int emu_enqueue(u64 stream, int kind, int (*run)(struct emu_op *), const void *data, size_t bytes);
/* Runs what is pending, in a stream or in all. */
int emu_flush(u64 stream);
int emu_flush_all(void);
/* Forgets pending work and ends captures. */
void emu_reset_streams(void);
int emu_is_capturing(u64 stream);

/* ---- modules.c */
struct emu_launch {
  struct emu_function *function;
  u32 grid[3], block[3], shared, count;
  u64 offsets[16]; /* of parameters, in the bytes behind this struct */
};

/* ---- numbers.c */
enum emu_type { EMU_F32, EMU_F64, EMU_F16, EMU_BF16, EMU_I32, EMU_I64, EMU_I8, EMU_U8, EMU_BOOL };
int emu_type_bytes(enum emu_type type);
double emu_load(enum emu_type type, const void *base, int64_t index);
void emu_store(enum emu_type type, void *base, int64_t index, double value);

#define MAGIC_CONTEXT 0x43545831u
#define MAGIC_STREAM 0x53545231u
#define MAGIC_EVENT 0x45564e31u
#define MAGIC_MODULE 0x4d4f4431u
#define MAGIC_FUNCTION 0x46554e31u
#define MAGIC_GRAPH 0x47524131u
#define MAGIC_EXEC 0x45584531u
#define MAGIC_PROGRAM 0x50524731u
/* The object of a handle, or NULL. Destroyed objects keep their memory and lose their magic. */
void *emu_object(u64 handle, u32 magic);

int cuMemsetD8Async(u64 to, unsigned char value, size_t bytes, u64 stream);

#endif
