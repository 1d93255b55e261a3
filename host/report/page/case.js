// SPDX-License-Identifier: GPL-2.0-or-later
// A case that was opened: what failed, its story, its logs, and the same figures as tables.
'use strict';

function section(title, ...children) {
	return make('section', {}, make('h2', {}, title), ...children);
}

function copyButton(text) {
	const button = make('button', {type: 'button'}, 'Copy');

	button.addEventListener('click', () => {
		navigator.clipboard.writeText(text).then(() => {
			button.textContent = 'Copied';
		}, () => {
			button.textContent = 'Select it by hand';
		});
	});
	return button;
}

function commandLine(command) {
	// A line may break between words, and not behind the '-' of an option.
	const words = command.split(' ').flatMap(word => [make('span', {}, word), ' ']);

	return make('div', {class: 'command'}, make('code', {}, words), copyButton(command));
}

// ROWS of texts below HEADINGS; columns in NUMBERS are aligned as numbers.
function table(headings, numbers, rows) {
	const kind = index => numbers.includes(index) ? 'number' : null;

	return make('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': headings.join(', ')},
		make('table', {},
			make('thead', {}, make('tr', {}, headings.map((heading, index) =>
				make('th', {scope: 'col', class: kind(index)}, heading)))),
			make('tbody', {}, rows.map(row => make('tr', {}, row.map((cell, index) =>
				make('td', {class: kind(index)}, cell)))))));
}

function verdictMark(verdict) {
	return make('span', {class: `verdict ${verdict}`}, verdict);
}

// Lines with their times. Where line numbers jump, lines are missing.
function log(lines, numbered) {
	const rows = [];
	let last = 0;

	for (const [at, number, isCause, text] of lines) {
		if (numbered && last && number > last + 1)
			rows.push(make('tr', {class: 'left-out'}, make('td', {}), make('td', {class: 'line'}),
				make('td', {}, `${count(number - last - 1, 'line')} left out`)));
		last = number;
		rows.push(make('tr', {class: isCause ? 'cause' : null},
			make('td', {class: 'time'}, moment(at)),
			make('td', {class: 'line'}, numbered ? String(number) : ''),
			make('td', {}, text, isCause ? make('span', {class: 'hidden'}, ' (here it failed)') : null)));
	}
	return make('div', {class: 'log'}, make('table', {},
		make('thead', {class: 'hidden'}, make('tr', {}, ['time', 'line', 'text'].map(heading =>
			make('th', {scope: 'col'}, heading)))),
		make('tbody', {}, rows)));
}

// A test in which the guest ended is told as that failure.
function isToldAsFailure(story, test) {
	return story.failures.some(failure => failure.test === test[0] && failure.text === test[8]);
}

function failedTests(story) {
	return story.tests.filter(test => test[3] === 'fail' && !isToldAsFailure(story, test)).map(test =>
		make('li', {}, make('strong', {}, test[0]), ` on CPU ${test[1]}`,
			story.tests.some(other => other[2] > 1) ? `, round ${test[2]}` : null,
			make('br'), make('span', {class: 'reason'}, test[8] || 'no reason given'),
			test.length > 9 ? make('details', {}, make('summary', {}, count(test.length - 9, 'further check')),
				make('ul', {}, test.slice(9).map(text => make('li', {class: 'reason'}, text)))) : null));
}

// More would push the console out of sight, and what failed first tells most.
const mostFailed = 5;

function whatFailed(story) {
	const others = story.failures.filter(failure => !failure.known).map(failure =>
		make('li', {}, make('strong', {}, failure.kind || 'failure'),
			failure.test ? ` in ${failure.test}` : null,
			make('br'), make('span', {class: 'reason'}, failure.text)));
	const items = [...failedTests(story), ...others];

	const list = which => make('ul', {class: 'failed'}, which);

	if (!items.length)
		return null;
	return section('What failed', list(items.slice(0, mostFailed)), items.length > mostFailed ?
		make('details', {}, make('summary', {}, `${items.length - mostFailed} more`), list(items.slice(mostFailed))) : null);
}

// What failed as known-issues.cfg says. Beside something that nobody explains it is folded away.
function whatIsKnown(entry, story) {
	return story.known.length ? section('Failed as known', make('details', {open: !isRed(entry.verdict)},
		make('summary', {}, count(story.known.length, 'known failure')),
		make('ul', {class: 'failed known'}, story.known.map(known =>
			make('li', {}, make('strong', {}, known.issue), known.test ? `: ${known.test} on CPU ${known.cpu}` : null,
				make('br'), make('span', {class: 'reason'}, known.text || 'no reason is told')))))) : null;
}

// The other cases of the same program and plan: of several hosts, or of repeats.
function siblings(entry) {
	const others = cases.filter(other => other !== entry && !other.before === !entry.before &&
		other.program === entry.program && other.plan === entry.plan);

	return others.length ? section('The same case elsewhere, and repeated', make('ul', {class: 'siblings'}, others.map(other =>
		make('li', {}, verdictMark(other.verdict), ' ', make('a', {href: `#case-${other.index}`}, other.name),
			other.place ? ` ${other.place}` : null)))) : null;
}

