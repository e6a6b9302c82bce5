// SPDX-License-Identifier: Apache-2.0
/* Ring and perf buffers: records, wrapping, loss, and positions against a twin that only counts. */
#include <stdlib.h>
#include <unistd.h>

#include "base/num.h"
#include "check.h"
#include "map/map.h"
#include "map_model.h"

static struct map *make(uint32_t type, uint32_t max)
{
	struct map_attr attr = { .name = "r", .type = type, .max_entries = max, .ncpus = 2 };
	struct map *map = NULL;

	if (type == MAP_PERF_EVENT_ARRAY)
		attr.key_size = attr.value_size = 4;
	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	return map;
}

struct reader {
	uint64_t next, records, stop_after;
	uint32_t cpu;
	bool bad;
};

/* Records are n bytes, n and the bytes made from the record's number. */
static size_t length_of(uint64_t number)
{
	return 8 + number * 37 % 300;
}

static int read_record(void *ctx, uint32_t cpu, const void *data, size_t len)
{
	struct reader *r = ctx;
	const uint8_t *bytes = data;
	uint64_t number;

	memcpy(&number, bytes, 8);
	r->bad |= number < r->next || len != length_of(number) || cpu != r->cpu;
	for (size_t i = 8; i < len; i++)
		r->bad |= bytes[i] != (uint8_t)(number + i);
	r->next = number + 1;
	r->records++;
	return r->records == r->stop_after;
}

static void write_record(uint8_t *at, uint64_t number)
{
	memcpy(at, &number, 8);
	for (size_t i = 8; i < length_of(number); i++)
		at[i] = (uint8_t)(number + i);
}

static void records_wrap_and_are_counted(void)
{
	struct map *map = make(MAP_RINGBUF, 4096);
	uint64_t state = 5, written = 0, kept = 0, used = 0, lost = 0, producer = 0;
	struct reader reader = { 0 };
	struct map_stats stats;
	uint8_t record[512];

	for (int n = 0; n < 20000; n++) {
		uint64_t size = length_of(written), bytes = num_align(size + 8, 8);
		bool room = used + bytes < 4096, discard = model_random(&state) % 8 == 0;

		if (model_random(&state) % 12 == 0) {
			CHECK_EQ_INT(map_pending(map), used != 0);
			CHECK_EQ_INT(map_ring_drain(map, read_record, &reader) >= 0, true);
			used = 0;
			CHECK_EQ_INT(map_ring_query(map, 2), producer);
			continue;
		}
		if (discard) {
			void *at = map_ring_reserve(map, size, 0);

			CHECK_EQ_INT(at != NULL, room);
			if (at) {
				CHECK_EQ_INT(map_ring_sample_size(map, at), size);
				CHECK(map_ring_owns(map, (uintptr_t)at));
				write_record(at, written);
				map_ring_discard(map, at, 0);
			}
		} else {
			write_record(record, written);
			CHECK_EQ_INT(map_ring_output(map, record, size, 0), room ? 0 : -EAGAIN);
			kept += room;
		}
		written++;
		lost += !room;
		used += room ? bytes : 0;
		producer += room ? bytes : 0;
		CHECK_EQ_INT(map_ring_query(map, 0), used);
		CHECK_EQ_INT(map_ring_query(map, 3), producer);
	}
	map_ring_drain(map, read_record, &reader);
	map_stats(map, &stats);
	CHECK(!reader.bad);
	CHECK_EQ_INT(reader.records, kept);
	CHECK_EQ_INT(stats.lost, lost);
	CHECK(lost > 100 && stats.lost_bytes > lost * 8);
	CHECK_EQ_INT(map_ring_query(map, 1), 4096);
	CHECK_EQ_INT(map_ring_query(map, 9), 0);
	map_unref(map);
}

