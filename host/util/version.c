// SPDX-License-Identifier: GPL-2.0-or-later
/* The commit that the runner was built from. host.mk defines FERRY_VERSION. */
#include "util/version.h"

const char ferry_version[] = FERRY_VERSION;
