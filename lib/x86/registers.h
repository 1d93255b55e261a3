/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of registers with unusual values, and tests that put such values into all of a group's
 * registers, have the guest migrated, and compare.
 *
 * A register that holds its usual value survives a hypervisor that forgets it, since the new VM
 * begins with the same value. So each row makes a value that no reset leaves there, that the
 * architecture allows, and that is another one on each CPU and in each register of a row. A value
 * that this CPU refuses or changes is no failure: what the register holds before the action is
 * compared with what it holds afterwards.
 */
#ifndef X86_REGISTERS_H
#define X86_REGISTERS_H

#include "libcflat.h"

/* Both return false if the instruction raises an exception. */
struct register_access {
	bool (*read)(u32 index, u64 *value);
	bool (*write)(u32 index, u64 value);
};

/* One register, or several whose numbers are at equal distances. */
struct register_row {
	const char *name; /* with %d if there are several: their numbers from 0 on */
	u32 index;	  /* the MSR, or what the access functions take */
	u8 count, step;	  /* 0: one register */
	const struct register_access *access; /* NULL: it is an MSR */

	/*
	 * The unusual value: `make` gives it for the n-th register of the row, or if that is NULL,
	 * it is `base` with random bits of `vary` flipped. If all are 0, nothing is written.
	 */
	u64 base, vary;
	u64 (*make)(int cpu, int n, u64 own);
	u64 ignore;	     /* bits that change by themselves */
	bool whole_vm;	     /* all CPUs share one register: only CPU 0 looks at it */
	bool (*there)(void); /* whether it may be accessed; NULL: try it, it may fault */
	/* If set, the register is not compared. Says why, or what tests it instead. */
	const char *instead;
};

/* Rows are set in their order, and restored in the opposite order. */
struct register_group {
	const char *name;
	const struct register_row *rows; /* ended by one without a name */
	/*
	 * Called on each CPU before its registers are set, and after they are restored; may be
	 * NULL.
	 */
	void (*begin)(void), (*end)(void);
};

/*
 * What one CPU's registers of a group hold. A struct belongs to the CPU that has called
 * registers_set(). registers_new() must be called outside of handlers.
 */
struct held_registers *registers_new(const struct register_group *group);
/* Sets the unusual values, and remembers what the registers hold then. */
void registers_set(struct held_registers *held);
/*
 * Checks that the registers still hold that. `when` is for messages: "after the action". Returns
 * how many registers this CPU has.
 */
unsigned registers_check(struct held_registers *held, const char *when);
/* Restores what the registers held before registers_set(). */
void registers_restore(struct held_registers *held);
void registers_free(struct held_registers *held);

/*
 * A whole test: sets the registers of up to MOST_GROUPS groups, in their order, on all CPUs at the
 * same time, requests a migration on CPU 0 while the others stand by, checks, and restores. GROUPS
 * ends with NULL. With break=registers on the command line the last CPU's registers have their
 * usual values again after the migration.
 */
void registers_hold(const struct register_group *const *groups);
#define MOST_GROUPS 10

/* ---- the tables ---- */

extern const struct register_group system_call_registers, segment_base_registers,
	memory_type_registers, machine_check_registers, bank_status_registers, feature_registers,
	counter_registers, kvm_registers, svm_registers, rare_registers, control_registers,
	extended_registers, priority_registers, apic_registers, x2apic_registers, hyperv_registers,
	time_registers;

/* All groups that have MSRs, up to NULL. */
extern const struct register_group *const msr_groups[];

/* The row of an MSR, or NULL, and *n, its place in the row. */
const struct register_row *find_msr_row(u32 index, int *n);

/* 64 bits that depend on all three. */
u64 register_noise(u32 index, int cpu, int n);

#endif
