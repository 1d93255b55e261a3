// SPDX-License-Identifier: GPL-2.0-or-later
/* See carry.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action.h"
#include "carry.h"
#include "control.h"
#include "cycle.h"
#include "director.h"
#include "dirty.h"
#include "host-time.h"
#include "machine.h"
#include "message.h"
#include "moment.h"
#include "pause.h"
#include "sentence.h"
#include "state/state.h"
#include "vcpu.h"

/* 4 MiB are carried before the director looks after the console and the vCPUs again. */
#define WORDS_AT_ONCE 16
/*
 * The guest is stopped when at most FEW_PAGES are left, not before LEAST_PASSES, and after
 * MOST_PASSES at the latest. Without LEAST_PASSES a small guest would be stopped after the first
 * pass, and KVM would never be asked to track a page again.
 */
#define FEW_PAGES    64
#define LEAST_PASSES 3
#define MOST_PASSES  16
/*
 * Few pages take no time to carry. So the guest gets WAIT_MS after each pass, in which it can
 * write. If it has written nothing after the first pass, it gets that up to MOST_WAITS times, so
 * that a page is carried twice. No event tells of a write, and a halted guest never writes.
 */
#define WAIT_MS	   1
#define MOST_WAITS 20

static struct {
	bool on;
	struct memory memory; /* the second memory */
	uint64_t words;
	uint64_t *left; /* pages that are to be carried, in this pass and later */
	uint64_t word;	/* how far this pass has come */
	unsigned pass;
	unsigned waits; /* after this pass */
	bool waiting;
	struct carry_figures figures;
	char number[32]; /* of the request, or "" */
} carry;

bool carry_is_on(void)
{
	return carry.on;
}

int carry_wait_ms(void)
{
	return !carry.on ? -1 : carry.waiting ? WAIT_MS : 0;
}

void carry_begin(struct machine *machine, const struct request *request)
{
	memset(&carry, 0, sizeof(carry));
	carry.on = true;
	if (request)
		snprintf(carry.number, sizeof(carry.number), "%s", request->number);
	/* It reads as zero, like those pages of the first memory that were never written to. */
	memory_create(&carry.memory, machine->memory.size >> 20);
	carry.words = memory_words(&machine->memory);
	carry.left = allocate(carry.words * sizeof(carry.left[0]));
	memset(carry.left, 0xff, carry.words * sizeof(carry.left[0]));
	/* Begin before the first page is carried, or later writes to it are not logged. */
	dirty_begin(machine);
	carry.pass = 1;
}

static void carry_page(struct machine *machine, uint64_t page)
{
	memcpy(carry.memory.bytes + page * PAGE_BYTES, machine->memory.bytes + page * PAGE_BYTES,
	       PAGE_BYTES);
	carry.figures.pages++;
	carry.figures.again += carry.pass > 1;
}

/*
 * Whether the first memory has no page there, since it was never written to. Reading it would
 * allocate it. HOLE_END is where the last hole that was found ends. Only for the first pass: later,
 * the second memory is not zero.
 */
