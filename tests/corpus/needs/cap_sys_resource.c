// Lets a message queue of its own hold more than the limit (msgctl_down).
// denied here: machines exist where not even root holds cap_sys_resource; there the denied check is what shows the need
#include "../corpus.h"
#include <sys/ipc.h>
#include <sys/msg.h>

int main(void) {
    struct msqid_ds queue;
    int id = must(msgget(IPC_PRIVATE, 0600), "msgget");
    must(msgctl(id, IPC_STAT, &queue), "IPC_STAT");
    queue.msg_qbytes = number_in("/proc/sys/kernel/msgmnb", 16384) + 1;
    long set = msgctl(id, IPC_SET, &queue);
    int why = errno;
    must(msgctl(id, IPC_RMID, NULL), "IPC_RMID");
    errno = why;
    must(set, "IPC_SET");
}
