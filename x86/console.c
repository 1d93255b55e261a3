// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * console: a serial console under load, while the guest is migrated.
 *
 * Specification: National Semiconductor PC16550D data sheet; Intel SDM volume 2, "OUTS" and
 * "REP": an OUTS with REP can be interrupted between bytes. A byte that the guest writes to THR
 * while LSR.THRE is set comes out once and in its place. A byte that comes in is read once. This
 * must hold during a live migration and every other action of the host, even in the middle of a
 * string instruction to the port.
 *
 * A broken hypervisor or VMM loses what is in the FIFO or on its way to the VMM, or sends it again
 * from the destination. It restarts a REP OUTSB from its beginning, or goes on after its end. It
 * forgets LSR or the FIFO's mode, so that the guest waits for ever.
 *
 * How the tests see it: every machine line carries its number and the count of all bytes before
 * it. So the runner sees each of these errors, wherever it happens in the output. Lines also
 * carry a test's own numbers, for people. The guest itself sees only what comes in: answers that
 * do not belong to the last question, and answers that do not come.
 *
 * The tests cannot tell whether a byte was lost by the UART's emulation, by the VMM's character
 * device, or by the runner's end of the socket. They do not see that bytes were replaced by the
 * same number of others.
 */
#include "libcflat.h"
#include "atomic.h"
#include "barrier.h"
#include "console.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"

#define ACTIONS_PER_TEST 3

/* How long a CPU may take to print its next line while all CPUs take turns. */
#define GOES_ON_MS 10000

/* How many CPUs print and ask at once. More CPUs would only wait for each other. */
#define MOST_BUSY_CPUS 4

static atomic_t stop;
static atomic_t talking;
static PER_CPU(u64, lines);

static int busy_cpus(void)
{
	return MIN(cpu_count(), MOST_BUSY_CPUS);
}

/* Runs on the first busy_cpus() CPUs at once. */
static void on_busy_cpus(void (*function)(void *data), void *data)
{
	int cpu;

	for (cpu = 1; cpu < busy_cpus(); cpu++)
		on_cpu_async(cpu, function, data);
	function(data);
	for (cpu = 1; cpu < busy_cpus(); cpu++)
		on_cpu_wait(cpu);
}

/* Prints a line with this CPU's own count, since the line numbers count all CPUs' lines. */
static void say_line(const char *test)
{
	u64 line = ++this_cpu(lines);

	if (line % 4)
		printf("%s: line %lu of CPU %d: the quick brown fox jumps over the lazy dog\n",
		       test, line, smp_id());
	else
		mark(test, "cpu=%d line=%lu", smp_id(), line);
}

/*
 * Prints lines until the test has enough, about one in a millisecond from all CPUs together, so
 * that the log is not flooded.
 */
static void talk(void *data)
{
	atomic_inc(&talking);
	while (!atomic_read(&stop)) {
		say_line(data);
		delay_us(1000 * busy_cpus());
	}
	atomic_dec(&talking);
}

static void start_talking(const char *test)
{
	atomic_set(&stop, 0);
	this_cpu(lines) = 0;
	for (int cpu = 1; cpu < busy_cpus(); cpu++) {
		*cpu_ptr(lines, cpu) = 0;
		on_cpu_async(cpu, talk, (void *)test);
	}
	wait_for(atomic_read(&talking) == busy_cpus() - 1, LIBRARY_DEADLINE_MS, "%d CPUs to talk",
		 busy_cpus() - 1);
}

/* Returns how many lines all CPUs have printed. */
static u64 stop_talking(void)
{
	u64 sum = this_cpu(lines);

	atomic_set(&stop, 1);
	for (int cpu = 1; cpu < busy_cpus(); cpu++) {
		on_cpu_wait(cpu);
		sum += *cpu_ptr(lines, cpu);
	}
	return sum;
}

/* Waits until every other CPU has printed another line. False if one does not. */
static bool all_go_on(void)
{
	for (int cpu = 1; cpu < busy_cpus(); cpu++) {
		u64 *printed = cpu_ptr(lines, cpu);
		u64 line = READ_ONCE(*printed);

		if (!wait_until(READ_ONCE(*printed) != line, GOES_ON_MS)) {
			report_fail("CPU %d prints no more after line %lu", cpu, line);
			return false;
		}
	}
	return true;
}

/*
 * The other CPUs print while the boot CPU has asked for an action and waits. The action comes in
 * the middle of a line.
 */
TEST(lines_from_all_cpus,
     .about = "lines that all CPUs print at once come out whole, though the host acts on the guest")
{
	u64 printed;

	start_talking("lines_from_all_cpus");
	for (int i = 0; i < ACTIONS_PER_TEST; i++) {
		migrate_quiet();
		if (!all_go_on())
			break;
	}
	printed = stop_talking();
	report(printed >= (u64)busy_cpus() - 1, "%d actions while %lu lines were printed",
	       ACTIONS_PER_TEST, printed);
}

/* Every CPU asks for an action. The lock around requests to the host admits one CPU at a time. */
static void ask_for_action(void *data)
{
	say_line(data);
	migrate_quiet();
	say_line(data);
}

