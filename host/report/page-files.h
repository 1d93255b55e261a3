/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of host/report/page/, as the build has put them into the runner. */
#ifndef FERRY_HOST_REPORT_PAGE_FILES_H
#define FERRY_HOST_REPORT_PAGE_FILES_H

extern const char page_style[];
/* They are one script, in this order; ended by NULL. */
extern const char *const page_scripts[];

#endif
