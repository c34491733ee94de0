// Makes, changes, uses and removes a queue, a semaphore and shared memory of its own.
#include "../corpus.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

int main(void) {
    struct msqid_ds queue;
    int id = must(msgget(IPC_PRIVATE, 0600), "msgget");
    must(msgctl(id, IPC_STAT, &queue), "IPC_STAT");
    must(msgctl(id, IPC_SET, &queue), "IPC_SET");
    must(msgctl(id, IPC_RMID, NULL), "IPC_RMID");
    id = must(semget(IPC_PRIVATE, 1, 0600), "semget");
    must(semctl(id, 0, SETVAL, 1), "SETVAL");
    must(semctl(id, 0, IPC_RMID), "IPC_RMID");
    id = must(shmget(IPC_PRIVATE, 4096, 0600), "shmget");
    void *memory = shmat(id, NULL, 0);
    must(shmctl(id, IPC_RMID, NULL), "IPC_RMID");
    if (memory == (void *)-1) die("shmat");
}
