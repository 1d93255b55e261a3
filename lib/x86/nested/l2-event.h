/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This file is for tests of events (interrupts, NMIs, exceptions) in nested guests, on SVM
 * (svm-event.h) and VMX (vmx-event.h). It has an L2 in which each event is an exit, and a log of
 * the events that come to L1.
 *
 * This L2 has an IDT of its own. Each gate leads to VMMCALL or VMCALL, and then IRET. So each event
 * in L2 exits at its handler's first instruction, where L1 checks the vector, the stack frame and
 * the VMCB or VMCS. Then L2 returns by IRET. L2 says with l2_call() how far it has come, so L1 sees
 * the order: if an event is lost, the next call comes instead; if it comes twice, it comes instead
 * of a call. L1's handlers log events in L1.
 *
 * An instruction of this L2 that faults is an event too, so this L2 must not use asm_safe().
 */
#ifndef X86_L2_EVENT_H
#define X86_L2_EVENT_H

#include "desc.h"
#include "isr.h"
#include "nested/l2.h"

/* Vectors of the priority classes 5, 7 and 10. L1 logs these interrupts. */
#define LOW_VECTOR   0x51
#define TIMER_VECTOR 0x71
#define HIGH_VECTOR  0xa1

#define VECTOR_CLASS(vector) ((vector) >> 4)

/* For how long nothing else may come at the end. */
#define EVENT_SILENCE_US 200

/* ---- beginning and end ---- */

/* Makes an L2 as described above, and empties the log. The caller frees it with event_l2_free(). */
struct l2 *event_l2_new(void (*code)(void *data), void *data);
/* Frees the L2. With this CPU's last one, checks that no other event came, to any CPU. */
void event_l2_free(struct l2 *l2);
/* Gives a vector in L2 the handler that L1 has. It runs on L2's own stack. */
void event_give_l2_handler(int vector);
/* L2's IDT, which is a page; and whether the event that a handler has got came to L2. */
idt_entry_t *event_l2_idt(void);
bool event_in_l2(const struct ex_regs *regs);
/* Clears RFLAGS.IF of L2. */
void l2_irq_off(struct l2 *l2);

/* ---- L2's events ---- */

#define NO_EVENT (-1)
/* For the functions below: any RIP, and no error code. */
#define ANYWHERE 0
#define NO_CODE	 0

struct event_frame {
	u64 rip, cs, rflags, rsp, ss;
};

/* Whether the exception pushes an error code. */
bool pushes_error_code(int vector);
/* The vector whose handler in L2 has just begun, so that the last exit is an event; or NO_EVENT. */
int event_of(const struct l2 *l2);
/* The frame of that event, on L2's stack. */
const struct event_frame *event_frame_of(const struct l2 *l2);
/* The frame of the last event that expect_event() or event_came() has seen on this CPU. */
const struct event_frame *last_event_frame(void);
/* Whether the last exit is this event, with the right frame and RFLAGS. */
bool is_event(const struct l2 *l2, int vector, u64 error_code, u64 rip);
/* The last exit in words. Valid until this CPU's next call. */
const char *what_came(const struct l2 *l2);
/* Enters L2, whose next exit may be an event. leave_event() lets L2 return from an event. */
void event_enter(struct l2 *l2);
void leave_event(struct l2 *l2);

/* A check: enters L2, and its next exit is this event, at this RIP. L2 will return from it. */
bool expect_event(struct l2 *l2, int vector, u64 error_code, u64 rip, const char *when);
/* A check: the last exit was this event. L2 will return from it. */
bool event_came(struct l2 *l2, int vector, u64 error_code, u64 rip, const char *when);
/* A check: enters L2, and its next exit is this call. L2 will continue after it. */
bool expect_call(struct l2 *l2, u64 number, const char *when);
/* A check: the last exit was this call. L2 will continue after it. */
bool call_came(struct l2 *l2, u64 number, const char *when);
/* A check: enters L2, and its next exit has this reason, and is no event. */
bool expect_exit(struct l2 *l2, u64 reason, const char *when);
/* A check: the last exit had this reason. */
bool exit_came(struct l2 *l2, u64 reason, const char *when);
/* A check: enters L2, and its next exit is the end of its function. */
bool expect_end(struct l2 *l2);