static void order_is_that_of_reservation(void)
{
	struct map *map = make(MAP_RINGBUF, 4096);
	struct reader reader = { 0 };
	uint8_t *at[3];

	for (uint64_t i = 0; i < 3; i++) {
		at[i] = map_ring_reserve(map, length_of(i), 0);
		write_record(at[i], i);
	}
	map_ring_submit(map, at[2], 0);
	CHECK(!map_pending(map));
	CHECK_EQ_INT(map_ring_drain(map, read_record, &reader), 0);
	map_ring_submit(map, at[0], 0);
	CHECK(map_pending(map));
	CHECK_EQ_INT(map_ring_drain(map, read_record, &reader), 1);
	map_ring_submit(map, at[1], 0);
	CHECK_EQ_INT(map_ring_drain(map, read_record, &reader), 2);
	CHECK(!reader.bad);
	map_unref(map);
}

static void limits(void)
{
	struct map *map = make(MAP_RINGBUF, 4096);
	struct reader reader = { .stop_after = 1 };
	uint8_t record[512];

	CHECK(!map_ring_reserve(map, 4096, 0));
	CHECK(!map_ring_reserve(map, 4089, 0));
	CHECK(!map_ring_reserve(map, UINT64_MAX, 0));
	CHECK(!map_ring_reserve(map, 8, 1));
	CHECK_EQ_INT(map_ring_output(map, record, 8, 4), -EINVAL);
	CHECK(!map_ring_owns(map, (uintptr_t)record));
	for (uint64_t i = 0; i < 3; i++) {
		write_record(record, i);
		CHECK_EQ_INT(map_ring_output(map, record, length_of(i), 0), 0);
	}
	CHECK_EQ_INT(map_ring_drain(map, read_record, &reader), 1);
	reader.stop_after = 0;
	CHECK_EQ_INT(map_ring_drain(map, read_record, &reader), 2);
	map_unref(map);
}

static void count_lost(void *ctx, uint32_t cpu, uint64_t n)
{
	(void)cpu;
	*(uint64_t *)((struct reader *)ctx + 1) += n;
}

static void perf_buffers(void)
{
	struct map *map = make(MAP_PERF_EVENT_ARRAY, 2);
	struct {
		struct reader reader;
		uint64_t lost;
	} to = { .reader = { .cpu = 1 } };
	uint64_t refused = 0, flags = 0xffffffff;
	uint8_t record[512];

	CHECK_EQ_INT(map_perf_output(map, 1, flags, record, 8, NULL, 0), -ENOENT);
	CHECK_EQ_INT(map_perf_open(map, 2, 1), -E2BIG);
	CHECK_EQ_INT(map_perf_open(map, 1, 3), -EINVAL);
	CHECK_EQ_INT(map_perf_open(map, 1, 1), 0);
	CHECK_EQ_INT(map_perf_open(map, 1, 1), -EBUSY);
	CHECK_EQ_INT(map_perf_output(map, 1, 0, record, 8, NULL, 0), -ENOENT);
	CHECK_EQ_INT(map_perf_output(map, 0, 1, record, 8, NULL, 0), -EOPNOTSUPP);
	CHECK_EQ_INT(map_perf_output(map, 5, flags, record, 8, NULL, 0), -E2BIG);
	CHECK_EQ_INT(map_perf_output(map, 1, 1ull << 60, record, 8, NULL, 0), -EINVAL);
	CHECK(!map_pending(map));
	for (uint64_t i = 0; i < 3000; i++) {
		size_t len = length_of(i), tail = len > 40 ? 17 : 0;
		int r;

		write_record(record, i);
		r = map_perf_output(map, 1, i % 2 ? 1 : flags, record, len - tail,
				    record + len - tail, tail);
		CHECK(r == 0 || r == -ENOSPC);
		refused += r != 0;
		if (i % 30 == 29) {
			CHECK(map_pending(map));
			CHECK(map_perf_drain(map, read_record, &to, count_lost) > 0);
		}
	}
	CHECK(!to.reader.bad);
	CHECK(refused > 0);
	CHECK_EQ_INT(to.lost, refused);
	CHECK_EQ_INT(to.reader.records, 3000 - refused);
	map_unref(map);
}

CHECK_MAIN({ "records_wrap_and_are_counted", records_wrap_and_are_counted },
	   { "order_is_that_of_reservation", order_is_that_of_reservation }, { "limits", limits },
	   { "perf_buffers", perf_buffers })
