// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The console under load, while the guest is moved.
 *
 * What must be true of any hypervisor: a byte that the guest has written to a
 * 16550's THR, with LSR.THRE set before, comes out once and in its place; a byte that
 * comes in is read once. A move, a pause, or a VMM that is replaced in the middle of a
 * string instruction to the port changes nothing about that (National Semiconductor
 * PC16550D data sheet; OUTS with REP is interruptible between bytes, Intel SDM
 * volume 2).
 *
 * A broken one loses what was in the FIFO or on its way to the VMM, sends it again
 * from the other side, restarts a REP OUTSB from its beginning or goes on behind its
 * end, or forgets LSR and the FIFO's mode so that the guest waits for ever. Every
 * machine line carries its number and the count of all bytes before it, so that the
 * runner sees each of these, wherever they happen in the output; a test also carries
 * numbers of its own in its lines, for people. The guest sees only what comes in:
 * answers that do not belong to the last question, and answers that do not come.
 *
 * What it cannot tell apart: a byte lost by the UART's emulation, by the VMM's
 * character device, and by the runner's end of the socket. And bytes that are
 * exchanged for others of the same number look right in every count.
 */
#include "libcflat.h"
#include "atomic.h"
#include "barrier.h"
#include "console.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"

#define MOVES_PER_TEST 3

/* For a CPU to print its next line, in turn with all others. */
#define GOES_ON_MS 10000

/* CPUs that print and ask at once: more only wait for each other. */
#define MOST_BUSY_CPUS 4

static atomic_t stop;
static atomic_t talking;
static PER_CPU(u64, lines);

static int busy_cpus(void)
{
	return MIN(cpu_count(), MOST_BUSY_CPUS);
}

/* On the first busy_cpus() CPUs at once. */
static void on_busy_cpus(void (*function)(void *data), void *data)
{
	int cpu;

	for (cpu = 1; cpu < busy_cpus(); cpu++)
		on_cpu_async(cpu, function, data);
	function(data);
	for (cpu = 1; cpu < busy_cpus(); cpu++)
		on_cpu_wait(cpu);
}

/* `mark name=line` with this CPU's own count: the sequence is over all CPUs. */
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
 * Lines for as long as the test wants, but not so many that the log is nothing else:
 * about one in a millisecond, from all CPUs together.
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

/* Whether every other CPU prints another line, now. */
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
 * The other CPUs print while the boot CPU asks to be moved and waits: the line that is
 * on its way at that moment is cut by the move.
 */
TEST(lines_from_all_cpus, .about = "lines from every CPU at once come out whole, across moves")
{
	u64 printed;

	start_talking("lines_from_all_cpus");
	for (int i = 0; i < MOVES_PER_TEST; i++) {
		migrate_quiet();
		if (!all_go_on())
			break;
	}
	printed = stop_talking();
	report(printed >= (u64)busy_cpus() - 1, "%d moves while %lu lines were printed",
	       MOVES_PER_TEST, printed);
}

/* Every CPU asks to be moved, one after the other by the host's lock. */
static void ask_to_be_moved(void *data)
{
	say_line(data);
	migrate_quiet();
	say_line(data);
}

TEST(requests_from_all_cpus, .about = "every CPU may ask to be moved, all at the same time")
{
	int good = 0;

	for (int cpu = 0; cpu < busy_cpus(); cpu++)
		*cpu_ptr(lines, cpu) = 0;
	on_busy_cpus(ask_to_be_moved, "requests_from_all_cpus");
	for (int cpu = 0; cpu < busy_cpus(); cpu++)
		good += *cpu_ptr(lines, cpu) == 2;
	report(good == busy_cpus(), "%d CPUs asked and went on", good);
}

/*
 * A line far longer than the UART's FIFO and than any buffer on the way, whose
 * characters count up: where it is cut and joined wrongly, a reader can see it.
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

TEST(long_lines, .about = "lines of up to 16 KiB come out whole, across moves")
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
 * As fast as they can: the host's buffers fill, the UART's emulation has to stop the
 * guest, and has to let it go on.
 */
TEST(bursts, .about = "output as fast as it goes, from all CPUs, loses nothing")
{
	u64 rounds = scaled_count(400, 8) / busy_cpus() + 1;

	for (int i = 0; i < 2; i++) {
		on_busy_cpus(burst, &rounds);
		migrate_quiet();
	}
	on_busy_cpus(burst, &rounds);
	report_pass("3 bursts of %lu lines from each CPU", rounds);
}

/* For a plan that moves at its own times: work that lasts, with output all along. */
TEST(continuous, .about = "output goes on while the guest is moved again and again")
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

/* The interrupted instruction may be the one that polls LSR, with nothing to send. */
TEST(silence, .about = "a guest that has been silent during a move can still speak")
{
	for (int i = 0; i < MOVES_PER_TEST; i++) {
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
		/* It aborts if an answer is not the answer to its question. */
		if (!host_time(&now) || now.monotonic < last.monotonic || now.moves < last.moves)
			atomic_inc(&storm->wrong);
		last = now;
	}
}

/*
 * host_ask() itself checks the number that comes back; here also what must be true of
 * the host's clock, which a line that was read twice would break.
 */
TEST(questions, .needs = HOST_ANSWERS, .about = "questions from all CPUs get their own answers")
{
	struct storm storm = { .rounds = scaled_count(40, 4) / busy_cpus() + 2 };

	on_busy_cpus(ask_often, &storm);
	report(!atomic_read(&storm.wrong), "%lu questions from each CPU", storm.rounds);
	migrate_quiet();
	on_busy_cpus(ask_often, &storm);
	report(!atomic_read(&storm.wrong), "and again after a move");
}

/* Input and output at once; a question may come at any point of somebody's line. */
TEST(questions_under_load, .needs = ALL_OF(HOST_ANSWERS, SMP),
     .about = "answers come in whole while other CPUs print and the guest is moved")
{
	struct host_time before, after;
	bool good = true;

	host_time(&before);
	start_talking("questions_under_load");
	for (int i = 0; i < MOVES_PER_TEST && good; i++) {
		migrate_quiet();
		good = host_time(&after) && after.monotonic > before.monotonic &&
		       after.moves >= before.moves && after.pause_max >= after.pause_min;
		before = after;
	}
	stop_talking();
	report(good, "%d moves, and the host's time after each", MOVES_PER_TEST);
}
