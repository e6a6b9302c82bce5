// SPDX-License-Identifier: Apache-2.0
/* The command `skep`: finds the subcommand in commands.def and hands over. */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
	const char *name, *text;
	int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, text) { #name, text, cmd_##name },
#include "cli/commands.def"
#undef COMMAND
};

static void usage(FILE *f)
{
	fputs("usage: skep COMMAND [OPTIONS] ...\n\n"
	      "eBPF in user space: runs unmodified .bpf.o objects without privileges.\n\n"
	      "commands:\n",
	      f);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].text);
	fputs("\nexample:\n"
	      "  skep run opensnoop.bpf.o -- cc -c hello.c\n\n"
	      "'skep COMMAND --help' tells more. Exit codes: 0 yes, 1 no, 2 usage, 3 environment,\n"
	      "70 a bug in skep.\n",
	      f);
}

static int help(int argc, char **argv)
{
	char *words[] = { argv[0], (char *)"--help", NULL };

	if (argc < 3) {
		usage(stdout);
		return EXIT_YES;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[2], commands[i].name) == 0)
			return commands[i].run(2, words);
	fprintf(stderr, "skep: no command '%s'; 'skep --help' lists them\n", argv[2]);
	return EXIT_USAGE;
}

int cmd_version(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		puts("usage: skep version\n\nPrints the version, as 'skep --version' does.\n\n"
		     "example:\n  skep version");
		return strcmp(argv[1], "--help") == 0 ? EXIT_YES : EXIT_USAGE;
	}
	printf("skep %s\n", skep_version());
	return EXIT_YES;
}

static void on_pipe(int sig)
{
	(void)sig;
}

/* Writing fails instead of killing. A handler and not SIG_IGN, which a command that `run` starts would keep. */
static void catch_pipe(void)
{
	struct sigaction sa = { .sa_handler = on_pipe, .sa_flags = SA_RESTART }, was;

	if (sigaction(SIGPIPE, NULL, &was) == 0 && was.sa_handler != SIG_IGN)
		sigaction(SIGPIPE, &sa, NULL);
}

int main(int argc, char **argv)
{
	argp_err_exit_status = EXIT_USAGE;
	setlocale(LC_CTYPE, "");
	catch_pipe();
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return EXIT_YES;
	}
	if (strcmp(argv[1], "--version") == 0)
		return cmd_version(1, argv);
	if (strcmp(argv[1], "help") == 0)
		return help(argc, argv);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "skep: no command '%s'; 'skep --help' lists them\n", argv[1]);
	return EXIT_USAGE;
}
