// SPDX-License-Identifier: Apache-2.0
/*
 * Maps at the end of a run: those that changed, as tables, largest numbers first, then by key; values of
 * per-CPU maps summed (JSON has each CPU's); arrays of log2 buckets drawn. Rows that are all zero are left
 * out of arrays.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"

#define MAX_ELEMENTS ((size_t)1 << 20)

struct element {
	json_t *key, *value; /* value: summed over CPUs */
	json_t *per_cpu;     /* array, or NULL */
	json_int_t weight;
};

struct elements {
	struct element *e;
	size_t n, cap;
	bool cut;
};

static bool has_elements(const struct skep_map_info *info)
{
	static const char *const not_tables[] = { "ringbuf",	  "perf_event_array",
						  "prog_array",	  "array_of_maps",
						  "hash_of_maps", "user_ringbuf",
						  "struct_ops" };

	for (size_t i = 0; i < sizeof(not_tables) / sizeof(not_tables[0]); i++)
		if (strcmp(info->type_name, not_tables[i]) == 0)
			return false;
	return true;
}

/* The first number of a tree: what rows are sorted by. */
static bool first_number(const json_t *v, json_int_t *ret)
{
	const char *key;
	json_t *m;

	if (json_is_integer(v)) {
		*ret = json_integer_value(v);
		return true;
	}
	if (json_is_object(v))
		json_object_foreach((json_t *)v, key, m) if (first_number(m, ret)) return true;
	return false;
}

static json_t *cpu_values(const struct run *run, const struct skep_map_info *info,
			  const unsigned char *bytes)
{
	size_t stride = info->user_value_size / info->ncpus;
	json_t *all = json_array();

	for (uint32_t cpu = 0; cpu < info->ncpus; cpu++)
		json_array_append_new(all, value_json(run->obj, info->value_type,
						      bytes + cpu * stride, info->value_size));
	return all;
}

static struct element make_element(const struct run *run, const struct skep_map_info *info,
				   const void *key, const unsigned char *bytes)
{
	struct element e = { 0 };
	json_t *cpu;
	size_t i;

	e.key = value_json(run->obj, info->key_type, key, info->key_size);
	if (!info->per_cpu) {
		e.value = value_json(run->obj, info->value_type, bytes, info->value_size);
	} else {
		e.per_cpu = cpu_values(run, info, bytes);
		e.value = json_deep_copy(json_array_get(e.per_cpu, 0));
		json_array_foreach(e.per_cpu, i, cpu) if (i) value_sum(e.value, cpu);
	}
	first_number(e.value, &e.weight);
	return e;
}

static void drop_element(struct element *e)
{
	json_decref(e->key);
	json_decref(e->value);
	json_decref(e->per_cpu);
}

static bool push(struct elements *all, struct element e)
{
	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 64;
		struct element *grown = realloc(all->e, cap * sizeof(*grown));

		if (!grown)
			return false;
		all->e = grown;
		all->cap = cap;
	}
	all->e[all->n++] = e;
	return true;
}

static bool is_array(const struct skep_map_info *info)
{
	return strstr(info->type_name, "array") != NULL;
}

static void read_elements(struct run *run, struct skep_map *map, const struct skep_map_info *info,
			  struct elements *all)
{
	unsigned char *key = calloc(1, info->key_size + 1),
		      *value = calloc(1, info->user_value_size + 1);
	const void *at = NULL;

	while (key && value && skep_map_next_key(map, at, key) == 0) {
		struct element e;

		at = key;
		if (all->n == MAX_ELEMENTS) {
			all->cut = true;
			break;
		}
		if (skep_map_lookup(map, key, value) < 0)
			continue;
		e = make_element(run, info, key, value);
		if ((is_array(info) && value_is_zero(e.value)) || !push(all, e))
			drop_element(&e);
	}
	free(key);
	free(value);
}

static int by_weight(const void *a, const void *b)
{
	const struct element *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return value_compare(x->key, y->key);
}

/* Columns of a table row; arrays of buckets are drawn below the table instead. */
struct cells {
	struct table *t;
	bool names;
	bool has_hist;
};

static void cell(void *ctx, const char *name, const json_t *leaf)
{
	struct cells *c = ctx;
	char *text;

	if (hist_is(name, leaf)) {
		c->has_hist = true;
		return;
	}
	if (c->names) {
		table_column(c->t, name, json_is_integer(leaf));
		return;
	}
	text = value_text(leaf);
	table_cell(c->t, "%s", text ? text : "?");
	free(text);
}

