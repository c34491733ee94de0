// Reads a semaphore whose mode lets nobody read it, not even its owner (ipcperms).
#include "../corpus.h"
#include <sys/ipc.h>
#include <sys/sem.h>

int main(void) {
    int id = must(semget(IPC_PRIVATE, 1, 0), "semget");
    int value = semctl(id, 0, GETVAL), why = errno;
    semctl(id, 0, IPC_RMID);
    errno = why;
    must(value, "GETVAL");
}
