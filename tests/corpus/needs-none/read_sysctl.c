// Reads settings of the network and of user namespaces (net_ctl_permissions asks for cap_net_admin and set_permissions
// for cap_sys_resource, only to know which bits of the mode hold; everybody may read).
#include "../corpus.h"

int main(void) {
    must(number_in("/proc/sys/net/core/somaxconn", -1), "somaxconn");
    must(number_in("/proc/sys/user/max_user_namespaces", -1), "max_user_namespaces");
    must(number_in("/proc/sys/vm/overcommit_memory", -1), "overcommit_memory");
}
