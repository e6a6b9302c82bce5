// SPDX-License-Identifier: Apache-2.0
/* skep verify --kernel: which kernels load these programs, what the others lack, and the minimum of each program and object. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/verdicts.h"

#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

struct view {
	const struct verify_args *a;
	const char *path;
	struct out out;
	struct skep_profile *profile; /* NULL: all versions */
	struct skep_kernels *kernels;
	bool refused; /* by the newest kernel that was asked */
};

#define VERSION_TEXT 24
static const char *version(uint32_t v, char buf[VERSION_TEXT])
{
	snprintf(buf, VERSION_TEXT, "%u.%u", v >> 16, v >> 8 & 0xff);
	return buf;
}

static const char *word(const struct skep_kernel_verdict *v)
{
	return v->code == -ENOEXEC ? "unusable" :
	       v->code < 0	   ? "rejected" :
	       v->attach	   ? "not attachable" :
				     "accepted";
}

/* "helper bpf_loop at x.bpf.c:42" */
static void reason(struct buf *b, const struct skep_kernel_verdict *v)
{
	const struct skep_place *at = v->error ? skep_error_place(v->error) : NULL;
	const char *base = at && at->src ? strrchr(at->src, '/') : NULL;

	buf_adds(b, v->obstacle ? v->obstacle : v->error ? skep_error_message(v->error) : "");
	if (at && at->src && at->line)
		buf_printf(b, " at %s:%u", base ? base + 1 : at->src, at->line);
	else if (at && at->kind == SKEP_PLACE_INSN && v->obstacle)
		buf_printf(b, " at instruction %llu", (unsigned long long)at->at);
}

static json_t *reason_json(const struct skep_kernel_verdict *v)
{
	json_t *j = json_object();
	char text[VERSION_TEXT];
	struct buf b;

	buf_init(&b);
	reason(&b, v);
	json_object_set_new(j, "text", text_json(buf_str(&b)));
	buf_done(&b);
	if (v->obstacle) {
		json_object_set_new(j, "kind", text_json(v->kind));
		json_object_set_new(j, "name", text_json(v->name));
		json_object_set_new(j, "stage", json_string(v->attach ? "attach" : "load"));
		json_object_set_new(j, "since",
				    v->since ? json_string(version(v->since, text)) : json_null());
	}
	if (v->error)
		json_object_set_new(j, "error", error_json(v->error));
	return j;
}

static json_t *minimum_json(uint32_t first, const struct skep_kernel_verdict *v)
{
	json_t *j = json_object();
	char text[VERSION_TEXT];

	json_object_set_new(j, "kernel", first ? json_string(version(first, text)) : json_null());
	json_object_set_new(j, "because", v->code || v->attach ? reason_json(v) : json_null());
	return j;
}

static void prog_json(struct view *w, size_t i)
{
	const char *section, *name = skep_kernels_prog(w->kernels, i, &section);
	json_t *j = json_object(), *all = json_array();
	struct skep_kernel_verdict v;
	char text[VERSION_TEXT];

	json_object_set_new(j, "object", text_json(w->path));
	json_object_set_new(j, "program", text_json(name));
	json_object_set_new(j, "section", text_json(section));
	for (size_t n = 0; skep_kernels_verdict(w->kernels, i, n, &v); n++) {
		json_t *one = json_object();

		json_object_set_new(one, "first", json_string(version(v.first, text)));
		json_object_set_new(one, "last", json_string(version(v.last, text)));
		json_object_set_new(one, "verdict", json_string(word(&v)));
		json_object_set_new(one, "code", json_integer(v.code));
		if (v.code || v.attach)
			json_object_set_new(one, "because", reason_json(&v));
		json_array_append_new(all, one);
	}
	json_object_set_new(j, "kernels", all);
	if (!w->profile) {
		uint32_t first = skep_kernels_minimum(w->kernels, i, &v, NULL);

		json_object_set_new(j, "minimum", minimum_json(first, &v));
	}
	out_json(&w->out, j);
}

static void verdict_text(struct view *w, const struct skep_kernel_verdict *v)
{
	char first[VERSION_TEXT], last[VERSION_TEXT];
	struct buf b;

	fprintf(w->out.f, "  %s", version(v->first, first));
	if (v->first != v->last)
		fprintf(w->out.f, " to %s", version(v->last, last));
	fprintf(w->out.f, ": %s", word(v));
	if (v->code || v->attach) {
		buf_init(&b);
		reason(&b, v);
		fputs(": ", w->out.f);
		out_text(&w->out, buf_str(&b));
		if (v->obstacle && v->since)
			fprintf(w->out.f, ", which came with %s", version(v->since, first));
		buf_done(&b);
	}
	fputc('\n', w->out.f);
}

