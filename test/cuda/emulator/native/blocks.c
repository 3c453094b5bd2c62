/*
 * Blocks of threads. A thread is a function call; one that meets a barrier parks its stack (a fiber)
 * and another goes on. A fiber whose thread ends takes the next thread that has not begun, so
 * kernels without barriers run as plain loops. Blocks run one after the other.
 */
#include "emulator.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STACK_BYTES (128 * 1024)
#define MAX_THREADS 1024
#define MAX_SHARED (232448 + 256)
#define SLOT 64
#define POISON 0xff

#if defined(__x86_64__)
/* Saves the registers a call keeps, takes the other stack. */
void emu_switch(void **save, void *load);
__asm__(".globl emu_switch\n"
        "emu_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n");
#elif defined(__aarch64__)
void emu_switch(void **save, void *load);
__asm__(".globl emu_switch\n"
        "emu_switch:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp, #0]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n"
        "  stp x25, x26, [sp, #48]\n  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n"
        "  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n  str x9, [x0]\n  mov sp, x1\n"
        "  ldp x19, x20, [sp, #0]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n"
        "  ldp x25, x26, [sp, #48]\n  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n"
        "  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n  ret\n");
#else
#error "the emulator switches stacks on x86-64 and arm64 only"
#endif


struct fiber {
  void *sp;
  char *stack;
};
struct warp {
  u32 arrived, wanted, exited, lanes;
  char given[32][SLOT], seen[32][SLOT];
};
enum { IDLE, AT_BARRIER, AT_WARP };

static struct {
  const struct emu_kernel *kernel;
  void **parameters;
  u32 threads, next, live, waiting;
  int sum, total;
  u32 current;
  struct fiber *fiber; /* the one that runs */
  struct fiber *of[MAX_THREADS];
  unsigned char state[MAX_THREADS];
  u32 ready[MAX_THREADS];
  u32 ready_head, ready_count;
  struct warp warps[MAX_THREADS / 32];
  void *main_sp;
} run;

static struct fiber fibers[MAX_THREADS + 1];
static struct fiber *idle[MAX_THREADS + 1];
static int idle_count, fiber_count;
static char shared_memory[MAX_SHARED] __attribute__((aligned(256)));
struct emu_api emu_api = {.shared = shared_memory};

static sigjmp_buf escape;
static volatile int is_running;
static pthread_t runner;
static char failure[512];

static void leave(int code) { siglongjmp(escape, code); }

static void fail(const char *message) {
  snprintf(failure, sizeof failure, "%s", message);
  leave(CU_LAUNCH_FAILED);
}

static struct emu_dim position(u32 index, const u32 *size) {
  struct emu_dim at;
  at.x = index % size[0];
  at.y = index / size[0] % size[1];
  at.z = index / size[0] / size[1];
  return at;
}

static void enter_thread(u32 thread) {
  run.current = thread;
  emu_api.thread = position(thread, run.kernel->block);
}

static void make_ready(u32 thread) {
  run.ready[(run.ready_head + run.ready_count++) % MAX_THREADS] = thread;
}

/* Wakes the threads that wait at the block's barrier, all but the caller. */
static void open_barrier(void) {
  run.total = run.sum;
  run.sum = 0;
  run.waiting = 0;
  for (u32 i = 0; i < run.threads; i++) {
    u32 thread = emu.reversed ? run.threads - 1 - i : i;
    if (run.state[thread] != AT_BARRIER) continue;
    run.state[thread] = IDLE;
    make_ready(thread);
  }
}

static void open_warp(u32 index) {
  struct warp *warp = &run.warps[index];
  for (u32 i = 0; i < 32; i++) {
    u32 lane = emu.reversed ? 31 - i : i;
    if (!(warp->arrived >> lane & 1)) continue;
    memcpy(warp->seen[lane], warp->given[lane], SLOT);
    u32 thread = index * 32 + lane;
    if (run.state[thread] != AT_WARP) continue;
    run.state[thread] = IDLE;
    make_ready(thread);
  }
  warp->arrived = 0;
}

