// SPDX-License-Identifier: GPL-2.0-or-later
/* See registers.h. The tables are in registers-*.c. */
#include "registers.h"
#include "alloc_page.h"
#include "barrier.h"
#include "migrate.h"
#include "processor.h"
#include "random.h"
#include "smp.h"
#include "vm.h"

/* How long CPUs stand by while CPU 0 is migrated: as long as the library waits for an answer. */
#define STAND_BY_MS ANSWER_DEADLINE_MS

struct held_register {
	const struct register_row *row;
	u8 n;
	bool there;	 /* it can be read */
	bool written;	 /* the unusual value was written */
	u64 own, before; /* before it was written, and before the action */
};

struct held_registers {
	const struct register_group *group;
	unsigned count, order;
	struct held_register registers[];
};

u64 register_noise(u32 index, int cpu, int n)
{
	return scramble((u64)index << 32 | cpu << 16 | (n + 1));
}

/* ---- access ---- */

static bool read_msr(u32 index, u64 *value)
{
	return !rdmsr_safe(index, value);
}

static bool write_msr(u32 index, u64 value)
{
	return !wrmsr_safe(index, value);
}

static const struct register_access msr_access = { read_msr, write_msr };

static const struct register_access *access_of(const struct register_row *row)
{
	return row->access ? row->access : &msr_access;
}

static u32 index_of(const struct held_register *reg)
{
	return reg->row->index + reg->n * reg->row->step;
}

static bool read(const struct held_register *reg, u64 *value)
{
	return access_of(reg->row)->read(index_of(reg), value);
}

static bool write(const struct held_register *reg, u64 value)
{
	return access_of(reg->row)->write(index_of(reg), value);
}

/*
 * Only CPU 0 handles a register that all CPUs share. Another CPU could read it before CPU 0 has set
 * it, or after CPU 0 has restored it.
 */
static bool belongs_here(const struct register_row *row)
{
	return !row->whole_vm || !smp_id();
}

static void name_register(char *name, size_t size, const struct held_register *reg)
{
	/* A name without %d does not use the number. */
	snprintf(name, size, reg->row->name, reg->n);
}

/* ---- one CPU ---- */

static unsigned registers_in(const struct register_row *row)
{
	return row->count ? row->count : 1;
}

struct held_registers *registers_new(const struct register_group *group)
{
	struct held_registers *held;
	unsigned count = 0, order;

	for (const struct register_row *row = group->rows; row->name; row++)
		count += registers_in(row);
	order = page_order(sizeof(*held) + count * sizeof(held->registers[0]));
	held = alloc_pages(order);
	held->group = group;
	held->order = order;
	for (const struct register_row *row = group->rows; row->name; row++)
		for (unsigned n = 0; !row->instead && n < registers_in(row); n++)
			held->registers[held->count++] =
				(struct held_register){ .row = row, .n = n };
	return held;
}

void registers_free(struct held_registers *held)
{
	free_pages(held);
}

static bool has_value(const struct register_row *row)
{
	return row->make || row->base || row->vary;
}

static u64 unusual_value(const struct held_register *reg)
{
	const struct register_row *row = reg->row;

	if (row->make)
		return row->make(smp_id(), reg->n, reg->own);
	return row->base ^ (register_noise(index_of(reg), smp_id(), reg->n) & row->vary);
}

static void set(struct held_register *reg)
{
	reg->there = belongs_here(reg->row) && (!reg->row->there || reg->row->there()) &&
		     read(reg, &reg->own);
	reg->written = reg->there && has_value(reg->row) && write(reg, unusual_value(reg));
}

void registers_set(struct held_registers *held)
{
	if (held->group->begin)
		held->group->begin();
	for (unsigned i = 0; i < held->count; i++)
		set(&held->registers[i]);
	/* One may change another, so they are all read when all are set. */
	for (unsigned i = 0; i < held->count; i++)
		if (held->registers[i].there)
			held->registers[i].there =
				read(&held->registers[i], &held->registers[i].before);
}

static bool is_unusual(const struct held_register *reg)
{
	return reg->there && reg->before != reg->own;
}