TEST(requests_from_all_cpus, .about = "all CPUs may ask for an action at the same time")
{
	int good = 0;

	for (int cpu = 0; cpu < busy_cpus(); cpu++)
		*cpu_ptr(lines, cpu) = 0;
	on_busy_cpus(ask_for_action, "requests_from_all_cpus");
	for (int cpu = 0; cpu < busy_cpus(); cpu++)
		good += *cpu_ptr(lines, cpu) == 2;
	report(good == busy_cpus(), "%d CPUs asked and went on", good);
}

/*
 * Prints a line that is far longer than the UART's FIFO and any buffer on the way. Its
 * characters count up, so that a reader can see where it is cut and joined wrongly.
 */
static void print_long_line(int length)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char *text = malloc(length + 2);

	for (int i = 0; i < length; i++)
		text[i] = digits[i % 36];
	text[length] = '\n';
	text[length + 1] = '\0';
	puts(text);
	free(text);
}

TEST(long_lines, .about = "lines of up to 16 KiB come out whole before and after an action")
{
	u64 longest = scaled_count(16384, 600);
	int count = 0;

	for (u64 length = 1; length <= longest; length = length * 3 + 1, count++) {
		print_long_line(length);
		mark("long_line", "length=%lu", length);
	}
	migrate_quiet();
	print_long_line(longest);
	mark("long_line", "length=%lu", longest);
	report(count > 0, "%d lines, the longest of %lu bytes", count + 1, longest);
}

static void burst(void *data)
{
	u64 rounds = *(u64 *)data;

	for (u64 i = 0; i < rounds; i++)
		machine_line("mark", "name=burst cpu=%d n=%lu", smp_id(), i);
}

/*
 * All CPUs print as fast as they can. The host's buffers fill, the UART's emulation has to stop
 * the guest, and has to let it go on.
 */
TEST(bursts, .about = "nothing is lost when all CPUs print as fast as they can")
{
	u64 rounds = scaled_count(400, 8) / busy_cpus() + 1;

	for (int i = 0; i < 2; i++) {
		on_busy_cpus(burst, &rounds);
		migrate_quiet();
	}
	on_busy_cpus(burst, &rounds);
	report_pass("3 bursts of %lu lines from each CPU", rounds);
}

/* Some plans choose their own times to act. This test gives them CPUs that print for a while. */
TEST(continuous, .about = "CPUs go on printing while the host acts on the guest again and again")
{
	u64 printed;
	bool good;

	migrate_begin_continuous();
	start_talking("continuous");
	for (int i = 0; i < 20; i++) {
		say_line("continuous");
		delay_us(5000);
	}
	good = all_go_on();
	migrate_end_continuous();
	printed = stop_talking();
	report(good, "%lu lines meanwhile", printed);
}

/* There is nothing to send here, so the action may interrupt the loop that polls LSR. */
TEST(silence, .about = "a guest that prints nothing during an action can print afterwards")
{
	for (int i = 0; i < ACTIONS_PER_TEST; i++) {
		migrate_quiet();
		printf("silence: %d\n", i);
	}
	report_pass("it speaks");
}

struct storm {
	u64 rounds;
	atomic_t wrong;
};

static void ask_often(void *data)
{
	struct storm *storm = data;
	struct host_time last = { 0 }, now;

	for (u64 i = 0; i < storm->rounds; i++) {
		/* host_time() aborts if an answer is not the answer to its question. */
		if (!host_time(&now) || now.monotonic < last.monotonic || now.moves < last.moves)
			atomic_inc(&storm->wrong);
		last = now;
	}
}

/*
 * host_ask() checks the number that comes back. This test also checks that the host's clock does
 * not go back, which it would if a line was read twice.
 */
TEST(questions, .needs = HOST_ANSWERS,
     .about = "questions from all CPUs at once get their own answers")
{
	struct storm storm = { .rounds = scaled_count(40, 4) / busy_cpus() + 2 };

	on_busy_cpus(ask_often, &storm);
	report(!atomic_read(&storm.wrong), "%lu questions from each CPU", storm.rounds);
	migrate_quiet();
	on_busy_cpus(ask_often, &storm);
	report(!atomic_read(&storm.wrong), "%lu questions from each CPU after an action",
	       storm.rounds);
}

/* Input and output overlap: an answer may come while another CPU is printing a line. */
TEST(questions_under_load, .needs = ALL_OF(HOST_ANSWERS, SMP),
     .about = "answers come in whole while other CPUs print and the host acts on the guest")
{
	struct host_time before, after;
	bool good = true;

	host_time(&before);
	start_talking("questions_under_load");
	for (int i = 0; i < ACTIONS_PER_TEST && good; i++) {
		migrate_quiet();
		good = host_time(&after) && after.monotonic > before.monotonic &&
		       after.moves >= before.moves && after.pause_max >= after.pause_min;
		before = after;
	}
	stop_talking();
	report(good, "%d actions, and the host's time after each", ACTIONS_PER_TEST);
}
