// SPDX-License-Identifier: Apache-2.0
/*
 * `skep inspect`: what is in an object. One tree is built for every part; text is printed from the same data.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum part {
	PART_SECTIONS = 1,
	PART_PROGRAMS = 2,
	PART_MAPS = 4,
	PART_TYPES = 8,
	PART_EXTERNS = 16,
	PART_RELOCS = 32,
	PART_CORE = 64,
	PART_VARIABLES = 128,
	PART_DEFAULT = PART_SECTIONS | PART_PROGRAMS | PART_MAPS | PART_EXTERNS,
	PART_ALL = 255,
};

enum key { KEY_JSON = 256, KEY_BTF, KEY_ALL };

static const struct argp_option options[] = {
	{ "sections", 's', 0, 0, "ELF sections", 1 },
	{ "programs", 'p', 0, 0, "programs, with what makes one unusable", 1 },
	{ "maps", 'm', 0, 0, "maps", 1 },
	{ "variables", 'v', 0, 0, "global variables and their values (run --set changes them)", 1 },
	{ "types", 't', 0, 0, "types (BTF), as C", 1 },
	{ "externs", 'e', 0, 0, "externs", 1 },
	{ "relocations", 'r', 0, 0, "ELF relocations", 1 },
	{ "core", 'c', 0, 0, "CO-RE relocations and what they found", 1 },
	{ "all", KEY_ALL, 0, 0, "all of it", 1 },
	{ "btf", KEY_BTF, "FILE", 0, "relocate against these kernel types, not the model kernel's",
	  2 },
	{ "json", KEY_JSON, 0, 0, "one JSON object", 2 },
	{ "output", 'o', "FILE", 0, "write there, not to standard output", 2 },
	{ 0 },
};

struct args {
	const char *object, *btf, *output;
	unsigned int parts;
	bool json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char letters[] = "spmtercv";
	static const unsigned int parts[] = { PART_SECTIONS, PART_PROGRAMS, PART_MAPS,
					      PART_TYPES,    PART_EXTERNS,  PART_RELOCS,
					      PART_CORE,     PART_VARIABLES };
	struct args *a = state->input;
	const char *letter = key > 0 && key < 128 ? strchr(letters, key) : NULL;

	if (letter) {
		a->parts |= parts[letter - letters];
		return 0;
	}
	switch (key) {
	case KEY_ALL:
		a->parts = PART_ALL;
		return 0;
	case KEY_JSON:
		a->json = true;
		return 0;
	case KEY_BTF:
		a->btf = arg;
		return 0;
	case 'o':
		a->output = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (a->object)
			argp_error(state, "one object at a time");
		a->object = arg;
		return 0;
	case ARGP_KEY_END:
		if (!a->object)
			argp_error(state, "which object?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "OBJECT",
	.doc = "Shows what is in an eBPF object; without options its sections, programs, maps and "
	       "externs. Any file is safe to look at.\v"
	       "examples:\n"
	       "  skep inspect opensnoop.bpf.o\n"
	       "  skep inspect --core --btf /sys/kernel/btf/vmlinux opensnoop.bpf.o\n\n"
	       "Exit codes: 0 yes, 1 not a readable object, 2 usage, 3 environment.",
};

static void set(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, text_json(value));
}

static void set_number(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static json_t *sections(const struct skep_obj *obj)
{
	json_t *list = json_array();

	for (size_t i = 1; i < skep_obj_nsections(obj); i++) {
		struct skep_section_info s;
		json_t *o = json_object();

		skep_obj_section(obj, i, &s);
		set_number(o, "index", i);
		set(o, "name", s.name);
		set(o, "type", s.type_name);
		set_number(o, "offset", s.offset);
		set_number(o, "size", s.size);
		set(o, "use", s.use);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *programs(const struct skep_obj *obj)
{
	json_t *list = json_array();

	for (size_t i = 0; i < skep_obj_nprogs(obj); i++) {
		struct skep_prog_info p;
		json_t *o = json_object();

		skep_prog_info(skep_obj_prog(obj, i), &p);
		set(o, "name", p.name);
		set(o, "section", p.section);
		set(o, "type", p.type);
		set(o, "attach", p.attach);
		set(o, "target", p.target);
		set_number(o, "instructions", p.ninsns);
		set_number(o, "functions", p.nfuncs);
		set_number(o, "core", p.ncore);
		set_number(o, "unresolved", p.ncore_unresolved);
		json_object_set_new(o, "autoload", json_boolean(p.autoload));
		json_object_set_new(o, "sleepable", json_boolean(p.sleepable));
		set(o, "unusable", p.unusable);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *maps(const struct skep_obj *obj)
{
	json_t *list = json_array();
	char type[128];

	for (size_t i = 0; i < skep_obj_nmaps(obj); i++) {
		struct skep_map_info m;
		json_t *o = json_object();

		skep_map_info(skep_obj_map(obj, i), &m);
		set(o, "name", m.name);
		set(o, "type", m.type_name);
		skep_type_name(obj, m.key_type, type, sizeof(type));
		set(o, "key", m.key_type ? type : NULL);
		set_number(o, "key_size", m.key_size);
		skep_type_name(obj, m.value_type, type, sizeof(type));
		set(o, "value", m.value_type ? type : NULL);
		set_number(o, "value_size", m.value_size);
		set_number(o, "max_entries", m.max_entries);
		set_number(o, "flags", m.flags);
		set(o, "inner", m.inner);
		json_object_set_new(o, "pinned", json_boolean(m.pinned));
		json_object_set_new(o, "internal", json_boolean(m.internal));
		json_object_set_new(o, "read_only", json_boolean(m.read_only));
		json_array_append_new(list, o);
	}
	return list;
}

/* Variables of data sections, by the type of the section's map. */
static void variables_of(const struct skep_obj *obj, const struct skep_map_info *m, json_t *list)
{
	unsigned char *zeros = calloc(1, m->value_size + 1);
	json_t *all, *value;
	const char *name;

	if (!zeros)
		return;
	all = value_json(obj, m->value_type, m->initial ? m->initial : zeros, m->value_size);
	json_object_foreach(all, name, value)
	{
		json_t *o = json_object();

		set(o, "name", name);
		set(o, "section", m->section);
		json_object_set(o, "value", value);
		json_array_append_new(list, o);
	}
	json_decref(all);
	free(zeros);
}

