// SPDX-License-Identifier: GPL-2.0-or-later
/* Which Ferry this is. host.mk defines FERRY_RELEASE and FERRY_COMMIT. */
#include "util/version.h"

const char ferry_release[] = FERRY_RELEASE;
const char ferry_commit[] = FERRY_COMMIT;

const char *ferry_version(void)
{
	return *ferry_commit ? ferry_commit : ferry_release;
}
