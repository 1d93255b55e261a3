// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * misbehave: guests that go wrong, for tests of the runner and of the library's own reports. They
 * say nothing about a hypervisor. Each test does one thing that docs/protocol.md or common sense
 * forbids, so that one can see whether the runner notices. Without `test=` on the command line the
 * program runs none of them.
 */
#include "libcflat.h"
#include "apic.h"
#include "barrier.h"
#include "console.h"
#include "io.h"
#include "isr.h"
#include "smp.h"

#define RESET_CONTROL	    0xcf9 /* ICH9 data sheet, 13.7.5 */
#define RESET_CONTROL_RESET 0x06
#define KEYBOARD_COMMAND    0x64 /* 8042: pulses the line that resets the CPU */
#define KEYBOARD_RESET	    0xfe
#define DEBUG_EXIT	    0xf4
#define WAKE_VECTOR	    0x41

/* Keeps any test from running by accident. */
FEATURE(ASKED_FOR, "to be asked for by test=NAME, since it misbehaves on purpose")
{
	return argument("test");
}

TEST(hang, .needs = ASKED_FOR, .about = "a guest that loops for ever with interrupts off")
{
	report(true, "about to hang");
	irq_disable();
	for (;;)
		pause();
}

static void halt_for_ever(void *data)
{
	irq_disable();
	for (;;)
		halt();
}

TEST(hang_all, .needs = ASKED_FOR,
     .about = "a guest that halts for ever on every CPU with interrupts off")
{
	int cpu;

	report(true, "about to hang");
	for_each_cpu (cpu)
		if (cpu)
			on_cpu_async(cpu, halt_for_ever, NULL);
	halt_for_ever(NULL);
}

static void wake(isr_regs_t *regs)
{
}

/* Not wrong, but as idle as a guest may be: it halts again and again, in all longer than allowed.
 */
TEST(sleeper, .needs = ASKED_FOR, .about = "a guest that sleeps for a minute, and then ends well")
{
	u32 second = apic_timer_hz() / 128;

	handle_irq_eoi(WAKE_VECTOR, wake);
	for (int naps = 0; naps < 15; naps++) {
		apic_setup_timer(WAKE_VECTOR, APIC_LVT_TIMER_ONESHOT);
		apic_write(APIC_TDCR, APIC_TDR_DIV_128);
		irq_disable();
		apic_start_timer(4 * second);
		safe_halt();
	}
	apic_cleanup_timer();
	unhandle_irq(WAKE_VECTOR);
	report(true, "awake");
}

TEST(triple_fault, .needs = ASKED_FOR, .about = "a guest that shuts its CPU down by a triple fault")
{
	struct descriptor_table_ptr none = { 0, 0 };

	report(true, "about to triple fault");
	lidt(&none);
	asm volatile("ud2");
}

TEST(reset, .needs = ASKED_FOR, .about = "a guest that resets its machine")
{
	report(true, "about to reset");
	outb(RESET_CONTROL_RESET, RESET_CONTROL);
	outb(KEYBOARD_RESET, KEYBOARD_COMMAND);
	for (;;)
		pause();
}

TEST(flood, .needs = ASKED_FOR, .about = "a guest that prints without end")
{
	for (u64 n = 0;; n++)
		printf("this line is number %lu and by no means the last\n", n);
}

TEST(flood_no_newline, .needs = ASKED_FOR, .about = "a guest that prints one line without end")
{
	static char text[4096];

	memset(text, 'x', sizeof(text));
	for (;;)
		console_raw(text, sizeof(text));
}

TEST(garbage, .needs = ASKED_FOR,
     .about = "a guest that prints every byte, NUL and broken UTF-8 too, and then ends well")
{
	/*
	 * A linear congruential generator (Knuth, MMIX), so that the bytes are the same each
	 * time.
	 */
	u64 random = 1;
	char bytes[1024];

	for (size_t i = 0; i < sizeof(bytes); i++) {
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		bytes[i] = i < 256 ? i : random >> 56;
	}
	/*
	 * An overlong form, a lone surrogate, a code point that is too large, and a cut-off
	 * form.
	 */
	console_raw("\xc0\x80 \xed\xa0\x80 \xf5\x80\x80\x80 \xe2\x82\n", 16);
	console_raw(bytes, sizeof(bytes));
	report(true, "ends well after the garbage");
}

