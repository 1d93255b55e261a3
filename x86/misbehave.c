// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guests that go wrong, for testing the runner and the library's own reports: none
 * of these says anything about a hypervisor. Each test does one thing that the
 * protocol (docs/protocol.md) or good manners forbid, so that whoever runs it can
 * be seen to notice. Started without `test=`, the program runs none of them.
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
#define KEYBOARD_COMMAND    0x64 /* 8042: pulse the line that resets the CPU */
#define KEYBOARD_RESET	    0xfe
#define DEBUG_EXIT	    0xf4

/* No test may run by accident. */
FEATURE(ASKED_FOR, "to be asked for by test=NAME, since it misbehaves on purpose")
{
	return argument("test");
}

TEST(hang, .needs = ASKED_FOR, .about = "loops for ever with interrupts off")
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

TEST(hang_all, .needs = ASKED_FOR, .about = "halts for ever on every CPU with interrupts off")
{
	int cpu;

	report(true, "about to hang");
	for_each_cpu (cpu)
		if (cpu)
			on_cpu_async(cpu, halt_for_ever, NULL);
	halt_for_ever(NULL);
}

TEST(triple_fault, .needs = ASKED_FOR, .about = "shuts the CPU down by a triple fault")
{
	struct descriptor_table_ptr none = { 0, 0 };

	report(true, "about to triple fault");
	lidt(&none);
	asm volatile("ud2");
}

TEST(reset, .needs = ASKED_FOR, .about = "resets the machine")
{
	report(true, "about to reset");
	outb(RESET_CONTROL_RESET, RESET_CONTROL);
	outb(KEYBOARD_RESET, KEYBOARD_COMMAND);
	for (;;)
		pause();
}

TEST(flood, .needs = ASKED_FOR, .about = "prints without end")
{
	for (u64 n = 0;; n++)
		printf("this line is number %lu and by no means the last\n", n);
}

TEST(flood_no_newline, .needs = ASKED_FOR, .about = "prints one line without end")
{
	static char text[4096];

	memset(text, 'x', sizeof(text));
	for (;;)
		console_raw(text, sizeof(text));
}

TEST(garbage, .needs = ASKED_FOR,
     .about = "prints every byte there is, NUL and broken UTF-8 too, then ends well")
{
	/* A linear congruential generator (Knuth, MMIX): the same bytes each time. */
	u64 random = 1;
	char bytes[1024];

	for (size_t i = 0; i < sizeof(bytes); i++) {
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		bytes[i] = i < 256 ? i : random >> 56;
	}
	/* Overlong, a lone surrogate, beyond the last code point, cut off. */
	console_raw("\xc0\x80 \xed\xa0\x80 \xf5\x80\x80\x80 \xe2\x82\n", 16);
	console_raw(bytes, sizeof(bytes));
	report(true, "ends well after the garbage");
}

TEST(failing_check, .needs = ASKED_FOR, .about = "fails one check of three")
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
     .about = "writes where nothing is mapped, three calls deep")
{
	report(true, "about to fault");
	outer(0xffffa00000000010);
}

static void fault_here(void *data)
{
	outer(0xffffa00000000020);
}

TEST(exception_on_ap, .needs = ALL_OF(ASKED_FOR, SMP), .about = "the same on another CPU")
{
	report(true, "about to fault");
	on_cpu(cpu_count() - 1, fault_here, NULL);
}

TEST(null_call, .needs = ASKED_FOR, .about = "calls a function at address 0")
{
	void (*volatile nowhere)(void) = NULL;

	report(true, "about to call nothing");
	nowhere();
}

TEST(unexpected_interrupt, .needs = ASKED_FOR, .about = "gets an interrupt that nobody handles")
{
	report(true, "about to be interrupted");
	apic_send_self_ipi(LAST_TEST_VECTOR);
	delay_us(1000);
	report_fail("not interrupted");
}

static __noinline u64 recurse(u64 depth)
{
	volatile u64 frame[32];

	frame[depth % 32] = depth;
	/* So deep that no stack is: the compiler would not let it be for ever. */
	return depth < 1ul << 32 ? recurse(depth + 1) + frame[depth % 32] : 0;
}

TEST(stack_overflow, .needs = ASKED_FOR, .about = "runs out of stack")
{
	report(true, "about to run out of stack");
	report(recurse(0), "never comes back");
}

TEST(failed_assertion, .needs = ASKED_FOR, .about = "asserts what is not so")
{
	report(true, "about to assert");
	assert_msg(cpu_count() < 0, "%d CPUs", cpu_count());
}

TEST(missed_deadline, .needs = ASKED_FOR, .about = "waits for what does not come")
{
	static int never;

	report(true, "about to wait");
	wait_for(READ_ONCE(never), 50, "something that never comes");
}

TEST(no_check, .needs = ASKED_FOR, .about = "makes no check at all")
{
}

TEST(sequence_gap, .needs = ASKED_FOR, .about = "leaves out a sequence number")
{
	report(true, "the next machine line's number is one too high");
	console_miscount(0, 1);
}

TEST(lost_bytes, .needs = ASKED_FOR, .about = "claims to have sent more than it has")
{
	report(true, "the next machine line's offset is 7 too high");
	console_miscount(7, 0);
}

TEST(doubled_bytes, .needs = ASKED_FOR, .about = "claims to have sent less than it has")
{
	report(true, "the next machine line's offset is 7 too low");
	console_miscount(-7, 0);
}

TEST(early_exit, .needs = ASKED_FOR, .about = "leaves with status 0 without a bye")
{
	report(true, "about to leave without a word");
	outb(0, DEBUG_EXIT);
}

TEST(never_answers, .needs = ALL_OF(ASKED_FOR, HOST_ANSWERS),
     .about = "asks a question and does not read the answer")
{
	report(true, "about to ask");
	machine_line("ask", "what=time");
	irq_disable();
	for (;;)
		pause();
}

TEST(unknown_question, .needs = ALL_OF(ASKED_FOR, HOST_ANSWERS),
     .about = "asks what no runner knows, then ends well")
{
	char answer[128];

	host_ask("weather", answer, sizeof(answer));
	report(!strcmp(answer, "error=unknown"), "the answer is '%s'", answer);
}

/* As if a reset had forgotten a register, of a CPU that there is not. */
TEST(unclean_machine, .needs = ASKED_FOR,
     .about = "tells of a register that holds the number of the boot, and asks to be moved")
{
	machine_line("machine", "cpu=%d boots=0x%lx", cpu_count(), current_boot());
	migrate();
	report(true, "boot %lu", current_boot());
}

TEST(wants_to_move_forever, .needs = ASKED_FOR,
     .about = "begins continuous migration and never ends it")
{
	migrate_begin_continuous();
	report(true, "about to wait for ever");
	for (;;)
		halt();
}
