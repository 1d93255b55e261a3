// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/time-left.c: the estimate follows the run's pace, does not jump, and stays above 0. */
#include "run/time-left.h"

#define NEARLY 0.001

static void test_pace(void)
{
	struct time_left left = { 0 };

	g_assert_cmpfloat(time_left_pace(&left), ==, 1);
	/* One short case that took twice as long proves little, but an hour of such cases does. */
	time_left_ended(&left, 5, 10);
	g_assert_cmpfloat(time_left_pace(&left), <, 1.1);
	time_left_ended(&left, 3600, 7200);
	g_assert_cmpfloat_with_epsilon(time_left_pace(&left), 2, 0.05);
	/* A single extreme figure, or an estimate from a busier day, has little influence. */
	time_left_ended(&left, 1, 1e9);
	time_left_ended(&left, 400, 16);
	time_left_ended(&left, 0, 10);
	g_assert_cmpfloat_with_epsilon(time_left_pace(&left), 2, 0.05);
	/* The pace is limited, however slow the run is. */
	time_left_ended(&left, 1e5, 1e7);
	g_assert_cmpfloat(time_left_pace(&left), ==, 10);
}

static void test_of_one(void)
{
	struct time_left left = { 0 };

	g_assert_cmpfloat(time_left_of(&left, 45, 0), ==, 45);
	g_assert_cmpfloat(time_left_of(&left, 45, 31), ==, 14);
	/* It takes longer than expected. */
	g_assert_cmpfloat(time_left_of(&left, 45, 45), ==, 4.5);
	g_assert_cmpfloat(time_left_of(&left, 45, 450), ==, 45);
	g_assert_cmpfloat(time_left_of(&left, 0, 0), ==, 1);
}

static void test_slots(void)
{
	static const double machines[] = { 100, 40, 30, 20 };

	/* Two machines run, and the others follow in the slots that become free first. */
	g_assert_cmpfloat(time_left_until_done(machines, 4, 2, 0, 0, 2), ==, 100);
	g_assert_cmpfloat(time_left_until_done(machines, 4, 2, 0, 0, 1), ==, 190);
	g_assert_cmpfloat(time_left_until_done(machines, 2, 0, 0, 0, 8), ==, 100);
	/* Cases on this machine fill the gaps first, and then make all slots longer. */
	g_assert_cmpfloat(time_left_until_done(machines, 4, 2, 10, 0, 2), ==, 100);
	g_assert_cmpfloat(time_left_until_done(machines, 4, 2, 210, 0, 2), ==, 200);
	/* One long case cannot be spread. */
	g_assert_cmpfloat(time_left_until_done(NULL, 0, 0, 100, 90, 8), ==, 90);
	g_assert_cmpfloat(time_left_until_done(NULL, 0, 0, 0, 0, 8), ==, 0);
}

static void test_told(void)
{
	struct time_left left = { 0 };
	double told = time_left_tell(&left, 300, 1000);

	g_assert_cmpfloat(told, ==, 300);
	/* While the computed time falls, the shown time follows it. */
	for (int second = 1; second <= 60; second++)
		told = time_left_tell(&left, 300 - second, 1000 + second);
	g_assert_cmpfloat_with_epsilon(told, 240, NEARLY);
	/* A sudden change is not shown at once, but within a minute or two. */
	told = time_left_tell(&left, 600, 1061);
	g_assert_cmpfloat(told, >, 239);
	g_assert_cmpfloat(told, <, 300);
	for (int second = 1; second <= 120; second++)
		told = time_left_tell(&left, 600 - second, 1061 + second);
	g_assert_cmpfloat_with_epsilon(told, 480, 5);
	/* Never below 0, however late it is. */
	told = time_left_tell(&left, 1, 9000);
	g_assert_cmpfloat(told, >=, 1);
	told = time_left_tell(&left, 1, 99000);
	g_assert_cmpfloat_with_epsilon(told, 1, NEARLY);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/time-left/pace", test_pace);
	g_test_add_func("/time-left/of-one", test_of_one);
	g_test_add_func("/time-left/slots", test_slots);
	g_test_add_func("/time-left/told", test_told);
	return g_test_run();
}