struct drawing {
	struct run *run;
	const struct element *e;
};

static void draw(void *ctx, const char *name, const json_t *leaf)
{
	struct drawing *d = ctx;
	char *key;

	if (!hist_is(name, leaf) || value_is_zero(leaf))
		return;
	key = value_text(d->e->key);
	fprintf(d->run->out.f, "  %s, key %s:\n", name, key ? key : "?");
	hist_draw(&d->run->out, leaf);
	free(key);
}

/* A whole array map of numbers that is itself a histogram. */
static json_t *as_buckets(const struct skep_map_info *info, const struct elements *all)
{
	json_t *array;

	if (!is_array(info) || info->max_entries > 64)
		return NULL;
	array = json_array();
	for (uint32_t i = 0; i < info->max_entries; i++)
		json_array_append_new(array, json_integer(0));
	for (size_t i = 0; i < all->n; i++)
		if (json_is_integer(all->e[i].key) && json_is_integer(all->e[i].value))
			json_array_set(array, (size_t)json_integer_value(all->e[i].key),
				       all->e[i].value);
		else
			json_array_clear(array);
	if (hist_is(info->name, array))
		return array;
	json_decref(array);
	return NULL;
}

static void table_of(struct run *run, const struct elements *all, size_t rows)
{
	struct cells c = { .t = table_new(&run->out), .names = true };

	value_columns(all->e[0].key, "key", cell, &c);
	value_columns(all->e[0].value, "value", cell, &c);
	c.names = false;
	for (size_t i = 0; i < rows; i++) {
		table_row(c.t);
		value_columns(all->e[i].key, "key", cell, &c);
		value_columns(all->e[i].value, "value", cell, &c);
	}
	table_print(c.t, "  ");
	if (rows < all->n)
		fprintf(run->out.f, "  ... %zu more (--rows 0 shows all)\n", all->n - rows);
	if (!c.has_hist)
		return;
	for (size_t i = 0; i < rows && i < 4; i++) {
		struct drawing d = { run, &all->e[i] };

		value_columns(all->e[i].value, "value", draw, &d);
	}
}

static void heading(struct out *o, const char *name)
{
	fprintf(o->f, "\n%s", out_bold(o));
	out_text(o, name);
	fputs(out_plain(o), o->f);
}

static void text_map(struct run *run, const struct skep_map_info *info,
		     const struct skep_map_stats *stats, struct elements *all)
{
	size_t rows = run->rows && run->rows < all->n ? run->rows : all->n;
	json_t *buckets = as_buckets(info, all);

	heading(&run->out, info->name);
	fprintf(run->out.f, " (%s", info->type_name);
	if (!is_array(info))
		fprintf(run->out.f, ", %" PRIu64 " of %u entries", stats->entries,
			info->max_entries);
	if (info->per_cpu)
		fputs(", sum of CPUs", run->out.f);
	if (stats->full)
		fprintf(run->out.f, ", %s%" PRIu64 " updates refused because it was full%s",
			out_red(&run->out), stats->full, out_plain(&run->out));
	if (stats->evicted)
		fprintf(run->out.f, ", %" PRIu64 " evicted", stats->evicted);
	fprintf(run->out.f, ")\n");
	if (buckets)
		hist_draw(&run->out, buckets);
	else if (all->n)
		table_of(run, all, rows);
	json_decref(buckets);
}

static void json_map(struct run *run, const struct skep_map_info *info,
		     const struct skep_map_stats *stats, const struct elements *all)
{
	json_t *o = json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:I}", "event", "map", "map",
			      text_json(info->name), "type", info->type_name, "entries",
			      (json_int_t)stats->entries, "max_entries",
			      (json_int_t)info->max_entries, "full", (json_int_t)stats->full,
			      "lost", (json_int_t)stats->lost);
	json_t *list = json_array();

	for (size_t i = 0; i < all->n; i++) {
		const struct element *e = &all->e[i];
		json_t *pair = json_object();

		json_object_set(pair, "key", e->key);
		json_object_set(pair, e->per_cpu ? "values" : "value",
				e->per_cpu ? e->per_cpu : e->value);
		json_array_append_new(list, pair);
	}
	json_object_set_new(o, "evicted", json_integer((json_int_t)stats->evicted));
	json_object_set_new(o, "elements", list);
	out_json(&run->out, o);
}

