// SPDX-License-Identifier: GPL-2.0-or-later
/* The page's style and script. The assembler reads the files as they are. */
#include <stddef.h>

#include "report/page-files.h"

/* FILE is a path from the top of the tree, where the compiler runs. */
#define EMBED(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".global " #name "\n" #name ":\n"                                                  \
		".incbin \"host/report/page/" file "\"\n"                                          \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char name[]

EMBED(page_style, "page.css");
EMBED(page_script_page, "page.js");
EMBED(page_script_timeline, "timeline.js");
EMBED(page_script_case, "case.js");
EMBED(page_script_overview, "overview.js");

const char *const page_scripts[] = { page_script_page, page_script_timeline, page_script_case,
				     page_script_overview, NULL };
