/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of an object (BTF): finding them, printing them as C, and walking bytes by type. Ids are those of the
 * object's BTF; 0 is void. Source: kernel document bpf/btf.rst. Thread-safe (read only).
 */
#ifndef SKEP_BTF_H
#define SKEP_BTF_H

#include "skep/object.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Number of types, 0 when the object has no BTF; ids are 1 .. n - 1. */
SKEP_API uint32_t skep_obj_ntypes(const struct skep_obj *obj);
/** "struct event" / "event" / "enum e" / "u32": id of the type of that C spelling, 0 when there is none. */
SKEP_API uint32_t skep_obj_find_type(const struct skep_obj *obj, const char *spelling);
/** C spelling ("struct event", "__u32[4]") as snprintf(3) would. */
SKEP_API size_t skep_type_name(const struct skep_obj *obj, uint32_t id, char *buf, size_t size);
/** Definition as C, as snprintf(3) would; the spelling for types that have none. */
SKEP_API size_t skep_type_def(const struct skep_obj *obj, uint32_t id, char *buf, size_t size);
/** Size in bytes, 0 for types without one. */
SKEP_API uint64_t skep_type_size(const struct skep_obj *obj, uint32_t id);
/** Kind: "INT", "STRUCT", "DATASEC" ... */
SKEP_API const char *skep_type_kind(const struct skep_obj *obj, uint32_t id);

/**
 * The type of a record of @size bytes: the one struct of the object that has this size (contexts of the
 * kernel and map keys or values are not records and do not count while another fits). *ret_n is how many fit; 0 or several give 0.
 */
SKEP_API uint32_t skep_obj_record_type(const struct skep_obj *obj, uint64_t size, size_t *ret_n);

enum skep_value_kind {
	SKEP_VALUE_INT,	    /**< i */
	SKEP_VALUE_UINT,    /**< u */
	SKEP_VALUE_BOOL,    /**< u: 0 or 1 */
	SKEP_VALUE_FLOAT,   /**< f */
	SKEP_VALUE_ENUM,    /**< i, text: the enumerator's name or NULL */
	SKEP_VALUE_STRING,  /**< text, len: a char array, up to its NUL */
	SKEP_VALUE_POINTER, /**< u */
	SKEP_VALUE_BYTES,   /**< text, len: raw bytes (wider than 64 bits, or no type) */
};

struct skep_value {
	enum skep_value_kind kind;
	const char *member; /**< name of the member or variable, NULL in arrays and at the top */
	uint32_t type;
	union {
		int64_t i;
		uint64_t u;
		double f;
	};
	const char *text;
	size_t len;
};

/** Callbacks of a walk; a non-zero return ends it and is returned. Any may be NULL. */
struct skep_visitor {
	/** @n members or elements; @is_array. */
	int (*begin)(void *ctx, const char *member, uint32_t type, bool is_array, size_t n);
	int (*scalar)(void *ctx, const struct skep_value *value);
	int (*end)(void *ctx);
};
/**
 * Walks @len bytes at @data as type @id (0: raw bytes). Never reads outside; what the bytes are too short for
 * is left out. -EINVAL for a type without values (function).
 */
SKEP_API int skep_type_visit(const struct skep_obj *obj, uint32_t id, const void *data, size_t len,
			     const struct skep_visitor *visitor, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
