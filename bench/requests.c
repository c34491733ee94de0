/* Asks a web server on 127.0.0.1 for one page again and again over one connection, and prints how many nanoseconds that took by
 * the clock, and of a processor.
 *
 *   requests PORT TIMES
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char ASKED[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
static char page[65536];

static _Noreturn void fail(const char *what) {
    perror(what);
    exit(1);
}

static long long now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Returns the length of the whole answer: of its head, and of the content that the head names. */
static size_t ask(int server, size_t expected) {
    if (write(server, ASKED, sizeof ASKED - 1) != sizeof ASKED - 1) fail("write");
    size_t got = 0;
    for (;;) {
        ssize_t some = read(server, page + got, sizeof page - 1 - got);
        if (some <= 0) fail("read");
        got += (size_t)some;
        page[got] = 0;
        if (expected == 0) {
            char *end = strstr(page, "\r\n\r\n"), *length = strstr(page, "Content-Length: ");
            if (!end || !length) continue;
            expected = (size_t)(end + 4 - page) + strtoul(length + 16, NULL, 10);
        }
        if (got >= expected) break;
    }
    if (strncmp(page, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "requests: the server answers %.40s\n", page);
        exit(1);
    }
    return got;
}

int main(int count, char **words) {
    if (count != 3) {
        fprintf(stderr, "usage: requests PORT TIMES\n");
        return 2;
    }
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[1]))};
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&place, sizeof place)) fail("connect");
    long times = atol(words[2]);
    size_t expected = ask(server, 0);
    long long wall = now(CLOCK_MONOTONIC), own = now(CLOCK_PROCESS_CPUTIME_ID);
    for (long n = 0; n < times; n++) ask(server, expected);
    printf("%lld %lld\n", now(CLOCK_MONOTONIC) - wall, now(CLOCK_PROCESS_CPUTIME_ID) - own);
    return 0;
}
