// SPDX-License-Identifier: GPL-2.0-or-later
/* The user's file of defaults, right and wrong. */
#include "faults.h"

/* ferry reads a configuration file with these LINES. */
#define FILE_OF(lines)                                                                             \
	"mkdir -p @DIR@/config/ferry; printf '%s\\n' " lines " >@DIR@/config/ferry/config; "       \
	"\"$@\""
#define WRONG(row, lines, line, message)                                                           \
	{                                                                                          \
		.name = "user-config-" row, .arguments = "run selftest/none", .status = 2,         \
		.words = "\\Aferry: /.*/config/ferry/config:" line message "\n\\Z",                \
		.wrapper = FILE_OF(lines)                                                          \
	}

static const struct fault rows[] = {
	{ "user-config", "run selftest/none", "", 0, "PASS", "^2 cases: 2 passed",
	  .wrapper = FILE_OF("'# mine' '[run]' 'repeat = 2' 'keep-ram = false'"), .cases = 2 },
	{ "user-config-overridden", "run selftest/none --repeat 1", "", 0, "PASS",
	  "^1 case: 1 passed", .wrapper = FILE_OF("'[run]' 'repeat = 2'") },
	{ "user-config-left-out", "run selftest/none --no-config", "", 0, "PASS",
	  "^1 case: 1 passed", .wrapper = FILE_OF("'[run]' 'repeat = 2'") },
	{ "user-config-repeated", "run selftest --plan none,storm", "", 0, "PASS",
	  "^1 case: 1 passed",
	  .wrapper = FILE_OF("'[run]' 'exclude = console' 'exclude = */storm'") },
	{ "user-config-home", "run selftest/none --qemu @FAKE@", "", 2, NULL,
	  "^ferry: --known-issues: there is no file '/nowhere/known.cfg'",
	  .wrapper =
		  "HOME=/nowhere; export HOME; " FILE_OF("'[run]' 'known-issues = ~/known.cfg'") },
	WRONG("unknown-key", "'[run]' 'jobs = 2' 'repaet = 2'", "3",
	      ": unknown key 'repaet' \\(did you mean 'repeat'\\?\\)"),
	WRONG("nonesuch-key", "'[run]' 'nonesuch = 2'", "2",
	      ": unknown key 'nonesuch'; the keys are the options that 'ferry run --help' lists"),
	WRONG("hidden-key", "'[run]' 'emulated-host = true'", "2",
	      ": unknown key 'emulated-host'.*"),
	WRONG("no-number", "'[run]' 'jobs = many'", "2",
	      ": Cannot parse integer value .many. for --jobs"),
	WRONG("neither", "'[run]' '' 'keep-ram = yes'", "3",
	      ": 'keep-ram' is true or false, not 'yes'"),
	WRONG("all", "'[run]' 'all = true'", "2",
	      ": 'all' can be no default; give --all on the command line"),
	WRONG("no-section", "'jobs = 2'", "1",
	      ": 'jobs' comes before any section; write \\[run\\] above it"),
	WRONG("unknown-section", "'[rum]' 'jobs = 2'", "1",
	      ": unknown section 'rum'; there is only \\[run\\]"),
	WRONG("no-value", "'[run]' 'jobs'", "2", ": 'jobs' is neither \\[NAME\\] nor KEY = VALUE"),
	WRONG("out-of-range", "'[run]' 'jobs = 0'", "", " --jobs, --repeat and --moves are 1 .*"),
	{ "user-config-is-folder", "run selftest/none", NULL, 2, NULL,
	  "^ferry: .*/config/ferry/config.*directory",
	  .wrapper = "mkdir -p @DIR@/config/ferry/config; \"$@\"" },
};

const struct fault_table user_config_faults = { rows, G_N_ELEMENTS(rows) };
