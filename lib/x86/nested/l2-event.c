// SPDX-License-Identifier: GPL-2.0-or-later
/* Events in nested guests, and the log of events in L1. See l2-event.h. */
#include "nested/l2-event.h"
#include "alloc_page.h"
#include "apic.h"
#include "ghost.h"
#include "io.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"

#define LOG_MAX 16

struct log {
	u32 count;
	u8 vector[LOG_MAX];
};

static const u8 interrupts[] = { LOW_VECTOR, TIMER_VECTOR, HIGH_VECTOR };

static PER_CPU(struct log, l1_log);
static PER_CPU(bool, keep_timer);
/* The L2 that was made last, and how many there are. */
static PER_CPU(struct l2 *, guest);
static PER_CPU(u32, guests);
static PER_CPU(idt_entry_t *, l2_idt);
static PER_CPU(struct event_frame, last_frame);

/* ---- L1's events ---- */

void l1_note(u8 vector)
{
	struct log *log = &this_cpu(l1_log);

	if (log->count < LOG_MAX)
		log->vector[log->count] = vector;
	WRITE_ONCE(log->count, log->count + 1);
}

void l2_irq_off(struct l2 *l2)
{
	l2_set_rflags(l2, l2_rflags(l2) & ~X86_EFLAGS_IF);
}

bool event_in_l2(const struct ex_regs *regs)
{
	return this_cpu(guest) && l2_owns_stack(this_cpu(guest), regs->rsp);
}

static void note_interrupt(isr_regs_t *regs)
{
	/* After an exit that acknowledges it, L1 executes INT n, with or without IF. */
	if (ghost_drop_out_of_service(regs))
		return;
	l1_note(regs->vector);
	/* KVM lets an expired timer fire again after a migration (docs/findings.md). */
	if (regs->vector == TIMER_VECTOR && !this_cpu(keep_timer))
		apic_stop_timer();
	eoi();
}

static void log_interrupts(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(interrupts); i++)
		handle_irq_any(interrupts[i], note_interrupt);
}

static void note_nmi(struct ex_regs *regs)
{
	l1_note(NMI_VECTOR);
}

u32 l1_count(void)
{
	return READ_ONCE(this_cpu(l1_log).count);
}

void l1_forget(void)
{
	WRITE_ONCE(this_cpu(l1_log).count, 0);
}

u8 l1_first(void)
{
	return this_cpu(l1_log).vector[0];
}

void l1_keep_timer(void)
{
	this_cpu(keep_timer) = true;
}

static const char *log_text(const u8 *vectors, u32 count, char *text, size_t size)
{
	int length = 0;

	for (u32 i = 0; i < count && i < LOG_MAX && length < (int)size; i++)
		length += vectors[i] == NMI_VECTOR
				  ? snprintf(text + length, size - length, "%sNMI", i ? ", " : "")
				  : snprintf(text + length, size - length, "%s0x%x", i ? ", " : "",
					     vectors[i]);
	return count ? text : "nothing";
}

bool check_l1(const char *when, const u8 *vectors, u32 count)
{
	struct log *log = &this_cpu(l1_log);
	char is[80], should[80];
	bool good;
	u64 flags;

	if (count)
		wait_until(l1_count() >= count, PATIENCE_MS);
	flags = irq_save();
	good = log->count == count && !memcmp(log->vector, vectors, count);
	report(good, "%s: L1 got %s%s%s (%u events)", when,
	       log_text(log->vector, log->count, is, sizeof(is)), good ? "" : " instead of ",
	       good ? "" : log_text(vectors, count, should, sizeof(should)), log->count);
	log->count = 0;
	irq_restore(flags);
	return good;
}

bool vector_is_pending(u8 vector)
{
	return apic_read_bit(APIC_IRR, vector);
}

void pend(u8 vector)
{
	apic_send_self_ipi(vector);
	wait_for(vector_is_pending(vector), PATIENCE_MS,
		 "vector 0x%x to be pending in the local APIC", vector);
}

