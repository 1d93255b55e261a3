/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This file has what nested guests (L2) on AMD's SVM and Intel's VMX have in common. A program
 * includes svm.h or vmx.h, and is linked with the library of that kind. That library defines struct
 * l2 and the functions declared here. Functions that only one kind has begin with svm_ or vmx_.
 *
 * An L2 belongs to the CPU that made it, and all these functions are for that CPU.
 */
#ifndef X86_L2_H
#define X86_L2_H

#include "libcflat.h"
#include "test.h"

/* The number of the call that L2 makes when its function has returned. */
#define L2_RETURNED 0

/*
 * The registers of L2 that an entry does not load from the VMCB or VMCS. RAX is not here: see
 * l2_rax(). l2-entry.h relies on the order.
 */
struct l2_registers {
	u64 rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

struct l2;

/* Makes an L2 that will run code(data). Never returns NULL. The caller frees it with l2_free(). */
struct l2 *l2_new(void (*code)(void *data), void *data);
void l2_free(struct l2 *l2);
/* Sets L2 to the start of another function, on an empty stack. All else stays as it is. */
void l2_start(struct l2 *l2, void (*code)(void *data), void *data);

/* L1 can run an L2. */
DECLARE_FEATURE(L2);
/* L2 can have an EFER of its own, and so be in another mode than L1. */
DECLARE_FEATURE(L2_OWN_EFER);
/* L2's TSC can have an offset. */
DECLARE_FEATURE(L2_TSC_OFFSET);
/* From the next entry on, L2's TSC is L1's TSC plus `offset`. */
void l2_set_tsc_offset(struct l2 *l2, u64 offset);
/*
 * Like l2_enter(), but carries out L2's RDMSR and WRMSR on L1's MSRs where they exit, and enters L2
 * again. L1 takes no interrupts meanwhile: they are exits, or L2 takes them.
 */
u64 l2_enter_with_msrs(struct l2 *l2);

/* L2's registers that are not in its VMCB or VMCS, to read and write. */
struct l2_registers *l2_registers(struct l2 *l2);
/* L2's other registers. On VMX, L1 and L2 share DR6. */
u64 l2_rip(const struct l2 *l2);
void l2_set_rip(struct l2 *l2, u64 rip);
/* Sets RIP, and ends blocking by STI or MOV SS (SVM: the interrupt shadow). */
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
 * Gives L2 x87, SSE and AVX registers of its own: an entry loads the components in `mask` from
 * `area`, an exit stores them there. `area` is the caller's XSAVE area in the standard form. With
 * NULL, as at first, L2 shares these registers with L1.
 */
void l2_set_xsave(struct l2 *l2, void *area, u64 mask);
/* How often L2 has been entered. */
u64 l2_entries(const struct l2 *l2);

/* Enters L2 and returns the reason for its exit. See svm.h and vmx.h. */
u64 l2_enter(struct l2 *l2);
/* A check: enters L2, and its next exit has this reason. `when` begins the check's text. */
bool l2_expect(struct l2 *l2, u64 exit, const char *when, ...) __printf(3, 4);
/* A check: enters L2, and its next exit is the end of its function. */
bool l2_expect_return(struct l2 *l2);
/* A check: enters L2, and its next exit is l2_call(number). L2 will continue after it. */
bool l2_expect_call(struct l2 *l2, u64 number);

/* The reason for the last exit: what l2_enter() returned. */
u64 l2_exit(const struct l2 *l2);
/* Whether the last exit was any l2_call(), or l2_call(number). */
bool l2_is_any_call(const struct l2 *l2);
bool l2_is_call(const struct l2 *l2, u64 number);
/* Makes L2 continue after the call that was the last exit. */
void l2_skip_call(struct l2 *l2);

/*
 * Turns the MSR bit map on, and sets whether RDMSR and WRMSR of an MSR exit. Aborts if the MSR is
 * not in a range of the bit map.
 */
void l2_intercept_msr(struct l2 *l2, u32 index, bool read, bool write);
/* Turns the bit map of ports on, and sets whether accesses to a port exit. */
void l2_intercept_port(struct l2 *l2, u16 port, bool on);

/* For code in L2: VMMCALL or VMCALL with RAX = `number`, which must not be L2_RETURNED. */
void l2_call(u64 number);
/* Code for L2: makes this call again and again. */
void l2_call_forever(void *number);

/* Whether a stack pointer is L2's. An event whose frame has such an RSP came to L2. */
bool l2_owns_stack(const struct l2 *l2, u64 rsp);

/* The last exit in words, with details and RIP. Valid until this CPU's next call. */
const char *l2_exit_text(const struct l2 *l2);
/* The name of an exit reason. Valid until this CPU's next call. */
const char *l2_exit_name(u64 exit);

/* ---- for the library of either kind ---- */

/* What struct l2 of either kind begins with. */
struct l2_common {
	u8 *stack;
	void *xsave;	/* L2's own XSAVE area, or NULL: l2_set_xsave() */
	u64 xsave_mask; /* what of it is L2's own */
	u64 entries;	/* so far */
};

/* L2's stack. l2_stack_top() is RSP when L2 starts. */
void l2_new_stack(struct l2 *l2);
void l2_free_stack(struct l2 *l2);
u64 l2_stack_top(const struct l2 *l2);

/*
 * Call these before and after an entry. They count it, and exchange L1's x87, SSE and AVX state for
 * L2's and back, if L2 has its own. Pass to the second what the first has returned.
 */
void *l2_before_entry(struct l2 *l2);
void l2_after_entry(struct l2 *l2, void *l1_state);

/* Sets or clears a bit of an I/O or MSR bit map. */
void l2_set_map_bit(u8 *map, u32 bit, bool value);

/* Frees nested page tables of `level` levels. Bit 0 of an entry must say that it is in use. */
void l2_free_page_tables(u64 *table, int level);

/* Called by l2-entry.h's code: L2's last call did not exit. Aborts. */
void l2_lost(void) __noreturn;

#endif