function tables(story) {
	return [
		make('details', {}, make('summary', {}, count(story.tests.length, 'test')),
			table(['test', 'CPU', 'round', 'verdict', 'began', 'took', 'checks', 'reason'], [1, 2, 4, 5, 6],
				story.tests.map(test => [test[0], test[1], test[2], verdictMark(test[3]),
					test[4] < 0 ? '?' : duration(test[4]), duration(test[5]), test[6], test.slice(8).join('; ')])),
			story.tests_left_out ? make('p', {}, `${count(story.tests_left_out, 'more test')} left out.`) : null),
		story.actions.length ? make('details', {}, make('summary', {}, count(story.actions.length, story.action || 'action')),
			table(['number', 'what', 'began', 'took', 'stopped at least', 'stopped at most', 'passes', 'sent', 'sent again',
				'dirty rate'], [0, 2, 3, 4, 5, 6, 7, 8, 9],
				story.actions.map((action, index) => [index + 1, action[9], duration(action[0]), duration(action[1]),
					duration(action[2]), duration(action[3]), action[5], bytes(action[4]),
					count(Math.max(0, action[6] - action[7]), 'page'), action[5] ? rate(dirtyRate(action)) : ''])),
			story.actions_left_out ? make('p', {}, `${story.actions_left_out} more left out.`) : null) : null,
		story.timers.length ? make('details', {}, make('summary', {}, count(story.timers.length, 'armed timer')),
			table(['timer', 'armed at', 'for', 'periodic', 'stopped at', 'fired', 'off its time'], [1, 2, 4, 5],
				story.timers.map(timer => [timer.name, duration(timer.armedAt), duration(timer.armed),
					timer.periodic ? 'yes' : 'no', duration(timer.until), timer.fired,
					timer.firings.map(firing => signed(firing[1])).join(', ')]))) : null,
		story.clocks.length ? make('details', {}, make('summary', {}, `Readings of ${count(story.clocks.length, 'clock')}`),
			table(['clock', 'read at', 'against the host at least', 'at most', 'host held the guest'], [1, 2, 3, 4],
				story.clocks.flatMap(clock => clock.points.map(([at, least, most, held]) =>
					[clock.name, duration(at), signed(least), signed(most), duration(held)])))) : null,
		story.marks.length ? make('details', {}, make('summary', {}, `Figures of ${count(story.marks.length, 'mark')}`),
			table(['mark', 'figures'], [], story.marks),
			story.marks_left_out ? make('p', {}, `${story.marks_left_out} more left out.`) : null) : null,
	];
}

function optional(title, lines) {
	return lines ? section(title, make('pre', {}, lines)) : null;
}

function attempts(story) {
	if (!story.attempts.length)
		return null;
	return section('Earlier attempts', make('ul', {}, story.attempts.map(attempt =>
		make('li', {}, verdictMark(attempt.verdict), ` ${attempt.reason || ''}`,
			attempt.logs ? make('p', {class: 'quiet'}, `logs in ${attempt.logs}`) : null))));
}

// How the case went: on the axis, and as tables.
function whatHappened(entry) {
	const story = dataOf(`story-${entry.index}`);

	return [timeline(entry, story), tables(story)];
}

// With an earlier run both are shown, side by side where there is room.
function sideBySide(entry) {
	if (!entry.was)
		return section('What happened', whatHappened(entry));
	return section('What happened before, and now', make('div', {class: 'sides'},
		[['Before', entry.was], ['Now', entry]].map(([heading, side]) => make('div', {},
			make('h3', {}, `${heading}: `, verdictMark(side.verdict)),
			side.reason ? make('p', {class: 'reason'}, side.reason) : null,
			whatHappened(side)))));
}

function showCase(index) {
	const entry = cases[index];
	const story = dataOf(`story-${index}`);
	const versions = [story.vmm_version, story.other_vmm_version].filter(version => version).join(' and ');

	return [
		make('a', {class: 'back', href: '#'}, '← All cases'),
		make('h1', {id: 'case-name'}, verdictMark(entry.verdict), ` ${entry.name}`),
		entry.before ? make('p', {}, 'This is of the earlier run; the later one has no such case.') : null,
		entry.reason ? make('p', {class: 'reason'}, entry.reason) : null,
		make('p', {class: 'quiet'}, [entry.place, versions ? `VMM ${versions}` : '', story.summary]
			.filter(part => part).join('; ')),
		story.warning ? make('p', {}, make('strong', {}, 'Warning: '), story.warning) : null,
		section('Run it again', commandLine(story.command),
			story.logs ? make('p', {class: 'quiet'}, `logs in ${story.logs}`) : null),
		sideBySide(entry),
		whatFailed(story),
		whatIsKnown(entry, story),
		story.console.length ? section('Console', log(story.console, true)) : null,
		optional('Backtrace', story.detail),
		optional('Memory', story.memory),
		story.control.length ? section('Messages to the VMM and from it', log(story.control, false)) : null,
		attempts(story),
		siblings(entry),
	].flat().filter(child => child);
}
