// Makes a BPF map of a kind that always needs a capability (map_create asks for cap_sys_admin, which would be enough
// too, only after it).
#include "../corpus.h"
#include <linux/bpf.h>

int main(void) {
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_LRU_HASH, .key_size = 4, .value_size = 4, .max_entries = 1};
    must(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr), "BPF_MAP_CREATE");
}