/* A check: L2's RIP is this. Prints and counts only if it is not. */
bool check_rip(const struct l2 *l2, const void *rip, const char *when);

/* ---- L1's events ---- */

/* How many events have come to L1 on this CPU since the last check. */
u32 l1_count(void);
/* The vector of the first of these events. */
u8 l1_first(void);
/* Forgets these events, without a check. */
void l1_forget(void);
/* Logs an event that a test's own handler has got. */
void l1_note(u8 vector);
/* A check: exactly these events came to L1, in this order, since the last check. Waits for them. */
bool check_l1(const char *when, const u8 *vectors, u32 count);

#define l1_got(when, ...)                                                                          \
	check_l1(when, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
#define l1_got_nothing(when) check_l1(when, NULL, 0)

/*
 * The handler of TIMER_VECTOR stops the timer, since KVM lets an expired timer fire again after a
 * migration (docs/findings.md). After this call it no longer stops the timer, until the next
 * event_l2_new().
 */
void l1_keep_timer(void);

/* Whether the vector is pending in this CPU's local APIC. */
bool vector_is_pending(u8 vector);
/* Makes the vector pending on this CPU. Interrupts must be off, or the CPU would take it. */
void pend(u8 vector);
/* A check: the vector is still pending. */
void check_pending(u8 vector, const char *when);

/*
 * Requests a migration, and calls `round` again and again until the host has answered. A round may
 * take milliseconds. It must write to memory, and must not print.
 */
void move_during(void (*round)(void *data), void *data);

/* ---- what differs between SVM and VMX ---- */

/*
 * Makes NMIs (NMI_VECTOR) or all interrupts (any other vector) exit to L1, whatever L2's RFLAGS.IF
 * is.
 */
void l2_intercept_event(struct l2 *l2, u8 vector);
/*
 * The reason for that exit, and a function that makes L1's handler run after it if the exit does
 * not.
 */
u64 exit_of_event(u8 vector);
void take_intercepted(u8 vector);

/* ---- code for L2 whose addresses matter ---- */

/* Defines a function of assembly that code in C can call. `body` may define labels for RIPs. */

#define L2_CODE(name, arguments, body)                                                             \
	asm(".pushsection .text\n" #name ":\n" body "	ret\n.popsection\n");                      \
	void name arguments

/* ---- for svm-event.c and vmx-event.c ---- */

/* What L2's gates lead to: VMMCALL or VMCALL, and IRET. */
extern char event_traps[256][16];

/* `call` is VMMCALL or VMCALL. The vectors that push an error code are those of entry.S. */
#define EVENT_TRAPS(call)                                                                                            \
	asm(".pushsection .text\n"                                                                                   \
	    "	.globl event_traps\n"                                                                                  \
	    "	.balign 16\n"                                                                                          \
	    "event_traps:\n"                                                                                         \
	    "	.set trap, 0\n"                                                                                        \
	    "	.rept 256\n"                                                                                           \
	    "	.balign 16\n"                                                                                          \
	    "	" call "\n"                                                                                          \
	    "	.if trap == 8 || (trap >= 10 && trap <= 14) || trap == 17 || trap == 21 || trap == 29 || trap == 30\n" \
	    "	add $8, %rsp\n"                                                                                        \
	    "	.endif\n"                                                                                              \
	    "	iretq\n"                                                                                               \
	    "	.set trap, trap + 1\n"                                                                                 \
	    "	.endr\n"                                                                                               \
	    ".popsection\n")

/*
 * svm-event.c and vmx-event.c define these, too. They are the last steps of event_l2_new(), of the
 * check at the end, and of what_came().
 */
void event_begin(void);
void event_end(void);
void event_state_text(const struct l2 *l2, char *text, size_t size);

#endif
