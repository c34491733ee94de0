/* Measures the times of several candidates in turn: spawn ROUNDS UID GID DIRECTORY OTHER < candidates */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CANDIDATES 32
#define MAX_WORDS 16
#define WARM_UPS 3

/* A line of the input. It has AS, NAME and COMMAND, with a tab between them. */
struct candidate {
	char line[1024];
	char *name;
	char *argv[MAX_WORDS + 1];
	int as_root;		/* AS is "root", not "user" */
	int other;		/* AS is "other": it runs as a user, with OTHER in DIRECTORY's place */
	double *micros;
	long peak_kib;
	long faults;		/* the least */
};

static struct candidate candidates[MAX_CANDIDATES];
static char *const environment[] = { "PATH=/usr/bin:/bin", "LANG=C", "TERM=dumb", NULL };
static const char *directory, *other;
static uid_t uid;
static gid_t gid;

static void exchange(void)
{
	if (renameat2(AT_FDCWD, directory, AT_FDCWD, other, RENAME_EXCHANGE) < 0)
		err(1, "exchange %s and %s", directory, other);
}

static double micros_between(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1e6 + (to->tv_nsec - from->tv_nsec) / 1e3;
}

/*
 * The clock starts in the child just before its exec, because setting the user is no part of a
 * launch. The parent sees the time because vfork(2) shares the memory. The child makes raw system
 * calls, because the library's wrappers are not safe in a child of vfork.
 */
static double run(struct candidate *c)
{
	static struct timespec start;
	struct timespec end;
	struct rusage usage;
	int status;
	pid_t child;

	/* Every candidate exchanges the directories, most of them back again, so that the caches are the same for all. */
	exchange();
	if (!c->other)
		exchange();
	child = vfork();
	if (child == 0) {
		if (!c->as_root && (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
				    syscall(SYS_setresuid, uid, uid, uid) < 0))
			_exit(124);
		clock_gettime(CLOCK_MONOTONIC, &start);
		execve(c->argv[0], c->argv, environment);
		_exit(124);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) < 0)
		err(1, "start %s", c->name);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (c->other)
		exchange();
	if (status != 0)
		errx(1, "%s: %s %d", c->name, WIFEXITED(status) ? "exit" : "signal",
		     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	/*
	 * This is the most that any of the process's images used, because an exec keeps the earlier peak
	 * (exec_mmap(), fs/exec.c). This program and the tool are the smallest, so it is the launcher's.
	 */
	if (usage.ru_maxrss > c->peak_kib)
		c->peak_kib = usage.ru_maxrss;
	if (c->faults == 0 || usage.ru_minflt < c->faults)
		c->faults = usage.ru_minflt;
	return micros_between(&start, &end);
}

static int read_candidates(int rounds)
{
	int count = 0;

	while (count < MAX_CANDIDATES && fgets(candidates[count].line, sizeof candidates[count].line, stdin)) {
		struct candidate *c = &candidates[count++];
		char *as = strtok(c->line, "\t"), *words;

		c->name = strtok(NULL, "\t");
		words = strtok(NULL, "\n");
		if (!words)
			errx(1, "a line without AS, NAME and COMMAND");
		c->as_root = !strcmp(as, "root");
		c->other = !strcmp(as, "other");
		for (int n = 0; n < MAX_WORDS && (c->argv[n] = strtok(n ? NULL : words, " ")); n++)
			;
		c->micros = calloc(rounds, sizeof *c->micros);
		if (!c->micros)
			err(1, "memory for %d rounds", rounds);
	}
	return count;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Each round has its own order, so that no candidate always runs directly after the same other one. */
static void shuffle(int *order, int count)
{
	for (int last = count - 1; last > 0; last--) {
		int with = rand() % (last + 1), kept = order[last];

		order[last] = order[with];
		order[with] = kept;
	}
}

int main(int argc, char **argv)
{
	int order[MAX_CANDIDATES], count, rounds = argc == 6 ? atoi(argv[1]) : 0;

	if (rounds < 1)
		errx(2, "usage: spawn ROUNDS UID GID DIRECTORY OTHER < candidates");
	uid = atoi(argv[2]);
	gid = atoi(argv[3]);
	directory = argv[4];
	other = argv[5];
	count = read_candidates(rounds);
	for (int n = 0; n < count; n++)
		order[n] = n;
	for (int round = -WARM_UPS; round < rounds; round++) {
		shuffle(order, count);
		for (int n = 0; n < count; n++) {
			struct candidate *c = &candidates[order[n]];
			double micros = run(c);

			if (round >= 0)
				c->micros[round] = micros;
		}
	}
	for (int n = 0; n < count; n++) {
		struct candidate *c = &candidates[n];

		qsort(c->micros, rounds, sizeof *c->micros, compare);
		printf("%s\t%.1f\t%.1f\t%ld\t%ld\n", c->name, c->micros[rounds / 2], c->micros[0], c->peak_kib,
		       c->faults);
	}
	return 0;
}
