/* SPDX-License-Identifier: Apache-2.0 */
/* Types as the target has them; core_local.bpf.c declares its own of the same names. */
#ifndef CORE_TARGET_H
#define CORE_TARGET_H

struct point {
	long padding;
	int y, x;
};

enum color { RED = 5, GREEN = 7, BLUE = 9, LAST_COLOR = -3 };
enum large { LARGE_ONE = 0x100000001ull, LARGE_TWO = 0xfedcba9876543210ull };
enum narrow { NARROW_A = 1, NARROW_B = 2 } __attribute__((packed));

struct outer {
	char padding[3];
	struct {
		int a;
		union {
			long u;
			struct {
				short hidden;
				struct point inner;
			};
		};
	};
	struct point points[7];
	int grid[3][5];
	unsigned short shrunk;
	unsigned long grown;
	unsigned char byte;
	void *pointer;
	signed char small;
	long widened;
	char other_kind[8];
	const volatile unsigned int qualified;
	enum color color;
	int count;
	struct point tail[];
};

struct bits {
	unsigned int before : 7;
	unsigned int three : 3;
	int five : 5;
	unsigned int straddle : 20;
	long long wide : 40;
	unsigned char two : 2;
	enum color hue : 5;
	_Bool flag : 1;
	unsigned long all;
	int now_plain;
	unsigned int now_bits : 9;
};

struct odd {
	char c;
	short s __attribute__((aligned(8)));
	struct {
		int : 3;
		int one : 1;
	};
};

union either {
	char pad;
	long number;
	int half[2];
};

typedef struct {
	char pad;
	int first, second;
} pair_t;

typedef int (*callback_t)(int, struct point *, const char *);
typedef long row_t[6];

struct links {
	int (*callback)(int, struct point *);
	struct point *to;
	struct links *next;
	enum color color;
	unsigned int number;
	int (*other)(long);
};

/* Two candidates that disagree, and two that agree. */
struct twice {
	int pad, field;
};
struct twice___old {
	int field;
};
struct same {
	int pad, field;
};
struct same___old {
	int pad2, field, more;
};

struct deep {
	struct {
		struct {
			struct {
				struct {
					char x;
					int leaf;
				};
			};
		};
	};
};

#endif