static void check(const struct held_register *reg, const char *when)
{
	char name[40];
	u64 now;

	if (!reg->there)
		return;
	name_register(name, sizeof(name), reg);
	if (!read(reg, &now))
		report_fail("CPU %d's %s is gone %s: reading it faults; before, it was 0x%lx",
			    smp_id(), name, when, reg->before);
	else if ((now ^ reg->before) & ~reg->row->ignore)
		report_fail(
			"CPU %d's %s is 0x%lx %s, and was 0x%lx before; the test had found 0x%lx in it",
			smp_id(), name, now, when, reg->before, reg->own);
}

unsigned registers_check(struct held_registers *held, const char *when)
{
	unsigned there = 0, unusual = 0;

	for (unsigned i = 0; i < held->count; i++) {
		check(&held->registers[i], when);
		there += held->registers[i].there;
		unusual += is_unusual(&held->registers[i]);
	}
	if (there)
		report_pass(
			"CPU %d: %u registers of %s were compared %s, %u of them with unusual values",
			smp_id(), there, held->group->name, when, unusual);
	else
		report_info("CPU %d has no registers of %s", smp_id(), held->group->name);
	return there;
}

void registers_restore(struct held_registers *held)
{
	for (unsigned i = held->count; i-- > 0;)
		if (held->registers[i].written)
			write(&held->registers[i], held->registers[i].own);
	if (held->group->end)
		held->group->end();
}

/* ---- all CPUs ---- */

struct everyone {
	struct rendezvous all_set;
	unsigned groups;
	struct held_registers *held[MAX_CPUS][MOST_GROUPS];
	bool done;
};

static void restore_all(const struct everyone *everyone)
{
	for (unsigned i = everyone->groups; i-- > 0;)
		registers_restore(everyone->held[smp_id()][i]);
}

static void hold_here(void *data)
{
	struct everyone *everyone = data;
	struct held_registers **held = everyone->held[smp_id()];
	unsigned checked = 0;

	for (unsigned i = 0; i < everyone->groups; i++)
		registers_set(held[i]);
	rendezvous(&everyone->all_set);
	if (!smp_id()) {
		migrate_quiet();
		WRITE_ONCE(everyone->done, true);
	}
	wait_for(READ_ONCE(everyone->done), STAND_BY_MS, "the migration");
	if (broken("registers") && smp_id() == cpu_count() - 1)
		restore_all(everyone);
	for (unsigned i = 0; i < everyone->groups; i++)
		checked += registers_check(held[i], "after the action");
	if (!checked && !smp_id())
		report_skip("this CPU has none of these registers");
	restore_all(everyone);
}

void registers_hold(const struct register_group *const *groups)
{
	static struct everyone everyone;
	int cpu;

	everyone = (struct everyone){ .all_set = RENDEZVOUS(cpu_count()) };
	for (; groups[everyone.groups]; everyone.groups++) {
		assert(everyone.groups < MOST_GROUPS);
		for_each_cpu (cpu)
			everyone.held[cpu][everyone.groups] =
				registers_new(groups[everyone.groups]);
	}
	on_cpus(hold_here, &everyone);
	for_each_cpu (cpu)
		for (unsigned i = 0; i < everyone.groups; i++)
			registers_free(everyone.held[cpu][i]);
}

/* ---- what the tables have ---- */

const struct register_group *const msr_groups[] = {
	&system_call_registers,
	&segment_base_registers,
	&memory_type_registers,
	&machine_check_registers,
	&bank_status_registers,
	&feature_registers,
	&counter_registers,
	&kvm_registers,
	&svm_registers,
	&rare_registers,
	&hyperv_registers,
	&time_registers,
	NULL,
};

const struct register_row *find_msr_row(u32 index, int *n)
{
	for (const struct register_group *const *group = msr_groups; *group; group++)
		for (const struct register_row *row = (*group)->rows; row->name; row++)
			for (*n = 0; *n < (int)registers_in(row); ++*n)
				if (!row->access && row->index + *n * row->step == index)
					return row;
	return NULL;
}