/* Variables of a data section that differ from what the object says. */
static json_t *changed_variables(const json_t *now, const json_t *then)
{
	json_t *diff = json_object(), *v;
	const char *key;

	json_object_foreach((json_t *)now, key, v) if (!json_equal(v, json_object_get(then, key)))
		json_object_set(diff, key, v);
	return diff;
}

static void show_data(struct run *run, struct skep_map *map, const struct skep_map_info *info)
{
	unsigned char *now = calloc(1, info->value_size + 1),
		      *zeros = calloc(1, info->value_size + 1);
	json_t *a, *b, *diff;
	uint32_t zero = 0;
	const char *key;
	json_t *v;

	if (info->read_only || !now || !zeros || skep_map_lookup(map, &zero, now) < 0)
		goto out;
	a = value_json(run->obj, info->value_type, now, info->value_size);
	b = value_json(run->obj, info->value_type, info->initial ? info->initial : zeros,
		       info->value_size);
	diff = json_is_object(a) ? changed_variables(a, b) : json_object();
	if (run->out.json) {
		if (json_object_size(diff) || run->all_maps)
			out_json(&run->out,
				 json_pack("{s:s, s:o, s:O}", "event", "variables", "section",
					   text_json(info->name), "values", diff));
	} else if (json_object_size(diff)) {
		heading(&run->out, info->name);
		fputc('\n', run->out.f);
		json_object_foreach(diff, key, v)
		{
			char *text = value_text(v);

			fprintf(run->out.f, "  %s = %s\n", key, text ? text : "?");
			free(text);
		}
	}
	json_decref(a);
	json_decref(b);
	json_decref(diff);
out:
	free(now);
	free(zeros);
}

static void show_buffer(struct run *run, const struct skep_map_info *info,
			const struct skep_map_stats *stats)
{
	char *safe;

	if (!stats->lost)
		return;
	safe = text_safe(info->name, strlen(info->name));
	if (run->out.json)
		out_json(&run->out,
			 json_pack("{s:s, s:o, s:I, s:I}", "event", "lost", "map",
				   text_json(info->name), "records", (json_int_t)stats->lost,
				   "bytes", (json_int_t)stats->lost_bytes));
	else
		fprintf(run->out.f,
			"\n%s%s%s: %s%" PRIu64 " %s lost (%" PRIu64 " bytes): it was full%s\n",
			out_bold(&run->out), safe ? safe : "?", out_plain(&run->out),
			out_red(&run->out), stats->lost, stats->lost == 1 ? "record" : "records",
			stats->lost_bytes, out_plain(&run->out));
	free(safe);
}

static void show_map(struct run *run, struct skep_map *map)
{
	struct elements all = { 0 };
	struct skep_map_stats stats;
	struct skep_map_info info;

	skep_map_info(map, &info);
	skep_map_stats(map, &stats);
	if (info.internal) {
		show_data(run, map, &info);
		return;
	}
	if (!has_elements(&info)) {
		show_buffer(run, &info, &stats);
		return;
	}
	read_elements(run, map, &info, &all);
	if (all.n || stats.full || run->all_maps) {
		if (all.n)
			qsort(all.e, all.n, sizeof(*all.e), by_weight);
		if (run->out.json)
			json_map(run, &info, &stats, &all);
		else
			text_map(run, &info, &stats, &all);
	}
	for (size_t i = 0; i < all.n; i++)
		drop_element(&all.e[i]);
	free(all.e);
}

uint64_t run_count_full(const struct run *run)
{
	uint64_t n = 0;

	for (size_t i = 0; i < skep_obj_nmaps(run->obj); i++) {
		struct skep_map_stats stats;
		struct skep_map_info info;

		skep_map_info(skep_obj_map(run->obj, i), &info);
		skep_map_stats(skep_obj_map(run->obj, i), &stats);
		if (has_elements(&info))
			n += stats.full;
	}
	return n;
}

void run_show_maps(struct run *run)
{
	for (size_t i = 0; i < skep_obj_nmaps(run->obj); i++)
		show_map(run, skep_obj_map(run->obj, i));
}