static json_t *variables(const struct skep_obj *obj)
{
	json_t *list = json_array();

	for (size_t i = 0; i < skep_obj_nmaps(obj); i++) {
		struct skep_map_info m;

		skep_map_info(skep_obj_map(obj, i), &m);
		if (m.internal && m.value_type && strcmp(m.type_name, "array") == 0)
			variables_of(obj, &m, list);
	}
	return list;
}

/* C text keeps its lines and their indent; the rest of each is made safe. */
static json_t *lines_json(const char *text)
{
	char *out = NULL;
	size_t size = 0;
	FILE *f = text ? open_memstream(&out, &size) : NULL;
	json_t *j;

	while (f && *text) {
		size_t indent = strspn(text, "\n\t"), n = strcspn(text + indent, "\n");
		char *safe = text_safe(text + indent, n);

		fprintf(f, "%.*s%s", (int)indent, text, safe ? safe : "?");
		free(safe);
		text += indent + n;
	}
	if (f)
		fclose(f);
	j = text_json(NULL);
	if (out) {
		json_decref(j);
		j = json_string(out);
	}
	free(out);
	return j;
}

static char *definition(const struct skep_obj *obj, uint32_t id)
{
	size_t n = skep_type_def(obj, id, NULL, 0);
	char *text = malloc(n + 1);

	if (text)
		skep_type_def(obj, id, text, n + 1);
	return text;
}

static json_t *types(const struct skep_obj *obj)
{
	json_t *list = json_array();
	char name[256];

	for (uint32_t id = 1; id < skep_obj_ntypes(obj); id++) {
		json_t *o = json_object();
		char *def = definition(obj, id);

		skep_type_name(obj, id, name, sizeof(name));
		set_number(o, "id", id);
		set(o, "kind", skep_type_kind(obj, id));
		set(o, "name", name);
		set_number(o, "size", skep_type_size(obj, id));
		json_object_set_new(o, "definition", lines_json(def));
		json_array_append_new(list, o);
		free(def);
	}
	return list;
}

