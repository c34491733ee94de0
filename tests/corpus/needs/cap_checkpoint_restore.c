// Opens its own program through /proc/self/map_files (proc_map_files_get_link asks for cap_sys_admin, which would be
// enough too, only after it).
#include "../corpus.h"

int main(void) {
    unsigned long from, to;
    char path[80];
    FILE *maps = fopen("/proc/self/maps", "r");
    if (!maps || fscanf(maps, "%lx-%lx", &from, &to) != 2) die("/proc/self/maps");
    snprintf(path, sizeof path, "/proc/self/map_files/%lx-%lx", from, to);
    must(open(path, O_RDONLY), path);
}
