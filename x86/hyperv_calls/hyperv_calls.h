/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program hyperv_calls share: hypercalls that name a set of VPs. */
#ifndef HYPERV_CALLS_H
#define HYPERV_CALLS_H

#include "libcflat.h"
#include "hyperv.h"

/* How a hypercall gets its input. */
enum form { BY_MEMORY, BY_REGISTERS, FORMS };
extern const char *const form_names[FORMS];

#define HV_GENERIC_SET_SPARSE_4K 0
#define HV_GENERIC_SET_ALL	 1

/* HV_VP_SET. The bits of bank n are the VP indices from 64 * n. Only valid banks are in the input.
 */
#define MOST_BANKS 8
struct vp_set {
	u64 format;
	u64 valid_banks;
	u64 bank[MOST_BANKS];
};

/* For the beginning and the end of a test: hypercalls can be made, and all VP indices are known. */
void calls_begin(void);
void calls_end(void);

/* Adds what calls_begin() has read of a CPU's VP index, or any index, to a sparse set. */
void add_cpu(struct vp_set *set, int cpu);
void add_vp(struct vp_set *set, u64 index);
/* A VP index that no CPU has, in a bank that has no VP at all. */
u64 absent_vp(u64 bit);

/*
 * Makes a hypercall with `count` words of input. `control` has all but the bit of fast input. The
 * result value is returned.
 */
u64 call_with(u64 control, enum form form, const u64 *words, int count);
/*
 * The same for input that ends in a VP set: puts the set behind `count` words, in an array that has
 * room for HV_HYPERCALL_FAST_WORDS, and `more` words behind the set. A simple call has a mask in
 * its place, which is the first bank.
 */
u64 call_with_set(u64 control, enum form form, u64 *words, int count, const struct vp_set *set,
		  const u64 *more, int more_count);

/* Whether the call code takes an HV_VP_SET, and not a mask. */
bool takes_vp_set(u16 code);
/* Whether the hypervisor offers the call in this form. */
bool can_call(u16 code, enum form form);

#endif
