// SPDX-License-Identifier: GPL-2.0-or-later
/* Stopwatches, deadlines and host speed. See deadline.h. */
#include "argument.h"
#include "processor.h"
#include "muldiv.h"
#include "patience.h"
#include "smp.h"

/*
 * How many polls of a deadline share one read of the time source. A read is an exit to the VMM, and
 * takes its big lock. The number grows with the CPUs, so that all waiting CPUs together read no
 * more often than one alone.
 */
#define POLLS_PER_LOOK	(32 * cpu_count())
#define PAUSES_PER_LOOK (4 * cpu_count())

#define FULL_SPEED_LOOPS_PER_MS 100000

static u64 ticks_of(u64 amount, u64 per_second)
{
	return amount * time_source.hz / per_second;
}

void stopwatch_start(struct stopwatch *watch)
{
	*watch = (struct stopwatch){ .last = time_source.read() };
}

static u64 stopwatch_ticks(struct stopwatch *watch)
{
	u32 now = time_source.read();

	show_life();
	watch->ticks += (now - watch->last) & time_source.mask;
	watch->last = now;
	return watch->ticks;
}

u64 stopwatch_ns(struct stopwatch *watch)
{
	/* The product needs 128 bits: 64 would overflow after about an hour. */
	return mul_div(stopwatch_ticks(watch), 1000000000, time_source.hz);
}

u64 timescale(void)
{
	static u64 scale;

	if (!scale)
		scale = MAX(argument_number("timescale", 1), 1ul);
	return scale;
}

void deadline_start(struct deadline *deadline, u64 milliseconds)
{
	stopwatch_start(&deadline->watch);
	deadline->ticks = ticks_of(milliseconds * timescale(), 1000);
	deadline->polls = POLLS_PER_LOOK;
	deadline->shortened = false;
}

void deadline_start_patient(struct deadline *deadline, u64 milliseconds)
{
	u64 divisor = patience_divisor();

	deadline_start(deadline, milliseconds);
	if (divisor == 1 || milliseconds >= ANSWER_DEADLINE_MS)
		return;
	deadline->ticks /= divisor;
	deadline->shortened = true;
}

bool deadline_was_missed(const struct deadline *deadline)
{
	patience_missed(deadline->shortened);
	return false;
}

bool deadline_passed(struct deadline *deadline)
{
	pause();
	if (--deadline->polls)
		return false;
	deadline->polls = POLLS_PER_LOOK;
	return stopwatch_ticks(&deadline->watch) > deadline->ticks;
}

void deadline_missed(u64 milliseconds, const char *what, ...)
{
	va_list arguments;
	char text[160];

	va_start(arguments, what);
	vsnprintf(text, sizeof(text), what, arguments);
	va_end(arguments);
	report_abort("waited %lu ms in vain for %s", milliseconds * timescale(), text);
}

void delay_us(u64 microseconds)
{
	struct stopwatch watch;

	stopwatch_start(&watch);
	while (stopwatch_ticks(&watch) <= ticks_of(microseconds, 1000000))
		for (int i = 0; i < PAUSES_PER_LOOK; i++)
			pause();
}

#define STILL_US 20000

bool stands_still(const volatile u32 *count)
{
	u32 before = *count;

	delay_us(STILL_US);
	return *count == before;
}

const char *time_source_name(void)
{
	return time_source.name;
}

static __noinline void loop(u64 rounds)
{
	asm volatile("1: dec %0; jnz 1b" : "+r"(rounds) : : "cc");
}

u64 loops_per_ms(void)
{
	static u64 speed;
	struct stopwatch watch;
	u64 rounds = 64, ticks;

	if (speed)
		return speed;
	for (;; rounds *= 2) {
		stopwatch_start(&watch);
		loop(rounds);
		ticks = stopwatch_ticks(&watch);
		if (ticks >= ticks_of(1, 1000))
			break;
	}
	speed = MAX(rounds * ticks_of(1, 1000) / ticks, 1ul);
	return speed;
}

u64 scaled_count(u64 count, u64 least)
{
	u64 speed = MIN(loops_per_ms(), (u64)FULL_SPEED_LOOPS_PER_MS);

	if (argument_number("full-speed", 0))
		speed = FULL_SPEED_LOOPS_PER_MS;
	return MAX(count * speed / FULL_SPEED_LOOPS_PER_MS, least);
}
