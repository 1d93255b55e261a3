/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program smm share. */
#ifndef X86_SMM_SMM_H
#define X86_SMM_SMM_H

#include "libcflat.h"
#include "smp.h"

/* How long an SMI may be on its way. */
#define SMI_MS 10000

/*
 * What the handler of one CPU works on. The layout is known to the handler's code. `stay` and
 * `new_base` are for the tests to set, and all else is written by the handler.
 */
struct smm_area {
	u32 entries;  /* how often an SMI has come */
	u32 turns;    /* of the handler's loop, all together */
	u32 torn;     /* how often a turn found another number of turns than the last one left */
	u32 stay;     /* the handler goes round until this is 0 */
	u32 new_base; /* where the next SMI is to begin, or 0 */
};

/* The area of a CPU's handler. */
volatile struct smm_area *smm_area(int cpu);
u32 smm_base(int cpu);

/*
 * For the beginning of a test: gives the boot CPU and the last one handlers of their own. Reports
 * why and returns false if there can be none, or if that fails.
 */
bool smm_set_up(void);
/* After this, the next smm_set_up() assumes that SMBASE has its reset value. */
void smm_set_up_anew(void);

void send_smi(int cpu);
/* Sends an SMI, and returns whether it has come within SMI_MS. With `stay` the CPU stays in SMM. */
bool enter_smm(int cpu, bool stay);
/* Lets the CPU leave SMM. */
void leave_smm(int cpu);
/* Whether the CPU's handler makes turns. */
bool runs_in_smm(int cpu);

/*
 * What a CPU does outside of SMM: `rounds` goes up with patterns in its registers until `stop` is
 * set. Then `differ` has a bit for each register that has not kept its pattern.
 */
struct busy {
	u32 rounds, stop;
	u64 differ;
};

/* For on_cpu_async(). `data` is a struct busy. */
void be_busy(void *data);
/* Whether the CPU that is busy with this goes on. */
bool goes_on(const struct busy *busy);
/*
 * Checks after an action that the CPU is still in its handler, and that what the SMI has
 * interrupted still has `rounds`. A CPU that runs neither is lost. Then the guest ends, since all
 * that follows would wait for that CPU.
 */
void check_still_in_smm(int cpu, const struct busy *busy, u32 rounds);
/* Ends be_busy() on `cpu`, and checks the registers. */
void end_busy(int cpu, struct busy *busy);

#endif
