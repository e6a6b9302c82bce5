// SPDX-License-Identifier: Apache-2.0
/*
 * Look-ups over the tables of program, attach and map types and of section names. All data is
 * constant and made from the .def files.
 */
#include <string.h>

#include "base/num.h"
#include "spec/spec.h"

enum { N = 0, Y = 1 };

struct type_row {
	const char *name, *since;
	bool served;
};

static const struct type_row prog_types[PROG_TYPE_COUNT] = {
#define PROG_TYPE(id, value, name, ctx, since, served) [value] = { name, #since, served },
#include "spec/prog_types.def"
#undef PROG_TYPE
};

static const struct type_row attach_types[ATTACH_TYPE_COUNT] = {
#define ATTACH_TYPE(id, value, name, since) [value] = { name, #since, false },
#include "spec/attach_types.def"
#undef ATTACH_TYPE
};

static const struct type_row map_types[MAP_TYPE_COUNT] = {
#define MAP_ROW(id, value, name, since, served) [value] = { name, #since, served },
#include "spec/map_types.def"
#undef MAP_ROW
};

static const struct type_row *row_of(const struct type_row *rows, int count, int type)
{
	static const struct type_row none;

	return type >= 0 && type < count ? &rows[type] : &none;
}

const char *spec_prog_type_name(int type)
{
	return row_of(prog_types, PROG_TYPE_COUNT, type)->name;
}

const char *spec_attach_type_name(int type)
{
	return row_of(attach_types, ATTACH_TYPE_COUNT, type)->name;
}

const char *spec_map_type_name(int type)
{
	return row_of(map_types, MAP_TYPE_COUNT, type)->name;
}

bool spec_prog_type_served(int type)
{
	return row_of(prog_types, PROG_TYPE_COUNT, type)->served;
}

bool spec_map_type_served(int type)
{
	return row_of(map_types, MAP_TYPE_COUNT, type)->served;
}

int spec_map_type_find(const char *name)
{
	for (int i = 0; i < MAP_TYPE_COUNT; i++)
		if (!strcmp(map_types[i].name, name))
			return i;
	return -1;
}

#define EXACT SECTION_EXACT
#define EXTRA SECTION_EXTRA
#define SLEEPABLE SECTION_SLEEPABLE
#define ATTACH_BTF SECTION_ATTACH_BTF
#define FRAGS SECTION_FRAGS

static const struct spec_section sections[] = {
#define SECTION(name, type, attach, flags) { name, PROG_##type, ATTACH_##attach, flags },
#include "spec/section.def"
#undef SECTION
};

const struct spec_section *spec_section_find(const char *name, const char **ret_extra)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		size_t len = strlen(sections[i].prefix);

		if (strncmp(name, sections[i].prefix, len) != 0)
			continue;
		if (name[len] == '/' && sections[i].flags & SECTION_EXTRA)
			*ret_extra = name + len + 1;
		else if (!name[len])
			*ret_extra = NULL;
		else
			continue;
		return &sections[i];
	}
	return NULL;
}

size_t spec_section_count(void)
{
	return ARRAY_SIZE(sections);
}

const struct spec_section *spec_section_at(size_t i)
{
	return i < ARRAY_SIZE(sections) ? &sections[i] : NULL;
}
