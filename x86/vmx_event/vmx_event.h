/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program vmx_event share: events that L1 injects, windows, a handler. */
#ifndef VMX_EVENT_PROGRAM_H
#define VMX_EVENT_PROGRAM_H

#include "nested/vmx/vmx-event.h"

/* ---- events that L1 injects ---- */

struct injection {
	const char *name;
	u32 event, error_code, length;
};

enum {
	INJECT_INTERRUPT,
	INJECT_NMI,
	INJECT_UD,
	INJECT_GP,
	INJECT_PF,
	INJECT_DB,
	INJECT_SOFTWARE_INTERRUPT,
	INJECT_LONG_SOFTWARE_INTERRUPT,
	INJECT_INT3,
	INJECT_INTO,
	INJECTIONS,
};

extern const struct injection injections[INJECTIONS];
/* The privileged software exception, which not every CPU can inject. */
extern const struct injection int1[1];

bool has_length(const struct injection *row);
int vector_of(const struct injection *row);

/* Sets up the VMCS so that the next entry delivers the event. */
void inject(struct l2 *l2, const struct injection *row);

/*
 * Code of L2: 16 NOPs, and then call 1. A software event returns after an instruction, whose length
 * L1 injects with it. Whatever that length is, the event returns to a NOP.
 */
void injection_point(void);

/* An L2 at injection_point, with interrupts on only if the event is an interrupt. */
struct l2 *new_target(const struct injection *row);

/* Enters L2, which should get the event as it was injected, and then go on to call 1. */
void check_delivery(struct l2 *l2, const struct injection *row);

/* ---- a handler of L2 that asks for a migration ---- */

struct handled {
	volatile u32 count;
	u64 rip, error_code; /* when it first ran */
};

extern struct handled handled;
void be_moved_in_handler(struct ex_regs *regs);

/* ---- windows ---- */

/* Code of L2 that sets IF three times, by STI, POPF and IRET, each with IF clear before. */
void open_windows(void);
extern char behind_sti[], behind_popf[], behind_iret[];

/* A check: enters L2, which exits for REASON at RIP, and blocks no events there. */
void check_window(struct l2 *l2, u64 reason, const void *rip, const char *when);

#endif