TEST(failing_check, .needs = ASKED_FOR, .about = "a guest that fails one of three checks")
{
	report(true, "one is one");
	report(false, "two is \"three\"");
	report(true, "three is three");
}

static __noinline void write_to(volatile u64 *address)
{
	*address = 1;
}

static __noinline void inner(u64 address)
{
	write_to((volatile u64 *)address);
	barrier();
}

static __noinline void outer(u64 address)
{
	inner(address);
	barrier();
}

TEST(unexpected_exception, .needs = ASKED_FOR,
     .about = "a guest that writes where nothing is mapped, three calls deep")
{
	report(true, "about to fault");
	outer(0xffffa00000000010);
}

static void fault_here(void *data)
{
	outer(0xffffa00000000020);
}

TEST(exception_on_ap, .needs = ALL_OF(ASKED_FOR, SMP),
     .about = "a guest that writes where nothing is mapped, on another CPU than the boot CPU")
{
	report(true, "about to fault");
	on_cpu(cpu_count() - 1, fault_here, NULL);
}

static void nothing(void *data)
{
}

static void shut_down(int cpu)
{
	apic_icr_write(APIC_DM_INIT | APIC_INT_ASSERT, cpu_apic_id(cpu));
}

TEST(dead_idle_cpu, .needs = ALL_OF(ASKED_FOR, SMP),
     .about = "a guest whose idle second CPU gets an INIT, and then a call")
{
	on_cpu(1, nothing, NULL);
	report(true, "CPU 1 is about to die");
	shut_down(1);
	on_cpu(1, nothing, NULL);
}

TEST(dead_busy_cpu, .needs = ALL_OF(ASKED_FOR, SMP),
     .about = "a guest whose second CPU halts for ever in a function that is to return")
{
	report(true, "CPU 1 is about to die");
	on_cpu(1, halt_for_ever, NULL);
}

TEST(null_call, .needs = ASKED_FOR, .about = "a guest that calls a function at address 0")
{
	void (*volatile nowhere)(void) = NULL;

	report(true, "about to call nothing");
	nowhere();
}

TEST(unexpected_interrupt, .needs = ASKED_FOR,
     .about = "a guest that gets an interrupt that nobody handles")
{
	report(true, "about to be interrupted");
	apic_send_self_ipi(LAST_TEST_VECTOR);
	delay_us(1000);
	report_fail("not interrupted");
}

static volatile u32 ghosts_seen;

static void see_ghost(isr_regs_t *regs)
{
	ghosts_seen++;
}

/*
 * INT n acts as an interrupt that no APIC has in service. The library can tell only after a real
 * interrupt.
 */
TEST(ghost, .needs = ASKED_FOR, .about = "a guest that gets an interrupt that nobody has sent")
{
	ghosts_seen = 0;
	handle_irq_eoi(LAST_TEST_VECTOR, see_ghost);
	apic_send_self_ipi(LAST_TEST_VECTOR);
	report(wait_until(ghosts_seen == 1, 1000), "an interrupt came");
	asm volatile("int %0" : : "i"(LAST_TEST_VECTOR) : "memory");
	report(ghosts_seen == (broken("emulated") ? 2 : 1), "the handler ran %u times",
	       ghosts_seen);
	unhandle_irq(LAST_TEST_VECTOR);
}

static __noinline u64 recurse(u64 depth)
{
	volatile u64 frame[32];

	frame[depth % 32] = depth;
	/*
	 * No stack is that deep. Without a limit, the compiler would reject an endless recursion.
	 */
	return depth < 1ul << 32 ? recurse(depth + 1) + frame[depth % 32] : 0;
}

TEST(stack_overflow, .needs = ASKED_FOR, .about = "a guest that runs out of stack")
{
	report(true, "about to run out of stack");
	report(recurse(0), "never comes back");
}

TEST(failed_assertion, .needs = ASKED_FOR, .about = "a guest that fails an assertion")
{
	report(true, "about to assert");
	assert_msg(cpu_count() < 0, "%d CPUs", cpu_count());
}

TEST(missed_deadline, .needs = ASKED_FOR,
     .about = "a guest that waits for something that does not come")
{
	static int never;

	report(true, "about to wait");
	wait_for(READ_ONCE(never), 50, "something that never comes");
}

