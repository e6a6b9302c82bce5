// SPDX-License-Identifier: Apache-2.0
/*
 * What the tables of spec/ count: maps, helpers and kernel functions that the user engine has, of how many.
 * Not a measurement, but bench.json is where figures are looked for.
 */
#include <stdio.h>

#include "spec/kfunc.h"

struct count {
	int served, model, kernel, all;
};

static void add(struct count *c, enum spec_state state)
{
	c->served += spec_state_served(state);
	c->model += state == SPEC_M;
	c->kernel += state == SPEC_K;
	c->all++;
}

static int show(FILE *json, const char *name, const struct count *c)
{
	printf("%-16s %3d of %3d served, %d of them by the model; %d need a kernel\n", name,
	       c->served, c->all, c->model, c->kernel);
	return fprintf(
		json,
		"{\"figure\": \"count.%s\", \"value\": %d, \"unit\": \"served\", \"of\": %d}\n",
		name, c->served, c->all);
}

int main(int argc, char **argv)
{
	struct count maps = { 0 }, helpers = { 0 }, kfuncs = { 0 };
	FILE *json = fopen(argc > 1 ? argv[1] : "/dev/null", "a");

	if (!json) {
		perror(argv[1]);
		return 1;
	}
	for (int i = 1; i < MAP_TYPE_COUNT; i++)
		add(&maps, spec_map_type_served(i) ? SPEC_Y : SPEC_N);
	for (int i = 1; i < HELPER_COUNT; i++)
		add(&helpers, spec_helper(i)->state);
	for (int i = 0; i < KFUNC_COUNT; i++)
		add(&kfuncs, spec_kfunc(i)->state);
	show(json, "maps", &maps);
	show(json, "helpers", &helpers);
	show(json, "kfuncs", &kfuncs);
	return fclose(json) ? 1 : 0;
}
