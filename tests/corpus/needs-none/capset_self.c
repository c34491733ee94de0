// Sets its capabilities to what they are, and then to none (capset always asks for cap_setpcap first).
#include "../corpus.h"
#include <linux/capability.h>

int main(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2], none[2] = {0};
    must(syscall(SYS_capget, &header, data), "capget");
    must(syscall(SYS_capset, &header, data), "capset");
    must(syscall(SYS_capset, &header, none), "capset to none");
}
