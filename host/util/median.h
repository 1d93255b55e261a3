/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The median of measured figures. */
#ifndef FERRY_HOST_UTIL_MEDIAN_H
#define FERRY_HOST_UTIL_MEDIAN_H

#include <glib.h>

/* The median of VALUES, one double or more, which it sorts. Of two in the middle, the higher. */
double median(GArray *values);

#endif
