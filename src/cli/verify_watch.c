// SPDX-License-Identifier: Apache-2.0
/*
 * `skep verify --watch`: the folders of the objects are watched, because a compiler replaces a file rather than writes it. What
 * changes within a moment counts as one change. SIGINT and SIGTERM end it with the last exit code.
 */
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/verdicts.h"

#define SETTLE_MS 100
#define CHANGES (IN_CLOSE_WRITE | IN_MOVED_TO)

static int fail(const char *path, const char *what, bool json)
{
	struct skep_error *err = NULL;

	skep_fail(&err, &ERR_WATCH, SKEP_AT_FILE(path, 0), "%s: %s", what, strerror(errno));
	show_error(err, json);
	return EXIT_ENV;
}

static int add_folder(int fd, const char *path, bool json)
{
	char *copy = strdup(path);
	int r = copy && inotify_add_watch(fd, dirname(copy), CHANGES) >= 0 ? EXIT_YES : EXIT_ENV;

	free(copy);
	return r == EXIT_YES ? r : fail(path, "cannot watch its folder", json);
}

static bool named(const struct verify_args *a, const char *name)
{
	for (size_t i = 0; i < a->npaths; i++) {
		const char *slash = strrchr(a->paths[i], '/');

		if (strcmp(slash ? slash + 1 : a->paths[i], name) == 0)
			return true;
	}
	if (a->btf && strcmp(strrchr(a->btf, '/') ? strrchr(a->btf, '/') + 1 : a->btf, name) == 0)
		return true;
	return false;
}

/* Reads what is there: did a file of ours change? */
static bool changed(const struct verify_args *a, int fd)
{
	char buf[4096] __attribute__((aligned(8)));
	bool ours = false;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)p;

			ours |= e->mask & IN_Q_OVERFLOW || (e->len && named(a, e->name));
			p += sizeof(*e) + e->len;
		}
	return ours;
}

/* True: verify again; false: a signal came. */
static bool next_change(const struct verify_args *a, int watch, int signals)
{
	struct pollfd fds[] = { { .fd = watch, .events = POLLIN },
				{ .fd = signals, .events = POLLIN } };
	bool ours = false;

	for (;;) {
		int n = poll(fds, 2, ours ? SETTLE_MS : -1);

		if (n < 0 && errno != EINTR)
			return false;
		if (fds[1].revents)
			return false;
		if (n == 0)
			return true;
		if (fds[0].revents)
			ours |= changed(a, watch);
	}
}

int verify_watch(const struct verify_args *a, int (*once)(const struct verify_args *a))
{
	bool terminal = isatty(STDOUT_FILENO) && !a->output;
	int code = EXIT_YES, watch, signals;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (signals < 0 || watch < 0)
		code = fail(a->paths[0], "cannot watch", a->json);
	for (size_t i = 0; i < a->npaths && code == EXIT_YES; i++)
		code = add_folder(watch, a->paths[i], a->json);
	if (a->btf && code == EXIT_YES)
		code = add_folder(watch, a->btf, a->json);
	while (code != EXIT_ENV) {
		if (terminal)
			fputs("\033[H\033[2J", stdout);
		code = once(a);
		fflush(stdout);
		if (!next_change(a, watch, signals))
			break;
		if (code == EXIT_ENV) /* it may come back: the file is being replaced */
			code = EXIT_NO;
	}
	if (watch >= 0)
		close(watch);
	if (signals >= 0)
		close(signals);
	return code;
}