void check_pending(u8 vector, const char *when)
{
	report(vector_is_pending(vector), "%s: vector 0x%x is still pending in the local APIC",
	       when, vector);
}

/* COM1, for a request by hand: migrate_by_hand_begin(). */
#define UART	      0x3f8
#define UART_STATUS   0x3fd
#define UART_CAN_SEND BIT(5)
#define UART_HAS_BYTE BIT(0)

void move_during(void (*round)(void *data), void *data)
{
	migrate_by_hand_begin();
	while (!(inb(UART_STATUS) & UART_CAN_SEND))
		pause();
	outb('\n', UART);
	do
		round(data);
	while (!(inb(UART_STATUS) & UART_HAS_BYTE));
	inb(UART);
	migrate_by_hand_end();
}

/* ---- L2's events ---- */

idt_entry_t *event_l2_idt(void)
{
	return this_cpu(l2_idt);
}

static void set_gate(int vector, const void *address)
{
	u64 offset = (u64)address;

	this_cpu(l2_idt)[vector] = (idt_entry_t){
		.offset0 = offset,
		.selector = KERNEL_CS,
		.type_attributes = 0x8e,
		.offset1 = offset >> 16,
		.offset2 = offset >> 32,
	};
}

void event_give_l2_handler(int vector)
{
	struct descriptor_table_ptr idtr;

	sidt(&idtr);
	this_cpu(l2_idt)[vector] = ((const idt_entry_t *)idtr.base)[vector];
	this_cpu(l2_idt)[vector].ist = 0;
}

bool pushes_error_code(int vector)
{
	return vector == DF_VECTOR || (vector >= TS_VECTOR && vector <= PF_VECTOR) ||
	       vector == AC_VECTOR || vector == CP_VECTOR || vector == VC_VECTOR ||
	       vector == SX_VECTOR;
}

int event_of(const struct l2 *l2)
{
	u64 offset;

	if (!l2_is_any_call(l2))
		return NO_EVENT;
	offset = l2_rip(l2) - (u64)event_traps;
	if (offset >= sizeof(event_traps) || offset % sizeof(event_traps[0]))
		return NO_EVENT;
	return offset / sizeof(event_traps[0]);
}

const struct event_frame *event_frame_of(const struct l2 *l2)
{
	return (const void *)(l2_rsp(l2) + 8 * pushes_error_code(event_of(l2)));
}

const struct event_frame *last_event_frame(void)
{
	return &this_cpu(last_frame);
}

static u64 error_code_of(const struct l2 *l2)
{
	return pushes_error_code(event_of(l2)) ? *(const u64 *)l2_rsp(l2) : NO_CODE;
}

const char *what_came(const struct l2 *l2)
{
	static PER_CPU(char, buffer[200]);
	char *text = this_cpu(buffer);
	int length;

	if (event_of(l2) == NO_EVENT)
		return l2_exit_text(l2);
	length = snprintf(text, sizeof(buffer),
			  "vector 0x%x in L2 at rip 0x%lx, rflags 0x%lx, error code 0x%lx",
			  event_of(l2), event_frame_of(l2)->rip, event_frame_of(l2)->rflags,
			  error_code_of(l2));
	event_state_text(l2, text + length, sizeof(buffer) - length);
	return text;
}

bool is_event(const struct l2 *l2, int vector, u64 error_code, u64 rip)
{
	const struct event_frame *frame;
	u64 pushed = sizeof(*frame) + 8 * pushes_error_code(vector);

	if (event_of(l2) != vector)
		return false;
	frame = event_frame_of(l2);
	return error_code_of(l2) == error_code && (rip == ANYWHERE || frame->rip == rip) &&
	       frame->cs == KERNEL_CS && frame->ss == KERNEL_DS &&
	       (frame->rsp & ~15ul) - pushed == l2_rsp(l2) &&
	       !(l2_rflags(l2) & (X86_EFLAGS_IF | X86_EFLAGS_TF));
}

