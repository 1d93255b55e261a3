/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of events of nested guests, on SVM (svm-event.h) and VMX (vmx-event.h) alike: an L2
 * all of whose events are exits, and a log of what comes to L1.
 *
 * Such an L2 has an IDT of its own, all of whose gates lead to VMMCALL or VMCALL, and IRET. So
 * every event in L2 is an exit at its handler's first instruction, where L1 looks at the vector,
 * the stack frame and the VMCB or VMCS; after that L2 goes on by IRET. L2 says by l2_call() how far
 * it has come, and the order of its exits is the order of events: one that is lost lets the next
 * call through, one that is doubled comes where a call should. Events in L1 are logged by handlers.
 *
 * Unlike with l2_new(), instructions of this L2 that fault are events too: no asm_safe() in it.
 */
#ifndef X86_L2_EVENT_H
#define X86_L2_EVENT_H

#include "desc.h"
#include "isr.h"
#include "nested/l2.h"

/* Interrupts of different priority classes, 5, 7, 10, which are L1's and logged there. */
#define LOW_VECTOR   0x51
#define TIMER_VECTOR 0x71
#define HIGH_VECTOR  0xa1

#define VECTOR_CLASS(vector) ((vector) >> 4)

/* How long what should come may take, and for how long nothing should. */
#define EVENT_PATIENCE_MS 5000
#define EVENT_SILENCE_US  200

/* ---- beginning and end ---- */

/* An L2 as above, and an empty log. */
struct l2 *event_l2_new(void (*code)(void *data), void *data);
/* Frees it; with this CPU's last one, a check: nothing else has come, here or to another CPU. */
void event_l2_free(struct l2 *l2);
/* L2's vector gets L1's handler, on L2's own stack. */
void event_give_l2_handler(int vector);
/* L2's gates, a page, and whether an event's stack pointer in a handler is L2's. */
idt_entry_t *event_l2_idt(void);
bool event_in_l2(const struct ex_regs *regs);
/* Clears IF in L2's RFLAGS. */
void l2_irq_off(struct l2 *l2);

/* ---- L2's events ---- */

#define NO_EVENT (-1)
/* For expect_event(). */
#define ANYWHERE 0
#define NO_CODE	 0

struct event_frame {
	u64 rip, cs, rflags, rsp, ss;
};

bool pushes_error_code(int vector);
/* The vector whose handler in L2 has just begun, or NO_EVENT. */
int event_of(const struct l2 *l2);
const struct event_frame *event_frame_of(const struct l2 *l2);
/* Of the last event that expect_event() saw. */
const struct event_frame *last_event_frame(void);
/* Whether the last exit is the beginning of this event's handler, and all is as it should be. */
bool is_event(const struct l2 *l2, int vector, u64 error_code, u64 rip);
/* The last exit in words; good until this CPU's next call. */
const char *what_came(const struct l2 *l2);
/* Enters L2 for what may be an event, and will have it go on by IRET. */
void event_enter(struct l2 *l2);
void leave_event(struct l2 *l2);

/* A check: L2 goes on, and what comes next is this event, at this address. */
bool expect_event(struct l2 *l2, int vector, u64 error_code, u64 rip, const char *when);
/* The same of the last exit. */
bool event_came(struct l2 *l2, int vector, u64 error_code, u64 rip, const char *when);
/* A check: L2 goes on, and comes to this call, behind which it will go on. */
bool expect_call(struct l2 *l2, u64 number, const char *when);
/* The same of the last exit. */
bool call_came(struct l2 *l2, u64 number, const char *when);
/* A check: L2 goes on, and this is its next exit, which is no event. */
bool expect_exit(struct l2 *l2, u64 reason, const char *when);
/* The same of the last exit. */
bool exit_came(struct l2 *l2, u64 reason, const char *when);
/* A check: the end of L2's function is what comes next. */
bool expect_end(struct l2 *l2);

/* A check: where L2 is. */
bool check_rip(const struct l2 *l2, const void *rip, const char *when);

/* ---- L1's events ---- */

/* How many came to this CPU's L1 since the last check. */
u32 l1_count(void);
/* The vector of the first of these. */
u8 l1_first(void);
/* No check: what came is not asked for. */
void l1_forget(void);
/* Logs one, for handlers of a test's own. */
void l1_note(u8 vector);
/* A check: these came to L1, in this order, since the last check; it waits for them. */
bool check_l1(const char *when, const u8 *vectors, u32 count);

#define l1_got(when, ...)                                                                          \
	check_l1(when, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
#define l1_got_nothing(when) check_l1(when, NULL, 0)

/* The timer keeps its initial count when it has fired on this CPU, in the test that is running. */
void l1_keep_timer(void);

bool vector_is_pending(u8 vector);
/* Sends it to this CPU, where it waits. Not for where it would be taken at once. */
void pend(u8 vector);
void check_pending(u8 vector, const char *when);

/*
 * Asks to be moved, and calls ROUND again and again until that has been done: a round may take
 * milliseconds, has to write to memory, and must not print.
 */
void move_during(void (*round)(void *data), void *data);

/* ---- what differs between SVM and VMX ---- */

/* NMI_VECTOR, or any other for all interrupts: L1's, whatever RFLAGS.IF of L2. */
void l2_intercept_event(struct l2 *l2, u8 vector);
/* How L2 exits for it, and, behind that exit, what has L1's handler run. */
u64 exit_of_event(u8 vector);
void take_intercepted(u8 vector);

/* ---- code for L2 whose addresses matter ---- */

#define L2_CODE(name, arguments, body)                                                             \
	asm(".pushsection .text\n" #name ":\n" body "	ret\n.popsection\n");                      \
	void name arguments

/* ---- for svm-event.c and vmx-event.c ---- */

/* What L2's gates lead to, with the instruction that l2_call() is. */
extern char event_traps[256][16];

/* Vectors that push an error code, as in entry.S. */
#define EVENT_TRAPS(call)                                                                          \
	asm(".pushsection .text\n"                                                                 \
	    "	.globl event_traps\n"                                                                \
	    "	.balign 16\n"                                                                        \
	    "event_traps:\n"                                                                       \
	    "	.set trap, 0\n"                                                                      \
	    "	.rept 256\n"                                                                         \
	    "	.balign 16\n"                                                                        \
	    "	" call "\n"                                                                        \
	    "	.if trap == 8 || (trap >= 10 && trap <= 14) || trap == 17 || trap == 21 || "         \
	    "	    trap == 29 || trap == 30\n"                                                      \
	    "	add $8, %rsp\n"                                                                      \
	    "	.endif\n"                                                                            \
	    "	iretq\n"                                                                             \
	    "	.set trap, trap + 1\n"                                                               \
	    "	.endr\n"                                                                             \
	    ".popsection\n")

/* Theirs, besides some above: the end of event_l2_new(), of the last check, and of what_came(). */
void event_begin(void);
void event_end(void);
void event_state_text(const struct l2 *l2, char *text, size_t size);

#endif
