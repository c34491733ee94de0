// Starts two hundred threads, each of which allocates and asks for files (their ids are no process ids).
#include "../corpus.h"
#include <pthread.h>

static void *work(void *unused) {
    free(malloc(1 << 20));
    access("/etc/shadow", R_OK);
    return unused;
}

int main(void) {
    pthread_t threads[200];
    for (int i = 0; i < 200; i++)
        if ((errno = pthread_create(&threads[i], NULL, work, NULL))) die("pthread_create");
    for (int i = 0; i < 200; i++) pthread_join(threads[i], NULL);
}
