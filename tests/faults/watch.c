// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs that look for regressions, or are divided among machines: run --against, --shard, ... */
#include "faults.h"

#define RESULT(program, plan, verdict)                                                             \
	"'{\"case\":\"" program "/" plan "\",\"program\":\"" program "\",\"plan\":\"" plan         \
	"\",\"reason\":\"why\",\"host\":\"local\",\"accel\":\"tcg\",\"verdict\":\"" verdict        \
	"\"}' "

/* Writes @DIR@/base.json before the run: RESULT, and the result of a case that does not run. */
#define BASE(result)                                                                               \
	"printf '%s\\n' " result RESULT("dirty", "none", "PASS") ">@DIR@/base.json; \"$@\""

/* Runs four shards one by one, then the whole, and compares which cases ran. */
#define FOUR_SHARDS                                                                                  \
	"for i in 1 2 3 4; do \"$@\" --shard $i/4 --json @DIR@/$i.json >/dev/null || exit 9; done; " \
	"\"$@\" --json @DIR@/whole.json >/dev/null || exit 9; "                                      \
	"cases() { sed 's/.*\"case\":\"\\([^\"]*\\)\".*/\\1/' \"$@\" | sort; }; "                    \
	"cases @DIR@/[1-4].json >@DIR@/union; cases @DIR@/whole.json >@DIR@/cases; "                 \
	"cmp @DIR@/union @DIR@/cases && wc -l <@DIR@/cases && : >@DIR@/json"

/* A known issue: the test `fake`, of fake-qemu's guest, fails. */
#define ISSUE                                                                                      \
	"[gone]\ncase = selftest/*\ntest = fake\nhost = tcg\n"                                     \
	"reason = it is broken there\nevidence = somewhere\n"

/* A result of shard SHARD, from Ferry at commit COMMIT. */
#define SHARD(program, shard, commit)                                                              \
	"'{\"case\":\"" program "/none\",\"program\":\"" program                                   \
	"\",\"plan\":\"none\",\"host\":\"local\",\"accel\":\"tcg\",\"verdict\":\"PASS\","          \
	"\"shard\":\"" shard "\",\"run_cases\":2,\"ferry\":\"" commit "\"}' "
#define MERGED                                                                                     \
	"printf '%s\\n' " SHARD("selftest", "1/2", "abc") ">@DIR@/1; printf '%s\\n' " SHARD(       \
		"console", "2/2",                                                                  \
		"abc") ">@DIR@/2; printf '%s\\n' " SHARD("console", "2/2",                         \
							 "def") ">@DIR@/other; \"$@\""

