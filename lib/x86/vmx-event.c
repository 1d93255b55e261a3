// SPDX-License-Identifier: GPL-2.0-or-later
/* Events of nested guests on VMX. See vmx-event.h. */
#include "vmx-event.h"
#include "alloc_page.h"
#include "apic.h"
#include "io.h"
#include "migrate.h"
#include "percpu.h"
#include "smp.h"

#define LOG_MAX 16

struct log {
	u32 count;
	u8 vector[LOG_MAX];
};

static const u8 interrupts[] = { LOW_VECTOR, TIMER_VECTOR, HIGH_VECTOR };

static PER_CPU(struct log, l1_log);
/* Interrupts in L1 that the local APIC did not have in service. */
static PER_CPU(u32, surplus);
/* The last that was made, of so many that there are. */
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

bool event_in_l2(const struct ex_regs *regs)
{
	return this_cpu(guest) && l2_owns_stack(this_cpu(guest), regs->rsp);
}

static void note_interrupt(isr_regs_t *regs)
{
	if (!apic_read_bit(APIC_ISR, regs->vector)) {
		this_cpu(surplus)++;
		return;
	}
	l1_note(regs->vector);
	/* KVM lets one that has expired fire again after a move (docs/findings.md). */
	if (regs->vector == TIMER_VECTOR)
		apic_stop_timer();
	eoi();
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
		wait_until(l1_count() >= count, EVENT_PATIENCE_MS);
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
	wait_for(vector_is_pending(vector), EVENT_PATIENCE_MS,
		 "vector 0x%x to be pending in the local APIC", vector);
}

void check_pending(u8 vector, const char *when)
{
	report(vector_is_pending(vector), "%s: vector 0x%x is still pending in the local APIC",
	       when, vector);
}

void dispatch(u8 vector)
{
	switch (vector) {
	case NMI_VECTOR:
		asm volatile("int %0" : : "i"(NMI_VECTOR) : "memory");
		break;
	case LOW_VECTOR:
		asm volatile("int %0" : : "i"(LOW_VECTOR) : "memory");
		break;
	case TIMER_VECTOR:
		asm volatile("int %0" : : "i"(TIMER_VECTOR) : "memory");
		break;
	case HIGH_VECTOR:
		asm volatile("int %0" : : "i"(HIGH_VECTOR) : "memory");
		break;
	default:
		assert_msg(false, "no INT for vector 0x%x", vector);
	}
}

/* COM1, as migrate_by_hand_begin() says. */
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

/*
 * Behind an exit from an NMI handler NMIs may stay blocked in L1 until its next IRET (28.5.5),
 * and on the intel lab's CPU even in other guests (docs/labs.md): here is one.
 */
static void iret(void)
{
	asm volatile("mov %%rsp, %%rax\n"
		     "	mov %%ss, %%ecx\n"
		     "	push %%rcx\n"
		     "	push %%rax\n"
		     "	pushf\n"
		     "	mov %%cs, %%ecx\n"
		     "	push %%rcx\n"
		     "	lea 1f(%%rip), %%rcx\n"
		     "	push %%rcx\n"
		     "	iretq\n"
		     "1:"
		     :
		     :
		     : "rax", "rcx", "memory", "cc");
}

/* ---- L2's events ---- */

/* Vectors that push an error code, as in entry.S. */
asm(".pushsection .text\n"
    "	.balign 16\n"
    "event_traps:\n"
    "	.set trap, 0\n"
    "	.rept 256\n"
    "	.balign 16\n"
    "	vmcall\n"
    "	.if trap == 8 || (trap >= 10 && trap <= 14) || trap == 17 || trap == 21\n"
    "	add $8, %rsp\n"
    "	.endif\n"
    "	iretq\n"
    "	.set trap, trap + 1\n"
    "	.endr\n"
    ".popsection\n");
extern char event_traps[256][16];

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
	       vector == AC_VECTOR || vector == CP_VECTOR;
}