static void fiber_main(void);

static struct fiber *fresh_fiber(void) {
  struct fiber *fiber;
  if (idle_count > 0) fiber = idle[--idle_count];
  else {
    fiber = &fibers[fiber_count++];
    /* The lowest page stays closed, so that an overflow is noticed. */
    char *map = mmap(NULL, STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) fail("no memory for a thread's stack");
    mprotect(map + 4096, STACK_BYTES - 4096, PROT_READ | PROT_WRITE);
    fiber->stack = map;
  }
  u64 *top = (u64 *)(fiber->stack + STACK_BYTES);
#if defined(__x86_64__)
  top -= 1; /* as after a call */
  *--top = (u64)(uintptr_t)fiber_main;
  top -= 6;
  memset(top, 0, 48);
#else
  top -= 20;
  memset(top, 0, 160);
  top[11] = (u64)(uintptr_t)fiber_main;
#endif
  fiber->sp = top;
  return fiber;
}

static void describe_deadlock(void) {
  char text[400];
  u32 at_warp = 0, example = 0;
  for (u32 i = 0; i < run.threads; i++)
    if (run.state[i] == AT_WARP) {
      at_warp++;
      example = i;
    }
  int length = snprintf(text, sizeof text,
                        "threads wait for ones that never come: %u of %u running threads at "
                        "__syncthreads, %u in a warp operation",
                        run.waiting, run.live, at_warp);
  if (at_warp) snprintf(text + length, sizeof text - length, ", for example thread %u", example);
  fail(text);
}

/* Gives the processor to a thread that can go on. Returns when the current one may. */
static void yield_fiber(struct fiber *self) {
  struct fiber *to;
  if (run.next < run.threads) to = fresh_fiber();
  else if (run.ready_count > 0) {
    u32 thread = run.ready[run.ready_head];
    run.ready_head = (run.ready_head + 1) % MAX_THREADS;
    run.ready_count--;
    to = run.of[thread];
    enter_thread(thread);
  } else {
    if (run.live > 0) describe_deadlock();
    emu_switch(&self->sp, run.main_sp);
    return;
  }
  run.fiber = to;
  if (to != self) emu_switch(&self->sp, to->sp);
}

static void park(int state) {
  u32 thread = run.current;
  struct fiber *self = run.fiber;
  run.state[thread] = state;
  run.of[thread] = self;
  yield_fiber(self);
}

static void thread_ends(u32 thread) {
  run.live--;
  if (run.waiting > 0 && run.waiting == run.live) open_barrier();
  struct warp *warp = &run.warps[thread / 32];
  warp->exited |= 1u << (thread & 31);
  if (warp->arrived != 0 && (warp->wanted >> (thread & 31) & 1))
    fail("a warp operation names a lane that has ended");
}

static void fiber_main(void) {
  for (;;) {
    while (run.next < run.threads) {
      u32 index = run.next++;
      enter_thread(emu.reversed ? run.threads - 1 - index : index);
      u32 thread = run.current;
      run.kernel->entry(run.parameters);
      thread_ends(thread);
    }
    struct fiber *self = run.fiber;
    idle[idle_count++] = self;
    yield_fiber(self);
  }
}

static int barrier(int value) {
  run.sum += value;
  if (run.waiting + 1 == run.live) {
    open_barrier();
    return run.total;
  }
  run.waiting++;
  park(AT_BARRIER);
  return run.total;
}

static const char *exchange(u32 mask, const void *mine, int bytes) {
  u32 index = run.current / 32, lane = run.current & 31;
  struct warp *warp = &run.warps[index];
  u32 wanted = mask & warp->lanes;
  if (!(mask >> lane & 1)) fail("a warp operation's mask leaves out the calling lane");
  if (wanted & warp->exited) fail("a warp operation names a lane that has ended");
  /* Disjoint masks of one warp would need two meetings at once: nothing we generate does that. */
  if (warp->arrived != 0 && warp->wanted != wanted) fail("lanes of a warp meet with other masks");
  warp->wanted = wanted;
  memcpy(warp->given[lane], mine, bytes);
  warp->arrived |= 1u << lane;
  if (warp->arrived == wanted) open_warp(index);
  else park(AT_WARP);
  return warp->seen[0];
}

