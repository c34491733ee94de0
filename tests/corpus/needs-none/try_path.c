// Searches a program in a directory to which it has no access, and continues with the next, as a shell does with its
// PATH.
// only --minimize can show: with cap_dac_read_search the directory is searched, and the program is not in it either
#include "../corpus.h"

int main(void) {
    char path[3020];
    struct stat st;
    close(temp_file());
    snprintf(path, sizeof path, "%s/corpus-program", temp_dir);
    must(chmod(temp_dir, 0600), "chmod");
    if (stat(path, &st) == -1) perror(path);
    must(chmod(temp_dir, 0700), "chmod");
}