static void minimum_text(struct view *w, uint32_t first, const struct skep_kernel_verdict *v,
			 const char *prog)
{
	char text[VERSION_TEXT];
	struct buf b;

	buf_init(&b);
	reason(&b, v);
	if (first)
		fprintf(w->out.f, "minimum kernel: %s", version(first, text));
	else
		fputs("minimum kernel: none", w->out.f);
	if (v->code || v->attach) {
		fputs(" (because ", w->out.f);
		out_text(&w->out, buf_str(&b));
		if (prog) {
			fputs(", program ", w->out.f);
			out_text(&w->out, prog);
		}
		fputc(')', w->out.f);
	}
	fputc('\n', w->out.f);
	buf_done(&b);
}

static void prog_text(struct view *w, size_t i)
{
	const char *name = skep_kernels_prog(w->kernels, i, NULL);
	struct skep_kernel_verdict v;
	char text[4096];

	fprintf(w->out.f, "%s", out_bold(&w->out));
	out_text(&w->out, name);
	fprintf(w->out.f, "%s:\n", out_plain(&w->out));
	for (size_t n = 0; skep_kernels_verdict(w->kernels, i, n, &v); n++) {
		verdict_text(w, &v);
		if (v.error && w->profile) {
			skep_error_text(v.error, text, sizeof(text));
			fputs(text, w->out.f);
		}
	}
	if (!w->profile) {
		uint32_t first = skep_kernels_minimum(w->kernels, i, &v, NULL);

		fputs("  ", w->out.f);
		minimum_text(w, first, &v, NULL);
	}
}

static void object_end(struct view *w)
{
	size_t prog = 0;
	struct skep_kernel_verdict v = { 0 };
	uint32_t first = skep_kernels_minimum(w->kernels, SIZE_MAX, &v, &prog);
	const char *name = skep_kernels_prog(w->kernels, prog, NULL);

	if (w->a->json) {
		json_t *j = json_object();

		json_object_set_new(j, "object", text_json(w->path));
		json_object_set_new(j, "program_of_minimum", text_json(name));
		json_object_set_new(j, "minimum", minimum_json(first, &v));
		out_json(&w->out, j);
		return;
	}
	out_text(&w->out, w->path);
	fputs(": ", w->out.f);
	minimum_text(w, first, &v, name);
}

static int one_object(struct view *w)
{
	struct skep_obj_opts oo = { .size = sizeof(oo), .btf = w->a->btf };
	const struct skep_kernels_opts ko = { .size = sizeof(ko),
					      .profile = w->profile,
					      .prog = w->a->prog,
					      .caps = w->a->caps,
					      .prog_flags = w->a->flags,
					      .all = w->a->all };
	const bool own_types = w->profile && access(w->a->kernel, F_OK) == 0;
	struct skep_error *err = NULL;
	struct skep_kernel_verdict v;

	if (!oo.btf && !own_types && !w->a->model && access(KERNEL_TYPES, R_OK) == 0)
		oo.btf = KERNEL_TYPES;
	if (skep_kernels_new(w->path, &oo, &ko, &w->kernels, &err) < 0)
		return show_error(err, w->a->json);
	for (size_t i = 0; i < skep_kernels_nprogs(w->kernels); i++) {
		if (w->a->json)
			prog_json(w, i);
		else
			prog_text(w, i);
		if (skep_kernels_verdict(w->kernels, i, 0, &v) && (v.code || v.attach))
			w->refused = true;
	}
	if (!w->profile)
		object_end(w);
	skep_kernels_free(w->kernels);
	return EXIT_YES;
}

static int open_profile(struct view *w)
{
	struct skep_error *err = NULL;
	char text[VERSION_TEXT];

	if (strcmp(w->a->kernel, "all") == 0)
		return EXIT_YES;
	if (skep_profile_open(w->a->kernel, &w->profile, &err) < 0)
		return show_error(err, w->a->json);
	if (!w->a->json && access(w->a->kernel, F_OK) == 0)
		fprintf(w->out.f, "its types are those of Linux %s\n",
			version(skep_profile_version(w->profile), text));
	else if (!w->a->json && strcmp(w->a->kernel, "live") == 0)
		fprintf(w->out.f, "Linux %s, its types%s\n",
			version(skep_profile_version(w->profile), text),
			skep_profile_probed(w->profile) ? ", and what bpf(2) makes" : "");
	return EXIT_YES;
}

int verify_kernels(const struct verify_args *a)
{
	struct view w = { .a = a };
	int code = out_open(&w.out, a->output, a->json), r;

	if (code != EXIT_YES)
		return code;
	code = open_profile(&w);
	for (size_t i = 0; code == EXIT_YES && i < a->npaths; i++) {
		w.path = a->paths[i];
		code = one_object(&w);
	}
	skep_profile_close(w.profile);
	r = out_close(&w.out);
	if (code == EXIT_YES)
		code = r;
	return code == EXIT_YES && w.refused ? EXIT_NO : code;
}