static bool is_hole(struct machine *machine, uint64_t page, uint64_t *hole_end)
{
	off_t data;

	if (page < *hole_end)
		return true;
	data = lseek(machine->memory.fd, page * PAGE_BYTES, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		return false;
	*hole_end = data < 0 ? machine->memory.size / PAGE_BYTES : data / PAGE_BYTES;
	return page < *hole_end;
}

static void carry_words(struct machine *machine, uint64_t count)
{
	uint64_t hole_end = 0;

	/* Pages are tracked again before they are copied: see dirty.h. */
	dirty_track_again(machine, carry.left, carry.word, count);
	for (uint64_t word = carry.word; word < carry.word + count; word++) {
		for (uint64_t bits = carry.left[word]; bits; bits &= bits - 1) {
			uint64_t page = word * PAGES_PER_WORD + __builtin_ctzll(bits);

			if (carry.pass > 1 || !is_hole(machine, page, &hole_end))
				carry_page(machine, page);
		}
		carry.left[word] = 0;
	}
	carry.word += count;
}

static uint64_t pages_left(void)
{
	uint64_t pages = 0;

	for (uint64_t word = 0; word < carry.words; word++)
		pages += __builtin_popcountll(carry.left[word]);
	return pages;
}

static void reply(void)
{
	struct request request = { .number = carry.number };
	const struct carry_figures *figures = &carry.figures;

	if (*carry.number)
		control_ok(
			&request, "passes=%u pages=%llu again=%llu rings_full=%llu stopped_ns=%llu",
			carry.pass, (unsigned long long)figures->pages,
			(unsigned long long)figures->again, (unsigned long long)figures->rings_full,
			(unsigned long long)figures->stopped_ns);
}

static void add_figures(struct carry_figures *sum)
{
	sum->carries++;
	sum->passes += carry.pass;
	sum->pages += carry.figures.pages;
	sum->again += carry.figures.again;
	sum->rings_full += carry.figures.rings_full;
	sum->stopped_ns += carry.figures.stopped_ns;
}

/* Stops the guest, carries the rest, and lets it go on in a new VM on the second memory. */
static void switch_over(struct machine *machine)
{
	struct state *state;
	struct vm *old = machine->vm;
	uint64_t begin;

	/* KVM reports what hardware has logged (Intel's PML) when the vCPU has left the guest. */
	vcpus_stop(machine);
	begin = host_ns(CLOCK_MONOTONIC);
	/*
	 * Saving the state may make KVM write to RAM, e.g. a nested guest's control block that it
	 * caches. So the last pages are collected afterwards.
	 */
	state = state_save(machine);
	dirty_collect(machine, carry.left);
	carry.pass++;
	carry.word = 0;
	carry_words(machine, carry.words);
	dirty_end(machine);

	memory_free(&machine->memory);
	machine->memory = carry.memory;
	machine->vm = vm_create(&machine->kvm, &machine->options->shape, &machine->memory);
	vcpus_renew_threads(machine);
	state_restore(machine, state);
	state_check(machine, state);
	state_free(state);
	vm_close_aside(old);
	free(carry.left);
	carry.on = false;
	carry.figures.stopped_ns = host_ns(CLOCK_MONOTONIC) - begin;
	add_figures(&machine->carry_figures);
	sentence_answer(machine);
	if (*carry.number)
		pause_tell(machine);
	else
		pause_tell_again(machine);
	reply();
	director_go(machine);
	moment_arm(machine);
}

/* A pass has ended, and the guest has had some time since. */
static void end_pass(struct machine *machine)
{
	uint64_t left;

	dirty_collect(machine, carry.left);
	left = pages_left();
	/* The first pass carries every page. Wait until there are pages to carry again. */
	if (!left && carry.pass == 1 && carry.waits < MOST_WAITS)
		return;
	if ((left <= FEW_PAGES && carry.pass >= LEAST_PASSES) || carry.pass == MOST_PASSES) {
		switch_over(machine);
		return;
	}
	carry.pass++;
	carry.word = 0;
	carry.waits = 0;
}

void carry_on(struct machine *machine)
{
	uint64_t left = carry.words - carry.word;

	if (left) {
		carry_words(machine, left < WORDS_AT_ONCE ? left : WORDS_AT_ONCE);
		carry.waiting = false;
	} else if (carry.waiting) {
		carry.waiting = false;
		end_pass(machine);
	} else {
		carry.waiting = true;
		carry.waits++;
	}
}

void carry_ring_full(struct machine *machine)
{
	if (!carry.on)
		return;
	carry.figures.rings_full++;
	dirty_collect(machine, carry.left);
}

void carry_summary(const struct machine *machine)
{
	const struct carry_figures *figures = &machine->carry_figures;

	if (!machine->options->carry || machine->options->control >= 0)
		return;
	message("%llu migrations in %llu passes; %llu pages were carried, of these %llu again; rings were full %llu times",
		(unsigned long long)figures->carries, (unsigned long long)figures->passes,
		(unsigned long long)figures->pages, (unsigned long long)figures->again,
		(unsigned long long)figures->rings_full);
}

void action_carry(struct machine *machine, struct request *request)
{
	if (!machine->options->carry)
		control_error(request, "carry: ferry-vmm was started without --carry");
	else if (machine->held)
		control_error(request, "carry: the guest stands still; say go first");
	else
		carry_begin(machine, request);
}
