// Tries to make a BPF map, and continues whatever the answer is.
// only --minimize can show: with cap_bpf the map is made
#include "../corpus.h"
#include <linux/bpf.h>

int main(void) {
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_LRU_HASH, .key_size = 4, .value_size = 4, .max_entries = 1};
    syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}
