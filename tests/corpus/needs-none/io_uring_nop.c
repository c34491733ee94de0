// Sends an operation that does nothing through io_uring (its set-up asks for cap_ipc_lock, only to know whether the
// memory counts against a limit).
#include "../corpus.h"
#include <linux/io_uring.h>
#include <sys/mman.h>

int main(void) {
    struct io_uring_params params = {0};
    int fd = syscall(SYS_io_uring_setup, 1, &params);
    if (fd == -1) cannot_show("io_uring is not for everybody here");
    char *ring = mmap(NULL, params.sq_off.array + 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entry = mmap(NULL, sizeof *entry, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
    if (ring == MAP_FAILED || entry == MAP_FAILED) die("mmap");
    entry->opcode = IORING_OP_NOP;
    __atomic_store_n((unsigned *)(ring + params.sq_off.tail), 1, __ATOMIC_RELEASE);
    return must(syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), "io_uring_enter") != 1;
}