int event_of(const struct l2 *l2)
{
	u64 offset;

	if (l2->exit_reason != EXIT_REASON_VMCALL)
		return NO_EVENT;
	offset = l2_get(l2, GUEST_RIP) - (u64)event_traps;
	if (offset >= sizeof(event_traps) || offset % sizeof(event_traps[0]))
		return NO_EVENT;
	return offset / sizeof(event_traps[0]);
}

const struct event_frame *event_frame_of(const struct l2 *l2)
{
	return (const void *)(l2_get(l2, GUEST_RSP) + 8 * pushes_error_code(event_of(l2)));
}

const struct event_frame *last_event_frame(void)
{
	return &this_cpu(last_frame);
}

static u64 error_code_of(const struct l2 *l2)
{
	return pushes_error_code(event_of(l2)) ? *(const u64 *)l2_get(l2, GUEST_RSP) : NO_CODE;
}

const char *what_came(const struct l2 *l2)
{
	static PER_CPU(char, buffer[200]);
	char *text = this_cpu(buffer);

	if (event_of(l2) == NO_EVENT)
		return l2_exit_text(l2);
	snprintf(text, sizeof(buffer),
		 "vector 0x%x in L2 at rip 0x%lx, rflags 0x%lx, error code 0x%lx; "
		 "interruptibility 0x%lx",
		 event_of(l2), event_frame_of(l2)->rip, event_frame_of(l2)->rflags,
		 error_code_of(l2), l2_get(l2, GUEST_INTERRUPTIBILITY_INFO));
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
	       (frame->rsp & ~15ul) - pushed == l2_get(l2, GUEST_RSP) &&
	       !(l2_get(l2, GUEST_RFLAGS) & (X86_EFLAGS_IF | X86_EFLAGS_TF));
}

void leave_event(struct l2 *l2)
{
	if (event_of(l2) == NMI_VECTOR)
		iret();
	l2_skip_call(l2);
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
	l2_enter(l2);
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
	bool good = l2->exit_reason == reason;

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

bool check_field(const struct l2 *l2, enum vmcs_field field, u64 mask, u64 value, const char *when)
{
	u64 is = l2_get(l2, field);

	return report_if_failed((is & mask) == value, "%s: %s is 0x%lx, %s0x%lx should be 0x%lx", when,
		      vmcs_field_name(field), is, mask == ~0ul ? "" : "of which ",
		      mask == ~0ul ? is : mask, value);
}

bool check_rip(const struct l2 *l2, const void *rip, const char *when)
{
	return report_if_failed(l2_get(l2, GUEST_RIP) == (u64)rip, "%s: L2's rip 0x%lx, should be 0x%lx",
		      when, l2_get(l2, GUEST_RIP), (u64)rip);
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
	this_cpu(surplus) = 0;
	for (size_t i = 0; i < ARRAY_SIZE(interrupts); i++)
		handle_irq(interrupts[i], note_interrupt);
	handle_exception(NMI_VECTOR, note_nmi);
	if (!this_cpu(l2_idt))
		this_cpu(l2_idt) = alloc_page();
	for (int vector = 0; vector < 256; vector++)
		set_gate(vector, event_traps[vector]);
	l2_set(l2, GUEST_IDTR_BASE, (u64)this_cpu(l2_idt));
	l2_set(l2, GUEST_IDTR_LIMIT, PAGE_SIZE - 1);
	iret();
	return l2;
}

/* Nothing else has come. */
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
	report_if_failed(!this_cpu(surplus),
			 "L1 got %u interrupts that were not in service in its local APIC",
			 this_cpu(surplus));
	/*
	 * A hypervisor that has forgotten one finds it with this: the next test begins clean. If a
	 * test has had a handler of its own, that one may not end its interrupts.
	 */
	handle_irq(LOW_VECTOR, note_interrupt);
	apic_send_self_ipi(LOW_VECTOR);
	report_if_failed(wait_until(l1_count(), EVENT_PATIENCE_MS),
			 "an interrupt that L1 sends itself after all this does not come");
	l1_forget();
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