TEST(waits_across_reset, .needs = ASKED_FOR,
     .about = "a guest that waits in vain, asks for an action, and waits in vain again")
{
	static int never;

	report(wait_until(READ_ONCE(never), 100), "what never comes came");
	migrate();
	report(wait_until(READ_ONCE(never), 100), "what comes even later came");
}

/* The time that all tests below may wait so far, as if all that they wait for never came. */
static u64 first_wait, all_waits;

static void wait_in_vain(void)
{
	struct deadline deadline;
	static int never;

	deadline_start_patient(&deadline, 100);
	first_wait = first_wait ? first_wait : deadline.ticks;
	all_waits += deadline.ticks;
	report(wait_until(READ_ONCE(never), 100), "what never comes came");
}

#define WAITS_IN_VAIN(n)                                                                           \
	TEST(waits_in_vain_##n, .needs = ASKED_FOR,                                                \
	     .about = "one of ten tests that wait for something that does not come")               \
	{                                                                                          \
		wait_in_vain();                                                                    \
	}

WAITS_IN_VAIN(0)
WAITS_IN_VAIN(1)
WAITS_IN_VAIN(2)
WAITS_IN_VAIN(3)
WAITS_IN_VAIN(4)
WAITS_IN_VAIN(5)
WAITS_IN_VAIN(6)
WAITS_IN_VAIN(7)
WAITS_IN_VAIN(8)
WAITS_IN_VAIN(9)

TEST(waits_in_vain_together, .needs = ASKED_FOR,
     .about = "tests that wait in vain after one has failed wait no longer than that one, together")
{
	report(all_waits < 2 * first_wait, "%lu ticks, of which the first test waited %lu",
	       all_waits, first_wait);
}

FEATURE(VANISHING, "what is there once, and not again")
{
	static int asked;

	return !asked++;
}

TEST(vanishing_before, .needs = ALL_OF(ASKED_FOR, VANISHING), .about = "a feature that is there")
{
	report(true, "it is there");
}

TEST(vanishing_then, .needs = ALL_OF(ASKED_FOR, VANISHING),
     .about = "a feature that an earlier test has found, and that is gone")
{
	report(true, "it is there");
}

TEST(no_check, .needs = ASKED_FOR, .about = "a test that makes no check")
{
}

TEST(sequence_gap, .needs = ASKED_FOR, .about = "a guest that leaves out a sequence number")
{
	report(true, "the next machine line's number is one too high");
	console_miscount(0, 1);
}

TEST(lost_bytes, .needs = ASKED_FOR,
     .about = "a guest that claims to have sent more bytes than it has")
{
	report(true, "the next machine line's offset is 7 too high");
	console_miscount(7, 0);
}

TEST(doubled_bytes, .needs = ASKED_FOR,
     .about = "a guest that claims to have sent fewer bytes than it has")
{
	report(true, "the next machine line's offset is 7 too low");
	console_miscount(-7, 0);
}

TEST(early_exit, .needs = ASKED_FOR,
     .about = "a guest that leaves with status 0, and does not say bye")
{
	report(true, "about to leave without a word");
	outb(0, DEBUG_EXIT);
}

TEST(never_answers, .needs = ALL_OF(ASKED_FOR, HOST_ANSWERS),
     .about = "a guest that asks a question and does not read the answer")
{
	report(true, "about to ask");
	machine_line("ask", "what=time");
	irq_disable();
	for (;;)
		pause();
}

TEST(unknown_question, .needs = ALL_OF(ASKED_FOR, HOST_ANSWERS),
     .about = "a guest that asks a question that no runner knows, and then ends well")
{
	char answer[128];

	host_ask("weather", answer, sizeof(answer));
	report(!strcmp(answer, "error=unknown"), "the answer is '%s'", answer);
}

/* Looks as if a reset had forgotten a register. The CPU of that number does not exist. */
TEST(unclean_machine, .needs = ASKED_FOR,
     .about = "a guest with a register that holds the number of the boot, which asks for an action")
{
	machine_line("machine", "cpu=%d boots=0x%lx", cpu_count(), current_boot());
	migrate();
	report(true, "boot %lu", current_boot());
}

TEST(wants_to_move_forever, .needs = ASKED_FOR,
     .about = "a guest that begins continuous migration and never ends it")
{
	migrate_begin_continuous();
	report(true, "about to wait for ever");
	for (;;)
		halt();
}
