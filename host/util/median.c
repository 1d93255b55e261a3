// SPDX-License-Identifier: GPL-2.0-or-later
/* The median of measured figures. See median.h. */
#include "util/median.h"

static int compare_doubles(gconstpointer a, gconstpointer b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double median(GArray *values)
{
	g_array_sort(values, compare_doubles);
	return g_array_index(values, double, values->len / 2);
}
