# SPDX-License-Identifier: GPL-2.0-or-later
svm_intercept_links := $(wildcard x86/nested/instructions*.c)
