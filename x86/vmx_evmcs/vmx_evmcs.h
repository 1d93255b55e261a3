/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program vmx_evmcs share: an L2 on an enlightened VMCS that goes through the
 * same code again and again, and shows one field of each clean bit.
 */
#ifndef VMX_EVMCS_PROGRAM_H
#define VMX_EVMCS_PROGRAM_H

#include "nested/vmx/vmx-evmcs.h"
#include "nested/vmx/vmx.h"

/* The call that L2 makes when it has gone round once. */
#define HERE 1

/*
 * A port and an MSR that nobody else uses, and that may be read and written. KVM lets an L2 have
 * this MSR, so that L1's bitmap alone decides whether an access exits.
 */
#define QUIET_PORT 0x80
#define QUIET_MSR  MSR_KERNEL_GS_BASE

/* What L2 sees of the fields, and which of its instructions have exited. */
struct view {
	u64 rflags, fs_base, sysenter_esp, cr0, pat, tsc;
	u32 events;
	bool port, msr, invlpg, wbinvd, ud;
};

/* What L1 has set: switches are on in every second generation, values always change. */
struct fields {
	u64 number; /* of the generation */
	bool odd;   /* the switches are on */
	u64 fs_base, sysenter_esp, pat, tsc_offset;
	u64 host_fs_base, host_sysenter_esp;
};

struct story {
	struct l2 *l2;
	u8 *port_map, *msr_map;	 /* bitmaps by which QUIET_PORT and QUIET_MSR exit */
	bool move;		 /* L2 asks to be migrated in its next round */
	struct view view, moved; /* before and after the migration */
	u32 round_events;
	u64 l1_fs_base, l1_sysenter_esp, l1_pat;
	u64 before, after; /* L1's TSC around the last round */
	u64 seen_fs_base, seen_sysenter_esp;
	struct fields fields;
};

/*
 * A story is an L2 with an enlightened VMCS whose fields L1 has changed once. end_story() frees
 * both.
 */
struct story *begin_story(void);
void end_story(struct story *story);

/* Gives the fields of each clean bit other values than before. */
void change_fields(struct story *story);

/*
 * Lets L2 go round once, and checks that each field was as L1 has set it. WHEN begins the messages.
 * False: something was wrong, and was reported.
 */
bool round_is_right(struct story *story, const char *when);

/* Asks for a migration in L1. */
void migrate_in_l1(struct story *story);

#endif
