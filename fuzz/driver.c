/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays seeds through a fuzz target without the fuzzing engine, so that `make check` runs every
 * input that ever mattered, under any compiler and sanitizer.
 *
 *	replay/elf_fuzz [FILE or DIRECTORY ...]
 *
 * Without arguments it takes fuzz/seeds/<name>, <name> being the program's without `_fuzz`. Besides
 * each seed as it is, it runs three damaged twins (cut in half, last byte gone, one byte turned over),
 * at places that only depend on its length. Each input lies at the end of its own allocation,
 * where a sanitizer sees the first byte read past it. A crash is the failure; no seed is one too.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_SEED = 1 << 24 };

static unsigned ran, unread;

static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy) {
		unread++;
		return;
	}
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = f ? malloc(MAX_SEED) : NULL;
	size_t size;

	if (!data) {
		printf("# cannot read %s\n", path);
		unread++;
	} else {
		size = fread(data, 1, MAX_SEED, f);
		printf("# %s\n", path);
		fflush(stdout);
		run(data, size);
		if (size) {
			run(data, size / 2);
			run(data, size - 1);
			data[size * 5 / 8] ^= 0xff;
			run(data, size);
		}
		ran++;
	}
	free(data);
	if (f)
		fclose(f);
}

static void run_path(const char *path)
{
	struct dirent **list;
	struct stat st;
	int n;

	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		run_file(path);
		return;
	}
	n = scandir(path, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char *name;

		if (list[i]->d_name[0] != '.' &&
		    asprintf(&name, "%s/%s", path, list[i]->d_name) >= 0) {
			run_file(name);
			free(name);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

int main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/');
	char dir[256];

	base = base ? base + 1 : argv[0];
	snprintf(dir, sizeof(dir), "fuzz/seeds/%.*s", (int)strcspn(base, "_"), base);
	if (argc < 2)
		run_path(dir);
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	if (!ran)
		printf("# no seeds in %s\n", dir);
	printf("# %u passed, %u failed, 0 skipped\n", ran, unread + !ran);
	return unread || !ran;
}