bool event_came(struct l2 *l2, int vector, u64 error_code, u64 rip, const char *when)
{
	bool good = is_event(l2, vector, error_code, rip);

	if (!good)
		report_fail("%s: instead of vector 0x%x, error code 0x%lx, at rip 0x%lx: %s", when,
			    vector, error_code, rip, what_came(l2));
	if (event_of(l2) != NO_EVENT) {
		this_cpu(last_frame) = *event_frame_of(l2);
		leave_event(l2);
	}
	return good;
}

bool expect_event(struct l2 *l2, int vector, u64 error_code, u64 rip, const char *when)
{
	event_enter(l2);
	return event_came(l2, vector, error_code, rip, when);
}

static bool is_call(const struct l2 *l2, u64 number)
{
	return event_of(l2) == NO_EVENT && l2_is_call(l2, number);
}

bool call_came(struct l2 *l2, u64 number, const char *when)
{
	bool good = is_call(l2, number);

	if (!good)
		report_fail("%s: L2 should have come to its call %lu: %s", when, number,
			    what_came(l2));
	if (good || event_of(l2) != NO_EVENT)
		l2_skip_call(l2);
	return good;
}

bool expect_call(struct l2 *l2, u64 number, const char *when)
{
	l2_enter(l2);
	return call_came(l2, number, when);
}

bool exit_came(struct l2 *l2, u64 reason, const char *when)
{
	bool good = l2_exit(l2) == reason;

	if (!good)
		report_fail("%s: instead of exit %s: %s", when, l2_exit_name(reason),
			    what_came(l2));
	return good;
}

bool expect_exit(struct l2 *l2, u64 reason, const char *when)
{
	l2_enter(l2);
	return exit_came(l2, reason, when);
}

bool expect_end(struct l2 *l2)
{
	l2_enter(l2);
	if (is_call(l2, L2_RETURNED))
		report_pass("nothing more came to L2 until its end");
	else
		report_fail("L2 should have come to its end: %s", what_came(l2));
	return is_call(l2, L2_RETURNED);
}

bool check_rip(const struct l2 *l2, const void *rip, const char *when)
{
	return report_if_failed(l2_rip(l2) == (u64)rip, "%s: L2's rip 0x%lx, should be 0x%lx", when,
				l2_rip(l2), (u64)rip);
}

/* ---- beginning and end ---- */

struct l2 *event_l2_new(void (*code)(void *data), void *data)
{
	struct l2 *l2 = l2_new(code, data);
	int cpu;

	this_cpu(guest) = l2;
	this_cpu(guests)++;
	for_each_cpu (cpu)
		*cpu_ptr(l1_log, cpu) = (struct log){ 0 };
	this_cpu(keep_timer) = false;
	log_interrupts();
	handle_exception(NMI_VECTOR, note_nmi);
	if (!this_cpu(l2_idt))
		this_cpu(l2_idt) = alloc_page();
	for (int vector = 0; vector < 256; vector++)
		set_gate(vector, event_traps[vector]);
	l2_set_idtr(l2, (u64)this_cpu(l2_idt), PAGE_SIZE - 1);
	event_begin();
	return l2;
}

/* Checks that no other event has come. */
static void end_log(void)
{
	u32 elsewhere = 0;
	int cpu;

	write_cr8(0);
	irq_enable();
	delay_us(EVENT_SILENCE_US);
	for_each_cpu (cpu)
		if (cpu != smp_id())
			elsewhere += cpu_ptr(l1_log, cpu)->count;
	l1_got_nothing("and then");
	report_if_failed(!elsewhere, "other CPUs got %u events", elsewhere);
	/*
	 * A test's own handler may send no EOI, but event_end() sends one more interrupt, so L1's
	 * handlers must be back.
	 */
	log_interrupts();
	event_end();
	for (size_t i = 0; i < ARRAY_SIZE(interrupts); i++)
		unhandle_irq(interrupts[i]);
	handle_exception(NMI_VECTOR, NULL);
	this_cpu(guest) = NULL;
}

void event_l2_free(struct l2 *l2)
{
	if (!--this_cpu(guests))
		end_log();
	l2_free(l2);
}