static json_t *externs(const struct skep_obj *obj)
{
	json_t *list = json_array();

	for (size_t i = 0; i < skep_obj_nexterns(obj); i++) {
		struct skep_extern_info e;
		json_t *o = json_object();

		skep_obj_extern(obj, i, &e);
		set(o, "name", e.name);
		set(o, "kind", e.kind);
		json_object_set_new(o, "weak", json_boolean(e.weak));
		json_object_set_new(o, "resolved", json_boolean(e.resolved));
		set_number(o, "value", e.value);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *relocations(const struct skep_obj *obj)
{
	json_t *list = json_array();

	for (size_t i = 0; i < skep_obj_nrelocs(obj); i++) {
		struct skep_reloc_info r;
		json_t *o = json_object();

		skep_obj_reloc(obj, i, &r);
		set(o, "section", r.section);
		set_number(o, "offset", r.offset);
		set(o, "type", r.type);
		set(o, "symbol", r.symbol);
		json_array_append_new(list, o);
	}
	return list;
}

static void core_of(const struct skep_prog *prog, json_t *list)
{
	struct skep_prog_info p;

	skep_prog_info(prog, &p);
	for (size_t i = 0; i < p.ncore; i++) {
		struct skep_core_info c;
		json_t *o = json_object();

		skep_prog_core(prog, i, &c);
		set(o, "program", p.name);
		set_number(o, "instruction", c.insn);
		set(o, "kind", c.kind);
		set(o, "what", c.what);
		set_number(o, "old", c.old_value);
		if (c.resolved)
			set_number(o, "new", c.new_value);
		else
			json_object_set_new(o, "new", json_null());
		json_object_set_new(o, "resolved", json_boolean(c.resolved));
		set(o, "reason", c.reason);
		json_array_append_new(list, o);
	}
}

static json_t *core(const struct skep_obj *obj)
{
	json_t *list = json_array();

	for (size_t i = 0; i < skep_obj_nprogs(obj); i++)
		core_of(skep_obj_prog(obj, i), list);
	return list;
}

static const struct {
	unsigned int part;
	const char *name, *title;
	json_t *(*make)(const struct skep_obj *obj);
	const char *columns; /* of the table, by key */
} views[] = {
	{ PART_SECTIONS, "sections", "sections", sections, "index name type offset size use" },
	{ PART_PROGRAMS, "programs", "programs", programs,
	  "name section type attach instructions functions core" },
	{ PART_MAPS, "maps", "maps", maps,
	  "name type key key_size value value_size max_entries flags" },
	{ PART_VARIABLES, "variables", "variables", variables, "name section value" },
	{ PART_EXTERNS, "externs", "externs", externs, "name kind weak resolved value" },
	{ PART_RELOCS, "relocations", "relocations", relocations, "section offset type symbol" },
	{ PART_CORE, "core", "CO-RE relocations", core, "program instruction kind what old new" },
	{ PART_TYPES, "types", "types", types, NULL },
};

/* Numbers, perhaps with some missing. */
static bool is_numeric(const json_t *list, const char *key)
{
	bool any = false;
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)list, i, row)
	{
		const json_t *v = json_object_get(row, key);

		if (!json_is_integer(v) && !json_is_null(v))
			return false;
		any |= json_is_integer(v);
	}
	return any;
}

static void print_table(struct out *o, const json_t *list, const char *columns)
{
	struct table *t = table_new(o);
	char *names = strdup(columns), *save = NULL;
	json_t *row;
	size_t i;

	for (char *c = names ? strtok_r(names, " ", &save) : NULL; c;
	     c = strtok_r(NULL, " ", &save))
		table_column(t, c, is_numeric(list, c));
	json_array_foreach((json_t *)list, i, row)
	{
		char *again = strdup(columns);

		table_row(t);
		save = NULL;
		for (char *c = again ? strtok_r(again, " ", &save) : NULL; c;
		     c = strtok_r(NULL, " ", &save)) {
			char *text = value_text(json_object_get(row, c));

			table_cell(t, "%s", text ? text : "?");
			free(text);
		}
		free(again);
	}
	free(names);
	table_print(t, "  ");
}

