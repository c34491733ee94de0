// Traces and reads a child of its own, as a debugger does, and then kills it.
#include "../corpus.h"
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

int main(void) {
    static char text[] = "text";
    char copy[sizeof text], path[64], program[256];
    pid_t child = must(fork(), "fork");
    if (child == 0) for (;;) pause();
    if (ptrace(PTRACE_SEIZE, child, 0, 0) == -1) cannot_show("tracing is not for everybody here");
    must(ptrace(PTRACE_INTERRUPT, child, 0, 0), "PTRACE_INTERRUPT");
    must(waitpid(child, NULL, 0), "waitpid");
    struct iovec to = {copy, sizeof copy}, from = {text, sizeof text};
    must(process_vm_readv(child, &to, 1, &from, 1, 0), "process_vm_readv");
    snprintf(path, sizeof path, "/proc/%d/exe", child);
    must(readlink(path, program, sizeof program), "readlink");
    must(kill(child, SIGKILL), "kill");
}
