# SPDX-License-Identifier: GPL-2.0-or-later
svm_time_links := $(wildcard x86/nested/time*.c)