static void print_types(struct out *o, const json_t *list)
{
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)list, i, row)
	{
		const char *kind = json_string_value(json_object_get(row, "kind"));
		const char *def = json_string_value(json_object_get(row, "definition"));

		fprintf(o->f, "  %s[%" JSON_INTEGER_FORMAT "] %s%s  %s\n", out_dim(o),
			json_integer_value(json_object_get(row, "id")), kind, out_plain(o), def);
	}
}

/* What a table has no room for: reasons, one line each. */
static void print_remarks(struct out *o, const json_t *list)
{
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)list, i, row)
	{
		const char *unusable = json_string_value(json_object_get(row, "unusable"));
		const char *reason = json_string_value(json_object_get(row, "reason"));
		const char *name = json_string_value(json_object_get(row, "name"));
		bool off = json_is_false(json_object_get(row, "autoload"));
		json_int_t missed = json_integer_value(json_object_get(row, "unresolved"));

		if (unusable)
			fprintf(o->f, "  %s: cannot be used: %s\n", name, unusable);
		if (missed)
			fprintf(o->f,
				"  %s: %" JSON_INTEGER_FORMAT
				" CO-RE relocations found nothing (--core)\n",
				name, missed);
		if (off)
			fprintf(o->f, "  %s: not loaded by itself (SEC(\"?...\"))\n", name);
		if (reason)
			fprintf(o->f, "  %s, instruction %" JSON_INTEGER_FORMAT ": %s\n",
				json_string_value(json_object_get(row, "program")),
				json_integer_value(json_object_get(row, "instruction")), reason);
	}
}

static void print_text(struct out *o, const struct skep_obj *obj, const json_t *tree)
{
	fprintf(o->f, "%s%s%s: eBPF object%s, licence '%s', %u types\n", out_bold(o),
		json_string_value(json_object_get(tree, "object")), out_plain(o),
		skep_obj_swapped(obj) ? " of the other byte order (cannot run here)" : "",
		json_string_value(json_object_get(tree, "license")), skep_obj_ntypes(obj));
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		const json_t *list = json_object_get(tree, views[i].name);

		if (!list)
			continue;
		fprintf(o->f, "\n%s%s%s (%zu)\n", out_bold(o), views[i].title, out_plain(o),
			json_array_size(list));
		if (!json_array_size(list))
			continue;
		if (views[i].columns)
			print_table(o, list, views[i].columns);
		else
			print_types(o, list);
		print_remarks(o, list);
	}
}

static int show(struct args *a, const struct skep_obj *obj)
{
	unsigned int parts = a->parts ? a->parts : a->json ? PART_ALL : PART_DEFAULT;
	json_t *tree = json_object();
	struct out o;
	int code = out_open(&o, a->output, a->json);

	if (code == EXIT_YES) {
		set(tree, "object", skep_obj_name(obj));
		set(tree, "license", skep_obj_license(obj));
		json_object_set_new(tree, "other_byte_order", json_boolean(skep_obj_swapped(obj)));
		for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
			if (parts & views[i].part)
				json_object_set_new(tree, views[i].name, views[i].make(obj));
		if (a->json)
			out_json(&o, json_incref(tree));
		else
			print_text(&o, obj, tree);
		code = out_close(&o);
	}
	json_decref(tree);
	return code;
}

int cmd_inspect(int argc, char **argv)
{
	struct skep_obj_opts oo = { .size = sizeof(oo) };
	struct skep_error *err = NULL;
	struct args a = { 0 };
	struct skep_obj *obj;
	int code;

	argv[0] = (char *)"skep inspect";
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	oo.btf = a.btf;
	if (skep_obj_open(a.object, &oo, &obj, &err) < 0)
		return show_error(err, a.json);
	code = show(&a, obj);
	skep_obj_close(obj);
	return code;
}
