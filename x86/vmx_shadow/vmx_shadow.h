/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program vmx_shadow share: a shadow VMCS, the bitmaps, and an L2 that
 * sweeps over all fields.
 */
#ifndef VMX_SHADOW_H
#define VMX_SHADOW_H

#include "nested/vmx/vmx.h"

#define NO_VMCS (~0ul)
#define HERE	2 /* an L2's call */

enum access { READ, WRITE };

/* Values of fields come from a seed, 0 to SEEDS - 1. */
#define SEEDS 3

struct shadow {
	struct vmcs *vmcs;
	u64 value[VMCS_FIELD_COUNT]; /* what it should hold */
};

/* What new_l2() has made. Tests run one at a time. */
extern struct shadow shadow;
extern u8 *bitmaps[2]; /* by enum access: which fields exit */

/* What a field keeps of the value for a seed: a CPU need not keep reserved bits. */
extern u64 kept[SEEDS][VMCS_FIELD_COUNT];

/* A shadow VMCS with nothing in it. */
struct vmcs *shadow_alloc(void);

/*
 * A shadow VMCS full of values of SEED, neither active nor current, as the link pointer needs it.
 */
struct shadow new_shadow(u64 seed);
void free_shadow(struct shadow *old);

/* Fills the current VMCS. */
void fill_fields(u64 seed);

/*
 * Checks that L1 reads what the shadow VMCS should hold. check_current_contents() expects it to be
 * L1's current one.
 */
void check_current_contents(const struct shadow *which, const char *when);
void check_contents(const struct shadow *which, const char *when);

/* An L2 that runs CODE with DATA, linked to `shadow', with bitmaps by which nothing exits. */
struct l2 *new_l2(void (*code)(void *data), void *data);
void free_l2(struct l2 *l2);

/* Another L2 with the same bitmaps, linked to a shadow VMCS or, if WHICH is NULL, to none. */
struct l2 *shadowed_l2(void (*code)(void *data), void *data, const struct shadow *which);

/* Sets the bitmaps: field number I of vmcs_fields exits if chosen() says so. */
void want(bool (*chosen)(unsigned i, enum access access));
bool no_access(unsigned i, enum access access);

/* L2's code: reads all fields, writes all, and reads all again. */
void sweep_in_l2(void *unused);

/*
 * L2 sweeps once, writes values of SEED, and asks for a migration in the middle if MOVE. WHICH is
 * what it is linked to, or NULL, and follows what L2 writes.
 */
void expect_sweep(struct l2 *l2, struct shadow *which, u64 seed, bool move, const char *when);

/* With break=... this does what a broken hypervisor might do in a migration in L1. */
void spoil(struct l2 *l2);
/* Asks for a migration in L1 while this L2's VMCS is the current one. */
void moved_in_l1(struct l2 *l2);

#endif