static const struct fault rows[] = {
	{ "against-worse", "run selftest/none --against @DIR@/base.json", "dies-at-start", 1,
	  "ERROR",
	  "^against .*/base.json:\nworse:\n  selftest/none: pass -> error: qemu did not start.*\n"
	  "1 worse, 0 better, 0 new, 0 gone, 0 slower, 0 the same\n"
	  "1 result is there of cases that are not in this run\n\\Z",
	  .wrapper = BASE(RESULT("selftest", "none", "PASS")) },
	/* A failure that was there before is no regression. */
	{ "against-as-before", "run selftest/none --against @DIR@/base.json", "dies-at-start", 0,
	  "ERROR", "^0 worse, 0 better, 0 new, 0 gone, 0 slower, 1 the same\n",
	  .wrapper = BASE(RESULT("selftest", "none", "ERROR")) },
	{ "against-better", "run selftest/none --against @DIR@/base.json", "", 0, "PASS",
	  "^better:\n  selftest/none: fail -> pass\nnew:\n  selftest/none fake: pass\n",
	  .wrapper = BASE(RESULT("selftest", "none", "FAIL")) },
	/* ferry writes its results to the file that --against names. */
	{ "against-itself", "run selftest/none --against @DIR@/json", "dies-at-start", 1, "ERROR",
	  "^1 worse,",
	  .wrapper = "printf '%s\\n' " RESULT("selftest", "none", "PASS") ">@DIR@/json; \"$@\"" },
	{ "against-no-file", "run selftest/none --against /nowhere/x", "", 2, NULL,
	  "^ferry: --against: .*/nowhere/x.*No such file" },
	{ "against-no-results", "run selftest/none --against README.md", "", 2, NULL,
	  "^ferry: --against: README.md:1: this is no result" },

	{ "merge", "merge @DIR@/1 @DIR@/2 -o @DIR@/all", NULL, 0, NULL,
	  "\\A2 cases: 2 passed\n2\n\\Z", .wrapper = MERGED " && wc -l <@DIR@/all" },
	{ "merge-missing", "merge @DIR@/1 -o @DIR@/all", NULL, 1, NULL,
	  "\\Ashard 2/2 is missing\n1 of 2 cases have no result\n1 case: 1 passed\n\\Z",
	  .wrapper = MERGED },
	{ "merge-twice", "merge @DIR@/1 @DIR@/2 @DIR@/2 -o @DIR@/all", NULL, 2, NULL,
	  "\\Aferry: shard 2/2 came twice: in .*/2 and in .*/2\n\\Z", .wrapper = MERGED },
	{ "merge-other-commit", "merge @DIR@/1 @DIR@/other -o @DIR@/all", NULL, 2, NULL,
	  "\\Aferry: .*/1 and .*/other do not belong together: Ferry's commit is abc in one and def "
	  "in the other\n\\Z",
	  .wrapper = MERGED },
	{ "merge-nowhere", "merge @DIR@/1", NULL, 2, NULL,
	  "^ferry: name the results, and with -o" },

	/* Known issues. */
	{ "known-issues-none", "run selftest/none --known-issues none", "failing:", 1, "FAIL",
	  "^FAIL  selftest/none: ", .known_issues = ISSUE },
	{ "known-issues-file", "run selftest/none --known-issues @DIR@/mine.cfg", "failing:", 0,
	  "XFAIL", "^XFAIL selftest/none: it is broken there \\(somewhere\\)",
	  .wrapper = "printf '" ISSUE "' >@DIR@/mine.cfg; \"$@\"" },
	{ "known-issues-no-file", "run selftest/none --known-issues /nowhere/x", "", 2, NULL,
	  "^ferry: --known-issues: there is no file '/nowhere/x'" },
	{ "not-strict", "run selftest/none", "", 0, "PASS",
	  "^      warning: it passed, though known-issues.cfg \\[gone\\] says: it is broken there\n"
	  "known issue \\[gone\\] was not seen in 1 of 1 case that it is about\n1 case: 1 passed",
	  .known_issues = ISSUE },
	{ "strict", "run selftest/none --strict", "", 1, "FAIL",
	  "^FAIL  selftest/none: it passed, though known-issues.cfg \\[gone\\] says",
	  .known_issues = ISSUE, .kind = "unexpected-pass" },
	{ "strict-sometimes", "run selftest/none --strict", "", 0, "PASS",
	  "^PASS  selftest/none .*\n1 case: 1 passed", .known_issues = ISSUE "sometimes = true\n" },
	{ "strict-as-known", "run selftest/none --strict", "failing:", 0, "XFAIL",
	  "^XFAIL selftest/none: .*\n1 case: ", .known_issues = ISSUE },

	{ "exclude", "run selftest console --plan none,pause --exclude '*/pause' --exclude console",
	  "", 0, "PASS", "^1 case: 1 passed" },
	{ "exclude-typo", "run selftest/none --exclude consle", "", 2, NULL,
	  "^ferry: --exclude: no case matches 'consle' \\(did you mean 'console'\\?\\)" },
	{ "exclude-all", "run selftest/none --exclude selftest", "", 2, NULL,
	  "^ferry: --exclude leaves no case$" },
	{ "group", "run --plan none --group fast --suite @DIR@/unittests.cfg --bindir @BUILD@/x86",
	  "", 0, "PASS", "^1 case: 1 passed",
	  .config = "[selftest]\nfile = selftest.flat\ngroups = fast\n[console]\nfile = "
		    "console.flat\n" },
	{ "group-typo", "run --group nodefualt", "", 2, NULL,
	  "^ferry: --group: no program of .*unittests.cfg is in group 'nodefualt' \\(did you mean "
	  "'nodefault'\\?\\)" },

	{ "shards-make-the-whole", "run selftest console dirty --plan none,pause,reset", "", 0,
	  NULL, "^9$", .wrapper = FOUR_SHARDS },
	{ "shard-auto", "run selftest/none --shard auto", "", 0, "PASS", "^1 case: 1 passed",
	  .wrapper = "export CI_NODE_INDEX=1 CI_NODE_TOTAL=1; \"$@\"" },
	{ "shard-auto-nowhere", "run selftest/none --shard auto", "", 2, NULL,
	  "^ferry: --shard auto: none of CI_NODE_INDEX, .* is set; say --shard I/N",
	  .wrapper = "unset CI_NODE_INDEX SLURM_ARRAY_TASK_ID JOB_COMPLETION_INDEX; \"$@\"" },
	{ "shard-out-of-range", "run selftest/none --shard 5/4", "", 2, NULL,
	  "^ferry: --shard: '5/4' is no shard; it is I/N" },
	{ "shard-and-budget", "run selftest --shard 1/4 --budget 5", "", 2, NULL,
	  "^ferry: --budget chooses by what this machine remembers" },
};

const struct fault_table watch_faults = { rows, G_N_ELEMENTS(rows) };