static void run_block(void) {
  emu_api.serial++;
  run.next = 0;
  run.live = run.threads;
  run.waiting = 0;
  run.sum = 0;
  run.ready_head = run.ready_count = 0;
  memset(run.state, IDLE, run.threads);
  for (u32 i = 0; i * 32 < run.threads; i++) {
    u32 rest = run.threads - i * 32;
    run.warps[i].arrived = run.warps[i].exited = 0;
    run.warps[i].lanes = rest >= 32 ? 0xffffffffu : (1u << rest) - 1;
  }
  u32 shared = run.kernel->shared;
  memset(shared_memory, POISON, shared + 256);
  run.fiber = fresh_fiber();
  emu_switch(&run.main_sp, run.fiber->sp);
  for (u32 i = shared; i < shared + 256; i++)
    if ((unsigned char)shared_memory[i] != POISON) fail("a write past the end of shared memory");
}

static void run_grid(void *unused) {
  (void)unused;
  const struct emu_kernel *kernel = run.kernel;
  u32 blocks = kernel->grid[0] * kernel->grid[1] * kernel->grid[2];
  run.threads = kernel->block[0] * kernel->block[1] * kernel->block[2];
  memcpy(&emu_api.block_dim, kernel->block, 12);
  memcpy(&emu_api.grid_dim, kernel->grid, 12);
  for (u32 i = 0; i < blocks; i++) {
    emu_api.block = position(emu.reversed ? blocks - 1 - i : i, kernel->grid);
    run_block();
  }
}

static struct sigaction former_segv, former_bus, former_fpe;

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)context;
  if (!is_running || !pthread_equal(runner, pthread_self())) {
    sigaction(number, number == SIGSEGV ? &former_segv : number == SIGBUS ? &former_bus : &former_fpe, NULL);
    return;
  }
  if (number == SIGFPE) {
    snprintf(failure, sizeof failure, "an integer division by zero");
    siglongjmp(escape, CU_LAUNCH_FAILED);
  }
  snprintf(failure, sizeof failure, "an access to %p, which is no device memory", info->si_addr);
  siglongjmp(escape, CU_ILLEGAL_ADDRESS);
}

static char signal_stack[64 * 1024];

int emu_run_guarded(const char *name, void (*body)(void *), void *data) {
  stack_t own, former;
  memset(&own, 0, sizeof own);
  own.ss_sp = signal_stack;
  own.ss_size = sizeof signal_stack;
  sigaltstack(&own, &former);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &former_segv);
  sigaction(SIGBUS, &action, &former_bus);
  sigaction(SIGFPE, &action, &former_fpe);
  runner = pthread_self();
  is_running = 1;
  int code = sigsetjmp(escape, 1);
  if (code == 0) body(data);
  is_running = 0;
  sigaction(SIGSEGV, &former_segv, NULL);
  sigaction(SIGBUS, &former_bus, NULL);
  sigaction(SIGFPE, &former_fpe, NULL);
  sigaltstack(&former, NULL);
  if (code != 0) {
    emu_problem("%s: %s (block %u, thread %u)", name, failure, emu_api.block.x, emu_api.thread.x);
    /* Stacks of threads that stopped half-way are free again. */
    idle_count = 0;
    for (int i = 0; i < fiber_count; i++) idle[idle_count++] = &fibers[i];
  }
  return code;
}

int emu_run_blocks(const struct emu_kernel *kernel, void **parameters) {
  emu_api.barrier = barrier;
  emu_api.exchange = exchange;
  emu_api.fail = fail;
  run.kernel = kernel;
  run.parameters = parameters;
  return emu_run_guarded(kernel->name, run_grid, NULL);
}
