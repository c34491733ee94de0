/*
 * What a tool is busy with, and how fast it was:
 *   traffic send PORT SECONDS RATE   sends RATE datagrams a second to PORT, and prints how many it sent
 *   traffic ask PORT SECONDS         asks an HTTP server for a page as often as it answers, and prints the requests a second
 * All of it is on 127.0.0.1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	if (clock_gettime(CLOCK_MONOTONIC, &time) < 0)
		err(1, "clock_gettime");
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void send_datagrams(int fd, double seconds, double rate)
{
	char byte = 0;
	long sent = 0;
	double start = now(), passed;

	/* Nobody listens. The kernel answers with a refusal, which the next call reports instead of sending. */
	while ((passed = now() - start) < seconds) {
		while (sent < passed * rate) {
			if (send(fd, &byte, 1, 0) == 1)
				sent++;
		}
		usleep(500);
	}
	printf("%ld\n", sent);
}

static void ask(int fd, double seconds)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	char answer[4096];
	long answers = 0;
	double start = now(), passed;

	while ((passed = now() - start) < seconds) {
		ssize_t got;

		if (send(fd, request, sizeof(request) - 1, 0) < 0)
			err(1, "send");
		/* The server answers with an empty page, which comes at once. */
		if ((got = recv(fd, answer, sizeof(answer) - 1, 0)) <= 0)
			err(1, "recv");
		answer[got] = 0;
		if (strncmp(answer, "HTTP/1.1 204", 12))
			errx(1, "the server answered: %.40s", answer);
		answers++;
	}
	printf("%.0f\n", answers / passed);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int sends = argc == 5 && !strcmp(argv[1], "send");
	int fd;

	if (!sends && (argc != 4 || strcmp(argv[1], "ask")))
		errx(2, "traffic send PORT SECONDS RATE, or traffic ask PORT SECONDS");
	address.sin_port = htons(atoi(argv[2]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, sends ? SOCK_DGRAM : SOCK_STREAM, 0)) < 0)
		err(1, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "connect");
	if (sends)
		send_datagrams(fd, atof(argv[3]), atof(argv[4]));
	else
		ask(fd, atof(argv[3]));
	return 0;
}
