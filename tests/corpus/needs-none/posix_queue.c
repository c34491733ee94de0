// Makes a message queue within the system's limits (mq_attr_ok asks for cap_sys_resource before it compares).
#include "../corpus.h"
#include <mqueue.h>

int main(void) {
    char name[32];
    struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 64};
    snprintf(name, sizeof name, "/corpus-%d", getpid());
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    if (queue == -1 && errno == ENOSYS) cannot_show("no message queues here");
    must(queue, "mq_open");
    must(mq_unlink(name), "mq_unlink");
}
