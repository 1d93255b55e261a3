/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What nested guests are on AMD's SVM (svm.h) and on Intel's VMX (vmx.h) alike. A program
 * includes one of the two, and is linked with that one: its struct l2, and the functions
 * declared here, are of that kind.
 */
#ifndef X86_L2_H
#define X86_L2_H

#include "libcflat.h"
#include "test.h"

/* The number of the call that follows when L2's function has returned. */
#define L2_RETURNED 0

/* What an entry does not carry; RSP and RIP are in the VMCB or VMCS. l2-entry.h knows the order. */
struct l2_registers {
	u64 rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

struct l2;

/* Never fails; the L2 is the caller's until l2_free(). */
struct l2 *l2_new(void (*code)(void *data), void *data);
void l2_free(struct l2 *l2);
/* From the beginning of another function, on an empty stack; all else stays. */
void l2_start(struct l2 *l2, void (*code)(void *data), void *data);

/* There is an L2: SVM or VMX; one that may be in another mode than L1; whose TSC may differ. */
DECLARE_FEATURE(L2);
DECLARE_FEATURE(L2_OWN_EFER);
DECLARE_FEATURE(L2_TSC_OFFSET);
/* From the next entry on L2's TSC is L1's plus this. */
void l2_set_tsc_offset(struct l2 *l2, u64 offset);
/*
 * As l2_enter(), and RDMSR and WRMSR in L2 are of L1's MSRs, where they exit: L1 takes no
 * interrupts then, which are exits, or L2's.
 */
u64 l2_enter_with_msrs(struct l2 *l2);

/* What L2 has in registers that are not in its VMCB or VMCS. */
struct l2_registers *l2_registers(struct l2 *l2);
/* And some that are; DR6 is in the CPU on VMX. */
u64 l2_rip(const struct l2 *l2);
void l2_set_rip(struct l2 *l2, u64 rip);
/* The same, and nothing holds interrupts off there that the last instruction would have. */
void l2_go_on_at(struct l2 *l2, u64 rip);
u64 l2_rax(const struct l2 *l2);
void l2_set_rax(struct l2 *l2, u64 rax);
u64 l2_rsp(const struct l2 *l2);
void l2_set_rsp(struct l2 *l2, u64 rsp);
u64 l2_rflags(const struct l2 *l2);
void l2_set_rflags(struct l2 *l2, u64 rflags);
u64 l2_dr6(const struct l2 *l2);
void l2_set_dr6(struct l2 *l2, u64 dr6);
void l2_set_idtr(struct l2 *l2, u64 base, u16 limit);
/*
 * Its own x87, SSE and AVX registers: those of MASK go from and to this XSAVE area in the
 * standard form, the caller's. NULL: they are shared with L1.
 */
void l2_set_xsave(struct l2 *l2, void *area, u64 mask);
/* How often it has been entered. */
u64 l2_entries(const struct l2 *l2);

/* Enters L2 and gives the reason of its exit: svm.h and vmx.h say more. */
u64 l2_enter(struct l2 *l2);
/* The same as a check: passes if the exit is this one. WHEN is the check's text. */
bool l2_expect(struct l2 *l2, u64 exit, const char *when, ...) __printf(3, 4);
/* A check: L2 goes on, and its next exit is the end of its function. */
bool l2_expect_return(struct l2 *l2);
/* A check: L2's next exit is l2_call(NUMBER), behind which it will go on. */
bool l2_expect_call(struct l2 *l2, u64 number);

/* The last exit: what l2_enter() has given. */
u64 l2_exit(const struct l2 *l2);
/* Whether it was l2_call(), and l2_call(NUMBER). */
bool l2_is_any_call(const struct l2 *l2);
bool l2_is_call(const struct l2 *l2, u64 number);
/* RIP behind the call that was the last exit. */
void l2_skip_call(struct l2 *l2);

/* Whether RDMSR and WRMSR of an MSR exit, which must be one that the bit map knows. */
void l2_intercept_msr(struct l2 *l2, u32 index, bool read, bool write);
/* Turns the bit maps of ports on and sets this one. */
void l2_intercept_port(struct l2 *l2, u16 port, bool on);

/* In L2: VMMCALL or VMCALL with RAX = number, not L2_RETURNED. */
void l2_call(u64 number);

/* Whether a stack pointer is L2's, and so an interrupt with it in its frame came to L2. */
bool l2_owns_stack(const struct l2 *l2, u64 rsp);

/* The last exit in words for a message, with details and RIP; good until this CPU's next call. */
const char *l2_exit_text(const struct l2 *l2);
/* The name alone. */
const char *l2_exit_name(u64 exit);

/* ---- for svm.c and vmx.c ---- */

/* What struct l2 of either kind begins with. */
struct l2_common {
	u8 *stack;
	void *xsave;	/* L2's own XSAVE area, or NULL: l2_set_xsave() */
	u64 xsave_mask; /* what of it is L2's own */
	u64 entries;	/* so far */
};

/* L2's stack, and RSP at its beginning. */
void l2_new_stack(struct l2 *l2);
void l2_free_stack(struct l2 *l2);
u64 l2_stack_top(const struct l2 *l2);

/*
 * Around an entry: counts it, and exchanges L1's x87, SSE and AVX state for L2's, if L2 has its
 * own. The second function is given what the first one has returned.
 */
void *l2_before_entry(struct l2 *l2);
void l2_after_entry(struct l2 *l2, void *l1_state);

/* A bit of an I/O or MSR bit map. */
void l2_set_map_bit(u8 *map, u32 bit, bool value);

/* Nested page tables of this many levels, whose entries have bit 0 set if they are there. */
void l2_free_page_tables(u64 *table, int level);

/* For the assembly: L2 has gone on behind its last call, which did not exit. */
void l2_lost(void) __noreturn;

#endif
